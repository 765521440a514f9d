//! Regular expressions as Prometheus has them: Go's syntax (<https://github.com/google/re2/wiki/Syntax>), the whole
//! value, a dot that also matches a line's end.
//!
//! Rust's expressions differ in three things, which are written so that both mean the same: `\d`, `\s`, `\w` and `\b`
//! know ASCII only, `\Q…\E` is literal, and inside brackets `[`, `&`, `~` and a second `-` are characters. A brace that
//! begins no repetition stands for itself.

use std::iter::Peekable;
use std::str::Chars;

use regex::{Regex, RegexBuilder};

use crate::error::Error;

/// What a compiled expression may take, in bytes, and its automaton while it searches once more.
pub(crate) const REGEX_BYTES: usize = 4 << 20;

/// Compiles an expression that has to match a whole value.
pub(crate) fn compile(pattern: &str, most_bytes: usize) -> Result<Regex, Error> {
    let anchored = format!("^(?s:{})$", in_rusts_syntax(pattern));
    let mut builder = RegexBuilder::new(&anchored);
    let compiled = builder.size_limit(most_bytes).dfa_size_limit(most_bytes).build();
    compiled.map_err(|error| {
        Error::Regex(match error {
            regex::Error::CompiledTooBig(_) => {
                format!("the regular expression {pattern:?} is too large")
            }
            error => format!("error parsing regexp {pattern:?}: {}", reason(&error)),
        })
    })
}

/// The last line of what the library says: the others draw where.
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.trim_start_matches("error: ").to_owned()
}

/// The same expression as Rust reads it.
fn in_rusts_syntax(pattern: &str) -> String {
    let mut written = String::with_capacity(pattern.len());
    let mut rest = pattern.chars().peekable();
    while let Some(first) = rest.next() {
        match first {
            '\\' => escape(&mut rest, &mut written, false),
            '[' => class(&mut rest, &mut written),
            '{' if !is_repetition(rest.clone()) => written += "\\{",
            other => written.push(other),
        }
    }
    written
}

/// What follows a backslash.
fn escape(rest: &mut Peekable<Chars<'_>>, written: &mut String, in_class: bool) {
    match rest.next() {
        Some('Q') if !in_class => literal(rest, written),
        Some('d') => *written += if in_class { "0-9" } else { "[0-9]" },
        Some('D') => *written += "[^0-9]",
        Some('s') => *written += if in_class { r"\t\n\f\r " } else { r"[\t\n\f\r ]" },
        Some('S') => *written += r"[^\t\n\f\r ]",
        Some('w') => *written += if in_class { "0-9A-Za-z_" } else { "[0-9A-Za-z_]" },
        Some('W') => *written += "[^0-9A-Za-z_]",
        Some('b') if !in_class => *written += r"(?-u:\b)",
        Some('B') if !in_class => *written += r"(?-u:\B)",
        Some(other) => {
            written.push('\\');
            written.push(other);
        }
        None => written.push('\\'),
    }
}

/// Everything up to `\E`, or to the end.
fn literal(rest: &mut Peekable<Chars<'_>>, written: &mut String) {
    while let Some(next) = rest.next() {
        if next == '\\' && rest.peek() == Some(&'E') {
            rest.next();
            return;
        }
        *written += &regex::escape(next.encode_utf8(&mut [0; 4]));
    }
}

/// Characters in brackets; the opening one is already read.
fn class(rest: &mut Peekable<Chars<'_>>, written: &mut String) {
    written.push('[');
    if rest.next_if_eq(&'^').is_some() {
        written.push('^');
    }
    let mut first = true;
    while let Some(next) = rest.next() {
        match next {
            ']' if !first => return written.push(']'),
            ']' => *written += "\\]",
            '\\' => escape(rest, written, true),
            '[' if rest.peek() == Some(&':') => written.push('['),
            ':' if rest.peek() == Some(&']')
                && written.rfind("[:").is_some_and(|at| !written[at..].contains(']')) =>
            {
                *written += ":]";
                rest.next();
            }
            '[' | '&' | '~' => written.extend(['\\', next]),
            '-' if written.ends_with('-') => *written += "\\-",
            other => written.push(other),
        }
        first = false;
    }
}

/// True if a repetition such as `2}`, `2,}` or `2,3}` follows.
fn is_repetition(rest: Peekable<Chars<'_>>) -> bool {
    let inside: String = rest.take_while(|&next| next != '}').take(16).collect();
    let (least, most) = inside.split_once(',').unwrap_or((&inside, ""));
    let digits = |text: &str| text.chars().all(|digit| digit.is_ascii_digit());
    !least.is_empty() && digits(least) && digits(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, value: &str) -> bool {
        compile(pattern, REGEX_BYTES).unwrap_or_else(|error| panic!("{pattern}: {error}")).is_match(value)
    }

    #[test]
    fn the_whole_value_has_to_match_lines_ends_included() {
        assert!(matches("a.c", "a\nc") && matches("a|bc", "bc"));
        assert!(!matches("a", "ab") && !matches("a|b", "ab"));
    }

    #[test]
    fn digits_spaces_and_words_are_ascii() {
        assert!(matches(r"\d\s\w", "1 a") && matches(r"[\d.]+", "1.5") && matches(r"[^\w]", "-"));
        assert!(!matches(r"\d", "٣") && !matches(r"\w", "é") && matches(r"\W", "é") && matches(r"[\D]", "é"));
        assert!(matches(r"a\b.b", "a b"));
    }

    #[test]
    fn what_is_between_q_and_e_is_literal() {
        assert!(matches(r"\Qa.b\E.", "a.bc") && !matches(r"\Qa.b\E", "axb") && matches(r"\Q(", "("));
    }

    #[test]
    fn brackets_hold_characters_and_named_classes() {
        assert!(
            matches("[[a]", "[") && matches("[a&&b]", "&") && matches("[+--]", "-") && matches("[]a]", "]")
        );
        assert!(
            matches("[[:alpha:]_]+", "ab_") && !matches("[[:alpha:]]", "1") && matches("[^[:digit:]]", "a")
        );
    }

    #[test]
    fn a_brace_that_repeats_nothing_is_itself() {
        assert!(
            matches("a{b}", "a{b}")
                && matches("a{2}", "aa")
                && matches("a{1,}", "aaa")
                && matches("{}", "{}")
        );
    }

    #[test]
    fn what_is_too_large_or_wrong_is_an_error() {
        let message = |pattern: &str| compile(pattern, REGEX_BYTES).unwrap_err().to_string();
        assert!(message(r"(\pL{100}){100}").ends_with("is too large"), "{}", message(r"(\pL{100}){100}"));
        assert!(message("(").starts_with("error parsing regexp"), "{}", message("("));
        assert!(message("a\\").starts_with("error parsing regexp"));
    }
}

//! Literals that Prometheus 3 reads and the parser does not, written so that it does: backslashes in raw strings,
//! underscores in numbers, long durations, and Go's regular expressions.
//!
//! The parser compiles every regular expression that it meets, in a syntax of its own and without a bound that a query
//! of many could not multiply. So it is given the number of each in its place, and `selection.rs` compiles those of one
//! selector at a time.

use promql_parser::util::unquote_string;

use crate::position::{Piece, pieces};

/// Most seconds of a duration: a longer one than this many fits no number of the parser's.
const MAX_SECONDS: u64 = u32::MAX as u64;

/// A query's text for the parser.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rewritten {
    pub(crate) text: String,
    /// The regular expressions by the numbers that stand for them.
    pub(crate) regexes: Vec<String>,
}

/// What is wrong with a literal, and at which byte.
pub(crate) type Wrong = (usize, &'static str);

/// Rewrites the literals of a query.
pub(crate) fn rewrite(text: &str) -> Result<Rewritten, Wrong> {
    let pieces = pieces(text);
    let mut rewritten = Rewritten { text: String::with_capacity(text.len()), regexes: Vec::new() };
    let mut copied = 0;
    for (at, piece) in pieces.iter().enumerate() {
        let before = &pieces[at.saturating_sub(2)..at];
        if let Some(new) = replaced(text, piece, before, &mut rewritten.regexes)? {
            rewritten.text += &text[copied..piece.start];
            rewritten.text += &new;
            copied = piece.end;
        }
    }
    rewritten.text += &text[copied..];
    Ok(rewritten)
}

/// A text of the parser's with the regular expressions in the place of their numbers.
pub(crate) fn restore(text: &str, regexes: &[String]) -> String {
    let pieces = pieces(text);
    let mut restored = String::with_capacity(text.len());
    let mut copied = 0;
    for (at, piece) in pieces.iter().enumerate() {
        let before = &pieces[at.saturating_sub(2)..at];
        let number = text[piece.start..piece.end].trim_matches('"').parse().ok();
        let regex = number.and_then(|number: usize| regexes.get(number));
        if let Some(regex) = regex.filter(|_| is_regex_operator(text, before)) {
            restored += &text[copied..piece.start];
            restored += &quoted(regex);
            copied = piece.end;
        }
    }
    restored + &text[copied..]
}

/// What stands in the place of a piece, if something does.
fn replaced(
    text: &str,
    piece: &Piece,
    before: &[Piece],
    regexes: &mut Vec<String>,
) -> Result<Option<String>, Wrong> {
    let word = &text[piece.start..piece.end];
    let is_string = word.starts_with(['"', '\'', '`']);
    if is_string && is_regex_operator(text, before) {
        let Ok(regex) = unquote_string(word) else { return Ok(None) };
        regexes.push(regex);
        return Ok(Some(format!("\"{}\"", regexes.len() - 1)));
    }
    if word.starts_with('`') {
        return Ok(unquote_string(word).ok().filter(|raw| raw.contains('\\')).map(|raw| quoted(&raw)));
    }
    if !word.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return Ok(None);
    }
    if word.contains('_') {
        return Ok(without_underscores(word));
    }
    let in_range = before.last().is_some_and(|sign| matches!(&text[sign.start..sign.end], "[" | ":"));
    if !in_range && is_zero_duration(word) {
        return Ok(Some("0".to_owned()));
    }
    short_duration(word).map_err(|message| (piece.start, message))
}

/// `=~` and `!~`, without a space between.
fn is_regex_operator(text: &str, before: &[Piece]) -> bool {
    let [first, second] = before else { return false };
    first.end == second.start && matches!(&text[first.start..second.end], "=~" | "!~")
}

/// No time at all, such as `0s`, which the parser reads only as a number; a range of no time is refused.
fn is_zero_duration(word: &str) -> bool {
    let unit = word.trim_start_matches('0');
    unit.len() < word.len() && ["ms", "s", "m", "h", "d", "w", "y"].contains(&unit)
}

fn quoted(raw: &str) -> String {
    let mut quoted = String::with_capacity(raw.len() + 2);
    quoted.push('"');
    for character in raw.chars() {
        match character {
            '\\' => quoted += "\\\\",
            '"' => quoted += "\\\"",
            '\n' => quoted += "\\n",
            '\r' => quoted += "\\r",
            '\t' => quoted += "\\t",
            other => quoted.push(other),
        }
    }
    quoted + "\""
}

/// A number whose underscores stand between digits, or after `0x`, without them; others are left to be refused.
fn without_underscores(word: &str) -> Option<String> {
    let bytes = word.as_bytes();
    let hexadecimal = word.starts_with("0x") || word.starts_with("0X");
    let digit = |at: usize| {
        bytes.get(at).is_some_and(|byte| byte.is_ascii_digit() || hexadecimal && byte.is_ascii_hexdigit())
    };
    let prefix = |at: usize| hexadecimal && at == 1;
    let fits = |(at, _): (usize, &str)| at > 0 && (digit(at - 1) || prefix(at - 1)) && digit(at + 1);
    word.match_indices('_').all(fits).then(|| word.replace('_', ""))
}

/// A duration with a part that is too great for the parser, which would leave it out: in seconds and milliseconds.
fn short_duration(word: &str) -> Result<Option<String>, &'static str> {
    let units = [
        ("ms", 1),
        ("s", 1000),
        ("m", 60_000),
        ("h", 3_600_000),
        ("d", 86_400_000),
        ("w", 604_800_000),
        ("y", 31_536_000_000),
    ];
    let too_long = "a duration in the query is too long";
    let (mut rest, mut sum_ms, mut great) = (word, 0u64, false);
    while !rest.is_empty() {
        let digits = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let Some((unit, unit_ms)) = units.iter().find(|(unit, _)| after.starts_with(unit)) else {
            return Ok(None);
        };
        let Ok(number) = number.parse::<u64>() else {
            return if number.is_empty() { Ok(None) } else { Err(too_long) };
        };
        great |= number > MAX_SECONDS;
        sum_ms = number.checked_mul(*unit_ms).and_then(|ms| sum_ms.checked_add(ms)).ok_or(too_long)?;
        rest = &after[unit.len()..];
    }
    if !great {
        return Ok(None);
    }
    let (seconds, milliseconds) = (sum_ms / 1000, sum_ms % 1000);
    if seconds > MAX_SECONDS { Err(too_long) } else { Ok(Some(format!("{seconds}s{milliseconds}ms"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(of: &str) -> String {
        rewrite(of).unwrap().text
    }

    #[test]
    fn a_raw_string_keeps_its_backslashes() {
        assert_eq!(
            text(r#"label_replace(x, "a", `\d"`, "b", "c")"#),
            r#"label_replace(x, "a", "\\d\"", "b", "c")"#
        );
        assert_eq!(text("`a` # `\\d`"), "`a` # `\\d`", "nothing else is touched");
    }

    #[test]
    fn a_regular_expression_gives_way_to_its_number() {
        let got = rewrite(r#"x{a=~"a.*",b!~ `\d`,c="=~"}"#).unwrap();
        assert_eq!(got.text, r#"x{a=~"0",b!~ "1",c="=~"}"#);
        assert_eq!(got.regexes, ["a.*", r"\d"]);
    }

    #[test]
    fn the_numbers_become_regular_expressions_again() {
        let query = r#"x{a=~"\\d\"",b="0"} + y{c!~"b"}"#;
        let rewritten = rewrite(query).unwrap();
        assert_eq!(restore(&rewritten.text, &rewritten.regexes), query);
    }

    #[test]
    fn underscores_part_digits() {
        assert_eq!(text("1_000 + .5_5 + 0x_ff + 1e1_0"), "1000 + .55 + 0xff + 1e10");
        assert_eq!(text("1_ + 1__0 + a_1"), "1_ + 1__0 + a_1");
    }

    #[test]
    fn a_long_duration_is_not_cut_short() {
        assert_eq!(text("x[1h5000000000ms]"), "x[5003600s0ms]");
        assert_eq!(text("x[1h5m] + 1e5"), "x[1h5m] + 1e5");
        assert_eq!(text("x offset 0s + y OFFSET -0ms + z[0s]"), "x offset 0 + y OFFSET -0 + z[0s]");
        assert_eq!(rewrite("x[99999999999d]").unwrap_err().0, 2);
    }
}

//! Where in a query something stands. The parser's tree does not say, so words are looked up in the text again,
//! outside of strings and comments.

use std::fmt;

use crate::error::Error;

/// Most beginnings of a query that are tried to find out where it stops being one.
const MAX_BEGINNINGS: usize = 400;

/// Line and column, both counted from one; columns are characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line, the first one is 1.
    pub line: usize,
    /// The column in characters, the first one is 1.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}:{}", self.line, self.column)
    }
}

impl Position {
    fn of_byte(text: &str, at: usize) -> Self {
        let before = &text[..at];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
    }
}

/// The error that something at this byte is wrong.
pub(crate) fn refusal(text: &str, at: usize, message: impl Into<String>) -> Error {
    Error::Query { position: Position::of_byte(text, at), message: message.into() }
}

/// The error that something is not supported, at the first of these words in the text.
pub(crate) fn unsupported(text: &str, word: &str, what: &str) -> Error {
    let found = pieces(text).into_iter().find(|piece| {
        let after = text[piece.end..].trim_start();
        let called = ["(", "by", "without"].iter().any(|next| after.starts_with(next));
        &text[piece.start..piece.end] == word && (called || what != FUNCTION)
    });
    refusal(text, found.map_or(0, |piece| piece.start), format!("{what} `{word}` is not supported here"))
}

/// What [`unsupported`] calls a word that is followed by its arguments.
pub(crate) const FUNCTION: &str = "the function";

/// What the parser refused. It drops the place that its grammar's own errors have (promql-parser 0.11, `parse`), and often
/// says no more than that the query is wrong, so the text is read up to each of its words, with the
/// brackets closed that are open there: where the longest such beginning ends is where the query goes wrong.
pub(crate) fn syntax_error(text: &str, message: String) -> Error {
    let pieces = pieces(text);
    let named = pieces.iter().find(|piece| message.contains(&format!("'{}'", &text[piece.start..piece.end])));
    if let Some(named) = named.filter(|piece| text[piece.start..].starts_with(char::is_alphabetic)) {
        return refusal(text, named.start, message);
    }
    let reads = |count: &usize| {
        let closed = format!("{}{}", &text[..pieces[count - 1].end], closing(text, &pieces[..*count]));
        crate::read(&closed).is_ok()
    };
    let beginnings = (1..=pieces.len()).rev().take(MAX_BEGINNINGS);
    let readable = beginnings.into_iter().find(reads).map_or(0, |count| pieces[count - 1].end);
    let rest = &text[readable..];
    let at = readable + (rest.len() - rest.trim_start().len());
    refusal(text, at, if at == text.len() { format!("{message}: it ends too early") } else { message })
}

/// A word, a string or a sign of the text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// The words, strings and signs of a text, without spaces and comments.
pub(crate) fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let length = length_of(&text[at..], first);
        if !first.is_whitespace() && first != '#' {
            pieces.push(Piece { start: at, end: at + length });
        }
        at += length;
    }
    pieces
}

/// What closes the brackets that are open after these pieces.
fn closing(text: &str, pieces: &[Piece]) -> String {
    let mut open: Vec<char> = Vec::new();
    for piece in pieces {
        match text.as_bytes()[piece.start] {
            b'(' => open.push(')'),
            b'{' => open.push('}'),
            b'[' => open.push(']'),
            b')' | b'}' | b']' => drop(open.pop()),
            _ => {}
        }
    }
    open.into_iter().rev().collect()
}

/// Bytes of the piece that begins here.
fn length_of(text: &str, first: char) -> usize {
    let word = |character: char| character.is_alphanumeric() || "_:.".contains(character);
    let until = |end: Option<usize>| end.unwrap_or(text.len());
    match first {
        '"' | '\'' | '`' => end_of_string(text, first),
        '#' => until(text.find('\n')),
        first if word(first) => until(text.find(|character| !word(character))),
        first => first.len_utf8(),
    }
}

fn end_of_string(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' if quote != '`' => escaped = true,
            character if character == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use crate::Query;

    fn message(text: &str) -> String {
        Query::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn a_query_that_breaks_off_is_refused_where_it_does() {
        assert!(message("sum(rate(x[5m]) foo)").starts_with("1:17: "), "{}", message("sum(rate(x[5m]) foo)"));
        assert!(
            message("1 +").starts_with("1:2: ") || message("1 +").starts_with("1:3: "),
            "{}",
            message("1 +")
        );
        assert!(message("a and\n  b c").starts_with("2:5: "), "{}", message("a and\n  b c"));
    }

    #[test]
    fn what_is_not_supported_is_named_with_its_place() {
        assert_eq!(message("1 + info(x)"), "1:5: the function `info` is not supported here");
        assert_eq!(message("{a=\"info(\"} + info(x)"), "1:15: the function `info` is not supported here");
        assert_eq!(message("limitk by (limitk) (1, x)"), "1:1: the function `limitk` is not supported here");
        assert_eq!(message("a + fill(0) b"), "1:5: the modifier `fill` is not supported here");
    }

    #[test]
    fn an_unknown_function_is_refused_where_it_stands() {
        assert!(message("1 + nonsense(x)").starts_with("1:5: "), "{}", message("1 + nonsense(x)"));
    }
}

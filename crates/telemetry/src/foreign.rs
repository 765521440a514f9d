//! Text from outside on its way out: a node's name, a label or a meter's word may hold anything that its sender likes.
//!
//! ```
//! use picollect_telemetry::foreign::{csv_cell, printable};
//!
//! assert_eq!(printable("pi\u{1b}[31m-1"), "pi\u{fffd}[31m-1");
//! assert_eq!(csv_cell("=HYPERLINK(A1)"), "'=HYPERLINK(A1)");
//! ```

use std::borrow::Cow;

/// The text without what could steer a terminal, break a line of a table or a log, or turn the direction of writing:
/// each such character becomes U+FFFD.
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().any(steers) {
        Cow::Owned(text.chars().map(|letter| if steers(letter) { '\u{fffd}' } else { letter }).collect())
    } else {
        Cow::Borrowed(text)
    }
}

fn steers(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// A text as a cell of CSV: what a spreadsheet would read as a formula gets an apostrophe before it
/// (<https://owasp.org/www-community/attacks/CSV_Injection>). Quotes and commas are the CSV writer's.
pub fn csv_cell(text: &str) -> Cow<'_, str> {
    if text.starts_with(FORMULAS) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// As [`csv_cell`], for a cell that is read back: also an apostrophe that the text itself has before such a sign, or
/// before other apostrophes, gets one.
///
/// ```
/// use picollect_telemetry::foreign::{csv_cell_read, csv_cell_to_read};
///
/// for text in ["-5 °C", "'-5", "''-5", "'quoted'", "plain"] {
///     assert_eq!(csv_cell_read(&csv_cell_to_read(text)), text);
/// }
/// ```
pub fn csv_cell_to_read(text: &str) -> Cow<'_, str> {
    if guarded(text) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// The text of a cell that [`csv_cell_to_read`] wrote.
pub fn csv_cell_read(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|text| guarded(text)).unwrap_or(cell)
}

fn guarded(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(FORMULAS)
}

const FORMULAS: [char; 7] = ['=', '+', '-', '@', '\t', '\r', '\n'];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_steers_a_terminal_is_shown_as_unknown_and_the_rest_as_it_is() {
        assert_eq!(
            printable("a\u{1b}[2Jb\r\n\u{7}\u{9b}c\u{202e}d\u{feff}"),
            "a\u{fffd}[2Jb\u{fffd}\u{fffd}\u{fffd}\u{fffd}c\u{fffd}d\u{fffd}"
        );
        assert!(matches!(printable("Köln-1 🌡 漢"), Cow::Borrowed(_)));
    }

    #[test]
    fn no_cell_begins_like_a_formula() {
        for text in ["=1+1", "+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1"] {
            assert!(csv_cell(text).starts_with('\'') && csv_cell_to_read(text).starts_with('\''), "{text:?}");
        }
        assert_eq!(csv_cell("'quoted'"), "'quoted'");
    }

    proptest! {
        #[test]
        fn a_cell_is_read_as_it_was(text in "['=+@a \t-]{0,6}") {
            let cell = csv_cell_to_read(&text);
            prop_assert!(!cell.starts_with(FORMULAS));
            prop_assert_eq!(csv_cell_read(&cell), text.as_str());
        }
    }
}

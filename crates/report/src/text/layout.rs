//! Sentences, facts and tables within the width of a terminal.
//!
//! A column counts a character: letters of double width (of East Asian scripts) make a line wider than
//! it should be, and do no other harm.

use super::super::numbers::spaced;
use super::super::page::{Cell, Column, Table, printable};
use super::{INDENT, Paint};

/// Blanks between two columns.
const GUTTER: usize = 2;
/// A column of text is not made narrower than its longest word, as long as that is no longer than this:
/// a whole `measured`, and host names that can still be read in pieces.
const MIN_COLUMN: usize = 13;
/// The name of a fact is cut into lines beyond that.
const MAX_NAME: usize = 32;

/// Text in lines of at most this width, broken between words where that is possible.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let (mut lines, mut line, mut length) = (Vec::new(), String::new(), 0);
    for word in text.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        if length > 0 && length + 1 + word.len() > width {
            lines.push(std::mem::take(&mut line));
            length = 0;
        }
        while word.len() > width {
            lines.push(word.drain(..width).collect());
        }
        if length > 0 {
            line.push(' ');
            length += 1;
        }
        length += word.len();
        line.extend(word);
    }
    lines.push(line);
    lines.iter().map(|line| spaced(line.trim_end())).collect()
}

/// Names with what they are beside them.
pub(super) fn facts(facts: &[(String, Cell)], paint: Paint) -> String {
    let names = facts.iter().map(|(name, _)| printable(name).chars().count());
    let width = names.max().unwrap_or(0).min(MAX_NAME);
    let rest = paint.measure() - INDENT - width - GUTTER;
    let fact = |(name, cell): &(String, Cell)| {
        let parts =
            [(wrapped(&printable(name), width), width), (wrapped(&printable(&cell.text), rest), rest)];
        let set = |line: &str, column: usize| match column {
            0 => format!("{line:width$}"),
            _ => paint.tone(line, cell.tone),
        };
        side_by_side(&parts, &set)
    };
    facts.iter().map(fact).collect()
}

/// Rows and columns under their names.
pub(super) fn table(table: &Table, paint: Paint) -> String {
    let widths = widths(table, paint.width());
    let mut text: String = wrapped(&printable(&table.caption), paint.measure() - INDENT)
        .iter()
        .map(|line| format!("{:INDENT$}{line}\n", ""))
        .collect();
    let set = |line: &str, column: usize, cell: Option<&Cell>| {
        let width = widths[column];
        let room = " ".repeat(width.saturating_sub(line.chars().count()));
        let line = cell.map_or_else(|| paint.bold(line), |cell| paint.tone(line, cell.tone));
        if table.columns[column].numeric { room + &line } else { line + &room }
    };
    let names: Vec<_> = table
        .columns
        .iter()
        .zip(&widths)
        .map(|(column, width)| (bottom(wrapped(&column.name, *width), table, &widths), *width))
        .collect();
    text += &side_by_side(&names, &|line, column| set(line, column, None));
    for row in &table.rows {
        let cells: Vec<_> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| (wrapped(&printable(&cell.text), *width), *width))
            .collect();
        text += &side_by_side(&cells, &|line, column| set(line, column, row.get(column)));
    }
    text
}

/// Names of several lines stand on the row of names, not above it.
fn bottom(lines: Vec<String>, table: &Table, widths: &[usize]) -> Vec<String> {
    let height = |(column, width): (&Column, &usize)| wrapped(&column.name, *width).len();
    let highest = table.columns.iter().zip(widths).map(height).max().unwrap_or(1);
    let mut all = vec![String::new(); highest.saturating_sub(lines.len())];
    all.extend(lines);
    all
}

/// Cells of several lines beside each other; what ends a line is not followed by room.
fn side_by_side(cells: &[(Vec<String>, usize)], set: &dyn Fn(&str, usize) -> String) -> String {
    let height = cells.iter().map(|(lines, _)| lines.len()).max().unwrap_or(0);
    let mut text = String::new();
    for index in 0..height {
        let mut row = " ".repeat(INDENT);
        for (column, (lines, width)) in cells.iter().enumerate() {
            let gutter = if column == 0 { 0 } else { GUTTER };
            row += &" ".repeat(gutter);
            match lines.get(index) {
                Some(line) => row += &set(line, column),
                None => row += &" ".repeat(*width),
            }
        }
        text += row.trim_end();
        text += "\n";
    }
    text
}

/// Whether every cell of a table stands on one line of a page of this width.
pub(in super::super) fn fits(table: &Table, page: usize) -> bool {
    let widest = |index: usize| {
        let cells = table.rows.iter().filter_map(|row| row.get(index)).map(|cell| cell.text.as_str());
        let texts = cells.chain([table.columns[index].name.as_str()]);
        texts.map(|text| printable(text).chars().count()).max().unwrap_or(0)
    };
    let columns = table.columns.len();
    INDENT + (0..columns).map(widest).sum::<usize>() + GUTTER * columns.saturating_sub(1) <= page
}

/// The width of each column on a page of this width: what its cells need, and if that is too much together, the
/// widest columns of text give way. Names are broken between words before any cell is.
fn widths(table: &Table, page: usize) -> Vec<usize> {
    let cells = |index: usize| {
        let texts = table.rows.iter().filter_map(move |row| row.get(index));
        texts.map(|cell| printable(&cell.text).chars().count()).max().unwrap_or(0)
    };
    let longest = |text: &str| text.split(' ').map(|word| word.chars().count()).max().unwrap_or(0);
    let least: Vec<usize> = (0..table.columns.len())
        .map(|index| {
            let texts = table.rows.iter().filter_map(|row| row.get(index));
            let words = texts.map(|cell| longest(&cell.text)).max().unwrap_or(0);
            words.max(longest(&table.columns[index].name)).min(MIN_COLUMN)
        })
        .collect();
    let room = page - INDENT - GUTTER * table.columns.len().saturating_sub(1);
    let mut widths: Vec<usize> = table
        .columns
        .iter()
        .enumerate()
        .map(|(index, column)| cells(index).max(longest(&column.name)))
        .collect();
    grow_to_names(&mut widths, table, room);
    while widths.iter().sum::<usize>() > room {
        let may_give = |index: &usize| !table.columns[*index].numeric && widths[*index] > least[*index];
        let widest = (0..widths.len()).filter(may_give).max_by_key(|index| widths[*index]);
        // Numbers give way last: twelve columns of them would not be readable in any case.
        let Some(widest) = widest.or_else(|| (0..widths.len()).max_by_key(|index| widths[*index])) else {
            break;
        };
        if widths[widest] <= 1 {
            break;
        }
        widths[widest] -= 1;
    }
    widths
}

/// Where there is room, a name stands on one line.
fn grow_to_names(widths: &mut [usize], table: &Table, room: usize) {
    let whole: Vec<usize> = table.columns.iter().map(|column| column.name.chars().count()).collect();
    let wanted: usize = widths.iter().zip(&whole).map(|(width, name)| (*width).max(*name)).sum();
    if wanted <= room {
        for (width, name) in widths.iter_mut().zip(whole) {
            *width = (*width).max(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use picollect_terminal::Screen;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_break_between_words_and_within_a_word_that_is_too_long() {
        assert_eq!(wrapped("one two three", 8), ["one two", "three"]);
        assert_eq!(wrapped("abcdefghij k", 4), ["abcd", "efgh", "ij k"]);
        assert_eq!(wrapped("", 4), [""]);
    }

    proptest! {
        #[test]
        fn no_table_and_no_fact_is_wider_than_the_page(
            texts in proptest::collection::vec(".{0,120}", 1..24),
            columns in 1_usize..10,
            width in 60_usize..200,
        ) {
            let paint = Paint { screen: Screen::of_columns(width) };
            let rows = texts.chunks_exact(columns).map(|row| row.iter().map(Cell::from).collect()).collect();
            let names: Vec<_> = (0..columns).map(|index| if index % 2 == 0 { "a name" } else { ">number" }).collect();
            let crate::page::Block::Table(wide) = Table::block("caption", &names, rows) else { unreachable!() };
            let pairs: Vec<_> = texts.iter().map(|text| (text.clone(), Cell::from(text))).collect();
            let text = table(&wide, paint) + &facts(&pairs, paint);
            prop_assert!(text.lines().all(|line| line.chars().count() <= width), "{}", text);
        }
    }
}

//! A page as GitHub's Markdown.
//!
//! Foreign text is set so that it stays text: what Markdown or HTML would read as a mark is escaped, and
//! a pipe never ends a cell (<https://github.github.com/gfm/#tables-extension->).

use super::numbers::spaced;
use super::page::{Block, Cell, Page, Section, Table, printable};
use super::{Report, sections};

/// The whole report; lines end in line feeds.
pub(super) fn markdown(report: &Report) -> String {
    write(&sections::page(report))
}

/// A page of any kind.
pub(super) fn write(page: &Page) -> String {
    let mut text = format!("# {}\n\n{}\n", escaped(&page.title), escaped(&page.about));
    for section in &page.sections {
        text += &self::section(section);
    }
    text
}

fn section(section: &Section) -> String {
    let mut text = format!("\n## {}\n", escaped(&section.title));
    for block in &section.blocks {
        match block {
            Block::Heading(title) => text += &format!("\n### {}\n", escaped(title)),
            Block::Sentences(list) => {
                for sentence in list {
                    text += &format!("\n{}\n", cell(sentence));
                }
            }
            Block::Facts(list) => {
                text += "\n";
                for (name, fact) in list {
                    text += &format!("- **{}**: {}\n", escaped(name), cell(fact));
                }
            }
            Block::Table(rows) => text += &table(rows),
            // The tables hold what the pictures show.
            Block::Lines(_) | Block::Ribbon(_) | Block::Dots(_) | Block::OverNodes(_) | Block::HeatMap(_) => {
            }
        }
    }
    text
}

fn table(table: &Table) -> String {
    let names: Vec<_> = table.columns.iter().map(|column| escaped(&column.name)).collect();
    let rules: Vec<_> =
        table.columns.iter().map(|column| if column.numeric { "--:" } else { "---" }).collect();
    let mut text =
        format!("\n{}\n\n| {} |\n|{}|\n", escaped(&table.caption), names.join(" | "), rules.join("|"));
    for row in &table.rows {
        let cells: Vec<_> = row.iter().map(cell).collect();
        text += &format!("| {} |\n", cells.join(" | "));
    }
    text
}

fn cell(cell: &Cell) -> String {
    escaped(&cell.text)
}

/// Text in which nothing is a mark. `@` and `#` are followed by a joiner of no width, or GitHub would
/// call somebody or link an issue.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in printable(&spaced(text)).chars() {
        match letter {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '!' | '&' => {
                safe.extend(['\\', letter]);
            }
            '@' | '#' => safe.extend([letter, '\u{2060}']),
            letter => safe.push(letter),
        }
    }
    let begins_a_list = safe.starts_with(['-', '+']) && safe.chars().nth(1).is_none_or(|next| next == ' ');
    if begins_a_list { format!("\\{safe}") } else { safe }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_foreign_text_ends_a_cell_or_becomes_a_mark() {
        assert_eq!(escaped("a|b\n<img src=x>"), "a\\|b\u{fffd}\\<img src=x\\>");
        assert_eq!(escaped("*[x](y)*"), "\\*\\[x\\](y)\\*");
        assert_eq!(escaped("- item"), "\\- item");
        assert_eq!(escaped("@team #1"), "@\u{2060}team #\u{2060}1");
    }
}

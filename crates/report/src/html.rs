//! A page as one HTML file: style and drawings within, no script, nothing from elsewhere.
//!
//! Invariants: all foreign text is escaped (maud does, wherever a value is put in); the page's own policy
//! forbids everything but its one style sheet, so that even a hole would load and run nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use super::page::{Block, Cell, Page, Section, Table, Tone, printable};
use super::{Report, charts, sections};

/// Light, dark and paper; wide screens and phones.
const STYLE: &str = include_str!("html/style.css");

/// The whole report; a document of its own.
pub(super) fn html(report: &Report) -> String {
    write(&sections::page(report))
}

/// A page of any kind.
pub(super) fn write(page: &Page) -> String {
    let title = format!("{} {}", page.title, page.about);
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (printable(&title)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (printable(&page.title)) }
                    p { (printable(&page.about)) }
                    (contents(page))
                }
                main {
                    @for (index, part) in page.sections.iter().enumerate() {
                        (section(index, part))
                    }
                }
            }
        }
    };
    document.into_string() + "\n"
}

/// Nothing may be loaded or run, but the one style sheet, known by its digest
/// (<https://www.w3.org/TR/CSP3/#grammardef-hash-source>).
fn policy() -> String {
    let digest = STANDARD.encode(Sha256::digest(STYLE));
    format!("default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'")
}

fn contents(page: &Page) -> Markup {
    html! {
        @if page.sections.len() > 2 {
            nav aria-label="Sections" {
                ul {
                    @for (index, section) in page.sections.iter().enumerate() {
                        li { a href={ "#s" (index) } { (section.title) } }
                    }
                }
            }
        }
    }
}

fn section(index: usize, section: &Section) -> Markup {
    let id = format!("s{index}");
    html! {
        section aria-labelledby=(id) {
            h2 id=(id) { (printable(&section.title)) }
            @for (place, block) in section.blocks.iter().enumerate() {
                (self::block(block, &format!("{id}b{place}")))
            }
        }
    }
}

fn block(block: &Block, id: &str) -> Markup {
    html! {
        @match block {
            Block::Heading(title) => h3 { (printable(title)) },
            Block::Sentences(list) => @for sentence in list { p { (cell(sentence)) } },
            Block::Facts(list) => dl {
                @for (name, fact) in list {
                    div { dt { (printable(name)) } dd { (cell(fact)) } }
                }
            },
            Block::Table(rows) => (table(rows, id)),
            Block::Lines(chart) => (charts::curves(chart)),
            Block::Ribbon(ribbon) => (charts::states(ribbon)),
            Block::Dots(chart) => (charts::bars(chart)),
            Block::HeatMap(map) => (charts::heat_map(map)),
            Block::OverNodes(chart) => (charts::over_nodes(chart)),
        }
    }
}

/// A table in a frame that scrolls by itself where the page is too narrow, also by keyboard. What it
/// shows stands above the frame, where it does not scroll away.
fn table(table: &Table, id: &str) -> Markup {
    html! {
        p class="caption" id=(id) { (printable(&table.caption)) }
        div class="scroll" role="region" tabindex="0" aria-labelledby=(id) {
            table aria-labelledby=(id) {
                thead {
                    tr {
                        @for column in &table.columns {
                            th scope="col" class=[column.numeric.then_some("number")] { (column.name) }
                        }
                    }
                }
                tbody {
                    @for row in &table.rows { (self::row(row, table)) }
                }
            }
        }
    }
}

fn row(row: &[Cell], table: &Table) -> Markup {
    let numeric = |index: usize| table.columns.get(index).is_some_and(|column| column.numeric);
    html! {
        tr {
            @for (index, one) in row.iter().enumerate() {
                @if index == 0 {
                    th scope="row" { (cell(one)) }
                } @else {
                    td class=[numeric(index).then_some("number")] { (cell(one)) }
                }
            }
        }
    }
}

fn cell(cell: &Cell) -> Markup {
    let class = match cell.tone {
        Tone::Plain => return html! { (printable(&cell.text)) },
        Tone::Good => "good",
        Tone::Caution => "caution",
        Tone::Bad => "bad",
        Tone::Faint => "faint",
    };
    html! { span class=(class) { (printable(&cell.text)) } }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// The colours of a theme by their names; each theme has a block `:root` of its own, and takes what
    /// it does not name from the first.
    fn theme(number: usize) -> BTreeMap<&'static str, u32> {
        let blocks: Vec<_> = STYLE.split(":root {").skip(1).collect();
        let mut colours = BTreeMap::new();
        for block in [blocks[0], blocks[number]] {
            let block = block.split('}').next().unwrap_or_default();
            for (name, value) in block.split(';').filter_map(|rule| rule.split_once(':')) {
                let Some(digits) = value.trim().strip_prefix('#') else { continue };
                let long = match digits.len() {
                    3 => digits.chars().flat_map(|digit| [digit, digit]).collect(),
                    _ => digits.to_owned(),
                };
                colours.insert(name.trim(), u32::from_str_radix(&long, 16).unwrap());
            }
        }
        colours
    }

    /// Contrast of two colours (<https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio>).
    fn contrast(a: u32, b: u32) -> f64 {
        let luminance = |colour: u32| {
            let linear = |shift: u32| {
                let part = f64::from(colour >> shift & 0xff) / 255.0;
                if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * linear(16) + 0.7152 * linear(8) + 0.0722 * linear(0)
        };
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_and_lines_stand_out_from_the_page_in_every_theme() {
        for number in 0..3 {
            let theme = theme(number);
            let text = ["--ink", "--soft", "--link", "--good", "--gold", "--hot"];
            let lines = ["--c1", "--c2", "--c3", "--c4", "--c5", "--c6", "--c7", "--edge"];
            for (names, least) in [(&text[..], 4.5), (&lines[..], 3.0)] {
                for name in names {
                    let found = contrast(theme[name], theme["--plate"]);
                    assert!(found >= least, "{name} in theme {number}: {found:.2}");
                }
            }
            for name in ["--mask-ink", "--mask-soft"] {
                assert!(contrast(theme[name], theme["--mask"]) >= 4.5, "{name} in theme {number}");
            }
            for name in ["--volt-fill", "--hot-fill", "--gold-fill", "--cap-fill", "--soft"] {
                let found = contrast(theme[name], theme["--fill-ink"]);
                assert!(found >= 4.5, "the letter on {name} in theme {number}: {found:.2}");
            }
        }
    }

    #[test]
    fn the_policy_knows_the_style_by_its_digest() {
        let policy = policy();
        let digest = policy.split_once("sha256-").and_then(|(_, rest)| rest.split_once('\'')).unwrap().0;
        assert_eq!(STANDARD.decode(digest).unwrap(), Sha256::digest(STYLE).to_vec());
    }
}

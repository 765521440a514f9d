//! A page for a terminal, as wide as that is; 80 columns for everybody else.
//!
//! Invariant: colour only underlines what the words say, and foreign text cannot steer the terminal.

mod layout;
mod ribbon;

use super::page::{Block, Cell, Page, Section, Tone, printable};
use super::{Report, sections};
pub(super) use layout::fits;
use layout::{facts, table, wrapped};
use picollect_terminal::Screen;

/// A sentence is not set wider than this: longer lines cannot be read.
const MEASURE: usize = 100;
/// What stands in a section is moved in by so much.
pub(super) const INDENT: usize = 2;

/// The whole report; lines end in line feeds. Colour is the terminal's own sixteen, by its escape
/// sequences; without it the text is the same.
pub(super) fn text(report: &Report, screen: Screen) -> String {
    write(&sections::page(report), screen)
}

/// A page of any kind.
pub(super) fn write(page: &Page, screen: Screen) -> String {
    let paint = Paint { screen };
    let mut text = String::new();
    let title = format!("{}  {}", page.title, page.about);
    for line in wrapped(&printable(title.trim_end()), paint.measure()) {
        text += &format!("{line}\n");
    }
    for part in &page.sections {
        text += "\n";
        text += &section(part, paint);
    }
    text
}

/// A line, and facts below it.
pub(super) fn lines(title: &str, list: &[(String, Cell)], screen: Screen) -> String {
    let paint = Paint { screen };
    let title = wrapped(&printable(title), paint.measure());
    title.iter().map(|line| format!("{}\n", paint.bold(line))).collect::<String>() + &facts(list, paint)
}

fn section(section: &Section, paint: Paint) -> String {
    let mut text = String::new();
    for line in wrapped(&printable(&section.title).to_uppercase(), paint.measure()) {
        text += &format!("{}\n", paint.bold(&line));
    }
    let mut gap = "";
    for block in &section.blocks {
        let written = match block {
            Block::Heading(title) => heading(title, paint),
            Block::Sentences(list) => list.iter().map(|cell| sentence(cell, paint)).collect(),
            Block::Facts(list) => facts(list, paint),
            Block::Table(rows) => table(rows, paint),
            Block::Ribbon(rows) => ribbon::rows(rows, paint),
            Block::Lines(_) | Block::Dots(_) | Block::OverNodes(_) | Block::HeatMap(_) => continue,
        };
        text += gap;
        text += &written;
        gap = if matches!(block, Block::Heading(_)) { "" } else { "\n" };
    }
    text
}

fn heading(title: &str, paint: Paint) -> String {
    let lines = wrapped(&printable(title), paint.measure() - INDENT);
    lines.iter().map(|line| format!("{:INDENT$}{}\n", "", paint.bold(line))).collect()
}

fn sentence(cell: &Cell, paint: Paint) -> String {
    let lines = wrapped(&printable(&cell.text), paint.measure() - INDENT);
    lines.iter().map(|line| format!("{:INDENT$}{}\n", "", paint.tone(line, cell.tone))).collect()
}

/// How wide a page is, and how a tone looks, if at all.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint {
    pub(super) screen: Screen,
}

impl Paint {
    /// The width of tables and pictures, in columns.
    pub(super) fn width(self) -> usize {
        self.screen.width()
    }

    /// The width of sentences, in columns.
    pub(super) fn measure(self) -> usize {
        self.width().min(MEASURE)
    }

    /// The text in its tone. Sequences as in ECMA-48, 8.3.117 (select graphic rendition).
    pub(super) fn tone(self, text: &str, tone: Tone) -> String {
        match tone {
            Tone::Plain => text.to_owned(),
            Tone::Good => self.rendition(text, "32"),
            Tone::Caution => self.rendition(text, "33"),
            Tone::Bad => self.rendition(text, "1;31"),
            Tone::Faint => self.rendition(text, "2"),
        }
    }

    /// The text in bold.
    pub(super) fn bold(self, text: &str) -> String {
        self.rendition(text, "1")
    }

    fn rendition(self, text: &str, code: &str) -> String {
        if self.screen.colour && !text.is_empty() {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

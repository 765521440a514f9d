//! What a report says, in an order and in words, before any format: a page of sections. Text, Markdown
//! and HTML write the same page, so that they cannot say different things.

use super::charts::heat_map::HeatMap;
use super::charts::over_nodes::OverNodes;
use super::charts::{Dots, Lines, Ribbon};
use super::numbers::DASH;

/// What each format writes down.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) title: String,
    /// What it is about: the window.
    pub(super) about: String,
    /// Its sections; those without content are not there.
    pub(super) sections: Vec<Section>,
}

/// A part of a page under a heading.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) title: String,
    /// What stands in it.
    pub(super) blocks: Vec<Block>,
}

impl Section {
    /// `None` if no block has content.
    pub(super) fn new(title: impl Into<String>, blocks: Vec<Block>) -> Option<Self> {
        let blocks: Vec<_> = blocks.into_iter().filter(|block| !block.is_empty()).collect();
        (!blocks.is_empty()).then(|| Self { title: title.into(), blocks })
    }
}

/// A piece of a section.
#[derive(Debug)]
pub(super) enum Block {
    /// A heading within the section.
    Heading(String),
    /// Sentences, each a paragraph of its own.
    Sentences(Vec<Cell>),
    /// Names and what they are.
    Facts(Vec<(String, Cell)>),
    Table(Table),
    /// Values over time; only where there are pictures.
    Lines(Lines),
    /// Which state each node was in, and when.
    Ribbon(Ribbon),
    /// Values side by side; only where there are pictures.
    Dots(Dots),
    /// Values of many nodes over time; only where there are pictures.
    HeatMap(HeatMap),
    /// Values over the number of nodes; only where there are pictures.
    OverNodes(OverNodes),
}

impl Block {
    fn is_empty(&self) -> bool {
        match self {
            Self::Heading(text) => text.is_empty(),
            Self::Sentences(list) => list.is_empty(),
            Self::Facts(list) => list.is_empty(),
            Self::Table(table) => table.rows.is_empty(),
            Self::Lines(chart) => chart.is_empty(),
            Self::Ribbon(ribbon) => ribbon.rows.is_empty(),
            Self::Dots(chart) => chart.marks.is_empty(),
            Self::OverNodes(chart) => chart.is_empty(),
            Self::HeatMap(map) => map.is_empty(),
        }
    }

    /// Facts with the names of a table in the source.
    pub(super) fn facts<const N: usize>(facts: [(&str, Cell); N]) -> Self {
        Self::Facts(facts.into_iter().map(|(name, cell)| (name.to_owned(), cell)).collect())
    }
}

#[derive(Debug)]
pub(super) struct Table {
    pub(super) caption: String,
    /// Its columns; the first one names the row.
    pub(super) columns: Vec<Column>,
    /// Each as long as there are columns.
    pub(super) rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table whose columns are given as text; a leading `>` marks one of numbers, set flush right.
    pub(super) fn block(caption: impl Into<String>, columns: &[&str], rows: Vec<Vec<Cell>>) -> Block {
        let column = |name: &&str| match name.strip_prefix('>') {
            Some(name) => Column { name: name.to_owned(), numeric: true },
            None => Column { name: (*name).to_owned(), numeric: false },
        };
        Block::Table(Self { caption: caption.into(), columns: columns.iter().map(column).collect(), rows })
    }
}

/// The head of a column.
#[derive(Debug)]
pub(super) struct Column {
    /// Its name, with the unit where all cells share it.
    pub(super) name: String,
    /// Whether it is set flush right.
    pub(super) numeric: bool,
}

/// A text with what it means for the reader. The meaning is said by the text too.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cell {
    /// What it says; foreign text in it is not escaped yet.
    pub(super) text: String,
    /// How it is coloured; for the eye only.
    pub(super) tone: Tone,
}

/// What a text means for the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// Neither good nor bad.
    Plain,
    /// What the reader hopes for.
    Good,
    /// To be looked at.
    Caution,
    /// Something is broken, or a figure is wrong.
    Bad,
    /// Unknown, or beside the point.
    Faint,
}

impl Cell {
    /// A text with a meaning.
    pub(super) fn toned(text: impl Into<String>, tone: Tone) -> Self {
        Self { text: text.into(), tone }
    }

    /// A text, or a dash if there is none.
    pub(super) fn maybe(text: Option<&str>) -> Self {
        text.unwrap_or(DASH).into()
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        let tone = if text == DASH { Tone::Faint } else { Tone::Plain };
        Self { text, tone }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<&String> for Cell {
    fn from(text: &String) -> Self {
        text.clone().into()
    }
}

/// Foreign text without what could steer a terminal, break a line or turn the direction of writing.
pub(super) fn printable(text: &str) -> String {
    picollect_telemetry::foreign::printable(text).into_owned()
}

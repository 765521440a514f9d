//! Pages written in the configuration: rows of text with fields, such as `{name:8} {temp:>5}°C`.
//!
//! A field stands in braces, with its width in cells and, before that, `<` or `>` for the side on which its
//! text stands. `{{` and `}}` are the braces themselves. Units are written beside the field; prefixes (`k`,
//! `M`, `G`) and the marks `~` and `>` come with the value and cannot be left out.
//!
//! | field | what it says |
//! |---|---|
//! | `name` | this node, with `SIM` before it if anything shown is simulated |
//! | `label` | `SIM`, or blanks |
//! | `temp`, `watts`, `clock`, `load`, `bar`, `health` | of this node: °C, W, GHz, %, the load as a bar, the tick |
//! | `ip` | its address |
//! | `time`, `ambient`, `volts` | hours and minutes in local time; the air in the case, °C; the board's input, V |
//! | `kwh`, `today`, `flops_per_watt` | kilowatt-hours and joules since the day began; FLOPS per watt of the last run |
//! | `cluster` | which cluster the sums are of, where there are several |
//! | `up`, `cluster_watts`, `hottest`, `hottest_temp` | nodes up of all, their power, the hottest node and its °C |
//! | `run`, `elapsed`, `run_watts` | the run in progress: name, time since it began, power |
//!
//! Invariant: a template that was accepted fits: no value runs over its field, no row over the panel, and its
//! own signs never need more than the eight glyph slots. With any value it also has the field that says
//! `SIM`.

mod field;

use std::collections::BTreeSet;

use crate::glyphs::{self, SLOTS};
use crate::pages::Facts;
use crate::{Frame, Size, rom_a00};
use field::Field;

/// The longest row that any panel has: an HD44780 has two of 40 cells.
const MAX_WIDTH: usize = 40;

/// A template was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("row {row}, column {column}: {problem}")]
pub struct TemplateError {
    /// The row of the template, from 1.
    pub row: usize,
    /// The character of that row, from 1, with which the problem begins.
    pub column: usize,
    /// Why the template cannot be used.
    pub problem: Problem,
}

/// What can be wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A field that there is not.
    #[error("there is no field `{0}`; the fields are {list}", list = field::names())]
    UnknownField(String),
    /// A field without its closing brace.
    #[error("this field has no closing brace; a brace itself is written twice")]
    Unclosed,
    /// A closing brace without a field.
    #[error("this brace closes nothing; a brace itself is written twice")]
    Stray,
    /// A width that is none.
    #[error("`{0}` is no width; give a number of cells from 1 to {MAX_WIDTH}, after `<` or `>` if you like")]
    Width(String),
    /// A width that the field cannot do with.
    #[error("`{field}` needs at least {least} cells")]
    TooNarrow {
        /// The name of the field as it is written between braces.
        field: &'static str,
        /// Cells that it needs.
        least: usize,
    },
    /// The row is longer than the panel's.
    #[error(
        "from here on the row does not fit into the panel's {0} cells; shorten the text or give narrower widths"
    )]
    TooLong(usize),
    /// More rows than the panel has.
    #[error("the panel has {0} rows only")]
    TooManyRows(usize),
    /// A character that the panel cannot show.
    #[error("the panel cannot show `{0}`; it is neither in its ROM nor among the drawn glyphs")]
    NotDrawn(char),
    /// More signs that need a slot than there are slots.
    #[error(
        "the page needs {0} glyphs besides those of the ROM, and a panel has {SLOTS}; use fewer such signs"
    )]
    TooManyGlyphs(usize),
    /// No field would tell a simulated value.
    #[error("a page that shows values needs `{{name}}` or `{{label}}`, where a simulated value is called so")]
    NoLabel,
}

/// A page from the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    size: Size,
    rows: Vec<Vec<Piece>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Text(char),
    Field { field: &'static Field, width: usize, right: bool },
}

impl Piece {
    fn width(self) -> usize {
        match self {
            Self::Text(_) => 1,
            Self::Field { width, .. } => width,
        }
    }

    fn field(self) -> Option<&'static Field> {
        match self {
            Self::Text(_) => None,
            Self::Field { field, .. } => Some(field),
        }
    }
}

impl Template {
    /// Reads the rows of a page for a panel of this size; fewer rows than the panel has are fine.
    pub fn parse(rows: &[&str], size: Size) -> Result<Self, TemplateError> {
        if rows.len() > size.rows {
            let problem = Problem::TooManyRows(size.rows);
            return Err(TemplateError { row: size.rows + 1, column: 1, problem });
        }
        let numbered = rows.iter().enumerate();
        let rows = numbered
            .map(|(index, text)| read_row(text, index + 1, size.columns))
            .collect::<Result<_, _>>()?;
        let template = Self { size, rows };
        template.check().map_err(|problem| TemplateError { row: 1, column: 1, problem })?;
        Ok(template)
    }

    /// The page with these values.
    pub fn render(&self, facts: &Facts) -> Frame {
        let mut frame = Frame::blank(self.size);
        for (index, row) in self.rows.iter().enumerate() {
            let text: String = row.iter().map(|piece| piece_text(*piece, facts)).collect();
            frame.write(index, &text);
        }
        frame
    }

    fn pieces(&self) -> impl Iterator<Item = Piece> {
        self.rows.iter().flatten().copied()
    }

    /// What only the whole page can tell.
    fn check(&self) -> Result<(), Problem> {
        let drawn = self.pieces().filter_map(|piece| match piece {
            Piece::Text(character) => glyphs::of(character).map(|glyph| glyph.character),
            Piece::Field { .. } => None,
        });
        let signs: BTreeSet<char> = drawn.collect();
        let fields: Vec<_> = self.pieces().filter_map(Piece::field).collect();
        let bars = fields.iter().filter(|field| field.name == "bar").count().min(glyphs::FIFTHS.len());
        let estimates =
            usize::from(fields.iter().any(|field| field.can_be_estimated) && !signs.contains(&'~'));
        let ticks = usize::from(fields.iter().any(|field| field.name == "health"));
        let needed = signs.len() + bars + estimates + ticks;
        if needed > SLOTS {
            return Err(Problem::TooManyGlyphs(needed));
        }
        let told = fields.is_empty() || fields.iter().any(|field| field.tells_simulated);
        if told { Ok(()) } else { Err(Problem::NoLabel) }
    }
}

fn piece_text(piece: Piece, facts: &Facts) -> String {
    match piece {
        Piece::Text(character) => character.to_string(),
        Piece::Field { field, width, right: true } => format!("{:>width$}", (field.value)(facts, width)),
        Piece::Field { field, width, right: false } => format!("{:<width$}", (field.value)(facts, width)),
    }
}

fn read_row(text: &str, row: usize, columns: usize) -> Result<Vec<Piece>, TemplateError> {
    let mut pieces = Vec::new();
    let (mut rest, mut used) = (text, 0);
    while !rest.is_empty() {
        let column = text[..text.len() - rest.len()].chars().count() + 1;
        let refused = |problem| TemplateError { row, column, problem };
        let (piece, after) = read_piece(rest).map_err(refused)?;
        used += piece.width();
        if used > columns {
            return Err(refused(Problem::TooLong(columns)));
        }
        pieces.push(piece);
        rest = after;
    }
    Ok(pieces)
}

/// The first piece of a text, and what follows it.
fn read_piece(text: &str) -> Result<(Piece, &str), Problem> {
    for (twice, brace) in [("{{", '{'), ("}}", '}')] {
        if let Some(after) = text.strip_prefix(twice) {
            return Ok((Piece::Text(brace), after));
        }
    }
    let mut characters = text.chars();
    match characters.next() {
        Some('{') => {
            let (inside, after) = characters.as_str().split_once('}').ok_or(Problem::Unclosed)?;
            Ok((read_field(inside)?, after))
        }
        Some('}') | None => Err(Problem::Stray),
        Some(other) if rom_a00::code(other).is_none() && glyphs::of(other).is_none() => {
            Err(Problem::NotDrawn(other))
        }
        Some(other) => Ok((Piece::Text(other), characters.as_str())),
    }
}

/// What stands between braces: `name`, `name:8` or `temp:>5`.
fn read_field(inside: &str) -> Result<Piece, Problem> {
    let (name, format) = inside.split_once(':').map_or((inside, None), |(name, format)| (name, Some(format)));
    let field = field::named(name).ok_or_else(|| Problem::UnknownField(name.to_owned()))?;
    let Some(format) = format else {
        return Ok(Piece::Field { field, width: field.width, right: field.right });
    };
    let (right, digits) = match format.strip_prefix('>') {
        Some(digits) => (true, digits),
        None => format.strip_prefix('<').map_or((field.right, format), |digits| (false, digits)),
    };
    let width = digits.parse().ok().filter(|width| (1..=MAX_WIDTH).contains(width));
    let width = width.ok_or_else(|| Problem::Width(format.to_owned()))?;
    if width < field.least {
        return Err(Problem::TooNarrow { field: field.name, least: field.least });
    }
    Ok(Piece::Field { field, width, right })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::{ClusterFacts, Figure, NodeFacts, Origin};

    fn refused(rows: &[&str]) -> String {
        Template::parse(rows, Size::SMALL).expect_err("refused").to_string()
    }

    fn facts() -> Facts {
        let node = NodeFacts {
            name: "pi-3".into(),
            temp_c: Some(61.24),
            watts: Some(5.13),
            estimated: true,
            busy: Some(0.5),
            ..NodeFacts::default()
        };
        let watts = Figure::new(Some(31.2), Origin::Measured);
        Facts { node, cluster: ClusterFacts { watts, ..ClusterFacts::default() }, ..Facts::default() }
    }

    fn rows(template: &[&str], facts: &Facts) -> Vec<String> {
        let frame = Template::parse(template, Size::SMALL).expect("accepted").render(facts);
        (0..2).map(|row| frame.row(row)).collect()
    }

    #[test]
    fn fields_stand_where_their_widths_put_them() {
        let got = rows(&["{name:8} {temp:>5}°C", "{watts:<5}W {{}} {bar:4}"], &facts());
        assert_eq!(got, ["pi-3      61.2°C", "~5.1 W {} ██··  "]);
    }

    #[test]
    fn a_value_that_does_not_fit_loses_decimals_and_then_shows_that_it_does_not_fit() {
        let hot = Facts { node: NodeFacts { temp_c: Some(104.6), ..facts().node }, ..facts() };
        assert_eq!(
            rows(&["{label}{temp:4}", "{temp:3} {temp:2}"], &hot),
            ["    105         ", "105 ##          "]
        );
    }

    #[test]
    fn the_unknown_and_the_simulated_are_told_by_every_template() {
        let simulated =
            Facts { node: NodeFacts { simulated: true, ..NodeFacts::default() }, ..Facts::default() };
        assert_eq!(rows(&["{label} {temp}°C", "{up} {ip:6}"], &simulated)[0], "SIM    --°C     ");
        assert_eq!(rows(&["{name:8}{clock}"], &facts())[0], "pi-3     --     ");
        assert_eq!(refused(&["{temp:>5}°C"]), NO_LABEL);
    }

    const NO_LABEL: &str = "row 1, column 1: a page that shows values needs `{name}` or `{label}`, where a simulated value is called so";

    #[test]
    fn an_unknown_field_and_one_that_cannot_fit_are_refused_with_their_place() {
        let unknown = refused(&["", "°C {temperature}"]);
        assert!(
            unknown
                .starts_with("row 2, column 4: there is no field `temperature`; the fields are name, label,")
        );
        assert_eq!(
            refused(&["{name:12} {temp:6}"]),
            "row 1, column 11: from here on the row does not fit into the panel's 16 cells; shorten the text or \
             give narrower widths"
        );
        assert_eq!(refused(&["{name:3}"]), "row 1, column 1: `name` needs at least 5 cells");
        assert_eq!(refused(&["", "", ""]), "row 3, column 1: the panel has 2 rows only");
    }

    #[test]
    fn what_is_no_template_is_refused_with_what_to_do() {
        let width = "is no width; give a number of cells from 1 to 40, after `<` or `>` if you like";
        assert_eq!(refused(&["{name:x}"]), format!("row 1, column 1: `x` {width}"));
        assert_eq!(refused(&["{name:>99}"]), format!("row 1, column 1: `>99` {width}"));
        assert_eq!(refused(&["{name:0}"]), format!("row 1, column 1: `0` {width}"));
        let unclosed = "this field has no closing brace; a brace itself is written twice";
        assert_eq!(refused(&["ä {name"]), format!("row 1, column 3: {unclosed}"));
        let stray = "this brace closes nothing; a brace itself is written twice";
        assert_eq!(refused(&["a}b"]), format!("row 1, column 2: {stray}"));
        let drawn = "the panel cannot show `漢`; it is neither in its ROM nor among the drawn glyphs";
        assert_eq!(refused(&["漢"]), format!("row 1, column 1: {drawn}"));
    }

    #[test]
    fn more_signs_than_slots_are_refused() {
        let error = refused(&["{name:6}🌡⚠▶↑ÄÖÜ", "{bar:3}{watts:5}"]);
        let want = "row 1, column 1: the page needs 9 glyphs besides those of the ROM, and a panel has 8; use \
                    fewer such signs";
        assert_eq!(error, want);
    }

    #[test]
    fn no_field_ever_writes_more_or_fewer_cells_than_its_width() {
        for field in field::names().split(", ") {
            let least = field::named(field).expect("a field").least;
            for width in least..=16 {
                let row = format!("{{{field}:{width}}}");
                let template = match Template::parse(&[&row, "{label}"], Size::SMALL) {
                    Ok(template) => template,
                    Err(error) => panic!("{row}: {error}"),
                };
                for facts in [facts(), Facts::default()] {
                    let piece = template.rows[0][0];
                    assert_eq!(piece_text(piece, &facts).chars().count(), width, "{row}");
                }
            }
        }
    }
}

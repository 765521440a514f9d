//! Rows of the long table, quoted as RFC 4180 says.

use super::super::EnergyFigure;
use picollect_telemetry::Boundary;
use picollect_telemetry::Source;
use picollect_telemetry::foreign::csv_cell;

const HEAD: &str = "section,subject,time,quantity,value,unit,source,boundary,coverage\r\n";

/// The table while it is written.
pub(super) struct Rows {
    text: String,
}

impl Rows {
    /// A table that holds its head and no row yet.
    pub(super) fn new() -> Self {
        Self { text: HEAD.to_owned() }
    }

    /// Rows about a subject in the whole window.
    pub(super) fn of(&mut self, section: &str, subject: &str) -> Subject<'_> {
        self.at(section, subject, "")
    }

    /// Rows about a subject at a moment (RFC 3339).
    pub(super) fn at(&mut self, section: &str, subject: &str, time: &str) -> Subject<'_> {
        let begin = [cell(section), cell(subject), cell(time)].join(",");
        Subject { rows: self, begin }
    }

    pub(super) fn finish(self) -> String {
        self.text
    }
}

/// Rows about one subject.
pub(super) struct Subject<'a> {
    rows: &'a mut Rows,
    begin: String,
}

impl Subject<'_> {
    /// A row with a text; none if it is empty.
    pub(super) fn text(&mut self, quantity: &str, value: &str) {
        if !value.is_empty() {
            self.row(quantity, &cell(value), "", &Figure::default());
        }
    }

    /// A row with a number in a unit.
    pub(super) fn number(&mut self, quantity: &str, value: Option<f64>, unit: &str) {
        self.figure(quantity, value, unit, &Figure::default());
    }

    /// A row with a number that comes from a meter or a model.
    pub(super) fn figure(&mut self, quantity: &str, value: Option<f64>, unit: &str, about: &Figure) {
        let value = value.filter(|value| value.is_finite()).map(|value| value.to_string());
        self.row(quantity, &value.unwrap_or_default(), unit, about);
    }

    fn row(&mut self, quantity: &str, value: &str, unit: &str, about: &Figure) {
        let source = about.source.map_or("", Source::as_str);
        let boundary = about.boundary.map_or("", Boundary::as_str);
        let coverage = &about.coverage;
        let (begin, quantity, unit) = (&self.begin, cell(quantity), cell(unit));
        self.rows.text += &format!("{begin},{quantity},{value},{unit},{source},{boundary},{coverage}\r\n");
    }
}

/// What one has to know about a figure of energy; empty where it is none.
#[derive(Default)]
pub(super) struct Figure {
    source: Option<Source>,
    boundary: Option<Boundary>,
    coverage: String,
}

impl Figure {
    /// With the figure's own coverage.
    pub(super) fn of(figure: &EnergyFigure) -> Self {
        let coverage = figure.coverage.map(|coverage| coverage.to_string()).unwrap_or_default();
        Self { coverage, ..Self::part_of(figure) }
    }

    /// Of a part of a figure, whose own coverage is not known.
    pub(super) fn part_of(figure: &EnergyFigure) -> Self {
        Self { source: figure.source, boundary: figure.boundary, coverage: String::new() }
    }
}

/// A cell of text, which is never a formula to a spreadsheet.
fn cell(text: &str) -> String {
    let text = csv_cell(text);
    if text.contains([',', '"', '\r', '\n']) || text.starts_with(' ') || text.ends_with(' ') {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_quoted_where_it_must_be_and_never_a_formula() {
        assert_eq!(cell("pi-1"), "pi-1");
        assert_eq!(cell("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(cell("=1+1"), "'=1+1");
        assert_eq!(cell("@SUM(A1)"), "'@SUM(A1)");
        assert_eq!(cell("-2+3,4"), "\"'-2+3,4\"");
        assert_eq!(cell("two\nlines"), "\"two\nlines\"");
    }

    #[test]
    fn a_number_keeps_its_sign_and_an_unknown_one_is_empty() {
        let mut rows = Rows::new();
        rows.of("node", "n").number("headroom", Some(-1.5), "K");
        rows.of("node", "n").number("headroom", None, "K");
        rows.of("node", "n").number("headroom", Some(f64::NAN), "K");
        let expected = "node,n,,headroom,-1.5,K,,,\r\nnode,n,,headroom,,K,,,\r\nnode,n,,headroom,,K,,,\r\n";
        assert_eq!(rows.finish(), HEAD.to_owned() + expected);
    }
}

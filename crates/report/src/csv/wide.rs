//! Figures as CSV in RFC 4180: a row for each row, a column for each quantity with its unit in the head, and one for
//! its uncertainty where any row has one. Numbers are whole and in SI units without prefixes.

use csv::{Terminator, WriterBuilder};
use picollect_telemetry::foreign::csv_cell;

use crate::figures::{Column, Figure, Figures};

/// The table; lines end in CR LF.
pub(crate) fn wide(figures: &Figures) -> String {
    let doubted: Vec<bool> = (0..figures.columns.len()).map(|index| figures.has_uncertainty(index)).collect();
    let head = figures.columns.iter().zip(&doubted).flat_map(|(column, doubted)| {
        let doubt = Column { name: format!("{}, either way", column.name), ..column.clone() };
        [Some(self::head(column)), doubted.then(|| self::head(&doubt))]
    });
    let rows = figures.rows.iter().map(|row| {
        let cells = row.iter().zip(&doubted).flat_map(|(figure, doubted)| {
            [Some(cell(figure)), doubted.then(|| number(figure.uncertainty()))]
        });
        cells.flatten().collect()
    });
    written(std::iter::once(head.flatten().collect()).chain(rows))
}

/// Two rows of figures as columns, with the ratio of the second to the first.
pub(crate) fn side_by_side(figures: &Figures, names: [&str; 2]) -> String {
    let by = format!("{} by {}", names[1], names[0]);
    let head = ["quantity", "unit", names[0], names[1], &by];
    let rows = figures.columns.iter().enumerate().map(|(index, column)| {
        let mut pair: Vec<String> = vec![csv_cell(&column.name).into_owned(), column.unit.clone()];
        pair.extend(figures.column(index).map(cell));
        pair.push(number(figures.ratio(index)));
        pair
    });
    written(std::iter::once(head.map(|name| csv_cell(name).into_owned()).to_vec()).chain(rows))
}

fn written(rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).expect("rows of one length, into memory");
    }
    let bytes = writer.into_inner().expect("memory takes all");
    String::from_utf8(bytes).expect("what was written is text")
}

/// `mean power [W]`.
fn head(column: &Column) -> String {
    let name = csv_cell(&column.name);
    if column.unit.is_empty() { name.into_owned() } else { format!("{name} [{}]", column.unit) }
}

/// Text is never a formula to a spreadsheet; what is unknown is empty.
fn cell(figure: &Figure) -> String {
    match figure {
        Figure::Text(text) => csv_cell(text).into_owned(),
        Figure::Count(count) => count.map(|count| count.to_string()).unwrap_or_default(),
        Figure::Number { value, .. } => number(*value),
    }
}

fn number(value: Option<f64>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures() -> Figures {
        Figures {
            caption: String::new(),
            columns: vec![Column::new("run", ""), Column::new("mean power", "W"), Column::new("energy", "J")],
            rows: vec![
                vec![
                    Figure::Text("=1+1".into()),
                    Figure::with_uncertainty(Some(5.25), Some(0.5)),
                    Figure::number(None),
                ],
                vec![Figure::Text("a, \"b\"".into()), Figure::number(Some(-2.0)), Figure::number(Some(4e6))],
            ],
            notes: Vec::new(),
        }
    }

    #[test]
    fn units_and_uncertainties_have_their_heads_and_what_is_unknown_is_empty() {
        let expected = "run,mean power [W],\"mean power, either way [W]\",energy [J]\r\n\
            '=1+1,5.25,0.5,\r\n\"a, \"\"b\"\"\",-2,,4000000\r\n";
        assert_eq!(wide(&figures()), expected);
    }

    #[test]
    fn two_rows_beside_each_other_have_a_ratio_where_both_are_known() {
        let text = side_by_side(&figures(), ["=A", "B"]);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "quantity,unit,'=A,B,B by =A");
        assert_eq!(lines[2], "mean power,W,5.25,-2,-0.38095238095238093");
        assert_eq!(lines[3], "energy,J,,4000000,");
    }
}

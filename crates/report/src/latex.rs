//! Figures as tables for LaTeX, in the style of the package `booktabs`: one prefix for all figures of a column, in its
//! head with the unit.
//!
//! What is written is a part of a document, for `\input`; it needs `booktabs` and the font encoding T1.
//!
//! Invariant: no foreign text is a command, and none stops the typesetting: a letter that the encoding T1 lacks stands
//! as its number in Unicode.

use picollect_evaluate::numbers::{decimals_for, prefix, ratio};

use super::figures::{Figure, Figures};
use super::numbers::{DASH, spaced};
use super::page::printable;

/// Significant digits of the greatest figure of a column, and at least one less of the smallest.
const DIGITS: i32 = 4;
/// A column of figures that are far apart has no more decimals than this, and shares are no more exact.
const MOST_DECIMALS: usize = 4;

/// What a document needs for these tables, as a comment.
const HEAD: &str = "% by picollect; needs \\usepackage{booktabs} and \\usepackage[T1]{fontenc}\n";

/// Tables below each other; those without rows are left out.
pub(crate) fn tables(tables: &[Figures]) -> String {
    let tables = tables.iter().filter(|figures| !figures.rows.is_empty());
    HEAD.to_owned() + &tables.map(table).collect::<Vec<_>>().join("\n")
}

fn table(figures: &Figures) -> String {
    let columns: Vec<Set> = (0..figures.columns.len()).map(|index| Set::of(figures, index)).collect();
    let sides: String = columns.iter().map(|column| if column.numeric { 'r' } else { 'l' }).collect();
    let heads = heads(&columns);
    let rows = (0..figures.rows.len())
        .map(|row| columns.iter().map(|column| column.cells[row].clone()).collect::<Vec<_>>());
    framed(&figures.caption, &sides, &heads, rows, &figures.notes)
}

/// Two rows of figures as columns, with the ratio of the second to the first.
pub(crate) fn side_by_side(figures: &Figures, names: [&str; 2]) -> String {
    let by = format!("{} by {}", names[1], names[0]);
    let heads = [["", names[0], names[1], &by].map(escaped).to_vec()];
    let rows = (0..figures.columns.len()).map(|index| {
        let set = Set::of(figures, index);
        let by = figures.ratio(index).map(|by| escaped(&ratio(Some(by), Some(1.0)))).unwrap_or_default();
        let cell = |row: usize| set.cells.get(row).cloned().unwrap_or_default();
        vec![set.quantity(), cell(0), cell(1), by]
    });
    HEAD.to_owned() + &framed(&figures.caption, "lrrr", &heads, rows, &figures.notes)
}

fn framed(
    caption: &str,
    sides: &str,
    heads: &[Vec<String>],
    rows: impl Iterator<Item = Vec<String>>,
    notes: &[String],
) -> String {
    let row = |cells: &[String]| format!("    {} \\\\\n", cells.join(" & "));
    let mut text = format!(
        "\\begin{{table}}\n  \\centering\n  \\caption{{{}}}\n  \\footnotesize\n  \\setlength{{\\tabcolsep}}{{4pt}}\n",
        escaped(caption)
    );
    text += &format!("  \\begin{{tabular}}{{{sides}}}\n    \\toprule\n");
    text.extend(heads.iter().map(|cells| row(cells)));
    text += "    \\midrule\n";
    text.extend(rows.map(|cells| row(&cells)));
    text += "    \\bottomrule\n  \\end{tabular}\n";
    if !notes.is_empty() {
        let notes: Vec<_> = notes.iter().map(|note| format!("    {}", escaped(note))).collect();
        let notes = notes.join("\\\\\n");
        text += &format!("\n  \\medskip\n  \\parbox{{\\linewidth}}{{\\footnotesize\n{notes}}}\n");
    }
    text + "\\end{table}\n"
}

/// The head in as many lines as its longest name has words, so that columns are no wider than they must be; the units
/// are the last one.
fn heads(columns: &[Set]) -> Vec<Vec<String>> {
    let words = |column: &Set| column.name.split(' ').map(escaped).collect::<Vec<_>>();
    let height = columns.iter().map(|column| words(column).len()).max().unwrap_or(0);
    let line = |index: usize| {
        let word = |column: &Set| {
            let words = words(column);
            (index + words.len()).checked_sub(height).and_then(|place| words.get(place).cloned())
        };
        columns.iter().map(|column| word(column).unwrap_or_default()).collect()
    };
    let units = columns.iter().map(|column| escaped(&column.unit)).collect::<Vec<_>>();
    let units = Some(units).filter(|units| units.iter().any(|unit| !unit.is_empty()));
    (0..height).map(line).chain(units).collect()
}

/// A column as it is set.
struct Set {
    name: String,
    /// With its prefix.
    unit: String,
    numeric: bool,
    cells: Vec<String>,
}

impl Set {
    fn of(figures: &Figures, index: usize) -> Self {
        let column = &figures.columns[index];
        let values = || figures.column(index).filter_map(Figure::value).map(f64::abs);
        let greatest = values().reduce(f64::max).unwrap_or(0.0);
        let (scale, prefix) = if column.unit.is_empty() { (1.0, "") } else { prefix(greatest, &column.unit) };
        let doubts = || figures.column(index).filter_map(Figure::uncertainty);
        let decimals = decimals(values().map(|value| value / scale), doubts().map(|doubt| doubt / scale));
        let cell = |figure: &Figure| match figure {
            Figure::Text(text) => escaped(text),
            Figure::Count(count) => count.map_or_else(|| escaped(DASH), |count| count.to_string()),
            Figure::Number { value: None, .. } => escaped(DASH),
            Figure::Number { value: Some(value), uncertainty: None } => {
                format!("${:.decimals$}$", value / scale)
            }
            Figure::Number { value: Some(value), uncertainty: Some(doubt) } => {
                format!("${:.decimals$} \\pm {:.decimals$}$", value / scale, doubt / scale)
            }
        };
        Self {
            name: column.name.clone(),
            unit: format!("{prefix}{}", column.unit),
            numeric: figures.column(index).all(|figure| !matches!(figure, Figure::Text(_))),
            cells: figures.column(index).map(cell).collect(),
        }
    }

    /// `mean power / kW`: a quantity by its unit is a number (ISO 80000-1).
    fn quantity(&self) -> String {
        let (name, unit) = (escaped(&self.name), escaped(&self.unit));
        match unit.as_str() {
            "" => name,
            unit if self.unit.contains(['/', ' ']) => format!("{name} / ({unit})"),
            unit => format!("{name} / {unit}"),
        }
    }
}

/// Decimals that all figures of a column share, so that their points stand below each other: as many as the greatest
/// figure has, more for the smallest one, and two digits of the smallest uncertainty.
fn decimals(values: impl Iterator<Item = f64> + Clone, doubts: impl Iterator<Item = f64>) -> usize {
    let values = values.filter(|value| *value > 0.0);
    let of_greatest = values.clone().reduce(f64::max).map_or(0, |value| decimals_for(value, DIGITS));
    let of_smallest = values.reduce(f64::min).map_or(0, |value| decimals_for(value, DIGITS - 1));
    let doubt = doubts.filter(|doubt| *doubt > 0.0).reduce(f64::min).map(|doubt| decimals_for(doubt, 2));
    doubt.map_or(of_greatest.max(of_smallest), |doubt| doubt.min(of_greatest)).min(MOST_DECIMALS)
}

/// Text in which nothing is a command.
pub(crate) fn escaped(text: &str) -> String {
    // Two hyphens beside each other would become a dash.
    printable(&spaced(text)).replace("--", "-\u{0}-").replace("--", "-\u{0}-").chars().map(letter).collect()
}

fn letter(letter: char) -> String {
    let known = match letter {
        '\\' => "\\textbackslash{}",
        '{' => "\\{",
        '}' => "\\}",
        '$' => "\\$",
        '&' => "\\&",
        '#' => "\\#",
        '%' => "\\%",
        '_' => "\\_",
        '^' => "\\textasciicircum{}",
        '~' => "\\textasciitilde{}",
        '<' => "\\textless{}",
        '>' => "\\textgreater{}",
        '|' => "\\textbar{}",
        '"' => "\\textquotedbl{}",
        '\'' => "\\textquotesingle{}",
        '`' => "\\textasciigrave{}",
        '\u{0}' => "{}",
        // Behind the end of a row it would begin an argument.
        '[' => "{[}",
        ']' => "{]}",
        '–' => "\\textendash{}",
        '…' => "\\dots{}",
        '·' => "\\textperiodcentered{}",
        '×' => "$\\times$",
        '±' => "$\\pm$",
        '≤' => "$\\leq$",
        '≥' => "$\\geq$",
        '°' => "\\textdegree{}",
        'µ' | 'μ' => "\\textmu{}",
        '²' => "\\textsuperscript{2}",
        '³' => "\\textsuperscript{3}",
        letter if letter == ' ' || letter.is_ascii_graphic() || is_in_t1(letter) => {
            return letter.to_string();
        }
        letter => return format!("U+{:04X}", u32::from(letter)),
    };
    known.to_owned()
}

/// The letters of western and central Europe that the encoding T1 has
/// (<https://www.latex-project.org/help/documentation/encguide.pdf>).
fn is_in_t1(letter: char) -> bool {
    ('À'..='ÿ').contains(&letter) && !matches!(letter, '×' | '÷')
        || "ĂăĄąĆćČčĎďĐđĘęĚěĞğİıĹĺĽľŁłŃńŇňŐőŒœŔŕŘřŚśŞşŠšŢţŤťŮůŰűŸŹźŻżŽž".contains(letter)
}

#[cfg(test)]
mod tests {
    use super::super::figures::Column;
    use super::*;

    fn figures(unit: &str, values: &[(Option<f64>, Option<f64>)]) -> Set {
        let figures = Figures {
            caption: String::new(),
            columns: vec![Column::new("figure", unit)],
            rows: values
                .iter()
                .map(|(value, doubt)| vec![Figure::with_uncertainty(*value, *doubt)])
                .collect(),
            notes: Vec::new(),
        };
        Set::of(&figures, 0)
    }

    #[test]
    fn a_column_has_one_prefix_and_its_points_stand_below_each_other() {
        let set = figures("FLOPS", &[(Some(4.5e6), None), (Some(60e6), None), (None, None)]);
        assert_eq!((set.quantity().as_str(), set.unit.as_str()), ("figure / MFLOPS", "MFLOPS"));
        assert_eq!(set.cells, ["$4.50$", "$60.00$", "\\textendash{}"]);
        let set = figures("FLOPS/W", &[(Some(3.537e8), Some(4.1e6)), (Some(9.2e7), Some(9e5))]);
        assert_eq!(set.quantity(), "figure / (MFLOPS/W)");
        assert_eq!(set.cells, ["$353.7 \\pm 4.1$", "$92.0 \\pm 0.9$"]);
        let set = figures("", &[(Some(1.0), None), (Some(13.33), None)]);
        assert_eq!(
            (set.quantity().as_str(), set.cells),
            ("figure", vec!["$1.00$".to_owned(), "$13.33$".to_owned()])
        );
    }

    #[test]
    fn a_head_has_a_line_for_each_word_and_its_units_below() {
        let set = |name: &str, unit: &str| Set {
            name: name.into(),
            unit: unit.into(),
            numeric: true,
            cells: Vec::new(),
        };
        let found = heads(&[set("run", ""), set("mean power", "kW")]);
        assert_eq!(found, [["", "mean"], ["run", "power"], ["", "kW"]]);
    }

    #[test]
    fn no_foreign_text_is_a_command_or_stops_the_typesetting() {
        assert_eq!(escaped("\\input{/etc/passwd}%"), "\\textbackslash{}input\\{/etc/passwd\\}\\%");
        assert_eq!(
            escaped("a_b & c#1 ~^$x$"),
            "a\\_b \\& c\\#1 \\textasciitilde{}\\textasciicircum{}\\$x\\$"
        );
        assert_eq!(escaped("Köln [漢] ?`!`"), "Köln {[}U+6F22{]} ?\\textasciigrave{}!\\textasciigrave{}");
        assert_eq!(escaped("a\u{1b}[31m"), "aU+FFFD{[}31m");
        assert_eq!(escaped("a-b --- --"), "a-b -{}-{}- -{}-");
    }
}

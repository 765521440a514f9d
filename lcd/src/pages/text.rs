//! How figures, names and bars are written into few cells.

use super::{Figure, Origin};
use crate::Frame;
use crate::glyphs::FIFTHS;

/// What stands for an unknown figure.
pub(crate) const UNKNOWN: &str = "--";
/// What stands for what was left out of a name.
const ELISION: char = '·';
/// Columns of dots in a cell.
const COLUMNS_IN_CELL: usize = 5;
const FULL: &str = "█";
const EMPTY: &str = "·";
const JOULES_IN_KWH: f64 = 3.6e6;

/// The value with so many decimals; what is not finite is as unknown as what is missing.
pub(crate) fn number(value: Option<f64>, decimals: usize) -> String {
    let known = value.filter(|value| value.is_finite());
    known.map_or_else(|| UNKNOWN.to_owned(), |value| format!("{value:.decimals$}"))
}

/// Three digits, a prefix and the unit: `1.23MJ`, `312W`.
pub(crate) fn si(figure: Figure, unit: &str) -> String {
    const PREFIXES: [&str; 5] = ["", "k", "M", "G", "T"];
    let Some(value) = figure.value.filter(|value| value.is_finite()) else {
        return format!("{UNKNOWN}{unit}");
    };
    let (mut scaled, mut prefix) = (value, 0);
    // What would be rounded up to a thousand has the next prefix already.
    while scaled.abs() >= 999.5 && prefix + 1 < PREFIXES.len() {
        scaled /= 1e3;
        prefix += 1;
    }
    // Tenths of a watt mean something, tenths of a joule do not.
    let decimals = match scaled.abs() {
        scaled if scaled >= 99.95 || (prefix == 0 && unit == "J") => 0,
        scaled if scaled >= 9.995 || prefix == 0 => 1,
        _ => 2,
    };
    format!("{}{scaled:.decimals$}{}{unit}", figure.mark(), PREFIXES[prefix])
}
/// Joules as kilowatt-hours of three digits: `0.034kWh`, `1.25kWh`, `312kWh`.
pub(crate) fn kwh(figure: Figure, unit: &str) -> String {
    let figure = Figure { value: figure.value.map(|joules| joules / JOULES_IN_KWH), ..figure };
    let decimals = match figure.value.map_or(0.0, f64::abs) {
        value if value >= 99.95 => 0,
        value if value >= 9.995 => 1,
        value if value >= 0.0995 || value == 0.0 => 2,
        _ => 3,
    };
    format!("{}{}{unit}", figure.mark(), number(figure.value, decimals))
}

/// The time of a minute of the day.
pub(crate) fn clock_time(minute: Option<u16>) -> String {
    minute.map_or_else(|| "--:--".to_owned(), |minute| format!("{:02}:{:02}", minute / 60, minute % 60))
}

pub(crate) fn watts(figure: Figure) -> String {
    si(figure, "W")
}

/// The first that fits, else signs that say that nothing did: digits are never cut off.
pub(crate) fn within(width: usize, spellings: &[String]) -> String {
    let fitting = spellings.iter().find(|spelling| spelling.chars().count() <= width);
    fitting.cloned().unwrap_or_else(|| "#".repeat(width))
}

/// A name in at most `width` cells. Names in a cluster differ at their end, so a long one loses its middle.
pub(crate) fn name(name: &str, width: usize) -> String {
    let length = name.chars().count();
    if length <= width {
        return name.to_owned();
    }
    let tail = width / 2;
    let head = width.saturating_sub(tail + 1);
    let kept = name.chars().take(head).chain([ELISION]).chain(name.chars().skip(length - tail));
    kept.take(width).collect()
}

/// The name, and before it whether all this is simulated.
pub(crate) fn labelled(simulated: bool, name: &str) -> String {
    if simulated { format!("SIM {name}") } else { name.to_owned() }
}

/// Like [`labelled`], in at most `width` cells: the name is shortened, the label is not.
pub(crate) fn labelled_within(simulated: bool, text: &str, width: usize) -> String {
    let label = labelled(simulated, "");
    label.clone() + &name(text, width.saturating_sub(label.len()))
}

/// Whether a figure makes its page a simulated one.
pub(crate) fn simulated(figures: &[Figure]) -> bool {
    figures.iter().any(|figure| figure.origin == Origin::Simulated)
}

/// A name or what stands for one that is not known.
pub(crate) fn known(text: Option<&str>) -> &str {
    text.unwrap_or(UNKNOWN)
}

/// Hours, minutes and seconds; from a hundred hours on days and hours.
pub(crate) fn elapsed(seconds: Option<u64>) -> String {
    match seconds {
        None => UNKNOWN.to_owned(),
        Some(s) if s >= 360_000 => format!("{}d{:02}h", s / 86_400, s / 3_600 % 24),
        Some(s) => format!("{}:{:02}:{:02}", s / 3_600, s / 60 % 60, s % 60),
    }
}

/// A bar of so many cells for a share of one, by columns of dots: a cell has five.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the bar's columns")]
pub(crate) fn bar(share: Option<f64>, cells: usize) -> String {
    let Some(share) = share.filter(|share| share.is_finite()) else {
        return format!("{UNKNOWN:^cells$}");
    };
    let columns = cells * COLUMNS_IN_CELL;
    let filled = (share.clamp(0.0, 1.0) * columns as f64).round() as usize;
    let part = (filled % COLUMNS_IN_CELL).checked_sub(1).map(|fifth| FIFTHS[fifth]);
    let drawn = filled.div_ceil(COLUMNS_IN_CELL);
    FULL.repeat(filled / COLUMNS_IN_CELL)
        + &part.map(String::from).unwrap_or_default()
        + &EMPTY.repeat(cells - drawn)
}

/// A row with a text at each end. The right one is whole, and the left one is shortened to leave a blank
/// between them.
pub(crate) fn spread(frame: &mut Frame, row: usize, left: &str, right: &str) {
    let room = frame.size().columns.saturating_sub(right.chars().count() + 1);
    frame.write(row, &name(left, room));
    frame.write_right(row, right);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(value: f64) -> Figure {
        Figure::new(Some(value), Origin::Measured)
    }

    #[test]
    fn figures_have_three_digits_at_most_and_a_prefix() {
        let texts = [0.0, 4.96, 31.24, 312.4, 999.6, 31_240.0].map(|value| watts(measured(value)));
        assert_eq!(texts, ["0.0W", "5.0W", "31.2W", "312W", "1.00kW", "31.2kW"]);
        let texts = [12.4, 1_234_000.0, 2.31e9].map(|value| si(measured(value), "J"));
        assert_eq!(texts, ["12J", "1.23MJ", "2.31GJ"]);
    }

    #[test]
    fn what_is_not_known_is_no_figure_and_has_no_mark() {
        let unknown = Figure { value: None, origin: Origin::Estimated, partial: true };
        assert_eq!(
            (watts(unknown), watts(measured(f64::NAN)), elapsed(None)),
            ("--W".into(), "--W".into(), "--".into())
        );
        assert_eq!((bar(None, 6), bar(Some(f64::NAN), 2)), ("  --  ".into(), "--".into()));
        let estimated = Figure { value: Some(31.2), origin: Origin::Estimated, partial: true };
        assert_eq!(
            (watts(estimated), watts(Figure { partial: false, ..estimated })),
            (">~31.2W".into(), "~31.2W".into())
        );
    }

    #[test]
    fn energy_is_in_kilowatt_hours_of_three_digits() {
        let texts = [0.0, 122_400.0, 1.224e6, 4.5e7, 1.123e9, f64::NAN].map(|j| kwh(measured(j), "kWh"));
        assert_eq!(texts, ["0.00kWh", "0.034kWh", "0.34kWh", "12.5kWh", "312kWh", "--kWh"]);
        let partial = Figure { partial: true, ..measured(1.224e6) };
        assert_eq!((kwh(partial, ""), kwh(Figure::default(), "")), (">0.34".into(), "--".into()));
    }

    #[test]
    fn a_bar_is_filled_by_fifths_of_a_cell() {
        let bars = [0.0, 0.1, 0.26, 0.5, 0.99, 1.0, 7.0].map(|share| bar(Some(share), 4));
        assert_eq!(bars, ["····", "▍···", "█···", "██··", "████", "████", "████"]);
        assert_eq!(bar(Some(0.43), 4), "█▊··");
    }

    #[test]
    fn a_long_name_loses_its_middle_and_its_label_stays() {
        assert_eq!(name("raspberrypi-rack2-17", 9), "rasp·2-17");
        assert_eq!([name("abc", 3), name("abc", 2), name("abc", 1), name("abc", 0)], ["abc", "·c", "·", ""]);
        assert_eq!(labelled_within(true, "raspberrypi-17", 10), "SIM ra·-17");
    }

    #[test]
    fn time_is_written_in_hours_until_days_are_shorter() {
        let texts = [59, 754, 359_999, 360_000].map(|s| elapsed(Some(s)));
        assert_eq!(texts, ["0:00:59", "0:12:34", "99:59:59", "4d04h"]);
    }
}

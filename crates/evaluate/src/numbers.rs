//! Numbers, shares, times and money as people read them; every format of a report but JSON and CSV takes them
//! from here.
//!
//! A number and its unit are joined by [`JOINT`], so that no line ends between them.
//!
//! Invariant: what is unknown or no number becomes [`DASH`], never a zero; a share under one is never
//! rounded up to one.

/// Stands for what is unknown.
pub const DASH: &str = "–";

/// A space at which no line is broken.
pub const JOINT: char = '\u{a0}';

/// Significant digits of a figure.
const DIGITS: i32 = 4;

/// Units that take a prefix for parts too; of what is counted there are no thousandths.
const WITH_PARTS: [&str; 6] = ["J", "W", "s", "g", "J·s", "J·s²"];

/// The steps of a thousand from 10⁻⁹ to 10¹⁸.
const PREFIXES: [&str; 10] = ["n", "µ", "m", "", "k", "M", "G", "T", "P", "E"];
/// Where no prefix stands in [`PREFIXES`].
const NO_PREFIX: i32 = 3;

/// A figure with an SI prefix and its unit: `1.800 GFLOPS/W`.
pub fn si(value: Option<f64>, unit: &str) -> String {
    known(value, |value| {
        let (scale, prefix) = prefix(value, unit);
        with_unit(&significant(value / scale, DIGITS), prefix, unit)
    })
}

/// The same with plain spaces, for what is not laid out any more.
pub fn si_spaced(value: Option<f64>, unit: &str) -> String {
    spaced(&si(value, unit))
}

/// A figure with its standard uncertainty in the same unit: `1.80 ± 0.05 GFLOPS/W`.
pub fn si_with_uncertainty(value: Option<f64>, uncertainty: Option<f64>, unit: &str) -> String {
    let pair = value.zip(uncertainty).filter(|(value, uncertainty)| value.is_finite() && *uncertainty > 0.0);
    let Some((value, uncertainty)) = pair else { return si(value, unit) };
    let (scale, prefix) = prefix(value, unit);
    let (value, uncertainty) = (value / scale, uncertainty / scale);
    // Two digits of the uncertainty, and no more of the value than any other figure has.
    let decimals = (1 - exponent(uncertainty, 2)).clamp(0, (DIGITS - 1 - exponent(value, DIGITS)).max(0));
    let decimals = usize::try_from(decimals).unwrap_or(0);
    with_unit(&format!("{value:.decimals$} ± {uncertainty:.decimals$}"), prefix, unit)
}

/// A figure in its unit as it stands, for what takes no prefix: `55.5 °C`.
pub fn plain(value: Option<f64>, unit: &str) -> String {
    known(value, |value| with_unit(&significant(value, DIGITS - 1), "", unit))
}

/// A figure with this many decimals and without a unit, for a column that names it.
pub fn decimals(value: Option<f64>, decimals: usize) -> String {
    known(value, |value| format!("{value:.decimals$}"))
}

/// A share: `99.5 %`.
pub fn percent(share: Option<f64>) -> String {
    known(share, |share| match share {
        share if share > 0.0 && share < 0.0005 => joined("< 0.1 %"),
        share if share > 0.999 && share < 1.0 => joined("> 99.9 %"),
        share => joined(&format!("{:.1} %", share * 100.0)),
    })
}

/// One figure by another: `1.25 ×`.
pub fn ratio(of: Option<f64>, by: Option<f64>) -> String {
    let ratio = of.zip(by).and_then(|(of, by)| (by != 0.0).then(|| of / by));
    known(ratio, |ratio| joined(&format!("{} ×", significant(ratio, 3))))
}

/// An amount of money with its currency.
pub fn money(amount: Option<f64>, currency: &str) -> String {
    known(amount, |amount| match amount {
        amount if amount == 0.0 || amount.abs() >= 1.0 => format!("{amount:.2}{JOINT}{currency}"),
        amount => format!("{}{JOINT}{currency}", significant(amount, 3)),
    })
}

/// A length of time in its two largest units: `12.3 s`, `5 min 20 s`, `3 h 12 min`, `2 d 3 h`.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() {
        return DASH.to_owned();
    }
    if seconds < 59.95 {
        return joined(&format!("{seconds:.1} s"));
    }
    let two = |large: f64, small: f64, names: (&str, &str)| {
        let all = (seconds / small).round();
        let of_large = large / small;
        let (whole, rest) = ((all / of_large).floor(), all % of_large);
        let rest = if rest > 0.0 { format!(" {rest:.0} {}", names.1) } else { String::new() };
        joined(&format!("{whole:.0} {}{rest}", names.0))
    };
    match seconds {
        seconds if seconds < 3_599.5 => two(60.0, 1.0, ("min", "s")),
        seconds if seconds < 86_370.0 => two(3_600.0, 60.0, ("h", "min")),
        _ => two(86_400.0, 3_600.0, ("d", "h")),
    }
}

/// A moment: `2026-11-23 12:00:00 UTC`; a text that is no RFC 3339 stands as it is.
pub fn moment(rfc3339: &str) -> String {
    match (day(rfc3339), rfc3339.get(11..19)) {
        (Some(day), Some(clock)) => format!("{day} {clock} UTC"),
        _ => rfc3339.to_owned(),
    }
}

/// The time of day of a moment; with its date where the window has more than one.
pub fn clock(rfc3339: &str, dated: bool) -> String {
    match (day(rfc3339), rfc3339.get(11..19)) {
        (Some(day), Some(clock)) if dated => format!("{day} {clock}"),
        (_, Some(clock)) => clock.to_owned(),
        _ => rfc3339.to_owned(),
    }
}

/// `1 node`, `2 nodes`.
pub fn count(number: usize, of: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {of}{plural}")
}

/// This many significant digits without an exponent; whole numbers keep all their digits.
pub fn significant(value: f64, digits: i32) -> String {
    let decimals = decimals_for(value, digits);
    format!("{value:.decimals$}")
}

/// How many decimals this many significant digits of a value are; none of whole numbers.
pub fn decimals_for(value: f64, digits: i32) -> usize {
    usize::try_from(digits - 1 - exponent(value, digits)).unwrap_or(0)
}

/// A text of our own in which no line is broken.
fn joined(text: &str) -> String {
    text.replace(' ', &JOINT.to_string())
}

/// A text with plain spaces, for formats that break no lines or have broken them already.
pub fn spaced(text: &str) -> String {
    text.replace(JOINT, " ")
}

/// The day of a moment in RFC 3339; `None` of another text.
pub fn day(rfc3339: &str) -> Option<&str> {
    rfc3339.get(..10).filter(|_| rfc3339.get(10..11) == Some("T"))
}

fn known(value: Option<f64>, text: impl FnOnce(f64) -> String) -> String {
    value.filter(|value| value.is_finite()).map_or_else(|| DASH.to_owned(), text)
}

/// The power of ten of the first digit, after rounding to so many digits.
fn exponent(value: f64, digits: i32) -> i32 {
    let digits = usize::try_from(digits - 1).unwrap_or(0);
    let text = format!("{value:.digits$e}");
    text.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0)
}

/// What to divide by, and the prefix that says so. CoreMark's score is a number of its own and takes
/// none.
pub fn prefix(value: f64, unit: &str) -> (f64, &'static str) {
    let least = if WITH_PARTS.contains(&unit) { 0 } else { NO_PREFIX };
    let most = if unit.starts_with("CoreMark") { NO_PREFIX } else { 9 };
    let index = (exponent(value, DIGITS).div_euclid(3) + NO_PREFIX).clamp(least.min(most), most);
    let name = usize::try_from(index).ok().and_then(|index| PREFIXES.get(index)).copied().unwrap_or_default();
    (1000_f64.powi(index - NO_PREFIX), name)
}

fn with_unit(number: &str, prefix: &str, unit: &str) -> String {
    format!("{}{JOINT}{prefix}{unit}", joined(number)).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_has_four_digits_and_the_prefix_that_fits() {
        for (value, unit, text) in [
            (1.8e9, "FLOPS/W", "1.800 GFLOPS/W"),
            (999_960.0, "J", "1.000 MJ"),
            (0.0123, "W", "12.30 mW"),
            (0.5, "FLOPS", "0.5000 FLOPS"),
            (0.0, "J", "0.000 J"),
            (-12.0, "J", "-12.00 J"),
            (123_456.0, "CoreMark", "123456 CoreMark"),
            (3.2e21, "FLOPS", "3200 EFLOPS"),
            (1e-12, "J", "0.001000 nJ"),
        ] {
            assert_eq!(spaced(&si(Some(value), unit)), text);
        }
        assert_eq!(si(None, "J"), DASH);
        assert_eq!(si(Some(f64::NAN), "J"), DASH);
        assert_eq!(si(Some(f64::INFINITY), "J"), DASH);
    }

    #[test]
    fn the_uncertainty_gives_the_number_of_decimals() {
        let text = |value, uncertainty| spaced(&si_with_uncertainty(Some(value), Some(uncertainty), "W"));
        assert_eq!(text(5.0, 0.05), "5.000 ± 0.050 W");
        assert_eq!(text(34.62, 0.7), "34.62 ± 0.70 W");
        assert_eq!(text(34.62, 12.0), "35 ± 12 W");
        assert_eq!(text(1_834.0, 21.0), "1.834 ± 0.021 kW");
        assert_eq!(text(1.0, 0.000_01), "1.000 ± 0.000 W");
        assert_eq!(spaced(&si_with_uncertainty(Some(5.0), None, "W")), "5.000 W");
        assert_eq!(si_with_uncertainty(None, Some(1.0), "W"), DASH);
    }

    #[test]
    fn nearly_all_is_not_all_and_nearly_none_is_not_none() {
        let texts = [1.0, 0.999_99, 0.5, 0.000_1, 0.0].map(|share| spaced(&percent(Some(share))));
        assert_eq!(texts, ["100.0 %", "> 99.9 %", "50.0 %", "< 0.1 %", "0.0 %"]);
    }

    #[test]
    fn a_duration_has_two_units() {
        let texts = [0.25, 59.96, 60.0, 320.4, 3_599.7, 11_520.0, 86_390.0, 183_600.0]
            .map(|seconds| spaced(&duration(seconds)));
        let expected = ["0.2 s", "1 min", "1 min", "5 min 20 s", "1 h", "3 h 12 min", "1 d", "2 d 3 h"];
        assert_eq!(texts, expected);
    }

    #[test]
    fn a_time_that_is_none_stands_as_it_is() {
        assert_eq!(clock("später", true), "später");
        assert_eq!(clock("2026-11-23T12:00:00Z", true), "2026-11-23 12:00:00");
        assert_eq!(clock("2026-11-23T12:00:00Z", false), "12:00:00");
        assert_eq!(moment("2026-11-23T12:00:00.000Z"), "2026-11-23 12:00:00 UTC");
    }

    #[test]
    fn money_keeps_its_cents_and_small_money_its_digits() {
        assert_eq!(spaced(&money(Some(312.5), "EUR")), "312.50 EUR");
        assert_eq!(spaced(&money(Some(0.001_234), "EUR")), "0.00123 EUR");
        assert_eq!(ratio(Some(3.0), Some(0.0)), DASH);
        assert_eq!(spaced(&ratio(Some(5.0), Some(4.0))), "1.25 ×");
    }

    #[test]
    fn what_takes_no_prefix_has_three_digits_and_one_of_something_is_no_plural() {
        let texts = [55.46, 8.126, 104.6].map(|value| spaced(&plain(Some(value), "°C")));
        assert_eq!(texts, ["55.5 °C", "8.13 °C", "105 °C"]);
        assert_eq!([0, 1, 2].map(|number| count(number, "node")), ["0 nodes", "1 node", "2 nodes"]);
    }
}

//! How a figure is written: its unit, how it is known, what is unknown; the state of a node; an icon.

use maud::{Markup, html};
use picollect_analysis::nodes::Node;
use picollect_evaluate::numbers::{duration, significant};
use picollect_evaluate::presence::Presence;
use picollect_evaluate::throttle::Cause;
use picollect_settings::time::rfc3339;
use picollect_telemetry::{NoData, Source};

/// From here on energy is written in kWh: 0.1 of them.
const KWH_FROM_J: f64 = 360_000.0;
const J_PER_KWH: f64 = 3_600_000.0;

/// One of the icons of `defs.svg`; a word stands beside it.
pub(crate) fn icon(name: &str) -> Markup {
    html! { svg.i aria-hidden="true" { use href=(format!("#i-{name}")) {} } }
}

/// A value with its unit; `None` is not known.
pub(crate) fn figure(value: Option<String>, unit: &str, class: &str) -> Markup {
    let Some(value) = value else { return html! { span class="fig none" { "not known" } } };
    html! { span class=(joined("fig", class)) { (value) span.un { (unit) } } }
}

fn joined(one: &str, other: &str) -> String {
    if other.is_empty() { one.to_owned() } else { format!("{one} {other}") }
}

/// A number with four significant digits at most; the minus is the typographic one.
pub(crate) fn number(value: f64, most_decimals: usize) -> String {
    let size = value.abs();
    let decimals = match size {
        size if size >= 999.5 => 0,
        size if size >= 99.95 => 1,
        size if size >= 9.995 => 2,
        _ => 3,
    };
    let text = format!("{size:.0$}", decimals.min(most_decimals));
    let is_none = text.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    if value < 0.0 && !is_none { format!("−{text}") } else { text }
}

/// Watts, with ≈ where they are estimated.
pub(crate) fn watts(watts: f64, is_estimated: bool) -> String {
    let digits = if watts.abs() < 9.995 { 2 } else { 1 };
    format!("{}{}", if is_estimated { "≈ " } else { "" }, number(watts, digits))
}

/// Energy: kWh and beside it J, or J alone where there is little. Value and unit, and the second line.
pub(crate) fn energy(joules: f64) -> ((String, &'static str), Option<String>) {
    if joules >= KWH_FROM_J {
        let second = format!("{} MJ", significant(joules / 1e6, 3));
        return ((significant(joules / J_PER_KWH, 3), "kWh"), Some(second));
    }
    let small =
        if joules >= 1000.0 { (significant(joules / 1000.0, 3), "kJ") } else { (number(joules, 1), "J") };
    (small, None)
}

/// How a figure is known: a mark and the word.
pub(crate) fn source(source: Option<Source>, more: &str) -> Markup {
    let class = source.map_or("unknown", Source::as_str);
    html! { span class=(format!("src {class}")) { span { (class) (more) } } }
}

/// What is drawn around, in words.
pub(crate) fn boundary(name: Option<&str>) -> &'static str {
    match name {
        Some("wall") => "at the wall",
        Some("enclosure") => "of the case",
        Some("node") => "of the nodes",
        Some("soc-rails") => "of the processors’ rails",
        Some("rail") => "of single rails",
        _ => "around what is not known",
    }
}

/// A moment, in the reader's zone once the script has seen it.
pub(crate) fn moment(t_ms: i64) -> Markup {
    let text = rfc3339(t_ms);
    html! { time datetime=(text) { (text.get(11..19).unwrap_or_default()) } }
}

/// In which state a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Up,
    Late,
    Down,
    /// Several boards speak as one.
    Several(usize),
    /// The firmware throttles it, for this reason where that is known.
    Throttled(Option<Cause>),
}

impl State {
    /// What is worst of all that is so; `cause` is that of the episode that lasts.
    pub(crate) fn of(node: &Node, cause: Option<Cause>) -> Self {
        match (node.state, node.boards, node.throttled) {
            (Presence::Down, ..) => Self::Down,
            (Presence::Late, ..) => Self::Late,
            (_, Some(boards @ 2..), _) => Self::Several(boards),
            (_, _, Some(true)) => Self::Throttled(cause),
            _ if cause == Some(Cause::UnderVoltage) => Self::Throttled(cause),
            _ => Self::Up,
        }
    }

    /// Whether somebody should look.
    pub(crate) fn differs(self) -> bool {
        self != Self::Up
    }

    /// Class of its colour, icon, words.
    pub(crate) fn look(self) -> (&'static str, &'static str, String) {
        let (class, icon, words) = match self {
            Self::Up => ("good", "ok", "up"),
            Self::Late => ("gold", "late", "late"),
            Self::Down => ("hot", "down", "down"),
            Self::Several(boards) => return ("hot", "alert", format!("{boards} boards speak as one")),
            Self::Throttled(cause) => throttled(cause),
        };
        (class, icon, words.to_owned())
    }

    /// The mark and the words; `since_ms` is since when it is silent, if it is.
    pub(crate) fn markup(self, silent_s: f64) -> Markup {
        let (class, name, words) = self.look();
        let silent = if let Self::Late | Self::Down = self {
            format!(", {}", duration(silent_s))
        } else {
            String::new()
        };
        html! { span class=(format!("state {class}")) { (icon(name)) (words) (silent) } }
    }
}

fn throttled(cause: Option<Cause>) -> (&'static str, &'static str, &'static str) {
    match cause {
        Some(Cause::UnderVoltage) => ("volt", "volt", "low voltage"),
        Some(Cause::ThermalHard | Cause::ThermalSoft) => ("hot", "heat", "slowed by heat"),
        Some(Cause::FirmwareCap) => ("hot", "heat", "clock capped by the firmware"),
        Some(Cause::Inferred) => ("hot", "heat", "slowed, its clock says"),
        Some(Cause::Unknown) | None => ("hot", "heat", "throttled"),
    }
}

/// Why a node has no power figure.
pub(crate) fn no_power(why: Option<NoData>) -> String {
    why.map_or_else(|| "no meter".to_owned(), |why| why.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_four_digits_at_most_and_energy_is_in_kwh_where_it_is_large() {
        let texts = [1234.5, 123.45, 12.345, 1.2345, -4.1, -0.001].map(|value| number(value, 2));
        assert_eq!(texts, ["1234", "123.5", "12.35", "1.23", "−4.10", "0.00"]);
        assert_eq!(watts(36.84, false), "36.8");
        assert_eq!(watts(6.1, true), "≈ 6.10");
        assert_eq!(energy(943_000.0), (("0.262".to_owned(), "kWh"), Some("0.943 MJ".to_owned())));
        assert_eq!(energy(131_400.0), (("131".to_owned(), "kJ"), None));
    }

    #[test]
    fn what_is_worst_of_a_node_is_its_state() {
        let node = |state, throttled, boards| Node { state, throttled, boards, ..Node::default() };
        let heat = Some(Cause::ThermalHard);
        assert_eq!(State::of(&node(Presence::Down, Some(true), Some(2)), heat), State::Down);
        assert_eq!(State::of(&node(Presence::Up, Some(true), Some(2)), heat), State::Several(2));
        assert_eq!(State::of(&node(Presence::Up, Some(true), Some(1)), heat), State::Throttled(heat));
        assert_eq!(State::of(&node(Presence::Up, Some(false), None), None), State::Up);
        assert_eq!(State::of(&node(Presence::Up, None, None), heat), State::Up, "an episode that is over");
    }

    #[test]
    fn unknown_is_said_and_never_a_zero() {
        assert_eq!(figure(None, "W", "").into_string(), r#"<span class="fig none">not known</span>"#);
        assert!(source(None, "").into_string().contains("src unknown"));
    }
}

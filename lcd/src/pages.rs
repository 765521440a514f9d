//! What each page says. An unknown figure is shown as `--`, never as zero.

use crate::{Frame, Size};

/// What the node page shows; `None` is unknown.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NodeFacts {
    /// The node's name.
    pub name: String,
    /// Whether the node is simulated: the page says so.
    pub simulated: bool,
    /// Processor temperature, °C.
    pub temp_c: Option<f64>,
    /// Power, watts.
    pub watts: Option<f64>,
    /// Whether the power is computed by a model and not measured.
    pub estimated: bool,
    /// Processor clock, Hz.
    pub clock_hz: Option<f64>,
    /// Share of the cores that work, 0 to 1.
    pub busy: Option<f64>,
    /// Whether the node is throttled now.
    pub throttled: Option<bool>,
}

/// The node page: name, temperature, power, clock and load.
pub fn node(facts: &NodeFacts, size: Size) -> Frame {
    let mut frame = Frame::blank(size);
    let alarm = if facts.throttled == Some(true) { "!" } else { "" };
    let name = if facts.simulated { format!("SIM {}", facts.name) } else { facts.name.clone() };
    let temp = format!("{}°C", figure(facts.temp_c, 1));
    let tilde = if facts.estimated { "~" } else { "" };
    let watts = format!("{tilde}{}W", figure(facts.watts, 1));
    let clock = format!("{}GHz{alarm}", figure(facts.clock_hz.map(|hz| hz / 1e9), 1));
    let busy = format!("{}%", figure(facts.busy.map(|busy| busy * 100.0), 0));
    frame.write(0, &name);
    if size.rows < 4 {
        frame.write_right(0, &format!(" {temp}"));
        frame.write(1, &format!("{watts} {clock}"));
        frame.write_right(1, &busy);
    } else {
        frame.write(1, &format!("temp {temp}"));
        frame.write_right(1, &watts);
        frame.write(2, &format!("clock {clock}"));
        frame.write_right(2, &busy);
        frame.write(3, &bar(facts.busy, size.columns));
    }
    frame
}

fn figure(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| "--".to_owned(), |value| format!("{value:.decimals$}"))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=columns")]
fn bar(busy: Option<f64>, columns: usize) -> String {
    let filled = busy.map_or(0.0, |busy| (busy.clamp(0.0, 1.0) * columns as f64).round()) as usize;
    "█".repeat(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> NodeFacts {
        NodeFacts {
            name: "pi-3".into(),
            simulated: false,
            temp_c: Some(61.24),
            watts: Some(5.13),
            estimated: true,
            clock_hz: Some(1.4e9),
            busy: Some(0.98),
            throttled: Some(false),
        }
    }

    #[test]
    fn the_node_page_on_both_panels() {
        let small = node(&facts(), Size::SMALL);
        assert_eq!(
            small.to_terminal(),
            "┌──────────────────┐\n│ pi-3      61.2°C │\n│ ~5.1W 1.4GHz 98% │\n└──────────────────┘\n"
        );
        let large = node(&facts(), Size::LARGE);
        let rows: Vec<_> = (0..4).map(|row| large.row(row)).collect();
        assert_eq!(
            rows,
            ["pi-3                ", "temp 61.2°C    ~5.1W", "clock 1.4GHz     98%", "████████████████████"]
        );
    }

    #[test]
    fn the_unknown_is_a_dash_a_throttled_node_is_marked_and_a_simulated_one_says_so() {
        let unknown = node(&NodeFacts { name: "x86".into(), ..NodeFacts::default() }, Size::SMALL);
        assert_eq!(
            (unknown.row(0).as_str(), unknown.row(1).as_str()),
            ("x86         --°C", "--W --GHz    --%")
        );
        let hot = NodeFacts {
            name: "sim-4".into(),
            simulated: true,
            estimated: false,
            throttled: Some(true),
            ..facts()
        };
        let frame = node(&hot, Size::SMALL);
        assert_eq!((frame.row(0).as_str(), frame.row(1).as_str()), ("SIM sim-4 61.2°C", "5.1W 1.4GHz! 98%"));
    }
}

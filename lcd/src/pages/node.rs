//! This node: temperature, power, real clock, load, and whether all is well.

use super::{Figure, Origin, text};
use crate::glyphs::{FINE, THERMOMETER, WARNING};
use crate::{Frame, Size};

/// What the node page shows; `None` is unknown.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NodeFacts {
    /// As the node calls itself.
    pub name: String,
    /// Whether the node is simulated: the page says so.
    pub simulated: bool,
    /// The processor's, never the air's, °C; `None` is unknown.
    pub temp_c: Option<f64>,
    /// Of the primary meter, watts; `None` is unknown.
    pub watts: Option<f64>,
    /// Whether the power is computed by a model and not measured.
    pub estimated: bool,
    /// The clock that really runs where it is known, Hz.
    pub clock_hz: Option<f64>,
    /// Share of the cores that work, 0 to 1.
    pub busy: Option<f64>,
    /// Whether the node is throttled now.
    pub throttled: Option<bool>,
    /// Whether its sensors answer and its readings are taken.
    pub healthy: Option<bool>,
    /// Leaves the tick out. Changed with each sample it makes the tick blink, so that a panel that shows old
    /// figures because nobody writes to it any more is told from one that is alive.
    pub off_beat: bool,
}

impl NodeFacts {
    /// The power with its origin.
    pub(crate) fn power(&self) -> Figure {
        Figure::new(self.watts, if self.estimated { Origin::Estimated } else { Origin::Measured })
    }

    /// The sign for whether all is well.
    pub(crate) fn tick(&self) -> char {
        match self.healthy {
            _ if self.off_beat => ' ',
            Some(true) if self.throttled != Some(true) => FINE,
            Some(_) => WARNING,
            None => '?',
        }
    }
}

/// Draws the page of this node; what is unknown is dashes.
pub fn node(facts: &NodeFacts, size: Size) -> Frame {
    let mut frame = Frame::blank(size);
    if size.rows < 4 {
        small(facts, &mut frame);
    } else {
        large(facts, &mut frame);
    }
    frame
}

/// Cells of the power on a small panel, and of the bar, which ends the row.
const POWER: usize = 5;
const BAR: usize = 3;

fn small(facts: &NodeFacts, frame: &mut Frame) {
    let columns = frame.size().columns;
    let name = text::labelled(facts.simulated, &facts.name);
    // A tenth of a degree is worth less than the whole name.
    let tenths = temperature(facts, 1);
    let needed = name.chars().count() + tenths.chars().count() + 2;
    let temperature = if needed > columns { temperature(facts, 0) } else { tenths };
    let room = columns.saturating_sub(temperature.chars().count() + 2);
    frame.write(0, &format!("{}{}", facts.tick(), text::labelled_within(facts.simulated, &facts.name, room)));
    frame.write_right(0, &temperature);
    frame.write(1, &power_within(facts, POWER));
    frame.write_at(1, POWER + 1, &clock(facts));
    frame.write_right(1, &text::bar(facts.busy, BAR));
}

fn large(facts: &NodeFacts, frame: &mut Frame) {
    let columns = frame.size().columns;
    let name = text::labelled_within(facts.simulated, &facts.name, columns.saturating_sub(2));
    frame.write(0, &format!("{} {name}", facts.tick()));
    text::spread(frame, 1, &temperature(facts, 1), &text::watts(facts.power()));
    let busy = format!("{}%", text::number(facts.busy.map(|busy| busy * 100.0), 0));
    text::spread(frame, 2, &clock(facts), &format!("load {busy}"));
    frame.write(3, &text::bar(facts.busy, columns));
}

fn temperature(facts: &NodeFacts, decimals: usize) -> String {
    format!("{THERMOMETER}{}°C", text::number(facts.temp_c, decimals))
}

fn power_within(facts: &NodeFacts, width: usize) -> String {
    let figure = facts.power();
    let whole = format!("{}{}W", figure.mark(), text::number(figure.value, 0));
    text::within(width, &[text::watts(figure), whole])
}

/// The clock; an exclamation mark says that it is held down.
fn clock(facts: &NodeFacts) -> String {
    let alarm = if facts.throttled == Some(true) { "!" } else { "" };
    format!("{}GHz{alarm}", text::number(facts.clock_hz.map(|hz| hz / 1e9), 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> NodeFacts {
        NodeFacts {
            name: "pi-3".into(),
            temp_c: Some(61.24),
            watts: Some(5.13),
            estimated: true,
            clock_hz: Some(1.4e9),
            busy: Some(0.98),
            throttled: Some(false),
            healthy: Some(true),
            ..NodeFacts::default()
        }
    }

    fn rows(facts: &NodeFacts, size: Size) -> Vec<String> {
        let frame = node(facts, size);
        assert_eq!(frame.replaced(), 0);
        (0..size.rows).map(|row| frame.row(row)).collect()
    }

    #[test]
    fn the_node_page_on_both_panels() {
        assert_eq!(rows(&facts(), Size::SMALL), ["✓pi-3    🌡61.2°C", "~5.1W 1.4GHz ███"]);
        assert_eq!(
            rows(&facts(), Size::LARGE),
            ["✓ pi-3              ", "🌡61.2°C        ~5.1W", "1.4GHz      load 98%", "███████████████████▋"]
        );
    }

    #[test]
    fn the_unknown_is_a_dash_a_throttled_node_is_marked_and_a_simulated_one_says_so() {
        let unknown = NodeFacts { name: "x86".into(), ..NodeFacts::default() };
        assert_eq!(rows(&unknown, Size::SMALL), ["?x86       🌡--°C", "--W   --GHz  -- "]);
        let hot = NodeFacts {
            name: "sim-4".into(),
            simulated: true,
            estimated: false,
            throttled: Some(true),
            busy: Some(1.0),
            ..facts()
        };
        assert_eq!(rows(&hot, Size::SMALL), ["⚠SIM sim-4 🌡61°C", "5.1W  1.4GHz!███"]);
    }

    #[test]
    fn nothing_runs_into_its_neighbour_and_no_digit_is_cut() {
        let large = NodeFacts {
            name: "raspberrypi-rack2-17".into(),
            temp_c: Some(104.6),
            watts: Some(12.34),
            throttled: Some(true),
            ..facts()
        };
        assert_eq!(rows(&large, Size::SMALL), ["⚠ras·2-17 🌡105°C", "~12W  1.4GHz!███"]);
        let absurd = NodeFacts { watts: Some(12_340.0), ..large };
        assert_eq!(rows(&absurd, Size::SMALL)[1], "##### 1.4GHz!███");
    }

    #[test]
    fn the_tick_blinks_with_the_samples() {
        let off = NodeFacts { off_beat: true, ..facts() };
        assert_eq!(rows(&off, Size::SMALL)[0], " pi-3    🌡61.2°C");
    }
}

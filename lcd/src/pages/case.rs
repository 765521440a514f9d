//! The case: system time, the air in it, the voltage that feeds the board.

use super::text;
use crate::glyphs::THERMOMETER;
use crate::{Frame, Size};

/// What the page of the case shows, and other pages beside their own; `None` is unknown.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CaseFacts {
    /// Whether the node is simulated.
    pub simulated: bool,
    /// The minute of the day in local time, once the node's time is settled.
    pub minute: Option<u16>,
    /// The air around the node, °C.
    pub ambient_c: Option<f64>,
    /// The voltage at the board's input, V.
    pub supply_volts: Option<f64>,
}

impl CaseFacts {
    /// Whether there is anything to say.
    pub fn is_known(&self) -> bool {
        self.minute.is_some() || self.ambient_c.is_some() || self.supply_volts.is_some()
    }

    /// Hours and minutes.
    pub(crate) fn time(&self) -> String {
        text::clock_time(self.minute)
    }
}

/// Draws the page of the case; what is unknown is dashes.
pub fn case(facts: &CaseFacts, size: Size) -> Frame {
    let mut frame = Frame::blank(size);
    let air = format!("{}°C", text::number(facts.ambient_c, 1));
    let supply = format!("{}V", text::number(facts.supply_volts, 2));
    if size.rows < 4 {
        text::spread(&mut frame, 0, &text::labelled(facts.simulated, "case"), &format!("{THERMOMETER}{air}"));
        text::spread(&mut frame, 1, &facts.time(), &supply);
    } else {
        text::spread(&mut frame, 0, &text::labelled(facts.simulated, "case"), &facts.time());
        text::spread(&mut frame, 1, "air", &air);
        text::spread(&mut frame, 2, "supply", &supply);
    }
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_case_tells_the_time_its_air_and_its_supply_and_dashes_for_what_nobody_measures() {
        let known = CaseFacts {
            minute: Some(21 * 60 + 4),
            ambient_c: Some(27.44),
            supply_volts: Some(5.068),
            ..CaseFacts::default()
        };
        let rows = |facts: &CaseFacts| {
            let frame = case(facts, Size::SMALL);
            assert_eq!(frame.replaced(), 0);
            [frame.row(0), frame.row(1)]
        };
        assert_eq!(rows(&known), ["case     🌡27.4°C", "21:04      5.07V"]);
        assert_eq!(rows(&CaseFacts::default()), ["case       🌡--°C", "--:--        --V"]);
        assert!(known.is_known() && !CaseFacts::default().is_known());
        assert_eq!(case(&known, Size::LARGE).row(2), "supply         5.07V");
    }
}

//! What the machine makes of its energy: kilowatt-hours of the day, watts now, FLOPS per watt of the last run.

use super::{Figure, text};
use crate::{Frame, Size};

/// What the efficiency page shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EfficiencyFacts {
    /// Energy since the day began, joules.
    pub today: Figure,
    /// Power of all nodes at this moment, watts.
    pub watts: Figure,
    /// FLOPS per watt of the last run that had any.
    pub last_run: Figure,
}

impl EfficiencyFacts {
    /// Whether any of it is simulated.
    pub(crate) fn simulated(&self) -> bool {
        text::simulated(&[self.today, self.watts, self.last_run])
    }
}

/// Draws the day's energy and the last run's FLOPS per watt.
pub fn efficiency(facts: &EfficiencyFacts, size: Size) -> Frame {
    let mut frame = Frame::blank(size);
    let (today, watts) = (text::kwh(facts.today, "kWh"), text::watts(facts.watts));
    if size.rows < 4 {
        // The label costs the word.
        let label = if facts.simulated() { "SIM" } else { "today" };
        text::spread(&mut frame, 0, label, &today);
        text::spread(&mut frame, 1, &watts, &text::si(facts.last_run, "F/W"));
    } else {
        frame.write(0, &text::labelled(facts.simulated(), "efficiency"));
        text::spread(&mut frame, 1, "today", &today);
        text::spread(&mut frame, 2, "now", &watts);
        text::spread(&mut frame, 3, "last", &text::si(facts.last_run, "FLOPS/W"));
    }
    frame
}

//! The run in progress: name, time since it began, power.

use super::{Figure, Origin, text};
use crate::glyphs::RUNNING;
use crate::{Frame, Size};

/// What the page of a run shows; `None` is unknown.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunFacts {
    /// What the user calls it; `None` if no run is in progress.
    pub name: Option<String>,
    /// Whether any node that takes part is simulated.
    pub simulated: bool,
    /// Seconds since it began.
    pub elapsed_s: Option<u64>,
    /// Power of the nodes that take part, watts.
    pub watts: Figure,
}

impl RunFacts {
    /// Whether any of it is simulated.
    pub(crate) fn simulated(&self) -> bool {
        self.simulated || self.watts.origin == Origin::Simulated
    }
}

/// The page of the run in progress.
pub fn run(facts: &RunFacts, size: Size) -> Frame {
    let mut frame = Frame::blank(size);
    let simulated = facts.simulated();
    let (elapsed, watts) = (text::elapsed(facts.elapsed_s), text::watts(facts.watts));
    let name = |simulated: bool| {
        let name = text::known(facts.name.as_deref());
        text::labelled_within(simulated, name, size.columns.saturating_sub(2))
    };
    if size.rows < 4 {
        frame.write(0, &format!("{RUNNING} {}", name(simulated)));
        text::spread(&mut frame, 1, &elapsed, &watts);
    } else {
        frame.write(0, &text::labelled(simulated, "run in progress"));
        frame.write(1, &format!("{RUNNING} {}", name(false)));
        text::spread(&mut frame, 2, "elapsed", &elapsed);
        text::spread(&mut frame, 3, "power", &watts);
    }
    frame
}

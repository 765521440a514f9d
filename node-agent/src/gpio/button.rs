//! The page button: presses out of the edges of a contact that bounces.

use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use super::pins::{Edge, OnEdge};

/// Contacts bounce for some milliseconds; a finger takes longer than this to press twice.
const BOUNCE: Duration = Duration::from_millis(30);
/// Presses that wait for somebody who looks at them; more are a stuck contact.
const MAX_PRESSES: usize = 8;

/// The page button was pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Press;

/// The presses of a button whose edges go into the callback; presses that nobody takes are dropped.
pub(super) fn button() -> (Receiver<Press>, OnEdge) {
    let (sender, presses) = sync_channel(MAX_PRESSES);
    let mut debounce = Debounce::default();
    let on_edge = move |edge| {
        if debounce.is_press(edge) {
            let _ = sender.try_send(Press);
        }
    };
    (presses, Box::new(on_edge))
}

/// A press is a falling edge after quiet; all edges that follow close upon another are the same movement.
#[derive(Debug, Default)]
struct Debounce {
    last: Option<Duration>,
}

impl Debounce {
    fn is_press(&mut self, edge: Edge) -> bool {
        let last = self.last.replace(edge.at);
        edge.falling && last.is_none_or(|last| edge.at.saturating_sub(last) >= BOUNCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpio::tests::{falling, ms, rising};

    #[test]
    fn a_bouncing_contact_is_one_press_and_its_release_none() {
        let mut debounce = Debounce::default();
        let edges = [
            (falling(ms(1000)), true),
            (rising(ms(1001)), false),
            (falling(ms(1003)), false),
            (rising(ms(1200)), false),
            (falling(ms(1202)), false),
            (rising(ms(1203)), false),
            (falling(ms(1400)), true),
        ];
        for (edge, press) in edges {
            assert_eq!(debounce.is_press(edge), press, "{edge:?}");
        }
    }

    #[test]
    fn presses_wait_for_their_reader_and_a_stuck_contact_fills_no_memory() {
        let (presses, mut on_edge) = button();
        for press in 1..=100 {
            on_edge(falling(ms(100 * press)));
        }
        assert_eq!(presses.try_iter().count(), MAX_PRESSES);
    }
}

//! The speed of a fan from the pulses of its tachometer.
//!
//! It comes from the time between pulses, not from their number in a tick: at two pulses a turn that
//! number would be coarse by thirty turns a minute in every second.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use picollect_telemetry::catalogue::FAN_RPM;

use super::pins::{Edge, OnEdge};
use picollect_sensors::tick::{Sensor, Tick};

/// No fan gives pulses closer than this: it would be 60 000 turns a minute at two pulses a turn.
const SHORTEST_PULSE: Duration = Duration::from_micros(500);
/// A fan that gave no pulse for so long stands still, or its tachometer is not wired: the slowest that
/// turns gives several a second.
const STANDSTILL: Duration = Duration::from_secs(2);

/// Pulses so far, and when the last one was.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
struct Pulses {
    count: u64,
    last: Duration,
}

impl Pulses {
    fn edge(&mut self, edge: Edge) {
        let too_soon = self.count > 0 && edge.at.saturating_sub(self.last) < SHORTEST_PULSE;
        if edge.falling && !too_soon {
            *self = Self { count: self.count + 1, last: edge.at };
        }
    }

    /// Turns per minute between two pulses, which is exact however few they are.
    fn rpm_since(self, before: Self, pulses_per_turn: u8) -> Option<f64> {
        let turns = self.count.checked_sub(before.count)? as f64 / f64::from(pulses_per_turn);
        let minutes = self.last.checked_sub(before.last)?.as_secs_f64() / 60.0;
        (before.count > 0 && turns > 0.0 && minutes > 0.0).then(|| (turns / minutes).round())
    }
}

/// A fan whose tachometer hangs on a pin.
pub(super) struct FanTacho {
    fan: String,
    pulses_per_turn: u8,
    pulses: Arc<Mutex<Pulses>>,
    before: Pulses,
    /// The last tick with a new pulse, or the first tick.
    turned: Option<Duration>,
}

impl FanTacho {
    pub(super) fn new(pin: u8, pulses_per_turn: u8) -> (Self, OnEdge) {
        let pulses = Arc::new(Mutex::new(Pulses::default()));
        let counted = Arc::clone(&pulses);
        let on_edge = move |edge| counted.lock().unwrap_or_else(PoisonError::into_inner).edge(edge);
        let (fan, before) = (format!("gpio{pin}"), Pulses::default());
        (Self { fan, pulses_per_turn, pulses, before, turned: None }, Box::new(on_edge))
    }

    /// `None` while it cannot be said: before two pulses, and when pulses have just stopped.
    fn rpm(&mut self, now: Duration, pulses: Pulses) -> Option<f64> {
        let before = std::mem::replace(&mut self.before, pulses);
        let turned = *self.turned.get_or_insert(now);
        if pulses.count != before.count {
            self.turned = Some(now);
            return pulses.rpm_since(before, self.pulses_per_turn);
        }
        if now.saturating_sub(turned) < STANDSTILL {
            return None;
        }
        // The standstill is not to count into the speed of the fan that starts again.
        let forgotten = Pulses { count: 0, ..pulses };
        *self.pulses.lock().unwrap_or_else(PoisonError::into_inner) = forgotten;
        self.before = forgotten;
        Some(0.0)
    }
}

impl Sensor for FanTacho {
    fn name(&self) -> &'static str {
        "fan on a pin"
    }

    fn remedy(&self) -> &'static str {
        "wire the fan's tachometer to the pin gpio.fan_tacho"
    }

    fn sample(&mut self, tick: &mut Tick<'_>) {
        let pulses = *self.pulses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rpm) = self.rpm(tick.now, pulses) {
            tick.point(&[("fan", &self.fan)], &[(&FAN_RPM, rpm.into())]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpio::tests::{falling, ms, rising};

    #[test]
    fn two_pulses_a_turn_fifty_turns_a_second_and_glitches_between_them() {
        let mut pulses = Pulses::default();
        pulses.edge(falling(ms(5)));
        let before = pulses;
        for pulse in 1..=100 {
            pulses.edge(falling(ms(5 + 10 * pulse)));
            pulses.edge(falling(ms(5 + 10 * pulse) + Duration::from_micros(200)));
            pulses.edge(rising(ms(10 + 10 * pulse)));
        }
        assert_eq!(pulses.count, 101);
        assert_eq!(pulses.rpm_since(before, 2), Some(3000.0));
        assert_eq!(pulses.rpm_since(before, 4), Some(1500.0));
        assert_eq!(pulses.rpm_since(Pulses::default(), 2), None, "one needs a pulse to count from");
        assert_eq!(pulses.rpm_since(pulses, 2), None);
    }

    #[test]
    fn a_fan_that_stops_is_said_to_stand_after_a_while_and_then_starts_at_its_own_speed() {
        let (mut tacho, mut on_edge) = FanTacho::new(18, 2);
        let now = |tacho: &FanTacho| *tacho.pulses.lock().unwrap();
        for pulse in 0..=100 {
            on_edge(falling(ms(10 * pulse)));
        }
        let pulses = now(&tacho);
        assert_eq!(tacho.rpm(ms(1000), pulses), None, "the first tick has nothing to count from");
        on_edge(falling(ms(1010)));
        let pulses = now(&tacho);
        assert_eq!(tacho.rpm(ms(1100), pulses), Some(3000.0));
        assert_eq!(tacho.rpm(ms(2100), pulses), None);
        assert_eq!(tacho.rpm(ms(3100), pulses), Some(0.0));
        let pulses = now(&tacho);
        assert_eq!(tacho.rpm(ms(4100), pulses), Some(0.0));
        on_edge(falling(ms(60_000)));
        let pulses = now(&tacho);
        assert_eq!(tacho.rpm(ms(60_001), pulses), None, "not the slowest turn ever");
        on_edge(falling(ms(60_020)));
        let pulses = now(&tacho);
        assert_eq!(tacho.rpm(ms(60_021), pulses), Some(1500.0));
    }
}

//! When to ask a chip again. Its clock is its own (the datasheets allow 10 %), so the wait is learned: a
//! conversion that was ready at the first question was perhaps ready before, and the next question comes
//! a little earlier; one that was not ready is asked for again soon.

use std::time::Duration;

/// The first step is this part of the conversion time, and so is the wait for one that was not ready.
const STEP: u32 = 64;
/// After this many conversion times without a new one the chip is not converting.
const OVERDUE: u32 = 4;
/// How often to try a chip that does not answer.
const RETRY: Duration = Duration::from_secs(1);

/// The rhythm of one chip.
#[derive(Debug)]
pub(super) struct Pace {
    conversion: Duration,
    wait: Duration,
    asked_in_vain: u32,
    failures: u32,
    /// Times it was set up since the last conversion.
    set_up: u32,
    last_ready: Duration,
}

impl Pace {
    pub(super) fn new(conversion: Duration) -> Self {
        let last_ready = Duration::ZERO;
        Self { conversion, wait: conversion, asked_in_vain: 0, failures: 0, set_up: 0, last_ready }
    }

    /// It had a new conversion; when to ask next.
    pub(super) fn ready(&mut self, now: Duration) -> Duration {
        let step = self.conversion / STEP;
        if self.asked_in_vain == 0 {
            self.wait = self.wait.saturating_sub(step / 8).max(self.conversion * 4 / 5);
        } else {
            self.wait = (self.wait + step / 2 * self.asked_in_vain).min(self.conversion * 6 / 5);
        }
        (self.asked_in_vain, self.failures, self.set_up, self.last_ready) = (0, 0, 0, now);
        now + self.wait
    }

    /// It had none yet; when to ask again, and whether it is overdue.
    pub(super) fn not_ready(&mut self, now: Duration) -> (Duration, bool) {
        self.asked_in_vain += 1;
        let overdue = now.saturating_sub(self.last_ready) > self.conversion * OVERDUE;
        (now + if overdue { self.conversion } else { self.conversion / STEP }, overdue)
    }

    /// It was set up just now; when the first conversion is ready. What does not keep its configuration is
    /// another chip, and is not written to all the time.
    pub(super) fn configured(&mut self, now: Duration) -> Duration {
        (self.asked_in_vain, self.last_ready) = (0, now);
        self.set_up += 1;
        now + if self.set_up > 3 { RETRY } else { self.conversion }
    }

    /// It failed; when to try again, and whether that counts: once a transfer may go wrong, because what it
    /// asked for is still there.
    pub(super) fn failed(&mut self, now: Duration, took: Duration) -> (Duration, bool) {
        self.failures += 1;
        // A bus that is held costs every chip on it; it is not asked as often as one that says no.
        let wait = match self.failures {
            _ if took > self.conversion => RETRY,
            1 => self.conversion / STEP,
            2 | 3 => self.conversion,
            _ => RETRY,
        };
        (now + wait, self.failures > 1 || took > self.conversion)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONVERSION: Duration = Duration::from_micros(68_628);

    /// Asks a chip whose conversions take `truth` for ten minutes; gives the questions and the conversions
    /// that were missed.
    fn follow(truth: Duration) -> (u32, u128) {
        let (mut pace, mut now, mut questions, mut seen, mut missed) =
            (Pace::new(CONVERSION), Duration::ZERO, 0, 0, 0);
        while now < Duration::from_secs(600) {
            questions += 1;
            let ended = now.as_nanos() / truth.as_nanos();
            now = if ended > seen {
                missed += ended - seen - 1;
                seen = ended;
                pace.ready(now)
            } else {
                pace.not_ready(now).0
            };
        }
        (questions, missed)
    }

    #[test]
    fn chips_of_any_speed_are_followed_with_few_questions_in_vain() {
        for percent in [90, 96, 100, 104, 110] {
            let truth = CONVERSION * percent / 100;
            let conversions = 600_000_000_000 / truth.as_nanos();
            let (questions, missed) = follow(truth);
            assert!(missed <= conversions / 300, "{percent} %: {missed} of {conversions} missed");
            assert!(
                u128::from(questions) < conversions * 14 / 10,
                "{percent} %: {questions} of {conversions}"
            );
        }
    }

    #[test]
    fn a_chip_that_does_not_convert_is_overdue() {
        let mut pace = Pace::new(CONVERSION);
        pace.ready(Duration::ZERO);
        assert!(!pace.not_ready(CONVERSION * 2).1);
        assert!(pace.not_ready(CONVERSION * 5).1);
    }

    #[test]
    fn another_chip_than_was_configured_is_written_to_ever_more_rarely() {
        let mut pace = Pace::new(CONVERSION);
        let waits: Vec<_> = (0..4).map(|_| pace.configured(Duration::ZERO)).collect();
        assert_eq!(waits, [CONVERSION, CONVERSION, CONVERSION, RETRY]);
    }

    #[test]
    fn one_failure_is_tried_again_at_once_and_many_ever_more_rarely() {
        let mut pace = Pace::new(CONVERSION);
        let quick = Duration::from_millis(1);
        let waits: Vec<_> = (0..5).map(|_| pace.failed(Duration::ZERO, quick)).collect();
        assert!(waits[0].0 < Duration::from_millis(2) && !waits[0].1);
        assert!(waits[1].1 && waits[1].0 == CONVERSION);
        assert_eq!(waits[4], (RETRY, true));
        assert_eq!(Pace::new(CONVERSION).failed(Duration::ZERO, Duration::from_secs(2)), (RETRY, true));
    }
}

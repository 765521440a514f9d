//! The meters of a log added up, at the times at which each of them has a reading.

use std::collections::BTreeMap;

use picollect_evaluate::wall_log::Reading;

/// The readings of one time, as far as they came.
#[derive(Debug)]
pub(super) struct Sum {
    meters: usize,
    t_ms: i64,
    here: BTreeMap<String, Reading>,
    incomplete: u64,
}

impl Sum {
    /// Of so many meters.
    pub(super) fn of(meters: usize) -> Self {
        Self { meters, t_ms: i64::MIN, here: BTreeMap::new(), incomplete: 0 }
    }

    /// Takes a reading, and gives the sum at the time before it if that is complete. The readings of one time have
    /// to come one after the other.
    pub(super) fn add(&mut self, channel: &str, reading: Reading) -> Option<Reading> {
        let before = if reading.t_ms == self.t_ms { None } else { self.end() };
        self.t_ms = reading.t_ms;
        self.here.insert(channel.to_owned(), reading);
        before
    }

    /// The sum at the last time, if it is complete.
    pub(super) fn end(&mut self) -> Option<Reading> {
        let here = std::mem::take(&mut self.here);
        if here.len() < self.meters {
            self.incomplete += u64::from(!here.is_empty());
            return None;
        }
        let sum = |value: fn(&Reading) -> Option<f64>| here.values().map(value).sum::<Option<f64>>();
        Some(Reading {
            t_ms: self.t_ms,
            joules: sum(|reading| reading.joules),
            watts: sum(|reading| reading.watts),
        })
    }

    /// How many times had no sum because a meter was missing.
    pub(super) fn incomplete(&self) -> u64 {
        self.incomplete
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_sum_only_with_all_of_its_meters() {
        let reading = |t_ms, watts| Reading { t_ms, joules: None, watts: Some(watts) };
        let mut sum = Sum::of(2);
        assert_eq!(sum.add("1", reading(0, 10.0)), None);
        assert_eq!(sum.add("2", reading(0, 20.0)), None);
        assert_eq!(sum.add("1", reading(1000, 11.0)), Some(reading(0, 30.0)));
        assert_eq!(sum.add("1", reading(2000, 12.0)), None, "outlet 2 says nothing at 1000");
        assert_eq!(sum.add("2", reading(2000, 21.0)), None);
        assert_eq!((sum.end(), sum.incomplete()), (Some(reading(2000, 33.0)), 1));
        assert_eq!((sum.end(), sum.incomplete()), (None, 1));
    }
}

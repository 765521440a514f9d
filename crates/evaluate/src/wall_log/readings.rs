//! From the values of a log to readings: what contradicts an earlier line is found, counters become power too.
//!
//! Invariant: memory does not grow with the log. Of so many readings the last ones are remembered to be compared
//! with.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::unit::Quantity;
use super::{LineError, MAX_WATTS};

/// So many readings are remembered: the lines of one time stand close to each other.
const REMEMBERED: usize = 1 << 16;

/// A reading of a meter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// Unix milliseconds.
    pub t_ms: i64,
    /// What the meter's counter showed, in joules; `None` of a meter of power.
    pub joules: Option<f64>,
    /// The power at that time; of a counter the mean since its reading before, unknown for the first one and
    /// after it began anew.
    pub watts: Option<f64>,
}

/// A value in a line.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Seen {
    value: f64,
    line: u64,
}

/// What is remembered of a log while it is read.
#[derive(Debug)]
pub struct Readings {
    quantity: Quantity,
    channels: BTreeMap<String, usize>,
    at: HashMap<(usize, i64), Seen>,
    in_order: VecDeque<(usize, i64)>,
    /// Time, value and line of each channel's last reading.
    last: Vec<Option<(i64, Seen)>>,
    resets: u64,
}

impl Readings {
    /// Nothing was read so far.
    pub fn new(quantity: Quantity) -> Self {
        Self {
            quantity,
            channels: BTreeMap::new(),
            at: HashMap::new(),
            in_order: VecDeque::new(),
            last: Vec::new(),
            resets: 0,
        }
    }

    /// The channels that there are, in order.
    pub fn channels(&self) -> impl ExactSizeIterator<Item = &str> {
        self.channels.keys().map(String::as_str)
    }

    /// How often a counter began anew.
    pub fn resets(&self) -> u64 {
        self.resets
    }

    /// The reading that a value in a line is; `None` if it was read before. `value` is in watts or joules.
    /// Refused are another value of the same channel at the same time, and a counter's reading that is older
    /// than the one before it.
    pub fn take(
        &mut self,
        line: u64,
        channel: &str,
        t_ms: i64,
        value: f64,
    ) -> Result<Option<Reading>, LineError> {
        let number = self.channels.get(channel).copied().unwrap_or_else(|| {
            self.channels.insert(channel.to_owned(), self.last.len());
            self.last.push(None);
            self.last.len() - 1
        });
        if let Some(seen) = self.at.get(&(number, t_ms)) {
            let same = seen.value == value;
            let unit = self.quantity.si();
            let Seen { value: first, line } = *seen;
            return if same {
                Ok(None)
            } else {
                Err(LineError::TwoValues { line, first, second: value, unit })
            };
        }
        let seen = Seen { value, line };
        let reading = match self.quantity {
            Quantity::Power => Reading { t_ms, joules: None, watts: Some(value) },
            Quantity::Energy => self.counted(number, t_ms, seen)?,
        };
        self.remember(number, t_ms, seen);
        Ok(Some(reading))
    }

    fn counted(&mut self, number: usize, t_ms: i64, seen: Seen) -> Result<Reading, LineError> {
        let mut reading = Reading { t_ms, joules: Some(seen.value), watts: None };
        if let Some((last_ms, last)) = self.last[number] {
            if t_ms < last_ms {
                return Err(LineError::GoesBack(last.line));
            }
            if seen.value < last.value {
                self.resets += 1;
            } else {
                let watts = (seen.value - last.value) / ((t_ms - last_ms) as f64 / 1000.0);
                if watts > MAX_WATTS {
                    return Err(LineError::Impossible(watts, Quantity::Power.si()));
                }
                reading.watts = Some(watts);
            }
        }
        self.last[number] = Some((t_ms, seen));
        Ok(reading)
    }

    fn remember(&mut self, number: usize, t_ms: i64, seen: Seen) {
        if self.in_order.len() >= REMEMBERED {
            if let Some(oldest) = self.in_order.pop_front() {
                self.at.remove(&oldest);
            }
        }
        self.in_order.push_back((number, t_ms));
        self.at.insert((number, t_ms), seen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn power(t_ms: i64, watts: f64) -> Reading {
        Reading { t_ms, joules: None, watts: Some(watts) }
    }

    #[test]
    fn another_power_at_the_same_time_is_refused_with_both_lines_and_the_same_is_nothing_new() {
        let mut readings = Readings::new(Quantity::Power);
        assert_eq!(readings.take(1, "", 5000, 10.0), Ok(Some(power(5000, 10.0))));
        assert_eq!(readings.take(2, "", 4000, 9.0), Ok(Some(power(4000, 9.0))), "order does not matter");
        assert_eq!(readings.take(3, "", 5000, 10.0), Ok(None));
        assert_eq!(readings.take(4, "b", 5000, 20.0), Ok(Some(power(5000, 20.0))));
        let why = readings.take(5, "", 5000, 20.0).unwrap_err().to_string();
        assert!(why.contains("line 1 says 10 W for the same time, and this one 20 W"), "{why}");
        assert_eq!(readings.channels().collect::<Vec<_>>(), ["", "b"]);
    }

    #[test]
    fn a_counter_gives_the_mean_power_since_its_last_reading_unless_it_began_anew() {
        let mut readings = Readings::new(Quantity::Energy);
        let counted = |t_ms, joules, watts| Ok(Some(Reading { t_ms, joules: Some(joules), watts }));
        assert_eq!(readings.take(1, "", 0, 100.0), counted(0, 100.0, None));
        assert_eq!(readings.take(2, "", 5000, 150.0), counted(5000, 150.0, Some(10.0)));
        assert_eq!(readings.take(3, "", 10_000, 20.0), counted(10_000, 20.0, None));
        assert_eq!(readings.take(4, "", 15_000, 20.0), counted(15_000, 20.0, Some(0.0)));
        assert_eq!(readings.take(5, "", 5000, 150.0), Ok(None));
        assert_eq!(readings.resets(), 1);
        let why = readings.take(6, "", 6000, 150.0).unwrap_err();
        assert_eq!(why, LineError::GoesBack(4));
        let leap = readings.take(7, "", 15_001, 1e6).unwrap_err().to_string();
        assert!(leap.contains("W cannot be"), "{leap}");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut readings = Readings::new(Quantity::Power);
        for t_ms in 0..2 * i64::try_from(REMEMBERED).unwrap() {
            readings.take(1, "", t_ms, 1.0).unwrap();
        }
        assert_eq!((readings.at.len(), readings.in_order.len()), (REMEMBERED, REMEMBERED));
    }
}

//! Whatever a wall meter's log holds, each line is a reading that can be, a gap, or a mistake that is short, and
//! no channel has two values at one time.

use crate::text_of;
use picollect_evaluate::wall_log::{
    Columns, EARLIEST_MS, MAX_JOULES, MAX_WATTS, Options, Quantity, Readings, sampled_at,
};

/// 2100-01-01T00:00:00Z in Unix milliseconds.
const LATEST_MS: i64 = 4_102_444_800_000;
/// The longest message, in bytes: a quote of some ten words and what is said of it.
const MAX_MESSAGE: usize = 1024;

/// Tries one input; panics if what is promised above does not hold.
pub fn run(input: &[u8]) {
    let log = text_of(input);
    let first = log.lines().next();
    let (columns, is_header) = match first.map(|line| Columns::of(line, &Options::until(LATEST_MS))) {
        Some(Ok(columns)) => columns,
        Some(Err(error)) => return assert!(error.to_string().len() < MAX_MESSAGE, "{error}"),
        None => return,
    };
    let most = if columns.quantity() == Quantity::Power { MAX_WATTS } else { MAX_JOULES };
    let mut readings = Readings::new(columns.quantity());
    for (number, line) in (1..).zip(log.lines()).skip(usize::from(is_header)) {
        assert!(sampled_at(line).is_none_or(|rate| rate.is_finite() && rate > 0.0));
        let entry = match columns.entry(line) {
            Ok(entry) => entry,
            Err(error) => {
                assert!(error.to_string().len() < MAX_MESSAGE, "{error}");
                continue;
            }
        };
        assert!((EARLIEST_MS..=LATEST_MS).contains(&entry.t_ms), "{}", entry.t_ms);
        for value in &entry.values {
            let Some(number_here) = value.value else { continue };
            assert!(number_here.abs() <= most, "{number_here}");
            if let Ok(Some(reading)) = readings.take(number, &value.channel, entry.t_ms, number_here) {
                assert!(reading.watts.is_none_or(f64::is_finite), "{reading:?}");
            }
        }
    }
}

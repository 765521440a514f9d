//! Whatever a wall meter's log holds, each line is a power that can be, a gap, or a mistake that is short.
#![no_main]

use libfuzzer_sys::fuzz_target;
use picollect_evaluate::wall_log::{Columns, Entry, MAX_WATTS};

/// The end of the year 9999 in Unix milliseconds.
const LAST_MS: i64 = 253_402_300_799_999;
/// The longest message, in bytes: a quote of some ten words and what is said of it.
const MAX_MESSAGE: usize = 1024;

fuzz_target!(|log: &str| {
    let first = log.lines().next();
    let (columns, is_header) = match first.map(Columns::of) {
        Some(Ok(columns)) => columns,
        Some(Err(error)) => return assert!(error.to_string().len() < MAX_MESSAGE, "{error}"),
        None => return,
    };
    for line in log.lines().skip(usize::from(is_header)) {
        match columns.entry(line) {
            Ok(Entry::Power { t_ms, watts }) => {
                assert!((0..=LAST_MS).contains(&t_ms), "{t_ms}");
                assert!(watts.abs() <= MAX_WATTS, "{watts}");
            }
            Ok(Entry::Unknown) => {}
            Err(error) => assert!(error.to_string().len() < MAX_MESSAGE, "{error}"),
        }
    }
});

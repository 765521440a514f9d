//! Whatever a wall meter's log holds, each line is a power that can be, a gap, or a mistake with its number.
#![no_main]

use libfuzzer_sys::fuzz_target;
use picollect_collector::wall::MAX_WATTS;
use picollect_collector::wall::log_file::{Entry, LogReader};

/// The end of the year 9999 in Unix milliseconds.
const LAST_MS: i64 = 253_402_300_799_999;

fuzz_target!(|log: &[u8]| {
    let lines = log.split(|&byte| byte == b'\n').count() as u64;
    let mut reader = LogReader::new(log);
    let mut last_line = 0;
    // Columns that are not known end the log, and that is all that can.
    while let Ok(Some(entry)) = reader.next_entry() {
        match entry {
            Ok(Entry::Power { t_ms, watts }) => {
                assert!((0..=LAST_MS).contains(&t_ms), "{t_ms}");
                assert!(watts.abs() <= MAX_WATTS, "{watts}");
            }
            Ok(Entry::Unknown) => {}
            Err(bad) => {
                assert!(bad.line > last_line && bad.line <= lines, "{bad}");
                assert!(bad.to_string().len() < 1024, "a message stays short");
                last_line = bad.line;
            }
        }
    }
});

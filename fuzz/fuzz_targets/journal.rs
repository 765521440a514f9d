//! Any bytes behind a segment's first eight: no panic, and what was taken in can be read.

#![no_main]

use libfuzzer_sys::fuzz_target;
use picollect_store_format::{Frame, Table, next};

fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes;
    let mut table = Table::default();
    while let Frame::Whole { payload, length } = next(rest) {
        if table.replay(payload).is_err() {
            break;
        }
        rest = &rest[length..];
    }
    // The checksum keeps most of that out, so the payload is read without one too.
    let mut unchecked = Table::default();
    let _ = unchecked.replay(bytes);
    for group in table.groups().iter().chain(unchecked.groups()) {
        let columns = group.read_all().expect("what was taken in can be read");
        assert_eq!(columns.len(), group.columns().count());
    }
});

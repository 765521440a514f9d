//! Whatever a spool's directory holds after a crash, it opens, its lines are counted as they come out, and each
//! segment can be dealt with and removed.

use std::fs;
use std::time::Duration;

use picollect_agent::spool::{Header, Spool};

/// What separates one segment from the next in an input.
const END_OF_SEGMENT: u8 = 0xff;
const MAX_BYTES: u64 = 64 * 1024;
const MAX_AGE: Duration = Duration::from_secs(3600);

/// Tries one input; panics if what is promised above does not hold.
pub fn run(input: &[u8]) {
    let directory = tempfile::tempdir().expect("a temporary folder");
    for (number, bytes) in input.split(|byte| *byte == END_OF_SEGMENT).enumerate() {
        fs::write(directory.path().join(format!("{:010}.lines", number + 1)), bytes).expect("writable");
    }
    let mut spool =
        Spool::open(directory.path(), MAX_BYTES, MAX_AGE).expect("files are no reason not to start");
    let header = Header { anchor_ms: 1, settled: true, boot: "b".to_owned() };
    let given_up = spool.append(&header, b"m f=1 1\n", 1, None).expect("the disk has room");
    let (promised, mut came) = (spool.lines(), 0);
    while let Some((number, content)) = spool.oldest() {
        assert!(content.bytes.is_empty() || content.bytes.ends_with(b"\n"), "whole lines only");
        let _no_overflow = content.stamps();
        came += content.count;
        spool.remove(number).expect("it can be removed");
    }
    assert_eq!((promised, given_up, spool.take_lost()), (came, 0, 0), "what it holds is what comes out");
}

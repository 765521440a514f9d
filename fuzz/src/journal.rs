//! Any bytes behind a segment's first eight: no panic, and what was taken in can be read.

use picollect_store_format::{Frame1, Place, Replay, next_1, scan};

/// Tries one input; panics if what is promised above does not hold.
pub fn run(bytes: &[u8]) {
    let mut replay = Replay::default();
    let found = scan(Place { segment: 1, offset: 8 }, bytes);
    for (_, payload) in &found.frames {
        let _ = replay.learn(payload);
    }
    for (_, payload) in &found.frames {
        let _ = replay.take(payload);
    }
    let (mut rest, mut replay_1) = (bytes, Replay::default());
    while let Frame1::Whole { payload, length } = next_1(rest) {
        if replay_1.take_1(payload).is_err() {
            break;
        }
        rest = &rest[length..];
    }
    // The checksums keep most of that out, so the payload is read without them too.
    let (mut unchecked, mut unchecked_1) = (Replay::default(), Replay::default());
    let _ = unchecked.learn(bytes);
    let _ = unchecked.take(bytes);
    let _ = unchecked_1.take_1(bytes);
    for replay in [replay, replay_1, unchecked, unchecked_1] {
        for group in replay.table().groups() {
            let columns = group.read_all().expect("what was taken in can be read");
            assert_eq!(columns.len(), group.columns().count());
        }
    }
}

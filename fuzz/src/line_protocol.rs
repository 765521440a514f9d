//! Whatever bytes a request body holds, the line protocol decoder keeps its promises.

use picollect_telemetry::line::{Precision, decode};

/// Tries one input; panics if what is promised above does not hold.
pub fn run(body: &[u8]) {
    let batch = decode(body, Precision::Nanoseconds, 0);
    assert!(batch.errors.is_sorted_by(|a, b| a.line < b.line), "a bad line gives one error, in order");
    for point in &batch.points {
        assert!(!point.fields.is_empty(), "a point has a field");
        assert!(point.tags.is_sorted_by(|a, b| a.0 < b.0), "tags are sorted and no key stands twice");
    }
}

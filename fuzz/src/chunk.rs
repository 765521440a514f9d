//! Any bytes as a chunk's head, and as a column without the checksum that keeps most out: no panic.

use picollect_store_format::{Head, Kind, MAX_CHUNK_SAMPLES, column_values};

/// Tries one input; panics if what is promised above does not hold.
pub fn run(bytes: &[u8]) {
    if let Ok(head) = Head::read(bytes) {
        for column in &head.columns {
            let _ = head.samples(column, bytes);
        }
    }
    let Some((kind, rest)) = bytes.split_first() else { return };
    let Some((count, column)) = rest.split_first_chunk() else { return };
    let count = usize::from(u16::from_le_bytes(*count)).min(MAX_CHUNK_SAMPLES);
    if let Some(values) = Kind::from_number(*kind).and_then(|kind| column_values(column, kind, count).ok()) {
        assert_eq!(values.len(), count);
    }
}

//! What a reading of the whole store has found.

use crate::StoreError;

/// So much damage is spelled out; the rest is counted.
const MAX_SPELLED: usize = 20;

/// How much was read, and what of it is damaged.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Chunks that can be read.
    pub chunks: u64,
    /// Their samples; one that was written twice may be counted twice.
    pub samples: u64,
    /// Segments of the journal that are whole.
    pub segments: u64,
    /// Frames of all segments that are whole.
    pub frames: u64,
    /// Chunks that cannot be read, and places in segments.
    pub damaged: u64,
    /// Bytes at these places.
    pub damaged_bytes: u64,
    /// Files of segments that were damaged when they became chunks, and were kept: what could be salvaged of them is
    /// in the store, the rest is lost.
    pub kept_aside: Vec<String>,
    /// What is wrong with the first few of them, and what else there is to know.
    pub reasons: Vec<String>,
}

impl Verified {
    /// Counts one more damage.
    pub(crate) fn blame(&mut self, error: StoreError) {
        self.blame_for(format!("{:#}", anyhow::Error::from(error)));
    }

    /// Says something that is no damage.
    pub(crate) fn note(&mut self, note: Option<String>) {
        self.reasons.extend(note.filter(|_| self.reasons.len() < MAX_SPELLED));
    }

    /// Counts one more damage, which this says.
    pub(crate) fn blame_for(&mut self, reason: String) {
        self.damaged += 1;
        if self.reasons.len() < MAX_SPELLED {
            self.reasons.push(reason);
        }
    }
}

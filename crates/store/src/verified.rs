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
    /// Segments of the journal that can be read.
    pub segments: u64,
    /// Chunks and segments that cannot be read.
    pub damaged: u64,
    /// What is wrong with the first few of them.
    pub reasons: Vec<String>,
}

impl Verified {
    /// Counts one more damage.
    pub(crate) fn blame(&mut self, error: StoreError) {
        self.damaged += 1;
        if self.reasons.len() < MAX_SPELLED {
            self.reasons.push(format!("{:#}", anyhow::Error::from(error)));
        }
    }
}

//! Reads everything once, to see that it can be read: every chunk's head and columns against their CRCs, and the
//! journal's frames.

use super::database::damaged;
use super::{EmbeddedStore, lock};
use crate::StoreError;

/// Chunks that are looked at together: what seals waits meanwhile.
const CHUNKS_AT_ONCE: i64 = 64;
/// So much damage is spelled out; the rest is counted.
const MAX_SPELLED: usize = 20;

/// What was read.
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
    fn blame(&mut self, error: StoreError) {
        self.damaged += 1;
        if self.reasons.len() < MAX_SPELLED {
            self.reasons.push(format!("{:#}", anyhow::Error::from(error)));
        }
    }
}

impl EmbeddedStore {
    /// Reads every chunk and every segment, also while others write. Damage is counted; an error means that the file
    /// or the journal could not be read at all.
    pub fn verify(&self) -> Result<Verified, StoreError> {
        let mut verified = Verified::default();
        for number in self.shared.journal.numbers()? {
            // One that has gone has become chunks, which are read after it.
            let Some(mut reading) = self.shared.journal.read(number)? else { continue };
            match reading.refresh() {
                Ok(()) => verified.segments += 1,
                Err(error) => verified.blame(error),
            }
        }
        let mut after = 0;
        while let Some(last) = self.verify_chunks(after, &mut verified)? {
            after = last;
        }
        Ok(verified)
    }

    /// Reads some chunks behind this row, and says which was the last.
    fn verify_chunks(&self, after: i64, verified: &mut Verified) -> Result<Option<i64>, StoreError> {
        let mut reader = lock(&self.shared.reader);
        let view = reader.view()?;
        let ids = view.chunk_ids(after, CHUNKS_AT_ONCE)?;
        for id in &ids {
            let read = view.chunk(*id).and_then(|chunk| view.all(&chunk).map(|columns| (chunk, columns)));
            match read {
                Ok((chunk, columns)) if columns.len() == chunk.head.columns.len() => {
                    verified.chunks += 1;
                    verified.samples += chunk.samples() as u64;
                    for unknown in view.unknown_series(&chunk.series())? {
                        verified.blame(damaged(
                            *id,
                            format!("it has samples of series {unknown}, which is none"),
                        ));
                    }
                }
                Ok(_) => verified.blame(damaged(*id, "its columns are not all there".to_owned())),
                Err(error) => verified.blame(error),
            }
        }
        Ok(ids.last().copied())
    }
}

#[cfg(test)]
mod tests {
    use picollect_telemetry::line::{Precision, decode};
    use rusqlite::Connection;

    use crate::{Store as _, open};

    #[test]
    fn what_is_whole_is_counted_and_what_is_damaged_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path()).unwrap();
        for part in 0..3 {
            let lines: String = (0..100).map(|n| format!("m{part} f={n},g={n}i {n}\n")).collect();
            store.append(&decode(lines.as_bytes(), Precision::Seconds, 0).points).unwrap();
        }
        store.seal().unwrap();
        store.append(&decode(b"m f=1 1", Precision::Seconds, 0).points).unwrap();
        let whole = store.verify().unwrap();
        assert_eq!((whole.chunks, whole.samples, whole.segments, whole.damaged), (3, 600, 1, 0));

        let connection = Connection::open(directory.path().join("store.sqlite")).unwrap();
        connection.execute("UPDATE chunk SET data = zeroblob(length(data)) WHERE id = 2", []).unwrap();
        connection.execute("UPDATE chunk SET head = x'01' WHERE id = 3", []).unwrap();
        connection.execute("DELETE FROM series WHERE id = 1", []).unwrap();
        let broken = store.verify().unwrap();
        assert_eq!((broken.chunks, broken.damaged), (1, 3), "{broken:?}");
        for (reason, chunk) in broken.reasons.iter().zip(["chunk 1 ", "chunk 2 ", "chunk 3 "]) {
            assert!(reason.starts_with(chunk), "{reason}");
        }
    }
}

//! Reads everything once, to see that it can be read: every chunk's head and columns against their CRCs, and the
//! journal's frames.

use super::errors::damaged;
use super::shared::{Shared, lock};
use crate::{StoreError, Verified};

/// Chunks that are looked at together: what seals waits meanwhile.
const CHUNKS_AT_ONCE: i64 = 64;

impl Shared {
    /// Reads every chunk and every segment; damage is counted.
    pub(super) fn verify(&self) -> Result<Verified, StoreError> {
        let mut verified = Verified::default();
        for number in self.journal.numbers()? {
            // One that has gone has become chunks, which are read after it.
            let Some(mut reading) = self.journal.read(number)? else { continue };
            if let Err(error) = reading.refresh() {
                verified.blame(error);
                continue;
            }
            let is_written = reading.is_written();
            verified.frames += reading.frames();
            verified.segments += u64::from(reading.damages(is_written).is_empty());
            for (bytes, complaint) in reading.complaints(is_written) {
                verified.damaged_bytes += bytes;
                verified.blame_for(complaint);
            }
            // What is still written may end anywhere.
            verified.note(reading.cut_short().filter(|_| !is_written));
        }
        let aside = self.journal.kept_aside()?;
        verified.kept_aside = aside.iter().map(|path| path.display().to_string()).collect();
        let mut after = 0;
        while let Some(last) = self.verify_chunks(after, &mut verified)? {
            after = last;
        }
        Ok(verified)
    }

    /// Reads some chunks behind this row, and says which was the last.
    fn verify_chunks(&self, after: i64, verified: &mut Verified) -> Result<Option<i64>, StoreError> {
        let mut reader = lock(&self.reader);
        let transaction = reader.read()?;
        let ids = transaction.chunk_ids(after, CHUNKS_AT_ONCE)?;
        for id in &ids {
            let read = transaction
                .chunk(*id)
                .and_then(|chunk| transaction.all(&chunk).map(|columns| (chunk, columns)));
            match read {
                Ok((chunk, columns)) if columns.len() == chunk.head.columns.len() => {
                    verified.chunks += 1;
                    verified.samples += chunk.samples() as u64;
                    for unknown in transaction.unknown_series(&chunk.series())? {
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

    use crate::{Maintenance as _, Store as _, open};

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
        assert_eq!((whole.frames, whole.damaged_bytes), (1, 0));

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

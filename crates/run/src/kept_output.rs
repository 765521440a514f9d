//! One stream of a command's output as it is kept: in a file as long as the disk takes it, and in memory from there.
//!
//! A benchmark says its result at the end, so a disk that fills up meanwhile must not cost the end.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// So much of each stream is kept; the rest only passes through.
pub(super) const MAX_KEPT_BYTES: u64 = 64 * 1024 * 1024;
/// So much of each stream is held in memory where no file takes it: a node has little of that.
const MAX_IN_MEMORY_BYTES: usize = 8 * 1024 * 1024;

/// What a stream has said so far.
#[derive(Debug)]
pub(super) struct KeptOutput {
    file: Option<File>,
    in_file: u64,
    /// What came after the file took no more.
    in_memory: Vec<u8>,
    file_takes: bool,
    full: bool,
}

impl KeptOutput {
    /// Begins with an empty file, or in memory where there can be none.
    pub(super) fn begin(path: Option<&Path>) -> Self {
        let open = |path| OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path);
        let file = path.and_then(|path| {
            let failed = |error: &io::Error| tracing::warn!("cannot write `{}`: {error}", path.display());
            open(path).inspect_err(failed).ok()
        });
        let file_takes = file.is_some();
        Self { file, in_file: 0, in_memory: Vec::new(), file_takes, full: false }
    }

    /// Takes bytes; false if no more of this stream is kept.
    pub(super) fn add(&mut self, bytes: &[u8]) -> bool {
        if self.full || self.in_file + self.in_memory.len() as u64 >= MAX_KEPT_BYTES {
            self.full = true;
            return false;
        }
        let rest = &bytes[self.add_to_file(bytes)..];
        if self.in_memory.len() + rest.len() > MAX_IN_MEMORY_BYTES {
            tracing::warn!("the command's output is kept no longer: the disk takes no more of it");
            self.full = true;
            return false;
        }
        self.in_memory.extend_from_slice(rest);
        true
    }

    /// How many bytes the file took.
    fn add_to_file(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        while let Some(file) = self.file.as_mut().filter(|_| self.file_takes && taken < bytes.len()) {
            match file.write(&bytes[taken..]) {
                Ok(written) if written > 0 => taken += written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => {
                    let why = other.map_or_else(|error| error.to_string(), |_| "it takes nothing".to_owned());
                    tracing::warn!("the file of the command's output takes no more: {why}");
                    self.file_takes = false;
                }
            }
        }
        self.in_file += taken as u64;
        taken
    }

    /// All that was kept. Fails if the file cannot be read back.
    pub(super) fn bytes(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(self.in_file).unwrap_or(usize::MAX)];
        if let Some(file) = &self.file {
            file.read_exact_at(&mut bytes, 0)?;
        }
        bytes.extend_from_slice(&self.in_memory);
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_file_takes_is_held_in_memory_up_to_a_bound() {
        let directory = tempfile::tempdir().unwrap();
        // A directory in place of the file, and a device that is always full.
        let full = Path::new("/").join("dev/full");
        for path in [Some(directory.path()), Some(full.as_path()), None] {
            let mut kept = KeptOutput::begin(path);
            assert!(kept.add(b"first, ") && kept.add(b"last"));
            assert_eq!(kept.bytes().unwrap(), b"first, last", "{path:?}");
            let chunk = vec![0; MAX_IN_MEMORY_BYTES / 2];
            assert!(kept.add(&chunk) && !kept.add(&chunk) && !kept.add(b"more"), "{path:?}");
        }
    }

    #[test]
    fn what_the_file_takes_is_read_back_from_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("stdout.txt");
        let mut kept = KeptOutput::begin(Some(&path));
        assert!(kept.add(b"a\0") && kept.add(b"b"));
        // As if the disk were full from here.
        kept.file_takes = false;
        assert!(kept.add(b"c"));
        assert_eq!(
            (kept.bytes().unwrap(), std::fs::read(&path).unwrap()),
            (b"a\0bc".to_vec(), b"a\0b".to_vec())
        );
    }
}

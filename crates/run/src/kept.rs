//! What is kept of a run: a directory with the command's output and with what it wrote into files that
//! the user named.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use super::kept_output::MAX_KEPT_BYTES;

/// More files than a run is likely to write.
const MAX_FILES: usize = 100;

/// Files that a command may write: what of them was there before it ran.
#[derive(Debug)]
pub(super) struct Watched {
    patterns: Vec<String>,
    bytes_before: BTreeMap<PathBuf, u64>,
}

impl Watched {
    /// Looks at the files that match now. An error is a pattern that is none.
    pub(super) fn begin(patterns: &[String]) -> anyhow::Result<Self> {
        let mut watched = Self { patterns: patterns.to_vec(), bytes_before: BTreeMap::new() };
        for path in watched.matching()? {
            watched.bytes_before.insert(path.clone(), length(&path));
        }
        Ok(watched)
    }

    fn matching(&self) -> anyhow::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for pattern in &self.patterns {
            let paths = glob::glob(pattern).with_context(|| format!("--output-file {pattern}"))?;
            found.extend(paths.filter_map(Result::ok).filter(|path| path.is_file()));
        }
        found.sort();
        found.dedup();
        ensure!(found.len() <= MAX_FILES, "--output-file matches more than {MAX_FILES} files");
        Ok(found)
    }

    /// What was written since: of a file that grew the bytes added, of a new one or one that shrank all. A file that
    /// cannot be read is left out, and said in the log. Fails if too many match.
    pub(super) fn written(&self) -> anyhow::Result<Vec<(PathBuf, Vec<u8>)>> {
        let mut written = Vec::new();
        for path in self.matching()? {
            let before = self.bytes_before.get(&path).copied().unwrap_or(0);
            let from = if length(&path) < before { 0 } else { before };
            match read_from(&path, from) {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => written.push((path, bytes)),
                Err(error) => tracing::warn!("cannot read the output file `{}`: {error}", path.display()),
            }
        }
        Ok(written)
    }
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

fn read_from(path: &Path, offset: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.take(MAX_KEPT_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Keeps what was written beside the output; the names' folders become part of the name.
pub(super) fn keep(directory: &Path, written: &[(PathBuf, Vec<u8>)]) -> anyhow::Result<()> {
    for (path, bytes) in written {
        let name = path.to_string_lossy().trim_start_matches(['/', '.']).replace('/', "_");
        let to = directory.join(format!("file-{name}"));
        fs::write(&to, bytes).with_context(|| format!("cannot write `{}`", to.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_written_meanwhile_counts() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for name in ["grows.txt", "stays.txt", "shrinks.txt", "other"] {
            fs::write(at(name), "old text\n").unwrap();
        }
        let pattern = at("*.txt").to_string_lossy().into_owned();
        let watched = Watched::begin(&[pattern.clone(), pattern]).unwrap();
        fs::write(at("grows.txt"), "old text\nnew\n").unwrap();
        fs::write(at("shrinks.txt"), "short\n").unwrap();
        fs::write(at("comes.txt"), "all\n").unwrap();
        fs::write(at("other"), "other text\n").unwrap();
        let written = watched.written().unwrap();
        let expected = [("comes.txt", "all\n"), ("grows.txt", "new\n"), ("shrinks.txt", "short\n")];
        assert_eq!(written, expected.map(|(name, text)| (at(name), text.as_bytes().to_vec())));

        let kept = tempfile::tempdir().unwrap();
        keep(kept.path(), &written).unwrap();
        assert_eq!(fs::read_dir(kept.path()).unwrap().count(), 3);
    }

    #[test]
    fn a_pattern_that_is_none_is_named() {
        let error = format!("{:#}", Watched::begin(&["a[".into()]).unwrap_err());
        assert!(error.starts_with("--output-file a["), "{error}");
    }
}

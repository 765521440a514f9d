//! The data directory: what lies in it, and that only one collector serves it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use picollect_settings::files;

/// The user's own data directory for picollect. Fails if neither `XDG_DATA_HOME` nor `HOME` is set.
pub fn default_path() -> anyhow::Result<PathBuf> {
    let of = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let data = of("XDG_DATA_HOME").or_else(|| of("HOME").map(|home| home.join(".local/share")));
    let data = data.context("neither XDG_DATA_HOME nor HOME is set; give --data DIR")?;
    Ok(data.join("picollect"))
}

/// Held by the collector that serves the directory; given up when dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Makes the directory if need be, for its owner alone, and takes its lock. Fails if it cannot be written to or another collector
/// serves it.
pub fn lock(directory: &Path) -> anyhow::Result<Lock> {
    let name = directory.display();
    files::make_directory(directory).with_context(|| format!("cannot use the data directory `{name}`"))?;
    let file = files::open_to_append(&directory.join("lock"));
    let file = file.with_context(|| format!("the data directory `{name}` is not writable"))?;
    match file.try_lock() {
        Ok(()) => Ok(Lock { _file: file }),
        Err(fs::TryLockError::WouldBlock) => bail!("another collector serves the data directory `{name}`"),
        Err(fs::TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock `{name}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_collector_serves_a_directory() {
        let directory = tempfile::tempdir().unwrap();
        let first = lock(directory.path()).unwrap();
        let error = lock(directory.path()).unwrap_err().to_string();
        assert!(error.starts_with("another collector serves"), "{error}");
        drop(first);
        lock(directory.path()).unwrap();
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "").unwrap();
        let error = lock(&file.join("data")).unwrap_err().to_string();
        assert!(error.contains("cannot use the data directory") && error.contains("file/data"), "{error}");
    }
}

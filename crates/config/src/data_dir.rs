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

/// What a collector makes in it, as far as samples, runs or secrets lie there. Older versions left them open to every user
/// of the machine.
const OURS: [&str; 6] = ["store.sqlite", "store.sqlite-wal", "store.sqlite-shm", "journal", "runs", "codes"];

/// Held by the collector that serves the directory; given up when dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Makes the directory if need be, for its owner alone, and takes its lock. Of one that is there only what a collector
/// made in it is closed to every other user: the directory itself may be somebody's for other things too. Fails if it
/// cannot be written to or another collector serves it.
pub fn lock(directory: &Path) -> anyhow::Result<Lock> {
    let name = directory.display();
    files::make_directory(directory).with_context(|| format!("cannot use the data directory `{name}`"))?;
    let file = files::open_to_append(&directory.join("lock"));
    let file = file.with_context(|| format!("the data directory `{name}` is not writable"))?;
    match file.try_lock() {
        Ok(()) => {
            close_ours(directory)?;
            Ok(Lock { _file: file })
        }
        Err(fs::TryLockError::WouldBlock) => bail!("another collector serves the data directory `{name}`"),
        Err(fs::TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock `{name}`")),
    }
}

fn close_ours(directory: &Path) -> anyhow::Result<()> {
    // In one that nobody else enters nobody else reads anything.
    if !files::is_open_to_all(directory) {
        return Ok(());
    }
    for path in OURS.map(|name| directory.join(name)) {
        files::close_to_all(&path).with_context(|| format!("cannot close `{}` to others", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

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
    fn what_an_older_version_left_open_is_closed_and_what_is_not_ours_stays_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let mode =
            |name: &str| fs::metadata(directory.path().join(name)).unwrap().permissions().mode() & 0o777;
        let open = |name: &str, mode| {
            fs::set_permissions(directory.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
        };
        fs::create_dir(directory.path().join("journal")).unwrap();
        for name in ["store.sqlite", "notes.txt"] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        for (name, mode) in [(".", 0o755), ("journal", 0o755), ("store.sqlite", 0o644), ("notes.txt", 0o644)]
        {
            open(name, mode);
        }
        lock(directory.path()).unwrap();
        let modes = [".", "journal", "store.sqlite", "notes.txt"].map(mode);
        assert_eq!(modes, [0o755, 0o750, 0o640, 0o644]);
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

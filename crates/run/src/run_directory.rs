//! The directory of one run: its output, its document, and the lines that wait to be delivered.
//!
//! The disk may be full, or fill up while the command runs. So room for the lines is taken before the command starts;
//! where there is none, the system's directory for temporary files is tried, and in the end the lines are held in
//! memory for a collector that takes them at once.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use picollect_telemetry::line::MAX_LINE_BYTES;
use rustix::process::geteuid;

/// Lines that wait.
const WAITING: &str = "waiting.line";
/// Room that is taken before the command starts. It becomes the file above.
const RESERVED: &str = "reserved";
/// A run is two lines: that it begins, and its document.
const RESERVED_BYTES: usize = 2 * MAX_LINE_BYTES;

/// Where a run's files lie.
#[derive(Debug)]
pub(super) struct RunDirectory {
    path: Option<PathBuf>,
    /// Lines that wait and that no file took.
    in_memory: Vec<u8>,
}

/// The directories in which runs may lie: below the data directory, and the way out if that is full.
pub(super) fn places(runs: &Path) -> [PathBuf; 2] {
    [runs.to_owned(), way_out()]
}

fn way_out() -> PathBuf {
    std::env::temp_dir().join(format!("picollect-runs-{}", geteuid().as_raw()))
}

/// The files of lines that wait in one of these [`places`]. Fails if it is somebody else's or cannot be read.
pub(super) fn waiting_in(place: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(place) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    ours(place)?;
    let mut waiting = Vec::new();
    for entry in entries {
        let path = entry?.path().join(WAITING);
        if path.is_file() {
            waiting.push(path);
        }
    }
    waiting.sort();
    Ok(waiting)
}

impl RunDirectory {
    /// Makes the directory of a run in the first of these places that has room for it.
    pub(super) fn make(places: &[PathBuf], id: &str) -> Self {
        for place in places {
            let path = place.join(id);
            match make_with_room(place, &path) {
                Ok(()) => return Self { path: Some(path), in_memory: Vec::new() },
                Err(error) => {
                    // Nothing has run yet, so there is nothing in it.
                    let _ = fs::remove_dir_all(&path);
                    tracing::warn!("the run cannot be kept in `{}`: {error}", place.display());
                }
            }
        }
        Self { path: None, in_memory: Vec::new() }
    }

    /// Where it is; `None` if there is no room for one.
    pub(super) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// A file in it.
    pub(super) fn file(&self, name: &str) -> Option<PathBuf> {
        self.path.as_ref().map(|path| path.join(name))
    }

    /// Adds lines to those that wait. When this returns they outlive a power cut. After an error they are held in
    /// memory only.
    pub(super) fn keep(&mut self, lines: &[u8]) -> io::Result<()> {
        let mut all = self.waiting()?;
        all.extend_from_slice(lines);
        let kept = match &self.path {
            Some(path) => write_durably(path, &all),
            None => Err(io::Error::other("there is no directory with room for it")),
        };
        self.in_memory = if kept.is_ok() { Vec::new() } else { all };
        kept
    }

    /// All lines that wait. Fails if their file cannot be read.
    pub(super) fn waiting(&self) -> io::Result<Vec<u8>> {
        match self.file(WAITING).filter(|_| self.in_memory.is_empty()) {
            Some(path) if path.exists() => fs::read(path),
            _ => Ok(self.in_memory.clone()),
        }
    }

    /// Somebody has taken the lines. Fails if their file stays, which would deliver them once more.
    pub(super) fn delivered(&mut self) -> io::Result<()> {
        self.in_memory.clear();
        match self.file(WAITING).map(fs::remove_file) {
            Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes all of it: nothing ran.
    pub(super) fn remove(self) {
        if let Some(path) = &self.path {
            // What stays is empty.
            let _ = fs::remove_dir_all(path);
        }
    }
}

impl Drop for RunDirectory {
    fn drop(&mut self) {
        // It was for this run only; where it became the file of lines it is gone.
        let _ = self.file(RESERVED).map(fs::remove_file);
    }
}

fn make_with_room(place: &Path, path: &Path) -> io::Result<()> {
    if place == way_out() {
        DirBuilder::new().recursive(true).mode(0o700).create(place)?;
    }
    fs::create_dir_all(place)?;
    ours(place)?;
    fs::create_dir_all(path)?;
    reserve(path)
}

/// Anybody can make a directory beside other temporary files, and what lies in it is delivered in our name.
fn ours(place: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(place)?;
    if place == way_out() && !(metadata.is_dir() && metadata.uid() == geteuid().as_raw()) {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it belongs to somebody else"));
    }
    Ok(())
}

fn reserve(path: &Path) -> io::Result<()> {
    File::create(path.join(RESERVED))?.write_all(&vec![0; RESERVED_BYTES])
}

/// Puts the lines where room was taken for them, and takes room for what is still to come.
fn write_durably(path: &Path, lines: &[u8]) -> io::Result<()> {
    let reserved = path.join(RESERVED);
    let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(&reserved)?;
    file.write_all(lines)?;
    file.set_len(lines.len() as u64)?;
    file.sync_all()?;
    fs::rename(&reserved, path.join(WAITING))?;
    File::open(path)?.sync_all()?;
    if let Err(error) = reserve(path) {
        tracing::warn!("there is no room in `{}` for what the run has to say: {error}", path.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_wait_one_after_the_other_until_they_are_delivered() {
        let place = tempfile::tempdir().unwrap();
        let mut run = RunDirectory::make(&[place.path().to_owned()], "a");
        run.keep(b"begins\n").unwrap();
        run.keep(b"ends\n").unwrap();
        assert_eq!(waiting_in(place.path()).unwrap(), [place.path().join("a").join(WAITING)]);
        assert_eq!(run.waiting().unwrap(), b"begins\nends\n");
        run.delivered().unwrap();
        assert_eq!(waiting_in(place.path()).unwrap(), Vec::<PathBuf>::new());
        drop(run);
        assert_eq!(fs::read_dir(place.path().join("a")).unwrap().count(), 0, "the room is given back");
    }

    #[test]
    fn where_no_directory_can_be_made_the_next_one_is_taken_and_memory_in_the_end() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("file"), "").unwrap();
        let impossible = place.path().join("file/runs");
        let run = RunDirectory::make(&[impossible.clone(), place.path().join("second")], "a");
        assert_eq!(run.path(), Some(place.path().join("second/a").as_path()));
        let mut nowhere = RunDirectory::make(&[impossible], "a");
        assert!(nowhere.keep(b"begins\n").is_err() && nowhere.keep(b"ends\n").is_err());
        assert_eq!(nowhere.waiting().unwrap(), b"begins\nends\n");
        nowhere.delivered().unwrap();
        assert_eq!(nowhere.waiting().unwrap(), b"");
    }
}

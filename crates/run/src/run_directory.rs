//! The directory of one run: its output, its document, and the lines that wait to be delivered.
//!
//! The disk may be full, or fill up while the command runs. So room for the lines is taken before the command starts;
//! where there is none, the system's directory for temporary files is tried, and in the end the lines are held in
//! memory for a collector that takes them at once.
//!
//! Invariant: whoever measures the run holds a lock on its directory, and nobody else delivers what waits in it
//! meanwhile: between two lines that are kept, somebody would remove the file of both.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use picollect_telemetry::line::MAX_LINE_BYTES;
use rustix::process::geteuid;

/// Lines that wait.
const WAITING: &str = "waiting.line";
/// Room that is taken before the command starts. It becomes the file above.
const RESERVED: &str = "reserved";
/// Whom the lines that wait are for.
const DESTINATION: &str = "destination";
/// A run is two lines: that it begins, and its document.
const RESERVED_BYTES: usize = 2 * MAX_LINE_BYTES;

/// Where a run's files lie.
#[derive(Debug)]
pub(super) struct RunDirectory {
    path: Option<PathBuf>,
    /// Lines that wait and that no file took.
    in_memory: Vec<u8>,
    /// The lock on the directory, for as long as the run is measured.
    _held: Option<File>,
}

/// What waits in a directory of a run that nobody measures any more. Nobody else delivers it as long as this is there.
#[derive(Debug)]
pub(super) struct Waiting {
    /// The file of its lines.
    pub(super) file: PathBuf,
    directory: PathBuf,
    _held: File,
}

/// The directories in which runs may lie: below the data directory, and the way out if that is full.
pub(super) fn places(runs: &Path) -> [PathBuf; 2] {
    [runs.to_owned(), way_out()]
}

fn way_out() -> PathBuf {
    std::env::temp_dir().join(format!("picollect-runs-{}", geteuid().as_raw()))
}

/// The lines that wait in one of these [`places`]: those for a destination, and those of which nobody knows whom they are
/// for; for `None` all. Fails if the place is somebody else's or cannot be read.
pub(super) fn waiting_in(place: &Path, destination: Option<&str>) -> io::Result<Vec<Waiting>> {
    let entries = match fs::read_dir(place) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    ours(place)?;
    let mut waiting = Vec::new();
    for entry in entries {
        let directory = entry?.path();
        let file = directory.join(WAITING);
        if !file.is_file() || destination.is_some_and(|destination| is_for_another(&directory, destination)) {
            continue;
        }
        let held = File::open(&directory)?;
        match held.try_lock() {
            // Its own process delivers it.
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
            Ok(()) => waiting.push(Waiting { file, directory, _held: held }),
        }
    }
    waiting.sort_by(|one, other| one.file.cmp(&other.file));
    Ok(waiting)
}

/// What versions before kept says no destination, and a run that does not is for whoever is asked.
fn is_for_another(directory: &Path, destination: &str) -> bool {
    fs::read_to_string(directory.join(DESTINATION)).is_ok_and(|text| text.trim_end() != destination)
}

impl Waiting {
    /// Somebody has taken the lines. Fails if their file stays, which would deliver them once more.
    pub(super) fn delivered(&self) -> io::Result<()> {
        gone(fs::remove_file(&self.file))?;
        gone(fs::remove_file(self.directory.join(DESTINATION)))
    }
}

/// Whether a file is not there any more.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    removed.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

impl RunDirectory {
    /// Makes the directory of a run for this destination in the first of these places that has room for it.
    pub(super) fn make(places: &[PathBuf], id: &str, destination: &str) -> Self {
        for place in places {
            let path = place.join(id);
            match make_with_room(place, &path, destination) {
                Ok(held) => return Self { path: Some(path), in_memory: Vec::new(), _held: Some(held) },
                Err(error) => {
                    // Nothing has run yet, so there is nothing in it.
                    let _ = fs::remove_dir_all(&path);
                    tracing::warn!("the run cannot be kept in `{}`: {error}", place.display());
                }
            }
        }
        Self { path: None, in_memory: Vec::new(), _held: None }
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
        [WAITING, DESTINATION]
            .into_iter()
            .filter_map(|name| self.file(name))
            .try_for_each(|path| gone(fs::remove_file(path)))
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

/// The lock on the directory.
fn make_with_room(place: &Path, path: &Path, destination: &str) -> io::Result<File> {
    if place == way_out() {
        DirBuilder::new().recursive(true).mode(0o700).create(place)?;
    }
    fs::create_dir_all(place)?;
    ours(place)?;
    fs::create_dir_all(path)?;
    let held = File::open(path)?;
    held.lock()?;
    fs::write(path.join(DESTINATION), format!("{destination}\n"))?;
    reserve(path)?;
    Ok(held)
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

    fn names(waiting: &[Waiting]) -> Vec<&Path> {
        waiting.iter().map(|waiting| waiting.file.as_path()).collect()
    }

    #[test]
    fn lines_wait_one_after_the_other_until_they_are_delivered() {
        let place = tempfile::tempdir().unwrap();
        let mut run = RunDirectory::make(&[place.path().to_owned()], "a", "here");
        run.keep(b"begins\n").unwrap();
        run.keep(b"ends\n").unwrap();
        assert!(place.path().join("a").join(WAITING).exists());
        assert_eq!(run.waiting().unwrap(), b"begins\nends\n");
        run.delivered().unwrap();
        assert_eq!(run.waiting().unwrap(), b"");
        drop(run);
        assert_eq!(fs::read_dir(place.path().join("a")).unwrap().count(), 0, "the room is given back");
    }

    #[test]
    fn what_waits_is_left_to_the_run_until_it_has_ended_and_is_for_its_own_destination_only() {
        let place = tempfile::tempdir().unwrap();
        let waiting = |destination| waiting_in(place.path(), destination).unwrap();
        let mut run = RunDirectory::make(&[place.path().to_owned()], "a", "http://one:8650");
        run.keep(b"begins\n").unwrap();
        assert!(waiting(None).is_empty(), "it is measured still");
        drop(run);
        let file = place.path().join("a").join(WAITING);
        assert!(waiting(Some("http://other:8650")).is_empty());
        let held = waiting(Some("http://one:8650"));
        assert_eq!(names(&held), [&file]);
        assert!(waiting(None).is_empty(), "somebody delivers it");
        drop(held);
        fs::remove_file(place.path().join("a").join(DESTINATION)).unwrap();
        let of_a_version_before = waiting(Some("http://other:8650"));
        assert_eq!(names(&of_a_version_before), [&file]);
        of_a_version_before[0].delivered().unwrap();
        drop(of_a_version_before);
        assert!(waiting(None).is_empty());
    }

    #[test]
    fn where_no_directory_can_be_made_the_next_one_is_taken_and_memory_in_the_end() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("file"), "").unwrap();
        let impossible = place.path().join("file/runs");
        let places = [impossible.clone(), place.path().join("second")];
        let run = RunDirectory::make(&places, "a", "here");
        assert_eq!(run.path(), Some(place.path().join("second/a").as_path()));
        let mut nowhere = RunDirectory::make(&[impossible], "a", "here");
        assert!(nowhere.keep(b"begins\n").is_err() && nowhere.keep(b"ends\n").is_err());
        assert_eq!(nowhere.waiting().unwrap(), b"begins\nends\n");
        nowhere.delivered().unwrap();
        assert_eq!(nowhere.waiting().unwrap(), b"");
    }
}

//! A disk at the moment of a crash: what was synced is there, and of the rest any part may be.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::trace::{Change, Trace};

/// What became of a change that was not on the disk for certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    There,
    Missing,
    /// Of a write only so many thousandths.
    Torn(usize),
}

/// Files, and directories without content.
#[derive(Debug, Default)]
pub(crate) struct Disk(BTreeMap<PathBuf, Option<Vec<u8>>>);

impl Disk {
    /// The disk after a crash at a line of the trace. `fate` says of each step that had begun, by its number, what
    /// became of it; it is asked only for those that no sync had brought to the disk.
    pub(crate) fn after(trace: &Trace, line: usize, fate: impl Fn(usize) -> Fate) -> Self {
        let mut disk = Self::default();
        for (number, step) in trace.steps.iter().enumerate().filter(|(_, step)| step.begun < line) {
            let fate = if trace.is_synced(step, line) { Fate::There } else { fate(number) };
            disk.apply(&step.change, fate);
        }
        disk
    }

    fn apply(&mut self, change: &Change, fate: Fate) {
        match (change, fate) {
            (_, Fate::Missing) => {}
            (Change::Write { path, offset, bytes }, fate) => {
                let length = if let Fate::Torn(thousandths) = fate {
                    bytes.len() * thousandths / 1000
                } else {
                    bytes.len()
                };
                if let Some(Some(file)) = self.0.get_mut(path) {
                    file.resize(file.len().max(offset + length), 0);
                    file[*offset..offset + length].copy_from_slice(&bytes[..length]);
                }
            }
            (Change::Create { path, is_directory }, _) => {
                self.0.insert(path.clone(), (!is_directory).then(Vec::new));
            }
            (Change::Truncate { path, length }, _) => {
                if let Some(Some(file)) = self.0.get_mut(path) {
                    file.resize(*length, 0);
                }
            }
            (Change::Rename { from, to }, _) => {
                let moved = self.0.remove(from);
                self.0.extend(moved.map(|file| (to.clone(), file)));
            }
            (Change::Unlink { path }, _) => drop(self.0.remove(path)),
        }
    }

    /// Writes what is below one directory into another. What has no directory to be in is not there.
    pub(crate) fn write(&self, from: &Path, to: &Path) {
        for (path, content) in &self.0 {
            let Ok(name) = path.strip_prefix(from) else { continue };
            let to = to.join(name);
            match content {
                None => fs::create_dir_all(&to).expect("it can be made"),
                Some(bytes) if to.parent().is_some_and(Path::is_dir) => {
                    fs::write(&to, bytes).expect("it can be written");
                }
                Some(_) => {}
            }
        }
    }
}

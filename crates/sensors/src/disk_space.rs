//! How full the file systems are that a node cannot do without.
//!
//! Asks `statvfs(3)` of the root directory, and of `boot/firmware` (`boot` before Debian 12) where that
//! is a file system of its own: a card that is full there can no longer be updated. Available is what an
//! ordinary user may fill, without the reserve of the administrator.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use picollect_telemetry::catalogue::{FS_AVAILABLE, FS_SIZE};
use picollect_telemetry::{Reading, Value};
use rustix::fs::statvfs;

use crate::tick::{Sensor, Tick};
use picollect_board::attr::{Root, no_data};

/// Where the firmware's partition is mounted, below the root.
const BOOT: [&str; 2] = ["boot/firmware", "boot"];

pub(super) struct DiskSpace(Vec<(String, PathBuf)>);

impl DiskSpace {
    pub(super) fn discover(root: &Root) -> Self {
        let top = root.directory();
        let boot = BOOT.iter().find(|directory| is_separate(top, &top.join(directory)));
        let mut mounts = vec![("/".to_owned(), top.to_owned())];
        mounts.extend(boot.map(|directory| (format!("/{directory}"), top.join(directory))));
        Self(mounts)
    }
}

fn is_separate(top: &Path, directory: &Path) -> bool {
    let device = |path: &Path| fs::metadata(path).map(|metadata| metadata.dev());
    matches!((device(top), device(directory)), (Ok(top), Ok(other)) if top != other)
}

impl Sensor for DiskSpace {
    fn name(&self) -> &'static str {
        "disk space"
    }

    fn remedy(&self) -> &'static str {
        "let the agent see the root directory"
    }

    fn sample(&mut self, tick: &mut Tick<'_>) {
        for (mount, path) in &self.0 {
            let tags = [("mount", mount.as_str())];
            match space(path) {
                Ok((size, available)) => {
                    tick.point(&tags, &[(&FS_SIZE, bytes(size)), (&FS_AVAILABLE, bytes(available))]);
                }
                Err(why) => tick.no_data(&tags, &FS_SIZE, why),
            }
        }
    }
}

/// Size and available space in bytes.
fn space(path: &Path) -> Reading<(u64, u64)> {
    let found = statvfs(path).map_err(|error| no_data(&error.into()))?;
    let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
    Ok((bytes(found.f_blocks), bytes(found.f_bavail)))
}

fn bytes(count: u64) -> Value {
    i64::try_from(count).unwrap_or(i64::MAX).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::lines;
    use picollect_board::fixtures::tree;

    #[test]
    fn a_folder_of_the_same_file_system_is_not_another_one() {
        let (dir, root) = tree(&[("boot/firmware/config.txt", "")]);
        let mut sensor = DiskSpace::discover(&root);
        let said = lines(&mut sensor);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].starts_with("filesystem,mount=/ size_bytes="), "{said:?}");
        let (size, available) = space(dir.path()).unwrap();
        assert!(available <= size && size > 0);
    }

    #[test]
    fn a_file_system_that_went_away_is_said() {
        let (dir, root) = tree(&[]);
        let mut sensor = DiskSpace::discover(&root);
        std::fs::remove_dir(dir.path()).unwrap();
        assert_eq!(lines(&mut sensor), ["filesystem,mount=/ no_data=1i"]);
    }
}

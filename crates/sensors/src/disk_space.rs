//! How full the file systems are that a node cannot do without.
//!
//! Asks `statvfs(3)` of the root directory, and of `boot/firmware` (`boot` before Debian 12) where that
//! is a file system of its own: a card that is full there can no longer be updated. Available is what an
//! ordinary user may fill, without the reserve of the administrator.
//!
//! A file system that can only be read (images such as squashfs are always full) cannot fill up: that is said
//! in place of its size.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use picollect_telemetry::catalogue::{FS_AVAILABLE, FS_READ_ONLY, FS_SIZE};
use picollect_telemetry::{Reading, Value};
use rustix::fs::{StatVfs, StatVfsMountFlags, statvfs};

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
                Ok(Space::ReadOnly) => tick.point(&tags, &[(&FS_READ_ONLY, 1i64.into())]),
                Ok(Space::Bytes { size, available }) => {
                    tick.point(&tags, &[(&FS_SIZE, bytes(size)), (&FS_AVAILABLE, bytes(available))]);
                }
                Err(why) => tick.no_data(&tags, &FS_SIZE, why),
            }
        }
    }
}

/// What is to be said of a file system.
#[derive(Debug, PartialEq)]
enum Space {
    ReadOnly,
    Bytes { size: u64, available: u64 },
}

fn space(path: &Path) -> Reading<Space> {
    statvfs(path).map(|found| of_file_system(&found)).map_err(|error| no_data(&error.into()))
}

fn of_file_system(found: &StatVfs) -> Space {
    if found.f_flag.contains(StatVfsMountFlags::RDONLY) {
        return Space::ReadOnly;
    }
    let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
    Space::Bytes { size: bytes(found.f_blocks), available: bytes(found.f_bavail) }
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
        let Space::Bytes { size, available } = space(dir.path()).unwrap() else { panic!("{said:?}") };
        assert!(available <= size && size > 0);
    }

    #[test]
    fn an_image_that_is_full_by_nature_is_only_called_read_only() {
        let (dir, _root) = tree(&[]);
        let mut found = statvfs(dir.path()).unwrap();
        (found.f_blocks, found.f_bavail) = (1000, 0);
        found.f_flag |= StatVfsMountFlags::RDONLY;
        assert_eq!(of_file_system(&found), Space::ReadOnly);
        found.f_flag -= StatVfsMountFlags::RDONLY;
        assert!(matches!(of_file_system(&found), Space::Bytes { available: 0, .. }));
    }

    #[test]
    fn a_file_system_that_went_away_is_said() {
        let (dir, root) = tree(&[]);
        let mut sensor = DiskSpace::discover(&root);
        std::fs::remove_dir(dir.path()).unwrap();
        assert_eq!(lines(&mut sensor), ["filesystem,mount=/ no_data=1i"]);
    }
}

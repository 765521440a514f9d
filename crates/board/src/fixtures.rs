//! Boards on paper, for tests: the kernel's files in a temporary folder.

use std::fs;
use std::path::Path;

use crate::attr::Root;

/// A file tree below a temporary folder, which goes with the first value.
///
/// # Panics
///
/// Where no file can be written: it is for tests.
pub fn tree(files: &[(&str, &str)]) -> (tempfile::TempDir, Root) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for (path, text) in files {
        write(dir.path(), path, text);
    }
    let root = Root::new(dir.path());
    (dir, root)
}

/// One file with the folders above it.
///
/// # Panics
///
/// Where it cannot be written.
pub fn write(dir: &Path, path: &str, text: &str) {
    let path = dir.join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("the folder can be made");
    fs::write(path, text).expect("the file can be written");
}

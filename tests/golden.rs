//! Goldens: outputs that people or machines read, kept in `tests/golden`.

use std::path::Path;
use std::{env, fs};

/// `UPDATE_GOLDEN=1 cargo test` rewrites; a changed and a missing file both fail.
#[track_caller]
pub(crate) fn assert_golden(name: &str, got: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if env::var_os("UPDATE_GOLDEN").is_some() {
        return fs::write(&path, got).expect("golden file is writable");
    }
    let want = fs::read_to_string(&path).expect("no golden file; run with UPDATE_GOLDEN=1");
    assert!(got == want, "{name} differs\n--- want\n{want}\n--- got\n{got}");
}

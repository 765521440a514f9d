//! Secrets that stand in files: tokens and passwords.

use std::fs;
use std::path::Path;

use anyhow::Context as _;

/// What the file holds, without the blanks around it. Fails if it cannot be read; `what` names the kind of
/// file in the error.
pub fn read(what: &str, path: &Path) -> anyhow::Result<String> {
    let text = fs::read_to_string(path);
    let text = text.with_context(|| format!("cannot read the {what} file `{}`", path.display()))?;
    Ok(text.trim().to_owned())
}

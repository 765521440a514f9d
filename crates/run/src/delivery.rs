//! How a run's lines reach the collector: at once, or kept beside the output until it is back.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use anyhow::Context as _;

use picollect_client::ClientError;
use picollect_client::Source;

/// Lines that wait, in a run's directory.
const WAITING: &str = "waiting.line";

/// What became of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// The collector has them.
    Delivered,
    /// It is away; they wait.
    Kept,
}

/// Delivers lines, or keeps them for later if the collector is away. An error is a refusal: wrong address,
/// wrong token.
pub(super) fn send_or_keep(source: &Source, run_directory: &Path, lines: &[u8]) -> anyhow::Result<Sent> {
    let waiting = run_directory.join(WAITING);
    if waiting.exists() {
        append(&waiting, lines)?;
        return deliver(source, &waiting);
    }
    match source.write(lines) {
        Ok(()) => Ok(Sent::Delivered),
        Err(error) if is_away(&error) => {
            tracing::warn!("{error:#}");
            append(&waiting, lines)?;
            Ok(Sent::Kept)
        }
        Err(error) => Err(error),
    }
}

/// Delivers what earlier runs left waiting; says how many runs that were. A collector that is away is no
/// error; one that refuses is, and so is a file that cannot be read.
pub fn deliver_waiting(source: &Source, directory: &Path) -> anyhow::Result<usize> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries.with_context(|| format!("cannot read `{}`", directory.display()))?,
    };
    let mut delivered = 0;
    for entry in entries {
        let waiting = entry?.path().join(WAITING);
        if waiting.exists() && deliver(source, &waiting)? == Sent::Delivered {
            delivered += 1;
        }
    }
    Ok(delivered)
}

fn deliver(source: &Source, waiting: &Path) -> anyhow::Result<Sent> {
    let name = waiting.display();
    let lines = fs::read(waiting).with_context(|| format!("cannot read `{name}`"))?;
    match source.write(&lines) {
        Ok(()) => {
            fs::remove_file(waiting).with_context(|| format!("cannot remove `{name}`"))?;
            Ok(Sent::Delivered)
        }
        Err(error) if is_away(&error) => Ok(Sent::Kept),
        Err(error) => Err(error),
    }
}

fn append(path: &Path, lines: &[u8]) -> anyhow::Result<()> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.and_then(|mut file| file.write_all(lines))
        .with_context(|| format!("cannot write `{}`", path.display()))
}

fn is_away(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(ClientError::Away { .. }))
}

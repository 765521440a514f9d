//! How a run's lines reach the collector: at once, or kept beside the output until it is back.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use picollect_client::{Source, is_refused};

use super::run_directory::{RunDirectory, places, waiting_in};

/// Where neither the collector nor a disk takes a run, both are tried again for so long,
const PATIENCE: Duration = Duration::from_secs(30);
/// and so often.
const TRIES_EVERY: Duration = Duration::from_secs(1);

/// What became of a run's lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sent {
    /// The collector has them.
    Delivered,
    /// They wait in the run's directory, and outlive a power cut there; why nobody took them.
    Kept(String),
    /// Nobody took them and no disk has room: these are the lines, and why.
    Nowhere(Vec<u8>, String),
}

/// Says that a run begins. A collector that is away is told later. An error is a refusal, such as that of a wrong
/// token: better known before the command runs than after.
pub(super) fn begin(source: &Source, directory: &mut RunDirectory, line: &[u8]) -> anyhow::Result<()> {
    match source.write(line) {
        Err(error) if is_refused(&error) => Err(error),
        Err(error) => {
            tracing::warn!("{error:#}");
            if let Err(error) = directory.keep(line) {
                tracing::warn!("that the run begins is held in memory only: {error}");
            }
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// Delivers the document of a run that has ended, with all that waits of it. It is on the disk before the collector
/// is asked.
pub(super) fn end(source: &Source, directory: &mut RunDirectory, line: &[u8]) -> Sent {
    let mut kept = directory.keep(line);
    let begun = Instant::now();
    loop {
        let lines = match directory.waiting() {
            Ok(lines) => lines,
            Err(error) => return Sent::Kept(format!("what waits cannot be read: {error}")),
        };
        let why = match source.write(&lines) {
            Ok(()) => {
                if let Err(error) = directory.delivered() {
                    tracing::warn!("the run is delivered, and will be once more: {error}");
                }
                return Sent::Delivered;
            }
            Err(error) => format!("{error:#}"),
        };
        match kept {
            Ok(()) => return Sent::Kept(why),
            Err(error) if begun.elapsed() > PATIENCE => {
                return Sent::Nowhere(lines, format!("{why}; {error}"));
            }
            Err(_) => thread::sleep(TRIES_EVERY),
        }
        kept = directory.keep(b"");
    }
}

/// What became of what earlier runs left waiting.
#[derive(Debug, Default)]
pub struct Deliveries {
    /// So many runs were delivered.
    pub delivered: usize,
    /// Files of runs that still wait, and why.
    pub waiting: Vec<(PathBuf, String)>,
}

/// Delivers what earlier runs left waiting in this directory, or in the one that they use when it is full. One that is
/// refused keeps no other waiting; when nobody is there to take one, the others are not tried.
pub fn deliver_waiting(source: &Source, runs: &Path) -> Deliveries {
    let mut done = Deliveries::default();
    let mut away: Option<String> = None;
    for place in places(runs) {
        let files = match waiting_in(&place) {
            Ok(files) => files,
            Err(error) => {
                done.waiting.push((place, format!("it cannot be read: {error}")));
                continue;
            }
        };
        for file in files {
            let delivered = match &away {
                Some(why) => Err(why.clone()),
                None => deliver(source, &file).map_err(|error| {
                    let why = format!("{error:#}");
                    away = (!is_refused(&error) && !error.is::<std::io::Error>()).then(|| why.clone());
                    why
                }),
            };
            match delivered {
                Ok(()) => done.delivered += 1,
                Err(why) => done.waiting.push((file, why)),
            }
        }
    }
    done
}

fn deliver(source: &Source, waiting: &Path) -> anyhow::Result<()> {
    source.write(&fs::read(waiting)?)?;
    Ok(fs::remove_file(waiting)?)
}

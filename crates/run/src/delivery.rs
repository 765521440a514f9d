//! How a run's lines reach the collector: at its end, for a while after it, or later out of where they are kept.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use picollect_client::{Source, is_refused};

use super::progress::Progress;
use super::run_directory::{RunDirectory, Waiting, places, waiting_in};
use picollect_settings::duration::shown;
use picollect_settings::output::complain;

/// Where neither the collector nor a disk takes a run, both are tried again for so long at least.
const PATIENCE: Duration = Duration::from_secs(30);
/// A collector that is away is asked so often.
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
/// is asked; one that is away is asked again for so long: a restart or an upgrade takes seconds.
pub(super) fn end(
    source: &Source,
    directory: &mut RunDirectory,
    line: &[u8],
    retry: Duration,
    progress: &Progress,
) -> Sent {
    let mut kept = directory.keep(line);
    let (begun, mut said) = (Instant::now(), false);
    loop {
        let lines = match directory.waiting() {
            Ok(lines) => lines,
            Err(error) => return Sent::Kept(format!("what waits cannot be read: {error}")),
        };
        let error = match source.write(&lines) {
            Ok(()) => {
                if let Err(error) = directory.delivered() {
                    tracing::warn!("the run is delivered, and will be once more: {error}");
                }
                return Sent::Delivered;
            }
            Err(error) => error,
        };
        let why = format!("{error:#}");
        let patience = match kept {
            Ok(()) if is_refused(&error) => Duration::ZERO,
            Ok(()) => retry,
            Err(_) => retry.max(PATIENCE),
        };
        if begun.elapsed() >= patience {
            return match kept {
                Ok(()) => Sent::Kept(why),
                Err(error) => Sent::Nowhere(lines, format!("{why}; {error}")),
            };
        }
        if !said {
            let time = shown(patience);
            progress.quiet();
            complain(format_args!(
                "picollect: nobody takes the run yet, it is tried again for {time}: {why}"
            ));
            said = true;
        }
        thread::sleep(TRIES_EVERY);
        if kept.is_err() {
            kept = directory.keep(b"");
        }
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

/// Delivers what earlier runs left waiting in this directory, or in the one that they use when it is full: what is for this
/// [destination](picollect_client::SourceOptions::destination), or for `None` all. One that is refused keeps no other
/// waiting; when nobody is there to take one, the others are not tried. A run that is measured still delivers itself.
pub fn deliver_waiting(source: &Source, runs: &Path, destination: Option<&str>) -> Deliveries {
    let mut done = Deliveries::default();
    let mut away: Option<String> = None;
    for place in places(runs) {
        let all = match waiting_in(&place, destination) {
            Ok(all) => all,
            Err(error) => {
                done.waiting.push((place, format!("it cannot be read: {error}")));
                continue;
            }
        };
        for waiting in all {
            let delivered = match &away {
                Some(why) => Err(why.clone()),
                None => deliver(source, &waiting).map_err(|error| {
                    let why = format!("{error:#}");
                    away = (!is_refused(&error) && !error.is::<std::io::Error>()).then(|| why.clone());
                    why
                }),
            };
            match delivered {
                Ok(()) => done.delivered += 1,
                Err(why) => done.waiting.push((waiting.file, why)),
            }
        }
    }
    done
}

fn deliver(source: &Source, waiting: &Waiting) -> anyhow::Result<()> {
    source.write(&fs::read(&waiting.file)?)?;
    Ok(waiting.delivered()?)
}

//! Whether the collector can do its work: the store would take samples and answers, and everything that has to run does.
//!
//! Invariant: what is said here may be read by anybody, so it names no path and no address.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use picollect_store::{EMBEDDED, StoreError};

use crate::Collector;

/// Alerts are looked for every two minutes at the least, and a look takes half a minute and one query; beyond this it
/// hangs.
const LOOK_HANGS: Duration = Duration::from_secs(10 * 60);

/// Why the collector cannot do its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotReady(Vec<String>);

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

/// Threads and tasks that have to live as long as the collector.
#[derive(Debug, Default)]
pub(crate) struct Living(Mutex<Vec<(&'static str, Weak<()>)>>);

/// Whoever holds it lives.
pub(crate) type Alive = Arc<()>;

impl Living {
    /// From now on this has to live; it does as long as it holds what it gets here.
    pub(crate) fn lives(&self, name: &'static str) -> Alive {
        let alive = Alive::default();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((name, Arc::downgrade(&alive)));
        alive
    }

    fn dead(&self) -> Vec<&'static str> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter(|(_, alive)| alive.strong_count() == 0).map(|(name, _)| *name).collect()
    }
}

/// Asks the store and looks who lives. The error says everything that is wrong.
pub fn check(collector: &Collector) -> Result<(), NotReady> {
    let mut wrong: Vec<String> = collector.store.ready().err().iter().map(in_public).collect();
    wrong.extend(
        collector.living.dead().iter().map(|name| format!("{name} has ended; restart the collector")),
    );
    let since = collector.alerting.since_look();
    if since > LOOK_HANGS {
        wrong.push(format!("alerts have not been looked for since {} s", since.as_secs()));
    }
    if wrong.is_empty() { Ok(()) } else { Err(NotReady(wrong)) }
}

fn in_public(error: &StoreError) -> String {
    match error {
        StoreError::Unavailable { location, why } if location == EMBEDDED => {
            format!("the store takes no samples: {why}")
        }
        // What an engine says may name its address.
        error => {
            tracing::warn!("the store does not answer: {error}: {:?}", std::error::Error::source(error));
            "the store does not answer; the collector's log says why".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::Tokens;
    use picollect_config::Config;

    #[test]
    fn a_thread_that_ended_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let store = Arc::new(picollect_store::open(directory.path()).unwrap());
        let collector = Collector::new(store, Tokens::of(directory.path()), Config::default()).unwrap();
        let (alerts, figures) = (collector.living.lives("one"), collector.living.lives("two"));
        assert_eq!(check(&collector), Ok(()));
        let ended = std::thread::spawn(move || {
            assert!(Arc::strong_count(&alerts) > 9, "on purpose");
        });
        assert!(ended.join().is_err());
        assert_eq!(check(&collector).unwrap_err().to_string(), "one has ended; restart the collector");
        drop(figures);
    }

    #[test]
    fn a_directory_that_is_gone_is_said_without_its_path() {
        let directory = tempfile::tempdir().unwrap();
        let store = Arc::new(picollect_store::open(directory.path()).unwrap());
        let collector = Collector::new(store, Tokens::of(directory.path()), Config::default()).unwrap();
        let path = directory.path().display().to_string();
        directory.close().unwrap();
        let said = check(&collector).unwrap_err().to_string();
        assert!(said.contains("directory is gone") && !said.contains(&path), "{said}");
    }
}

//! Runs that wait in a data directory because nobody took them when they ended: whoever is asked next gets them first.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use picollect_analysis::request::Written;
use picollect_client::{Source, SourceOptions, destination_here};
use picollect_collector::Collector;
use picollect_run::{Deliveries, deliver_waiting};
use picollect_settings::exit::Failure;
use picollect_settings::output::complain;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::print;

/// A collector looks so often for runs that wait in its own directory: those that ended while its engine was away or its
/// disk was full.
const LOOKS: Duration = Duration::from_secs(60);

/// Whom to ask, after what waits for it was delivered; what still waits is said and changes no answer.
pub(super) fn up_to_date(ask: &SourceOptions) -> Result<Source, Failure> {
    let source = ask.open()?;
    // Who names no directory and has none cannot have kept a run either.
    if let (Ok(data), Ok(destination)) = (ask.directory(), ask.destination()) {
        for line in said(&deliver_waiting(&source, &runs(&data), Some(&destination))) {
            complain(format_args!("picollect: {line}"));
        }
    }
    Ok(source)
}

/// Delivers all runs that wait, whomever they were for; each that still waits is a finding.
pub(super) fn deliver_all(ask: &SourceOptions) -> Result<(), Failure> {
    let Deliveries { delivered, waiting } = deliver_waiting(&ask.open()?, &runs(&ask.directory()?), None);
    let findings = waiting.iter().map(still_waits).collect();
    print(&Written { text: format!("{delivered} delivered\n"), findings })
}

/// Delivers what waits in the directory of a collector that serves it, now and as long as the task lives.
pub(super) fn keep_delivering(collector: &Collector, data: &Path) -> JoinHandle<()> {
    let (runs, destination) = (runs(data), destination_here(data));
    let source = Arc::new(Source::Here(Arc::clone(&collector.store), Box::new(collector.config.clone())));
    tokio::spawn(async move {
        let (mut looks, mut before) = (interval(LOOKS), Vec::new());
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let (source, runs, destination) = (Arc::clone(&source), runs.clone(), destination.clone());
            let look = move || said(&deliver_waiting(&source, &runs, Some(&destination)));
            match tokio::task::spawn_blocking(look).await {
                // What is as it was has been said.
                Ok(said) if said != before => {
                    for line in &said {
                        tracing::warn!("{line}");
                    }
                    before = said;
                }
                Ok(_) => {}
                Err(error) => tracing::error!("runs that wait are not delivered this time: {error}"),
            }
        }
    })
}

fn runs(data: &Path) -> PathBuf {
    data.join("runs")
}

fn said(done: &Deliveries) -> Vec<String> {
    let delivered = match done.delivered {
        0 => None,
        1 => Some("a run that waited for the collector is delivered now".to_owned()),
        runs => Some(format!("{runs} runs that waited for the collector are delivered now")),
    };
    delivered.into_iter().chain(done.waiting.iter().map(still_waits)).collect()
}

fn still_waits((file, why): &(PathBuf, String)) -> String {
    format!("`{}` still waits: {why}", file.display())
}

//! Recording rules: series that the collector derives and stores beside what it was sent, so that a dashboard on any
//! engine shows the report's figures and needs no arithmetic of its own: the energy of each minute (`minutes.rs`), the
//! results of runs (`results.rs`), and how the collector itself does.
//!
//! Invariant: nothing here decides an answer of the collector's own; reports, summaries and the list of nodes read what
//! was sent. Two collectors on one store record the same.

mod minutes;
mod results;

use std::sync::Arc;
use std::time::Duration;

use picollect_telemetry::Value;
use picollect_telemetry::catalogue::COLLECTOR;
use picollect_telemetry::line::Point;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use self::minutes::Minutes;
use self::results::Results;
use crate::Collector;
use crate::ingest::EarliestPower;
use crate::own_metrics::{own_metrics, own_name};
use picollect_analysis::request::{RequestError, Sources};
use picollect_settings::time::now_ms;
use picollect_store::{StoreError, cached};

/// Often enough that a minute is published soon after it is over.
const EVERY: Duration = Duration::from_secs(10);
/// How the collector does is stored so often.
const ITSELF_MS: i64 = 60_000;

/// The task that publishes.
#[derive(Debug)]
pub struct RecordingRules {
    order: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl RecordingRules {
    /// Publishes every ten seconds.
    pub fn start(collector: Arc<Collector>) -> Self {
        let (order, stop) = oneshot::channel();
        let alive = collector.living.lives("what records figures");
        let work = async move {
            publish(Recorder::new(collector), stop).await;
            drop(alive);
        };
        Self { order, task: tokio::spawn(work) }
    }

    /// Publishes what there is once more, and ends.
    pub async fn stop(self) {
        // If the task has failed it no longer listens; it said so.
        let _ = self.order.send(());
        if let Err(error) = self.task.await {
            tracing::error!("what publishes figures had failed: {error}");
        }
    }
}

async fn publish(mut recorder: Recorder, mut stop: oneshot::Receiver<()>) {
    let mut last = false;
    while !last {
        last = tokio::select! {
            () = tokio::time::sleep(EVERY) => false,
            _ = &mut stop => true,
        };
        let done = tokio::task::spawn_blocking(move || {
            if let Err(error) = recorder.tick(now_ms(), last) {
                tracing::warn!("cannot publish figures: {:#}", anyhow::Error::from(error));
            }
            recorder
        });
        let Ok(back) = done.await else { return tracing::error!("what publishes figures has failed") };
        recorder = back;
    }
}

struct Recorder {
    collector: Arc<Collector>,
    name: String,
    minutes: Minutes,
    results: Results,
    /// From where on power came in that no published minute has yet.
    touched: EarliestPower,
    itself_ms: i64,
}

impl Recorder {
    fn new(collector: Arc<Collector>) -> Self {
        let name = own_name();
        let (minutes, results) = (Minutes::default(), Results::default());
        Self { collector, name, minutes, results, touched: EarliestPower::new(), itself_ms: 0 }
    }

    /// Computes and stores what is new; after a failure the same is tried again. `last` is before the end: then runs do
    /// not wait for late samples.
    fn tick(&mut self, now_ms: i64, last: bool) -> Result<(), RequestError> {
        let collector = Arc::clone(&self.collector);
        for (host, t_ms) in collector.ingest.take_earliest_power() {
            let earliest = self.touched.entry(host).or_insert(t_ms);
            *earliest = t_ms.min(*earliest);
        }
        let (mut minutes, mut results) = (self.minutes.clone(), self.results.clone());
        let mut points = cached(collector.store.as_ref(), |store| {
            let from = Sources { store, config: &collector.config, now_ms };
            let mut points = minutes.new_points(&from, &self.touched)?;
            points.extend(results.new_points(&from, last)?);
            Ok::<_, RequestError>(points)
        })?;
        let is_due = last || now_ms - self.itself_ms >= ITSELF_MS;
        if is_due {
            points.extend(self.itself(now_ms)?);
        }
        match collector.store.append(&points) {
            Ok(appended) => {
                for reason in appended.reasons().take(1) {
                    tracing::warn!("the store refused a figure: {reason}");
                }
            }
            // It will refuse the same again.
            Err(error @ StoreError::Refused { .. }) => tracing::warn!("the figures are lost: {error}"),
            Err(error) => return Err(error.into()),
        }
        (self.minutes, self.results) = (minutes, results);
        self.touched.clear();
        if is_due {
            self.itself_ms = now_ms;
        }
        Ok(())
    }

    /// How the collector does, as a point of each of its measurements.
    fn itself(&self, t_ms: i64) -> Result<Vec<Point>, StoreError> {
        let tags = vec![(COLLECTOR.to_owned(), self.name.clone())];
        let mut points: Vec<Point> = Vec::new();
        for (metric, value) in own_metrics(&self.collector)? {
            let field = (metric.field.to_owned(), Value::Float(value as f64));
            match points.iter_mut().find(|point| point.measurement == metric.measurement) {
                Some(point) => point.fields.push(field),
                None => points.push(Point {
                    measurement: metric.measurement.to_owned(),
                    tags: tags.clone(),
                    fields: vec![field],
                    t_ms,
                }),
            }
        }
        Ok(points)
    }
}

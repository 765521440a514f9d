//! The results of finished runs, as the report says them: one point of each, at its end.

use std::collections::BTreeSet;

use picollect_evaluate::Window;
use picollect_telemetry::Value;
use picollect_telemetry::catalogue::{
    Metric, RESULT_J, RESULT_MEAN_W, RESULT_RATE, RESULT_RATE_PER_W, RESULT_S, RUN_DOCUMENT, SIMULATED,
};
use picollect_telemetry::line::Point;

use picollect_analysis::report;
use picollect_analysis::request::{RequestError, Sources};
use picollect_analysis::runs::{self, Run};
use picollect_store::{Selector, SeriesKey};

/// A run is judged when it is over for so long: what its nodes measured last is there then.
const GRACE_MS: i64 = 60_000;
/// Runs that ended longer ago have been judged, or are history that nobody's dashboard shows.
const BACK_MS: i64 = 24 * 3600 * 1000;
/// Runs that are judged at a time, each of which reads every sample of its nodes.
const MAX_JUDGED: usize = 4;

/// Which runs are done with.
#[derive(Debug, Clone, Default)]
pub(super) struct Results(BTreeSet<SeriesKey>);

impl Results {
    /// The points of runs that have ended; with `at_once` those too that ended a moment ago.
    pub(super) fn new_points(
        &mut self,
        from: &Sources<'_>,
        at_once: bool,
    ) -> Result<Vec<Point>, RequestError> {
        let (measurement, field) = (Some(RUN_DOCUMENT.measurement), Some(RUN_DOCUMENT.field));
        let keys = from.store.series(&Selector { measurement, field, tags: &[] })?;
        let recent = Window { start_ms: from.now_ms - BACK_MS, end_ms: from.now_ms };
        let mut points = Vec::new();
        for key in keys.into_iter().filter(|key| !self.0.contains(key)).collect::<Vec<_>>() {
            if points.len() == MAX_JUDGED {
                break;
            }
            let run = if is_published(from, &key)? { None } else { runs::read(from.store, &key, recent)? };
            if run.as_ref().is_some_and(|run| !at_once && run.time.end_ms + GRACE_MS > from.now_ms) {
                continue;
            }
            points.extend(run.map(|run| judged(from, run)).transpose()?);
            self.0.insert(key);
        }
        Ok(points)
    }
}

/// Whether a collector, perhaps this one before its last start, has judged the run.
fn is_published(from: &Sources<'_>, key: &SeriesKey) -> Result<bool, RequestError> {
    let tags = [("run", key.tag("run").unwrap_or_default())];
    let (measurement, field) = (Some(RESULT_S.measurement), Some(RESULT_S.field));
    Ok(!from.store.series(&Selector { measurement, field, tags: &tags })?.is_empty())
}

fn judged(from: &Sources<'_>, run: Run) -> Result<Point, RequestError> {
    let time = run.time;
    let judged = report::run(from, run)?;
    let result = judged.result.as_ref();
    let values = [
        (&RESULT_S, Some((time.end_ms - time.start_ms) as f64 / 1000.0)),
        (&RESULT_MEAN_W, judged.energy.mean_w),
        (&RESULT_J, judged.energy_to_solution_j),
        (&RESULT_RATE, result.and_then(|result| result.rate)),
        (&RESULT_RATE_PER_W, result.and_then(|result| result.rate_per_w)),
    ];
    let field =
        |(metric, value): (&Metric, Option<f64>)| Some((metric.field.to_owned(), Value::Float(value?)));
    let mut tags = vec![("name".to_owned(), judged.name), ("run".to_owned(), judged.id)];
    tags.extend(judged.simulated.then(|| (SIMULATED.to_owned(), "true".to_owned())));
    tags.extend(judged.result.map(|result| ("unit".to_owned(), result.unit)));
    Ok(Point {
        measurement: RESULT_S.measurement.to_owned(),
        tags,
        fields: values.into_iter().filter_map(field).collect(),
        t_ms: time.end_ms,
    })
}

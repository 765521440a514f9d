//! What the last run got out of its watts, computed once and not at every question: a run's figures read every
//! sample of its nodes.

use std::collections::BTreeSet;

use picollect_evaluate::Window;
use picollect_evaluate::benchmarks::Unit;
use picollect_telemetry::Source;
use picollect_telemetry::catalogue::RUN_DOCUMENT;
use picollect_telemetry::summary::LastRun;

use crate::report;
use crate::runs::{self, End, Run};
use crate::sources::{RequestError, Sources};
use picollect_store::{Selector, SeriesKey};

/// A run is judged once more when it is over for so long: what its nodes measured last may have come late.
const GRACE_MS: i64 = 5 * 60 * 1000;
/// Runs that look as if they had done floating-point work and are found to have no result; the figures of
/// more are not computed for one question.
const MAX_JUDGED: usize = 4;

/// The last run, and which runs were looked at for it.
#[derive(Debug, Default)]
pub(super) struct LastRuns {
    seen: BTreeSet<SeriesKey>,
    last: Option<Judged>,
}

#[derive(Debug)]
struct Judged {
    key: SeriesKey,
    run: Run,
    at_ms: i64,
    answer: LastRun,
}

impl LastRuns {
    /// The run that ended last and has a rate in floating-point operations.
    pub(super) fn latest(&mut self, from: &Sources<'_>) -> Result<Option<LastRun>, RequestError> {
        let (measurement, field) = (Some(RUN_DOCUMENT.measurement), Some(RUN_DOCUMENT.field));
        let keys = from.store.series(&Selector { measurement, field, tags: &[] })?;
        if self.last.as_ref().is_some_and(|last| !keys.contains(&last.key)) {
            // The retention took it: another one is the last.
            *self = Self::default();
        }
        self.look_at_new(from, keys)?;
        self.judge_again(from)?;
        Ok(self.last.as_ref().map(|last| last.answer.clone()))
    }

    fn look_at_new(&mut self, from: &Sources<'_>, keys: Vec<SeriesKey>) -> Result<(), RequestError> {
        let new: Vec<SeriesKey> = keys.into_iter().filter(|key| !self.seen.contains(key)).collect();
        let mut found = Vec::new();
        for key in &new {
            found.extend(runs::read(from.store, key, EVER)?.map(|run| (key.clone(), run)));
        }
        let last_ms = self.last.as_ref().map_or(i64::MIN, |last| last.run.time.end_ms);
        found.retain(|(_, run)| counts_flop(run) && run.time.end_ms >= last_ms);
        found.sort_by_key(|(_, run)| std::cmp::Reverse(run.time.end_ms));
        for (key, run) in found.into_iter().take(MAX_JUDGED) {
            if let Some(answer) = judge(from, &run)? {
                self.last = Some(Judged { key, run, at_ms: from.now_ms, answer });
                break;
            }
        }
        // Last, so that what could not be read is looked at again.
        self.seen.extend(new);
        Ok(())
    }

    fn judge_again(&mut self, from: &Sources<'_>) -> Result<(), RequestError> {
        let Some(last) = &mut self.last else { return Ok(()) };
        let settled_ms = last.run.time.end_ms + GRACE_MS;
        if last.at_ms < settled_ms && from.now_ms >= settled_ms {
            last.at_ms = from.now_ms;
            if let Some(answer) = judge(from, &last.run)? {
                last.answer = answer;
            }
        }
        Ok(())
    }
}

const EVER: Window = Window { start_ms: 0, end_ms: i64::MAX };

/// Whether it can have a rate in floating-point operations, without a look at its power.
fn counts_flop(run: &Run) -> bool {
    let rated = run.results.iter().any(|result| result.rate.is_some() && is_flops(&result.unit));
    let counted = !run.shares.is_empty() && run.shares.iter().all(|share| share.flop.is_some());
    run.end == End::Exit(0) && (rated || counted)
}

fn is_flops(unit: &str) -> bool {
    unit == Unit::FlopPerSecond.name()
}

/// As the report says it; `None` if the result that stands for the run is none in floating-point operations.
fn judge(from: &Sources<'_>, run: &Run) -> Result<Option<LastRun>, RequestError> {
    let judged = report::run(from, run.clone())?;
    let Some(result) = judged.result.filter(|result| is_flops(&result.unit)) else { return Ok(None) };
    // Where the core phase is not known the rate is divided by the power of the whole run.
    let energy = if result.core.is_some() { result.core_energy } else { judged.energy };
    let source = energy.source;
    Ok(Some(LastRun {
        id: judged.id,
        name: judged.name,
        end_ms: run.time.end_ms,
        flops_per_w: result.rate_per_w,
        boundary: energy.boundary.map(|boundary| boundary.to_string()),
        level: judged.methodology.level,
        estimated: source == Some(Source::Estimated),
        simulated: judged.simulated || source == Some(Source::Simulated),
    }))
}

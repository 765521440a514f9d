//! From a request's body to the store, without a word of HTTP.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use picollect_telemetry::catalogue::{HOST, JOULES};
use picollect_telemetry::line::{Batch, Point, Precision, Rest};

use crate::quotas::{OverLimit, Quotas, RETRY_SERIES_S};
use crate::tokens::{Grant, Scope};
use picollect_config::{Keep, Limits};
use picollect_store::{Appended, Refusal, Store, StoreError};

/// So many refusals are spelled out in an answer; the rest is counted.
const MAX_REASONS: usize = 10;

/// A sample may be stamped so much later than now. More is a clock that is wrong, or nanoseconds taken for something
/// else; such a sample would be the newest for ever, and would never be deleted as old.
const MAX_AHEAD_MS: i64 = 24 * 3600 * 1000;
/// Hosts whose power is remembered as new; those beyond are looked at by the order of their samples only.
const MAX_POWER_HOSTS: usize = 10_000;

/// The earliest power sample of each host, Unix milliseconds; `None` is what has no host.
pub type EarliestPower = HashMap<Option<String>, i64>;

/// The memory of so many points is kept for the next body,
const KEPT_POINTS: usize = 4000;
/// and of so many bodies: more at once are rare.
const KEPT_BATCHES: usize = 4;

/// What has come in since the start.
#[derive(Debug, Default)]
pub struct Counters {
    /// Bodies that were taken in.
    pub batches: AtomicU64,
    /// Bytes of those bodies, decompressed.
    pub bytes: AtomicU64,
    /// Samples written, the ones that came again included.
    pub samples: AtomicU64,
    /// Lines and fields refused.
    pub refused: AtomicU64,
    /// Samples over a limit of their host or token, each time that they came.
    pub over_limit: AtomicU64,
}

/// Why nothing of a body was stored.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The token is bound to another node.
    #[error("this token is bound to the node `{node}`, but a line is of `{said}`")]
    OtherNode {
        /// The node it is bound to.
        node: String,
        /// The node that a line names.
        said: String,
    },
    /// The token's scopes cover none of it.
    #[error("this token may not write `{measurement}`: that takes the scope `{scope}`")]
    Reserved {
        /// The first measurement that it may not write.
        measurement: String,
        /// What it takes.
        scope: Scope,
    },
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What became of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Samples in the store now; one that came again counts too.
    pub written: usize,
    /// Lines that could not be read.
    pub bad_lines: usize,
    /// Fields that the store refused for good: another type, too old for the engine.
    pub refused_fields: usize,
    /// What is over a limit now and may be sent again later.
    pub over_limit: OverLimit,
    /// Lines that were not taken whole.
    pub refused_lines: usize,
    /// The number of the first bad line.
    pub first_bad_line: Option<usize>,
    /// The reasons, the first few of them.
    pub reasons: Vec<String>,
}

impl Outcome {
    /// Adds what became of the body's next part.
    fn add(&mut self, next: Self) {
        self.written += next.written;
        self.bad_lines += next.bad_lines;
        self.refused_fields += next.refused_fields;
        self.over_limit.merge(&next.over_limit);
        self.refused_lines += next.refused_lines;
        self.first_bad_line = self.first_bad_line.or(next.first_bad_line);
        let room = MAX_REASONS.saturating_sub(self.reasons.len());
        self.reasons.extend(next.reasons.into_iter().take(room));
    }

    /// One sentence for the sender of a batch that was not taken whole.
    pub fn message(&self) -> String {
        let OverLimit { samples, reasons, .. } = &self.over_limit;
        if *samples > 0 {
            let written = self.written;
            let reasons = reasons.iter().take(MAX_REASONS).cloned().collect::<Vec<_>>().join("; ");
            return format!(
                "{written} samples written; {samples} are over a limit, send them again later: {reasons}"
            );
        }
        let refused = self.bad_lines + self.refused_fields;
        let more = refused.saturating_sub(self.reasons.len());
        let tail = if more > 0 { format!("; and {more} more") } else { String::new() };
        let Self { written, bad_lines, refused_fields, .. } = self;
        format!(
            "partial write: {written} samples written, {bad_lines} lines and {refused_fields} fields refused: {}{tail}",
            self.reasons.join("; ")
        )
    }
}

/// Takes in what agents push: reads a body, stores what is good, and counts what is not.
pub struct Ingest {
    store: Arc<dyn Store>,
    counters: Counters,
    touched: Mutex<EarliestPower>,
    spare: Mutex<Vec<Batch>>,
    /// What is older would be deleted soon, and so is not acknowledged.
    kept_for: Keep,
    quotas: Quotas,
}

impl Ingest {
    /// An intake for this store, with all counters at zero.
    pub fn new(store: Arc<dyn Store>) -> Self {
        let (counters, kept_for) = (Counters::default(), Keep::Forever);
        let quotas = Quotas::new(Limits::default());
        Self { store, counters, touched: Mutex::default(), spare: Mutex::default(), kept_for, quotas }
    }

    /// The same with other limits of hosts and tokens.
    #[must_use]
    pub fn limited(self, limits: Limits) -> Self {
        Self { quotas: Quotas::new(limits), ..self }
    }

    /// The same where everything is deleted after a time.
    #[must_use]
    pub fn kept_for(self, kept_for: Keep) -> Self {
        Self { kept_for, ..self }
    }

    /// What has come in since the start.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// From where on power came in since this was last asked.
    pub fn take_earliest_power(&self) -> EarliestPower {
        std::mem::take(&mut *self.touched.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn touch(&self, points: &[Point]) {
        let mut touched = self.touched.lock().unwrap_or_else(PoisonError::into_inner);
        for point in points.iter().filter(|point| point.measurement == JOULES.measurement) {
            let host = point.tag(HOST).map(ToOwned::to_owned);
            if touched.len() < MAX_POWER_HOSTS || touched.contains_key(&host) {
                let earliest = touched.entry(host).or_insert(point.t_ms);
                *earliest = point.t_ms.min(*earliest);
            }
        }
    }

    /// Takes a body in: the good lines are stored, the bad ones named, and what is over a limit of the host or of the
    /// token waits. An error means that nothing was stored, or of a body of several parts the first ones: it may be
    /// sent again. What the token's scopes do not cover is refused; with one that is bound to a node, nothing is stored
    /// if any line is of another node.
    pub fn body(
        &self,
        body: &[u8],
        precision: Precision,
        now_ms: i64,
        grant: &Grant,
    ) -> Result<Outcome, IngestError> {
        let mut batch = self.spare().pop().unwrap_or_default();
        let outcome = self.parts(&mut batch, body, precision, now_ms, grant);
        let mut spare = self.spare();
        if batch.points.len() <= KEPT_POINTS && spare.len() < KEPT_BATCHES {
            spare.push(batch);
        }
        drop(spare);
        self.count(body.len(), outcome.as_ref().ok());
        outcome
    }

    fn spare(&self) -> MutexGuard<'_, Vec<Batch>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A body takes a hundred times as much in memory as it is long, so a long one is taken in by parts: all of them
    /// are looked at before the first one is stored.
    fn parts(
        &self,
        batch: &mut Batch,
        body: &[u8],
        precision: Precision,
        now_ms: i64,
        grant: &Grant,
    ) -> Result<Outcome, IngestError> {
        let (mut rest, mut parts, mut refused, mut anything_else) = (Rest::of(body), 0, None, false);
        let reserved = loop {
            parts += 1;
            batch.read_part(&mut rest, precision, now_ms);
            let (reserved, first) = covered(batch, grant)?;
            refused = refused.or(first);
            anything_else |= !(batch.points.is_empty() && batch.errors.is_empty());
            if rest.is_empty() {
                break reserved;
            }
        };
        if let Some((measurement, scope)) = refused.filter(|_| !anything_else) {
            return Err(IngestError::Reserved { measurement, scope });
        }
        if parts == 1 {
            return self.batch(batch, now_ms, grant, reserved);
        }
        rest = Rest::of(body);
        let mut next = || -> Result<(Outcome, bool), IngestError> {
            batch.read_part(&mut rest, precision, now_ms);
            let (reserved, _) = covered(batch, grant)?;
            Ok((self.batch(batch, now_ms, grant, reserved)?, rest.is_empty()))
        };
        let (mut outcome, mut is_last) = next()?;
        while !is_last {
            let (part, last) = next()?;
            outcome.add(part);
            is_last = last;
        }
        Ok(outcome)
    }

    fn batch(
        &self,
        batch: &mut Batch,
        now_ms: i64,
        grant: &Grant,
        reserved: Appended,
    ) -> Result<Outcome, IngestError> {
        let outside = without_outside(&mut batch.points, now_ms, self.kept_for);
        let mut over_limit = self.within_limits(&mut batch.points, now_ms, grant)?;
        let mut appended = match self.store.append(&batch.points) {
            Err(StoreError::Refused { location, why }) => refused_whole(&batch.points, &location, &why),
            other => other?,
        };
        for taken_out in [reserved, outside] {
            appended.refused_points += taken_out.refused_points;
            appended.refusals.extend(taken_out.refusals);
        }
        self.touch(&batch.points);
        // Other processes write to the store too, so that it may be fuller than was thought.
        if appended.over_limit > 0 {
            over_limit.add(
                appended.over_limit,
                "the store has all the series that it may have",
                RETRY_SERIES_S,
            );
            appended.over_limit = 0;
        }
        let reasons = batch.errors.iter().map(ToString::to_string).chain(appended.reasons());
        let never: usize = appended.refusals.iter().map(|refusal| refusal.samples).sum();
        let outcome = Outcome {
            written: appended.written,
            bad_lines: batch.errors.len(),
            refused_fields: appended.conflicts.len() + never,
            over_limit,
            refused_lines: batch.errors.len() + appended.refused_points,
            first_bad_line: batch.errors.first().map(|error| error.line),
            reasons: reasons.take(MAX_REASONS).collect(),
        };
        Ok(outcome)
    }

    /// Takes out what is over a limit. Who may everything has none: an import brings what was taken in before.
    fn within_limits(
        &self,
        points: &mut Vec<Point>,
        now_ms: i64,
        grant: &Grant,
    ) -> Result<OverLimit, StoreError> {
        if grant.allows(Scope::Admin) {
            return Ok(OverLimit::default());
        }
        self.quotas.admit(self.store.as_ref(), &grant.name, points, now_ms)
    }

    fn count(&self, bytes: usize, outcome: Option<&Outcome>) {
        let Some(outcome) = outcome else { return };
        let add = |counter: &AtomicU64, by: usize| counter.fetch_add(by as u64, Ordering::Relaxed);
        add(&self.counters.batches, 1);
        add(&self.counters.bytes, bytes);
        add(&self.counters.samples, outcome.written);
        add(&self.counters.refused, outcome.bad_lines + outcome.refused_fields);
        add(&self.counters.over_limit, outcome.over_limit.samples);
    }
}

/// A measurement that a token may not write, and what that takes.
type Reserved = (String, Scope);

/// Takes out what the token's scopes do not cover, and says the first of it. It is an error if what remains is of another
/// node than the token's.
fn covered(batch: &mut Batch, grant: &Grant) -> Result<(Appended, Option<Reserved>), IngestError> {
    let (mut taken_out, mut first) = (Appended::default(), None);
    for scope in [Scope::Write, Scope::Run, Scope::Admin].into_iter().filter(|scope| !grant.allows(*scope)) {
        let lacks = |point: &Point| to_write(point) == scope;
        let Some(measurement) = batch.points.iter().find(|point| lacks(point)) else { continue };
        let measurement = measurement.measurement.clone();
        let reason = format!("samples that take a token of the scope `{scope}`, such as `{measurement}`");
        take_out(&mut batch.points, lacks, &reason, &mut taken_out);
        first.get_or_insert((measurement, scope));
    }
    let Some(node) = &grant.node else { return Ok((taken_out, first)) };
    let nodes_own = batch.points.iter().filter(|point| to_write(point) == Scope::Write);
    let mut said = nodes_own.map(|point| point.tag(HOST).unwrap_or_default());
    match said.find(|said| said != node) {
        Some(said) => Err(IngestError::OtherNode { node: node.clone(), said: said.to_owned() }),
        None => Ok((taken_out, first)),
    }
}

fn to_write(point: &Point) -> Scope {
    Scope::to_write(&point.measurement, point.tag(HOST).is_some())
}

/// Takes out what is stamped outside of the times that are kept.
fn without_outside(points: &mut Vec<Point>, now_ms: i64, kept_for: Keep) -> Appended {
    let latest_ms = now_ms.saturating_add(MAX_AHEAD_MS);
    let mut taken_out = Appended::default();
    let ahead = "samples of more than a day ahead: set the sender's clock, or name the times' `precision`";
    take_out(points, |point| point.t_ms > latest_ms, ahead, &mut taken_out);
    let before = "samples from before 1970: set the sender's clock, or name the times' `precision`";
    take_out(points, |point| point.t_ms < 0, before, &mut taken_out);
    if let Keep::For(time) = kept_for {
        let earliest_ms = now_ms.saturating_sub(i64::try_from(time.as_millis()).unwrap_or(i64::MAX));
        let old = format!(
            "samples older than the retention of {kept_for}: set the sender's clock, or name the times' `precision`"
        );
        take_out(points, |point| point.t_ms < earliest_ms, &old, &mut taken_out);
    }
    taken_out
}

fn take_out(
    points: &mut Vec<Point>,
    is_meant: impl Fn(&Point) -> bool,
    reason: &str,
    taken_out: &mut Appended,
) {
    let meant = points.iter().filter(|point| is_meant(point));
    let samples = meant.map(|point| point.fields.len()).sum();
    if samples == 0 {
        return;
    }
    let before = points.len();
    points.retain(|point| !is_meant(point));
    taken_out.refused_points += before - points.len();
    taken_out.refusals.push(Refusal { samples, reason: reason.to_owned() });
}

/// What an engine refuses whole is counted like what it refuses of a batch: the sender must not try again for ever.
fn refused_whole(points: &[Point], location: &str, why: &str) -> Appended {
    let samples = points.iter().map(|point| point.fields.len()).sum();
    let refusal = Refusal { samples, reason: format!("the store `{location}` refuses: {why}") };
    Appended { refusals: vec![refusal], refused_points: points.len(), ..Appended::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ingest(bodies: &[&str]) -> Outcome {
        let directory = tempfile::tempdir().unwrap();
        let ingest = Ingest::new(Arc::new(picollect_store::open(directory.path()).unwrap()));
        let outcomes = bodies
            .iter()
            .map(|body| ingest.body(body.as_bytes(), Precision::Seconds, 7, &Grant::everything()).unwrap());
        outcomes.last().expect("at least one body")
    }

    #[test]
    fn the_good_lines_are_kept_and_the_bad_ones_named() {
        let outcome = ingest(&["m f=1 1\ngarbage\nm f=2 2"]);
        assert_eq!((outcome.written, outcome.first_bad_line), (2, Some(2)));
        let want = "partial write: 2 samples written, 1 lines and 0 fields refused: line 2, column 8: field is missing";
        assert_eq!(outcome.message(), want);
    }

    #[test]
    fn what_is_stamped_more_than_a_day_ahead_is_refused_and_the_rest_kept() {
        let outcome = ingest(&["m f=1 86400\nm f=1,g=2 86401\nm f=1 9000000000"]);
        assert_eq!((outcome.written, outcome.refused_fields, outcome.refused_lines), (1, 3, 2));
        assert!(
            outcome.message().contains("more than a day ahead: set the sender's clock"),
            "{}",
            outcome.message()
        );
    }

    #[test]
    fn what_is_older_than_the_retention_or_than_1970_is_refused_and_the_rest_kept() {
        let directory = tempfile::tempdir().unwrap();
        let store = Arc::new(picollect_store::open(directory.path()).unwrap());
        let ingest = Ingest::new(store).kept_for(Keep::For(std::time::Duration::from_secs(86_400)));
        let body = b"m f=1 1000000\nm f=1 913600\nm f=1,g=2 913599\nm f=1 1\nm f=1 -1\n";
        let outcome = ingest.body(body, Precision::Seconds, 1_000_000_000, &Grant::everything()).unwrap();
        assert_eq!((outcome.written, outcome.refused_fields, outcome.refused_lines), (2, 4, 3));
        let message = outcome.message();
        assert!(message.contains("older than the retention of 1d: set the sender's clock"), "{message}");
        assert!(message.contains("samples from before 1970"), "{message}");
        assert_eq!(ingest.counters().refused.load(Ordering::Relaxed), 4);
    }

    #[test]
    fn a_type_conflict_is_explained_and_many_reasons_are_cut() {
        let outcome = ingest(&["m f=1 1", "m f=2i 2"]);
        assert_eq!(outcome.reasons, ["field type conflict: `f` of `m` is float, not integer"]);
        let outcome = ingest(&[&"x\n".repeat(25)]);
        assert!(outcome.message().ends_with("line 10, column 2: field is missing; and 15 more"));
    }

    #[test]
    fn what_is_over_a_limit_waits_and_the_rest_of_its_line_is_stored() {
        let directory = tempfile::tempdir().unwrap();
        let store = Arc::new(picollect_store::open(directory.path()).unwrap());
        let ingest = Ingest::new(store).limited(Limits { host_series: 1, ..Limits::default() });
        let writing = Grant { scopes: vec![Scope::Write], ..Grant::everything() };
        let outcome = ingest.body(b"m,host=a f=1,g=2 1", Precision::Seconds, 7, &writing).unwrap();
        assert_eq!((outcome.written, outcome.over_limit.samples, outcome.refused_fields), (1, 1, 0));
        let message = outcome.message();
        let want = "1 samples written; 1 are over a limit, send them again later: `a` has 1 series";
        assert!(message.starts_with(want), "{message}");
        assert_eq!(ingest.counters().over_limit.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_long_body_is_taken_in_by_parts_and_none_of_it_if_its_end_is_of_another_node() {
        let directory = tempfile::tempdir().unwrap();
        let store = Arc::new(picollect_store::open(directory.path()).unwrap());
        let ingest = Ingest::new(store.clone());
        let body: String = (1..=30_000).map(|t| format!("m,host=a f=1 {t}\n")).collect();
        let bound = Grant { node: Some("a".to_owned()), scopes: vec![Scope::Write], ..Grant::everything() };
        let other = ingest.body(format!("{body}m,host=b f=1 1").as_bytes(), Precision::Seconds, 7, &bound);
        assert!(matches!(other, Err(IngestError::OtherNode { .. })));
        assert_eq!(store.series(&picollect_store::Selector::default()).unwrap(), []);
        let outcome =
            ingest.body(format!("{body}bad").as_bytes(), Precision::Milliseconds, 7, &bound).unwrap();
        assert_eq!((outcome.written, outcome.bad_lines, outcome.first_bad_line), (30_000, 1, Some(30_001)));
    }

    #[test]
    fn the_earliest_power_of_each_host_is_told_once() {
        let directory = tempfile::tempdir().unwrap();
        let ingest = Ingest::new(Arc::new(picollect_store::open(directory.path()).unwrap()));
        let body =
            "power,host=a watts=1 9\npower,host=a watts=1 7\npower watts=1 8\nthermal,host=b temp_c=1 1";
        ingest.body(body.as_bytes(), Precision::Seconds, 0, &Grant::everything()).unwrap();
        assert_eq!(
            ingest.take_earliest_power(),
            EarliestPower::from([(Some("a".to_owned()), 7000), (None, 8000)])
        );
        assert_eq!(ingest.take_earliest_power(), EarliestPower::new());
    }

    /// What of a body is stored with these scopes, and what is said.
    fn written(body: &str, scopes: &[Scope], node: Option<&str>) -> Result<Outcome, String> {
        let directory = tempfile::tempdir().unwrap();
        let ingest = Ingest::new(Arc::new(picollect_store::open(directory.path()).unwrap()));
        let grant =
            Grant { scopes: scopes.to_vec(), node: node.map(ToOwned::to_owned), ..Grant::everything() };
        ingest.body(body.as_bytes(), Precision::Seconds, 7, &grant).map_err(|error| error.to_string())
    }

    #[test]
    fn a_nodes_token_writes_its_samples_and_no_word_of_the_collectors() {
        for reserved in
            ["result", "energy", "health", "resolution", "retirement", "ingest", "store", "alerts"]
        {
            let body = format!("{reserved},host=pi-1 x=1 7");
            let want = format!("this token may not write `{reserved}`: that takes the scope `admin`");
            for (scope, node) in [(Scope::Write, Some("pi-1")), (Scope::Write, None), (Scope::Run, None)] {
                assert_eq!(written(&body, &[scope], node), Err(want.clone()));
            }
            assert_eq!(written(&body, &[Scope::Admin], None).unwrap().written, 1);
        }
        let run = "run,run=r,host=pi-1 start_ms=1 7";
        let error = written(run, &[Scope::Write], Some("pi-1")).unwrap_err();
        assert_eq!(error, "this token may not write `run`: that takes the scope `run`");
        assert_eq!(written(run, &[Scope::Run], None).unwrap().written, 1);
        assert!(
            written("m,host=pi-1 f=1 7", &[Scope::Run], None).unwrap_err().ends_with("the scope `write`")
        );
    }

    #[test]
    fn what_a_token_does_not_cover_costs_nothing_beside_it() {
        let body = "thermal,host=pi-1 temp_c=1 7\nresult,run=r rate=9,watts=1 7\nrun,run=r end_ms=1 7";
        let outcome = written(body, &[Scope::Write], Some("pi-1")).unwrap();
        assert_eq!((outcome.written, outcome.refused_fields, outcome.refused_lines), (1, 3, 2));
        assert!(outcome.message().contains("take a token of the scope `admin`, such as `result`"));
        // Whoever records runs on a node may have one token for both.
        let outcome = written(body, &[Scope::Write, Scope::Run], Some("pi-1")).unwrap();
        assert_eq!((outcome.written, outcome.refused_fields), (2, 2));
        let other =
            written("m,host=pi-2 f=1 7\nrun,run=r end_ms=1 7", &[Scope::Write, Scope::Run], Some("pi-1"));
        assert!(other.unwrap_err().contains("bound to the node `pi-1`, but a line is of `pi-2`"));
    }

    #[test]
    fn a_long_body_is_refused_whole_only_if_nothing_of_it_is_the_tokens() {
        let reserved = "energy,host=pi-1 joules=1 7\n".repeat(50_000);
        let error = written(&reserved, &[Scope::Write], None).unwrap_err();
        assert!(error.contains("may not write `energy`"), "{error}");
        let outcome = written(&format!("{reserved}m,host=pi-1 f=1 7\n"), &[Scope::Write], None).unwrap();
        assert_eq!((outcome.written, outcome.refused_fields), (1, 50_000));
    }

    #[test]
    fn a_meter_at_the_wall_is_the_collectors_own_word() {
        let wall = "power,boundary=wall,meter=rack watts=1 7";
        assert!(written(wall, &[Scope::Write], None).unwrap_err().contains("may not write `power`"));
        assert_eq!(written(wall, &[Scope::Admin], None).unwrap().written, 1);
        assert_eq!(
            written("power,host=pi-1,boundary=wall watts=1 7", &[Scope::Write], Some("pi-1"))
                .unwrap()
                .written,
            1
        );
    }
}

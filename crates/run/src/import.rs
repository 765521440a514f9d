//! `picollect import --hpl FILE --start TIME`: a run that was done elsewhere, from its saved output. It is
//! recognised and placed as a run of our own; nothing saw its lines arrive.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use picollect_evaluate::benchmarks::{CorePhase, Outcome, as_if_utc_s, recognise};

use super::kept_output::MAX_KEPT_BYTES;
use super::recognise::{Output, Work};
use picollect_analysis::runs::{End, Run, SCHEMA, TimeRange};

/// Every zone's offset is a multiple of this.
const ZONE_STEP_S: i64 = 900;

/// A saved output, and what the user knows of it.
#[derive(Debug)]
pub struct Saved<'a> {
    /// What the benchmark printed, as it was saved.
    pub file: &'a Path,
    /// When the run began, Unix milliseconds.
    pub start_ms: i64,
    /// When it ended; `None` takes it from the output.
    pub end_ms: Option<i64>,
    /// What to call it.
    pub name: String,
    /// The nodes whose energy counts; `None` is all.
    pub nodes: Option<Vec<String>>,
    /// What the user says of it.
    pub labels: BTreeMap<String, String>,
}

/// The run that an output tells of. Fails if the file cannot be read, is of no known benchmark, or does not
/// tell how long the run took.
pub fn read(saved: &Saved<'_>) -> anyhow::Result<Run> {
    let name = saved.file.display();
    let bytes = fs::metadata(saved.file).with_context(|| format!("cannot read `{name}`"))?.len();
    ensure!(bytes <= MAX_KEPT_BYTES, "`{name}` has {bytes} bytes, more than {MAX_KEPT_BYTES}");
    let bytes = fs::read(saved.file).with_context(|| format!("cannot read `{name}`"))?;
    let outcomes = recognise(&String::from_utf8_lossy(&bytes));
    ensure!(!outcomes.is_empty(), "`{name}` is the output of no benchmark that is known");
    let end_ms = match saved.end_ms.or_else(|| end_ms(&outcomes, saved.start_ms)) {
        Some(end_ms) if end_ms > saved.start_ms => end_ms,
        Some(_) => bail!("the run in `{name}` would end before it begins; is --start right?"),
        None => bail!("`{name}` does not tell how long the run took; give --end"),
    };
    let time = TimeRange { start_ms: saved.start_ms, end_ms };
    let results = Work::Benchmark.results(&[Output { bytes, arrivals: None }], time, End::Exit(0));
    Ok(Run {
        schema: SCHEMA,
        id: format!("import-{}-{}", super::plan::slug(&saved.name), super::compact(saved.start_ms)),
        name: saved.name.clone(),
        labels: saved.labels.clone(),
        host: String::new(),
        command: Vec::new(),
        nodes: saved.nodes.clone(),
        simulated: false,
        idle: None,
        time,
        end: End::Exit(0),
        shares: Vec::new(),
        results,
        provenance: BTreeMap::from([("imported from".to_owned(), name.to_string())]),
        kept_in: None,
    })
}

/// The last end that the output states, in the zone in which the first beginning is the run's; else the sum
/// of the durations.
fn end_ms(outcomes: &[Outcome], start_ms: i64) -> Option<i64> {
    let stated = outcomes.iter().filter_map(|outcome| match outcome.core_phase {
        CorePhase::Stated { start, end } => Some((as_if_utc_s(start), as_if_utc_s(end))),
        _ => None,
    });
    let stated: Vec<(i64, i64)> = stated.collect();
    if let (Some((first_s, _)), Some((_, last_s))) = (stated.first(), stated.last()) {
        let offset_s =
            (first_s - start_ms.div_euclid(1000) + ZONE_STEP_S / 2).div_euclid(ZONE_STEP_S) * ZONE_STEP_S;
        // The stamp is cut to a whole second.
        return Some((last_s - offset_s + 1) * 1000);
    }
    let seconds: f64 = outcomes.iter().map(|outcome| outcome.seconds).sum::<Option<f64>>()?;
    Some(start_ms.saturating_add(picollect_query::whole(seconds * 1000.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use picollect_analysis::runs::Check;

    fn saved(name: &str, start_ms: i64) -> anyhow::Result<Run> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/benchmark-outputs");
        let file = folder.join(name);
        let labels = BTreeMap::new();
        read(&Saved { file: &file, start_ms, end_ms: None, name: "HPL 2.3".into(), nodes: None, labels })
    }

    #[test]
    fn every_result_of_a_saved_hpl_run_is_placed() {
        let text = include_str!("../../../tests/benchmark-outputs/hpl-2.3-progress-six-results.txt");
        let outcomes = recognise(text);
        let CorePhase::Stated { start, .. } = outcomes[0].core_phase else { panic!("{outcomes:?}") };
        // Two hours east of Greenwich, a second after the start.
        let start_ms = (as_if_utc_s(start) - 7200 - 1) * 1000;
        let run = saved("hpl-2.3-progress-six-results.txt", start_ms).unwrap();
        assert_eq!(run.results.len(), 6);
        for (result, outcome) in run.results.iter().zip(&outcomes) {
            let core = result.core.expect("it is placed");
            assert_eq!((result.rate, result.check), (outcome.rate, Check::Passed));
            assert!(core.time.start_ms >= run.time.start_ms && core.time.end_ms <= run.time.end_ms);
            let seconds = (core.time.end_ms - core.time.start_ms) as f64 / 1000.0;
            assert!((seconds - outcome.seconds.unwrap()).abs() < 0.002 && core.edge_s <= 0.6, "{core:?}");
        }
    }

    #[test]
    fn a_failed_residual_is_no_rate_and_a_skipped_check_is_said() {
        let of = |name: &str| {
            let text = fs::read_to_string(
                Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/benchmark-outputs").join(name),
            );
            let outcomes = recognise(&text.unwrap());
            let CorePhase::Stated { start, .. } = outcomes[0].core_phase else { panic!("{outcomes:?}") };
            let run = saved(name, (as_if_utc_s(start) - 1) * 1000).unwrap();
            (run.results[0].check, run.results[0].rate.is_some(), run.results[0].core.is_some())
        };
        assert_eq!(of("hpl-2.3-plain.txt"), (Check::Passed, true, true));
        assert_eq!(of("hpl-2.3-check-skipped.txt"), (Check::Unchecked, true, true));
        assert_eq!(of("hpl-2.3-residual-failed.txt"), (Check::Failed, false, true));
    }

    #[test]
    fn what_is_no_run_is_refused() {
        let error = |name, start_ms| format!("{:#}", saved(name, start_ms).unwrap_err());
        assert!(error("README.md", 0).ends_with("is the output of no benchmark that is known"));
        assert!(error("hpl-2.3-interrupted.txt", 0).ends_with("give --end"));
        assert!(error("missing.txt", 0).starts_with("cannot read"));
    }
}

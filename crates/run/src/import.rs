//! `picollect import --hpl FILE --start TIME`: a run that was done elsewhere, from its saved output. It is
//! recognised and placed as a run of our own; nothing saw its lines arrive.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, anyhow, ensure};
use picollect_evaluate::benchmarks::placement::{self, Placement, Unplaced, Zone};
use picollect_evaluate::benchmarks::recognise;

use super::kept_output::MAX_KEPT_BYTES;
use super::recognise::results;
use picollect_analysis::runs::{End, IMPORTED_FROM, Run, SCHEMA};

/// The name of the provenance that says in which zone the stamps in a saved output are.
pub const ZONE_OF_STAMPS: &str = "zone of its stamps";

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

/// The run that an output tells of. Fails if the file cannot be read, is of no known benchmark, does not tell
/// how long the run took, or tells what cannot have been in such a run.
pub fn read(saved: &Saved<'_>) -> anyhow::Result<Run> {
    let name = saved.file.display();
    let bytes = fs::metadata(saved.file).with_context(|| format!("cannot read `{name}`"))?.len();
    ensure!(bytes <= MAX_KEPT_BYTES, "`{name}` has {bytes} bytes, more than {MAX_KEPT_BYTES}");
    let bytes = fs::read(saved.file).with_context(|| format!("cannot read `{name}`"))?;
    let outcomes = recognise(&String::from_utf8_lossy(&bytes));
    ensure!(!outcomes.is_empty(), "`{name}` is the output of no benchmark that is known");
    let ends_first = saved.end_ms.is_some_and(|end_ms| end_ms <= saved.start_ms);
    ensure!(!ends_first, "the run in `{name}` would end before it begins; is --start right?");
    let Placement { run, results: places, zone_min } =
        placement::saved(saved.start_ms, saved.end_ms, &outcomes)
            .map_err(|why| anyhow!("`{name}` is not of this run: {why}; {}", advice(&why, saved)))?;
    let mut provenance = BTreeMap::from([(IMPORTED_FROM.to_owned(), name.to_string())]);
    provenance.extend(zone_min.map(|zone_min| (ZONE_OF_STAMPS.to_owned(), Zone(zone_min).to_string())));
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
        time: run.into(),
        end: End::Exit(0),
        shares: Vec::new(),
        results: results(&outcomes, &places),
        provenance,
        kept_in: None,
    })
}

/// What to do about a run that does not hold its results.
fn advice(why: &Unplaced, saved: &Saved<'_>) -> &'static str {
    match (why, saved.end_ms) {
        (Unplaced::NoEnd, _) => "give --end",
        (Unplaced::SeveralZones(_), _) => "give --end, or the --start at which it began",
        (Unplaced::NoZone { .. }, None) => {
            "give the --start at which it really began, at most 15 minutes before the first stamp, or --end too"
        }
        _ => "are --start and --end right?",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use picollect_analysis::runs::Check;
    use picollect_evaluate::benchmarks::{CorePhase, as_if_utc_s};
    use picollect_settings::time::{parse_rfc3339, rfc3339};

    fn output(name: &str) -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/benchmark-outputs").join(name)
    }

    fn saved_until(name: &str, start_ms: i64, end_ms: Option<i64>) -> anyhow::Result<Run> {
        let file = output(name);
        let labels = BTreeMap::new();
        read(&Saved { file: &file, start_ms, end_ms, name: "HPL 2.3".into(), nodes: None, labels })
    }

    fn saved(name: &str, start_ms: i64) -> anyhow::Result<Run> {
        saved_until(name, start_ms, None)
    }

    /// The beginning of the first result in UTC, if that were its zone.
    fn first_stamp_ms(name: &str) -> i64 {
        let outcomes = recognise(&fs::read_to_string(output(name)).unwrap());
        let CorePhase::Stated { start, .. } = outcomes[0].core_phase else { panic!("{outcomes:?}") };
        as_if_utc_s(start) * 1000
    }

    #[test]
    fn every_result_of_a_saved_hpl_run_is_placed() {
        let name = "hpl-2.3-progress-six-results.txt";
        let outcomes = recognise(&fs::read_to_string(output(name)).unwrap());
        // Two hours east of Greenwich, a second after the start.
        let run = saved(name, first_stamp_ms(name) - 7_201_000).unwrap();
        assert_eq!((run.results.len(), run.provenance[ZONE_OF_STAMPS].as_str()), (6, "UTC+02:00"));
        for (result, outcome) in run.results.iter().zip(&outcomes) {
            let core = result.core.expect("it is placed");
            assert_eq!((result.rate, result.check), (outcome.rate, Check::Passed));
            assert!(core.time.start_ms >= run.time.start_ms && core.time.end_ms <= run.time.end_ms);
            let seconds = (core.time.end_ms - core.time.start_ms) as f64 / 1000.0;
            assert!((seconds - outcome.seconds.unwrap()).abs() < 0.002 && core.edge_s <= 0.6, "{core:?}");
        }
    }

    #[test]
    fn a_start_that_is_minutes_early_changes_nothing_of_the_core_phase() {
        let of = |start: &str| saved("hpl-2.3-new-york.txt", parse_rfc3339(start).unwrap());
        let times = |start: &str| {
            let run = of(start).unwrap();
            let core = run.results[0].core.unwrap();
            (run.time.end_ms, core.time.start_ms, core.time.end_ms - core.time.start_ms)
        };
        assert_eq!(times("2024-03-12T17:25:10Z"), times("2024-03-12T17:16:00Z"));
        assert_eq!(rfc3339(times("2024-03-12T17:16:00Z").0), "2024-03-12T17:39:18.000Z");
        let late = format!("{:#}", of("2024-03-12T17:26:00Z").unwrap_err());
        assert!(
            late.contains("the nearest is UTC-04:00, in which it began at 2024-03-12T17:25:16Z"),
            "{late}"
        );
        assert!(late.contains("give the --start at which it really began"), "{late}");
    }

    #[test]
    fn a_run_that_cannot_hold_its_results_is_refused_with_what_does_not_fit() {
        let ms = |text: &str| parse_rfc3339(text).unwrap();
        let error = |start: &str, end: &str| {
            let run = saved_until("hpl-2.3-new-york.txt", ms(start), Some(ms(end)));
            format!("{:#}", run.unwrap_err())
        };
        let short = error("2024-03-12T17:25:10Z", "2024-03-12T17:33:28Z");
        assert!(short.contains("its results took 841.08 s, and the run lasted 498 s"), "{short}");
        let elsewhere = error("2024-03-12T18:00:00Z", "2024-03-12T18:20:00Z");
        assert!(
            elsewhere.contains("2024-03-12T13:25:16 to 2024-03-12T13:39:17, are in no time zone"),
            "{elsewhere}"
        );
        let wide =
            saved_until("hpl-2.3-new-york.txt", ms("2024-03-12T16:00:00Z"), Some(ms("2024-03-12T19:00:00Z")));
        let result = &wide.unwrap().results[0];
        let reason = result.reason.as_deref().unwrap_or_default();
        assert!(result.core.is_none() && reason.contains("UTC-05:00 and in UTC-04:00"), "{reason}");
    }

    #[test]
    fn the_clocks_may_go_forward_while_it_computes() {
        let start_ms = parse_rfc3339("2024-03-31T00:30:00Z").unwrap();
        let run = saved("hpl-2.3-into-summer-time.txt", start_ms).unwrap();
        let core = run.results[0].core.expect("it is placed");
        assert_eq!(rfc3339(run.time.end_ms), "2024-03-31T01:45:06.000Z");
        assert_eq!(core.time.end_ms - core.time.start_ms, 4_500_020);
    }

    #[test]
    fn a_failed_residual_is_no_rate_and_a_skipped_check_is_said() {
        let of = |name: &str| {
            let run = saved(name, first_stamp_ms(name) - 1000).unwrap();
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
        let backwards = saved_until("hpl-2.3-plain.txt", 1000, Some(1000)).unwrap_err();
        assert!(backwards.to_string().contains("would end before it begins"));
    }
}

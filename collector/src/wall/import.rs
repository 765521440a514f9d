//! `picollect import --wall FILE`: the log of a meter that nobody can ask goes into the store as it is, watts at
//! their own times. What energy that is, a report works out; it is not converted here at some rate.
//!
//! Invariants: the file is read twice, so that a bad line is found before anything is written; memory does not
//! grow with the file; a file imported again changes nothing.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use picollect_evaluate::wall_log::Entry;
use picollect_telemetry::catalogue::{JOULES, WATTS};
use picollect_telemetry::line::Point;

use super::log_file::LogReader;
use picollect_store::{Selector, Store};

/// So many readings are written at once: few enough for the memory of a small board, enough for few syncs.
const BATCH: usize = 10_000;

/// What a log held.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// Readings written; one that was there already counts too.
    pub readings: u64,
    /// Lines on which the logger did not know the power.
    pub unknown: u64,
    /// Lines left out because they cannot be read.
    pub bad_lines: u64,
    /// The first and the last time, Unix milliseconds; `None` without readings.
    pub span: Option<(i64, i64)>,
}

impl Imported {
    fn count(&mut self, t_ms: i64) {
        self.readings += 1;
        let (first, last) = self.span.unwrap_or((t_ms, t_ms));
        self.span = Some((first.min(t_ms), last.max(t_ms)));
    }
}

/// Imports a log into the series with these tags, all of it or, if a line cannot be read, nothing, unless such
/// lines are to be left out. An error names the line.
pub fn import(
    store: &dyn Store,
    log: &Path,
    tags: &[(String, String)],
    skip_bad_lines: bool,
) -> anyhow::Result<Imported> {
    let name = log.display();
    let file = File::open(log).with_context(|| format!("cannot read the log `{name}`"))?;
    // What is written to the log meanwhile is the next import's.
    let bytes = file.metadata().with_context(|| format!("cannot read the log `{name}`"))?.len();
    let found = each(BufReader::new(file.take(bytes)), skip_bad_lines, |_, _| Ok(()))
        .with_context(|| format!("nothing was imported from `{name}`"))?;
    ensure!(found.readings > 0, "nothing was imported from `{name}`: there is no reading in it");
    refuse_polled(store, tags)?;
    let file = File::open(log).with_context(|| format!("cannot read the log `{name}` again"))?;
    write(store, BufReader::new(file.take(bytes)), tags, skip_bad_lines)
        .with_context(|| format!("only a part of `{name}` was imported; import it again"))
}

/// A meter that the collector asks has totals, which a report would take for all that there is.
fn refuse_polled(store: &dyn Store, tags: &[(String, String)]) -> anyhow::Result<()> {
    let tags: Vec<(&str, &str)> = tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let selector = Selector { measurement: Some(JOULES.measurement), field: Some(JOULES.field), tags: &tags };
    let polled = store.series(&selector)?.iter().any(|key| key.tags.len() == tags.len());
    ensure!(!polled, "the collector asks a wall meter of this name itself; give the log another --name");
    Ok(())
}

/// Hands over each reading; a line that cannot be read is an error or is counted.
fn each(
    log: impl BufRead,
    skip_bad_lines: bool,
    mut take: impl FnMut(i64, f64) -> anyhow::Result<()>,
) -> anyhow::Result<Imported> {
    let mut reader = LogReader::new(log);
    let mut imported = Imported::default();
    while let Some(entry) = reader.next_entry()? {
        match entry {
            Ok(Entry::Power { t_ms, watts }) => {
                imported.count(t_ms);
                take(t_ms, watts)?;
            }
            Ok(Entry::Unknown) => imported.unknown += 1,
            Err(_) if skip_bad_lines => imported.bad_lines += 1,
            Err(bad) => bail!("{bad}; mend it, or give --skip-bad-lines"),
        }
    }
    Ok(imported)
}

fn write(
    store: &dyn Store,
    log: impl BufRead,
    tags: &[(String, String)],
    skip_bad_lines: bool,
) -> anyhow::Result<Imported> {
    let mut batch = Vec::with_capacity(BATCH);
    let imported = each(log, skip_bad_lines, |t_ms, watts| {
        let fields = vec![(WATTS.field.to_owned(), watts.into())];
        batch.push(Point { measurement: WATTS.measurement.to_owned(), tags: tags.to_vec(), fields, t_ms });
        if batch.len() == BATCH { append(store, &mut batch) } else { Ok(()) }
    })?;
    append(store, &mut batch)?;
    Ok(imported)
}

fn append(store: &dyn Store, batch: &mut Vec<Point>) -> anyhow::Result<()> {
    let appended = store.append(batch)?;
    ensure!(appended.refused_points == 0, "the store refused {} readings", appended.refused_points);
    batch.clear();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wall::tags;
    use picollect_evaluate::Window;
    use picollect_evaluate::energy::{Energy, of_watts};
    use picollect_evaluate::series::{Sample, in_order};
    use picollect_query::{energy_of, interval_s, power_meters};
    use picollect_store::{EmbeddedStore, open};
    use proptest::prelude::*;
    use std::fs;

    struct TempStore {
        directory: tempfile::TempDir,
        store: EmbeddedStore,
    }

    impl TempStore {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let store = open(directory.path()).unwrap();
            Self { directory, store }
        }

        fn import(&self, log: &str, skip_bad_lines: bool) -> Result<Imported, String> {
            let path = self.directory.path().join("meter.log");
            fs::write(&path, log).unwrap();
            import(&self.store, &path, &tags("meter", ""), skip_bad_lines).map_err(|error| {
                format!("{error:#}").replace(&format!("{}/", self.directory.path().display()), "")
            })
        }

        fn energy(&self, window: Window) -> Option<Energy> {
            let meters = power_meters(&self.store, None).unwrap();
            meters.first().and_then(|meter| energy_of(&self.store, meter, window).unwrap())
        }
    }

    const START_S: i64 = 1_795_435_200;

    fn log(samples: &[(i64, f64)]) -> String {
        samples
            .iter()
            .map(|(t_ms, watts)| format!("{} {watts}\n", START_S as f64 + *t_ms as f64 / 1000.0))
            .collect()
    }

    fn window(end_ms: i64) -> Window {
        Window { start_ms: START_S * 1000, end_ms: START_S * 1000 + end_ms }
    }

    #[test]
    fn a_bad_line_is_named_and_nothing_is_imported_unless_it_may_be_left_out() {
        let place = TempStore::new();
        let text = "1795435200 5\nbroken\n1795435201 5\n";
        let error = place.import(text, false).unwrap_err();
        assert!(error.starts_with("nothing was imported from `meter.log`: line 2: "), "{error}");
        assert!(error.contains("--skip-bad-lines"), "{error}");
        assert_eq!(place.energy(window(2000)), None);
        let imported = place.import(text, true).unwrap();
        assert_eq!((imported.readings, imported.bad_lines, imported.unknown), (2, 1, 0));
        assert_eq!(place.energy(window(2000)), Some(Energy { joules: 5.0, covered_s: 1.0 }));
        assert!(place.import("# nothing\n", true).unwrap_err().contains("there is no reading in it"));
        assert!(place.import("time,volts\n1,2\n", true).unwrap_err().contains("line 1: no column"));
    }

    #[test]
    fn a_meter_that_the_collector_asks_gets_no_log_mixed_in() {
        let place = TempStore::new();
        let fields = vec![(JOULES.field.to_owned(), 1.0.into())];
        let point = Point { measurement: "power".into(), tags: tags("meter", ""), fields, t_ms: 1 };
        place.store.append(&[point]).unwrap();
        assert!(place.import("1795435200 5\n", false).unwrap_err().contains("another --name"));
    }

    #[test]
    fn a_gap_in_the_log_is_uncovered_time() {
        let place = TempStore::new();
        let samples = [(0, 10.0), (1000, 10.0), (2000, 20.0), (9000, 20.0), (9500, 20.0)];
        place.import(&log(&samples), false).unwrap();
        // Seven seconds without a line are more than three intervals of one.
        assert_eq!(place.energy(window(10_000)), Some(Energy { joules: 35.0, covered_s: 2.5 }));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 10))]

        #[test]
        fn a_log_gives_what_its_watts_give_however_it_is_cut_shuffled_or_repeated(
            steps in proptest::collection::vec((1..5000i64, 0.0..50.0f64), 2..60),
            cut in any::<proptest::sample::Index>(),
            seed in any::<i64>(),
        ) {
            let mut t_ms = 0;
            let samples: Vec<(i64, f64)> = steps.iter().map(|(gap, watts)| { t_ms += gap; (t_ms, *watts) }).collect();
            let window = window(t_ms + 1000);
            let plain = samples.iter().map(|(t_ms, value)| Sample { t_ms: START_S * 1000 + t_ms, value: *value });
            let plain = in_order(&plain.collect::<Vec<_>>());
            let want = of_watts(&plain, window, interval_s(&plain).unwrap());

            let whole = TempStore::new();
            whole.import(&log(&samples), false).unwrap();
            let got = whole.energy(window);
            prop_assert_eq!(got.map(|energy| energy.covered_s), want.map(|energy| energy.covered_s));
            let joules = |energy: Option<Energy>| energy.map_or(0.0, |energy| energy.joules);
            prop_assert!((joules(got) - joules(want)).abs() < 1e-6, "{:?} {:?}", got, want);

            let mut shuffled = samples.clone();
            shuffled.sort_by_key(|(t_ms, _)| t_ms.wrapping_mul(seed | 1).rotate_left(17));
            let (a, b) = shuffled.split_at(cut.index(shuffled.len()));
            let parts = TempStore::new();
            for part in [a, b, a].into_iter().filter(|part| !part.is_empty()) {
                parts.import(&log(part), false).unwrap();
            }
            prop_assert_eq!(parts.energy(window), got);
        }
    }
}

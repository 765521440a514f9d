//! `picollect import --wall FILE`: the log of a meter that nobody can ask goes into the store as it is, watts or an
//! energy counter at their own times. What energy that is, a report works out; it is not converted here at some
//! rate. Beside a counter's joules stands the mean power since its reading before, as a node's own meters say it.
//!
//! Invariants: the file is read twice, so that a bad line is found before anything is written; memory does not
//! grow with the file; a file imported again changes nothing.

mod log_file;
mod sum;

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use picollect_evaluate::wall_log::{Options, Reading, Readings};
use picollect_telemetry::catalogue::{JOULES, METERED_S, WATTS};
use picollect_telemetry::line::Point;

use log_file::{BadLine, LogReader};
use picollect_store::{Selector, Store};
use sum::Sum;

/// So many readings are written at once: few enough for the memory of a small board, enough for few syncs.
const BATCH: usize = 10_000;
/// More meters in one log are not believed: a column that is no channel was taken for one.
const MAX_CHANNELS: usize = 1000;

/// A meter's tags, by its channel in the log.
pub type Tags<'a> = dyn Fn(&str) -> anyhow::Result<Vec<(String, String)>> + 'a;

/// How a log is imported.
pub struct Import<'a> {
    /// What is known of it besides what stands in it.
    pub options: &'a Options,
    /// Whether its meters are added up to one.
    pub sum: bool,
    /// Whether lines that cannot be read are left out.
    pub skip_bad_lines: bool,
    /// The tags of a meter's series; the channel is empty where there is one meter only, or the sum.
    pub tags: &'a Tags<'a>,
}

/// What a log held.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Imported {
    /// Readings written; one that was in the store already counts too.
    pub readings: u64,
    /// Values that the logger did not know.
    pub unknown: u64,
    /// Lines left out because they cannot be read.
    pub bad_lines: u64,
    /// Times left out of a sum because not all of its meters have a reading there.
    pub incomplete: u64,
    /// How often a counter began anew.
    pub resets: u64,
    /// The first and the last time, Unix milliseconds; `None` without readings.
    pub span: Option<(i64, i64)>,
    /// The meters that were written, by their channels; an empty one is the only meter, or the sum.
    pub channels: Vec<String>,
    /// How often a second the meter samples, if the log says so.
    pub sampled_at: Option<f64>,
}

impl Imported {
    fn count(&mut self, t_ms: i64) {
        self.readings += 1;
        let (first, last) = self.span.unwrap_or((t_ms, t_ms));
        self.span = Some((first.min(t_ms), last.max(t_ms)));
    }
}

/// Imports a log, all of it or, if a line cannot be read, nothing, unless such lines are to be left out. An error
/// names the line.
pub fn import(store: &dyn Store, log: &Path, how: &Import<'_>) -> anyhow::Result<Imported> {
    let name = log.display();
    let file = File::open(log).with_context(|| format!("cannot read the log `{name}`"))?;
    // What is written to the log meanwhile is the next import's.
    let bytes = file.metadata().with_context(|| format!("cannot read the log `{name}`"))?.len();
    let found = each(BufReader::new(file.take(bytes)), how, |_, _| Ok(()))
        .with_context(|| format!("nothing was imported from `{name}`"))?;
    ensure!(found.readings > 0, "nothing was imported from `{name}`: there is no reading in it");
    let together = how.sum || found.channels.len() == 1;
    let meters = if together { vec![String::new()] } else { found.channels.clone() };
    for channel in &meters {
        refuse_polled(store, &(how.tags)(channel)?)?;
    }
    let file = File::open(log).with_context(|| format!("cannot read the log `{name}` again"))?;
    let log = BufReader::new(file.take(bytes));
    let mut writer = Writer { store, how, batch: Vec::with_capacity(BATCH), written: Imported::default() };
    let written = if how.sum { writer.sum(log, &found) } else { writer.apart(log, together) };
    written.with_context(|| format!("only a part of `{name}` was imported; import it again"))?;
    let Imported { readings, span, incomplete, .. } = writer.written;
    ensure!(
        readings > 0,
        "nothing was imported from `{name}`: at no time do all of its meters have a reading"
    );
    Ok(Imported { readings, span, incomplete, channels: meters, ..found })
}

/// A meter that the collector asks has totals, which a report would take for all that there is.
fn refuse_polled(store: &dyn Store, tags: &[(String, String)]) -> anyhow::Result<()> {
    let tags: Vec<(&str, &str)> = tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let (measurement, field) = (Some(METERED_S.measurement), Some(METERED_S.field));
    let selector = Selector { measurement, field, tags: &tags };
    let polled = store.series(&selector)?.iter().any(|key| key.tags.len() == tags.len());
    ensure!(!polled, "the collector asks a wall meter of this name itself; give the log another --name");
    Ok(())
}

/// Hands over each reading with its channel; a line that cannot be read is an error or is counted.
fn each(
    log: impl BufRead,
    how: &Import<'_>,
    mut take: impl FnMut(&str, Reading) -> anyhow::Result<()>,
) -> anyhow::Result<Imported> {
    let mut reader = LogReader::new(log, how.options);
    let mut imported = Imported::default();
    let mut readings: Option<Readings> = None;
    let leave_out = |line: BadLine| {
        ensure!(how.skip_bad_lines, "{line}; mend it, or give --skip-bad-lines");
        Ok(1)
    };
    while let Some(entry) = reader.next_entry()? {
        let entry = match entry {
            Ok(entry) => entry,
            Err(line) => {
                imported.bad_lines += leave_out(line)?;
                continue;
            }
        };
        let readings = readings.get_or_insert_with(|| Readings::new(reader.quantity()));
        for value in &entry.values {
            let Some(number) = value.value else {
                imported.unknown += 1;
                continue;
            };
            match readings.take(reader.line(), &value.channel, entry.t_ms, number) {
                Ok(Some(reading)) => {
                    imported.count(reading.t_ms);
                    take(&value.channel, reading)?;
                }
                Ok(None) => {}
                Err(why) => imported.bad_lines += leave_out(reader.bad(&why.to_string()))?,
            }
            if readings.channels().len() > MAX_CHANNELS {
                let line = reader.line();
                bail!(
                    "line {line}: more than {MAX_CHANNELS} meters in one log; choose a column with --column"
                );
            }
        }
    }
    if let Some(readings) = &readings {
        imported.channels = readings.channels().map(ToOwned::to_owned).collect();
        imported.resets = readings.resets();
    }
    if how.sum && imported.resets > 0 {
        let resets = imported.resets;
        bail!("counters began anew {resets} times in it, so they have no sum; leave --sum out");
    }
    imported.sampled_at = reader.sampled_at();
    Ok(imported)
}

/// Writes readings, many at once.
struct Writer<'a> {
    store: &'a dyn Store,
    how: &'a Import<'a>,
    batch: Vec<Point>,
    written: Imported,
}

impl Writer<'_> {
    /// Every meter of the log by itself; `together` if it is only one.
    fn apart(&mut self, log: impl BufRead, together: bool) -> anyhow::Result<()> {
        let how = self.how;
        each(log, how, |channel, reading| {
            let tags = (how.tags)(if together { "" } else { channel })?;
            self.write(tags, reading)
        })?;
        self.append()
    }

    /// All meters of the log as one.
    fn sum(&mut self, log: impl BufRead, found: &Imported) -> anyhow::Result<()> {
        let tags = (self.how.tags)("")?;
        let mut sum = Sum::of(found.channels.len());
        let how = self.how;
        each(log, how, |channel, reading| match sum.add(channel, reading) {
            Some(whole) => self.write(tags.clone(), whole),
            None => Ok(()),
        })?;
        if let Some(last) = sum.end() {
            self.write(tags, last)?;
        }
        self.written.incomplete = sum.incomplete();
        self.append()
    }

    fn write(&mut self, tags: Vec<(String, String)>, reading: Reading) -> anyhow::Result<()> {
        let Reading { t_ms, joules, watts } = reading;
        let fields = [(JOULES.field, joules), (WATTS.field, watts)];
        let known = fields.into_iter().filter_map(|(field, value)| Some((field.to_owned(), value?.into())));
        let measurement = WATTS.measurement.to_owned();
        self.batch.push(Point { measurement, tags, fields: known.collect(), t_ms });
        self.written.count(t_ms);
        if self.batch.len() == BATCH { self.append() } else { Ok(()) }
    }

    fn append(&mut self) -> anyhow::Result<()> {
        let appended = self.store.append(&self.batch)?;
        ensure!(appended.refused_points == 0, "the store refused {} readings", appended.refused_points);
        self.batch.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use picollect_evaluate::Window;
    use picollect_evaluate::energy::{Energy, of_watts};
    use picollect_evaluate::series::{Sample, in_order};
    use picollect_query::{energy_of, interval_s, power_meters};
    use picollect_store::{EmbeddedStore, SeriesKey, open};
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
            self.import_by(log, &Options::until(LATEST_MS), skip_bad_lines, false)
        }

        fn import_by(
            &self,
            log: &str,
            options: &Options,
            skip_bad_lines: bool,
            sum: bool,
        ) -> Result<Imported, String> {
            let path = self.directory.path().join("meter.log");
            fs::write(&path, log).unwrap();
            let tags = |channel: &str| Ok(tags(channel));
            let how = Import { options, sum, skip_bad_lines, tags: &tags };
            import(&self.store, &path, &how).map_err(|error| {
                format!("{error:#}").replace(&format!("{}/", self.directory.path().display()), "")
            })
        }

        fn energy(&self, window: Window) -> Option<Energy> {
            self.energies(window).into_iter().next().map(|(_, energy)| energy)
        }

        /// Of each meter that has any.
        fn energies(&self, window: Window) -> Vec<(String, Energy)> {
            let meters = power_meters(&self.store, None).unwrap();
            let energy = |meter: &SeriesKey| {
                let energy = energy_of(&self.store, meter, window).unwrap()?;
                Some((meter.tag("meter").unwrap().to_owned(), energy))
            };
            meters.iter().filter_map(energy).collect()
        }
    }

    /// 2030-01-01T00:00:00Z.
    const LATEST_MS: i64 = 1_893_456_000_000;

    fn tags(channel: &str) -> Vec<(String, String)> {
        let name = if channel.is_empty() { "meter".to_owned() } else { format!("meter-{channel}") };
        vec![("boundary".to_owned(), "wall".to_owned()), ("meter".to_owned(), name)]
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
        let fields = vec![(METERED_S.field.to_owned(), 1.0.into())];
        let point = Point { measurement: "power".into(), tags: tags(""), fields, t_ms: 1 };
        place.store.append(&[point]).unwrap();
        assert!(place.import("1795435200 5\n", false).unwrap_err().contains("another --name"));
    }

    const PDU: &str = "time,outlet,watts\n1795435200,1,10\n1795435200,2,20\n1795435201,1,10\n1795435201,2,20\n\
                       1795435202,1,10\n1795435202,2,20\n";

    #[test]
    fn each_outlet_of_a_log_is_a_meter_and_their_sum_is_one_if_it_is_asked_for() {
        let energy = |joules| Energy { joules, covered_s: 2.0 };
        let place = TempStore::new();
        let imported = place.import(PDU, false).unwrap();
        assert_eq!((imported.readings, imported.channels), (6, vec!["1".to_owned(), "2".to_owned()]));
        let wanted = [("meter-1".to_owned(), energy(20.0)), ("meter-2".to_owned(), energy(40.0))];
        assert_eq!(place.energies(window(2000)), wanted);

        let place = TempStore::new();
        let imported = place.import_by(PDU, &Options::until(LATEST_MS), false, true).unwrap();
        assert_eq!((imported.readings, imported.incomplete, imported.channels), (3, 0, vec![String::new()]));
        assert_eq!(place.energies(window(2000)), [("meter".to_owned(), energy(60.0))]);
    }

    #[test]
    fn two_powers_at_one_time_are_an_error_with_both_lines() {
        let place = TempStore::new();
        let text = "time,watts\n1795435200,10\n1795435200,20\n1795435201,10\n";
        let error = place.import(text, false).unwrap_err();
        assert!(error.contains("line 3: line 2 says 10 W for the same time, and this one 20 W"), "{error}");
        assert_eq!(place.import(text, true).unwrap().bad_lines, 1);
    }

    #[test]
    fn an_energy_counter_is_as_exact_as_it_counts_and_may_begin_anew() {
        let place = TempStore::new();
        // Two watt-hours in ten seconds; then it begins anew and counts one more in five.
        let text = "time,energy_wh\n1795435200,100\n1795435205,101\n1795435210,102\n1795435215,1\n";
        let imported = place.import(text, false).unwrap();
        assert_eq!((imported.readings, imported.resets), (4, 1));
        assert_eq!(place.energy(window(10_000)), Some(Energy { joules: 7200.0, covered_s: 10.0 }));
        assert_eq!(place.energy(window(15_000)), Some(Energy { joules: 10_800.0, covered_s: 15.0 }));
        place.import(text, false).unwrap();
        assert_eq!(place.energy(window(15_000)), Some(Energy { joules: 10_800.0, covered_s: 15.0 }), "again");

        let several = text.replace("time,", "time,outlet,").replace("00,1", "00,a,1").replace("05,", "05,a,");
        let several = several.replace("10,", "10,a,").replace("15,", "15,a,");
        let error =
            TempStore::new().import_by(&several, &Options::until(LATEST_MS), false, true).unwrap_err();
        assert!(error.contains("counters began anew 1 times"), "{error}");
        let back = "time,energy_wh\n1795435205,101\n1795435200,100\n";
        let error = place.import(back, false).unwrap_err();
        assert!(error.contains("line 3: it is before line 2; the readings of a counter"), "{error}");
    }

    #[test]
    fn a_log_with_a_meter_for_every_line_is_no_log() {
        let lines: String = (0..=MAX_CHANNELS).map(|number| format!("1795435200,{number},10\n")).collect();
        let error = TempStore::new().import(&format!("time,meter,watts\n{lines}"), false).unwrap_err();
        assert!(error.contains("more than 1000 meters in one log"), "{error}");
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

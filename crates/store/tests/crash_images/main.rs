//! What the store promises of the disk, held against the system calls that it makes: a process is watched by `strace`,
//! and from what it wrote and synced every disk is made that a power cut could leave behind.
//!
//! `PICOLLECT_CRASH_IMAGES` is how many random ones there are.

mod disk;
mod scenario;
mod trace;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use picollect_evaluate::Window;
use picollect_store::{Maintenance as _, Selector, Store as _, open};
use picollect_telemetry::Value;
use picollect_telemetry::line::{Precision, decode};

use disk::{Disk, Fate};
use scenario::{DELETED, POINTS};
use trace::{Change, Step, Trace};

/// Random disks; the longer run of `./test --extended` asks for 10,000.
const IMAGES: u64 = 150;
/// Of so many changes that were not synced yet, the last ones, any may be missing.
const LAST: usize = 64;
const ALL: Window = Window { start_ms: 0, end_ms: i64::MAX / 4 };
/// What a test waits for has to happen within this time on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The traced process.
#[test]
#[ignore = "the other tests run it, under strace"]
fn scenario() {
    scenario::run();
}

/// A process under `strace`, and where it works.
struct Watched {
    root: tempfile::TempDir,
    process: Child,
}

impl Watched {
    fn start(durability: &str, waits: bool) -> Self {
        let root = tempfile::tempdir().expect("a temporary directory");
        let trace = root.path().join("trace");
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-y", "-xx", "-s", "16777216", "-e", "signal=none", "-e"]);
        strace.arg(format!("trace={}", trace::CALLS)).arg("-o").arg(&trace);
        strace.arg(std::env::current_exe().expect("it has a name"));
        strace.args(["scenario", "--exact", "--ignored", "--nocapture"]);
        strace.env(scenario::DIRECTORY, fs::canonicalize(root.path()).expect("it is there"));
        strace.env(scenario::DURABILITY, durability).stdin(Stdio::piped()).stdout(Stdio::null());
        if waits {
            strace.env(scenario::WAITS, "yes");
        }
        let process = strace.spawn().expect("`strace` is missing; run ./test, or apt-get install strace");
        Self { root, process }
    }

    fn trace(&self) -> Trace {
        let text = fs::read_to_string(self.root.path().join("trace")).unwrap_or_default();
        // The last line may be on its way.
        let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
        Trace::read(whole, &fs::canonicalize(self.root.path()).expect("it is there"))
    }

    /// The whole trace, when the process has ended well, and the directory of its store.
    fn ended(mut self) -> (Trace, PathBuf) {
        drop(self.process.stdin.take());
        assert!(self.process.wait().expect("it is our child").success(), "the traced process failed");
        let data = fs::canonicalize(self.root.path()).expect("it is there").join("data");
        (self.trace(), data)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn life(durability: &str) -> (Trace, PathBuf) {
    Watched::start(durability, false).ended()
}

/// What is not on the disk for certain at a line, of a directory, its content and what it lies in. Names that go need
/// not be, nor what they named: a segment that comes back is known to be sealed.
fn unsynced<'t>(trace: &'t Trace, directory: &'t Path, line: usize) -> Vec<&'t Step> {
    let steps = || trace.steps.iter().filter(move |step| step.begun < line);
    let is_gone = |path: &Path, from: usize| {
        steps().any(
            |step| matches!(&step.change, Change::Unlink { path: gone } if gone == path && step.begun > from),
        )
    };
    let counts = |step: &&Step| {
        let (Change::Create { path, .. }
        | Change::Write { path, .. }
        | Change::Truncate { path, .. }
        | Change::Rename { to: path, .. }) = &step.change
        else {
            return false;
        };
        let concerns = path.starts_with(directory) || directory.starts_with(path);
        concerns && !is_gone(path, step.begun) && !trace.is_synced(step, line)
    };
    steps().filter(counts).collect()
}

#[test]
fn what_each_method_promises_is_on_the_disk_when_it_returns() {
    for durability in ["immediate", "1h"] {
        let (trace, data) = life(durability);
        // Sealing goes on beside appends, and is no part of what they promise.
        let (journal, copy) = (data.join("journal"), data.with_file_name("copy"));
        let mut checked = BTreeMap::new();
        for said in &trace.said {
            let (what, _) = said.text.split_once(' ').unwrap_or((&said.text, ""));
            let whole = match what {
                "appended" if durability == "immediate" => &journal,
                "sealed" | "deleted" | "closed" => &data,
                "copied" => &copy,
                _ => continue,
            };
            let missing = unsynced(&trace, whole, said.line);
            assert!(missing.is_empty(), "{durability}: {} and not on the disk: {missing:?}", said.text);
            *checked.entry(what.to_owned()).or_insert(0) += 1;
        }
        assert_eq!(
            (checked["sealed"], checked["deleted"], checked["copied"], checked["closed"]),
            (2, 1, 1, 2)
        );
        assert_eq!(checked.contains_key("appended"), durability == "immediate");
    }
}

#[test]
fn a_sync_that_is_left_out_is_noticed() {
    let (whole, data) = life("immediate");
    let journal = data.join("journal");
    for left_out in [journal.join("000001"), journal.clone(), data.clone()] {
        let syncs = whole.syncs.iter().filter(|sync| sync.path != left_out).cloned().collect();
        let trace = Trace { steps: whole.steps.clone(), syncs, ..Trace::default() };
        let first = whole.said.iter().find(|said| said.text == "appended 0").expect("it was said");
        assert!(!unsynced(&trace, &journal, first.line).is_empty(), "{}", left_out.display());
    }
}

#[test]
fn what_was_appended_reaches_the_disk_without_anybody_asking() {
    let watched = Watched::start("1s", true);
    let begun = Instant::now();
    let synced = || {
        let trace = watched.trace();
        let data = fs::canonicalize(watched.root.path()).expect("it is there").join("data");
        let said = trace.said.first();
        said.is_some_and(|said| {
            let written = trace.steps.iter().filter(|step| step.begun < said.line);
            let mut written = written.filter(|step| step.change.synced_with().starts_with(&data));
            written.all(|step| trace.is_synced(step, trace.lines))
        })
    };
    while !synced() {
        assert!(begun.elapsed() < PATIENCE, "nothing was synced");
        std::thread::sleep(Duration::from_millis(20));
    }
    let (trace, _) = watched.ended();
    assert_eq!(trace.said.last().map(|said| said.text.as_str()), Some("told"), "it waited until then");
}

/// What has to be in a store, and what may be.
struct Expected {
    promised: Vec<i64>,
    begun: i64,
    deletes: bool,
    deleted: bool,
}

fn expected(trace: &Trace, data: &Path, line: usize, immediate: bool) -> Expected {
    let mut expected = Expected { promised: Vec::new(), begun: 0, deletes: false, deleted: false };
    let said = || trace.said.iter().filter(|said| said.line < line);
    let whole_until = said().rfind(|said| ["sealed", "closed", "deleted"].contains(&said.text.as_str()));
    let whole_until = whole_until.map_or(0, |said| said.line);
    for said in said() {
        let Some((_, n)) = said.text.split_once(' ') else {
            expected.deletes |= said.text == "deletes";
            expected.deleted |= said.text == "deleted";
            continue;
        };
        let n: i64 = n.parse().expect("a number");
        let before = trace.steps.iter().filter(|step| step.ended < said.line);
        let mut before = before.filter(|step| step.change.synced_with().starts_with(data));
        let written = |step: &Step| matches!(step.change, Change::Write { .. } | Change::Create { .. });
        let synced = before.all(|step| !written(step) || trace.is_synced(step, line));
        if immediate || said.line < whole_until || synced {
            expected.promised.push(n);
        }
        expected.begun = n + 1;
    }
    expected
}

/// Opens a disk's store and holds it against what was acknowledged; now and then it is also written and sealed.
fn check(disk: &Disk, data: &Path, expected: &Expected, seals: bool, which: &str) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    disk.write(data, directory.path());
    let store =
        open(directory.path()).unwrap_or_else(|error| panic!("{which}: {:#}", anyhow::Error::from(error)));
    let there = samples(&store, which);
    for n in &expected.promised {
        let gone = *n < DELETED && expected.deletes;
        assert!(gone || there.contains(n), "{which}: {n} was acknowledged and is lost: {there:?}");
    }
    assert!(there.iter().all(|n| *n <= expected.begun), "{which}: {there:?}");
    assert!(
        !expected.deleted || there.iter().all(|n| *n >= DELETED),
        "{which}: deleted and there: {there:?}"
    );
    if seals {
        let line = scenario::line(POINTS + 1);
        store.append(&decode(line.as_bytes(), Precision::Milliseconds, 0).points).expect("it appends");
        store.seal().expect("it seals");
        assert_eq!(
            samples(&store, which),
            [there, vec![POINTS + 1]].concat(),
            "{which}: sealing changes nothing"
        );
        assert_eq!(store.verify().expect("it is read").damaged, 0, "{which}");
    }
}

/// The numbers of the points that are there, each of which has to be whole and right.
fn samples(store: &picollect_store::EmbeddedStore, which: &str) -> Vec<i64> {
    let read = |field| {
        let keys = store.series(&Selector { field: Some(field), ..Selector::default() }).expect("it lists");
        keys.first().map_or_else(Vec::new, |key| store.read(key, ALL, 0).expect("it reads"))
    };
    let (numbers, texts) = (read("f"), read("text"));
    let found: Vec<i64> = numbers.iter().map(|sample| sample.t_ms / 1000).collect();
    for (n, (number, text)) in found.iter().zip(numbers.iter().zip(&texts)) {
        let values = (&number.value, &text.value);
        #[expect(clippy::cast_precision_loss, reason = "they are small")]
        let want = (&Value::Float((n * 7) as f64 + 0.25), &Value::Text(format!("t{n}")));
        assert_eq!((values, number.t_ms, text.t_ms), (want, n * 1000, n * 1000), "{which}");
    }
    assert_eq!(numbers.len(), texts.len(), "{which}: a point is there whole or not at all");
    found
}

#[test]
fn every_prefix_of_what_was_written_holds_what_was_acknowledged() {
    let (trace, data) = life("immediate");
    for (number, step) in trace.steps.iter().enumerate() {
        let line = step.begun + 1;
        let expected = expected(&trace, &data, line, true);
        for fate in [Fate::There, Fate::Torn(500)] {
            let last = |at| if at == number { fate } else { Fate::There };
            let disk = Disk::after(&trace, line, last);
            check(
                &disk,
                &data,
                &expected,
                number % 16 == 0,
                &format!("{number}, {fate:?}: {:?}", short(step)),
            );
        }
    }
}

#[test]
fn any_single_write_may_be_missing_or_torn() {
    let (trace, data) = life("1h");
    for (number, step) in trace.steps.iter().enumerate() {
        // At the last moment before it is on the disk for certain.
        let covered = trace
            .syncs
            .iter()
            .filter(|sync| sync.path == step.change.synced_with() && sync.begun > step.ended);
        let line = covered.map(|sync| sync.ended).min().unwrap_or(trace.lines);
        let expected = expected(&trace, &data, line, false);
        for fate in [Fate::Missing, Fate::Torn(300)] {
            let disk = Disk::after(&trace, line, |at| if at == number { fate } else { Fate::There });
            check(
                &disk,
                &data,
                &expected,
                number % 16 == 0,
                &format!("{number}, {fate:?}: {:?}", short(step)),
            );
        }
    }
}

#[test]
fn any_subset_of_the_last_writes_that_were_not_synced_may_be_there() {
    let images =
        std::env::var("PICOLLECT_CRASH_IMAGES").map_or(IMAGES, |text| text.parse().expect("a number"));
    for (durability, immediate) in [("immediate", true), ("1h", false)] {
        let (trace, data) = life(durability);
        for seed in 0..images.div_ceil(2) {
            let mut random = Random(seed);
            let line = random.below(trace.lines + 1);
            let unsynced = |(_, step): &(usize, &Step)| step.begun < line && !trace.is_synced(step, line);
            let unsynced: Vec<usize> =
                trace.steps.iter().enumerate().filter(unsynced).map(|(number, _)| number).collect();
            let last = &unsynced[unsynced.len().saturating_sub(LAST)..];
            let fates = last.iter().map(|number| (*number, random.fate())).collect::<BTreeMap<_, _>>();
            let disk = Disk::after(&trace, line, |at| fates.get(&at).copied().unwrap_or(Fate::There));
            let expected = expected(&trace, &data, line, immediate);
            check(
                &disk,
                &data,
                &expected,
                seed % 16 == 0,
                &format!("{durability}, seed {seed}, line {line}"),
            );
        }
    }
}

/// A step without its bytes.
fn short(step: &Step) -> String {
    let path = step.change.synced_with();
    match &step.change {
        Change::Write { offset, bytes, .. } => {
            format!("{} bytes at {offset} of {}", bytes.len(), path.display())
        }
        other => format!("{other:?}"),
    }
}

/// Numbers that a seed decides (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).expect("it is below")
    }

    fn fate(&mut self) -> Fate {
        match self.below(4) {
            0 | 1 => Fate::There,
            2 => Fate::Missing,
            _ => Fate::Torn(self.below(1000)),
        }
    }
}

//! The store against a plain model of it, and against every way in which it can be interrupted.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use picollect_telemetry::Value;
use picollect_telemetry::line::{Precision, decode};
use proptest::prelude::*;

use super::*;

const ALL: Window = Window { start_ms: i64::MIN / 4, end_ms: i64::MAX / 4 };

fn points(lines: &str) -> Vec<Point> {
    let batch = decode(lines.as_bytes(), Precision::Milliseconds, 0);
    assert_eq!(batch.errors, []);
    batch.points
}

fn key(field: &str) -> SeriesKey {
    SeriesKey { measurement: "m".to_owned(), field: field.to_owned(), tags: Vec::new() }
}

fn times(store: &EmbeddedStore, field: &str) -> Vec<i64> {
    store.read(&key(field), ALL, 0).unwrap().iter().map(|sample| sample.t_ms).collect()
}

/// A directory with the same files.
fn copy(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    fs::create_dir(to.path().join("journal")).unwrap();
    for name in fs::read_dir(from.join("journal")).unwrap() {
        let name = Path::new("journal").join(name.unwrap().file_name());
        fs::copy(from.join(&name), to.path().join(&name)).unwrap();
    }
    fs::copy(from.join("store.sqlite"), to.path().join("store.sqlite")).unwrap();
    to
}

#[test]
fn the_journal_reaches_the_disk_in_time_whoever_holds_the_store_meanwhile() {
    let directory = tempfile::tempdir().unwrap();
    let store = open_durable(directory.path(), Durability::Within(Duration::from_millis(100))).unwrap();
    // As somebody does who deletes or downsamples much.
    let _writer = lock(&store.shared.writer);
    store.append(&points("m f=1 1000")).unwrap();
    lock(&store.shared.buffer).rotate();
    store.append(&points("m f=2 2000")).unwrap();
    // As an append of many new series does, which waits for a long read.
    let _buffer = lock(&store.shared.buffer);
    let _reader = lock(&store.shared.reader);
    let deadline = Instant::now() + Duration::from_secs(20);
    while store.shared.unsynced.len() > 0 {
        assert!(Instant::now() < deadline, "it was not flushed");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_segment_that_waits_to_be_sealed_is_brought_to_the_disk_too_and_one_that_is_sealed_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let store = open_durable(directory.path(), Durability::Within(Duration::from_secs(3600))).unwrap();
    let writer = lock(&store.shared.writer);
    store.append(&points("m f=1 1000")).unwrap();
    lock(&store.shared.buffer).rotate();
    store.append(&points("m f=2 2000")).unwrap();
    assert_eq!(store.shared.unsynced.len(), 2);
    drop(writer);
    store.seal().unwrap();
    assert_eq!(store.shared.unsynced.len(), 0);
}

#[test]
fn every_prefix_of_the_journal_holds_what_was_acknowledged_before_its_end() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).unwrap();
    let segment = directory.path().join("journal/000001");
    let mut acknowledged = Vec::new();
    for n in 0..12i64 {
        store.append(&points(&format!("m f={n}.5,text=\"t{n}\" {n}000"))).unwrap();
        acknowledged.push((fs::metadata(&segment).unwrap().len(), n * 1000));
    }
    drop(store);
    let bytes = fs::read(&segment).unwrap();
    for end in 0..=bytes.len() {
        let image = copy(directory.path());
        fs::write(image.path().join("journal/000001"), &bytes[..end]).unwrap();
        let store = open(image.path()).unwrap();
        let before_end = acknowledged.iter().filter(|(length, _)| *length <= end as u64);
        let want: Vec<i64> = before_end.map(|(_, t_ms)| *t_ms).collect();
        assert_eq!(times(&store, "f"), want, "{end} bytes");
        // The one who writes next takes it over, and nothing is lost or doubled by that.
        if end % 16 == 0 {
            store.append(&points("m f=1 99000")).unwrap();
            store.seal().unwrap();
            assert_eq!(times(&store, "f"), [want, vec![99_000]].concat(), "{end} bytes");
            assert!(!image.path().join("journal/000001").exists());
        }
    }
}

#[test]
fn a_damaged_frame_costs_its_own_points_and_the_rest_is_read_checked_and_sealed() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).unwrap();
    let segment = directory.path().join("journal/000001");
    let mut frames = Vec::new();
    for n in 0..9i64 {
        let begins = fs::metadata(&segment).map_or(8, |metadata| metadata.len());
        // The name of a new column now and then.
        store.append(&points(&format!("m f={n}.5,more{}={n}i {n}000", n / 3))).unwrap();
        frames.push(begins..fs::metadata(&segment).unwrap().len());
    }
    drop(store);
    let bytes = fs::read(&segment).unwrap();
    for at in (0..bytes.len()).step_by(3) {
        let image = copy(directory.path());
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        fs::write(image.path().join("journal/000001"), damaged).unwrap();
        let store = open(image.path()).unwrap();
        let is_hit = |n: &i64| frames[usize::try_from(*n).unwrap()].contains(&(at as u64));
        let want: Vec<i64> = (0..9).filter(|n| !is_hit(n)).map(|n| n * 1000).collect();
        assert_eq!(times(&store, "f"), want, "byte {at}");
        let verified = store.verify().unwrap();
        let hit = (0..9).find(is_hit).map_or(0..8, |n| frames[usize::try_from(n).unwrap()].clone());
        assert_eq!((verified.frames, verified.segments), (want.len() as u64, 0), "byte {at}");
        assert_eq!((verified.damaged, verified.damaged_bytes), (1, hit.end - hit.start), "byte {at}");
        let place = format!("is damaged from byte {} to byte {}: ", hit.start, hit.end);
        assert!(verified.reasons[0].contains(&place), "byte {at}: {verified:?}");

        store.seal().unwrap();
        assert_eq!(times(&store, "f"), want, "byte {at}");
        let verified = store.verify().unwrap();
        let kept = image.path().join("journal/000001.damaged");
        assert_eq!((verified.damaged, verified.kept_aside), (0, vec![kept.display().to_string()]));
        assert_eq!(fs::read(kept).unwrap()[at], bytes[at] ^ 0x10, "it is kept as it was");
    }
}

#[test]
fn of_many_damaged_segments_the_last_ones_are_kept() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path()).unwrap());
    for number in 1..=11 {
        fs::write(directory.path().join(format!("journal/{number:06}")), "this is no segment at all")
            .unwrap();
    }
    let store = open(directory.path()).unwrap();
    store.seal().unwrap();
    let aside = store.verify().unwrap().kept_aside;
    assert_eq!(aside.len(), 8, "{aside:?}");
    assert!(aside[0].ends_with("000004.damaged") && aside[7].ends_with("000011.damaged"), "{aside:?}");
    store.append(&points("m f=1 1000")).unwrap();
    assert!(directory.path().join("journal/000012").exists(), "no number is used twice");
}

/// A segment as the version before wrote it: `load,host=a load1=0.25` at 1 700 000 000 000 ms.
const SEGMENT_1: &[u8] =
    b"picoseg1\x27\0\0\0\x55\x24\x28\x93\0\x04load\x01\x04host\x01a\x01\0\x05load1\x01\x02\0\x01\0\
                           \x03\x81\xc0\xd6\xfc\xf3\xc5\x01\0\x01\x02\x32";

#[test]
fn a_segment_of_format_1_is_read_and_sealed_and_what_is_behind_damage_in_it_is_kept_aside() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path()).unwrap());
    // The store was of the format before this one, too.
    let file = database::Database::open(directory.path()).unwrap();
    file.connection().pragma_update(None, "user_version", 3).unwrap();
    drop(file);
    let segment = directory.path().join("journal/000001");
    fs::write(&segment, SEGMENT_1).unwrap();
    fs::write(directory.path().join("journal/000002"), [SEGMENT_1, b"\x27\0\0\0 and no more"].concat())
        .unwrap();
    let store = open(directory.path()).unwrap();
    for sealed in [false, true] {
        if sealed {
            store.seal().unwrap();
        }
        let key = store.series(&Selector::default()).unwrap().remove(0);
        let samples = store.read(&key, ALL, 0).unwrap();
        assert_eq!(
            (key.field.as_str(), samples[0].t_ms, &samples[0].value),
            ("load1", 1_700_000_000_000, &Value::Float(0.25))
        );
    }
    assert!(!segment.exists() && directory.path().join("journal/000002.damaged").exists());
}

#[test]
fn a_segment_that_is_sealed_and_still_there_is_ignored() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).unwrap();
    store.append(&points("m f=1 1000\nm f=2 2000")).unwrap();
    let image = copy(directory.path());
    store.seal().unwrap();
    drop(store);
    // As if the process had died between the transaction and the removal.
    fs::copy(image.path().join("journal/000001"), directory.path().join("journal/000001")).unwrap();
    let store = open(directory.path()).unwrap();
    assert_eq!(store.delete_before(1500).unwrap(), 1);
    assert_eq!(times(&store, "f"), [2000], "what was deleted stays away");
    assert!(!directory.path().join("journal/000001").exists());
    store.append(&points("m f=3 3000")).unwrap();
    assert_eq!(fs::read_dir(directory.path().join("journal")).unwrap().count(), 1);
    assert!(directory.path().join("journal/000002").exists(), "no number is used twice");
}

#[test]
fn a_damaged_chunk_is_an_error_that_names_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).unwrap();
    let lines: String = (0..500).map(|n| format!("m f={}.123456789 {n}\n", n * n % 71)).collect();
    store.append(&points(&lines)).unwrap();
    store.seal().unwrap();
    drop(store);
    let file = directory.path().join("store.sqlite");
    let bytes = fs::read(&file).unwrap();
    let mut noticed = 0;
    for at in (0..bytes.len()).step_by(50) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x55;
        fs::write(&file, damaged).unwrap();
        if let Err(error) = open(directory.path()).and_then(|store| store.read(&key("f"), ALL, 0)) {
            noticed += usize::from(error.to_string().starts_with("chunk 1 of the store cannot be read"));
        }
    }
    // Its data takes more than 350 bytes.
    assert!(noticed >= 7, "{noticed}");
}

#[test]
fn two_handles_write_and_read_beside_each_other() {
    let directory = tempfile::tempdir().unwrap();
    let (one, two) = (open(directory.path()).unwrap(), open(directory.path()).unwrap());
    one.append(&points("m f=1 1000")).unwrap();
    assert_eq!(times(&two, "f"), [1000]);
    let conflict = two.append(&points("m f=2i 2000\nm f=2 2500")).unwrap();
    assert_eq!((conflict.written, conflict.conflicts.len()), (1, 1));
    one.append(&points("m f=3 3000")).unwrap();
    assert_eq!(times(&one, "f"), [1000, 2500, 3000]);
    two.seal().unwrap();
    one.seal().unwrap();
    one.append(&points("m f=4 2500\nm g=1 1")).unwrap();
    assert_eq!(times(&two, "f"), [1000, 2500, 3000]);
    one.seal().unwrap();
    let value = |store: &EmbeddedStore| store.read(&key("f"), ALL, 0).unwrap()[1].value.clone();
    assert_eq!((value(&one), value(&two)), (Value::Float(4.0), Value::Float(4.0)));
    drop(one);
    assert_eq!(two.series(&Selector::default()).unwrap(), [key("f"), key("g")]);
}

/// What may happen to a store.
#[derive(Debug, Clone)]
enum Step {
    Append(Vec<(u8, i64, Value)>),
    Seal,
    Reopen,
    DeleteBefore(i64),
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => (-2000..2000i32).prop_map(|n| Value::Float(f64::from(n) / 100.0)),
        1 => prop_oneof![
            Just(-0.0), Just(0.1 + 0.2), Just(1e300), Just(5e-324), (-1e12..1e12f64),
        ].prop_map(Value::Float),
        1 => any::<i64>().prop_map(Value::Int),
        1 => any::<u64>().prop_map(Value::UInt),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => "[a-c]{0,3}".prop_map(Value::Text),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let sample = (0..4u8, prop_oneof![0..40i64, 0..3_000_000_000i64], value());
    prop_oneof![
        8 => proptest::collection::vec(sample, 1..30).prop_map(Step::Append),
        2 => Just(Step::Seal),
        1 => Just(Step::Reopen),
        1 => (0..2_000_000_000i64).prop_map(Step::DeleteBefore),
    ]
}

type Model = BTreeMap<u8, BTreeMap<i64, Value>>;

fn name(series: u8) -> String {
    format!("f{series}")
}

/// Applies samples as the store has to; a series without samples has no type.
fn apply(model: &mut Model, samples: &[(u8, i64, Value)]) -> Vec<Point> {
    let (measurement, tags) = ("m".to_owned(), Vec::new());
    let mut points: Vec<Point> = Vec::new();
    for (series, t_ms, value) in samples {
        let of_series = model.entry(*series).or_default();
        let holds = of_series.values().next().map(std::mem::discriminant);
        if holds.is_none_or(|holds| holds == std::mem::discriminant(value)) {
            of_series.insert(*t_ms, value.clone());
        }
        let field = (name(*series), value.clone());
        match points.last_mut() {
            Some(point) if point.t_ms == *t_ms => point.fields.push(field),
            _ => points.push(Point {
                measurement: measurement.clone(),
                tags: tags.clone(),
                fields: vec![field],
                t_ms: *t_ms,
            }),
        }
    }
    points
}

fn bits(value: &Value) -> (u64, &Value) {
    (if let Value::Float(float) = value { float.to_bits() } else { 0 }, value)
}

/// What a series' numbers come to is the same, whatever came as a step.
fn assert_totals<'a>(
    store: &EmbeddedStore,
    series: u8,
    samples: impl Iterator<Item = (&'a i64, &'a Value)>,
    window: Window,
) {
    let numbers: Vec<f64> = samples.filter_map(|(_, value)| value.as_f64()).collect();
    let read = store.read_totals(&key(&name(series)), window).unwrap();
    let single = |sample: &StoredSample| {
        let (t_ms, number) = (sample.t_ms, sample.value.as_f64()?);
        Some(crate::Step { t_ms, count: 1, sum: number, min: number, max: number, last: number })
    };
    let mut steps: Vec<_> =
        read.steps.iter().copied().chain(read.samples.iter().filter_map(single)).collect();
    steps.sort_by_key(|step| step.t_ms);
    assert_eq!(steps.iter().map(|step| step.count).sum::<u64>(), numbers.len() as u64);
    let Some(last) = steps.last() else { return };
    assert_eq!(Some(&last.last), numbers.last());
    let (lesser, greater) = (f64::min, f64::max);
    assert_eq!(steps.iter().map(|step| step.min).reduce(lesser), numbers.iter().copied().reduce(lesser));
    assert_eq!(steps.iter().map(|step| step.max).reduce(greater), numbers.iter().copied().reduce(greater));
    let (sum, size) = (numbers.iter().sum::<f64>(), numbers.iter().map(|number| number.abs()).sum::<f64>());
    let total: f64 = steps.iter().map(|step| step.sum).sum();
    assert!((total - sum).abs() <= size * 1e-12, "{total} is not {sum}");
}

fn assert_same(store: &EmbeddedStore, model: &Model, (start_ms, end_ms, around_ms): (i64, i64, i64)) {
    for (series, samples) in model {
        let window = Window { start_ms, end_ms };
        let got = store.read(&key(&name(*series)), window, around_ms).unwrap();
        let near = |t_ms: &i64| *t_ms >= start_ms - around_ms && *t_ms <= end_ms + around_ms;
        let before = samples.range(..start_ms).next_back().filter(|(t_ms, _)| near(t_ms));
        let after = samples.range(end_ms + 1..).next().filter(|(t_ms, _)| near(t_ms));
        let want = before.into_iter().chain(samples.range(start_ms..=end_ms)).chain(after);
        let want: Vec<_> = want.map(|(t_ms, value)| (*t_ms, bits(value))).collect();
        assert_eq!(got.iter().map(|sample| (sample.t_ms, bits(&sample.value))).collect::<Vec<_>>(), want);
        assert_totals(store, *series, samples.range(start_ms..=end_ms), window);
        let step_ms = (end_ms - start_ms) / 3 + 1;
        let mut wanted: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
        for (t_ms, value) in samples.range(start_ms..end_ms) {
            wanted.entry((t_ms - start_ms) / step_ms).or_default().extend(value.as_f64());
        }
        wanted.retain(|_, numbers| !numbers.is_empty());
        let buckets = store.aggregate(&key(&name(*series)), window, step_ms).unwrap();
        assert_eq!(buckets.len(), wanted.len());
        for (bucket, (step, numbers)) in buckets.iter().zip(&wanted) {
            assert_eq!(bucket.start_ms, start_ms + step * step_ms);
            assert_eq!(bucket.count as usize, numbers.len());
            assert_eq!((bucket.first, bucket.last), (numbers[0], numbers[numbers.len() - 1]));
            assert_eq!(bucket.min, numbers.iter().copied().fold(f64::INFINITY, f64::min));
            assert_eq!(bucket.max, numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max));
            let (sum, size) = (numbers.iter().sum::<f64>(), numbers.iter().map(|n| n.abs()).sum::<f64>());
            assert!((bucket.sum - sum).abs() <= size * 1e-12, "{} is not {sum}", bucket.sum);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 4))]

    #[test]
    fn the_store_does_what_a_map_does(
        steps in proptest::collection::vec(step(), 1..25),
        start_ms in prop_oneof![0..40i64, 0..2_000_000_000i64],
        span_ms in prop_oneof![0..40i64, 0..2_000_000_000i64],
        around_ms in prop_oneof![Just(0i64), 1..50i64, 0..500_000_000i64],
    ) {
        let directory = tempfile::tempdir().unwrap();
        let (mut store, mut model) = (open(directory.path()).unwrap(), Model::new());
        for step in steps {
            match step {
                Step::Append(samples) => {
                    let points = apply(&mut model, &samples);
                    store.append(&points).unwrap();
                }
                Step::Seal => store.seal().unwrap(),
                Step::Reopen => {
                    drop(store);
                    store = open(directory.path()).unwrap();
                }
                Step::DeleteBefore(t_ms) => {
                    store.delete_before(t_ms).unwrap();
                    for samples in model.values_mut() {
                        samples.retain(|at, _| *at >= t_ms);
                    }
                }
            }
            assert_same(&store, &model, (start_ms, start_ms + span_ms, around_ms));
        }
        let with_samples = model.iter().filter(|(_, samples)| !samples.is_empty());
        let want: Vec<SeriesKey> = with_samples.map(|(series, _)| key(&name(*series))).collect();
        prop_assert_eq!(store.series(&Selector::default()).unwrap(), want);
    }
}

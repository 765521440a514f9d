//! Old samples become coarser: what stays of them is what they said, and energy stays exact.

use picollect_evaluate::Window;
use picollect_query::{energy_of, power_meters};
use picollect_store::{Bucket, EmbeddedStore, Maintenance as _, Resolution, Selector, Store as _, open};
use picollect_telemetry::Value;
use picollect_telemetry::line::{Precision, decode};

const DAY_MS: i64 = 24 * 3_600_000;
const ALL: Window = Window { start_ms: 0, end_ms: 100 * DAY_MS };

/// What a node with a meter says three times a minute for a time; its agent starts anew in the middle.
fn lines(seconds: i64) -> String {
    let middle = seconds / 2 / 20 * 20 + 3;
    let (mut text, mut joules) = (String::new(), 0);
    for t in (5..seconds).step_by(20) {
        let since = if t < middle { 0 } else { middle };
        let watts = 3 + t % 7;
        joules = if t - since < 20 { 0 } else { joules + watts * 20 };
        text += &format!(
            "power,boundary=node,host=a,meter=m,source=measured joules={joules},metered_s={},since_ms={}i,\
             watts={watts},watts_max={} {t}\nthermal,host=a,zone=z temp_c={} {t}\n\
             throttle,host=a,origin=o throttled={}i {t}\nforeign,host=a bytes={}u,text=\"t{}\" {t}\n",
            t - since,
            since * 1000,
            watts + 1,
            40.0 + (t % 13) as f64 / 10.0,
            i64::from(t % 1000 < 200),
            t % 5000,
            t / 700,
        );
    }
    text
}

fn append(store: &EmbeddedStore, lines: &str) {
    let batch = decode(lines.as_bytes(), Precision::Seconds, 0);
    assert_eq!(batch.errors, []);
    store.append(&batch.points).unwrap();
    store.seal().unwrap();
}

fn store(lines: &str) -> (tempfile::TempDir, EmbeddedStore) {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).unwrap();
    append(&store, lines);
    (directory, store)
}

fn numbers(store: &EmbeddedStore, field: &str) -> Vec<(i64, f64)> {
    let key = store.series(&Selector { field: Some(field), ..Selector::default() }).unwrap().remove(0);
    let samples = store.read(&key, ALL, 0).unwrap();
    samples.iter().filter_map(|sample| Some((sample.t_ms, sample.value.as_f64()?))).collect()
}

/// The energy of some steps of a time.
fn energies(store: &EmbeddedStore, step_ms: i64, end_ms: i64) -> Vec<f64> {
    let meter = power_meters(store, Some("a")).unwrap().remove(0);
    let starts = (0..end_ms).step_by(usize::try_from(step_ms * 19).unwrap());
    let window = |start_ms| Window { start_ms, end_ms: start_ms + step_ms };
    starts.map(|start_ms| energy_of(store, &meter, window(start_ms)).unwrap().unwrap().joules).collect()
}

#[test]
fn energy_of_whole_steps_and_the_numbers_of_steps_stay_what_they_were() {
    let (_directory, store) = store(&lines(9 * DAY_MS / 1000));
    let keys = store.series(&Selector::default()).unwrap();
    let aggregates = |step_ms| -> Vec<_> {
        // Truths that tell something of a condition and totals have their samples, not these numbers.
        let gauges = keys.iter().filter(|key| ["temp_c", "watts", "throttled"].contains(&&*key.field));
        gauges.map(|key| store.aggregate(key, ALL, step_ms).unwrap()).collect()
    };
    let same = |now: Vec<Vec<Bucket>>, then: &[Vec<Bucket>]| {
        for (now, then) in now.iter().flatten().zip(then.iter().flatten()) {
            let (mean, was) = (now.sum / f64::from(now.count), then.sum / f64::from(then.count));
            assert!((mean - was).abs() < 1e-9);
            let rest = |of: &Bucket| (of.start_ms, of.count, of.min, of.max, of.last);
            assert_eq!(rest(now), rest(then));
        }
        assert_eq!(now.concat().len(), then.concat().len());
    };
    let (minutes, hours) = (aggregates(60_000), aggregates(3_600_000));
    let (of_minutes, of_hours) = (energies(&store, 60_000, DAY_MS), energies(&store, 3_600_000, 9 * DAY_MS));
    let (throttled, bytes) = (numbers(&store, "throttled"), numbers(&store, "bytes"));

    assert_eq!(store.downsample(Resolution::Minute, DAY_MS + 7, &[]).unwrap(), 4320 * 9);
    assert_eq!(store.downsample(Resolution::Minute, DAY_MS + 7, &[]).unwrap(), 0);
    same(aggregates(60_000), &minutes);
    assert_eq!(energies(&store, 60_000, DAY_MS), of_minutes);
    let first_day = |numbers: Vec<(i64, f64)>| numbers.iter().filter(|(t_ms, _)| *t_ms < DAY_MS).count();
    assert_eq!(first_day(numbers(&store, "temp_c")), 1440);
    assert_eq!(numbers(&store, "watts")[0], (45_000, (8.0 + 7.0 + 6.0) / 3.0));
    assert_eq!(numbers(&store, "watts_max")[0], (45_000, 9.0));

    store.downsample(Resolution::Hour, 8 * DAY_MS, &[]).unwrap();
    same(aggregates(3_600_000), &hours);
    let after = energies(&store, 3_600_000, 9 * DAY_MS);
    assert!(after.iter().zip(&of_hours).all(|(now, then)| (now - then).abs() < 1e-6));
    // Every change of a condition, and every fall of what may be a counter.
    let turns = |numbers: &[(i64, f64)], turns: fn(f64, f64) -> bool| -> Vec<_> {
        let pairs = numbers.windows(2).filter(|pair| turns(pair[0].1, pair[1].1));
        pairs.flatten().copied().collect()
    };
    let changes = |numbers: &[(i64, f64)]| turns(numbers, |a, b| a != b);
    assert_eq!(changes(&numbers(&store, "throttled")), changes(&throttled));
    let falls = |numbers: &[(i64, f64)]| turns(numbers, |a, b| a > b);
    assert_eq!(falls(&numbers(&store, "bytes")), falls(&bytes));
    assert_eq!(store.verify().unwrap().damaged, 0);
}

#[test]
fn what_comes_late_is_rolled_up_into_what_was() {
    let (_directory, late) = store("foreign,host=a f=1 10\nforeign,host=a f=5 3599\n");
    late.downsample(Resolution::Minute, DAY_MS, &[]).unwrap();
    late.downsample(Resolution::Hour, 8 * DAY_MS, &[]).unwrap();
    append(&late, "foreign,host=a f=9 20\nforeign,host=a f=5 3599\n");
    let key = late.series(&Selector::default()).unwrap().remove(0);
    for rolled_up in [2, 0] {
        let bucket = late.aggregate(&key, ALL, DAY_MS).unwrap().remove(0);
        assert_eq!((bucket.min, bucket.max, bucket.last), (1.0, 9.0, 5.0));
        assert_eq!(late.downsample(Resolution::Hour, 8 * DAY_MS, &[]).unwrap(), rolled_up);
    }
    let bucket = late.aggregate(&key, ALL, DAY_MS).unwrap().remove(0);
    assert_eq!((bucket.count, bucket.sum), (3, 15.0), "the one that came again counts once");
    assert_eq!(late.read(&key, ALL, 0).unwrap().len(), 1);
}

#[test]
fn what_may_be_added_is_and_a_corrected_minute_replaces_itself() {
    let line = |n: i64, joules: i64| {
        format!(
            "energy,boundary=node,host=a,meter=m,source=measured joules={joules},covered_s=60 {}\n",
            n * 60
        )
    };
    let (_directory, store) = store(&(1..=120).map(|n| line(n, n)).collect::<String>());
    store.downsample(Resolution::Minute, DAY_MS, &[]).unwrap();
    append(&store, &line(60, 100));
    store.downsample(Resolution::Minute, DAY_MS, &[]).unwrap();
    assert_eq!(numbers(&store, "joules")[59], (3_600_000, 100.0));
    store.downsample(Resolution::Hour, 8 * DAY_MS, &[]).unwrap();
    let first: i64 = (1..60).sum::<i64>() + 100;
    let second: i64 = (61..=120).sum();
    assert_eq!(numbers(&store, "joules"), [(3_600_000, first as f64), (7_200_000, second as f64)]);
}

#[test]
fn counters_stay_exact_at_the_times_that_matter() {
    let (_directory, store) = store(&lines(DAY_MS / 1000));
    let meter = power_meters(&store, Some("a")).unwrap().remove(0);
    let window = Window { start_ms: 12_345_678, end_ms: 12_399_999 };
    let before = energy_of(&store, &meter, window).unwrap().unwrap();
    store.downsample(Resolution::Minute, DAY_MS, &[window.start_ms, window.end_ms]).unwrap();
    store.downsample(Resolution::Hour, 8 * DAY_MS, &[window.start_ms, window.end_ms]).unwrap();
    let after = energy_of(&store, &meter, window).unwrap().unwrap();
    assert!((after.joules - before.joules).abs() < 1e-9);
    assert!((after.covered_s - before.covered_s).abs() < 1e-9);
}

#[test]
fn rolled_up_samples_are_deleted_and_texts_stay_texts() {
    let (_directory, store) = store(&lines(2 * DAY_MS / 1000));
    store.downsample(Resolution::Minute, DAY_MS, &[]).unwrap();
    let key = store.series(&Selector { field: Some("text"), ..Selector::default() }).unwrap().remove(0);
    let first = store.read(&key, ALL, 0).unwrap().remove(0);
    assert_eq!(first.value, Value::Text("t0".to_owned()));
    store.delete_before(DAY_MS / 2).unwrap();
    assert!(numbers(&store, "temp_c")[0].0 >= DAY_MS / 2);
    assert!(numbers(&store, "joules")[0].0 >= DAY_MS / 2);
    assert!(store.delete_before(3 * DAY_MS).unwrap() > 0);
    assert_eq!(store.series(&Selector::default()).unwrap(), []);
}

#[test]
fn a_store_of_format_2_goes_on() {
    let (directory, first) = store(&lines(3600));
    drop(first);
    let connection = rusqlite::Connection::open(directory.path().join("store.sqlite")).unwrap();
    let back = "DROP INDEX chunk_time; ALTER TABLE chunk DROP COLUMN step_ms; PRAGMA user_version = 2;
                CREATE INDEX chunk_time ON chunk (point_group, end_ms, start_ms);";
    connection.execute_batch(back).unwrap();
    drop(connection);
    let store = open(directory.path()).unwrap();
    assert_eq!(numbers(&store, "temp_c").len(), 180);
    assert!(store.downsample(Resolution::Minute, DAY_MS, &[]).unwrap() > 0);
    assert_eq!(numbers(&store, "temp_c").len(), 60);
}

#[test]
fn downsampling_two_minutes_of_many_series_makes_the_store_no_larger() {
    let mut text = String::new();
    for host in 0..150 {
        for t in 1..=120 {
            let noise = |step: i64| (t * 7919 + host * 104_729 + step * 31) % 97;
            text += &format!(
                "thermal,host=h{host},zone=z temp_c={}.{} {t}\ncpu,host=h{host},core=all usage=0.{},load={}.0{},\
                 free={}i {t}\n",
                40 + noise(1) % 9,
                noise(2) % 10,
                noise(3),
                noise(4) % 3,
                noise(5) % 10,
                1_000_000 + noise(6) * 4096,
            );
        }
    }
    let (_directory, store) = store(&text);
    let before = store.used_bytes().unwrap();
    assert_eq!(store.downsample(Resolution::Minute, 2 * DAY_MS, &[]).unwrap(), 150 * 4 * 120);
    let after = store.used_bytes().unwrap();
    assert!(after < before, "{before} bytes became {after}");
}

//! What every back end has to do, whatever it is made of.

use picollect_evaluate::Window;
use picollect_telemetry::Value;
use picollect_telemetry::line::{Precision, decode};

use super::{Bucket, Selector, SeriesKey, Store, StoredSample, open};

fn with_store(check: impl Fn(&dyn Store)) {
    let directory = tempfile::tempdir().unwrap();
    check(&open(directory.path()).unwrap());
}

fn append(store: &dyn Store, lines: &str) -> super::Appended {
    let batch = decode(lines.as_bytes(), Precision::Milliseconds, 0);
    assert!(batch.errors.is_empty(), "{:?}", batch.errors);
    store.append(&batch.points).unwrap()
}

fn key(measurement: &str, field: &str, tags: &[(&str, &str)]) -> SeriesKey {
    let tags = tags.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    SeriesKey { measurement: measurement.into(), field: field.into(), tags }
}

fn times(store: &dyn Store, key: &SeriesKey, start_ms: i64, end_ms: i64, around_ms: i64) -> Vec<i64> {
    let samples = store.read(key, Window { start_ms, end_ms }, around_ms).unwrap();
    samples.iter().map(|sample| sample.t_ms).collect()
}

#[test]
fn a_sample_that_comes_again_replaces_itself() {
    with_store(|store| {
        assert_eq!(append(store, "m,host=a f=1 1000\nm,host=a f=2 2000").written, 2);
        append(store, "m,host=a f=2 2000\nm,host=a f=3 1000");
        let window = Window { start_ms: 0, end_ms: 9999 };
        let got = store.read(&key("m", "f", &[("host", "a")]), window, 0).unwrap();
        let want =
            [(1000, 3.0), (2000, 2.0)].map(|(t_ms, value)| StoredSample { t_ms, value: Value::Float(value) });
        assert_eq!(got, want);
    });
}

#[test]
fn every_type_comes_back_as_it_was() {
    with_store(|store| {
        append(store, "m a=1.5,b=-7i,c=18446744073709551615u,d=t,e=\"text\",g=3 1");
        let get = |field| {
            store.read(&key("m", field, &[]), Window { start_ms: 0, end_ms: 5 }, 0).unwrap()[0].value.clone()
        };
        assert_eq!(get("a"), Value::Float(1.5));
        assert_eq!(get("b"), Value::Int(-7));
        assert_eq!(get("c"), Value::UInt(u64::MAX));
        assert_eq!(get("d"), Value::Bool(true));
        assert_eq!(get("e"), Value::Text("text".into()));
        assert_eq!(get("g"), Value::Float(3.0));
    });
}

#[test]
fn a_read_holds_both_edges_and_the_neighbours_that_are_near_enough() {
    with_store(|store| {
        append(store, "m f=1 1000\nm f=1 2000\nm f=1 3000\nm f=1 4000\nm f=1 9000");
        let series = key("m", "f", &[]);
        assert_eq!(times(store, &series, 2000, 3000, 0), [2000, 3000]);
        assert_eq!(times(store, &series, 2001, 2999, 0), [0i64; 0]);
        assert_eq!(times(store, &series, 2001, 2999, 1000), [2000, 3000]);
        assert_eq!(times(store, &series, 4500, 5000, 600), [4000]);
        assert_eq!(times(store, &series, 4500, 5000, 5000), [4000, 9000]);
        assert_eq!(times(store, &key("m", "none", &[]), 0, 9000, 0), [0i64; 0]);
    });
}

#[test]
fn series_are_found_by_measurement_field_and_tags_whatever_stands_in_them() {
    with_store(|store| {
        append(
            store,
            "m,host=a\\,b,zone=z\\=1\\ x f=1 1\nm,host=c f=1,g=1 1\nn f=1 1\nm,host=back\\slash f=1 1",
        );
        let find = |selector: Selector<'_>| store.series(&selector).unwrap();
        assert_eq!(find(Selector::default()).len(), 5);
        let odd = find(Selector { tags: &[("host", "a,b")], ..Selector::default() });
        assert_eq!(odd, [key("m", "f", &[("host", "a,b"), ("zone", "z=1 x")])]);
        assert_eq!(find(Selector { tags: &[("host", "back\\slash")], ..Selector::default() }).len(), 1);
        let both = find(Selector { measurement: Some("m"), field: Some("g"), tags: &[] });
        assert_eq!(both, [key("m", "g", &[("host", "c")])]);
    });
}

#[test]
fn another_type_is_refused_and_the_rest_of_the_batch_is_kept() {
    with_store(|store| {
        append(store, "m f=1 1");
        let outcome = append(store, "m f=2i 2\nm g=1 2");
        assert_eq!((outcome.written, outcome.conflicts.len()), (1, 1));
        assert_eq!((outcome.conflicts[0].holds, outcome.conflicts[0].got), ("float", "integer"));
    });
}

#[test]
fn aggregates_are_those_of_the_samples_in_each_step() {
    with_store(|store| {
        append(store, "m f=1 1000\nm f=5 1500\nm f=3 1999\nm f=7 4000\nm f=9 5000");
        let window = Window { start_ms: 1000, end_ms: 5000 };
        let first = Bucket { start_ms: 1000, count: 3, sum: 9.0, min: 1.0, max: 5.0, first: 1.0, last: 3.0 };
        let second = Bucket { start_ms: 4000, count: 1, sum: 7.0, min: 7.0, max: 7.0, first: 7.0, last: 7.0 };
        assert_eq!(store.aggregate(&key("m", "f", &[]), window, 1000).unwrap(), [first, second]);
    });
}

#[test]
fn deletion_takes_old_samples_and_empty_series() {
    with_store(|store| {
        append(store, "old f=1 1000\nm f=1 1000\nm f=1 2000");
        assert_eq!(store.delete_before(2000).unwrap(), 2);
        assert_eq!(store.series(&Selector::default()).unwrap(), [key("m", "f", &[])]);
        append(store, "old f=1 3000");
        assert_eq!(times(store, &key("old", "f", &[]), 0, 9000, 0), [3000]);
    });
}

#[test]
fn a_store_that_is_opened_again_has_its_data_and_its_identity() {
    let directory = tempfile::tempdir().unwrap();
    let first = open(directory.path()).unwrap();
    append(&first, "m f=1 1000");
    let identity = first.identity().unwrap();
    assert!(first.size_bytes().unwrap() > 0);
    let beside = open(directory.path()).unwrap();
    append(&first, "m f=1 2000");
    assert_eq!(times(&beside, &key("m", "f", &[]), 0, 9000, 0), [1000, 2000]);
    drop((first, beside));
    let again = open(directory.path()).unwrap();
    assert_eq!(again.identity().unwrap(), identity);
    assert_eq!(times(&again, &key("m", "f", &[]), 0, 9000, 0), [1000, 2000]);
}

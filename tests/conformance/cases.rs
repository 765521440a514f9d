//! The cases, in the order of what they build on.

use std::fmt::Write as _;

use picollect_store::{Bucket, Selector};
use picollect_telemetry::Value;

use super::Subject;

type Case = fn(&Subject);

/// Every case with its name, which is part of the measurements that it writes.
pub(super) const CASES: [(&str, Case); 15] = [
    ("append", what_is_appended_is_read_in_order_of_time),
    ("equal", an_equal_sample_that_comes_again_is_there_once),
    ("unequal", an_unequal_second_value_replaces_the_first_where_the_engine_can),
    ("late", late_samples_and_samples_out_of_order_find_their_place),
    ("types", every_type_comes_back_as_it_was),
    ("conflict", another_type_is_refused_or_kept_as_it_came_and_the_rest_of_the_batch_is_kept),
    ("edges", a_read_holds_both_edges_and_the_neighbours_that_are_near_enough),
    ("series", series_are_found_by_measurement_field_and_tags),
    ("names", odd_names_and_unicode_come_back_as_they_were),
    ("text", long_texts_come_back_whole),
    ("empty", nothing_is_answered_with_nothing),
    ("all", many_series_are_read_as_each_of_them_alone),
    ("aggregate", aggregates_are_those_of_the_samples_in_each_step),
    ("many", ten_thousand_series_are_listed_and_read),
    ("again", a_store_that_is_opened_again_has_its_data_and_its_identity),
];

fn what_is_appended_is_read_in_order_of_time(store: &Subject) {
    assert_eq!(store.append("@m,host=a f=1.5 1000\n@m,host=a f=-2.25 2000\n@m,host=b f=3 1000").written, 3);
    let key = store.key("m", "f", &[("host", "a")]);
    assert_eq!(store.read(&key, 0, 9999, 0), [(1000, 1.5), (2000, -2.25)]);
}

fn an_equal_sample_that_comes_again_is_there_once(store: &Subject) {
    let lines = "@m f=0.1,g=7i 1000\n@m f=-1234.5678901,g=8i 2000";
    store.append(lines);
    let again = store.append(lines);
    assert_eq!((again.written, again.refusals.len()), (4, 0));
    assert_eq!(store.read(&store.key("m", "f", &[]), 0, 9999, 0), [(1000, 0.1), (2000, -1_234.567_890_1)]);
    assert_eq!(store.read(&store.key("m", "g", &[]), 0, 9999, 0), [(1000, 7.0), (2000, 8.0)]);
}

fn an_unequal_second_value_replaces_the_first_where_the_engine_can(store: &Subject) {
    if store.can.replaces {
        store.append("@m f=1 1000\n@m f=2 2000");
        store.append("@m f=3 1000");
        assert_eq!(store.read(&store.key("m", "f", &[]), 0, 9999, 0), [(1000, 3.0), (2000, 2.0)]);
    }
}

fn late_samples_and_samples_out_of_order_find_their_place(store: &Subject) {
    store.append("@m f=5 5000\n@m f=9 9000");
    store.append("@m f=7 7000\n@m f=3 3000\n@m f=8 8000");
    store.append("@m f=1 1000\n@m f=2 2000");
    assert_eq!(
        store.times(&store.key("m", "f", &[]), 0, 9999, 0),
        [1000, 2000, 3000, 5000, 7000, 8000, 9000]
    );
}

fn every_type_comes_back_as_it_was(store: &Subject) {
    store.append("@m a=1.5,b=-7i,c=18u,d=t,e=\"text\",g=3,h=f,i=0 1");
    let get = |field: &str| {
        let samples = store.store.read(&store.key("m", field, &[]), store.window(0, 5), 0).unwrap();
        samples.first().unwrap_or_else(|| panic!("{field}")).value.clone()
    };
    assert_eq!(get("a"), Value::Float(1.5));
    assert_eq!(get("b"), Value::Int(-7));
    assert_eq!(get("c"), Value::UInt(18));
    assert_eq!((get("d"), get("h")), (Value::Bool(true), Value::Bool(false)));
    assert_eq!(get("e"), Value::Text("text".into()));
    assert_eq!((get("g"), get("i")), (Value::Float(3.0), Value::Float(0.0)));
    if store.can.keeps_every_digit {
        store.append("@m y=0.30000000000000004,z=5e-324 1");
        assert_eq!((get("y"), get("z")), (Value::Float(0.300_000_000_000_000_04), Value::Float(5e-324)));
    }
    if store.can.keeps_wide_integers {
        store.append("@m w=18446744073709551615u,x=-9223372036854775807i 1");
        assert_eq!(get("w"), Value::UInt(u64::MAX));
        assert_eq!(get("x"), Value::Int(-i64::MAX));
    }
}

fn another_type_is_refused_or_kept_as_it_came_and_the_rest_of_the_batch_is_kept(store: &Subject) {
    store.append("@m f=1 1");
    let outcome = store.append("@m f=2i 2\n@m g=1 2");
    if store.can.refuses_other_types {
        assert_eq!((outcome.written, outcome.conflicts.len()), (1, 1));
        assert_eq!((outcome.conflicts[0].holds, outcome.conflicts[0].got), ("float", "integer"));
    } else {
        assert_eq!((outcome.written, outcome.conflicts.len()), (2, 0));
        assert_eq!(store.read(&store.key("m", "f", &[]), 0, 9, 0), [(1, 1.0), (2, 2.0)]);
    }
}

fn a_read_holds_both_edges_and_the_neighbours_that_are_near_enough(store: &Subject) {
    store.append("@m f=1 1000\n@m f=1 2000\n@m f=1 3000\n@m f=1 4000\n@m f=1 9000\n@m f=1 600000");
    let times =
        |start_ms, end_ms, around_ms| store.times(&store.key("m", "f", &[]), start_ms, end_ms, around_ms);
    assert_eq!(times(2000, 3000, 0), [2000, 3000]);
    assert_eq!(times(2001, 2999, 0), [0i64; 0]);
    assert_eq!(times(2001, 2999, 1000), [2000, 3000]);
    assert_eq!(times(4500, 5000, 600), [4000]);
    assert_eq!(times(4500, 5000, 5000), [4000, 9000]);
    assert_eq!(times(4001, 8999, 1), [4000, 9000]);
    assert_eq!(times(300_000, 300_000, 291_000), [9000], "a neighbour that is far away");
    assert_eq!(times(300_000, 300_000, 7_200_000), [9000, 600_000]);
    assert_eq!(store.times(&store.key("m", "none", &[]), 0, 9000, 0), [0i64; 0]);
}

fn series_are_found_by_measurement_field_and_tags(store: &Subject) {
    store.append("@m,host=a,zone=z f=1 1\n@m,host=c f=1,g=1 1\n@n f=1 1\n@m,host=series_only f=1 1");
    let find = |selector: Selector<'_>| store.store.series(&selector).unwrap();
    let (m, n) = (store.name("m"), store.name("n"));
    let of_m = find(Selector { measurement: Some(&m), ..Selector::default() });
    assert_eq!(of_m.len(), 4);
    assert!(of_m.is_sorted());
    let with_zone = find(Selector { measurement: Some(&m), tags: &[("zone", "z")], ..Selector::default() });
    assert_eq!(with_zone, [store.key("m", "f", &[("host", "a"), ("zone", "z")])]);
    let tagged = find(Selector { tags: &[("host", "series_only")], ..Selector::default() });
    assert_eq!(tagged, [store.key("m", "f", &[("host", "series_only")])]);
    let both = find(Selector { measurement: Some(&m), field: Some("g"), tags: &[] });
    assert_eq!(both, [store.key("m", "g", &[("host", "c")])]);
    assert_eq!(find(Selector { measurement: Some(&n), ..Selector::default() }), [store.key("n", "f", &[])]);
    assert!(find(Selector::default()).len() >= 5);
}

fn odd_names_and_unicode_come_back_as_they_were(store: &Subject) {
    store.append(
        "@m,host=a\\,b,zone=z\\=1\\ x f=1 1\n@m,host=back\\slash f=1 1\n@m,host=\"quoted\" f=1 1\n\
         @Ünïcode-℃,tag-ä=Größe\\ 😀 tempé.c=1 1\n@m,__name__=x,le=0.5,host__=_,_=__ f__x=1,_=2 1\n@a.b:c-d f=1 1\n\
         @m,A=1,a=2 F=1,f=2 1",
    );
    let find = |tags: &[(&str, &str)]| store.store.series(&Selector { tags, ..Selector::default() }).unwrap();
    assert_eq!(find(&[("host", "a,b")]), [store.key("m", "f", &[("host", "a,b"), ("zone", "z=1 x")])]);
    assert_eq!(find(&[("host", "back\\slash")]), [store.key("m", "f", &[("host", "back\\slash")])]);
    assert_eq!(find(&[("host", "\"quoted\"")]), [store.key("m", "f", &[("host", "\"quoted\"")])]);
    let unicode = store.key("Ünïcode-℃", "tempé.c", &[("tag-ä", "Größe 😀")]);
    assert_eq!(find(&[("tag-ä", "Größe 😀")]), [unicode]);
    assert_eq!(store.read(&store.key("Ünïcode-℃", "tempé.c", &[("tag-ä", "Größe 😀")]), 0, 9, 0), [(1, 1.0)]);
    let reserved = [("_", "__"), ("__name__", "x"), ("host__", "_"), ("le", "0.5")];
    let keys = find(&[("host__", "_")]);
    assert_eq!(keys, [store.key("m", "_", &reserved), store.key("m", "f__x", &reserved)]);
    assert_eq!(store.read(&keys[0], 0, 9, 0), [(1, 2.0)]);
    assert_eq!(store.read(&store.key("a.b:c-d", "f", &[]), 0, 9, 0), [(1, 1.0)]);
    let upper = store.key("m", "F", &[("A", "1"), ("a", "2")]);
    assert_eq!(store.read(&upper, 0, 9, 0), [(1, 1.0)], "case matters");
}

fn long_texts_come_back_whole(store: &Subject) {
    // Words that differ, so that no compression makes it short; with what JSON and labels have to escape.
    let long = (0..6000).fold(String::from("{\"ä\\n\": "), |mut text, number: u64| {
        let _ = write!(text, "{:x}", number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 24);
        text
    });
    let quoted = long.replace('\\', "\\\\").replace('"', "\\\"");
    assert!(quoted.len() > 48 * 1024 && quoted.len() < 63 * 1024, "{}", quoted.len());
    store.append(&format!("@m,run=r document=\"{quoted}\",end=5i 5\n@m,run=s document=\"\" 6"));
    let key = store.key("m", "document", &[("run", "r")]);
    let samples = store.store.read(&key, store.window(0, 9), 0).unwrap();
    assert_eq!(samples.len(), 1);
    assert_eq!((samples[0].t_ms, &samples[0].value), (store.base_ms + 5, &Value::Text(long)));
    let found = store.store.series(&Selector { measurement: Some(&key.measurement), ..Selector::default() });
    assert_eq!(found.unwrap().len(), 3, "a text is one series, however it is kept");
    let empty =
        store.store.read(&store.key("m", "document", &[("run", "s")]), store.window(0, 9), 0).unwrap();
    assert_eq!(empty[0].value, Value::Text(String::new()));
    store.append("@n document=\"first\" 1\n@n document=\"second\" 2");
    let two = store.store.read(&store.key("n", "document", &[]), store.window(0, 9), 0).unwrap();
    let two: Vec<_> = two.into_iter().map(|sample| sample.value).collect();
    assert_eq!(two, [Value::Text("first".into()), Value::Text("second".into())]);
}

fn nothing_is_answered_with_nothing(store: &Subject) {
    let measurement = store.name("m");
    let none = Selector { measurement: Some(&measurement), ..Selector::default() };
    assert_eq!(store.store.series(&none).unwrap(), []);
    assert_eq!(store.store.read_all(&none, store.window(0, 9000), 1000).unwrap(), []);
    let key = store.key("m", "f", &[("host", "nobody")]);
    assert_eq!(store.times(&key, 0, 9000, 7_200_000), [0i64; 0]);
    assert_eq!(store.store.aggregate(&key, store.window(0, 9000), 1000).unwrap(), []);
    assert_eq!(store.append("").written, 0);
}

fn many_series_are_read_as_each_of_them_alone(store: &Subject) {
    store.append(
        "@m,host=a f=1,g=2i 1000\n@m,host=b f=3 1000\n@m,host=a f=4,t=\"x\" 2000\n@n,host=a f=5 500\n\
         @m,host=c f=6 400000\n@m,host=d f=7 20000",
    );
    let measurement = store.name("m");
    for selector in [
        Selector { measurement: Some(&measurement), ..Selector::default() },
        Selector { measurement: Some(&measurement), tags: &[("host", "a")], ..Selector::default() },
        Selector { measurement: Some(&measurement), field: Some("f"), tags: &[] },
    ] {
        for (start_ms, end_ms, around_ms) in [(0, 9000, 0), (1500, 1600, 1000), (1500, 1600, 7_200_000)] {
            let window = store.window(start_ms, end_ms);
            let each = store.store.series(&selector).unwrap().into_iter().filter_map(|key| {
                let samples = store.store.read(&key, window, around_ms).unwrap();
                (!samples.is_empty()).then_some((key, samples))
            });
            let each: Vec<_> = each.collect();
            assert_eq!(store.store.read_all(&selector, window, around_ms).unwrap(), each);
        }
    }
}

fn ten_thousand_series_are_listed_and_read(store: &Subject) {
    let lines = |t_ms: i64| {
        (0..10_000).fold(String::new(), |text, n| text + &format!("@m,number=h{n} f={n} {t_ms}\n"))
    };
    assert_eq!(store.append(&lines(1000)).written, 10_000);
    assert_eq!(store.append(&lines(2000)).written, 10_000);
    let measurement = store.name("m");
    let selector = Selector { measurement: Some(&measurement), ..Selector::default() };
    assert_eq!(store.store.series(&selector).unwrap().len(), 10_000);
    let all = store.store.read_all(&selector, store.window(0, 5000), 60_000).unwrap();
    assert_eq!(all.len(), 10_000);
    assert!(all.iter().all(|(key, samples)| {
        let number = key.tag("number").and_then(|number| number[1..].parse::<f64>().ok());
        samples.len() == 2 && samples.iter().all(|sample| sample.value.as_f64() == number)
    }));
}

fn aggregates_are_those_of_the_samples_in_each_step(store: &Subject) {
    store.append("@m f=1 1000\n@m f=5 1500\n@m f=3 1999\n@m f=7 4000\n@m f=9 5000");
    let start_ms = |t_ms| store.base_ms + t_ms;
    let first =
        Bucket { start_ms: start_ms(1000), count: 3, sum: 9.0, min: 1.0, max: 5.0, first: 1.0, last: 3.0 };
    let second =
        Bucket { start_ms: start_ms(4000), count: 1, sum: 7.0, min: 7.0, max: 7.0, first: 7.0, last: 7.0 };
    let buckets = store.store.aggregate(&store.key("m", "f", &[]), store.window(1000, 5000), 1000).unwrap();
    assert_eq!(buckets, [first, second]);
}

fn a_store_that_is_opened_again_has_its_data_and_its_identity(store: &Subject) {
    store.append("@m f=1 1000");
    let identity = store.store.identity().unwrap();
    assert!(!identity.is_empty());
    let other = (store.open)();
    assert_eq!(other.identity().unwrap(), identity);
    let window = store.window(0, 9999);
    assert_eq!(other.read(&store.key("m", "f", &[]), window, 0).unwrap().len(), 1);
    if let Some(maintenance) = store.store.maintenance() {
        store.append("@old f=1 500\n@m f=2 2000");
        assert_eq!(maintenance.delete_before(store.base_ms + 1500).unwrap(), 2);
        assert_eq!(store.times(&store.key("m", "f", &[]), 0, 9999, 0), [2000]);
        let old = store.name("old");
        let selector = Selector { measurement: Some(&old), ..Selector::default() };
        assert_eq!(store.store.series(&selector).unwrap(), []);
        store.append("@old f=1 3000");
        assert_eq!(store.times(&store.key("old", "f", &[]), 0, 9999, 0), [3000]);
    }
}

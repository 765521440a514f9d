//! What is written is what is read, and a table knows what it has.

use proptest::prelude::*;

use super::*;
use crate::{Place, Repeats, Replay, scan};

/// Adds a point as the store does.
fn add(table: &mut Table, t_ms: i64, fields: &[(&str, Value)], frame: &mut FrameWriter) {
    let group = table.find("m", &[]).unwrap_or_else(|| table.add_group("m", &[], frame));
    let mut list = Vec::new();
    for (name, value) in fields {
        let column = table.groups()[group].column(name).map(|(column, _)| column);
        list.extend(column.or_else(|| table.add_column(group, name, value, frame)));
    }
    let shape = table.shape(group, &list, frame).unwrap();
    table.stage(group, shape, t_ms, fields.iter().map(|(_, value)| value), frame);
}

fn number(n: u8) -> Value {
    Value::Float(f64::from(n) / 10.0)
}

type Points = [(i64, bool, u8, String)];

/// A segment of so many points to a frame, and where its frames begin.
fn segment(points: &Points, in_frame: usize) -> (Table, Vec<u8>, Vec<usize>) {
    let (mut table, mut frame, mut repeats) = (Table::default(), FrameWriter::default(), Repeats::default());
    let (mut bytes, mut begins) = (Vec::new(), Vec::new());
    for points in points.chunks(in_frame) {
        for (t_ms, both, n, text) in points {
            let fields = [("n", number(*n)), ("text", Value::Text(text.clone()))];
            add(&mut table, *t_ms, &fields[..=usize::from(*both)], &mut frame);
        }
        let offset = bytes.len() as u64;
        begins.push(bytes.len());
        bytes.extend_from_slice(frame.close(Place { segment: 1, offset }, &repeats.due(offset)));
        repeats.said((offset, bytes.len() as u64), frame.names());
        table.commit();
        frame.clear();
    }
    (table, bytes, begins)
}

/// What is read back, and how many frames were not understood.
fn replayed(bytes: &[u8]) -> (Replay, usize) {
    let (mut replay, mut lost) = (Replay::default(), 0);
    let scan = scan(Place { segment: 1, offset: 0 }, bytes);
    for (_, payload) in &scan.frames {
        replay.learn(payload).unwrap();
    }
    for (_, payload) in &scan.frames {
        lost += usize::from(replay.take(payload).is_err());
    }
    (replay, lost)
}

/// The samples of `n`, of which the later one holds.
fn numbers(points: &Points) -> Vec<(i64, f64)> {
    let mut want: Vec<(i64, f64)> = Vec::new();
    for (t_ms, _, n, _) in points {
        want.retain(|(known, _)| known != t_ms);
        want.push((*t_ms, f64::from(*n) / 10.0));
    }
    want.sort_by_key(|(t_ms, _)| *t_ms);
    want
}

fn read(table: &Table, start_ms: i64, end_ms: i64) -> Vec<(i64, f64)> {
    let Some(group) = table.find("m", &[]) else { return Vec::new() };
    let got = table.groups()[group].read(0, start_ms, end_ms).unwrap();
    got.times.iter().enumerate().map(|(at, t_ms)| (*t_ms, got.values.number(at).unwrap())).collect()
}

fn points(most: usize) -> impl Strategy<Value = Vec<(i64, bool, u8, String)>> {
    proptest::collection::vec((0..5000i64, any::<bool>(), any::<u8>(), "[ab]{0,2}"), 1..most)
}

proptest! {
    /// Also beyond a block's end.
    #[test]
    fn what_a_journal_says_is_what_was_written(
        points in points(700),
        in_frame in 1..400usize,
        start_ms in 0..5000i64,
    ) {
        let (table, bytes, _) = segment(&points, in_frame);
        let (replay, lost) = replayed(&bytes);
        prop_assert_eq!((replay.table().samples(), lost), (table.samples(), 0));
        prop_assert_eq!(replay.table().bytes(), table.bytes(), "memory is the same either way");
        let group = replay.table().find("m", &[]).unwrap();
        prop_assert_eq!(replay.table().groups()[group].read_all(), table.groups()[0].read_all());
        let mut want = numbers(&points);
        want.retain(|(t_ms, _)| *t_ms >= start_ms && *t_ms <= start_ms + 700);
        prop_assert_eq!(read(replay.table(), start_ms, start_ms + 700), want);
    }

    #[test]
    fn a_damaged_frame_costs_its_own_points_only(
        points in points(60),
        in_frame in 1..5usize,
        at in any::<proptest::sample::Index>(),
        flip in 1..=255u8,
    ) {
        let (_, mut bytes, begins) = segment(&points, in_frame);
        let at = at.index(bytes.len());
        let hit = begins.partition_point(|begin| *begin <= at) - 1;
        bytes[at] ^= flip;
        let (replay, lost) = replayed(&bytes);
        prop_assert_eq!(lost, 0, "what is whole is understood");
        let others: Vec<_> =
            points.chunks(in_frame).enumerate().filter(|(n, _)| *n != hit).flat_map(|(_, it)| it.to_vec()).collect();
        prop_assert_eq!(read(replay.table(), 0, 5000), numbers(&others));
    }

    #[test]
    fn any_payload_is_read_without_harm(payload in proptest::collection::vec(any::<u8>(), 0..300)) {
        let (mut replay, mut replay_1) = (Replay::default(), Replay::default());
        let _ = replay.learn(&payload);
        let _ = replay.take(&payload);
        let _ = replay_1.take_1(&payload);
        for group in replay.table().groups().iter().chain(replay_1.table().groups()) {
            group.read_all().unwrap();
        }
    }
}

#[test]
fn a_sensors_samples_take_about_two_bytes() {
    let (mut table, mut frame) = (Table::default(), FrameWriter::default());
    for n in 0..3600u16 {
        let noise = |step: u16| Value::Float(f64::from(48_000 + n * step % 97) / 1000.0);
        let t_ms = 1_700_000_000_000 + i64::from(n) * 1000;
        add(&mut table, t_ms, &[("a", noise(7)), ("b", noise(3))], &mut frame);
    }
    assert!(frame.len() < 3600 * 2 * 2 + 3600, "{}", frame.len());
    table.commit();
    assert!(table.bytes() < 3600 * 2 * 2, "{}", table.bytes());
}

#[test]
fn a_sample_alone_in_its_frame_takes_few_bytes_too() {
    let (mut table, mut bytes) = (Table::default(), 0);
    for n in 0..100u16 {
        let mut frame = FrameWriter::default();
        let t_ms = 1_700_000_000_000 + i64::from(n) * 1000;
        add(&mut table, t_ms, &[("a", Value::Float(f64::from(48_001 + n * 7 % 97) / 1000.0))], &mut frame);
        table.commit();
        bytes += frame.rows.len();
    }
    // The group, the time in full, and the difference from the first value.
    assert!(bytes <= 100 * (1 + 7 + 2), "{bytes}");
}

#[test]
fn a_table_says_how_much_it_has_and_finds_what_followed_the_last_time() {
    let (mut table, mut frame) = (Table::default(), FrameWriter::default());
    assert_eq!((table.samples(), table.find_next("m", &[])), (0, None));
    for (measurement, t_ms) in [("m", 30), ("other", 10), ("m", 20)] {
        let group = table
            .find_next(measurement, &[])
            .unwrap_or_else(|| table.add_group(measurement, &[], &mut frame));
        let value = Value::UInt(7);
        let column = table.groups()[group].column("n").map(|(column, _)| column);
        let column = column.or_else(|| table.add_column(group, "n", &value, &mut frame)).unwrap();
        let shape = table.shape(group, &[column], &mut frame).unwrap();
        table.stage(group, shape, t_ms, [&value].into_iter(), &mut frame);
    }
    table.commit();
    assert_eq!(table.samples(), 3);
    let [first, second] = table.groups() else { panic!("two groups") };
    assert_eq!((first.len(), first.span()), (2, Some((20, 30))));
    assert_eq!((second.len(), second.span()), (1, Some((10, 10))));
    let read = first.read(0, 0, 100).unwrap();
    assert_eq!(read, Samples { times: vec![20, 30], values: Values::UInt(vec![7, 7]) });
    for _ in 0..2 {
        let found = ["m", "other"].map(|measurement| table.find_next(measurement, &[]));
        assert_eq!(found, [Some(0), Some(1)]);
    }
    assert_eq!(table.find_next("nobody", &[]), None);
}

#[test]
fn a_shape_is_one_of_the_same_names_and_types_and_no_other() {
    let (mut table, mut frame) = (Table::default(), FrameWriter::default());
    add(&mut table, 1, &[("a", number(1)), ("b", number(2))], &mut frame);
    let shape = |fields: &[(&str, Value)]| {
        let fields: Vec<_> = fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        table.groups()[0].shape_of(&fields)
    };
    assert_eq!(shape(&[("a", number(3)), ("b", number(4))]), Some(0));
    assert_eq!(shape(&[("a", number(3))]), None, "one is missing");
    assert_eq!(shape(&[("a", number(3)), ("c", number(4))]), None, "another name");
    assert_eq!(shape(&[("a", number(3)), ("b", Value::Bool(true))]), None, "another type");
}

#[test]
fn rows_can_be_read_from_each_blocks_beginning() {
    let (mut table, mut frame) = (Table::default(), FrameWriter::default());
    for t_ms in 0..=512 {
        add(&mut table, t_ms, &[("n", number(1))], &mut frame);
    }
    table.commit();
    let from: Vec<i64> = table.groups()[0].blocks.iter().map(|block| block.first_ms).collect();
    assert_eq!(from, [0, 256, 512]);
}

//! What one segment of the journal holds: groups, which are points of the same measurement and tags, each with its
//! columns, and their rows as they stand in the journal.
//!
//! Names are records one after the other: 0 makes a group (number, measurement, number of tags, keys and values), 1 a
//! column (group, number, name, type, base), 2 a shape (group, number, number of columns, columns). A row is the number
//! of its group, and what `row` says.
//!
//! In memory a row takes fewer bytes than in the journal, where it needs no row of another frame.

mod format_1;

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::mem;
use std::ops::Range;

use picollect_telemetry::Value;

use crate::cursor::{Cursor, put, put_text};
use crate::frame::FrameWriter;
use crate::row::{Base, ROWS_IN_A_BLOCK, Seen, State, as_numbered};
use crate::samples::{Samples, Values};
use crate::{Damaged, Kind};

pub(crate) const GROUP: u64 = 0;
pub(crate) const COLUMN: u64 = 1;
pub(crate) const SHAPE: u64 = 2;
/// Staged rows' memory is kept for the next ones if it is no larger.
const KEPT_STAGED_BYTES: usize = 1024 * 1024;

/// Most lists of columns in a group. A sender that never says the same fields twice gets a row for each field.
pub const MAX_SHAPES: usize = 64;
/// Times lie within this on either side of 1970, Unix milliseconds: the years that nanoseconds in 64 bits can say.
pub const MAX_TIME_MS: i64 = i64::MAX / 1_000_000;
/// More groups or columns than a store can have series.
pub(crate) const MAX_GROUPS: usize = 1 << 24;
pub(crate) const MAX_COLUMNS: usize = u16::MAX as usize;
pub(crate) const MAX_TAGS: usize = 1 << 16;

type Tags = [(String, String)];

/// The points of one measurement with the same tags.
#[derive(Debug)]
pub struct Group {
    /// The measurement that all its points are of.
    pub measurement: String,
    /// Tag keys and values, sorted by key.
    pub tags: Vec<(String, String)>,
    names: Vec<String>,
    kinds: Vec<Kind>,
    bases: Vec<Base>,
    shapes: Vec<Box<[u16]>>,
    last_shape: usize,
    /// The group that came after this one the last time.
    next: usize,
    /// What rows in memory are differences from.
    state: State,
    /// What rows of the journal are differences from.
    in_frame: State,
    rows: Vec<u8>,
    blocks: Vec<Block>,
    count: usize,
}

/// Rows that can be read without the ones before.
#[derive(Debug, Clone, Copy)]
struct Block {
    from: usize,
    first_ms: i64,
    last_ms: i64,
}

/// The groups of a segment. Rows are staged first, and belong to the table when the journal has them.
#[derive(Debug, Default)]
pub struct Table {
    groups: Vec<Group>,
    by_name: HashMap<u64, Vec<u32>>,
    hasher: RandomState,
    last: usize,
    staged: Vec<Staged>,
    staged_rows: Vec<u8>,
    /// Frames that were committed or read, and the time of the last row in the one after these.
    frames: u64,
    last_ms: i64,
    bytes: usize,
    columns: usize,
    samples: usize,
}

#[derive(Debug)]
struct Staged {
    group: u32,
    fields: usize,
    t_ms: i64,
    bytes: Range<usize>,
}

impl Table {
    /// The groups, in the order in which they came.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Bytes of all rows.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Columns of all groups.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Values in all rows.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// The number of a group.
    pub fn find(&self, measurement: &str, tags: &Tags) -> Option<usize> {
        let numbers = self.by_name.get(&self.hasher.hash_one((measurement, tags)))?.iter();
        let mut numbers = numbers.map(|number| *number as usize);
        numbers.find(|number| self.groups[*number].is(measurement, tags))
    }

    /// The same for one point after the other: senders say the same things in the same order again and again, so what
    /// followed the last time is looked at first.
    pub fn find_next(&mut self, measurement: &str, tags: &Tags) -> Option<usize> {
        let expected = self.groups.get(self.last)?.next;
        let found = match self.groups.get(expected) {
            Some(group) if group.is(measurement, tags) => expected,
            _ => self.find(measurement, tags)?,
        };
        self.groups[self.last].next = found;
        self.last = found;
        Some(found)
    }

    /// Makes a group, with its record.
    pub fn add_group(&mut self, measurement: &str, tags: &Tags, frame: &mut FrameWriter) -> usize {
        let out = &mut frame.names;
        put(out, GROUP);
        put(out, self.groups.len() as u64);
        put_text(out, measurement);
        put(out, tags.len() as u64);
        for (key, value) in tags {
            put_text(out, key);
            put_text(out, value);
        }
        self.insert(measurement.to_owned(), tags.to_vec())
    }

    pub(crate) fn insert(&mut self, measurement: String, tags: Vec<(String, String)>) -> usize {
        let number = self.groups.len();
        let hash = self.hasher.hash_one((measurement.as_str(), tags.as_slice()));
        self.by_name.entry(hash).or_default().extend(u32::try_from(number));
        self.groups.push(Group {
            measurement,
            tags,
            names: Vec::new(),
            kinds: Vec::new(),
            bases: Vec::new(),
            shapes: Vec::new(),
            last_shape: 0,
            next: number,
            state: State::default(),
            in_frame: State::default(),
            rows: Vec::new(),
            blocks: Vec::new(),
            count: 0,
        });
        number
    }

    /// Makes a column that begins with this value, with its record; `None` if the group has as many as it can have.
    pub fn add_column(
        &mut self,
        group: usize,
        name: &str,
        value: &Value,
        frame: &mut FrameWriter,
    ) -> Option<u16> {
        let (kind, base) = (Kind::of(value), Base::of(value));
        let column = u16::try_from(self.groups[group].names.len()).ok()?;
        let out = &mut frame.names;
        put(out, COLUMN);
        put(out, group as u64);
        put(out, u64::from(column));
        put_text(out, name);
        out.push(kind as u8);
        base.put(kind, out);
        self.push_column(group, name.to_owned(), kind, base)
    }

    pub(crate) fn push_column(&mut self, group: usize, name: String, kind: Kind, base: Base) -> Option<u16> {
        let group = &mut self.groups[group];
        let column = u16::try_from(group.names.len()).ok()?;
        group.names.push(name);
        group.kinds.push(kind);
        group.bases.push(base);
        self.columns += 1;
        Some(column)
    }

    pub(crate) fn push_shape(&mut self, group: usize, list: Box<[u16]>) -> usize {
        let shapes = &mut self.groups[group].shapes;
        shapes.push(list);
        shapes.len() - 1
    }

    /// The number of a list of columns, which is made, with its record, if there is room for one more.
    pub fn shape(&mut self, group: usize, list: &[u16], frame: &mut FrameWriter) -> Option<usize> {
        let shapes = &mut self.groups[group].shapes;
        if let Some(known) = shapes.iter().position(|known| **known == *list) {
            return Some(known);
        }
        // A list of one column can always be made: there are no more of these than there are columns.
        if shapes.len() >= MAX_SHAPES && list.len() != 1 {
            return None;
        }
        let out = &mut frame.names;
        put(out, SHAPE);
        put(out, group as u64);
        put(out, shapes.len() as u64);
        put(out, list.len() as u64);
        for column in list {
            put(out, u64::from(*column));
        }
        Some(self.push_shape(group, list.into()))
    }

    /// Appends a row to a frame. It belongs to the table after [`commit`](Self::commit).
    pub fn stage<'v>(
        &mut self,
        group: usize,
        shape: usize,
        t_ms: i64,
        values: impl Iterator<Item = &'v Value> + Clone,
        frame: &mut FrameWriter,
    ) {
        let out = &mut frame.rows;
        put(out, group as u64);
        let Group { state, in_frame, shapes, bases, last_shape, .. } = &mut self.groups[group];
        *last_shape = shape;
        let list = (shape, &*shapes[shape]);
        in_frame.in_frame(self.frames + 1, self.last_ms, Some(0)).encode(
            bases,
            list,
            t_ms,
            values.clone(),
            out,
        );
        self.last_ms = t_ms;
        let start = self.staged_rows.len();
        state.in_block().encode(&[], list, t_ms, values, &mut self.staged_rows);
        let (bytes, fields) = (start..self.staged_rows.len(), list.1.len());
        #[expect(clippy::cast_possible_truncation, reason = "there are at most 2^24 groups")]
        self.staged.push(Staged { group: group as u32, fields, t_ms, bytes });
    }

    /// Takes the staged rows in: their frame is written.
    pub fn commit(&mut self) {
        for Staged { group, fields, t_ms, bytes } in mem::take(&mut self.staged) {
            self.bytes += bytes.len();
            self.samples += fields;
            self.groups[group as usize].push(t_ms, &self.staged_rows[bytes]);
        }
        self.staged_rows.clear();
        self.staged_rows.shrink_to(KEPT_STAGED_BYTES);
        self.begin_frame();
    }

    /// The rows that follow stand in another frame.
    pub(crate) fn begin_frame(&mut self) {
        self.frames += 1;
        self.last_ms = 0;
    }

    /// Forgets the staged rows, which leaves the table good for reading only: what comes next in a segment
    /// would be differences from them.
    pub fn abandon(&mut self) {
        self.staged.clear();
        self.staged_rows = Vec::new();
    }

    /// Takes in a row of a frame, behind the number of its group. `shape_of` says which shape a number of the journal
    /// is.
    pub(crate) fn take_row(
        &mut self,
        group: usize,
        cursor: &mut Cursor<'_>,
        shape_of: impl Fn(u64) -> Option<usize>,
    ) -> Result<(), Damaged> {
        let Group { state, in_frame, kinds, bases, shapes, .. } = &mut self.groups[group];
        let in_frame = in_frame.in_frame(self.frames + 1, self.last_ms, shape_of(0));
        let mut values = Vec::new();
        let show = |_, _, seen: Seen<'_>| values.push(seen.value());
        let (t_ms, shape) = in_frame.decode((kinds, bases), (shapes, shape_of), cursor, show)?;
        self.last_ms = t_ms;
        let mut row = Vec::new();
        state.in_block().encode(&[], (shape, &shapes[shape]), t_ms, values.iter(), &mut row);
        self.groups[group].push(t_ms, &row);
        self.bytes += row.len();
        self.samples += values.len();
        Ok(())
    }
}

impl Group {
    fn is(&self, measurement: &str, tags: &Tags) -> bool {
        self.measurement == measurement && self.tags == tags
    }

    /// The columns' names and types.
    pub fn columns(&self) -> impl Iterator<Item = (&str, Kind)> {
        self.names.iter().map(String::as_str).zip(self.kinds.iter().copied())
    }

    /// The number and type of the column with this name.
    pub fn column(&self, name: &str) -> Option<(u16, Kind)> {
        let at = self.names.iter().position(|known| known == name)?;
        Some((u16::try_from(at).ok()?, self.kinds[at]))
    }

    /// The shape whose columns have these names and types, in this order.
    pub fn shape_of(&self, fields: &[(String, Value)]) -> Option<usize> {
        let is = |shape: &[u16]| {
            shape.len() == fields.len()
                && shape.iter().zip(fields).all(|(column, (name, value))| {
                    let at = usize::from(*column);
                    self.kinds[at] == Kind::of(value) && self.names[at] == *name
                })
        };
        if self.shapes.get(self.last_shape).is_some_and(|shape| is(shape)) {
            return Some(self.last_shape);
        }
        self.shapes.iter().position(|shape| is(shape))
    }

    fn push(&mut self, t_ms: i64, row: &[u8]) {
        match self.blocks.last_mut() {
            Some(block) if !self.count.is_multiple_of(ROWS_IN_A_BLOCK) => {
                (block.first_ms, block.last_ms) = (block.first_ms.min(t_ms), block.last_ms.max(t_ms));
            }
            _ => self.blocks.push(Block { from: self.rows.len(), first_ms: t_ms, last_ms: t_ms }),
        }
        self.rows.extend_from_slice(row);
        self.count += 1;
    }

    /// Number of rows that were added so far.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The earliest and the latest time, Unix milliseconds.
    pub fn span(&self) -> Option<(i64, i64)> {
        let first = self.blocks.iter().map(|block| block.first_ms).min()?;
        Some((first, self.blocks.iter().map(|block| block.last_ms).max()?))
    }

    /// A column's samples from `start_ms` to `end_ms`, both included, in order of time.
    pub fn read(&self, column: u16, start_ms: i64, end_ms: i64) -> Result<Samples, Damaged> {
        let mut samples = Samples::new(self.kinds[usize::from(column)]);
        self.rows_within(start_ms, end_ms, |this, t_ms, seen| {
            if this == column && t_ms >= start_ms && t_ms <= end_ms {
                samples.push(t_ms, seen);
            }
        })?;
        samples.put_in_order();
        Ok(samples)
    }

    /// All columns with all their samples, each in order of time.
    pub fn read_all(&self) -> Result<Vec<Samples>, Damaged> {
        let mut columns: Vec<_> = self.kinds.iter().map(|kind| Samples::new(*kind)).collect();
        self.rows_within(i64::MIN, i64::MAX, |column, t_ms, seen| {
            columns[usize::from(column)].push(t_ms, seen);
        })?;
        columns.iter_mut().for_each(Samples::put_in_order);
        Ok(columns)
    }

    fn rows_within(
        &self,
        start_ms: i64,
        end_ms: i64,
        mut show: impl FnMut(u16, i64, Seen<'_>),
    ) -> Result<(), Damaged> {
        for (number, block) in self.blocks.iter().enumerate() {
            if block.last_ms < start_ms || block.first_ms > end_ms {
                continue;
            }
            let to = self.blocks.get(number + 1).map_or(self.rows.len(), |next| next.from);
            let (mut cursor, mut state) = (Cursor::new(&self.rows[block.from..to]), State::default());
            while !cursor.is_at_end() {
                let numbered = (self.shapes.as_slice(), as_numbered(&self.shapes));
                state.in_block().decode((&self.kinds, &[]), numbered, &mut cursor, &mut show)?;
            }
        }
        Ok(())
    }
}

impl Samples {
    fn push(&mut self, t_ms: i64, seen: Seen<'_>) {
        match (&mut self.values, seen) {
            (Values::Float(values), Seen::Float(value)) => values.push(value),
            (Values::Int(values), Seen::Int(value)) => values.push(value),
            (Values::UInt(values), Seen::UInt(value)) => values.push(value),
            (Values::Bool(values), Seen::Bool(value)) => values.push(value),
            (Values::Text(values), Seen::Text(value)) => values.push(value.to_owned()),
            // A column's values are decoded by its type, so no other can come.
            _ => return,
        }
        self.times.push(t_ms);
    }
}

#[cfg(test)]
mod tests {
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
        let (mut table, mut frame, mut repeats) =
            (Table::default(), FrameWriter::default(), Repeats::default());
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
            add(
                &mut table,
                t_ms,
                &[("a", Value::Float(f64::from(48_001 + n * 7 % 97) / 1000.0))],
                &mut frame,
            );
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
            let fields: Vec<_> =
                fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
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

    #[test]
    fn a_payload_of_format_1_is_counted_as_it_was() {
        let (mut table, mut frame) = (Table::default(), FrameWriter::default());
        add(&mut table, 5, &[("a", number(1)), ("b", number(2))], &mut frame);
        table.commit();
        let mut payload = Vec::new();
        put(&mut payload, GROUP);
        put_text(&mut payload, "m");
        put(&mut payload, 0);
        for name in ["a", "b"] {
            put(&mut payload, COLUMN);
            put(&mut payload, 0);
            put_text(&mut payload, name);
            payload.push(Kind::Float as u8);
        }
        put(&mut payload, SHAPE);
        for number in [0, 2, 0, 1] {
            put(&mut payload, number);
        }
        put(&mut payload, 3);
        payload.extend_from_slice(&table.groups()[0].rows);
        let mut replay = Replay::default();
        replay.take_1(&payload).unwrap();
        assert_eq!((replay.table().samples(), replay.table().bytes()), (2, table.bytes()));
        assert_eq!(replay.table().groups()[0].read_all(), table.groups()[0].read_all());
    }
}

//! What one segment of the journal holds: groups, which are points of the same measurement and tags, each with its
//! columns, and their rows as they stand in the journal.
//!
//! A payload is records one after the other: 0 makes a group (measurement, number of tags, keys and values), 1 a
//! column (group, name, type), 2 a shape (group, number of columns, columns), and 3 and more is a row of the group
//! with the number above 3. Groups, columns and shapes are numbered as they come.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::mem;
use std::ops::Range;

use picollect_telemetry::Value;

use crate::cursor::{Cursor, put, put_text};
use crate::row::{ROWS_IN_A_BLOCK, Seen, State};
use crate::samples::{Samples, Values};
use crate::{Damaged, Kind};

const GROUP: u64 = 0;
const COLUMN: u64 = 1;
const SHAPE: u64 = 2;
const FIRST_ROW: u64 = 3;

/// Most lists of columns in a group. A sender that never says the same fields twice gets a row for each field.
pub const MAX_SHAPES: usize = 64;
/// Times lie within this on either side of 1970, Unix milliseconds: the years that nanoseconds in 64 bits can say.
pub const MAX_TIME_MS: i64 = i64::MAX / 1_000_000;
/// More groups or columns than a store can have series.
const MAX_GROUPS: usize = 1 << 24;
const MAX_COLUMNS: usize = u16::MAX as usize;
const MAX_TAGS: usize = 1 << 16;

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
    shapes: Vec<Box<[u16]>>,
    last_shape: usize,
    /// The group that came after this one the last time.
    next: usize,
    state: State,
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
    pub fn add_group(&mut self, measurement: &str, tags: &Tags, out: &mut Vec<u8>) -> usize {
        put(out, GROUP);
        put_text(out, measurement);
        put(out, tags.len() as u64);
        for (key, value) in tags {
            put_text(out, key);
            put_text(out, value);
        }
        self.insert(measurement.to_owned(), tags.to_vec())
    }

    fn insert(&mut self, measurement: String, tags: Vec<(String, String)>) -> usize {
        let number = self.groups.len();
        let hash = self.hasher.hash_one((measurement.as_str(), tags.as_slice()));
        self.by_name.entry(hash).or_default().extend(u32::try_from(number));
        self.groups.push(Group {
            measurement,
            tags,
            names: Vec::new(),
            kinds: Vec::new(),
            shapes: Vec::new(),
            last_shape: 0,
            next: number,
            state: State::default(),
            rows: Vec::new(),
            blocks: Vec::new(),
            count: 0,
        });
        number
    }

    /// Makes a column, with its record; `None` if the group has as many as it can have.
    pub fn add_column(&mut self, group: usize, name: &str, kind: Kind, out: &mut Vec<u8>) -> Option<u16> {
        let column = u16::try_from(self.groups[group].names.len()).ok()?;
        put(out, COLUMN);
        put(out, group as u64);
        put_text(out, name);
        out.push(kind as u8);
        self.columns += 1;
        self.groups[group].names.push(name.to_owned());
        self.groups[group].kinds.push(kind);
        Some(column)
    }

    /// The number of a list of columns, which is made, with its record, if there is room for one more.
    pub fn shape(&mut self, group: usize, list: &[u16], out: &mut Vec<u8>) -> Option<usize> {
        let shapes = &mut self.groups[group].shapes;
        if let Some(known) = shapes.iter().position(|known| **known == *list) {
            return Some(known);
        }
        // A list of one column can always be made: there are no more of these than there are columns.
        if shapes.len() >= MAX_SHAPES && list.len() != 1 {
            return None;
        }
        put(out, SHAPE);
        put(out, group as u64);
        put(out, list.len() as u64);
        for column in list {
            put(out, u64::from(*column));
        }
        shapes.push(list.into());
        Some(shapes.len() - 1)
    }

    /// Appends a row's record to `out`. It belongs to the table after [`commit`](Self::commit).
    pub fn stage<'v>(
        &mut self,
        group: usize,
        shape: usize,
        t_ms: i64,
        values: impl Iterator<Item = &'v Value>,
        out: &mut Vec<u8>,
    ) {
        let Group { state, shapes, kinds, last_shape, .. } = &mut self.groups[group];
        put(out, group as u64 + FIRST_ROW);
        let start = out.len();
        *last_shape = shape;
        state.encode(kinds.len(), (shape, &shapes[shape]), t_ms, values, out);
        let (bytes, fields) = (start..out.len(), shapes[shape].len());
        #[expect(clippy::cast_possible_truncation, reason = "there are at most 2^24 groups")]
        self.staged.push(Staged { group: group as u32, fields, t_ms, bytes });
    }

    /// Takes the staged rows in; `out` is what they were written to.
    pub fn commit(&mut self, out: &[u8]) {
        for Staged { group, fields, t_ms, bytes } in mem::take(&mut self.staged) {
            self.bytes += bytes.len();
            self.samples += fields;
            self.groups[group as usize].push(t_ms, &out[bytes]);
        }
    }

    /// Forgets the staged rows, which leaves the table good for reading only: what comes next in a segment
    /// would be differences from them.
    pub fn abandon(&mut self) {
        self.staged.clear();
    }

    /// Takes in the payload of a frame. On an error, what stands before the damage is in the table.
    pub fn replay(&mut self, payload: &[u8]) -> Result<(), Damaged> {
        let mut cursor = Cursor::new(payload);
        while !cursor.is_at_end() {
            match cursor.unsigned()? {
                GROUP => self.replay_group(&mut cursor)?,
                COLUMN => self.replay_column(&mut cursor)?,
                SHAPE => self.replay_shape(&mut cursor)?,
                row => self.replay_row(row - FIRST_ROW, payload, &mut cursor)?,
            }
        }
        Ok(())
    }

    fn replay_group(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Damaged> {
        if self.groups.len() >= MAX_GROUPS {
            return Err(Damaged("there are too many groups"));
        }
        let measurement = cursor.text()?.to_owned();
        let count = cursor.count(MAX_TAGS)?;
        let pair = |_| Ok((cursor.text()?.to_owned(), cursor.text()?.to_owned()));
        let tags = (0..count).map(pair).collect::<Result<_, _>>()?;
        self.insert(measurement, tags);
        Ok(())
    }

    fn known_group(&mut self, number: u64) -> Result<&mut Group, Damaged> {
        let number = usize::try_from(number).ok();
        number.and_then(|number| self.groups.get_mut(number)).ok_or(Damaged("a group is not there"))
    }

    fn replay_column(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Damaged> {
        let group = self.known_group(cursor.unsigned()?)?;
        if group.names.len() > MAX_COLUMNS {
            return Err(Damaged("a group has too many columns"));
        }
        let name = cursor.text()?.to_owned();
        let kind = Kind::from_number(cursor.byte()?).ok_or(Damaged("a column has no known type"))?;
        group.names.push(name);
        group.kinds.push(kind);
        self.columns += 1;
        Ok(())
    }

    fn replay_shape(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Damaged> {
        let group = self.known_group(cursor.unsigned()?)?;
        let count = cursor.count(group.names.len())?;
        let column = |_| cursor.count(MAX_COLUMNS).map(|column| u16::try_from(column).unwrap_or(u16::MAX));
        let list: Box<[u16]> = (0..count).map(column).collect::<Result<_, _>>()?;
        group.shapes.push(list);
        Ok(())
    }

    fn replay_row(&mut self, group: u64, payload: &[u8], cursor: &mut Cursor<'_>) -> Result<(), Damaged> {
        let group = self.known_group(group)?;
        let (start, mut fields) = (cursor.at(), 0);
        let t_ms = group.state.decode(&group.kinds, &group.shapes, cursor, |_, _, _| fields += 1)?;
        let bytes = &payload[start..cursor.at()];
        group.push(t_ms, bytes);
        self.bytes += bytes.len();
        self.samples += fields;
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
                state.decode(&self.kinds, &self.shapes, &mut cursor, &mut show)?;
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

    /// Adds a point as the store does.
    fn add(table: &mut Table, t_ms: i64, fields: &[(&str, Value)], out: &mut Vec<u8>) {
        let group = table.find("m", &[]).unwrap_or_else(|| table.add_group("m", &[], out));
        let mut list = Vec::new();
        for (name, value) in fields {
            let column = table.groups()[group].column(name).map(|(column, _)| column);
            list.extend(column.or_else(|| table.add_column(group, name, Kind::of(value), out)));
        }
        let shape = table.shape(group, &list, out).unwrap();
        table.stage(group, shape, t_ms, fields.iter().map(|(_, value)| value), out);
    }

    fn number(n: u8) -> Value {
        Value::Float(f64::from(n) / 10.0)
    }

    proptest! {
        /// Also where the journal is read in two pieces, and beyond a block's end.
        #[test]
        fn what_a_journal_says_is_what_was_written(
            points in proptest::collection::vec((0..5000i64, any::<bool>(), any::<u8>(), "[ab]{0,2}"), 1..700),
            start_ms in 0..5000i64,
        ) {
            let (mut table, mut again, mut frames) = (Table::default(), Table::default(), Vec::new());
            for points in points.chunks(300) {
                let mut out = Vec::new();
                for (t_ms, both, n, text) in points {
                    let fields = [("n", number(*n)), ("text", Value::Text(text.clone()))];
                    add(&mut table, *t_ms, &fields[..=usize::from(*both)], &mut out);
                }
                table.commit(&out);
                frames.push(out);
            }
            for frame in &frames {
                again.replay(frame).unwrap();
            }
            prop_assert_eq!(again.samples(), table.samples());
            let (all, of_journal) = (table.groups()[0].read_all().unwrap(), again.groups()[0].read_all().unwrap());
            prop_assert_eq!(&of_journal, &all);
            let mut want: Vec<(i64, f64)> = Vec::new();
            for (t_ms, _, n, _) in &points {
                want.retain(|(known, _)| known != t_ms);
                want.push((*t_ms, f64::from(*n) / 10.0));
            }
            want.sort_by_key(|(t_ms, _)| *t_ms);
            want.retain(|(t_ms, _)| *t_ms >= start_ms && *t_ms <= start_ms + 700);
            let got = again.groups()[0].read(0, start_ms, start_ms + 700).unwrap();
            let got: Vec<_> = got.times.iter().enumerate().map(|(at, t_ms)| (*t_ms, got.values.number(at).unwrap())).collect();
            prop_assert_eq!(got, want);
        }

        #[test]
        fn any_payload_is_read_without_harm(payload in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut table = Table::default();
            let _ = table.replay(&payload);
            for group in table.groups() {
                group.read_all().unwrap();
            }
        }
    }

    #[test]
    fn a_sensors_samples_take_about_two_bytes() {
        let (mut table, mut out) = (Table::default(), Vec::new());
        for n in 0..3600u16 {
            let noise = |step: u16| Value::Float(f64::from(48_000 + n * step % 97) / 1000.0);
            add(
                &mut table,
                1_700_000_000_000 + i64::from(n) * 1000,
                &[("a", noise(7)), ("b", noise(3))],
                &mut out,
            );
        }
        assert!(out.len() < 3600 * 2 * 2 + 3600, "{}", out.len());
    }
}

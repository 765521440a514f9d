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
mod tests;

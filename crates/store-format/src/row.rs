//! A row: one point of a group, as differences from the row before.
//!
//! First how far the step of time is from the step before, with a bit that says whether other columns follow than
//! last time; then which, if so; then a value for each column.
//!
//! In memory, and in the journal's format 1, all begins anew from zero after every [`ROWS_IN_A_BLOCK`] rows, so that a
//! reader need not begin at the beginning. In the journal it begins anew with every frame: the time from the row before
//! in the frame, and each column from its [`Base`], which is said with its name.

use picollect_telemetry::Value;

use crate::cursor::{Cursor, put, put_signed, put_text, unzigzag, zigzag};
use crate::decimal::{MAX_PLACES, places, scaled, unscaled};
use crate::{Damaged, Kind};

/// Rows between two beginnings: few enough that reading the last minutes is cheap, many enough that the full
/// numbers at each beginning cost little.
pub(crate) const ROWS_IN_A_BLOCK: usize = 256;

/// In place of a difference: eight bytes follow, the float's own.
const BITS: u64 = 0;
/// In place of a difference: more decimal places from now on.
const PLACES: u64 = 1;
/// What differences are moved by, to leave room for the two above.
const FIRST_DIFFERENCE: u64 = 2;

/// What the row before has left behind.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    t_ms: i64,
    step_ms: i64,
    shape: Option<usize>,
    columns: Vec<Before>,
    rows: usize,
    /// The frame that it belongs to; 0 in memory.
    frame: u64,
}

#[derive(Debug, Clone, Default)]
struct Before {
    number: i64,
    places: u8,
    text: String,
    /// The frame in which it was met last; 0 in memory.
    frame: u64,
}

/// A longer text is not said with a column's name, which is said several times.
const MAX_BASE_TEXT_BYTES: usize = 64;

/// What a column's first value in a frame is a difference from: the column's first value of all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Base {
    number: i64,
    places: u8,
    text: Box<str>,
}

impl Base {
    /// The base of a column that begins with this value.
    pub(crate) fn of(value: &Value) -> Self {
        let number = |number| Self { number, ..Self::default() };
        match value {
            Value::Float(value) => {
                let places = places(*value, 0);
                let scaled = places.and_then(|places| Some((places, scaled(*value, places)?)));
                scaled.map_or_else(Self::default, |(places, number)| Self {
                    number,
                    places,
                    ..Self::default()
                })
            }
            Value::Int(value) => number(*value),
            Value::UInt(value) => number(value.cast_signed()),
            Value::Text(text) if text.len() <= MAX_BASE_TEXT_BYTES => {
                Self { text: text.as_str().into(), ..Self::default() }
            }
            Value::Bool(_) | Value::Text(_) => Self::default(),
        }
    }

    /// Appends it as it stands in a column's record.
    pub(crate) fn put(&self, kind: Kind, out: &mut Vec<u8>) {
        match kind {
            Kind::Float => {
                out.push(self.places);
                put_signed(out, self.number);
            }
            Kind::Int | Kind::UInt => put_signed(out, self.number),
            Kind::Bool => {}
            Kind::Text => put_text(out, &self.text),
        }
    }

    /// Reads what [`put`](Self::put) has written.
    pub(crate) fn read(kind: Kind, cursor: &mut Cursor<'_>) -> Result<Self, Damaged> {
        let mut base = Self::default();
        match kind {
            Kind::Float => {
                base.places = cursor.byte()?;
                if base.places > MAX_PLACES {
                    return Err(Damaged("a float has more decimal places than there can be"));
                }
                base.number = cursor.signed()?;
            }
            Kind::Int | Kind::UInt => base.number = cursor.signed()?,
            Kind::Bool => {}
            Kind::Text => base.text = cursor.text()?.into(),
        }
        Ok(base)
    }
}

/// A value on its way out of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Seen<'a> {
    Float(f64),
    Int(i64),
    UInt(u64),
    Bool(bool),
    Text(&'a str),
}

impl State {
    /// Begins anew where a block begins. To be called before each row in memory, and of format 1.
    pub(crate) fn in_block(&mut self) -> &mut Self {
        if self.rows.is_multiple_of(ROWS_IN_A_BLOCK) {
            let rows = self.rows;
            *self = Self { rows, ..Self::default() };
        }
        self.rows += 1;
        self
    }

    /// Begins anew where a frame begins, from the time of the row before and from the first shape, if there is one. To
    /// be called before each row of a frame; frames are numbered from 1.
    pub(crate) fn in_frame(&mut self, frame: u64, before_ms: i64, first: Option<usize>) -> &mut Self {
        if self.frame != frame {
            (self.frame, self.t_ms, self.step_ms, self.shape) = (frame, before_ms, 0, first);
        }
        self
    }

    /// What the row before has left behind of a column; the base where the frame has not had it yet.
    fn before(&mut self, column: u16, bases: &[Base]) -> &mut Before {
        let at = usize::from(column);
        if self.columns.len() <= at {
            self.columns.resize_with(at + 1, Before::default);
        }
        let before = &mut self.columns[at];
        if before.frame != self.frame {
            before.begin(bases.get(at), self.frame);
        }
        before
    }

    /// Appends a row. `shape` numbers the list of columns that `values` belong to, one by one; `bases` is empty in
    /// memory.
    pub(crate) fn encode<'v>(
        &mut self,
        bases: &[Base],
        (shape, list): (usize, &[u16]),
        t_ms: i64,
        values: impl Iterator<Item = &'v Value>,
        out: &mut Vec<u8>,
    ) {
        let step_ms = t_ms.wrapping_sub(self.t_ms);
        let changed = self.shape != Some(shape);
        put(out, zigzag(step_ms.wrapping_sub(self.step_ms)) << 1 | u64::from(changed));
        if changed {
            put(out, shape as u64);
        }
        (self.t_ms, self.step_ms, self.shape) = (t_ms, step_ms, Some(shape));
        for (column, value) in list.iter().zip(values) {
            self.before(*column, bases).encode(value, out);
        }
    }

    /// Reads a row and shows every value with its column and time; gives its time and its shape. `shape_of` says which
    /// shape a number is.
    pub(crate) fn decode(
        &mut self,
        (kinds, bases): (&[Kind], &[Base]),
        (shapes, shape_of): (&[Box<[u16]>], impl Fn(u64) -> Option<usize>),
        cursor: &mut Cursor<'_>,
        mut show: impl FnMut(u16, i64, Seen<'_>),
    ) -> Result<(i64, usize), Damaged> {
        const NO_COLUMNS: Damaged = Damaged("a row has no columns");
        let first = cursor.unsigned()?;
        if first & 1 == 1 {
            self.shape = Some(shape_of(cursor.unsigned()?).ok_or(NO_COLUMNS)?);
        }
        self.step_ms = self.step_ms.wrapping_add(unzigzag(first >> 1));
        self.t_ms = self.t_ms.wrapping_add(self.step_ms);
        let (shape, t_ms) = (self.shape.ok_or(NO_COLUMNS)?, self.t_ms);
        for column in shapes.get(shape).ok_or(NO_COLUMNS)? {
            let kind = kinds.get(usize::from(*column));
            let kind = kind.ok_or(Damaged("a row has a column that is not there"))?;
            show(*column, t_ms, self.before(*column, bases).decode(*kind, cursor)?);
        }
        Ok((t_ms, shape))
    }
}

/// The shapes of a group that are numbered as they came.
pub(crate) fn as_numbered(shapes: &[Box<[u16]>]) -> impl Fn(u64) -> Option<usize> {
    let count = shapes.len();
    move |number| usize::try_from(number).ok().filter(|number| *number < count)
}

impl Before {
    fn begin(&mut self, base: Option<&Base>, frame: u64) {
        (self.number, self.places) = base.map_or((0, 0), |base| (base.number, base.places));
        self.text.clear();
        self.text.push_str(base.map_or("", |base| &base.text));
        self.frame = frame;
    }

    fn encode(&mut self, value: &Value, out: &mut Vec<u8>) {
        match value {
            Value::Float(value) => self.encode_float(*value, out),
            Value::Int(value) => self.encode_integer(*value, out),
            Value::UInt(value) => self.encode_integer(value.cast_signed(), out),
            Value::Bool(value) => out.push(u8::from(*value)),
            Value::Text(text) => self.encode_text(text, out),
        }
    }

    fn encode_float(&mut self, value: f64, out: &mut Vec<u8>) {
        if let Some(number) = scaled(value, self.places) {
            put(out, zigzag(number - self.number) + FIRST_DIFFERENCE);
            self.number = number;
        } else if let Some(places) = places(value, self.places) {
            let number = scaled(value, places).unwrap_or_default();
            put(out, PLACES);
            out.push(places);
            put_signed(out, number);
            (self.number, self.places) = (number, places);
        } else {
            put(out, BITS);
            out.extend_from_slice(&value.to_le_bytes());
        }
    }

    fn encode_integer(&mut self, value: i64, out: &mut Vec<u8>) {
        put_signed(out, value.wrapping_sub(self.number));
        self.number = value;
    }

    /// A byte says whether another text follows than the one before.
    fn encode_text(&mut self, text: &str, out: &mut Vec<u8>) {
        if text == self.text {
            return put(out, 0);
        }
        put(out, 1);
        put_text(out, text);
        text.clone_into(&mut self.text);
    }

    fn decode(&mut self, kind: Kind, cursor: &mut Cursor<'_>) -> Result<Seen<'_>, Damaged> {
        Ok(match kind {
            Kind::Float => Seen::Float(self.decode_float(cursor)?),
            Kind::Int => Seen::Int(self.decode_integer(cursor)?),
            Kind::UInt => Seen::UInt(self.decode_integer(cursor)?.cast_unsigned()),
            Kind::Bool => Seen::Bool(cursor.byte()? != 0),
            Kind::Text => {
                if cursor.byte()? != 0 {
                    cursor.text()?.clone_into(&mut self.text);
                }
                Seen::Text(&self.text)
            }
        })
    }

    fn decode_float(&mut self, cursor: &mut Cursor<'_>) -> Result<f64, Damaged> {
        match cursor.unsigned()? {
            BITS => return Ok(f64::from_le_bytes(cursor.array()?)),
            PLACES => {
                self.places = cursor.byte()?;
                if self.places > MAX_PLACES {
                    return Err(Damaged("a float has more decimal places than there can be"));
                }
                self.number = cursor.signed()?;
            }
            difference => {
                self.number = self.number.wrapping_add(unzigzag(difference - FIRST_DIFFERENCE));
            }
        }
        Ok(unscaled(self.number, self.places))
    }

    fn decode_integer(&mut self, cursor: &mut Cursor<'_>) -> Result<i64, Damaged> {
        self.number = self.number.wrapping_add(cursor.signed()?);
        Ok(self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [Kind; 5] = [Kind::Float, Kind::Int, Kind::UInt, Kind::Bool, Kind::Text];
    const LIST: [u16; 5] = [0, 1, 2, 3, 4];

    /// Values whose differences are of every kind: more places, none, great steps, the same text again.
    fn values(n: u32) -> [Value; 5] {
        let float = match n % 7 {
            0 => 48.312,
            1 => f64::from(n),
            2 => 1e300,
            3 => -0.5,
            _ => 48.25 + f64::from(n) / 8.0,
        };
        let int = if n.is_multiple_of(5) { i64::MIN + i64::from(n) } else { i64::from(n) * 1000 - 7 };
        let uint = if n.is_multiple_of(4) { u64::MAX - u64::from(n) } else { u64::from(n) };
        let text = if n.is_multiple_of(3) { "under-voltage" } else { "ok" };
        let (float, uint) = (Value::Float(float), Value::UInt(uint));
        [float, Value::Int(int), uint, Value::Bool(n.is_multiple_of(2)), Value::Text(text.to_owned())]
    }

    /// One row more than two blocks.
    fn encoded() -> (Vec<u8>, usize) {
        let (mut state, mut bytes) = (State::default(), Vec::new());
        let rows = 2 * ROWS_IN_A_BLOCK + 1;
        for n in 0..u32::try_from(rows).unwrap() {
            let t_ms = 1_795_438_625_000 + i64::from(n) * 1000 + i64::from(n % 3);
            state.in_block().encode(&[], (0, &LIST), t_ms, values(n).iter(), &mut bytes);
        }
        (bytes, rows)
    }

    fn decoded(bytes: &[u8], rows: usize) -> Result<Vec<(u16, i64, Value)>, Damaged> {
        let (mut state, mut cursor) = (State::default(), Cursor::new(bytes));
        let mut found = Vec::new();
        for _ in 0..rows {
            let shapes: [Box<[u16]>; 1] = [Box::new(LIST)];
            let numbered = (shapes.as_slice(), as_numbered(&shapes));
            state.in_block().decode((&KINDS, &[]), numbered, &mut cursor, |column, t_ms, seen| {
                found.push((column, t_ms, seen.value()));
            })?;
        }
        assert!(cursor.is_at_end());
        Ok(found)
    }

    #[test]
    fn every_kind_of_value_comes_back_over_the_ends_of_blocks() {
        let (bytes, rows) = encoded();
        let found = decoded(&bytes, rows).unwrap();
        let mut wanted = Vec::new();
        for n in 0..u32::try_from(rows).unwrap() {
            let t_ms = 1_795_438_625_000 + i64::from(n) * 1000 + i64::from(n % 3);
            wanted.extend(LIST.into_iter().zip(values(n)).map(|(column, value)| (column, t_ms, value)));
        }
        assert_eq!(found, wanted);
    }

    #[test]
    fn a_block_can_be_read_without_the_one_before() {
        let mut two = (State::default(), Vec::new());
        let mut second_begins = 0;
        for n in 0..u32::try_from(ROWS_IN_A_BLOCK + 3).unwrap() {
            if n as usize == ROWS_IN_A_BLOCK {
                second_begins = two.1.len();
            }
            two.0.in_block().encode(&[], (0, &LIST), i64::from(n), values(n).iter(), &mut two.1);
        }
        let found = decoded(&two.1[second_begins..], 3).unwrap();
        let first = i64::try_from(ROWS_IN_A_BLOCK).unwrap();
        let times: Vec<i64> = found.iter().step_by(LIST.len()).map(|(_, t_ms, _)| *t_ms).collect();
        assert_eq!(times, [first, first + 1, first + 2]);
    }

    #[test]
    fn the_same_text_again_costs_a_byte() {
        let list: [u16; 1] = [0];
        let (mut state, mut bytes) = (State::default(), Vec::new());
        let mut length = |text: &str| {
            let before = bytes.len();
            state.in_block().encode(&[], (0, &list), 0, [Value::Text(text.to_owned())].iter(), &mut bytes);
            bytes.len() - before
        };
        // The step of time, the shape; whether the text is another one, its length, the text.
        assert_eq!([length("abc"), length("abc"), length("de")], [2 + 1 + 1 + 3, 1 + 1, 1 + 1 + 1 + 2]);
    }

    #[test]
    fn a_frame_begins_anew_from_the_bases_and_needs_no_frame_before_it() {
        let bases: Vec<Base> = values(0).iter().map(Base::of).collect();
        let shapes: [Box<[u16]>; 1] = [Box::new(LIST)];
        let (mut state, mut frames) = (State::default(), Vec::new());
        for frame in 1..=3 {
            let mut bytes = Vec::new();
            for n in 0..2 {
                let value = values(u32::try_from(frame).unwrap() * 10 + n);
                let state = state.in_frame(frame, 500, Some(0));
                state.encode(&bases, (0, &LIST), 1000 + i64::from(n), value.iter(), &mut bytes);
            }
            frames.push(bytes);
        }
        let (mut reader, mut cursor, mut found) = (State::default(), Cursor::new(&frames[2]), Vec::new());
        while !cursor.is_at_end() {
            let numbered = (shapes.as_slice(), as_numbered(&shapes));
            let reader = reader.in_frame(9, 500, Some(0));
            let show = |_, _, seen: Seen<'_>| found.push(seen.value());
            reader.decode((&KINDS, &bases), numbered, &mut cursor, show).unwrap();
        }
        assert_eq!(found, [values(30), values(31)].concat());
    }

    #[test]
    fn a_base_comes_back_as_it_was_said() {
        for value in (0..20).flat_map(values).chain([Value::Text("x".repeat(MAX_BASE_TEXT_BYTES + 1))]) {
            let (kind, base, mut bytes) = (Kind::of(&value), Base::of(&value), Vec::new());
            base.put(kind, &mut bytes);
            assert_eq!(Base::read(kind, &mut Cursor::new(&bytes)), Ok(base));
            assert!(bytes.len() <= MAX_BASE_TEXT_BYTES + 1);
        }
        assert!(Base::read(Kind::Float, &mut Cursor::new(&[MAX_PLACES + 1, 0])).is_err());
    }

    /// A row with one float of so many decimal places, 12345 as an integer.
    fn with_places(places: u8) -> Result<Vec<f64>, Damaged> {
        let mut bytes = Vec::new();
        put(&mut bytes, zigzag(5) << 1 | 1);
        put(&mut bytes, 0);
        put(&mut bytes, PLACES);
        bytes.push(places);
        put_signed(&mut bytes, 12345);
        let mut found = Vec::new();
        let shapes: [Box<[u16]>; 1] = [Box::new([0])];
        let numbered = (shapes.as_slice(), as_numbered(&shapes));
        State::default().decode(
            (&[Kind::Float], &[]),
            numbered,
            &mut Cursor::new(&bytes),
            |_, _, seen| {
                if let Seen::Float(value) = seen {
                    found.push(value);
                }
            },
        )?;
        Ok(found)
    }

    #[test]
    fn no_float_has_more_decimal_places_than_there_are() {
        assert_eq!(with_places(2), Ok(vec![123.45]));
        assert_eq!(with_places(MAX_PLACES), Ok(vec![0.000_012_345]));
        assert_eq!(
            with_places(MAX_PLACES + 1),
            Err(Damaged("a float has more decimal places than there can be"))
        );
        assert!(with_places(u8::MAX).is_err());
    }
}

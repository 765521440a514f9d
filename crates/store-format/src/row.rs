//! A row: one point of a group, as differences from the row before.
//!
//! First how far the step of time is from the step before, with a bit that says whether other columns follow than
//! last time; then which, if so; then a value for each column. After every [`ROWS_IN_A_BLOCK`] rows all begins
//! anew from zero, so that a reader need not begin at the beginning.

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
}

#[derive(Debug, Clone, Default)]
struct Before {
    number: i64,
    places: u8,
    text: String,
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
    /// Begins anew where a block begins; `columns` is how many the group has by now.
    fn begin(&mut self, columns: usize) {
        if self.rows.is_multiple_of(ROWS_IN_A_BLOCK) {
            let rows = self.rows;
            *self = Self { rows, ..Self::default() };
        }
        self.rows += 1;
        if self.columns.len() < columns {
            self.columns.resize_with(columns, Before::default);
        }
    }

    /// Appends a row. `shape` numbers the list of columns that `values` belong to, one by one.
    pub(crate) fn encode<'v>(
        &mut self,
        columns: usize,
        (shape, list): (usize, &[u16]),
        t_ms: i64,
        values: impl Iterator<Item = &'v Value>,
        out: &mut Vec<u8>,
    ) {
        self.begin(columns);
        let step_ms = t_ms.wrapping_sub(self.t_ms);
        let changed = self.shape != Some(shape);
        put(out, zigzag(step_ms.wrapping_sub(self.step_ms)) << 1 | u64::from(changed));
        if changed {
            put(out, shape as u64);
        }
        (self.t_ms, self.step_ms, self.shape) = (t_ms, step_ms, Some(shape));
        for (column, value) in list.iter().zip(values) {
            self.columns[usize::from(*column)].encode(value, out);
        }
    }

    /// Reads a row and shows every value with its column and time.
    pub(crate) fn decode(
        &mut self,
        kinds: &[Kind],
        shapes: &[Box<[u16]>],
        cursor: &mut Cursor<'_>,
        mut show: impl FnMut(u16, i64, Seen<'_>),
    ) -> Result<i64, Damaged> {
        self.begin(kinds.len());
        let first = cursor.unsigned()?;
        if first & 1 == 1 {
            self.shape = Some(cursor.count(shapes.len())?);
        }
        self.step_ms = self.step_ms.wrapping_add(unzigzag(first >> 1));
        self.t_ms = self.t_ms.wrapping_add(self.step_ms);
        let list = self.shape.and_then(|shape| shapes.get(shape)).ok_or(Damaged("a row has no columns"))?;
        for column in list {
            let at = usize::from(*column);
            let (Some(before), Some(kind)) = (self.columns.get_mut(at), kinds.get(at)) else {
                return Err(Damaged("a row has a column that is not there"));
            };
            let seen = before.decode(*kind, cursor)?;
            show(*column, self.t_ms, seen);
        }
        Ok(self.t_ms)
    }
}

impl Before {
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

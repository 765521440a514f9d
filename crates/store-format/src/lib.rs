//! The bytes of the embedded store (`docs/store-format.md`): what stands in the journal, and what in a chunk.
//!
//! Invariant: no I/O and no clock. Whatever the bytes are, reading them ends with a value or with [`Damaged`].

mod chunk;
mod column;
mod cursor;
mod decimal;
mod frame;
mod numbering;
mod repeats;
mod replay;
pub mod rollup;
mod row;
mod samples;
mod table;

pub use chunk::{ChunkColumn, Head, MAX_CHUNK_SAMPLES, MAX_CHUNK_SPAN_MS, Stats, TimeSet, chunks, encode};
pub use column::values as column_values;
pub use frame::{FRAME_HEAD_BYTES, Frame1, FrameWriter, MAX_FRAME_BYTES, Place, Scan, Tail, next_1, scan};
pub use repeats::Repeats;
pub use replay::Replay;
pub use samples::{Samples, Values};
pub use table::{Group, MAX_SHAPES, MAX_TIME_MS, Table};

use picollect_telemetry::Value;

/// Bytes that no writer of this format has written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Damaged(pub &'static str);

/// The type of a series, with its number in the formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// An IEEE 754 double.
    Float = 1,
    /// A signed 64-bit integer (`i` in line protocol).
    Int = 2,
    /// An unsigned 64-bit integer (`u` in line protocol).
    UInt = 3,
    /// True or false, which count as 1 and 0.
    Bool = 4,
    /// UTF-8 text, which counts as no number.
    Text = 5,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Float, Self::Int, Self::UInt, Self::Bool, Self::Text];

    /// The type of a value.
    pub fn of(value: &Value) -> Self {
        match value {
            Value::Float(_) => Self::Float,
            Value::Int(_) => Self::Int,
            Value::UInt(_) => Self::UInt,
            Value::Bool(_) => Self::Bool,
            Value::Text(_) => Self::Text,
        }
    }

    /// The type with this number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|known| *known as u8 == number)
    }

    /// InfluxDB's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Float => "float",
            Self::Int => "integer",
            Self::UInt => "unsigned",
            Self::Bool => "boolean",
            Self::Text => "string",
        }
    }
}

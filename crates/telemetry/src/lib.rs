//! The words both sides share: what a reading is, every metric's name and unit, the line protocol that
//! carries them, and the summary that comes back.
//!
//! Invariant: no I/O and no clock in this crate; time comes in as a number.
//!
//! ```
//! use picollect_telemetry::catalogue::TEMP;
//! use picollect_telemetry::line::{LineWriter, Precision, decode};
//!
//! let mut writer = LineWriter::new(&[("host", "pi-1")]);
//! writer.point(1_700_000_000_123, &[("zone", "cpu-thermal")], &[(&TEMP, 48.3.into())]);
//! let (lines, _) = writer.take();
//! assert_eq!(lines, b"thermal,host=pi-1,zone=cpu-thermal temp_c=48.3 1700000000123000000\n");
//!
//! let batch = decode(&lines, Precision::Nanoseconds, 0);
//! assert!(batch.errors.is_empty());
//! assert_eq!(batch.points[0].tag("host"), Some("pi-1"));
//! assert_eq!(batch.points[0].fields[0].1.as_f64(), Some(48.3));
//! ```

pub mod catalogue;
pub mod exposition;
pub mod foreign;
pub mod learnt_power;
pub mod line;
mod no_data;
mod origin;
pub mod reserved;
pub mod summary;
pub mod thermometer;

pub use no_data::NoData;
pub use origin::{Boundary, Source};

/// The version of the protocol between agent and collector; a different first number may not understand.
pub const PROTOCOL: &str = "1.0";

/// A sensor's answer: the value, or the reason why there is none. Never a stand-in number.
pub type Reading<T> = Result<T, NoData>;

/// What a field holds on the wire and in the store.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A finite 64-bit float; NaN and the infinities cannot travel.
    Float(f64),
    /// A signed integer (`42i`).
    Int(i64),
    /// An unsigned integer (`42u`).
    UInt(u64),
    /// A truth value (`t`, `f` and their long forms).
    Bool(bool),
    /// A text (`"…"`); stored, never computed with.
    Text(String),
}

impl Value {
    /// The value as a number, if it is one; a truth value counts as 0 or 1, a text does not.
    pub fn as_f64(&self) -> Option<f64> {
        match *self {
            Self::Float(value) => Some(value),
            Self::Int(value) => Some(value as f64),
            Self::UInt(value) => Some(value as f64),
            Self::Bool(value) => Some(f64::from(u8::from(value))),
            Self::Text(_) => None,
        }
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

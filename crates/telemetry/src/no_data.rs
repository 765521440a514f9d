//! Why a reading has no value. Small and closed, so that it can travel as a number.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The reason why a sensor gave no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum NoData {
    /// The thing to read is not there (no such file, no such device).
    Absent = 1,
    /// It is there, but this user may not read it.
    Denied = 2,
    /// It answered with something that is not a value.
    Garbled = 3,
    /// It answered with an error.
    Failed = 4,
    /// It did not answer in time.
    TimedOut = 5,
    /// The value is beyond what it can show.
    Overflow = 6,
}

impl NoData {
    /// Every reason, in the order of their codes.
    pub const ALL: [Self; 6] =
        [Self::Absent, Self::Denied, Self::Garbled, Self::Failed, Self::TimedOut, Self::Overflow];

    /// The number that travels in the `no_data` field.
    pub fn code(self) -> i64 {
        self as i64
    }

    /// The reason with this code, if there is one.
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }

    /// One word for a table or a log line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Denied => "denied",
            Self::Garbled => "garbled",
            Self::Failed => "failed",
            Self::TimedOut => "timed-out",
            Self::Overflow => "overflow",
        }
    }
}

impl fmt::Display for NoData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_survives_the_wire_and_zero_is_none_of_them() {
        for reason in NoData::ALL {
            assert_eq!(NoData::from_code(reason.code()), Some(reason));
        }
        assert_eq!(NoData::from_code(0), None);
        assert_eq!(NoData::from_code(7), None);
    }
}

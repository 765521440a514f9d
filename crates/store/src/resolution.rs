//! How coarse what is stored may be.

use picollect_store_format::MAX_CHUNK_SPAN_MS;

/// Steps that old samples are downsampled to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resolution {
    /// A point a minute.
    Minute,
    /// A point an hour.
    Hour,
}

/// The steps of all chunks, the finest first; 0 are samples as they came.
pub(crate) const STEPS_MS: [i64; 3] = [0, 60_000, 3_600_000];

impl Resolution {
    /// Every resolution, the finest first.
    pub const ALL: [Self; 2] = [Self::Minute, Self::Hour];

    /// How far apart its points are.
    pub fn step_ms(self) -> i64 {
        match self {
            Self::Minute => STEPS_MS[1],
            Self::Hour => STEPS_MS[2],
        }
    }

    /// How much time is downsampled together: enough points to be worth compressing.
    pub fn page_ms(self) -> i64 {
        match self {
            Self::Minute => 24 * 3_600_000,
            Self::Hour => 8 * 24 * 3_600_000,
        }
    }

    /// The end of the page that a time is in; a page has its end and not its beginning.
    pub fn page_end_ms(self, t_ms: i64) -> i64 {
        (t_ms - 1).div_euclid(self.page_ms()).saturating_add(1).saturating_mul(self.page_ms())
    }

    /// The end of the last page that is over at a time.
    pub fn last_page_end_ms(self, t_ms: i64) -> i64 {
        t_ms.div_euclid(self.page_ms()) * self.page_ms()
    }

    /// The steps of the chunks that are finer, the finest first.
    pub(crate) fn finer(self) -> &'static [i64] {
        match self {
            Self::Minute => &STEPS_MS[..1],
            Self::Hour => &STEPS_MS[..2],
        }
    }
}

/// How long a chunk of these steps may be.
pub(crate) fn longest_ms(step_ms: i64) -> i64 {
    match Resolution::ALL.into_iter().find(|resolution| resolution.step_ms() == step_ms) {
        Some(resolution) => resolution.page_ms(),
        None => MAX_CHUNK_SPAN_MS,
    }
}

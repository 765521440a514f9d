//! Throttle episodes: when a node ran below its clock, why, and what it cost.
//!
//! An episode starts with the first sample with any live flag and ends when all are clear for five
//! seconds. A sample whose flags are unknown neither prolongs nor ends it; a gap ends it at the last
//! sample that is known.

use crate::{GAP_INTERVALS, Window};

/// Flags that must stay clear this long for an episode to be over.
const CLEAR_MS: i64 = 5_000;
/// From here on the firmware of every model steps the Arm clock down (its hard limit is 85 °C).
pub const HARD_LIMIT_C: f64 = 80.0;
/// The thermometer is read beside the flags, not with them: so much below the limit still counts.
const TEMP_SLACK_C: f64 = 1.0;

/// The firmware's live flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "these are the firmware's four independent bits")]
pub struct Flags {
    /// Supply voltage too low.
    pub under_voltage: bool,
    /// Arm clock capped.
    pub freq_capped: bool,
    /// Throttled, by heat or low voltage.
    pub throttled: bool,
    /// Soft temperature limit active.
    pub soft_limit: bool,
}

impl Flags {
    /// Whether any of them is set.
    pub fn any(self) -> bool {
        self.under_voltage || self.freq_capped || self.throttled || self.soft_limit
    }

    fn or(self, other: Self) -> Self {
        Self {
            under_voltage: self.under_voltage || other.under_voltage,
            freq_capped: self.freq_capped || other.freq_capped,
            throttled: self.throttled || other.throttled,
            soft_limit: self.soft_limit || other.soft_limit,
        }
    }
}

/// What is known of a node at one moment; `None` is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Moment {
    /// Unix time, milliseconds.
    pub t_ms: i64,
    /// Live flags.
    pub flags: Option<Flags>,
    /// Processor temperature, °C.
    pub temp_c: Option<f64>,
    /// Real clock, Hz.
    pub clock_hz: Option<f64>,
    /// Highest clock the cores may run at, Hz.
    pub max_hz: Option<f64>,
    /// How many cores worked, on average since the moment before.
    pub busy_cores: Option<f64>,
}

/// Why a node was throttled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The supply, the cable or the load on it.
    UnderVoltage,
    /// The hard limit: the cores step down from 80 °C, everything from 85 °C.
    ThermalHard,
    /// The soft limit of the 3A+ and 3B+.
    ThermalSoft,
    /// The firmware caps the clock and neither voltage nor temperature explains it.
    FirmwareCap,
}

impl Cause {
    /// The name in reports and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnderVoltage => "under-voltage",
            Self::ThermalHard => "thermal-hard",
            Self::ThermalSoft => "thermal-soft",
            Self::FirmwareCap => "firmware-cap",
        }
    }
}

/// A stretch of throttling.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Episode {
    /// First sample with a live flag, Unix milliseconds.
    pub start_ms: i64,
    /// First clear sample, or the last known one where the data ends.
    pub end_ms: i64,
    /// The strongest cause among its samples.
    pub cause: Cause,
    /// Highest temperature, °C.
    pub peak_c: Option<f64>,
    /// Lowest real clock, Hz.
    pub lowest_hz: Option<f64>,
    /// ∫ busy cores · (1 − f/f_max) dt over the episode, core-seconds.
    pub lost_core_s: Option<f64>,
}

/// The episodes of a window, in order. Moments may come in any order.
pub fn episodes(moments: &[Moment], window: Window, interval_s: f64) -> Vec<Episode> {
    let mut sorted: Vec<&Moment> =
        moments.iter().filter(|moment| (window.start_ms..=window.end_ms).contains(&moment.t_ms)).collect();
    sorted.sort_by_key(|moment| moment.t_ms);
    sorted.dedup_by_key(|moment| moment.t_ms);

    let gap_ms = GAP_INTERVALS * interval_s * 1000.0;
    let mut found = Vec::new();
    let mut open: Option<Open> = None;
    let mut last_known_ms = None;
    for moment in sorted {
        let Some(flags) = moment.flags else { continue };
        if last_known_ms.is_some_and(|last| (moment.t_ms - last) as f64 > gap_ms) {
            found.extend(open.take().map(Open::close));
        }
        last_known_ms = Some(moment.t_ms);
        match &mut open {
            Some(episode) => {
                episode.add(moment, flags);
                if episode.clear_since_ms.is_some_and(|since| moment.t_ms - since >= CLEAR_MS) {
                    found.extend(open.take().map(Open::close));
                }
            }
            None if flags.any() => open = Some(Open::new(moment, flags)),
            None => {}
        }
    }
    found.extend(open.map(Open::close));
    found
}

/// An episode that may still go on.
struct Open {
    start_ms: i64,
    last_ms: i64,
    clear_since_ms: Option<i64>,
    flags: Flags,
    peak_c: Option<f64>,
    lowest_hz: Option<f64>,
    lost_core_s: Option<f64>,
    /// Lost cores at the last moment, to integrate from.
    losing: Option<f64>,
}

impl Open {
    fn new(moment: &Moment, flags: Flags) -> Self {
        Self {
            start_ms: moment.t_ms,
            last_ms: moment.t_ms,
            clear_since_ms: None,
            flags,
            peak_c: moment.temp_c,
            lowest_hz: moment.clock_hz,
            lost_core_s: None,
            losing: lost_cores(moment),
        }
    }

    fn add(&mut self, moment: &Moment, flags: Flags) {
        let seconds = (moment.t_ms - self.last_ms) as f64 / 1000.0;
        self.last_ms = moment.t_ms;
        let still_open = self.clear_since_ms.is_none();
        if flags.any() {
            self.clear_since_ms = None;
            self.flags = self.flags.or(flags);
            self.peak_c = either(self.peak_c, moment.temp_c, f64::max);
            self.lowest_hz = either(self.lowest_hz, moment.clock_hz, f64::min);
        } else if still_open {
            self.clear_since_ms = Some(moment.t_ms);
        }
        let losing = lost_cores(moment);
        if let (true, Some(before), Some(now)) = (still_open || flags.any(), self.losing, losing) {
            let lost = seconds * f64::midpoint(before, now);
            self.lost_core_s = Some(self.lost_core_s.unwrap_or(0.0) + lost);
        }
        self.losing = losing;
    }

    fn close(self) -> Episode {
        Episode {
            start_ms: self.start_ms,
            end_ms: self.clear_since_ms.unwrap_or(self.last_ms),
            cause: cause(self.flags, self.peak_c),
            peak_c: self.peak_c,
            lowest_hz: self.lowest_hz,
            lost_core_s: self.lost_core_s,
        }
    }
}

/// Bit 2 alone is not thermal: low voltage sets it too, so the cause comes from the other bits and the
/// temperature.
fn cause(flags: Flags, peak_c: Option<f64>) -> Cause {
    let at_hard_limit = peak_c.is_some_and(|peak| peak >= HARD_LIMIT_C - TEMP_SLACK_C);
    if flags.under_voltage {
        Cause::UnderVoltage
    } else if at_hard_limit {
        Cause::ThermalHard
    } else if flags.soft_limit {
        Cause::ThermalSoft
    } else {
        Cause::FirmwareCap
    }
}

fn lost_cores(moment: &Moment) -> Option<f64> {
    let (busy, clock, max) = (moment.busy_cores?, moment.clock_hz?, moment.max_hz?);
    (max > 0.0).then(|| busy * (1.0 - clock / max).clamp(0.0, 1.0))
}

fn either(a: Option<f64>, b: Option<f64>, pick: fn(f64, f64) -> f64) -> Option<f64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(pick(a, b)),
        (known, None) | (None, known) => known,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WINDOW: Window = Window { start_ms: 0, end_ms: 1_000_000 };

    /// One moment a second; `x` unknown, `.` clear, `t` throttled, `u` under-voltage, `s` soft limit.
    fn moments(pattern: &str, temp_c: f64) -> Vec<Moment> {
        let flags = |letter| match letter {
            'x' => None,
            't' => Some(Flags { throttled: true, ..Flags::default() }),
            'u' => Some(Flags { under_voltage: true, throttled: true, ..Flags::default() }),
            's' => Some(Flags { soft_limit: true, ..Flags::default() }),
            _ => Some(Flags::default()),
        };
        let moment = |(second, letter): (i64, char)| Moment {
            t_ms: second * 1000,
            flags: flags(letter),
            temp_c: Some(temp_c),
            clock_hz: Some(if letter == '.' { 1.5e9 } else { 0.9e9 }),
            max_hz: Some(1.5e9),
            busy_cores: Some(4.0),
        };
        (0..).zip(pattern.chars()).map(moment).collect()
    }

    fn spans(pattern: &str) -> Vec<(i64, i64)> {
        let found = episodes(&moments(pattern, 82.0), WINDOW, 1.0);
        found.iter().map(|episode| (episode.start_ms / 1000, episode.end_ms / 1000)).collect()
    }

    #[test]
    fn an_episode_ends_only_after_five_clear_seconds() {
        assert_eq!(spans("..ttt......"), [(2, 5)]);
        assert_eq!(spans("..tt....tt......."), [(2, 10)]);
        assert_eq!(spans("..tt......tt......."), [(2, 4), (10, 12)]);
        assert_eq!(spans("..tt"), [(2, 3)]);
        assert_eq!(spans("....."), []);
    }

    #[test]
    fn unknown_flags_neither_prolong_nor_end_but_a_gap_does() {
        assert_eq!(spans(".txxt......"), [(1, 5)]);
        assert_eq!(spans(".txxxxt......"), [(1, 1), (6, 7)]);
        assert_eq!(spans("xxxx"), []);
    }

    #[test]
    fn the_cause_is_worked_out_from_the_other_bits_and_the_temperature() {
        let cause = |pattern, temp_c| episodes(&moments(pattern, temp_c), WINDOW, 1.0)[0].cause;
        assert_eq!(cause(".t......", 81.0), Cause::ThermalHard);
        assert_eq!(cause(".t......", 55.0), Cause::FirmwareCap);
        assert_eq!(cause(".u......", 81.0), Cause::UnderVoltage);
        assert_eq!(cause(".s......", 62.0), Cause::ThermalSoft);
        assert_eq!(cause(".tu.....", 55.0), Cause::UnderVoltage);
    }

    #[test]
    fn lost_work_is_the_busy_cores_share_of_the_missing_clock() {
        // 40 % of 4 cores for the 3 s from 2 to 5 while flagged, then half of it in the second in
        // which it recovers.
        let episode = episodes(&moments("..tttt......", 82.0), WINDOW, 1.0)[0];
        assert!((episode.lost_core_s.unwrap() - (3.0 * 1.6 + 0.8)).abs() < 1e-9, "{episode:?}");
        assert_eq!((episode.peak_c, episode.lowest_hz), (Some(82.0), Some(0.9e9)));
    }

    #[test]
    fn lost_work_without_a_real_clock_is_unknown() {
        let mut moments = moments("..tttt......", 82.0);
        for moment in &mut moments {
            moment.clock_hz = None;
        }
        assert_eq!(episodes(&moments, WINDOW, 1.0)[0].lost_core_s, None);
    }

    proptest! {
        #[test]
        fn episodes_are_in_order_apart_and_hold_every_flagged_sample(pattern in "[.tux]{0,60}") {
            let moments = moments(&pattern, 82.0);
            let found = episodes(&moments, WINDOW, 1.0);
            prop_assert!(found.iter().all(|episode| episode.start_ms <= episode.end_ms));
            prop_assert!(found.windows(2).all(|pair| pair[0].end_ms < pair[1].start_ms));
            for moment in moments.iter().filter(|moment| moment.flags.is_some_and(Flags::any)) {
                let holds = |episode: &Episode| (episode.start_ms..=episode.end_ms).contains(&moment.t_ms);
                prop_assert!(found.iter().any(holds), "{moment:?}");
            }
        }
    }
}

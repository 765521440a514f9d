//! Throttle episodes: when a node ran below its clock, why, and what it cost.
//!
//! An episode starts with the first sample with any live flag and ends when all known flags are clear
//! for five seconds. Where no flag at all is known, a real clock that stays below the expected one
//! although the cores are busy stands in for them: such an episode is *inferred*. A sample that tells
//! nothing neither prolongs nor ends an episode; a gap ends it at the last sample that told something.
//!
//! Invariant: a flag that is not known never counts as clear, and no cause is named whose alternatives
//! were not known to be absent.

use std::fmt;

use crate::{GAP_INTERVALS, Window};
use serde::{Deserialize, Serialize};

/// Flags must stay clear this long for an episode to be over.
const CLEAR_MS: i64 = 5_000;
/// From here on the firmware of every model steps the Arm clock down (its hard limit is 85 °C).
pub const HARD_LIMIT_C: f64 = 80.0;
/// The thermometer is read beside the flags, not with them: so much below the limit still counts.
const TEMP_SLACK_C: f64 = 1.0;
/// Under this share of the expected clock a busy node counts as throttled. The firmware's smallest steps
/// are larger than the 3 % that remain, its measurement of the clock is better.
const EXPECTED_CLOCK: f64 = 0.97;
/// From this share of its cores on a node is busy. Below it any governor may rightly choose a lower clock,
/// so that a low clock proves nothing; above it every governor but `powersave` asks for the highest.
pub(crate) const BUSY_SHARE: f64 = 0.9;

/// The firmware's live flags; `None` is not known, which is never the same as clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags {
    /// Supply voltage too low.
    pub under_voltage: Option<bool>,
    /// The firmware holds the Arm clock below what was asked for.
    pub freq_capped: Option<bool>,
    /// Throttled, by heat or low voltage.
    pub throttled: Option<bool>,
    /// Soft temperature limit active.
    pub soft_limit: Option<bool>,
}

impl Flags {
    /// Whether any flag is known to be set.
    pub fn any(self) -> bool {
        self.each().contains(&Some(true))
    }

    /// Whether any flag is known at all, set or clear.
    pub fn known(self) -> bool {
        self.each().iter().any(Option::is_some)
    }

    fn each(self) -> [Option<bool>; 4] {
        [self.under_voltage, self.freq_capped, self.throttled, self.soft_limit]
    }

    /// Set if it is set in either, known if it is known in either.
    fn or(self, other: Self) -> Self {
        // `None` is the least and `Some(true)` the greatest.
        Self {
            under_voltage: self.under_voltage.max(other.under_voltage),
            freq_capped: self.freq_capped.max(other.freq_capped),
            throttled: self.throttled.max(other.throttled),
            soft_limit: self.soft_limit.max(other.soft_limit),
        }
    }

    /// Whether every flag that is set here is known to be clear later.
    fn cleared_by(self, later: Self) -> bool {
        let pairs = self.each().into_iter().zip(later.each());
        pairs.filter(|(before, _)| *before == Some(true)).all(|(_, now)| now == Some(false))
    }
}

/// What is known of a node at one moment; `None` is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Moment {
    /// When all of this held, Unix milliseconds.
    pub t_ms: i64,
    /// The firmware's flags as they were then, not those since boot.
    pub flags: Flags,
    /// Of the processor, °C.
    pub temp_c: Option<f64>,
    /// Real clock, Hz: as measured, never as the kernel asked for it.
    pub clock_hz: Option<f64>,
    /// Highest clock the cores may run at, Hz.
    pub max_hz: Option<f64>,
    /// How many cores worked, on average since the moment before.
    pub busy_cores: Option<f64>,
    /// How many cores there are.
    pub cores: Option<f64>,
}

impl Moment {
    /// Whether the node was throttled; `None` if the moment cannot tell.
    pub(crate) fn throttled(&self) -> Option<bool> {
        if self.flags.known() { Some(self.flags.any()) } else { self.inferred() }
    }

    /// Whether the cores run below the clock that they should have under this load; an idle node tells
    /// nothing, neither way.
    fn inferred(&self) -> Option<bool> {
        let (busy, cores) = (self.busy_cores?, self.cores?);
        let (clock, expected) = (self.clock_hz?, self.max_hz?);
        let busy = cores > 0.0 && busy >= BUSY_SHARE * cores;
        (busy && expected > 0.0).then_some(clock < EXPECTED_CLOCK * expected)
    }
}

/// Why a node was throttled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The supply, the cable or the load on it.
    UnderVoltage,
    /// The hard limit: the cores step down from 80 °C, everything from 85 °C.
    ThermalHard,
    /// The soft limit of the 3A+ and 3B+.
    ThermalSoft,
    /// The firmware caps the clock, and neither voltage nor temperature explains it.
    FirmwareCap,
    /// No flag is known; the clock alone shows it, and not why.
    Inferred,
    /// A flag shows it, but not all is known that could explain it.
    #[default]
    Unknown,
}

impl Cause {
    /// Every cause, the strongest first: an episode is named after the strongest among its moments.
    pub const ALL: [Self; 6] = [
        Self::UnderVoltage,
        Self::ThermalHard,
        Self::ThermalSoft,
        Self::FirmwareCap,
        Self::Inferred,
        Self::Unknown,
    ];

    /// The name in reports and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnderVoltage => "under-voltage",
            Self::ThermalHard => "thermal-hard",
            Self::ThermalSoft => "thermal-soft",
            Self::FirmwareCap => "firmware-cap",
            Self::Inferred => "inferred",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
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
    /// Highest temperature during it, °C; `None` if no moment of it had one.
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
    for moment in sorted {
        if open.as_ref().is_some_and(|episode| (moment.t_ms - episode.last_ms) as f64 > gap_ms) {
            found.extend(open.take().map(Open::close));
        }
        match (moment.throttled(), &mut open) {
            (Some(true), None) => open = Some(Open::new(moment)),
            (Some(live), Some(episode)) if live || episode.flags.cleared_by(moment.flags) => {
                episode.add(moment, live);
                if episode.clear_since_ms.is_some_and(|since| moment.t_ms - since >= CLEAR_MS) {
                    found.extend(open.take().map(Open::close));
                }
            }
            _ => {}
        }
    }
    found.extend(open.map(Open::close));
    found
}

/// An episode that may still go on.
struct Open {
    start_ms: i64,
    /// The last moment that told something.
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
    fn new(moment: &Moment) -> Self {
        Self {
            start_ms: moment.t_ms,
            last_ms: moment.t_ms,
            clear_since_ms: None,
            flags: moment.flags,
            peak_c: moment.temp_c,
            lowest_hz: moment.clock_hz,
            lost_core_s: None,
            losing: lost_cores(moment),
        }
    }

    fn add(&mut self, moment: &Moment, live: bool) {
        let seconds = (moment.t_ms - self.last_ms) as f64 / 1000.0;
        self.last_ms = moment.t_ms;
        let still_open = self.clear_since_ms.is_none();
        if live {
            self.clear_since_ms = None;
            self.flags = self.flags.or(moment.flags);
            self.peak_c = either(self.peak_c, moment.temp_c, f64::max);
            self.lowest_hz = either(self.lowest_hz, moment.clock_hz, f64::min);
        } else if still_open {
            self.clear_since_ms = Some(moment.t_ms);
        }
        let losing = lost_cores(moment);
        if let (true, Some(before), Some(now)) = (still_open || live, self.losing, losing) {
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
/// temperature. The firmware's own cap is what remains once all of these are known not to be it.
fn cause(flags: Flags, peak_c: Option<f64>) -> Cause {
    let at_hard_limit = peak_c.map(|peak| peak >= HARD_LIMIT_C - TEMP_SLACK_C);
    let others = [flags.under_voltage, at_hard_limit, flags.soft_limit];
    match others {
        _ if !flags.any() => Cause::Inferred,
        [Some(true), _, _] => Cause::UnderVoltage,
        [_, Some(true), _] => Cause::ThermalHard,
        [_, _, Some(true)] => Cause::ThermalSoft,
        [Some(_), Some(_), Some(_)] => Cause::FirmwareCap,
        _ => Cause::Unknown,
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
    const CLEAR: Flags = Flags {
        under_voltage: Some(false),
        freq_capped: Some(false),
        throttled: Some(false),
        soft_limit: Some(false),
    };

    fn flags(letter: char) -> Flags {
        match letter {
            't' => Flags { throttled: Some(true), ..CLEAR },
            'u' => Flags { under_voltage: Some(true), throttled: Some(true), ..CLEAR },
            's' => Flags { soft_limit: Some(true), ..CLEAR },
            'p' => Flags { throttled: Some(true), ..Flags::default() },
            'q' => Flags { under_voltage: Some(false), ..Flags::default() },
            '.' => CLEAR,
            _ => Flags::default(),
        }
    }

    /// One moment a second. `.` clear, `t` throttled, `u` under-voltage, `s` soft limit; of only one known
    /// flag `p` throttled and `q` no under-voltage; of no known flag `i` slow although busy, `f` fast and busy,
    /// `z` slow and idle, `x` no clock.
    fn moments(pattern: &str, temp_c: f64) -> Vec<Moment> {
        let moment = |(second, letter): (i64, char)| Moment {
            t_ms: second * 1000,
            flags: flags(letter),
            temp_c: Some(temp_c),
            clock_hz: (letter != 'x').then_some(if ".f".contains(letter) { 1.5e9 } else { 0.9e9 }),
            max_hz: Some(1.5e9),
            busy_cores: Some(if letter == 'z' { 1.0 } else { 4.0 }),
            cores: Some(4.0),
        };
        (0..).zip(pattern.chars()).map(moment).collect()
    }

    fn spans(pattern: &str) -> Vec<(i64, i64)> {
        let found = episodes(&moments(pattern, 82.0), WINDOW, 1.0);
        found.iter().map(|episode| (episode.start_ms / 1000, episode.end_ms / 1000)).collect()
    }

    fn cause_of(pattern: &str, temp_c: f64) -> Cause {
        episodes(&moments(pattern, temp_c), WINDOW, 1.0)[0].cause
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
    fn a_flag_that_is_no_longer_known_has_not_become_clear() {
        assert_eq!(spans(".tqqt......"), [(1, 5)]);
        assert_eq!(spans(".tqqqqt......"), [(1, 1), (6, 7)]);
        assert_eq!(spans(".tqqqqqqqqq"), [(1, 1)]);
        assert_eq!(spans("qqqq"), []);
        assert!(!Flags::default().any() && !Flags::default().known());
        assert!(!flags('q').any() && flags('q').known() && flags('p').any());
    }

    #[test]
    fn the_cause_is_worked_out_from_the_other_bits_and_the_temperature() {
        assert_eq!(cause_of(".t......", 81.0), Cause::ThermalHard);
        assert_eq!(cause_of(".t......", 55.0), Cause::FirmwareCap);
        assert_eq!(cause_of(".u......", 81.0), Cause::UnderVoltage);
        assert_eq!(cause_of(".s......", 62.0), Cause::ThermalSoft);
        assert_eq!(cause_of(".tu.....", 55.0), Cause::UnderVoltage);
    }

    #[test]
    fn the_firmware_is_blamed_only_if_everything_else_is_known_not_to_be_it() {
        assert_eq!(cause_of(".p......", 55.0), Cause::Unknown);
        assert_eq!(cause_of(".p......", 81.0), Cause::ThermalHard);
        assert_eq!(cause_of(".pt.....", 55.0), Cause::FirmwareCap);
        let mut moments = moments(".t......", 55.0);
        for moment in &mut moments {
            moment.temp_c = None;
        }
        assert_eq!(episodes(&moments, WINDOW, 1.0)[0].cause, Cause::Unknown);
    }

    #[test]
    fn without_any_flag_a_slow_clock_under_load_is_an_inferred_episode() {
        assert_eq!(spans("ffiiiffffff"), [(2, 5)]);
        assert_eq!(cause_of("ffiiiffffff", 82.0), Cause::Inferred);
        assert_eq!(spans("zzzz"), [], "an idle node may be slow");
        assert_eq!(spans("ffiizzzzzzzz"), [(2, 3)], "an idle node does not say that it is over");
        assert_eq!(spans("qqiqq......"), [(2, 3)], "the flags end what was inferred");
    }

    #[test]
    fn nothing_is_inferred_as_soon_as_a_flag_is_known() {
        let slow = Moment { flags: flags('q'), ..moments("i", 60.0)[0] };
        assert_eq!(episodes(&[slow], WINDOW, 1.0), []);
        let unflagged = Moment { flags: Flags::default(), ..slow };
        assert_eq!(episodes(&[unflagged], WINDOW, 1.0).len(), 1);
        for incomplete in [
            Moment { clock_hz: None, ..unflagged },
            Moment { max_hz: None, ..unflagged },
            Moment { busy_cores: None, ..unflagged },
            Moment { cores: None, ..unflagged },
        ] {
            assert_eq!(episodes(&[incomplete], WINDOW, 1.0), []);
        }
    }

    #[test]
    fn without_cores_or_a_highest_clock_nothing_is_inferred_and_no_work_is_lost() {
        let slow = moments("i", 60.0)[0];
        let nothing = Moment { cores: Some(0.0), busy_cores: Some(0.0), ..slow };
        assert_eq!((nothing.throttled(), Moment { max_hz: Some(0.0), ..slow }.throttled()), (None, None));
        let mut throttled = moments(".tttt......", 60.0);
        for moment in &mut throttled {
            moment.max_hz = Some(0.0);
        }
        assert_eq!(episodes(&throttled, WINDOW, 1.0)[0].lost_core_s, None);
    }

    #[test]
    fn a_gap_is_counted_in_intervals_and_the_hard_limit_has_its_slack() {
        let found = episodes(&moments(".txxxxt......", 82.0), WINDOW, 2.0);
        assert_eq!(found.len(), 1, "five seconds are less than three intervals of two");
        assert_eq!(cause_of(".t......", HARD_LIMIT_C - TEMP_SLACK_C), Cause::ThermalHard);
        assert_eq!(cause_of(".t......", HARD_LIMIT_C - TEMP_SLACK_C - 0.1), Cause::FirmwareCap);
    }

    #[test]
    fn slow_and_busy_begin_at_their_constants() {
        let slow = |clock_hz, busy_cores| {
            let moment =
                Moment { clock_hz: Some(clock_hz), busy_cores: Some(busy_cores), ..moments("i", 60.0)[0] };
            moment.throttled()
        };
        assert_eq!(slow(0.97 * 1.5e9, 4.0), Some(false));
        assert_eq!(slow(0.97 * 1.5e9 - 1.0, 4.0), Some(true));
        assert_eq!(slow(1.0e9, 3.6), Some(true));
        assert_eq!(slow(1.0e9, 3.59), None);
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
        fn episodes_are_in_order_apart_and_hold_every_throttled_sample(pattern in "[.tuspqifzx]{0,60}") {
            let moments = moments(&pattern, 82.0);
            let found = episodes(&moments, WINDOW, 1.0);
            prop_assert!(found.iter().all(|episode| episode.start_ms <= episode.end_ms));
            prop_assert!(found.windows(2).all(|pair| pair[0].end_ms < pair[1].start_ms));
            for moment in moments.iter().filter(|moment| moment.throttled() == Some(true)) {
                let holds = |episode: &Episode| (episode.start_ms..=episode.end_ms).contains(&moment.t_ms);
                prop_assert!(found.iter().any(holds), "{moment:?}");
            }
        }

        #[test]
        fn what_is_inferred_has_no_flag_and_knows_no_other_cause(pattern in "[.tuspqifzx]{0,60}", temp_c in 40.0..90.0f64) {
            let moments = moments(&pattern, temp_c);
            for episode in episodes(&moments, WINDOW, 1.0) {
                let inside = |moment: &&Moment| (episode.start_ms..=episode.end_ms).contains(&moment.t_ms);
                let flagged = moments.iter().filter(inside).any(|moment| moment.flags.any());
                prop_assert_eq!(episode.cause == Cause::Inferred, !flagged, "{:?}", episode);
            }
        }

        #[test]
        fn knowing_less_never_splits_an_episode(
            pattern in "[.t]{1,40}",
            hidden in proptest::collection::vec(any::<bool>(), 40),
        ) {
            let all = moments(&pattern, 82.0);
            let mut fewer = all.clone();
            for (moment, hide) in fewer.iter_mut().zip(hidden) {
                if hide && !moment.flags.any() {
                    moment.flags.throttled = None;
                }
            }
            // The interval is so long that nothing is a gap.
            let count = |moments: &[Moment]| episodes(moments, WINDOW, 1000.0).len();
            prop_assert!(count(&fewer) <= count(&all));
        }
    }
}

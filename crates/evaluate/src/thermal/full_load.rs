//! What a node draws at full load, which is what its cooling has to carry away.
//!
//! Power that the firmware has already cut says nothing about that: a node held at its limit draws what the
//! limit allows.
//!
//! Invariant: no sample under a throttle flag, or of a time whose flags and clock are not known, counts as
//! full load.

use crate::GAP_INTERVALS;
use crate::series::{Sample, in_order};
use crate::statistics::median;
use crate::throttle::{BUSY_SHARE, Moment};

/// Full load is the greatest mean over so long: a chip's own time constant is some seconds.
const MEAN_MS: i64 = 60_000;
/// With fewer seconds at full load its power is not known: the first of them warm up the clock's governor
/// and the meter's mean.
const MIN_S: f64 = 10.0;

/// The drive at full load: watts, or the busy ratio.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FullLoad {
    /// The node's own, of samples without any throttling.
    Own(f64),
    /// The median of its peers of the same model, because its own is not known.
    OfPeers(f64),
    /// It draws at least so much; it was never seen at full load and at its full clock.
    AtLeast(f64),
}

impl FullLoad {
    /// From the samples of the drive, each the mean since the one before, and from what is known of the
    /// node's load, flags and clock. `None` without samples.
    pub fn of_node(driving: &[Sample], moments: &[Moment], interval_s: f64) -> Option<Self> {
        let driving = in_order(driving);
        let full = at_full_load(&driving, moments, GAP_INTERVALS * interval_s * 1000.0);
        let enough = |(seconds, _): &(f64, f64)| *seconds >= MIN_S;
        let own = means(&full).into_iter().filter(enough).map(|(_, mean)| mean).max_by(f64::total_cmp);
        if let Some(own) = own {
            return Some(Self::Own(own));
        }
        let all: Vec<(i64, f64, f64)> =
            driving.iter().map(|sample| (sample.t_ms, 1.0, sample.value)).collect();
        means(&all).into_iter().map(|(_, mean)| mean).max_by(f64::total_cmp).map(Self::AtLeast)
    }

    /// With what its peers of the same model draw at full load, where its own is not known. It never draws
    /// less than it was seen to.
    #[must_use]
    pub fn beside(self, peers: &[Self]) -> Self {
        let Self::AtLeast(seen) = self else { return self };
        let known = peers.iter().filter_map(|peer| match peer {
            Self::Own(drive) => Some(*drive),
            Self::OfPeers(_) | Self::AtLeast(_) => None,
        });
        median(&mut known.collect::<Vec<_>>()).map_or(self, |drive| Self::OfPeers(drive.max(seen)))
    }

    /// The drive, and whether that is a lower bound only.
    pub fn drive(self) -> (f64, bool) {
        match self {
            Self::Own(drive) | Self::OfPeers(drive) => (drive, false),
            Self::AtLeast(drive) => (drive, true),
        }
    }
}

/// The samples of the time at full load and without throttling: when, how many seconds, and the value.
fn at_full_load(driving: &[Sample], moments: &[Moment], gap_ms: f64) -> Vec<(i64, f64, f64)> {
    let mut known: Vec<(i64, bool)> = moments.iter().filter_map(|it| Some((it.t_ms, is_full(it)?))).collect();
    known.sort_unstable();
    let near = |a_ms: i64, b_ms: i64| (b_ms - a_ms) as f64 <= gap_ms;
    let full = |pair: &[Sample]| {
        let (a, b) = (pair[0], pair[1]);
        // From the last moment before the stretch to the first one behind it.
        let first = known.partition_point(|(t_ms, _)| *t_ms <= a.t_ms).checked_sub(1)?;
        let last = known.partition_point(|(t_ms, _)| *t_ms < b.t_ms);
        let around = known.get(first..=last)?;
        let close = near(a.t_ms, b.t_ms) && near(around[0].0, a.t_ms) && near(b.t_ms, known[last].0);
        let all = close && around.iter().all(|(_, full)| *full);
        all.then(|| (b.t_ms, (b.t_ms - a.t_ms) as f64 / 1000.0, b.value))
    };
    driving.windows(2).filter_map(full).collect()
}

/// Whether the node worked with all its cores and was not throttled; `None` if the moment tells nothing of
/// the one and nothing bad of the other.
fn is_full(moment: &Moment) -> Option<bool> {
    if moment.throttled() == Some(true) {
        return Some(false);
    }
    let (busy, cores) = (moment.busy_cores?, moment.cores.filter(|cores| *cores > 0.0)?);
    Some(busy >= BUSY_SHARE * cores && moment.throttled() == Some(false))
}

/// Mean value and seconds of each minute from the first sample on.
fn means(weighted: &[(i64, f64, f64)]) -> Vec<(f64, f64)> {
    let Some(&(first_ms, ..)) = weighted.first() else { return Vec::new() };
    let minute = |t_ms: i64| (t_ms - first_ms) / MEAN_MS;
    let mean = |part: &[(i64, f64, f64)]| {
        let seconds: f64 = part.iter().map(|(_, seconds, _)| seconds).sum();
        let sum: f64 = part.iter().map(|(_, seconds, value)| seconds * value).sum();
        (seconds, sum / seconds)
    };
    let minutes = weighted.chunk_by(|a, b| minute(a.0) == minute(b.0)).map(mean);
    minutes.filter(|(_, mean)| mean.is_finite()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::throttle::Flags;

    fn moment(second: i64, busy: f64, throttled: Option<bool>) -> Moment {
        Moment {
            t_ms: second * 1000,
            flags: Flags { throttled, ..Flags::default() },
            busy_cores: Some(busy * 4.0),
            cores: Some(4.0),
            ..Moment::default()
        }
    }

    /// Idle at 2.5 W for 60 s, then full load: 6.5 W until it is throttled at `from`, 4.25 W then.
    fn node(from: i64, flags_known: bool) -> (Vec<Sample>, Vec<Moment>) {
        let watts = |second| {
            if second <= 60 {
                2.5
            } else if second <= from {
                6.5
            } else {
                4.25
            }
        };
        let samples = (0..=600).map(|second| Sample { t_ms: second * 1000, value: watts(second) }).collect();
        let busy = |second| if second <= 60 { 0.01 } else { 1.0 };
        let flag = |second| flags_known.then_some(second > from);
        (samples, (0..=600).map(|second| moment(second, busy(second), flag(second))).collect())
    }

    fn of(from: i64, flags_known: bool) -> FullLoad {
        let (samples, moments) = node(from, flags_known);
        FullLoad::of_node(&samples, &moments, 1.0).unwrap()
    }

    #[test]
    fn what_lies_between_moments_that_are_far_apart_or_beside_none_is_no_full_load() {
        let full = |second| moment(second, 1.0, Some(false));
        let steady = |seconds: std::ops::RangeInclusive<i64>| seconds.map(full).collect::<Vec<_>>();
        // Nothing is known of the time in which it drew 9 W.
        let watts = |second| if (100..400).contains(&second) { 9.0 } else { 6.5 };
        let samples: Vec<_> =
            (0..=500).map(|second| Sample { t_ms: second * 1000, value: watts(second) }).collect();
        for moments in [[steady(0..=95), steady(405..=500)].concat(), steady(0..=95), steady(405..=500)] {
            assert_eq!(FullLoad::of_node(&samples, &moments, 1.0), Some(FullLoad::Own(6.5)));
        }
        let whole = at_full_load(&samples, &steady(0..=500), 3000.0);
        assert_eq!(whole.len(), 500, "up to the last moment, which is that of the last sample");
        let gap = [&samples[..90], &samples[410..]].concat();
        let full = at_full_load(&gap, &steady(0..=500), 3000.0);
        assert!(full.iter().all(|(_, seconds, _)| *seconds <= 1.0), "{full:?}");
    }

    #[test]
    fn power_that_the_firmware_cut_is_no_full_load() {
        assert_eq!(of(100, true), FullLoad::Own(6.5));
        assert_eq!(of(600, true), FullLoad::Own(6.5));
        let FullLoad::AtLeast(bound) = of(65, true) else { panic!("too short at full clock") };
        assert!((4.25..6.5).contains(&bound), "{bound}");
    }

    #[test]
    fn without_flags_or_clock_there_is_only_a_bound() {
        assert!(matches!(of(600, false), FullLoad::AtLeast(_)));
        let (samples, mut moments) = node(600, false);
        for moment in &mut moments {
            (moment.clock_hz, moment.max_hz) = (Some(1.5e9), Some(1.5e9));
        }
        assert_eq!(FullLoad::of_node(&samples, &moments, 1.0), Some(FullLoad::Own(6.5)), "its clock tells");
        assert_eq!(FullLoad::of_node(&[], &moments, 1.0), None);
    }

    #[test]
    fn a_node_that_never_works_fully_has_a_bound() {
        let samples: Vec<_> = (0..=100).map(|second| Sample { t_ms: second * 1000, value: 3.0 }).collect();
        let moments: Vec<_> = (0..=100).map(|second| moment(second, 0.5, Some(false))).collect();
        assert_eq!(FullLoad::of_node(&samples, &moments, 1.0), Some(FullLoad::AtLeast(3.0)));
    }

    #[test]
    fn peers_stand_in_for_a_node_that_was_always_throttled() {
        let peers = [FullLoad::Own(6.2), FullLoad::Own(6.6), FullLoad::AtLeast(9.0), FullLoad::OfPeers(1.0)];
        assert_eq!(FullLoad::AtLeast(4.1).beside(&peers), FullLoad::OfPeers(6.4));
        assert_eq!(FullLoad::AtLeast(7.0).beside(&peers), FullLoad::OfPeers(7.0));
        assert_eq!(FullLoad::AtLeast(4.1).beside(&peers[2..]), FullLoad::AtLeast(4.1));
        assert_eq!(FullLoad::Own(5.0).beside(&peers), FullLoad::Own(5.0));
        assert_eq!(FullLoad::Own(5.0).drive(), (5.0, false));
        assert_eq!(FullLoad::AtLeast(5.0).drive(), (5.0, true));
    }

    #[test]
    fn a_meter_slower_or_faster_than_the_flags_is_held_against_both_sides() {
        let (_, moments) = node(100, true);
        let slow: Vec<_> = (0..=60).map(|tenth| Sample { t_ms: tenth * 10_000, value: 6.0 }).collect();
        assert_eq!(FullLoad::of_node(&slow, &moments, 10.0), Some(FullLoad::Own(6.0)));
        // The stretch into the throttling does not count, so that only 70 to 100 s do.
        let last: Vec<_> =
            slow.iter().map(|s| Sample { value: if s.t_ms == 110_000 { 99.0 } else { 6.0 }, ..*s }).collect();
        assert_eq!(FullLoad::of_node(&last, &moments, 10.0), Some(FullLoad::Own(6.0)));
    }
}

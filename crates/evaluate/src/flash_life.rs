//! How long flash lasts at the pace of now, from its own estimate of what is used up and from what was written.
//!
//! An eMMC says in steps of a tenth how much of its rated writes are used, at most; most SD cards say nothing, and of
//! those nothing follows. How many bytes a tenth is nobody says: that is learnt from what was written between two steps,
//! and while fewer than two were seen it is only known that a tenth is no less than what was written meanwhile.
//!
//! Invariant: without an estimate of its own, or without a pace, the answer is `None`.

/// The step of the estimate: a tenth of the rated writes.
const STEP: f64 = 0.1;
const DAYS_IN_YEAR: f64 = 365.25;
/// Nothing is promised beyond a century.
const MAX_YEARS: f64 = 100.0;

/// What was known at the end of a day, or of another stretch of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stretch {
    /// Share of the rated writes that is used, at most: 0.1, 0.2 and so on.
    pub used: f64,
    /// Bytes written in the stretch, at least.
    pub written: f64,
    /// Its length in days.
    pub days: f64,
}

/// How long it lasts, and what that rests on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FlashLife {
    /// Years until its rated writes are used up, at the pace of now.
    pub years: f64,
    /// Whether it is only known that it lasts no less: fewer than two steps were seen.
    pub at_least: bool,
    /// How many steps of the estimate were seen.
    pub steps: usize,
    /// Over how many days.
    pub days: f64,
}

/// What follows for flash to which `bytes_per_day` are written now, from the stretches that are known, in order of time.
pub fn flash_life(stretches: &[Stretch], bytes_per_day: f64) -> Option<FlashLife> {
    let (first, last) = (stretches.first()?, stretches.last()?);
    let known = bytes_per_day > 0.0 && bytes_per_day.is_finite() && (0.0..=2.0).contains(&last.used);
    let rises = |at: &usize| stretches[*at].used > stretches[*at - 1].used + STEP / 2.0;
    let steps: Vec<usize> = (1..stretches.len()).filter(rises).collect();
    let written = |from: usize, to: usize| stretches[from..to].iter().map(|one| one.written).sum::<f64>();
    let (share, bytes) = match (steps.first(), steps.last()) {
        // From one step to another exactly so much was used.
        (Some(from), Some(to)) if from < to => {
            (stretches[*to].used - stretches[*from].used, written(from + 1, to + 1))
        }
        // No more than the steps that are told and the one that may be nearly over.
        _ => ((last.used - first.used).max(0.0) + STEP, written(0, stretches.len())),
    };
    let rated = bytes / share;
    let left = (1.0 - last.used).max(0.0);
    let years = left * rated / bytes_per_day / DAYS_IN_YEAR;
    let days = stretches.iter().map(|one| one.days).sum();
    let life = FlashLife {
        years: years.min(MAX_YEARS),
        at_least: steps.len() < 2 || years > MAX_YEARS,
        steps: steps.len(),
        days,
    };
    Some(life).filter(|life| known && life.years.is_finite() && (bytes > 0.0 || left == 0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A day each: the estimate, and gigabytes.
    fn days(list: &[(f64, f64)]) -> Vec<Stretch> {
        list.iter().map(|&(used, gigabytes)| Stretch { used, written: gigabytes * 1e9, days: 1.0 }).collect()
    }

    #[test]
    fn between_two_steps_so_many_bytes_are_a_tenth() {
        // A tenth is 300 GB; 70 % are left, and 2 GB a day are written now.
        let seen = days(&[(0.1, 50.0), (0.2, 90.0), (0.2, 100.0), (0.2, 100.0), (0.3, 100.0), (0.3, 10.0)]);
        let life = flash_life(&seen, 2e9).unwrap();
        assert!((life.years - 0.7 * 3000.0 / 2.0 / 365.25).abs() < 1e-9, "{life:?}");
        assert_eq!((life.at_least, life.steps, life.days), (false, 2, 6.0));
    }

    #[test]
    fn without_two_steps_it_is_only_known_what_it_lasts_at_least() {
        let life = flash_life(&days(&[(0.1, 1.0); 90]), 1e9).unwrap();
        // 90 GB were no more than a tenth, so that all of it is at least 900 GB.
        assert!((life.years - 0.9 * 900.0 / 365.25).abs() < 1e-9, "{life:?}");
        assert_eq!((life.at_least, life.steps), (true, 0));
        let one = flash_life(&days(&[(0.1, 10.0), (0.2, 10.0), (0.2, 10.0)]), 1e9).unwrap();
        assert!((one.years - 0.8 * 150.0 / 365.25).abs() < 1e-9, "{one:?}");
        assert_eq!((one.at_least, one.steps), (true, 1));
    }

    #[test]
    fn what_is_used_up_lasts_no_longer_and_without_a_pace_or_a_word_nothing_is_known() {
        let over = flash_life(&days(&[(1.1, 1.0), (1.1, 1.0)]), 1e9).unwrap();
        assert_eq!(over.years, 0.0);
        assert_eq!(flash_life(&[], 1e9), None);
        assert_eq!(flash_life(&days(&[(0.1, 1.0)]), 0.0), None);
        assert_eq!(flash_life(&days(&[(0.1, 0.0)]), 1e9), None, "nothing was written while it was watched");
        assert_eq!(
            flash_life(&days(&[(0.1, 1e6)]), 1.0).unwrap().years,
            100.0,
            "no promise beyond a century"
        );
    }
}

//! Whether one speaks or several do: two boards cloned from one card share their name, and two agents on one board
//! share their meters. Serial numbers do not always tell (many boards have the same); times do, since a board that was
//! restarted speaks after it spoke before, and two boards speak in turns.
//!
//! Invariant: a restart is never taken for two, also where the clock was set back by a few seconds with it.

/// Stretches shorter than this may be one clock that was set, Unix milliseconds: stamps of one board agree within 2 s.
const LEAST_TOGETHER_MS: i64 = 5000;
/// A, B, A and B again.
const LEAST_TURNS: usize = 3;

/// From when to when both speak, if they do so in turns; `None` if one follows the other, or one is silent. The times of
/// each are Unix milliseconds in order. The end is the last word of both where they speak until now, else of the one that
/// fell silent first.
///
/// ```
/// use picollect_evaluate::speakers::together;
///
/// let first: Vec<i64> = (0..10).map(|second| second * 1000).collect();
/// let second: Vec<i64> = first.iter().map(|t_ms| t_ms + 500).collect();
/// assert_eq!(together(&first, &second), Some((500, 9500)));
/// assert_eq!(together(&first[..5], &second[5..]), None, "one was restarted");
/// ```
pub fn together(a: &[i64], b: &[i64]) -> Option<(i64, i64)> {
    let from = (*a.first()?).max(*b.first()?);
    let to = (*a.last()?).min(*b.last()?);
    let in_turns = turns(within(a, from, to), within(b, from, to)) >= LEAST_TURNS;
    // Who spoke a moment ago has not fallen silent.
    let last = (*a.last()?).max(*b.last()?);
    let end = if last - to < LEAST_TOGETHER_MS { last } else { to };
    (to - from >= LEAST_TOGETHER_MS && in_turns).then_some((from, end))
}

/// How many of them speak in turns with another; 0 if each speaks alone.
pub fn at_once(speakers: &[Vec<i64>]) -> usize {
    let with_another = |index: &usize| {
        let mut others = (0..speakers.len()).filter(|other| other != index);
        others.any(|other| together(&speakers[*index], &speakers[other]).is_some())
    };
    (0..speakers.len()).filter(with_another).count()
}

fn within(times: &[i64], from: i64, to: i64) -> &[i64] {
    let start = times.partition_point(|t_ms| *t_ms < from);
    let end = times.partition_point(|t_ms| *t_ms <= to);
    &times[start..end.max(start)]
}

/// How often the word passes from one to the other.
fn turns(a: &[i64], b: &[i64]) -> usize {
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    let (mut turns, mut last) = (0, None);
    loop {
        let of_a = match (a.peek(), b.peek()) {
            (None, None) => return turns,
            (Some(first), Some(second)) => first <= second,
            (first, _) => first.is_some(),
        };
        if of_a {
            a.next()
        } else {
            b.next()
        };
        turns += usize::from(last.is_some_and(|last| last != of_a));
        last = Some(of_a);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(from: i64, to: i64, shift_ms: i64) -> Vec<i64> {
        (from..to).map(|second| second * 1000 + shift_ms).collect()
    }

    #[test]
    fn two_boards_that_speak_in_turns_are_two_and_a_third_that_came_later_is_alone() {
        let all = [seconds(0, 60, 0), seconds(20, 60, 300), seconds(70, 90, 0)];
        assert_eq!(at_once(&all), 2);
        assert_eq!(together(&all[0], &all[1]), Some((20_300, 59_300)));
        assert_eq!(together(&all[1], &all[0]), Some((20_300, 59_300)));
        let silent_since = seconds(20, 30, 300);
        assert_eq!(together(&all[0], &silent_since), Some((20_300, 29_300)));
        assert_eq!(at_once(&all[..1]), 0);
        assert_eq!(at_once(&[]), 0);
    }

    #[test]
    fn a_restart_is_one_board_also_with_a_clock_that_was_set_back() {
        assert_eq!(together(&seconds(0, 60, 0), &seconds(75, 90, 0)), None);
        assert_eq!(together(&seconds(0, 60, 0), &seconds(57, 90, 500)), None, "3 s together are a clock");
        let late = [1_000_000, 2_000_000];
        assert_eq!(together(&[0, 3_000_000], &late), None, "two turns are a late sample, not a board");
        assert_eq!(together(&[], &late), None);
    }
}

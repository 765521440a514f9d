//! Stretches of time as people read them, and all that [`picollect_evaluate::numbers`] has.

pub(super) use picollect_evaluate::numbers::{
    DASH, JOINT, clock, duration, moment, money, percent, plain, ratio, si, si_with_uncertainty, significant,
    spaced,
};
pub use picollect_evaluate::numbers::{count, decimals, si_spaced};

use picollect_evaluate::numbers::day;

use super::Span;

/// Whether a stretch begins and ends on different days.
pub(super) fn spans_days(span: &Span) -> bool {
    day(&span.start) != day(&span.end)
}

/// A stretch: `2026-11-23 12:00:00 to 12:30:00 UTC (30 min)`.
pub(super) fn stretch(span: &Span) -> String {
    let start = moment(&span.start);
    let start = start.trim_end_matches(" UTC");
    let end = clock(&span.end, spans_days(span));
    let coarse = match span.resolution_s {
        Some(step_s) => format!(", stored as a point in {}", duration(step_s)),
        None => String::new(),
    };
    format!("{start} to {end} UTC ({}{coarse})", duration(span.seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_names_the_second_day_only_if_it_is_another() {
        let span = |end: &str| Span {
            start: "2026-11-23T12:00:00.000Z".into(),
            end: end.into(),
            seconds: 60.0,
            resolution_s: None,
        };
        assert_eq!(
            spaced(&stretch(&span("2026-11-23T12:01:00.000Z"))),
            "2026-11-23 12:00:00 to 12:01:00 UTC (1 min)"
        );
        assert!(stretch(&span("2026-11-24T12:00:00.000Z")).contains("to 2026-11-24 12:00:00 UTC"));
    }
}

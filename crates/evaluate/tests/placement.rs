//! Runs as people saved them: each is placed by all that is known of it, or refused with what does not fit.

use picollect_evaluate::Window;
use picollect_evaluate::benchmarks::placement::{Placement, Timed, Unplaced, saved, within};
use picollect_evaluate::benchmarks::{Outcome, recognise};

use crate::benchmarks::output;

/// 2024-03-03T20:29:40Z, five seconds before the first of six results.
const SIX_MS: i64 = 1_709_497_780_000;
/// 2024-10-27T00:00:00Z; an hour later summer time ends in Europe.
const OCTOBER_MS: i64 = 1_729_987_200_000;
const MINUTE_MS: i64 = 60_000;

fn six() -> Vec<Outcome> {
    recognise(&output("hpl-2.3-half-an-hour-six-results.txt"))
}

/// Results of HPL with these stamps (day and time) and lengths.
fn hpl(results: &[(&str, &str, f64)]) -> Vec<Outcome> {
    let result = |(start, end, seconds): &(&str, &str, f64)| {
        format!(
            "WR11C2R4       15968    48     4     5  {seconds:18.2}             8.2776e+00\n\
             HPL_pdgesv() start time Sun {start}\n\n\
             HPL_pdgesv() end time   Sun {end}\n\n\
             ||Ax-b||_oo/(eps*(||A||_oo*||x||_oo+||b||_oo)*N)=   2.74851526e-03 ...... PASSED\n====\n"
        )
    };
    recognise(&results.iter().map(result).collect::<String>())
}

/// Beginning and end of each core phase, in seconds since the run began.
fn seconds(placement: &Placement) -> Vec<(f64, f64)> {
    let since = |ms: i64| (ms - placement.run.start_ms) as f64 / 1000.0;
    let window = |placed: &Result<_, Unplaced>| {
        let picollect_evaluate::benchmarks::core_phase::Placed { window, .. } =
            placed.clone().expect("placed");
        (since(window.start_ms), since(window.end_ms))
    };
    placement.results.iter().map(window).collect()
}

#[test]
fn one_zone_holds_all_results_whether_the_end_is_given_or_not() {
    let outcomes = six();
    let run = saved(SIX_MS, None, &outcomes).unwrap();
    assert_eq!((run.zone_min, run.run.end_ms), (Some(0), SIX_MS + 1_962_000));
    assert_eq!(saved(SIX_MS, Some(run.run.end_ms), &outcomes), Ok(run.clone()));
    let lengths: f64 = seconds(&run).iter().map(|(start, end)| end - start).sum();
    assert!((lengths - 1932.16).abs() < 0.02, "{lengths}");
}

#[test]
fn lines_that_were_held_back_until_the_end_move_no_result() {
    let outcomes = six();
    let run = saved(SIX_MS, None, &outcomes).unwrap();
    let at_the_end = |outcome| Timed { outcome, arrival_ms: Some(run.run.end_ms + 500) };
    let timed: Vec<_> = outcomes.iter().map(at_the_end).collect();
    assert_eq!(within(run.run, &timed), run);
    // An hour longer, two zones hold them, and lines that came late tell neither.
    let longer = Window { start_ms: SIX_MS - 80 * MINUTE_MS, ..run.run };
    let results = within(longer, &timed).results;
    assert!(matches!(results[0], Err(Unplaced::SeveralZones(_))), "{results:?}");
    let prompt = outcomes.iter().zip(&run.results).map(|(outcome, placed)| Timed {
        outcome,
        arrival_ms: placed.as_ref().ok().map(|placed| placed.window.end_ms + 700),
    });
    assert_eq!(within(longer, &prompt.collect::<Vec<_>>()).results, run.results);
}

#[test]
fn a_result_that_came_in_before_it_ended_is_of_another_clock() {
    let outcomes = six();
    let run = saved(SIX_MS, None, &outcomes).unwrap();
    let timed: Vec<_> =
        outcomes.iter().map(|outcome| Timed { outcome, arrival_ms: Some(SIX_MS + MINUTE_MS) }).collect();
    assert!(matches!(within(run.run, &timed).results[0], Err(Unplaced::AfterItsLines(_))));
}

#[test]
fn the_clocks_may_be_moved_between_two_results() {
    // 02:50 to 02:58 in summer time, and 02:01 to 02:11 an hour later on the clock that was set back.
    let back = hpl(&[
        ("Oct 27 02:50:00 2024", "Oct 27 02:58:00 2024", 480.5),
        ("Oct 27 02:01:00 2024", "Oct 27 02:11:00 2024", 600.5),
    ]);
    let run = saved(OCTOBER_MS + 49 * MINUTE_MS, None, &back).unwrap();
    assert_eq!(run.zone_min, Some(120));
    let got: Vec<_> = seconds(&run).iter().map(|(start, end)| (start.round(), end.round())).collect();
    assert_eq!(got, [(60.0, 541.0), (720.0, 1321.0)]);

    // 01:50 to 01:58, and 03:01 to 03:11: three minutes later if the hour from two to three never was.
    let forward = hpl(&[
        ("Mar 31 01:50:00 2024", "Mar 31 01:58:00 2024", 480.5),
        ("Mar 31 03:01:00 2024", "Mar 31 03:11:00 2024", 600.5),
    ]);
    // 2024-03-31T00:49:00Z.
    let start_ms = 1_711_846_140_000;
    let run = saved(start_ms, Some(start_ms + 25 * MINUTE_MS), &forward).unwrap();
    let got: Vec<_> = seconds(&run).iter().map(|(start, end)| (start.round(), end.round())).collect();
    assert_eq!(got, [(60.0, 541.0), (720.0, 1321.0)]);
    let longer = saved(start_ms, Some(start_ms + 90 * MINUTE_MS), &forward).unwrap();
    assert_eq!(seconds(&longer)[1].0.round(), 4320.0, "with room for it, the hour was");
}

#[test]
fn how_long_results_took_counts_an_hour_that_came_twice() {
    // The second one began at 02:20 in summer time and ended 55 minutes later, at 02:15.
    let results = hpl(&[
        ("Oct 27 02:00:00 2024", "Oct 27 02:10:00 2024", 600.5),
        ("Oct 27 02:20:00 2024", "Oct 27 02:15:00 2024", 3300.5),
    ]);
    let refused = saved(OCTOBER_MS, Some(OCTOBER_MS + 10 * MINUTE_MS), &results).unwrap_err();
    assert!(refused.to_string().starts_with("its results took 4500.5 s,"), "{refused}");
}

#[test]
fn copies_that_computed_side_by_side_share_their_zone() {
    let both = hpl(&[
        ("Mar  3 20:30:00 2024", "Mar  3 20:40:00 2024", 600.5),
        ("Mar  3 20:30:01 2024", "Mar  3 20:40:02 2024", 601.0),
    ]);
    let run = saved(SIX_MS, None, &both).unwrap();
    assert_eq!((run.zone_min, seconds(&run).len()), (Some(0), 2));
}

#[test]
fn stamps_that_contradict_the_time_are_said_and_refuse_nothing_else() {
    let wrong = hpl(&[
        ("Mar  3 20:30:00 2024", "Mar  3 20:40:00 2024", 600.5),
        ("Mar  3 20:41:00 2024", "Mar  3 20:51:00 2024", 400.0),
    ]);
    let run = saved(SIX_MS, Some(SIX_MS + 30 * MINUTE_MS), &wrong).unwrap();
    assert!(run.results[0].is_ok());
    let why = run.results[1].as_ref().unwrap_err().to_string();
    assert_eq!(
        why,
        "it took 400 s, and that is not what its stamps say: 2024-03-03T20:41:00 to 2024-03-03T20:51:00"
    );
}

#[test]
fn a_section_of_hpcc_outside_of_its_run_is_refused() {
    let outcomes = recognise(&output("hpcc-1.5.0-hpccoutf.txt"));
    // Its section ended at 2026-11-23T12:59:27Z.
    let end_ms = 1_795_438_767_000;
    let run = |start_ms, end_ms| saved(start_ms, Some(end_ms), &outcomes);
    assert!(run(end_ms - MINUTE_MS, end_ms + MINUTE_MS).unwrap().results[0].is_ok());
    let why = run(end_ms + MINUTE_MS, end_ms + 2 * MINUTE_MS).unwrap_err();
    assert!(why.to_string().contains("is not within the run, 2026-11-23T13:00:27Z to"), "{why}");
    assert_eq!(saved(end_ms - MINUTE_MS, None, &outcomes), Err(Unplaced::NoEnd));
}

#[test]
fn a_rank_skew_lies_in_its_run_though_the_middle_of_it_would_not() {
    // By its stamps it computed exactly as long as the run, and the slowest rank eight seconds longer.
    let skewed = hpl(&[("Mar  3 20:30:00 2024", "Mar  3 23:00:00 2024", 9008.0)]);
    let start_ms = SIX_MS + 20_000;
    let run = saved(start_ms, Some(start_ms + 9_008_000), &skewed).unwrap();
    let placed = run.results[0].as_ref().unwrap();
    assert!(placed.edge_s > 4.0 && placed.skew_s > 6.0, "{placed:?}");
}

//! The parsers over what the real programs printed (`tests/benchmark-outputs`), and over anything else.

use std::fs;
use std::path::Path;

use jiff::civil::{DateTime, date};
use picollect_evaluate::benchmarks::{CorePhase, Outcome, Pattern, Unit, Verdict, recognise};
use proptest::prelude::*;

pub(crate) const FILES: [&str; 26] = [
    "hpl-2.3-plain.txt",
    "hpl-2.3-progress-six-results.txt",
    "hpl-2.3-residual-failed.txt",
    "hpl-2.3-check-skipped.txt",
    "hpl-2.3-half-an-hour-six-results.txt",
    "hpl-2.3-interrupted.txt",
    "hpl-2.3-into-summer-time.txt",
    "hpl-2.3-new-york.txt",
    "hpcc-1.5.0-hpccoutf.txt",
    "hpcg-3.1-report.txt",
    "hpcg-3.1-log.txt",
    "stream-5.10-one-thread.txt",
    "stream-5.10-two-threads.txt",
    "coremark-two-threads.txt",
    "graph500-bfs-scale17.txt",
    "sysbench-1.0.20-cpu.txt",
    "picollect-bench.txt",
    "picollect-bench-mpirun-four.txt",
    "hpl-2.1-memory-skip.txt",
    "hpl-2.3-ranks-apart.txt",
    "hpl-ai-2.3d.txt",
    "sysbench-1.1-cpu.txt",
    "made-babelstream-5.0.txt",
    "made-llama-bench.md",
    "made-llama-bench.json",
    "made-ollama-verbose.txt",
];

pub(crate) fn output(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/benchmark-outputs");
    fs::read_to_string(folder.join(name)).expect("the output is there")
}

/// The time of day on the day of the HPL runs.
fn at(hour: i8, minute: i8, second: i8) -> DateTime {
    date(2026, 11, 23).at(hour, minute, second, 0)
}

fn stated(start: DateTime, end: DateTime) -> CorePhase {
    CorePhase::Stated { start, end }
}

pub(crate) fn outcome(benchmark: &'static str, label: &str, unit: Unit, line: usize) -> Outcome {
    let (rate, seconds, core_phase) = (None, None, CorePhase::Unknown);
    let (label, verdict) = (label.to_owned(), Verdict::Interrupted);
    Outcome { benchmark, label, rate, unit, seconds, verdict, core_phase, line }
}

/// A passed HPL 2.3 result.
fn hpl(label: &str, gflops: f64, seconds: f64, core_phase: CorePhase, line: usize) -> Outcome {
    let rate = Some(gflops * 1e9);
    let plain = outcome("HPL", label, Unit::FlopPerSecond, line);
    Outcome { rate, seconds: Some(seconds), verdict: Verdict::Passed, core_phase, ..plain }
}

#[test]
fn the_list_of_outputs_is_complete() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/benchmark-outputs");
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.filter(|name| name != "README.md").collect();
    let mut listed = FILES;
    names.sort();
    listed.sort_unstable();
    assert_eq!(names, listed);
}

#[test]
fn hpl_gives_its_rate_its_duration_and_when_it_ran() {
    let label = "WR11C2R4 N=10000 NB=128 P=1 Q=2";
    let when = stated(at(12, 57, 5), at(12, 57, 10));
    assert_eq!(recognise(&output("hpl-2.3-plain.txt")), [hpl(label, 130.68, 5.10, when, 47)]);
}

#[test]
fn hpl_gives_every_result_among_its_progress_lines() {
    let found = recognise(&output("hpl-2.3-progress-six-results.txt"));
    let lines: Vec<_> = found.iter().map(|it| it.line).collect();
    let row = |label: &str, gflops, seconds, from, to, line| {
        let when = stated(at(12, 56, from), at(12, 56, to));
        hpl(&format!("WR11C2R4 {label} P=1 Q=2"), gflops, seconds, when, line)
    };
    let wanted = [
        row("N=2000 NB=64", 94.263, 0.06, 47, 47, lines[0]),
        row("N=2000 NB=128", 86.802, 0.06, 47, 47, lines[1]),
        row("N=6000 NB=64", 121.08, 1.19, 47, 48, lines[2]),
        row("N=6000 NB=128", 124.07, 1.16, 49, 50, lines[3]),
        row("N=8000 NB=64", 120.07, 2.84, 51, 53, lines[4]),
        row("N=8000 NB=128", 128.39, 2.66, 54, 57, lines[5]),
    ];
    assert_eq!(found, wanted);
    let text = output("hpl-2.3-progress-six-results.txt");
    let starts = lines.iter().map(|line| text.lines().nth(line - 1).unwrap());
    assert!(starts.into_iter().all(|line| line.starts_with("WR11C2R4 ")));
}

#[test]
fn a_failed_residual_is_a_failed_run_and_has_no_rate() {
    let found = recognise(&output("hpl-2.3-residual-failed.txt"));
    let formula = "||Ax-b||_oo/(eps*(||A||_oo*||x||_oo+||b||_oo)*N)";
    let reason = format!("residual check: {formula}=   2.99205024e-03 ...... FAILED");
    let when = stated(at(12, 57, 11), at(12, 57, 11));
    let wanted = hpl("WR11C2R4 N=1500 NB=128 P=1 Q=2", 0.0, 0.03, when, 47);
    assert_eq!(found, [Outcome { rate: None, verdict: Verdict::Failed(reason), ..wanted }]);
}

#[test]
fn a_result_without_a_check_says_so() {
    let found = recognise(&output("hpl-2.3-check-skipped.txt"));
    let when = stated(at(12, 57, 12), at(12, 57, 12));
    let wanted = hpl("WR11C2R4 N=1500 NB=128 P=1 Q=2", 70.63, 0.03, when, 39);
    assert_eq!(found, [Outcome { verdict: Verdict::Unchecked, ..wanted }]);
}

#[test]
fn a_check_that_was_announced_and_lost_is_not_an_unchecked_run() {
    let text = output("hpl-2.3-residual-failed.txt").replace("...... FAILED", "... [node3] link is up");
    assert!(matches!(recognise(&text)[..], [Outcome { rate: None, verdict: Verdict::Interrupted, .. }]));
}

#[test]
fn an_interrupted_run_says_what_was_planned() {
    let found = recognise(&output("hpl-2.3-interrupted.txt"));
    assert_eq!(found, [outcome("HPL", "N=15000 NB=128 P=1 Q=2", Unit::FlopPerSecond, 46)]);
}

#[test]
fn hpl_1_0_has_three_residuals_and_all_of_them_count() {
    let result = "WR00L2L2  1000  80  2  2  1.50  4.461e-01\n----\n";
    let residual =
        |formula: &str, verdict: &str| format!("||Ax-b||_oo / ( eps * {formula} ) = 0.01 ...... {verdict}\n");
    let three = |last: &str| {
        let first = residual("||A||_1  * N       ", "PASSED") + &residual("||A||_1  * ||x||_1 ", "PASSED");
        format!("{result}{first}{}====\n", residual("||A||_oo * ||x||_oo", last))
    };
    assert_eq!(recognise(&three("PASSED"))[0].verdict, Verdict::Passed);
    assert!(matches!(recognise(&three("FAILED"))[0].verdict, Verdict::Failed(_)));
    let one = format!("{result}{}", residual("||A||_1  * N", "PASSED"));
    assert_eq!(recognise(&one)[0].verdict, Verdict::Interrupted);
}

#[test]
fn hpl_by_nvidia_and_under_tagging_mpirun_is_read_too() {
    let nvidia = "WC0           571392  1024     4     8        98.05       1.268e+06 ( 3.964e+04)\n\
                  HPL_pdgesv() start time Sat Feb 15 23:36:43 2025\n\
                  HPL_pdgesv() end time   Sat Feb 15 23:38:21 2025\n\
                  ||Ax-b||_oo/(eps*(||A||_oo*||x||_oo+||b||_oo)*N)=   0.000343347104 ...... PASSED\n";
    let tagged: String = nvidia.lines().map(|line| format!("[1,0]<stdout>:{line}\n")).collect();
    let found = recognise(nvidia);
    assert_eq!((found[0].rate, &found[0].verdict), (Some(1.268e15), &Verdict::Passed));
    assert!(matches!(found[0].core_phase, CorePhase::Stated { .. }));
    assert_eq!(recognise(&tagged), found);
}

#[test]
fn hpcc_gives_its_hpl_placed_by_the_sections_end_and_its_summary() {
    let found = recognise(&output("hpcc-1.5.0-hpccoutf.txt"));
    let label = "WC11C2R4 N=3520 NB=80 P=1 Q=2";
    let when = CorePhase::EndsBefore { unix_s: 1_795_438_767 };
    let hpl = Outcome { benchmark: "HPCC HPL", ..hpl(label, 104.7, 0.28, when, 414) };
    let figure = |label: &str, unit, rate, seconds, line| {
        let plain = outcome("HPCC", label, unit, line);
        Outcome { rate: Some(rate), seconds, verdict: Verdict::Passed, ..plain }
    };
    let wanted = [
        hpl,
        figure("FFT, all processes", Unit::FlopPerSecond, 5.3659e9, None, 542),
        figure("STREAM Triad, all processes", Unit::BytePerSecond, 47.3444e9, None, 533),
        figure("RandomAccess, all processes", Unit::UpdatePerSecond, 27_325_100.0, Some(1.22797), 519),
    ];
    assert_eq!(found, wanted);
}

#[test]
fn hpcc_appends_to_its_file_and_every_run_counts() {
    let text = output("hpcc-1.5.0-hpccoutf.txt");
    let once = recognise(&text);
    let whole = recognise(&text.repeat(2));
    let moved = once.iter().map(|it| Outcome { line: it.line + text.lines().count(), ..it.clone() });
    assert_eq!(whole, once.iter().cloned().chain(moved).collect::<Vec<_>>());

    let cut = text.split_inclusive("End of HPL section.\n").next().unwrap();
    let found = recognise(cut);
    assert_eq!(found[0], once[0]);
    assert_eq!((found[1].benchmark, &found[1].verdict, found.len()), ("HPCC", &Verdict::Interrupted, 2));
}

#[test]
fn hpcg_gives_its_rating_and_a_short_run_is_not_official() {
    let found = recognise(&output("hpcg-3.1-report.txt"));
    let plain = outcome("HPCG", "too short to be official", Unit::FlopPerSecond, 115);
    let (rate, seconds, core_phase) = (Some(2.27186e9), Some(55.9059), CorePhase::EndsAtLine);
    assert_eq!(found, [Outcome { rate, seconds, verdict: Verdict::Passed, core_phase, ..plain }]);
    assert_eq!(recognise(&output("hpcg-3.1-log.txt")), []);
}

#[test]
fn hpcg_that_is_invalid_has_no_rate_and_older_ones_are_yaml() {
    let invalid = "HPCG-Benchmark\nFinal Summary::HPCG result is=INVALID.\n";
    assert!(matches!(recognise(invalid)[..], [Outcome { rate: None, verdict: Verdict::Failed(_), .. }]));
    let yaml = "HPCG-Benchmark version: 3.0\nBenchmark Time Summary: \n  DDOT: 1.5\n  Total: 2116.07\n\
                Floating Point Operations Summary: \n  Total: 1e+12\n__________ Final Summary __________: \n  \
                HPCG result is VALID with a GFLOP/s rating of: 12.5\n";
    let found = recognise(yaml);
    assert_eq!((found[0].rate, found[0].seconds), (Some(12.5e9), Some(2116.07)));
    assert_eq!((found[0].label.as_str(), &found[0].verdict), ("", &Verdict::Passed));
}

#[test]
fn stream_gives_its_best_rates_in_decimal_megabytes() {
    for (file, threads, rates) in [
        ("stream-5.10-one-thread.txt", 1, [13585.6e6, 13151.4e6, 14824.8e6, 14800.2e6]),
        ("stream-5.10-two-threads.txt", 2, [30177.6e6, 27388.0e6, 31940.4e6, 31800.1e6]),
    ] {
        let row = |(kernel, (rate, line)): (&str, (f64, usize))| {
            let label = format!("{kernel} n=10000000 threads={threads}");
            let plain = outcome("STREAM", &label, Unit::BytePerSecond, line);
            let core_phase = CorePhase::Scattered;
            Outcome { rate: Some(rate), verdict: Verdict::Passed, core_phase, ..plain }
        };
        let rows = ["Copy", "Scale", "Add", "Triad"].into_iter().zip(rates.into_iter().zip(27..));
        assert_eq!(recognise(&output(file)), rows.map(row).collect::<Vec<_>>());
        let text = output(file);
        let ended = recognise(&text[..text.find("Triad:").unwrap()]);
        let interrupted = |it: &Outcome| it.rate.is_none() && it.verdict == Verdict::Interrupted;
        assert!(ended.len() == 3 && ended.iter().all(interrupted), "{ended:?}");
    }
}

#[test]
fn stream_that_fails_its_validation_has_no_rate() {
    let validated = "Solution Validates: avg error less than 1.000000e-13 on all three arrays";
    let failure = "Failed Validation on array b[], AvgRelAbsErr > epsilon (1.000000e-13)";
    let found = recognise(&output("stream-5.10-one-thread.txt").replace(validated, failure));
    assert_eq!(found.len(), 4);
    assert!(found.iter().all(|it| it.rate.is_none() && it.verdict == Verdict::Failed(failure.into())));
}

#[test]
fn coremark_gives_its_score_if_it_was_validated() {
    let text = output("coremark-two-threads.txt");
    let plain = outcome("CoreMark", "2K performance run, 2 PThreads", Unit::CoreMark, 5);
    let (rate, seconds, core_phase) = (Some(60_518.949_996), Some(13.219), CorePhase::EndsAtLine);
    let wanted = Outcome { rate, seconds, verdict: Verdict::Passed, core_phase, ..plain };
    assert_eq!(recognise(&text), [wanted]);

    let short = "ERROR! Must execute for at least 10 secs for a valid result!\nErrors detected";
    let found = recognise(&text.replace("Correct operation validated.", short));
    let reason = "ERROR! Must execute for at least 10 secs for a valid result!".to_owned();
    assert_eq!((found[0].rate, &found[0].verdict), (None, &Verdict::Failed(reason)));
}

#[test]
fn graph500_gives_the_harmonic_mean_and_the_sum_of_its_searches() {
    let text = output("graph500-bfs-scale17.txt");
    let plain = outcome("Graph 500", "BFS scale=17 edgefactor=16", Unit::Teps, 348);
    let (rate, seconds) = (Some(7.62355e7), Some(64.0 * 0.027_500_5));
    let core_phase = CorePhase::Scattered;
    assert_eq!(recognise(&text), [Outcome { rate, seconds, verdict: Verdict::Passed, core_phase, ..plain }]);

    let only = |text: &str, keep: fn(&str) -> bool| -> String {
        text.lines().filter(|line| keep(line)).map(|line| format!("{line}\n")).collect()
    };
    let ended: String = text.lines().skip(2).take(40).map(|line| format!("{line}\n")).collect();
    assert!(matches!(recognise(&ended)[..], [Outcome { verdict: Verdict::Interrupted, .. }]), "{ended}");
    let skipped = only(&text, |line| !line.to_lowercase().contains("validat"));
    assert_eq!(recognise(&skipped)[0].verdict, Verdict::Unchecked);
    let invalid = only(&text, |line| !line.contains('_')) + "No results printed for invalid run.\n";
    assert!(matches!(recognise(&invalid)[..], [Outcome { rate: None, verdict: Verdict::Failed(_), .. }]));
}

#[test]
fn sysbench_checks_nothing_and_that_is_said() {
    let found = recognise(&output("sysbench-1.0.20-cpu.txt"));
    let plain = outcome("sysbench", "threads=2", Unit::EventPerSecond, 15);
    let (rate, seconds, core_phase) = (Some(6523.09), Some(10.0004), CorePhase::EndsAtLine);
    assert_eq!(found, [Outcome { rate, seconds, verdict: Verdict::Unchecked, core_phase, ..plain }]);
}

fn of_our_own(label: &str, unit: Unit, rate: f64, core_phase: CorePhase, line: usize) -> Outcome {
    let plain = outcome("picollect bench", label, unit, line);
    let seconds = match core_phase {
        CorePhase::Exact { start_ms, end_ms } => Some((end_ms - start_ms) as f64 / 1000.0),
        _ => None,
    };
    Outcome { rate: Some(rate), seconds, verdict: Verdict::Passed, core_phase, ..plain }
}

#[test]
fn our_own_benchmark_gives_its_best_bandwidths_and_the_rate_of_an_exact_time() {
    let bandwidth = |(kernel, (mb_s, line)): (&str, (f64, usize))| {
        let label = format!("{kernel} n=16777216 threads=2");
        of_our_own(&label, Unit::BytePerSecond, mb_s * 1e6, CorePhase::Scattered, line)
    };
    let rates = [15072.0, 23943.3, 20564.2, 18479.8];
    let mut wanted: Vec<_> = ["copy", "scale", "add", "triad"]
        .into_iter()
        .zip(rates.into_iter().zip(2..))
        .map(bandwidth)
        .collect();
    let core_phase = CorePhase::Exact { start_ms: 1_795_455_473_615, end_ms: 1_795_455_480_481 };
    let rate = 144_054_000_000.0 / 6.866;
    wanted.push(of_our_own("solve N=6000 threads=2", Unit::FlopPerSecond, rate, core_phase, 7));
    assert_eq!(recognise(&output("picollect-bench.txt")), wanted);
}

#[test]
fn processes_of_our_own_benchmark_are_added_over_the_time_of_all_of_them() {
    let text = output("picollect-bench-mpirun-four.txt");
    let found = recognise(&text);
    let flop = 2.0 * 16_018_000_000.0 + 2.0 * 21_357_333_333.0;
    let core_phase = CorePhase::Exact { start_ms: 1_795_455_484_476, end_ms: 1_795_455_488_475 };
    let label = "solve N=2000, 4 independent processes added";
    assert_eq!(found[4], of_our_own(label, Unit::FlopPerSecond, flop / 3.999, core_phase, 28));
    // The bests would be 59.4 GB/s, more than this machine's memory can.
    let copy = 939.4e6 + 1268.2e6 + 1673.7e6 + 2005.7e6;
    assert!((found[0].rate.unwrap() / copy - 1.0).abs() < 1e-12, "{:?}", found[0]);
    assert_eq!((found.len(), found[0].label.as_str()), (5, "copy n=4194304, 4 independent processes added"));

    let twice = recognise(&text.repeat(2));
    assert_eq!((twice.len(), &twice[4]), (10, &found[4]));
}

#[test]
fn a_process_that_is_missing_or_wrong_leaves_the_whole_run_without_a_rate() {
    let text = output("picollect-bench-mpirun-four.txt");
    let without = |dropped: &str| -> String {
        text.lines().filter(|line| !line.contains(dropped)).map(|line| format!("{line}\n")).collect()
    };
    let lost = recognise(&without("solve host=vm process=3/4 threads=1 N=2000 solves"));
    assert_eq!((lost[4].rate, &lost[4].verdict), (None, &Verdict::Interrupted));
    assert!(lost[..4].iter().all(|it| it.verdict == Verdict::Passed));

    let (right, wrong) =
        (" solving_s=3.416 residual=4.870e-3 flop=16018000000 gflops=4.3861 PASSED", " residual=NaN FAILED");
    let failed = recognise(&text.replace(right, wrong));
    let reason = Verdict::Failed("scaled residual NaN on vm".into());
    assert_eq!((failed[4].rate, &failed[4].verdict), (None, &reason));
}

#[test]
fn processes_that_did_not_run_at_the_same_time_are_not_added() {
    let of = |process: usize, start_ms: usize| {
        format!(
            "picollect bench: solve host=n process={process}/2 threads=4 N=10 solves=1 start_ms={start_ms} \
             end_ms={} flop=1000 PASSED\n",
            start_ms + 1000
        )
    };
    let apart = recognise(&(of(1, 0) + &of(2, 1001)));
    let labels: Vec<_> = apart.iter().map(|it| (it.label.as_str(), it.rate)).collect();
    assert_eq!(labels, [("solve N=10 threads=4", Some(1000.0)); 2]);
    let together = recognise(&(of(1, 0) + &of(2, 500)));
    assert_eq!((together.len(), together[0].rate), (1, Some(2000.0 / 1.5)));
}

#[test]
fn an_output_of_nothing_known_gives_nothing() {
    assert_eq!(recognise(""), []);
    assert_eq!(recognise("make: Nothing to be done for 'all'.\n"), []);
    assert_eq!(recognise(&"\n".repeat(100_000)), []);
}

/// The passed outcomes. What places them may stand below the verdict, as HPCC's time of day does.
fn claims(outcomes: &[Outcome]) -> Vec<Outcome> {
    let passed = outcomes.iter().filter(|it| it.verdict == Verdict::Passed);
    passed.map(|it| Outcome { core_phase: CorePhase::Unknown, ..it.clone() }).collect()
}

fn assert_sound(outcomes: &[Outcome]) {
    for outcome in outcomes {
        let judged = matches!(outcome.verdict, Verdict::Passed | Verdict::Unchecked);
        assert!(judged || outcome.rate.is_none(), "{outcome:?}");
        for value in [outcome.rate, outcome.seconds].into_iter().flatten() {
            assert!(value.is_finite() && value >= 0.0, "{outcome:?}");
        }
        assert!(!outcome.label.contains(char::is_control), "{outcome:?}");
    }
}

#[test]
fn a_cut_output_claims_nothing_that_the_whole_one_does_not() {
    for file in FILES {
        let text = output(file);
        let whole = recognise(&text);
        let ends = text.match_indices('\n').map(|(end, _)| end + 1);
        for cut in ends.map(|end| recognise(&text[..end])) {
            assert_sound(&cut);
            let whole = claims(&whole);
            assert!(claims(&cut).iter().all(|claim| whole.contains(claim)), "{file}: {cut:?}");
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_read_without_harm(text in any::<String>(), lines in proptest::collection::vec(".{0,80}", 0..20)) {
        assert_sound(&recognise(&text));
        assert_sound(&recognise(&(lines.join("\n") + "\n")));
        assert_sound(&Pattern::new(r"(?<value>\S+)", "GFLOPS").unwrap().read(&text));
    }

    #[test]
    fn real_lines_in_any_order_are_read_without_harm(
        file in 0..FILES.len(),
        order in proptest::collection::vec(any::<prop::sample::Index>(), 0..60),
    ) {
        let text = output(FILES[file]);
        let lines: Vec<_> = text.lines().collect();
        let shuffled: String = order.iter().map(|index| format!("{}\n", index.get(&lines))).collect();
        assert_sound(&recognise(&shuffled));
    }

    #[test]
    fn an_output_cut_inside_a_line_claims_no_more(file in 0..FILES.len(), end in any::<prop::sample::Index>()) {
        let text = output(FILES[file]);
        let whole = recognise(&text);
        let cut = recognise(text.get(..end.index(text.len())).unwrap_or_default());
        let whole = claims(&whole);
        prop_assert!(claims(&cut).iter().all(|claim| whole.contains(claim)));
    }
}

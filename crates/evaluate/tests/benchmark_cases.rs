//! Outputs that were once not known, taken for something else, or read wrongly: each with what is right.

use picollect_evaluate::benchmarks::{CorePhase, Outcome, Unit, Verdict, recognise};

use crate::benchmarks::{outcome, output};

fn failed(reason: &str) -> Verdict {
    Verdict::Failed(reason.to_owned())
}

#[test]
fn hpl_that_skips_a_test_for_lack_of_memory_is_hpl_without_a_rate() {
    let text = output("hpl-2.1-memory-skip.txt");
    let wanted = outcome("HPL", "N=22000 NB=256 P=1 Q=1", Unit::FlopPerSecond, 42);
    let verdict = failed("skipped: Memory allocation failed for A, x and b.");
    assert_eq!(recognise(&text), [Outcome { verdict, ..wanted }]);
}

#[test]
fn the_result_beside_a_skipped_test_counts() {
    let whole = output("hpl-2.3-plain.txt");
    let skip = "\nHPL ERROR from process # 0, on line 173 of function HPL_pdtest:\n\
                >>> [0,0] Memory allocation failed for A, x and b. Skip. <<<\n\n";
    let row = "T/V                N    NB     P     Q";
    let before = recognise(&whole.replacen(row, &format!("{skip}{row}"), 1));
    let verdicts: Vec<_> = before.iter().map(|it| (&it.verdict, it.rate)).collect();
    let skipped = failed("skipped: Memory allocation failed for A, x and b.");
    assert_eq!(verdicts, [(&skipped, None), (&Verdict::Passed, Some(130.68e9))]);
    let after = recognise(&whole.replace("\nFinished ", &format!("{skip}\nFinished ")));
    assert_eq!(after.iter().map(|it| it.rate).collect::<Vec<_>>(), [Some(130.68e9), None]);
}

#[test]
fn hpl_that_does_not_begin_says_why() {
    let text = "HPL ERROR from process # 0, on line 419 of function HPL_pdinfo:\n\
                >>> Need at least 4 processes for these tests <<<\n\n\
                HPL ERROR from process # 0, on line 621 of function HPL_pdinfo:\n\
                >>> Illegal input in file HPL.dat. Exiting ... <<<\n\n";
    let verdict = failed("Need at least 4 processes for these tests");
    assert_eq!(recognise(text), [Outcome { verdict, ..outcome("HPL", "", Unit::FlopPerSecond, 2) }]);
}

#[test]
fn a_row_that_other_output_broke_into_is_an_interrupted_result() {
    let text = output("hpl-2.3-plain.txt").replace("5.10 ", "5[node3] link is up");
    let found = recognise(&text);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].benchmark, found[0].rate, &found[0].verdict), ("HPL", None, &Verdict::Interrupted));
    assert!(found[0].label.starts_with("WR11C2R4 ") && found[0].line == 47, "{found:?}");
}

#[test]
fn mixed_precision_is_a_benchmark_of_its_own() {
    let text = output("hpl-ai-2.3d.txt");
    let found = recognise(&text);
    let label = "WR02R2L2 N=40000 NB=256 P=5 Q=4";
    assert_eq!((found.len(), found[0].benchmark, found[0].label.as_str()), (1, "HPL-MxP", label));
    assert_eq!((&found[0].unit, found[0].rate), (&Unit::MixedFlopPerSecond, Some(50.732e9)));
    assert_eq!((&found[0].verdict, found[0].seconds), (&Verdict::Passed, Some(841.08)));
    assert!(matches!(found[0].core_phase, CorePhase::Stated { .. }), "its stamps count too");
    let from_the_row = &text[text.find("WR02R2L2").unwrap()..];
    assert_eq!(recognise(from_the_row)[0].benchmark, "HPL-MxP", "also without its banner");
    let cut = &text[..text.find("T/V                N").unwrap()];
    let cut = recognise(cut);
    assert_eq!((cut[0].benchmark, &cut[0].verdict), ("HPL-MxP", &Verdict::Interrupted));
    // HPL after it in the same file is HPL again.
    let both = recognise(&(text.clone() + &output("hpl-2.3-plain.txt")));
    assert_eq!(both.iter().map(|it| it.benchmark).collect::<Vec<_>>(), ["HPL-MxP", "HPL"]);
}

#[test]
fn nvidias_hpl_mxp_prints_a_block() {
    let block = |check: &str| {
        format!(
            "****** HPL MxP Result    ******\n\
             ||Ax-b||_oo     . . . . . = 8.7E-14\n\
             ||Ax-b||_oo / (EPS * (||A||_oo * ||x||_oo + ||b||_oo) * N) = 5.6E-04 ...... {check}\n\n\
             N = 258048, NB = 1024, NPROW = 4, NPCOL = 2, SLOPPY-TYPE = 2\n\
             GFLOPS = 4.0e+05, per GPU = 50000.0 ------ The one to report\n\
             LU GFLOPS = 2.0e+06, per GPU = 250000.0 ------ Without the solver\n\
             ****** HPL MxP Result    ******\n"
        )
    };
    let label = "N=258048 NB=1024 NPROW=4 NPCOL=2 SLOPPY-TYPE=2";
    let wanted = outcome("HPL-MxP", label, Unit::MixedFlopPerSecond, 6);
    let wanted = Outcome { rate: Some(4e14), verdict: Verdict::Passed, ..wanted };
    assert_eq!(recognise(&block("PASSED")), [wanted]);
    let wrong = recognise(&block("FAILED"));
    assert!(matches!(wrong[..], [Outcome { rate: None, verdict: Verdict::Failed(_), .. }]), "{wrong:?}");
    let unchecked: String =
        block("").lines().filter(|line| !line.starts_with("||")).map(|line| format!("{line}\n")).collect();
    let unchecked = recognise(&unchecked);
    assert_eq!((unchecked[0].rate, &unchecked[0].verdict), (Some(4e14), &Verdict::Unchecked));
    let cut = recognise(block("PASSED").split_inclusive("SLOPPY-TYPE = 2\n").next().unwrap());
    assert_eq!((cut[0].rate, &cut[0].verdict, cut.len()), (None, &Verdict::Interrupted, 1));
}

#[test]
fn sysbench_1_1_says_elapsed_and_counts_events_of_every_test() {
    let text = output("sysbench-1.1-cpu.txt");
    let wanted = |rate, line| Outcome {
        rate: Some(rate),
        seconds: Some(87.7069),
        verdict: Verdict::Unchecked,
        core_phase: CorePhase::EndsAtLine,
        ..outcome("sysbench", "threads=1", Unit::EventPerSecond, line)
    };
    assert_eq!(recognise(&text), [wanted(114.02, 15)]);
    let without: String =
        text.lines().filter(|line| !line.contains("per second")).map(|line| format!("{line}\n")).collect();
    assert_eq!(recognise(&without), [wanted(114.0161, 17)]);
}

#[test]
fn babelstream_gives_the_best_rate_of_each_kernel() {
    let text = output("made-babelstream-5.0.txt");
    let row = |(kernel, (mb_s, line)): (&str, (f64, usize))| Outcome {
        rate: Some(mb_s * 1e6),
        verdict: Verdict::Unchecked,
        core_phase: CorePhase::Scattered,
        ..outcome("BabelStream", &format!("{kernel} double"), Unit::BytePerSecond, line)
    };
    let rates = [13102.48, 12958.116, 14511.903, 14498.022, 15820.771];
    let kernels = ["Copy", "Mul", "Add", "Triad", "Dot"].into_iter().zip(rates.into_iter().zip(11..));
    let wanted: Vec<_> = kernels.map(row).collect();
    assert_eq!(recognise(&text), wanted);

    let wrong = text.replace("Function ", "Validation failed on a[]. Average error 0.5\nFunction ");
    let wrong = recognise(&wrong);
    assert!(wrong.iter().all(|it| it.rate.is_none()) && wrong.len() == 5, "{wrong:?}");
    assert_eq!(wrong[0].verdict, failed("Validation failed on a[]. Average error 0.5"));
    let cut = recognise(text.split_inclusive("GB)\n").next().unwrap());
    assert_eq!((cut[0].benchmark, &cut[0].verdict), ("BabelStream", &Verdict::Interrupted));
    let mebibytes = recognise(&text.replace("MBytes/sec", "MiBytes/sec"));
    assert_eq!(mebibytes[0].rate, Some(13102.48 * 1_048_576.0));
}

#[test]
fn babelstream_counts_its_units_in_csv_and_for_one_kernel() {
    let csv = "phase,n_elements,sizeof,max_mbytes_per_sec,runtime\nInit,33554432,8,12174.2,0.066\n\
               function,num_times,n_elements,sizeof,max_mbytes_per_sec,min_runtime,max_runtime,avg_runtime\n\
               Copy,100,33554432,8,13102.5,0.04097,0.04401,0.04152\nDot,100,33554432,8,15820.8,0.03,0.04,0.03\n";
    let found: Vec<_> = recognise(csv).into_iter().map(|it| (it.label, it.rate)).collect();
    assert_eq!(found, [("Copy".to_owned(), Some(13102.5e6)), ("Dot".to_owned(), Some(15820.8e6))]);
    let often = csv.to_owned() + &"Add,100,33554432,8,13102.5,0.04,0.04,0.04\n".repeat(9);
    assert_eq!(recognise(&often).len(), 6, "it has six kernels");
    for (head, bytes) in [
        ("max_mbytes_per_sec", 1e6),
        ("max_mibytes_per_sec", 1_048_576.0),
        ("gbytes_per_sec", 1e9),
        ("gibytes_per_sec", 1_073_741_824.0),
    ] {
        let found = recognise(&csv.replace("sizeof,max_mbytes_per_sec,min", &format!("sizeof,{head},min")));
        assert_eq!(found[1].rate, Some(15820.8 * bytes), "{head}");
    }
    let triad = "BabelStream\nVersion: 5.0\nRunning triad 100 times\nPrecision: float\n\
                 --------------------------------\nRuntime (seconds): 5.55\nBandwidth (GB/s):  14.5\n";
    let found = &recognise(triad)[0];
    assert_eq!((found.label.as_str(), found.rate), ("Triad float", Some(14.5e9)));
}

#[test]
fn llama_bench_tells_prefill_and_decode_apart() {
    let of = |label: &str, rate, seconds: Option<f64>, line| Outcome {
        rate: Some(rate),
        seconds,
        verdict: Verdict::Unchecked,
        core_phase: if seconds.is_some() { CorePhase::EndsAtLine } else { CorePhase::Unknown },
        ..outcome("llama-bench", &format!("llama 1B Q4_0 {label} threads=4"), Unit::TokenPerSecond, line)
    };
    let table = [
        of("prefill pp512", 61.42, None, 3),
        of("decode tg128", 14.85, None, 4),
        of("prefill and decode pp512+tg128", 37.2, None, 5),
    ];
    assert_eq!(recognise(&output("made-llama-bench.md")), table);
    let json = output("made-llama-bench.json");
    let tests = [
        of("prefill pp512", 61.420_345, Some(16.672), 24),
        of("decode tg128 @ d4096", 14.8492, Some(17.24), 47),
    ];
    assert_eq!(recognise(&json), tests);
    let lines = json.replace('\n', "").replace("  },", "}\n").replace("[  {", "{").replace("  }]", "}\n");
    let rates =
        |found: Vec<Outcome>| found.into_iter().map(|it| (it.label, it.rate, it.seconds)).collect::<Vec<_>>();
    assert_eq!(rates(recognise(&lines)), rates(tests.to_vec()), "JSON lines");
}

#[test]
fn other_programs_of_llama_cpp_print_their_figures_at_their_end() {
    let text = "llama_perf_context_print:        load time =     812.10 ms\n\
                llama_perf_context_print: prompt eval time =    2000.00 ms /    21 tokens (   95.24 ms per token,    10.50 tokens per second)\n\
                llama_perf_context_print:        eval time =   16000.00 ms /   160 runs   (  100.00 ms per token,    10.00 tokens per second)\n\
                llama_perf_context_print:       total time =   18100.00 ms /   181 tokens\n";
    let found = recognise(text);
    let figures: Vec<_> = found.iter().map(|it| (it.label.as_str(), it.rate, it.seconds)).collect();
    assert_eq!(
        figures,
        [("prefill 21 tokens", Some(10.5), Some(2.0)), ("decode 160 tokens", Some(10.0), Some(16.0))]
    );
    assert!(found.iter().all(|it| it.benchmark == "llama.cpp" && it.core_phase == CorePhase::Unknown));
}

#[test]
fn ollama_tells_reading_from_writing_and_loading_from_both() {
    let text = output("made-ollama-verbose.txt");
    let found = recognise(&text);
    let of = |label: &str, tokens: f64, seconds: f64, core_phase| Outcome {
        rate: Some(tokens / seconds),
        seconds: Some(seconds),
        verdict: Verdict::Unchecked,
        core_phase,
        ..outcome("ollama", label, Unit::TokenPerSecond, 10)
    };
    let read = of("prefill 21 tokens", 21.0, 1.346_030_951, CorePhase::EndsBeforeLine { by_ms: 16_774 });
    let written = of("decode 160 tokens", 160.0, 16.774_703_785, CorePhase::EndsAtLine);
    assert_eq!(found, [read, written]);
    let cut = recognise(text.split_inclusive("15.60 tokens/s\n").next().unwrap());
    assert!(matches!(cut[..], [Outcome { rate: None, verdict: Verdict::Interrupted, .. }]), "{cut:?}");
    let cached = text.replace("prompt eval duration: 1.346030951s", "prompt eval duration: 0s");
    assert_eq!(recognise(&cached).len(), 1, "a prompt from the cache was not read");
    let minutes = text.replace("16.774703785s", "1m20s");
    assert_eq!(recognise(&minutes)[1].rate, Some(2.0));
}

const LAUNCHED: [&str; 5] = [
    "hpl-2.3-plain.txt",
    "stream-5.10-two-threads.txt",
    "sysbench-1.0.20-cpu.txt",
    "coremark-two-threads.txt",
    "graph500-bfs-scale17.txt",
];

#[test]
fn what_a_launcher_puts_before_each_line_changes_nothing() {
    for file in LAUNCHED {
        let plain = output(file);
        let wanted = recognise(&plain);
        for mark in [
            "[0] ",
            "0: ",
            " 12: ",
            "pi-1: ",
            "[1,0]<stdout>:",
            "2026-11-23T12:57:05+01:00 ",
            "Nov 23 12:57:05 pi-1: ",
        ] {
            let marked: String = plain.lines().map(|line| format!("{mark}{line}\n")).collect();
            assert_eq!(recognise(&marked), wanted, "{file} behind `{mark}`");
        }
        let coloured: String = plain.lines().map(|line| format!("\x1b[32m{line}\x1b[0m\x1b[K\n")).collect();
        assert_eq!(recognise(&coloured), wanted, "{file} in colours");
        let overwritten: String = plain.lines().map(|line| format!("10 %\r100 %\r{line}\r\n")).collect();
        assert_eq!(recognise(&overwritten), wanted, "{file} over a progress bar");
    }
}

#[test]
fn copies_of_a_program_that_print_side_by_side_are_several_results() {
    let plain = output("sysbench-1.0.20-cpu.txt");
    let other = plain.replace("6523.09", "6000.00");
    let interleaved: String =
        plain.lines().zip(other.lines()).map(|(a, b)| format!("pi-1: {a}\npi-2: {b}\n")).collect();
    let found = recognise(&interleaved);
    let figures: Vec<_> = found.iter().map(|it| (it.label.as_str(), it.rate)).collect();
    assert_eq!(figures, [("threads=2 (pi-1)", Some(6523.09)), ("threads=2 (pi-2)", Some(6000.0))]);
}

#[test]
fn other_ranks_do_not_interrupt_the_one_that_prints_the_result() {
    let plain = output("hpl-2.3-plain.txt");
    let noisy: String = plain.lines().map(|line| format!("0: {line}\n1: [node2] link is up\n")).collect();
    let found = recognise(&noisy);
    let wanted = recognise(&plain);
    assert_eq!((found.len(), found[0].rate, &found[0].label), (1, wanted[0].rate, &wanted[0].label));
    assert_eq!((&found[0].verdict, found[0].core_phase), (&Verdict::Passed, wanted[0].core_phase));
}

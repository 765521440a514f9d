//! What reports say in words, in every situation in which a sentence could be false: a table of situations and
//! sentences as a golden, and beside it what must not stand in it.

use picollect_analysis::report::{Format, Screen, build, run as assess, verdict_of_run, written};
use picollect_analysis::request::Sources;
use picollect_analysis::runs::{self, Check, Core, End, IMPORTED_FROM, Run, RunResult, Share, TimeRange};
use picollect_config::Config;
use picollect_evaluate::Window;

use crate::golden::assert_golden;
use crate::reports::store_with;

/// 2026-11-23T12:00:00Z.
const START_MS: i64 = 1_795_435_200_000;
const NOW_MS: i64 = START_MS + 3_600_000;
const MINUTE: (i64, i64) = (0, 60);

/// A situation: what was measured, the window in seconds since `START_MS`, and a run in it.
struct Situation {
    name: &'static str,
    lines: String,
    window: (i64, i64),
    run: Option<Run>,
}

fn situation(name: &'static str, lines: impl Into<String>, window: (i64, i64)) -> Situation {
    Situation { name, lines: lines.into(), window, run: None }
}

/// A line for each step of the window.
fn each(step_s: i64, line: impl Fn(i64, i64) -> String) -> String {
    (0..=60 / step_s).map(|step| line(step * step_s, START_MS + step * step_s * 1000)).collect()
}

fn speaks(host: &str, interval_s: i64) -> String {
    each(interval_s, |_, t| format!("agent,host={host} interval_s={interval_s} {t}\n"))
}

fn metered(host: &str, boundary: &str, source: &str) -> String {
    each(5, |second, t| {
        let joules = second * 5;
        format!(
            "power,host={host},boundary={boundary},meter=m,source={source} \
             joules={joules},metered_s={second},since_ms={START_MS}i,watts=5 {t}\n"
        )
    })
}

fn node(host: &str) -> String {
    speaks(host, 5) + &metered(host, "node", "measured")
}

fn flags(host: &str, throttled: impl Fn(i64) -> bool) -> String {
    each(5, |second, t| {
        let now = i32::from(throttled(second));
        format!(
            "throttle,host={host},origin=mailbox \
             under_voltage=0i,freq_capped={now}i,throttled={now}i,soft_limit=0i {t}\n"
        )
    })
}

fn wall(until_s: i64) -> String {
    let line = |second: i64| {
        format!("power,boundary=wall,meter=socket,source=measured watts=30 {}\n", START_MS + second * 1000)
    };
    (0..=until_s).map(line).collect()
}

/// A run from and to seconds since `START_MS`.
fn a_run(from_s: i64, to_s: i64) -> Run {
    let time = TimeRange { start_ms: START_MS + from_s * 1000, end_ms: START_MS + to_s * 1000 };
    Run { nodes: None, ..Run::of_load("r", "HPL", "head", time, Vec::new()) }
}

fn hpl(core: Option<(i64, i64)>) -> RunResult {
    RunResult {
        benchmark: "HPL".into(),
        label: "WR11C2R4 N=10000 NB=128 P=1 Q=2".into(),
        rate: Some(10e9),
        unit: "FLOPS".into(),
        seconds: Some(40.0),
        check: Check::Passed,
        reason: None,
        core: core.map(|(from_s, to_s)| Core {
            time: TimeRange { start_ms: START_MS + from_s * 1000, end_ms: START_MS + to_s * 1000 },
            edge_s: 0.5,
        }),
    }
}

fn with_run(name: &'static str, lines: String, run: Run) -> Situation {
    Situation { run: Some(run), ..situation(name, lines, MINUTE) }
}

fn without_runs() -> Vec<Situation> {
    let five = (1..=5).map(|number| node(&format!("pi-{number}"))).collect::<String>();
    let one_sample = format!(
        "agent,host=pi-1 interval_s=5 {START_MS}\n\
         power,host=pi-1,boundary=node,meter=m,source=measured watts=5 {}\n",
        START_MS + 1000
    );
    vec![
        situation("no data at all", "", MINUTE),
        situation("a node without a meter", speaks("pi-1", 5), MINUTE),
        situation("two nodes without a meter", speaks("pi-1", 5) + &speaks("pi-2", 5), MINUTE),
        situation("one node", node("pi-1") + &flags("pi-1", |_| false), MINUTE),
        situation("one sample", one_sample, MINUTE),
        situation("between two samples of a meter", node("pi-1"), (121, 122)),
        situation("before the data", node("pi-1"), (-600, -540)),
        situation("after the data", node("pi-1"), (600, 660)),
        situation("a window in the future", node("pi-1"), (7200, 7260)),
        situation("a window that is not over", node("pi-1") + &flags("pi-1", |_| false), (0, 7200)),
        situation("all flags unknown", five.clone(), MINUTE),
        situation("flags of one of five nodes", five.clone() + &flags("pi-2", |_| false), MINUTE),
        situation(
            "one throttled, the others unknown",
            five.clone() + &flags("pi-2", |second| (10..30).contains(&second)),
            MINUTE,
        ),
        situation("one of two nodes with a meter", node("pi-1") + &speaks("pi-2", 5), MINUTE),
        situation("estimated", speaks("pi-1", 5) + &metered("pi-1", "node", "estimated"), MINUTE),
        situation("simulated", speaks("pi-1", 5) + &metered("pi-1", "node", "simulated"), MINUTE),
        situation(
            "mixed boundaries",
            node("pi-1") + &speaks("pi-2", 5) + &metered("pi-2", "soc-rails", "measured"),
            MINUTE,
        ),
        situation("a wall meter alone", wall(60), MINUTE),
        situation("five nodes behind one wall meter", five.clone() + &wall(60), MINUTE),
        situation("five nodes and a wall log of eight seconds", five + &wall(8), MINUTE),
    ]
}

fn with_runs() -> Vec<Situation> {
    let two = node("pi-1") + &node("pi-2");
    let done = |core| Run { results: vec![hpl(core)], ..a_run(5, 55) };
    let imported =
        Run { provenance: [(IMPORTED_FROM.to_owned(), "HPL.out".to_owned())].into(), ..done(Some((10, 50))) };
    let counted = Run { shares: vec![Share { host: "pi-1".into(), flop: Some(5e11) }], ..a_run(5, 55) };
    vec![
        with_run("a run without any node", String::new(), imported.clone()),
        with_run("a run without a meter", speaks("pi-1", 5) + &speaks("pi-2", 5), done(Some((10, 50)))),
        with_run(
            "a run of one of two nodes with a meter",
            node("pi-1") + &speaks("pi-2", 5),
            done(Some((10, 50))),
        ),
        with_run("a run whose core phase is not known", two.clone(), done(None)),
        with_run(
            "a run, flags of one of two nodes",
            two.clone() + &flags("pi-1", |_| false),
            done(Some((10, 50))),
        ),
        with_run(
            "a run, all flags known",
            two.clone() + &flags("pi-1", |_| false) + &flags("pi-2", |_| false),
            done(Some((10, 50))),
        ),
        with_run("a throttled run", two.clone() + &flags("pi-1", |_| true), done(Some((10, 50)))),
        with_run("a throttled command without a rate", two.clone() + &flags("pi-1", |_| true), a_run(5, 55)),
        with_run("a run between two samples", node("pi-1"), a_run(121, 122)),
        with_run("a wall log of the core phase only", two.clone() + &wall(50), done(Some((10, 50)))),
        with_run("an imported run behind a wall meter", wall(60), imported),
        with_run("a load of picollect's own", two.clone(), counted),
        with_run("a command that failed", two, Run { end: End::Exit(1), ..a_run(5, 55) }),
    ]
}

/// The sentences of a page, up to the first table or chart of each section.
fn sentences(page: &str) -> String {
    let wanted = ["VERDICT", "ENERGY", "THROTTLING"];
    let mut kept = String::new();
    let (mut section, mut facts) = (false, true);
    for line in page.lines() {
        if !line.is_empty() && !line.starts_with(' ') {
            (section, facts) = (wanted.contains(&line), true);
        }
        // Tables and charts have a caption, with an empty line before it.
        facts = facts && !(line.is_empty());
        if section && facts {
            kept += &format!("  {line}\n");
        }
    }
    kept
}

fn said(situation: &Situation) -> String {
    let directory = store_with(&situation.lines);
    let store = picollect_store::open(directory.path()).expect("the store opens");
    let config = Config::default();
    let from = Sources { store: &store, config: &config, now_ms: NOW_MS };
    let mut text = format!("== {}\n", situation.name);
    if let Some(run) = &situation.run {
        runs::record(&store, run).expect("the store writes");
        text += &verdict_of_run(&assess(&from, run.clone()).expect("a run"), Screen::default());
        return text;
    }
    let (from_s, to_s) = situation.window;
    let window = Window { start_ms: START_MS + from_s * 1000, end_ms: START_MS + to_s * 1000 };
    let report = build(&from, window).expect("a report");
    text + &sentences(&written(&report, Format::Text, Screen::default()).expect("text"))
}

#[test]
fn every_sentence_is_true_in_every_situation() {
    let situations = without_runs().into_iter().chain(with_runs());
    let table: String = situations.map(|situation| said(&situation) + "\n").collect();
    for false_one in ["What 0 nodes", "0 nodes used", "energy       – at –", "6 meters", "(unknown)"] {
        assert!(!table.contains(false_one), "{false_one}:\n{table}");
    }
    for line in table.lines() {
        assert!(line.matches("core phase not known").count() < 2, "{line}");
    }
    assert_golden("sentences.txt", &table);
}

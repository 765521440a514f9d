//! The report's formats: a sample with everything as goldens, and what holds of each format.

use picollect_analysis::report::{
    Format, Node, NodeTimeline, Report, Run, RunResult, Scaled, Screen, compared, run_page, run_written,
    runs_table, runs_written, verdict_of_run, written,
};
use picollect_evaluate::scaling::{Point, scaling};

use crate::golden::assert_golden;
use crate::sample_report::{HOSTILE, earlier_hpl, hpl, in_format, interrupted, sample};

fn beside(first: &Run, second: &Run, format: Format) -> String {
    compared(first, second, format, Screen::default()).expect("numbers that JSON knows")
}

/// A page without the sequences that colour it.
fn plain(coloured: &str) -> String {
    let mut parts = coloured.split("\x1b[");
    let first = parts.next().unwrap_or_default().to_owned();
    let rest = parts.map(|part| part.split_once('m').expect("a sequence ends").1);
    first + &rest.collect::<String>()
}

#[track_caller]
fn assert_fits_a_terminal(page: &str) {
    for line in page.lines() {
        assert!(line.chars().count() <= 80, "{line:?} is too wide in\n{page}");
        assert_eq!(line, line.trim_end(), "nothing but room at the end");
        assert!(!line.contains(char::is_control), "{line:?} would steer the terminal");
    }
}

/// The sample, the sample with every node under a hostile name, and a cluster of forty nodes one of
/// which has a hundred episodes.
fn reports() -> [Report; 3] {
    let mut hostile = sample();
    let of_timeline = hostile.timeline.nodes.iter_mut().map(|node| &mut node.host);
    let of_runs = hostile.runs.iter_mut().flat_map(|run| &mut run.nodes).map(|node| &mut node.host);
    let of_advice = hostile.advice.iter_mut().map(|advice| &mut advice.host);
    let of_balance = hostile.balance.iter_mut().map(|outlier| &mut outlier.host);
    let hosts = hostile.nodes.iter_mut().map(|node| &mut node.host).chain(of_timeline);
    hosts.chain(of_runs).chain(of_advice).chain(of_balance).for_each(|host| *host = HOSTILE.into());
    for reference in &mut hostile.references {
        (reference.name, reference.source) = (HOSTILE.into(), HOSTILE.into());
    }
    let mut large = sample();
    for number in 6..=40 {
        let like = number % 4;
        let host = format!("pi-{number}");
        large.nodes.push(Node { host: host.clone(), ..large.nodes[like].clone() });
        large.timeline.nodes.push(NodeTimeline { host, ..large.timeline.nodes[like].clone() });
    }
    let episode = large.nodes[1].episodes.as_ref().expect("known")[0].clone();
    large.nodes[1].episodes = Some(vec![episode; 100]);
    [sample(), hostile, large]
}

#[test]
fn many_nodes_and_many_episodes_are_told_in_parts() {
    let [.., large] = reports();
    let page = in_format(&large, Format::Html);
    assert!(page.contains("<figcaption>Power of each node over time, W</figcaption>"), "a map of all");
    assert!(
        page.contains("<figcaption>Temperature of each node over time, °C</figcaption>"),
        "and of the heat"
    );
    assert!(page.contains("Power over time of the whole cluster, W"), "the wall and the sum");
    assert!(page.contains("Temperature over time of the 7 nodes most different ("), "those that differ");
    assert!(!page.contains(" of 6)"), "not seven lines a drawing for all of them");
    assert_eq!(page.matches("<figcaption>Throttling over time").count(), 2, "sixteen rows a drawing");
    let page = in_format(&large, Format::Text);
    let hidden = page.split_once("are not shown here").expect("a sentence on the rest").0;
    assert!(hidden.ends_with(|letter: char| letter.is_whitespace()), "{hidden}");
    assert!(page.matches("under-voltage").count() < 60, "not all hundred");
    assert!(
        in_format(&large, Format::Csv).matches("cause,under-voltage").count() >= 100,
        "but all of them in CSV"
    );
}

#[test]
fn the_sample_in_every_format() {
    let report = sample();
    assert_golden("sample-report.txt", &in_format(&report, Format::Text));
    assert_golden("sample-report.html", &in_format(&report, Format::Html));
    assert_golden("sample-report.md", &in_format(&report, Format::Markdown));
    assert_golden("sample-report.csv", &in_format(&report, Format::Csv));
    assert_golden("sample-report.json", &in_format(&report, Format::Json));
}

#[test]
fn runs_by_themselves_and_side_by_side() {
    let runs = [hpl(), earlier_hpl(), interrupted()];
    let verdicts: String = runs.iter().map(|run| verdict_of_run(run, Screen::default()) + "\n").collect();
    let pages =
        verdicts + &run_page(&hpl(), Screen::default()) + "\n" + &runs_table(&runs, Screen::default());
    assert_fits_a_terminal(&pages);
    assert_golden("sample-runs.txt", &pages);
    let compared = beside(&earlier_hpl(), &hpl(), Format::Text);
    assert_fits_a_terminal(&compared);
    assert_golden("sample-comparison.txt", &compared);
    assert_golden("sample-comparison.md", &beside(&earlier_hpl(), &hpl(), Format::Markdown));
    let page = beside(&earlier_hpl(), &hpl(), Format::Html);
    assert!(page.contains("<figcaption>Efficiency</figcaption>") && page.contains("class=\"whisker\""));
    assert!(page.contains("A: hpl-2026-11-22, estimated") && page.contains("B: hpl-2026-11-23, measured"));
}

#[test]
fn runs_and_comparisons_to_take_away() {
    let runs = [hpl(), earlier_hpl(), interrupted()];
    let left_out = ["a document of `r-18` cannot be a run's".to_owned()];
    let of_runs =
        |format| runs_written(&runs, &left_out, format, Screen::default()).expect("numbers that JSON knows");
    assert_golden("sample-runs.csv", &of_runs(Format::Csv));
    assert_golden("sample-runs.tex", &of_runs(Format::Latex));
    assert_golden("sample-comparison.csv", &beside(&earlier_hpl(), &hpl(), Format::Csv));
    assert_golden("sample-comparison.tex", &beside(&earlier_hpl(), &hpl(), Format::Latex));
    assert_golden("sample-report.tex", &in_format(&sample(), Format::Latex));
    for format in [Format::Text, Format::Markdown, Format::Html] {
        assert!(of_runs(format).contains("cannot be a run"), "{format:?} says what is left out");
    }
    let page = of_runs(Format::Html);
    assert!(page.contains("Efficiency in FLOPS/W") && page.contains("hpl-2026-11-22, estimated"), "{page}");
    for format in [Format::Markdown, Format::Html, Format::Csv, Format::Latex] {
        let one = run_written(&hpl(), format, Screen::default()).expect("numbers that JSON knows");
        assert!(one.contains("hpl-2026-11-23"), "{format:?}: {one}");
    }
}

#[test]
fn a_sweep_over_nodes_in_every_format() {
    let scaled = sweep();
    let in_format = |format| scaled.written(format).expect("numbers that JSON knows");
    assert_golden("sample-scaling.txt", &in_format(Format::Text));
    assert_fits_a_terminal(&in_format(Format::Text));
    assert_golden("sample-scaling.md", &in_format(Format::Markdown));
    assert_golden("sample-scaling.csv", &in_format(Format::Csv));
    assert_golden("sample-scaling.tex", &in_format(Format::Latex));
    assert_golden("sample-scaling.html", &in_format(Format::Html));
}

/// Three runs each on 1, 2, 3, 4, 6 and 8 nodes, a little apart: 94 % of the work is parallel, more or less; a node takes
/// 5 W and the switch 4 W.
fn sweep() -> Scaled {
    let point = |(nodes, luck): (u32, f64), repeat: u32| {
        let n = f64::from(nodes);
        let seconds = 600.0 * (0.06 + 0.94 / n) * luck * (1.0 + 0.02 * f64::from(repeat));
        let joules = Some((5.0 * n + 4.0) * seconds);
        Point { nodes, seconds: Some(seconds), rate: Some(3e9 * 600.0 / seconds), joules }
    };
    let on = [(1, 1.0), (2, 1.04), (3, 0.98), (4, 1.06), (6, 0.97), (8, 1.05)];
    let points: Vec<Point> =
        on.into_iter().flat_map(|on| (0..3).map(move |repeat| point(on, repeat))).collect();
    let remarks = vec!["in 3 of 18 runs: the power is estimated, not measured".to_owned()];
    Scaled { scaling: scaling(&points).expect("rates"), unit: "FLOPS".to_owned(), remarks }
}

#[test]
fn two_runs_of_different_work_have_no_ratio_of_rates() {
    let mut stream = hpl();
    let result = stream.result.as_mut().expect("a result");
    (result.unit, result.unit_per_w) = ("B/s".into(), "B/s per W".into());
    let page = beside(&hpl(), &stream, Format::Text);
    assert!(page.contains("The rates count different things"), "{page}");
    let rate = page.lines().find(|line| line.trim_start().starts_with("rate")).expect("a row");
    assert!(rate.ends_with('–'), "{rate}");
}

#[test]
fn a_core_phase_against_a_whole_run_is_said() {
    let mut whole = earlier_hpl();
    whole.result.as_mut().expect("a result").core = None;
    let page = beside(&whole, &hpl(), Format::Markdown);
    assert!(page.contains("MFLOPS/W, whole run") && page.contains("MFLOPS/W, core"), "{page}");
    assert!(page.contains("Only one efficiency is of the core phase alone."), "{page}");
}

#[test]
fn runs_of_one_name_are_told_apart_by_their_ids() {
    let mut report = sample();
    report.runs.push(earlier_hpl());
    let page = in_format(&report, Format::Html);
    assert!(page.contains("hpl (hpl-2026-11-22)</text>") && page.contains("hpl (hpl-2026-11-23)</text>"));
    assert!(page.contains("The best run here is hpl (hpl-2026-11-23)."));
}

#[test]
fn a_run_without_rate_power_or_core_phase_claims_no_more_than_it_has() {
    let told = |change: fn(&mut RunResult)| {
        let mut run = hpl();
        change(run.result.as_mut().expect("a result"));
        verdict_of_run(&run, Screen::default())
    };
    let failed = told(|result| {
        (result.rate, result.rate_per_w, result.rate_per_w_whole) = (None, None, None);
        (result.verdict, result.reason) =
            (picollect_analysis::runs::Check::Failed, Some("residual too large".into()));
    });
    assert!(failed.contains("– (failed: residual too") && !failed.contains("/W"), "{failed}");
    let no_power = told(|result| (result.rate_per_w, result.rate_per_w_whole) = (None, None));
    assert!(no_power.contains("efficiency   unknown"), "{no_power}");
    let no_core = told(|result| result.core = None);
    assert!(no_core.contains("core phase   not known"), "{no_core}");
    let corrected = told(|result| result.rate_per_w_corrected = Some(3.1e8));
    assert!(corrected.contains("at the wall  310.0 MFLOPS/W with the configured loss"), "{corrected}");
    assert!(no_core.contains("whole run    353.7 ± 4.1 MFLOPS/W over 10 min"), "{no_core}");
}

#[test]
fn text_fits_eighty_columns_and_colour_adds_nothing_but_colour() {
    for report in reports() {
        let page = in_format(&report, Format::Text);
        assert_fits_a_terminal(&page);
        let coloured = written(&report, Format::Text, Screen::default().coloured(true)).expect("text");
        assert!(coloured.contains("\x1b[1;31m"));
        assert_eq!(plain(&coloured), page);
    }
    assert_eq!(
        plain(&verdict_of_run(&hpl(), Screen::default().coloured(true))),
        verdict_of_run(&hpl(), Screen::default())
    );
}

#[test]
fn sections_come_in_their_order_and_only_with_content() {
    let page = in_format(&sample(), Format::Text);
    let heads: Vec<_> = page.lines().filter(|line| line.starts_with(char::is_alphabetic)).skip(1).collect();
    let expected = [
        "VERDICT",
        "ENERGY",
        "NODES",
        "RUNS",
        "THROTTLING",
        "THERMAL",
        "BALANCE",
        "OVERHEAD",
        "COST AND CARBON",
        "AFFORDABILITY",
        "REFERENCES",
        "NOT READABLE",
        "ALARM: GIVE EACH BOARD A NAME OF ITS OWN",
    ];
    assert_eq!(heads, expected);
    let empty = in_format(&Report::default(), Format::Text);
    let heads: Vec<_> = empty.lines().filter(|line| line.starts_with(char::is_alphabetic)).skip(1).collect();
    assert_eq!(heads, ["ENERGY"]);
    assert!(empty.contains("energy  unknown"), "{empty}");
}

#[test]
fn html_holds_foreign_text_as_text_and_loads_nothing() {
    for page in reports().map(|report| in_format(&report, Format::Html)) {
        assert!(!page.contains("<script"), "foreign markup");
        assert!(page.contains("&lt;script&gt;alert"), "the name is still there");
        let steers = |letter: char| letter != '\n' && letter.is_control() || letter == '\u{202e}';
        assert!(!page.contains(steers), "nothing turns the direction of writing");
        for forbidden in ["http://", "https://", "src=", "url(", "@import", " style="] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        assert!(page.contains("default-src 'none'; style-src 'sha256-"));
    }
}

#[test]
fn what_is_unknown_is_a_gap_and_never_a_zero() {
    let mut report = sample();
    for node in &mut report.timeline.nodes {
        node.watts.fill(None);
    }
    report.timeline.outer_w.clear();
    assert!(!in_format(&report, Format::Html).contains("Power over time"), "no axis without a value");
    report.timeline.nodes[0].watts[3] = Some(5.0);
    let page = in_format(&report, Format::Html);
    let (_, chart) = page.split_once("Power over time").expect("the chart");
    assert!(chart.contains("59 of 60 steps unknown") && chart.contains("<circle"), "one point");
    for format in
        [Format::Text, Format::Markdown, Format::Csv].map(|format| in_format(&Report::default(), format))
    {
        assert!(!format.contains("NaN") && !format.contains(" 0 J"), "{format}");
    }
}

#[test]
fn a_row_of_markdown_has_as_many_cells_as_its_head() {
    for page in reports().map(|report| in_format(&report, Format::Markdown)) {
        let mut columns = None;
        for line in page.lines() {
            let pipes = line.replace("\\\\", "").replace("\\|", "").matches('|').count();
            match (columns, line.starts_with('|')) {
                (None, true) => columns = Some(pipes),
                (Some(head), true) => assert_eq!(pipes, head, "{line}"),
                (_, false) => columns = None,
            }
        }
        assert!(!page.contains("<script>"));
    }
}

/// The records of a CSV document as RFC 4180 has it.
fn records(csv: &str) -> Vec<Vec<String>> {
    let (mut records, mut record, mut field, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut letters = csv.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => field.extend(letters.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => record.push(std::mem::take(&mut field)),
            '\n' if !quoted => {
                record.push(std::mem::take(&mut field));
                records.push(std::mem::take(&mut record));
            }
            '\r' if !quoted => {}
            letter => field.push(letter),
        }
    }
    records
}

#[test]
fn every_record_of_csv_has_nine_fields_and_no_formula() {
    for page in reports().map(|report| in_format(&report, Format::Csv)) {
        for record in records(&page) {
            assert_eq!(record.len(), 9, "{record:?}");
            let text = |field: &&String| field.parse::<f64>().is_err();
            for field in record.iter().filter(text) {
                assert!(!field.starts_with(['=', '+', '-', '@']), "{field:?} is a formula");
            }
        }
    }
    let records = records(&in_format(&sample(), Format::Csv));
    assert_eq!(records[0][0], "section");
    assert!(records.iter().any(|record| record[4] == format!("'{HOSTILE}")), "foreign text is kept");
    let joules =
        records.iter().find(|record| record[0] == "cluster" && record[3] == "energy").expect("energy");
    assert_eq!(joules[4..], ["53892", "J", "measured", "wall", "0.9997"].map(String::from));
}

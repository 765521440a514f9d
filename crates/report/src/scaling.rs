//! What more nodes bring: in words, as a table, as JSON and in pictures.

mod charts;
mod figures;
mod json;

use picollect_evaluate::scaling::{Basis, Fit, Scaling, Share, Spread};

use super::numbers::{DASH, count, decimals, si, si_spaced};
use super::page::{Block, Cell, Page, Section, Table, Tone};
use super::{Format, csv, html, latex, markdown};

/// Width of a bar of text.
const BAR: f64 = 40.0;
/// Where the times or the energies are not of the same problem.
const OTHER_WORK: &str =
    "the runs did different amounts of work: times and energies are not of the same problem";

/// A scaling with what one has to know to believe it.
#[derive(Debug, Clone)]
pub struct Scaled {
    /// What the runs say together.
    pub scaling: Scaling,
    /// The unit of their rates, SI without a prefix; empty where it is not known.
    pub unit: String,
    /// Sentences on the runs: whose power is estimated, which were simulated or throttled.
    pub remarks: Vec<String>,
}

impl Scaled {
    /// The scaling in a format. Only [`Format::Json`] can fail.
    pub fn written(&self, format: Format) -> Result<String, serde_json::Error> {
        Ok(match format {
            Format::Text => text(self),
            Format::Json => serde_json::to_string_pretty(&json::json(self))? + "\n",
            Format::Html => html::write(&page(self)),
            Format::Markdown => markdown::write(&page(self)),
            Format::Csv => csv::wide(&figures::all(self)),
            Format::Latex => latex::tables(&[figures::brief(self)]),
        })
    }

    /// What everything is relative to.
    fn about(&self) -> String {
        let basis = match self.scaling.basis {
            Basis::Rates => "rates",
            Basis::Times => "times of what is taken to be the same work",
        };
        format!("relative to {}, by {basis}", nodes(self.scaling.base_nodes))
    }

    /// Sentences that every format has; each is lines that belong together.
    fn sentences(&self) -> Vec<Vec<String>> {
        let found = &self.scaling;
        let mut list = vec![
            law("Amdahl", found.amdahl.as_ref().map_err(ToString::to_string), found),
            law("Gustafson", found.gustafson.as_ref().map_err(ToString::to_string), found),
            vec![match found.least_edp_nodes {
                Some(number) => format!("least energy × time: {}", nodes(number)),
                None => "least energy × time: not known".to_owned(),
            }],
        ];
        list.extend((found.same_work == Some(false)).then(|| vec![OTHER_WORK.to_owned()]));
        list.extend(self.remarks.iter().map(|remark| vec![remark.clone()]));
        list
    }

    /// The same, each on one line.
    fn lines(&self) -> impl Iterator<Item = String> {
        self.sentences().into_iter().map(|lines| lines.join("; "))
    }
}

fn nodes(number: u32) -> String {
    count(usize::try_from(number).unwrap_or(usize::MAX), "node")
}

/// A law with what it says: first its share, then how good it is, then what is odd.
fn law(name: &str, fit: Result<&Fit, String>, found: &Scaling) -> Vec<String> {
    let fit = match fit {
        Ok(fit) => fit,
        Err(why) => return vec![format!("{name}: no fit, {why}")],
    };
    let interval = fit.interval.map_or_else(
        || "no interval from so few numbers of nodes".to_owned(),
        |(low, high)| format!("95 % from {low:.4} to {high:.4}"),
    );
    let first = format!("{name}: parallel share {:.4} ({interval})", fit.parallel);
    let mut second = format!("off by {:.1} %", fit.rms_share * 100.0);
    let most = found.by_nodes.last().map_or(1, |at| at.nodes.saturating_mul(2));
    if let Some(speedup) = fit.speedup(most) {
        second += &format!("; {most} nodes would give {speedup:.2}");
    }
    if let Some(limit) = fit.limit().filter(|limit| *limit >= 1.0) {
        second += &format!(", no number of nodes more than {limit:.1}");
    }
    let odd = match fit.share() {
        Share::Plausible => None,
        Share::Superlinear => Some("which is no share: the speed-up is superlinear, or the base was slow"),
        Share::Slowdown => Some("which is no share: more nodes are slower than one"),
    };
    [first, second].into_iter().chain(odd.map(ToOwned::to_owned)).collect()
}

fn text(scaled: &Scaled) -> String {
    let found = &scaled.scaling;
    let mut page = format!("SCALING   {}\n\n", scaled.about());
    page += &format!(
        "  {:>5} {:>4} {:>10} {:>13} {:>10} {:>8} {:>6} {:>6} {:>7}\n",
        "nodes", "runs", "time", "rate", "energy", "speed-up", "eff.", "E eff.", "K–F e"
    );
    let median = |spread: Option<Spread>, unit: &str| si_spaced(spread.map(|spread| spread.median), unit);
    for at in &found.by_nodes {
        page += &format!(
            "  {:>5} {:>4} {:>10} {:>13} {:>10} {:>8} {:>6} {:>6} {:>7}\n",
            at.nodes,
            at.runs,
            median(at.seconds, "s"),
            median(at.rate, &scaled.unit),
            median(at.joules, "J"),
            decimals(at.speedup.map(|speedup| speedup.median), 2),
            decimals(at.efficiency, 3),
            decimals(at.energy_efficiency, 3),
            decimals(at.karp_flatt, 4),
        );
    }
    page += "\n";
    page += &bars(found);
    for lines in scaled.sentences() {
        page += &format!("  {}\n", lines.join("\n    "));
    }
    page
}

/// Speed-up as a bar, with the ideal at the end of the dots.
fn bars(found: &Scaling) -> String {
    let most = found.by_nodes.iter().map(|at| f64::from(at.nodes) / f64::from(found.base_nodes));
    let most =
        most.chain(found.by_nodes.iter().filter_map(|at| Some(at.speedup?.median))).fold(1.0, f64::max);
    let mut page = String::new();
    for at in &found.by_nodes {
        let Some(speedup) = at.speedup else { continue };
        let cells = |value: f64| whole_cells(value / most * BAR);
        let (real, ideal) = (cells(speedup.median), cells(f64::from(at.nodes) / f64::from(found.base_nodes)));
        let bar = "█".repeat(real) + &"·".repeat(ideal.saturating_sub(real));
        page += &format!("  {:>5} {bar} {:.2}\n", at.nodes, speedup.median);
    }
    if page.is_empty() { page } else { format!("  speed-up; the dots end where it would be ideal\n{page}\n") }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a bar's width")]
fn whole_cells(cells: f64) -> usize {
    cells.round().clamp(0.0, BAR) as usize
}

fn page(scaled: &Scaled) -> Page {
    let about = scaled.about();
    let sentences = scaled.lines().map(Cell::from).collect();
    let pictures = charts::charts(scaled).into_iter().map(Block::OverNodes).collect();
    let sections = [
        Section::new("Figures", vec![table(scaled)]),
        Section::new("Laws", vec![Block::Sentences(sentences)]),
        Section::new("Over the number of nodes", pictures),
    ];
    Page { title: "picollect scaling".to_owned(), about, sections: sections.into_iter().flatten().collect() }
}

fn table(scaled: &Scaled) -> Block {
    let median = |spread: Option<Spread>, unit: &str| si(spread.map(|spread| spread.median), unit).into();
    let speedup = |spread: Option<Spread>| match spread {
        Some(Spread { median, min, max }) if max > min => format!("{median:.2} ({min:.2} to {max:.2})"),
        spread => decimals(spread.map(|spread| spread.median), 2),
    };
    let rows = scaled.scaling.by_nodes.iter().map(|at| {
        vec![
            Cell::from(at.nodes.to_string()),
            at.runs.to_string().into(),
            median(at.seconds, "s"),
            median(at.rate, &scaled.unit),
            median(at.joules, "J"),
            speedup(at.speedup).into(),
            decimals(at.efficiency, 3).into(),
            decimals(at.energy_efficiency, 3).into(),
            match at.karp_flatt {
                Some(serial) => decimals(Some(serial), 4).into(),
                None => Cell::toned(DASH, Tone::Faint),
            },
        ]
    });
    let columns = [
        "nodes",
        ">runs",
        ">time",
        ">rate",
        ">energy",
        ">speed-up",
        ">efficiency",
        ">energy efficiency",
        ">Karp–Flatt e",
    ];
    Table::block("Medians of the runs on each number of nodes", &columns, rows.collect())
}

#[cfg(test)]
mod tests {
    use picollect_evaluate::scaling::{BEOWULF_1994, Point, scaling};

    use super::*;

    fn scaled(points: &[Point]) -> Scaled {
        Scaled { scaling: scaling(points).unwrap(), unit: "FLOPS".into(), remarks: Vec::new() }
    }

    #[test]
    fn a_slowdown_is_called_one() {
        let timed = |nodes, seconds| Point { nodes, seconds: Some(seconds), ..Point::default() };
        let text = |points: &[Point]| scaled(points).written(Format::Text).unwrap();
        let slower = text(&[timed(1, 100.0), timed(2, 110.0), timed(4, 130.0)]);
        assert!(slower.contains("which is no share: more nodes are slower than one"), "{slower}");
        assert!(!slower.contains("superlinear") && !slower.contains("no number of nodes more"), "{slower}");
        let faster = text(&[timed(1, 100.0), timed(2, 45.0), timed(4, 21.0)]);
        assert!(faster.contains("the speed-up is superlinear"), "{faster}");
    }

    #[test]
    fn the_first_beowulf_is_found_again() {
        let answer = scaled(&BEOWULF_1994).written(Format::Json).unwrap();
        let found: serde_json::Value = serde_json::from_str(&answer).unwrap();
        let sixteen = &found["by_nodes"][1];
        assert!((sixteen["speedup"]["median"].as_f64().unwrap() - 13.33).abs() < 0.01);
        assert!((sixteen["efficiency"].as_f64().unwrap() - 0.83).abs() < 0.005);
    }

    #[test]
    fn the_page_fits_a_terminal() {
        let page = scaled(&BEOWULF_1994).written(Format::Text).unwrap();
        assert!(page.lines().all(|line| line.chars().count() <= 80), "{page}");
    }

    #[test]
    fn every_format_says_what_one_has_to_know() {
        let mut estimated = scaled(&BEOWULF_1994);
        estimated.remarks = vec!["the power of 1 run is estimated".into()];
        for format in [Format::Text, Format::Json, Format::Html, Format::Markdown, Format::Latex] {
            let text = estimated.written(format).unwrap();
            assert!(text.contains("the power of 1 run is estimated"), "{text}");
        }
    }

    #[test]
    fn a_law_without_an_interval_has_no_band_and_nothing_unknown_is_drawn() {
        let page = scaled(&BEOWULF_1994).written(Format::Html).unwrap();
        assert!(page.contains("Amdahl") && !page.contains("class=\"band\""), "two points have no interval");
        assert!(!page.contains("Energy over"), "nobody measured energy");
    }
}

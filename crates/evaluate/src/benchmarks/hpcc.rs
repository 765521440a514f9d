//! HPCC, the HPC Challenge: its HPL, and from its summary the fastest FFT, memory and random updates.
//!
//! Format: `hpccoutf.txt` of HPCC 1.x (<https://hpcchallenge.org>): sections between `Begin of … section.`
//! and `End of … section.`, each ended by the Unix time, and a summary of `key=value`. Its HPL is 2.0,
//! which does not tell when it began; the section's end is therefore what places it. HPCC appends to the file,
//! so that it may hold earlier runs too.

use std::collections::HashMap;

use super::{CorePhase, Line, MAX_OUTCOMES, Outcome, Unit, Verdict, hpl, number, scaled};

/// A line of the summary that becomes an outcome.
struct Figure {
    label: &'static str,
    /// Key of the rate, in 10⁹ of `unit`.
    rate: &'static str,
    unit: Unit,
    /// Key of the duration, where there is one.
    seconds: &'static str,
    /// The rate is the mean of one process while all of them work.
    of_one: bool,
}

const FIGURES: [Figure; 3] = [
    Figure {
        label: "FFT, all processes",
        rate: "MPIFFT_Gflops",
        unit: Unit::FlopPerSecond,
        seconds: "",
        of_one: false,
    },
    Figure {
        label: "STREAM Triad, all processes",
        rate: "StarSTREAM_Triad",
        unit: Unit::BytePerSecond,
        seconds: "",
        of_one: true,
    },
    Figure {
        label: "RandomAccess, all processes",
        rate: "MPIRandomAccess_GUPs",
        unit: Unit::UpdatePerSecond,
        seconds: "MPIRandomAccess_time",
        of_one: false,
    },
];

/// The outcomes of every run; none if this is not HPCC's output.
pub(super) fn read<'a>(lines: impl Iterator<Item = Line<'a>>) -> Vec<Outcome> {
    let mut reader = Reader::default();
    lines.for_each(|line| reader.take(line));
    reader.end_of_run();
    reader.outcomes
}

#[derive(Default)]
struct Reader<'a> {
    outcomes: Vec<Outcome>,
    /// The banner was seen and the summary was not.
    running: bool,
    section: &'a str,
    hpl: hpl::Reader,
    /// The last time of day in HPL's section.
    unix_s: Option<i64>,
    /// The summary's pairs, with their lines.
    summary: HashMap<&'a str, (&'a str, usize)>,
    last_line: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, line: Line<'a>) {
        let section = |mark| line.text.strip_prefix(mark)?.strip_suffix(" section.");
        if line.text.contains("HPC Challenge Benchmark version") {
            self.end_of_run();
            self.running = self.outcomes.len() < MAX_OUTCOMES;
        } else if !self.running {
            return;
        } else if let Some(name) = section("Begin of ") {
            self.section = name;
        } else if let Some(name) = section("End of ") {
            self.end_of_section(name);
        } else if self.section == "HPL" {
            self.unix_s = unix_s(line.text).or(self.unix_s);
            self.hpl.take(line);
        } else if self.section == "Summary" {
            let pair = line.text.split_once('=').filter(|(key, _)| wanted(key));
            self.summary.extend(pair.map(|(key, value)| (key, (value, line.number))));
        }
        self.last_line = line.number;
    }

    fn end_of_section(&mut self, name: &str) {
        match name {
            "HPL" => self.end_of_hpl(),
            "Summary" => {
                self.outcomes.extend(figures(&self.summary));
                self.running = false;
            }
            _ => {}
        }
        self.section = "";
    }

    /// The section's end is shortly after the last result's check.
    fn end_of_hpl(&mut self) {
        let mut outcomes = std::mem::take(&mut self.hpl).outcomes();
        if let (Some(last), Some(unix_s)) = (outcomes.last_mut(), self.unix_s.take()) {
            if last.core_phase == CorePhase::EndsAtLine {
                last.core_phase = CorePhase::EndsBefore { unix_s };
            }
        }
        let named = outcomes.into_iter().map(|outcome| Outcome { benchmark: "HPCC HPL", ..outcome });
        self.outcomes.extend(named);
    }

    fn end_of_run(&mut self) {
        self.end_of_hpl();
        if self.running {
            self.outcomes.push(Outcome::new("HPCC", "", Unit::FlopPerSecond, self.last_line));
        }
        let outcomes = std::mem::take(&mut self.outcomes);
        *self = Self { outcomes, ..Self::default() };
    }
}

/// `Current time (1795438767) is Mon Nov 23 12:59:27 2026`.
fn unix_s(text: &str) -> Option<i64> {
    text.strip_prefix("Current time (")?.split_once(") is ")?.0.parse().ok()
}

fn wanted(key: &str) -> bool {
    let in_figure = |figure: &Figure| key == figure.rate || key == figure.seconds;
    matches!(key, "Success" | "CommWorldProcs") || FIGURES.iter().any(in_figure)
}

/// HPCC sums up its own checks in one word.
fn figures(summary: &HashMap<&str, (&str, usize)>) -> Vec<Outcome> {
    let verdict = match summary.get("Success") {
        Some(("1", _)) => Verdict::Passed,
        Some(_) => Verdict::Failed("HPCC's own checks: no success".into()),
        None => Verdict::Unchecked,
    };
    let value = |key: &str| summary.get(key).and_then(|(value, _)| number(value));
    let figure = |figure: &Figure| {
        let (rate, line) = summary.get(figure.rate)?;
        let processes = if figure.of_one { value("CommWorldProcs")? } else { 1.0 };
        let mut outcome = Outcome::new("HPCC", figure.label, figure.unit.clone(), *line);
        outcome.rate = scaled(rate, 1e9 * processes);
        outcome.seconds = value(figure.seconds);
        Some(outcome.judged(verdict.clone()))
    };
    FIGURES.iter().filter_map(figure).collect()
}

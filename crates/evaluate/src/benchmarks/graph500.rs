//! Graph 500: the harmonic mean of the rates over all roots, for each of its kernels.
//!
//! Format: `src/main.c` of the reference code 2.1 and 3.0 (<https://github.com/graph500/graph500>). 3.0 writes
//! `bfs` or `sssp` before each figure and a `!` before the harmonic mean; 2.1 has neither. Progress may go to
//! the standard error, so that only the figures are here. A run that fails its validation has no figures.

use super::{CorePhase, Line, Outcome, Unit, Verdict, clip, number, scaled};

/// One outcome for breadth-first search and one for shortest paths, as far as they ran.
pub(super) fn read<'a>(lines: impl Iterator<Item = Line<'a>>) -> Vec<Outcome> {
    let mut run = Run::default();
    for line in lines {
        run.take(line);
    }
    run.outcomes()
}

#[derive(Default)]
struct Run {
    begun: bool,
    failed: Option<String>,
    scale: String,
    edge_factor: String,
    roots: Option<f64>,
    last_line: usize,
    kernels: [Kernel; 2],
}

const NAMES: [&str; 2] = ["BFS", "SSSP"];

#[derive(Default)]
struct Kernel {
    teps: Option<f64>,
    line: usize,
    mean_s: Option<f64>,
    /// Roots whose tree was validated.
    validated: f64,
    /// The statistics of the validation, which are printed only if there was one.
    validation_s: Option<f64>,
}

impl Run {
    fn take(&mut self, line: Line<'_>) {
        let text = line.text;
        self.last_line = line.number;
        if text.starts_with("Validation failed for this")
            || text.starts_with("No results printed for invalid run")
        {
            self.begun = true;
            self.failed.get_or_insert_with(|| clip(text));
        }
        for (kernel, name) in self.kernels.iter_mut().zip(NAMES) {
            self.begun |= text.strip_prefix("Running ").is_some_and(|rest| rest.starts_with(name));
            if text.strip_prefix("Validate time for ").is_some_and(|rest| rest.starts_with(name)) {
                kernel.validated += 1.0;
            }
        }
        if let Some((key, value)) = text.split_once(':') {
            self.figure(key, value.trim_start_matches(['!', ' ']), line.number);
        }
    }

    fn figure(&mut self, key: &str, value: &str, line: usize) {
        let mut words = key.split_whitespace().rev();
        let (name, kernel) = (words.next().unwrap_or_default(), words.next());
        let kernel = &mut self.kernels[usize::from(kernel == Some("sssp"))];
        match name {
            "SCALE" => self.scale = clip(value),
            "edgefactor" => self.edge_factor = clip(value),
            "NBFS" => self.roots = number(value),
            "graph_generation" => self.begun = true,
            "mean_time" => kernel.mean_s = scaled(value, 1.0),
            "mean_validate" => kernel.validation_s = scaled(value, 1.0),
            "harmonic_mean_TEPS" => (kernel.teps, kernel.line) = (scaled(value, 1.0), line),
            _ => {}
        }
    }

    fn outcomes(self) -> Vec<Outcome> {
        let label = |name: &str| match (self.scale.as_str(), self.edge_factor.as_str()) {
            ("", _) | (_, "") => name.to_owned(),
            (scale, factor) => format!("{name} scale={scale} edgefactor={factor}"),
        };
        if let Some(reason) = self.failed {
            let outcome = Outcome::new("Graph 500", &label(""), Unit::Teps, self.last_line);
            return vec![outcome.judged(Verdict::Failed(reason))];
        }
        let rated = self.kernels.iter().zip(NAMES).filter(|(kernel, _)| kernel.teps.is_some());
        let outcomes: Vec<_> = rated.map(|(kernel, name)| kernel.outcome(&label(name), self.roots)).collect();
        if outcomes.is_empty() && self.begun {
            return vec![Outcome::new("Graph 500", &label(""), Unit::Teps, self.last_line)];
        }
        outcomes
    }
}

impl Kernel {
    fn outcome(&self, label: &str, roots: Option<f64>) -> Outcome {
        let mut outcome = Outcome::new("Graph 500", label, Unit::Teps, self.line);
        outcome.rate = self.teps;
        outcome.seconds =
            self.mean_s.zip(roots).map(|(mean_s, roots)| mean_s * roots).filter(|s| s.is_finite());
        outcome.core_phase = CorePhase::Scattered;
        let each_root = roots.is_some_and(|roots| roots > 0.0 && self.validated >= roots);
        let validated = each_root || self.validation_s.is_some();
        outcome.judged(if validated { Verdict::Passed } else { Verdict::Unchecked })
    }
}

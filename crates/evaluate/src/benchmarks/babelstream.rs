//! BabelStream: the best rate of each kernel, on processors and accelerators.
//!
//! Format: `src/main.cpp` of BabelStream 3.0 to 5.0 (<https://github.com/UoB-HPC/BabelStream>), as text or with
//! `--csv`. A MB is 10⁶ bytes; `--mibibytes` counts in 2²⁰ and says so. A wrong solution is told on the
//! standard error, a right one nowhere, so that a table without complaint is unchecked.

use super::{CorePhase, Line, MAX_OUTCOMES, Outcome, Unit, Verdict, clip, number, value_of};

const NAME: &str = "BabelStream";
const KERNELS: [&str; 6] = ["Copy", "Mul", "Add", "Triad", "Dot", "Nstream"];
const MB: f64 = 1e6;
const MIB: f64 = 1_048_576.0;
const GB: f64 = 1e9;
const GIB: f64 = 1_073_741_824.0;

/// One outcome for each kernel, in the order in which they are printed.
pub(super) fn read<'a>(lines: impl Iterator<Item = Line<'a>>) -> Vec<Outcome> {
    let mut reader = Reader::default();
    for line in lines {
        reader.take(line);
        reader.last_line = line.number;
    }
    reader.close();
    reader.outcomes
}

#[derive(Default)]
struct Reader {
    outcomes: Vec<Outcome>,
    /// The banner or the head of a table was seen.
    running: bool,
    table: Layout,
    rows: Vec<Outcome>,
    precision: String,
    failure: Option<String>,
    last_line: usize,
}

/// How the rows are to be read.
#[derive(Default, Clone, Copy)]
enum Layout {
    #[default]
    None,
    /// `Copy  489190.200  0.00110 …`; bytes of a unit.
    Text(f64),
    /// `Copy,100,33554432,8,489190.2,…`; bytes of a unit.
    Csv(f64),
}

impl Reader {
    fn take(&mut self, line: Line<'_>) {
        let text = line.text;
        if text == NAME || text == "GPU-STREAM" {
            self.close();
            self.running = true;
        } else if let Some(bytes) = csv_head(text) {
            // Without a banner each table begins a run.
            self.close();
            (self.running, self.table) = (true, Layout::Csv(bytes));
        } else if text.starts_with("Validation failed") {
            self.failure.get_or_insert_with(|| clip(text));
        } else if self.running {
            self.in_run(line);
        }
    }

    fn in_run(&mut self, line: Line<'_>) {
        let text = line.text;
        if let Some(precision) = value_of(text, "Precision") {
            self.precision = clip(precision);
        } else if text.starts_with("Function ") && text.contains("Bytes/sec") {
            self.table = Layout::Text(if text.contains("MiBytes/sec") { MIB } else { MB });
        } else if let Some(rate) = value_of(text, "Bandwidth (GB/s)") {
            self.row("Triad", number(rate).map(|rate| rate * GB), line.number);
        } else if let Some(rate) = value_of(text, "Bandwidth (GiB/s)") {
            self.row("Triad", number(rate).map(|rate| rate * GIB), line.number);
        } else {
            let (columns, rate_at, bytes): (Vec<&str>, _, _) = match self.table {
                Layout::None => return,
                Layout::Text(bytes) => (text.split_whitespace().take(9).collect(), 1, bytes),
                Layout::Csv(bytes) => (text.split(',').take(9).collect(), 4, bytes),
            };
            let kernel = KERNELS.into_iter().find(|kernel| columns.first() == Some(kernel));
            if let (Some(kernel), Some(rate)) = (kernel, columns.get(rate_at)) {
                self.row(kernel, number(rate).map(|rate| rate * bytes), line.number);
            }
        }
    }

    fn row(&mut self, kernel: &str, rate: Option<f64>, line: usize) {
        if self.rows.len() < KERNELS.len() {
            let label = format!("{kernel} {}", self.precision);
            let mut outcome = Outcome::new(NAME, &label, Unit::BytePerSecond, line);
            outcome.rate = rate.filter(|rate| rate.is_finite());
            outcome.core_phase = CorePhase::Scattered;
            self.rows.push(outcome);
        }
    }

    fn close(&mut self) {
        let verdict = match self.failure.take() {
            Some(reason) => Verdict::Failed(reason),
            None if self.rows.is_empty() => Verdict::Interrupted,
            None => Verdict::Unchecked,
        };
        if self.running && self.rows.is_empty() {
            self.rows.push(Outcome::new(NAME, "", Unit::BytePerSecond, self.last_line));
        }
        if self.outcomes.len() < MAX_OUTCOMES {
            self.outcomes.extend(self.rows.drain(..).map(|outcome| outcome.judged(verdict.clone())));
        }
        let outcomes = std::mem::take(&mut self.outcomes);
        *self = Self { outcomes, ..Self::default() };
    }
}

/// Bytes of a unit in the table whose head this is.
fn csv_head(text: &str) -> Option<f64> {
    let columns = text.strip_prefix("function,num_times,n_elements,sizeof,")?;
    match columns.split(',').next()? {
        "max_mbytes_per_sec" => Some(MB),
        "max_mibytes_per_sec" => Some(MIB),
        "gbytes_per_sec" => Some(GB),
        "gibytes_per_sec" => Some(GIB),
        _ => None,
    }
}

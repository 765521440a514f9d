//! What a benchmark prints: for each result one line that stands for itself, so that the lines of many
//! processes may come in any order. `picollect_evaluate::benchmarks` reads them; `docs/bench.md` describes
//! them.

use std::fmt::{Display, Write as _};

use serde_json::{Value, json};

use super::bandwidth::{Bandwidth, COUNTED_ROUNDS, Rate};
use super::machine::Rank;
use super::solve::Solved;

/// Who measures, and with what.
#[derive(Debug, Clone)]
pub struct Runner {
    /// This process among those that run at the same time.
    pub place: Rank,
    /// How many threads this process uses.
    pub threads: usize,
}

impl Runner {
    fn line(&self, what: &str, rest: impl Display) -> String {
        let Rank { host, process, of, .. } = &self.place;
        let threads = self.threads;
        format!("picollect bench: {what} host={host} process={process}/{of} threads={threads} {rest}\n")
    }

    /// Said before the work begins, so that an output that ends too early is known to.
    pub fn solve_starts(&self, order: usize) -> String {
        self.line("solve", format_args!("N={order} STARTED"))
    }

    /// The line at the start of the bandwidth's loops, with the length of their arrays.
    pub fn bandwidth_starts(&self, elements: usize) -> String {
        self.line("bandwidth", format_args!("elements={elements} STARTED"))
    }

    /// The result of the dense solver; without a rate if it failed.
    pub fn solved(&self, solved: &Solved) -> String {
        let Solved { order, times, start_ms, end_ms, solving_s, residual } = solved;
        let mut rest = format!("N={order} solves={times} start_ms={start_ms} end_ms={end_ms}");
        let _ = write!(rest, " solving_s={solving_s:.3} residual={residual:.3e}");
        let _ = match solved.flops() {
            Some(flops) => write!(rest, " flop={:.0} gflops={:.4} PASSED", solved.flop(), flops / 1e9),
            None => write!(rest, " FAILED"),
        };
        self.line("solve", rest)
    }

    /// A line for each loop; without rates, one line, if the arrays were wrong.
    pub fn bandwidth(&self, measured: &Bandwidth) -> String {
        let Bandwidth { elements, error, .. } = measured;
        let Some(rates) = measured.rates() else {
            return self.line("bandwidth", format_args!("elements={elements} error={error:.3e} FAILED"));
        };
        let of = |rate: &Rate| {
            let (kernel, mb_s, mean_mb_s) = (rate.kernel, rate.best / 1e6, rate.mean / 1e6);
            let rest = format!(
                "elements={elements} best_of={COUNTED_ROUNDS} error={error:.3e} mb_s={mb_s:.1} mean_mb_s={mean_mb_s:.1} PASSED"
            );
            self.line(kernel.name(), rest)
        };
        rates.iter().map(of).collect()
    }

    /// Both results as one JSON document on one line; what was not measured is `null`, and so is a rate
    /// that failed.
    pub fn json(&self, bandwidth: Option<&Bandwidth>, solved: Option<&Solved>) -> String {
        let Rank { host, process, of, .. } = &self.place;
        let rates = |measured: &Bandwidth| {
            let of =
                |rate: &Rate| (rate.kernel.name().to_owned(), json!({"best": rate.best, "mean": rate.mean}));
            Some(measured.rates()?.iter().map(of).collect::<Value>())
        };
        let bandwidth = bandwidth.map(|measured| {
            json!({
                "elements": measured.elements, "best_of": COUNTED_ROUNDS, "error": measured.error,
                "passed": measured.passed(), "bytes_per_s": rates(measured),
            })
        });
        let solve = solved.map(|solved| {
            json!({
                "order": solved.order, "solves": solved.times, "start_ms": solved.start_ms,
                "end_ms": solved.end_ms, "solving_s": solved.solving_s, "residual": solved.residual,
                "passed": solved.passed(), "flop": solved.flops().map(|_| solved.flop()),
                "flops": solved.flops(),
            })
        });
        let document = json!({
            "host": host, "process": process, "of": of, "threads": self.threads,
            "bandwidth": bandwidth, "solve": solve,
        });
        format!("{document}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runner() -> Runner {
        Runner { place: Rank { host: "pi-3".into(), process: 3, of: 4, here: 1 }, threads: 4 }
    }

    const SOLVED: Solved =
        Solved { order: 1000, times: 2, start_ms: 5000, end_ms: 6000, solving_s: 0.9, residual: 0.01 };
    const MEASURED: Bandwidth =
        Bandwidth { elements: 1_000_000, best_s: [0.004; 4], mean_s: [0.008; 4], error: 0.0 };

    #[test]
    fn a_result_is_one_line_that_says_whose_it_is() {
        assert_eq!(
            runner().solved(&SOLVED),
            "picollect bench: solve host=pi-3 process=3/4 threads=4 N=1000 solves=2 start_ms=5000 end_ms=6000 \
             solving_s=0.900 residual=1.000e-2 flop=1336333333 gflops=1.3363 PASSED\n"
        );
        let triad = "picollect bench: triad host=pi-3 process=3/4 threads=4 elements=1000000 best_of=9 \
                     error=0.000e0 mb_s=6000.0 mean_mb_s=3000.0 PASSED\n";
        let lines = runner().bandwidth(&MEASURED);
        assert!(lines.ends_with(triad) && lines.lines().count() == 4, "{lines}");
    }

    #[test]
    fn a_wrong_result_is_printed_without_any_rate() {
        let wrong = Solved { residual: f64::NAN, ..SOLVED };
        let text = runner().solved(&wrong);
        assert!(text.ends_with(" residual=NaN FAILED\n") && !text.contains("flop"), "{text}");
        let bandwidth = Bandwidth { error: 1.0, ..MEASURED };
        let text = runner().bandwidth(&bandwidth);
        assert!(text.ends_with(" FAILED\n") && !text.contains("mb_s"), "{text}");
        let json: Value = serde_json::from_str(&runner().json(Some(&bandwidth), Some(&wrong))).unwrap();
        assert_eq!((&json["solve"]["flops"], &json["solve"]["flop"]), (&Value::Null, &Value::Null));
        assert_eq!(json["bandwidth"]["bytes_per_s"], Value::Null);
        assert_eq!((&json["solve"]["passed"], &json["of"]), (&json!(false), &json!(4)));
    }
}

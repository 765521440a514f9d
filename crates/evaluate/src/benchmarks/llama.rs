//! llama.cpp: tokens per second, read (prefill, `pp`) and written (decode, `tg`).
//!
//! Format: `llama-bench` (`tools/llama-bench` of <https://github.com/ggml-org/llama.cpp>) as Markdown, JSON and
//! JSON lines, and the figures that the other programs print when they end (`llama_perf_context_print:
//! prompt eval time = …`). A test of llama-bench is repeated after a warm-up; JSON tells how long each
//! repetition took, so that the test lies before the object's last line, while a Markdown table tells no
//! times. Loading the model is in none of them. Nothing is checked.

use serde::Deserialize;

use super::{CorePhase, Line, MAX_OUTCOMES, Outcome, Unit, Verdict, clip, number};

const NAME: &str = "llama-bench";
const UNIT: Unit = Unit::TokenPerSecond;
/// A prompt and its answer together.
const BOTH: &str = "prefill and decode";
/// A longer object is none of llama-bench's; the repetitions are what makes them long.
const MAX_OBJECT_BYTES: usize = 64 << 10;
/// What the lines of the other programs begin with, the oldest first.
const PERF: [&str; 3] = ["llama_print_timings:", "llama_perf_context_print:", "common_perf_print:"];

/// One outcome for each test of llama-bench, and two for each run of another program.
pub(super) fn read<'a>(lines: impl Iterator<Item = Line<'a>>) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let mut head: Option<Head> = None;
    let mut object: Option<String> = None;
    for line in lines {
        let text = line.text;
        if let Some(open) = &mut object {
            open.push_str(text);
            if text.starts_with('}') || open.len() > MAX_OBJECT_BYTES {
                outcomes.extend(test(open.trim_end_matches(','), line.number));
                object = None;
            }
        } else if text == "{" {
            object = Some(text.to_owned());
        } else if text.starts_with('{') && text.len() <= MAX_OBJECT_BYTES {
            outcomes.extend(test(text, line.number));
        } else if let Some(row) = text.strip_prefix('|') {
            let cells: Vec<&str> = row.trim_end_matches('|').split('|').map(str::trim).take(32).collect();
            match Head::of(&cells) {
                Some(found) => head = Some(found),
                None => outcomes.extend(head.as_ref().and_then(|head| head.outcome(&cells, line.number))),
            }
        } else {
            outcomes.extend(PERF.iter().find_map(|name| perf(text.strip_prefix(name)?, line.number)));
        }
        if outcomes.len() >= MAX_OUTCOMES {
            return outcomes;
        }
    }
    outcomes
}

/// The columns of a Markdown table.
struct Head {
    model: usize,
    threads: Option<usize>,
    test: usize,
    rate: usize,
}

impl Head {
    fn of(cells: &[&str]) -> Option<Self> {
        let at = |name: &str| cells.iter().position(|cell| *cell == name);
        Some(Self { model: at("model")?, threads: at("threads"), test: at("test")?, rate: at("t/s")? })
    }

    /// `| qwen2 1.5B Q4_0 | … | 4 | pp512 | 57.65 ± 0.55 |`.
    fn outcome(&self, cells: &[&str], line: usize) -> Option<Outcome> {
        let cell = |at: usize| cells.get(at).copied();
        let rate = number(cell(self.rate)?.split_whitespace().next()?)?;
        let threads = self.threads.and_then(cell);
        let test = cell(self.test)?;
        let what = match (test.contains("pp"), test.contains("tg")) {
            (true, false) => "prefill",
            (false, true) => "decode",
            _ => BOTH,
        };
        let mut outcome = Outcome::new(NAME, &label(cell(self.model)?, what, test, threads), UNIT, line);
        outcome.rate = Some(rate);
        Some(outcome.judged(Verdict::Unchecked))
    }
}

fn label(model: &str, what: &str, test: &str, threads: Option<&str>) -> String {
    let threads = threads.map(|threads| format!(" threads={threads}")).unwrap_or_default();
    format!("{model} {what} {test}{threads}")
}

/// An object of llama-bench's JSON, as far as it is needed.
#[derive(Deserialize)]
struct Test {
    model_type: String,
    n_threads: u32,
    n_prompt: u64,
    n_gen: u64,
    #[serde(default)]
    n_depth: u64,
    avg_ts: f64,
    #[serde(default)]
    samples_ns: Vec<f64>,
}

fn test(object: &str, line: usize) -> Option<Outcome> {
    let test: Test = serde_json::from_str(object).ok()?;
    let (what, mut name) = match (test.n_prompt, test.n_gen) {
        (read, 0) => ("prefill", format!("pp{read}")),
        (0, written) => ("decode", format!("tg{written}")),
        (read, written) => (BOTH, format!("pp{read}+tg{written}")),
    };
    if test.n_depth > 0 {
        name += &format!(" @ d{}", test.n_depth);
    }
    let threads = test.n_threads.to_string();
    let label = label(&test.model_type, what, &name, Some(&threads));
    let mut outcome = Outcome::new(NAME, &label, UNIT, line);
    outcome.rate = Some(test.avg_ts).filter(|rate| rate.is_finite() && *rate >= 0.0);
    let seconds = test.samples_ns.iter().sum::<f64>() / 1e9;
    if seconds.is_finite() && seconds > 0.0 {
        (outcome.seconds, outcome.core_phase) = (Some(seconds), CorePhase::EndsAtLine);
    }
    Some(outcome.judged(Verdict::Unchecked))
}

/// `prompt eval time =  1346.03 ms /    21 tokens (…, 15.60 tokens per second)`. When the program ends says
/// nothing of when it computed.
fn perf(text: &str, line: usize) -> Option<Outcome> {
    let (what, rest) = match text.trim_start().split_once("eval time =")? {
        ("prompt ", rest) => ("prefill", rest),
        ("", rest) => ("decode", rest),
        _ => return None,
    };
    let (ms, rest) = rest.split_once("ms /")?;
    let (ms, tokens) = (number(ms.trim())?, number(rest.split_whitespace().next()?)?);
    let mut outcome = Outcome::new("llama.cpp", &clip(&format!("{what} {tokens} tokens")), UNIT, line);
    outcome.rate = Some(tokens * 1000.0 / ms).filter(|rate| rate.is_finite());
    outcome.seconds = Some(ms / 1000.0);
    Some(outcome.judged(Verdict::Unchecked))
}

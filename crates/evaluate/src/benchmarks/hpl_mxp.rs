//! HPL-MxP as NVIDIA prints it: a block of its own with the rate of the whole solution.
//!
//! Format: the block `HPL MxP Result` of NVIDIA's HPC benchmarks
//! (<https://docs.nvidia.com/nvidia-hpc-benchmarks/HPL_MxP_benchmark.html>): the residual and its check, then
//! `N = …, NB = …`, then `GFLOPS = …`; the line `LU GFLOPS` leaves out the solver and is not the result.
//! The reference implementation's output is HPL's and read there.
//!
//! Invariant: a result is `Passed` only if its residual is.

use super::hpl::MIXED;
use super::{Line, MAX_OUTCOMES, Outcome, Unit, Verdict, clip, scaled};

/// One outcome for each block.
pub(super) fn read<'a>(lines: impl Iterator<Item = Line<'a>>) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let mut open: Option<Block> = None;
    for line in lines {
        let text = line.text;
        if text.starts_with("***") && text.contains("HPL MxP Result") {
            // The same line ends a block.
            open = match open.take() {
                Some(block) => {
                    outcomes.extend(block.close(None));
                    None
                }
                None => Some(Block { line: line.number, ..Block::default() }),
            };
        } else if let Some(block) = &mut open {
            block.line = line.number;
            if text.starts_with("||Ax-b||_oo / (") {
                block.residual = Some(text.ends_with("PASSED")).filter(|_| text.contains("......"));
                block.said = clip(text);
            } else if text.starts_with("N =") {
                block.label = clip(&text.replace(" = ", "=").replace(',', ""));
            } else if let Some(rate) = text.strip_prefix("GFLOPS =") {
                let rate = scaled(
                    rate.trim_start().trim_end_matches(',').split(',').next().unwrap_or_default(),
                    1e9,
                );
                outcomes.extend(open.take().and_then(|block| block.close(rate)));
            }
        }
        if outcomes.len() >= MAX_OUTCOMES {
            return outcomes;
        }
    }
    outcomes.extend(open.and_then(|block| block.close(None)));
    outcomes
}

#[derive(Default)]
struct Block {
    label: String,
    /// Whether the check passed; `None` before it.
    residual: Option<bool>,
    said: String,
    line: usize,
}

impl Block {
    /// Nothing for what begins where a block ended.
    fn close(self, rate: Option<f64>) -> Option<Outcome> {
        if self.residual.is_none() && self.label.is_empty() {
            return None;
        }
        let mut outcome = Outcome::new(MIXED, &self.label, Unit::MixedFlopPerSecond, self.line);
        outcome.rate = rate;
        let verdict = match (self.residual, rate) {
            (Some(false), _) => Verdict::Failed(clip(&format!("residual check: {}", self.said))),
            (Some(true), Some(_)) => Verdict::Passed,
            (None, Some(_)) => Verdict::Unchecked,
            (_, None) => Verdict::Interrupted,
        };
        Some(outcome.judged(verdict))
    }
}

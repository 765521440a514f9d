//! What the panels' question costs: `poll_summary DIR`. Asks a store that `fill_store DIR 20 1 1` made as twenty
//! panels do for a minute near the end of its day; `docs/api.md` has the figures.

use std::path::Path;
use std::time::{Duration, Instant};

use picollect_analysis::request::Sources;
use picollect_analysis::summary::Summaries;
use picollect_config::Config;
use picollect_store as store;

/// 2026-11-16T23:58:00Z, two minutes before the data of `fill_store` ends.
const NEAR_THE_END_MS: i64 = 1_794_787_200_000 + (24 * 60 - 2) * 60_000;
/// Questions, two a second: 20 panels that ask every 10 s.
const QUESTIONS: i64 = 120;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::args().nth(1).ok_or("usage: poll_summary DIR")?;
    let (store, config) = (store::open(Path::new(&directory))?, Config::default());
    let summaries = Summaries::default();
    let mut cold = Vec::new();
    let mut warm = Vec::new();
    for question in 0..QUESTIONS {
        let now_ms = NEAR_THE_END_MS + question * 500;
        let begun = Instant::now();
        let summary = summaries.at(&Sources { store: &store, config: &config, now_ms })?;
        if warm.is_empty() && summary.today.is_none() {
            cold.push(begun.elapsed());
        } else {
            warm.push((begun.elapsed(), summary));
        }
    }
    let dearest = |times: &[Duration]| times.iter().max().copied().unwrap_or_default();
    println!(
        "cold: {} questions, {:?} in all, the dearest {:?}",
        cold.len(),
        cold.iter().sum::<Duration>(),
        dearest(&cold)
    );
    let mut times: Vec<Duration> = warm.iter().map(|(time, _)| *time).collect();
    println!("the first answer with joules: {:?}", times.remove(0));
    println!(
        "warm: {} questions, mean {:?}, the dearest {:?}",
        times.len(),
        times.iter().sum::<Duration>() / u32::try_from(times.len())?,
        dearest(&times)
    );
    println!("{:?}", warm.last().and_then(|(_, summary)| summary.today.as_ref()));
    Ok(())
}

//! `picollect bench`: what this machine computes, for owners without HPL and STREAM.
//!
//! Two parts: the bandwidth of the memory ([`bandwidth`]), then a dense system of equations solved for a
//! minute ([`solve`]). Under `mpirun` or `srun` every process measures by itself and prints which of them
//! it is; whoever reads the output adds them up. Nothing is sent between processes: it shows what the
//! nodes compute, not what their network allows.
//!
//! ```
//! use std::time::Duration;
//!
//! use picollect_bench::{bandwidth, solve};
//!
//! // One small system and short arrays, on one thread: that it computes rightly, not how fast.
//! let solved = solve::run(96, Duration::ZERO, 1)?;
//! assert!(solved.passed());
//! assert_eq!((solved.order, solved.times), (96, 1));
//!
//! let measured = bandwidth::run(10_000, 1)?;
//! let rates = measured.rates().expect("the arrays hold what they should");
//! assert_eq!(rates.map(|rate| rate.kernel.name()), ["copy", "scale", "add", "triad"]);
//! # Ok::<(), std::io::Error>(())
//! ```

pub mod bandwidth;
pub mod lu;
pub mod machine;
pub mod solve;
pub mod text;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use clap::{Args, ValueEnum};
use picollect_settings::exit::{Failure, usage};
use picollect_settings::output::say;

use self::machine::Rank;
use self::text::Runner;

/// More threads than any machine of this kind has cores.
const MAX_THREADS: u16 = 1024;
/// Longest that the solver can be told to go on.
const MAX_SECONDS: u32 = 7 * 24 * 3600;
/// Largest matrix that can be asked for: 2 TiB.
const MAX_SIZE: u32 = 1 << 19;

/// How to measure.
#[derive(Debug, Clone, Args)]
pub struct BenchOptions {
    /// Measure only this
    #[arg(value_enum)]
    part: Option<Measurement>,
    /// Rows of the matrix; instead of --memory
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_SIZE)))]
    size: Option<u32>,
    /// Share of the available memory that the matrix fills
    #[arg(long, value_name = "SHARE", default_value = "25%", value_parser = parse_share, conflicts_with = "size")]
    memory: f64,
    /// Solve again until so many seconds have passed
    #[arg(long, value_name = "S", default_value_t = 60, value_parser = clap::value_parser!(u32).range(0..=i64::from(MAX_SECONDS)))]
    seconds: u32,
    /// Threads [default: the cores, divided by the processes that a launcher started here]
    #[arg(long, value_name = "T", value_parser = clap::value_parser!(u16).range(1..=i64::from(MAX_THREADS)))]
    threads: Option<u16>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What can be measured alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Measurement {
    /// Memory: copy, scale, add and triad
    Bandwidth,
    /// Floating point: a dense system of equations
    Solve,
}

/// Reads `25%` as 0.25; from 0.1 to 90 %.
fn parse_share(text: &str) -> Result<f64, String> {
    let percent: Option<f64> = text.strip_suffix('%').and_then(|number| number.parse().ok());
    percent
        .filter(|percent| (0.1..=90.0).contains(percent))
        .map(|percent| percent / 100.0)
        .ok_or_else(|| "a share from 0.1% to 90%, such as 25%".to_owned())
}

/// Measures and prints. A wrong result is a [`Failure::Finding`], options that do not fit this machine are a
/// [`Failure::Usage`].
pub fn bench(options: &BenchOptions) -> Result<(), Failure> {
    let root = Path::new("/");
    let host = rustix::system::uname().nodename().to_string_lossy().replace(char::is_whitespace, "-");
    let place = Rank::of(host, |name| std::env::var(name).ok());
    let threads = options.threads.map_or_else(|| place.threads(root), usize::from);
    let memory = Memory {
        available: machine::available_bytes(root),
        caches: machine::last_level_cache_bytes(root),
        processes: place.here,
    };
    let plan = Plan::of(options, memory).map_err(usage)?;
    let at_least = Duration::from_secs(options.seconds.into());
    carry_out(&plan, at_least, &Runner { place, threads }, options.json)
}

fn carry_out(plan: &Plan, at_least: Duration, runner: &Runner, json: bool) -> Result<(), Failure> {
    let say = |text: String| if json { Ok(()) } else { print(&text) };
    let (mut bandwidth, mut solved) = (None, None);
    if let Some(elements) = plan.elements {
        say(runner.bandwidth_starts(elements))?;
        let measured = bandwidth::run(elements, runner.threads).context(NO_THREAD)?;
        say(runner.bandwidth(bandwidth.insert(measured)))?;
    }
    if let Some(order) = plan.order {
        say(runner.solve_starts(order))?;
        let result = solve::run(order, at_least, runner.threads).context(NO_THREAD)?;
        say(runner.solved(solved.insert(result)))?;
    }
    if json {
        print(&runner.json(bandwidth.as_ref(), solved.as_ref()))?;
    }
    let passed = [bandwidth.map(|it| it.passed()), solved.map(|it| it.passed())];
    match passed.into_iter().flatten().filter(|passed| !passed).count() {
        0 => Ok(()),
        wrong => Err(Failure::Finding(wrong)),
    }
}

const NO_THREAD: &str = "cannot start a thread; try fewer with --threads";

/// In one write, so that the lines of several processes stay whole.
fn print(text: &str) -> anyhow::Result<()> {
    say(text).context("cannot write to standard output")
}

/// What the machine has, and how many processes share it.
#[derive(Debug, Clone, Copy)]
struct Memory {
    available: Option<u64>,
    caches: Option<u64>,
    processes: usize,
}

/// How large the problems are; what is not measured is `None`.
#[derive(Debug, PartialEq, Eq)]
struct Plan {
    elements: Option<usize>,
    order: Option<usize>,
}

impl Plan {
    /// Fails, with what to do about it, if the memory is too small or unknown.
    fn of(options: &BenchOptions, memory: Memory) -> anyhow::Result<Self> {
        let wanted = |part| options.part.is_none_or(|only| only == part);
        let elements = wanted(Measurement::Bandwidth).then(|| memory.elements()).transpose()?;
        let order = wanted(Measurement::Solve).then(|| memory.order(options)).transpose()?;
        Ok(Self { elements, order })
    }
}

impl Memory {
    fn elements(self) -> anyhow::Result<usize> {
        let elements = bandwidth::elements(self.caches, self.processes, self.available);
        let hint = "`picollect bench solve` leaves the bandwidth out";
        self.ensure_enough(bandwidth::bytes(elements), hint).map(|()| elements)
    }

    fn order(self, options: &BenchOptions) -> anyhow::Result<usize> {
        let order = match (options.size, self.available) {
            (Some(size), _) => size as usize,
            (None, Some(available)) => {
                solve::order_within(available as f64 * options.memory / self.processes as f64)
            }
            (None, None) => bail!("the kernel does not say how much memory is available; give --size N"),
        };
        self.ensure_enough(solve::bytes(order), "choose a smaller --size").map(|()| order)
    }

    fn ensure_enough(self, bytes: u64, hint: &str) -> anyhow::Result<()> {
        let Some(available) = self.available else { return Ok(()) };
        let (wanted, mib) = (bytes.saturating_mul(self.processes as u64), 1 << 20);
        ensure!(
            wanted <= available,
            "{} MiB of memory are needed and {} MiB are available; {hint}",
            wanted / mib,
            available / mib,
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        options: BenchOptions,
    }

    const PI: Memory = Memory { available: Some(4 << 30), caches: Some(1 << 20), processes: 1 };

    fn plan(arguments: &[&str], memory: Memory) -> anyhow::Result<Plan> {
        let cli = Cli::try_parse_from([&["bench"], arguments].concat())?;
        Plan::of(&cli.options, memory)
    }

    #[test]
    fn a_quarter_of_the_memory_is_filled_in_whole_panels_and_shared_by_the_processes_of_a_machine() {
        let whole = Plan { elements: Some(1_000_000), order: Some(11_520) };
        assert_eq!(plan(&[], PI).unwrap(), whole);
        let shared = plan(&["solve"], Memory { processes: 4, ..PI }).unwrap();
        assert_eq!(shared, Plan { elements: None, order: Some(5_760) });
        let chosen = plan(&["solve", "--size", "1000"], Memory { available: None, ..PI }).unwrap();
        assert_eq!(chosen.order, Some(1000));
    }

    #[test]
    fn what_does_not_fit_is_refused_with_what_to_do() {
        let refused = |arguments: &[&str], memory| plan(arguments, memory).unwrap_err().to_string();
        let large = refused(&["--size", "100000"], PI);
        assert_eq!(
            large,
            "76293 MiB of memory are needed and 4096 MiB are available; choose a smaller --size"
        );
        assert!(refused(&["solve"], Memory { available: None, ..PI }).contains("--size N"));
        let cached = Memory { caches: Some(2 << 30), ..PI };
        assert!(refused(&[], cached).contains("`picollect bench solve`"));
        assert!(refused(&["--memory", "25"], PI).contains("such as 25%"));
    }
}

//! The options of `picollect run`, checked: what is run how often, in which steps.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail, ensure};
use clap::Args;
use picollect_evaluate::benchmarks::Pattern;

use super::clocks::Clocks;
use super::provenance::programs;
use super::recognise::{Work, parse_work};
use picollect_analysis::runs::{MAX_NAME_BYTES, NODES_LABEL, SWEEP_LABEL};
use picollect_client::SourceOptions;

/// Labels of one run.
const MAX_LABELS: usize = 32;
/// Repetitions, and values of a sweep.
const MAX_STEPS: usize = 1000;
/// The label that a sweep over clocks sets, in MHz.
pub(super) const CLOCK_LABEL: &str = "freq_mhz";

/// What to run and how to measure it.
#[derive(Debug, Clone, Args)]
pub struct RunOptions {
    #[command(flatten)]
    pub(super) ask: SourceOptions,
    /// The nodes whose energy counts: `all`, or names separated by commas
    #[arg(long, value_name = "NAMES", default_value = "all")]
    nodes: String,
    /// What to call it [default: the program's name]
    #[arg(long)]
    name: Option<String>,
    /// Say something of it; may be given several times
    #[arg(long = "label", value_name = "KEY=VALUE")]
    labels: Vec<String>,
    /// Measure the idle nodes for so long before; 0s does not
    #[arg(long, value_name = "TIME", default_value = super::DEFAULT_IDLE, value_parser = humantime::parse_duration)]
    idle: Duration,
    /// The work that the command does, such as 2.5e12FLOP, if its output does not tell
    #[arg(long, value_name = "WORK", conflicts_with = "pattern")]
    work: Option<String>,
    /// A regular expression that finds the rate in the output: 'did (?<value>[0-9.]+) per second'
    #[arg(long, value_name = "REGEX", requires = "unit")]
    pattern: Option<String>,
    /// What the pattern's rate counts, such as requests/s or GFLOPS
    #[arg(long, requires = "pattern")]
    unit: Option<String>,
    /// Look for results in these files too, and keep them; may be given several times
    #[arg(long = "output-file", value_name = "GLOB")]
    output_files: Vec<String>,
    /// Run it so many times, for a median and a spread
    #[arg(long, value_name = "TIMES", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    repeat: u16,
    /// Run it for each value: `nodes=1,2,4,8` puts them in place of {nodes} in the command, `freq=600,1000`
    /// (MHz) sets the clock of this machine, or of all nodes with --set-freq
    #[arg(long, value_name = "WHAT=VALUES")]
    sweep: Option<String>,
    /// The command that sets a node's clock, such as 'ssh {host} sudo cpupower frequency-set -f {mhz}MHz'
    #[arg(long, value_name = "COMMAND", requires = "sweep")]
    set_freq: Option<String>,
    /// Run it although a node is unknown or silent, or the disk is full
    #[arg(long)]
    pub(super) force: bool,
    /// Where the collector is away at the end, ask it again for so long; the run is kept in any case
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = humantime::parse_duration)]
    retry: Duration,
    /// The directory that holds sys/, for tests
    #[arg(long, value_name = "DIR", default_value = "/", hide = true)]
    root: std::path::PathBuf,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

impl RunOptions {
    /// One run of a command on these nodes, under this name; all else as if no option were given.
    pub fn of(ask: SourceOptions, nodes: String, name: &str, command: Vec<String>) -> Self {
        Self {
            ask,
            nodes,
            name: Some(name.to_owned()),
            labels: Vec::new(),
            idle: super::IDLE,
            work: None,
            pattern: None,
            unit: None,
            output_files: Vec::new(),
            repeat: 1,
            sweep: None,
            set_freq: None,
            force: false,
            retry: Duration::from_secs(30),
            root: "/".into(),
            command,
        }
    }
}

/// What is to be done.
#[derive(Debug)]
pub(super) struct Plan {
    /// What the user calls it.
    pub(super) name: String,
    /// The name as part of an id.
    pub(super) slug: String,
    /// The nodes whose energy counts; `None` is all.
    pub(super) nodes: Option<Vec<String>>,
    /// How long nothing may run before the command starts.
    pub(super) idle: Duration,
    /// For how long a collector that is away at the end is asked again.
    pub(super) retry: Duration,
    /// How its work becomes known.
    pub(super) work: Work,
    /// Files that may hold results.
    pub(super) output_files: Vec<String>,
    /// How often each step is run.
    pub(super) repeat: usize,
    /// What is swept over.
    pub(super) sweep: Option<Sweep>,
    /// One step, or one for each value of a sweep.
    pub(super) steps: Vec<Step>,
    labels: BTreeMap<String, String>,
}

/// What a sweep changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sweep {
    /// `{nodes}` in the command.
    Nodes,
    /// The clock to which this machine's processors are set.
    Clock,
}

/// One value of a sweep, or the only step of a plain run.
#[derive(Debug)]
pub(super) struct Step {
    /// Program and arguments, with the sweep's value filled in.
    pub(super) command: Vec<String>,
    /// The label that tells it from the others.
    label: Option<(&'static str, String)>,
    /// The clocks to set before.
    pub(super) clocks: Option<Clocks>,
}

impl Plan {
    /// Fails where options contradict each other or one makes no sense.
    pub(super) fn new(options: &RunOptions) -> anyhow::Result<Self> {
        let name = options.name.clone().unwrap_or_else(|| name_of(&options.command));
        ensure!(!name.is_empty() && name.len() <= MAX_NAME_BYTES, "--name has 1 to {MAX_NAME_BYTES} bytes");
        let slug = slug(&name);
        let mut labels = labels(&options.labels)?;
        let (sweep, steps) = match &options.sweep {
            Some(text) => steps(text, options).with_context(|| format!("--sweep {text}"))?,
            None => (None, vec![Step { command: options.command.clone(), label: None, clocks: None }]),
        };
        ensure!(
            options.set_freq.is_none() || sweep == Some(Sweep::Clock),
            "--set-freq goes with --sweep freq=…"
        );
        if sweep.is_some() {
            labels.insert(SWEEP_LABEL.to_owned(), super::id_of(&slug));
        }
        Ok(Self {
            nodes: nodes(&options.nodes)?,
            work: work(options)?,
            labels,
            idle: options.idle,
            retry: options.retry,
            output_files: options.output_files.clone(),
            repeat: usize::from(options.repeat),
            name,
            slug,
            sweep,
            steps,
        })
    }

    /// The labels of one run.
    pub(super) fn labels(&self, step: &Step, repetition: usize) -> BTreeMap<String, String> {
        let mut labels = self.labels.clone();
        labels.extend(step.label.clone().map(|(name, value)| (name.to_owned(), value)));
        if self.repeat > 1 {
            labels.insert("repetition".to_owned(), repetition.to_string());
        }
        labels
    }
}

impl Step {
    /// The value of the sweep.
    pub(super) fn value(&self) -> &str {
        self.label.as_ref().map_or("", |(_, value)| value)
    }
}

/// The name of the last program on the command line: of `mpirun -np 2 ./xhpl` it is `xhpl`.
fn name_of(command: &[String]) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let program = programs(command, &here).into_iter().next_back();
    let name = program.and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
    name.unwrap_or_else(|| command[0].rsplit('/').next().unwrap_or_default().to_owned())
}

pub(super) fn slug(name: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let text: String = name.chars().map(letter).take(32).collect();
    let text = text.trim_matches('-').to_owned();
    if text.is_empty() { "run".to_owned() } else { text }
}

/// The names of `--nodes`, sorted, each once; `None` for `all`. An empty name is an error.
pub fn nodes(text: &str) -> anyhow::Result<Option<Vec<String>>> {
    if text == "all" {
        return Ok(None);
    }
    let mut names: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
    ensure!(names.iter().all(|name| !name.is_empty()), "--nodes {text}: a name is empty");
    names.sort();
    names.dedup();
    Ok(Some(names))
}

/// The labels `KEY=VALUE`; more than [`MAX_LABELS`], an empty key or a long text is an error.
pub fn labels(texts: &[String]) -> anyhow::Result<BTreeMap<String, String>> {
    ensure!(texts.len() <= MAX_LABELS, "there are more than {MAX_LABELS} labels");
    let pair = |text: &String| match text.split_once('=') {
        Some((key, value)) if !key.is_empty() && text.len() <= MAX_NAME_BYTES => {
            Ok((key.to_owned(), value.to_owned()))
        }
        _ => Err(anyhow!("--label {text}: write KEY=VALUE, {MAX_NAME_BYTES} bytes at most")),
    };
    texts.iter().map(pair).collect()
}

fn work(options: &RunOptions) -> anyhow::Result<Work> {
    if let Some(text) = &options.work {
        return parse_work(text).map_err(|error| anyhow!("--work {text}: {error}"));
    }
    let Some((pattern, unit)) = options.pattern.as_deref().zip(options.unit.as_deref()) else {
        return Ok(Work::Benchmark);
    };
    let pattern = Pattern::new(pattern, unit).with_context(|| format!("--pattern {pattern}"))?;
    Ok(Work::Pattern(Box::new(pattern)))
}

fn steps(text: &str, options: &RunOptions) -> anyhow::Result<(Option<Sweep>, Vec<Step>)> {
    let (what, values) = text.split_once('=').context("write nodes=1,2,4 or freq=600,1000,1400")?;
    let numbers = values.split(',').map(|value| value.trim().parse::<u32>());
    let numbers: Vec<u32> = numbers.collect::<Result<_, _>>().context("the values are whole numbers")?;
    ensure!(numbers.iter().all(|number| *number > 0), "a value is 0");
    ensure!(numbers.len() <= MAX_STEPS, "there are more than {MAX_STEPS} values");
    match what.trim() {
        "nodes" => {
            let place = options.command.iter().any(|word| word.contains("{nodes}"));
            ensure!(place, "write {{nodes}} in the command where the number goes");
            let step = |number: &u32| Step {
                command: options
                    .command
                    .iter()
                    .map(|word| word.replace("{nodes}", &number.to_string()))
                    .collect(),
                label: Some((NODES_LABEL, number.to_string())),
                clocks: None,
            };
            Ok((Some(Sweep::Nodes), numbers.iter().map(step).collect()))
        }
        "freq" => {
            let step = |mhz: &u32| Step {
                command: options.command.clone(),
                label: Some((CLOCK_LABEL, mhz.to_string())),
                clocks: Some(Clocks::new(*mhz, options.set_freq.as_deref(), &options.root)),
            };
            Ok((Some(Sweep::Clock), numbers.iter().map(step).collect()))
        }
        other => bail!("`{other}` cannot be swept; nodes and freq can"),
    }
}

//! `picollect import`: what was measured or run where nobody of ours was. The log of a wall meter
//! ([`wall::import`](picollect_collector::wall::import)), the output of a benchmark, or, from standard input, samples
//! ([`samples::import`](crate::samples::import)).

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::{ArgGroup, Args};
use picollect_settings::exit::{Failure, usage};
use picollect_settings::output::say;
use picollect_telemetry::catalogue::{GAIN_ERROR, OFFSET_W};
use picollect_telemetry::line::Point;

use picollect_analysis::runs;
use picollect_collector::wall::import::{Imported, import};
use picollect_collector::wall::tags;
use picollect_config::check_name;
use picollect_config::store_spec::StoreOptions;
use picollect_run::{self as run, Saved};
use picollect_samples as samples;
use picollect_settings::time::{parse_rfc3339, rfc3339};

/// What to import.
#[derive(Debug, Clone, Args)]
#[command(group = ArgGroup::new("what").args(["wall", "hpl"]))]
pub struct ImportOptions {
    /// Where the data is.
    #[command(flatten)]
    store: StoreOptions,
    /// Log of a wall meter: lines of `unix_time watts`, or CSV with a header
    #[arg(long, value_name = "FILE")]
    wall: Option<PathBuf>,
    /// Saved output of HPL, or of another benchmark that is known
    #[arg(long, value_name = "FILE", requires = "start")]
    hpl: Option<PathBuf>,
    /// What to call the meter or the run [default: the file's name without its ending]
    #[arg(long, requires = "what")]
    name: Option<String>,
    /// The cluster that the meter feeds, as the agents call it
    #[arg(long, value_name = "NAME", requires = "wall")]
    cluster: Option<String>,
    /// Leave lines out that cannot be read, and count them, instead of giving up
    #[arg(long, conflicts_with = "hpl")]
    skip_bad_lines: bool,
    /// Greatest error of the meter as a share of what it shows: 0.01 is 1 %
    #[arg(long, value_name = "SHARE", requires = "wall")]
    accuracy: Option<f64>,
    /// Greatest error of the meter whatever it shows, in watts
    #[arg(long, value_name = "WATTS", requires = "accuracy", default_value_t = 0.0)]
    offset_w: f64,
    /// When the run began (RFC 3339, UTC)
    #[arg(long, value_name = "TIME", value_parser = parse_rfc3339, requires = "hpl")]
    start: Option<i64>,
    /// When the run ended [default: as its output says]
    #[arg(long, value_name = "TIME", value_parser = parse_rfc3339, requires = "hpl")]
    end: Option<i64>,
    /// The nodes of the run: `all`, or names separated by commas
    #[arg(long, value_name = "NAMES", default_value = "all", conflicts_with = "wall")]
    nodes: String,
    /// Say something of the run; may be given several times
    #[arg(long = "label", value_name = "KEY=VALUE", requires = "hpl")]
    labels: Vec<String>,
}

/// Carries the command out.
pub(crate) fn execute(options: &ImportOptions) -> Result<(), Failure> {
    match (&options.wall, &options.hpl) {
        (Some(log), _) => import_log(options, log),
        (None, Some(output)) => import_run(options, output),
        (None, None) => import_samples(options),
    }
}

/// What `picollect export` writes is read from standard input.
fn import_samples(options: &ImportOptions) -> Result<(), Failure> {
    let input = io::stdin().lock();
    if input.is_terminal() {
        return Err(usage(anyhow!(
            "give --wall or --hpl, or samples on standard input, as in `picollect import < FILE`"
        )));
    }
    let store = options.store.open_or_make()?;
    let imported = samples::import::import(store.as_ref(), input, options.skip_bad_lines)?;
    let last = imported.last_ms.map(|t_ms| format!(" up to {}", rfc3339(t_ms)));
    let text = format!(
        "{} samples{}; {} lines and refused points left out\n",
        imported.samples,
        last.unwrap_or_default(),
        imported.left_out
    );
    Ok(say(&text)?)
}

/// Without the folders and the ending.
fn name_of(options: &ImportOptions, file: &Path) -> String {
    let stem = || file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    options.name.clone().unwrap_or_else(stem)
}

fn import_log(options: &ImportOptions, log: &Path) -> Result<(), Failure> {
    let name = name_of(options, log);
    check_name(&name).map_err(|why| usage(anyhow!("{why}; give --name")))?;
    let (store, _) = options.store.open()?;
    let tags = tags(&name, options.cluster.as_deref().unwrap_or_default());
    let imported = import(store.as_ref(), log, &tags, options.skip_bad_lines)?;
    let Imported { readings, unknown, bad_lines, span } = imported;
    if let Some((gain, (first_ms, _))) = options.accuracy.zip(span) {
        store.append(&[errors_of(&tags, first_ms, gain, options.offset_w)])?;
    }
    let span = span.map(|(first, last)| format!(" from {} to {}", rfc3339(first), rfc3339(last)));
    let text = format!(
        "wall meter `{name}`: {readings} readings{}; {unknown} lines without a value, {bad_lines} bad lines left out\n",
        span.unwrap_or_default()
    );
    Ok(say(&text)?)
}

/// What an agent would say of a meter of its own.
fn errors_of(tags: &[(String, String)], t_ms: i64, gain: f64, offset_w: f64) -> Point {
    Point {
        measurement: GAIN_ERROR.measurement.to_owned(),
        tags: tags.to_vec(),
        fields: vec![
            (GAIN_ERROR.field.to_owned(), gain.into()),
            (OFFSET_W.field.to_owned(), offset_w.into()),
        ],
        t_ms,
    }
}

fn import_run(options: &ImportOptions, output: &Path) -> Result<(), Failure> {
    let saved = Saved {
        file: output,
        start_ms: options.start.context("--start says when the run began").map_err(usage)?,
        end_ms: options.end,
        name: name_of(options, output),
        nodes: run::nodes(&options.nodes).map_err(usage)?,
        labels: run::labels(&options.labels).map_err(usage)?,
    };
    let found = run::read_saved(&saved).map_err(usage)?;
    let (store, _) = options.store.open()?;
    runs::record(store.as_ref(), &found)?;
    let unplaced =
        found.results.iter().filter(|result| result.rate.is_some() && result.core.is_none()).count();
    let text = format!(
        "run `{}` from {} to {}: {} results, {unplaced} of them without a known core phase\n",
        found.id,
        rfc3339(found.time.start_ms),
        rfc3339(found.time.end_ms),
        found.results.len()
    );
    Ok(say(&text)?)
}

//! `picollect import`: what was measured or run where nobody of ours was. The log of a wall meter
//! ([`samples::wall`](picollect_samples::wall)), the output of a benchmark, or, from standard input, samples
//! ([`samples::import`](picollect_samples::import)).

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::{ArgGroup, Args, ValueEnum};
use picollect_evaluate::wall_log::{Clock, Options, Unit, rate_per_s};
use picollect_settings::exit::{Failure, usage};
use picollect_settings::output::say;
use picollect_telemetry::catalogue::{CONVERSIONS_PER_S, GAIN_ERROR, OFFSET_W};
use picollect_telemetry::line::Point;

use crate::moment::moment;
use picollect_analysis::runs;
use picollect_collector::wall::tags;
use picollect_config::check_name;
use picollect_config::store_spec::StoreOptions;
use picollect_run::{self as run, Saved};
use picollect_samples as samples;
use picollect_samples::wall::{Import, Imported, import};
use picollect_settings::time::{now_ms, rfc3339};

/// Clocks may differ by so much: a reading that is further ahead is no reading.
const AHEAD_MS: i64 = 24 * 3600 * 1000;

/// So many of a log's meters are named.
const NAMED: usize = 3;

/// What to import.
#[derive(Debug, Clone, Args)]
#[command(group = ArgGroup::new("what").args(["wall", "hpl"]))]
pub struct ImportOptions {
    /// Where the data is.
    #[command(flatten)]
    store: StoreOptions,
    /// Log of a wall meter: lines of `unix_time watts`, or CSV with a header that names a time, powers or energy
    /// counters, and what tells several meters apart
    #[arg(long, value_name = "FILE")]
    wall: Option<PathBuf>,
    /// A column of the log with readings, if its name does not say so; may be given several times
    #[arg(long = "column", value_name = "NAME", requires = "wall")]
    columns: Vec<String>,
    /// What the readings are counted in: W, kW, J, kJ, MJ, Wh, kWh, W·min … [default: as the columns' names say]
    #[arg(long, requires = "wall")]
    unit: Option<Unit>,
    /// Add the log's meters up to one, at the times at which each of them has a reading
    #[arg(long, requires = "wall")]
    sum: bool,
    /// What the log's times are: `unix`, seconds or milliseconds, or RFC 3339 with a zone; or `elapsed`, seconds
    /// since --start, or milliseconds if the column's name ends with `_ms`
    #[arg(long, value_enum, default_value_t = Time::Unix, requires = "wall")]
    time: Time,
    /// How often the meter itself samples the power that it counts: 20Hz, 5kHz [default: as a comment in the log says]
    #[arg(long, value_name = "RATE", value_parser = parse_rate, requires = "wall")]
    sampled_at: Option<f64>,
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
    /// When the run began (such as 2026-11-30, 2026-11-30T14:00 or yesterday; UTC), without --end at most 15 minutes before HPL's first stamp; or when a log
    /// of elapsed times began
    #[arg(long, value_name = "TIME", value_parser = moment, requires = "what")]
    start: Option<i64>,
    /// When the run ended [default: as its output says]
    #[arg(long, value_name = "TIME", value_parser = moment, requires = "hpl")]
    end: Option<i64>,
    /// The nodes of the run: `all`, or names separated by commas
    #[arg(long, value_name = "NAMES", default_value = "all", conflicts_with = "wall")]
    nodes: String,
    /// Say something of the run; may be given several times
    #[arg(long = "label", value_name = "KEY=VALUE", requires = "hpl")]
    labels: Vec<String>,
}

/// What the times in a log are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Time {
    // Without comments that help would show: it would take three lines for each option.
    Unix,
    Elapsed,
}

fn parse_rate(text: &str) -> Result<f64, String> {
    rate_per_s(text).ok_or_else(|| "it is no rate such as 20Hz or 5kHz".to_owned())
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
    let clock = match (options.time, options.start) {
        (Time::Unix, None) => Clock::Told,
        (Time::Elapsed, Some(start_ms)) => Clock::Elapsed { start_ms },
        (Time::Elapsed, None) => {
            return Err(usage(anyhow!("--time elapsed wants --start, the time at which the log began")));
        }
        (Time::Unix, Some(_)) => return Err(usage(anyhow!("--start of a log wants --time elapsed"))),
    };
    let known = Options {
        clock,
        columns: options.columns.clone(),
        unit: options.unit,
        latest_ms: now_ms().saturating_add(AHEAD_MS),
    };
    let meter = |channel: &str| if channel.is_empty() { name.clone() } else { format!("{name}-{channel}") };
    let tags_of = |channel: &str| {
        let meter = meter(channel);
        check_name(&meter).map_err(|why| anyhow!("{why}; give a shorter --name"))?;
        Ok(tags(&meter, options.cluster.as_deref().unwrap_or_default()))
    };
    let store = options.store.open_or_make()?;
    let how =
        Import { options: &known, sum: options.sum, skip_bad_lines: options.skip_bad_lines, tags: &tags_of };
    let imported = import(store.as_ref(), log, &how)?;
    let mut facts = Vec::new();
    for channel in &imported.channels {
        facts.extend(facts_of(options, &imported, tags_of(channel)?));
    }
    if !facts.is_empty() {
        store.append(&facts)?;
    }
    let meters: Vec<String> =
        imported.channels.iter().map(|channel| format!("`{}`", meter(channel))).collect();
    Ok(say(&said(&imported, &meters))?)
}

fn said(imported: &Imported, meters: &[String]) -> String {
    let Imported { readings, unknown, bad_lines, incomplete, resets, span, .. } = imported;
    let span = span.map(|(first, last)| format!(" from {} to {}", rfc3339(first), rfc3339(last)));
    let several = if meters.len() == 1 { "" } else { "s" };
    let named = meters.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    let more = match meters.len() {
        count if count > NAMED => format!(" and {} more", count - NAMED),
        _ => String::new(),
    };
    let mut text = format!(
        "wall meter{several} {named}{more}: {readings} readings{}; {unknown} lines without a value, {bad_lines} bad \
         lines left out",
        span.unwrap_or_default()
    );
    if *incomplete > 0 {
        text += &format!("; {incomplete} times left out at which a meter has no reading");
    }
    if *resets > 0 {
        text += &format!("; counters began anew {resets} times");
    }
    text + "\n"
}

/// What an agent would say of a meter of its own.
fn facts_of(options: &ImportOptions, imported: &Imported, tags: Vec<(String, String)>) -> Option<Point> {
    let (t_ms, _) = imported.span?;
    let mut fields = Vec::new();
    if let Some(gain) = options.accuracy {
        fields.push((GAIN_ERROR.field.to_owned(), gain.into()));
        fields.push((OFFSET_W.field.to_owned(), options.offset_w.into()));
    }
    let rate = options.sampled_at.or(imported.sampled_at);
    fields.extend(rate.map(|rate| (CONVERSIONS_PER_S.field.to_owned(), rate.into())));
    let measurement = GAIN_ERROR.measurement.to_owned();
    (!fields.is_empty()).then_some(Point { measurement, tags, fields, t_ms })
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
    let store = options.store.open_or_make()?;
    runs::record(store.as_ref(), &found)?;
    let unplaced =
        found.results.iter().filter(|result| result.rate.is_some() && result.core.is_none()).count();
    let zone = found.provenance.get(run::ZONE_OF_STAMPS);
    let text = format!(
        "run `{}` from {} to {}: {} results, {unplaced} of them without a known core phase{}\n",
        found.id,
        rfc3339(found.time.start_ms),
        rfc3339(found.time.end_ms),
        found.results.len(),
        zone.map(|zone| format!("; its stamps are in {zone}")).unwrap_or_default()
    );
    Ok(say(&text)?)
}

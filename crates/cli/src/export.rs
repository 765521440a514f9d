//! `picollect export`: what a store holds, in order of time, as line protocol or CSV.

use std::io::{BufWriter, Write as _};
use std::time::Duration;

use crate::moment::moment;
use anyhow::{Context as _, anyhow};
use clap::{Args, ValueEnum};
use picollect_config::store_spec::StoreOptions;
use picollect_evaluate::Window;
use picollect_samples::csv::RowWriter;
use picollect_samples::export::{EARLIEST_MS, Wanted, export, unknown_name, write_lines};
use picollect_settings::exit::{Failure, usage};
use picollect_settings::output::{complain, output};
use picollect_settings::time::{millis, now_ms, rfc3339};

/// What to export, and how.
#[derive(Debug, Clone, Args)]
pub struct ExportOptions {
    /// Where the data is.
    #[command(flatten)]
    store: StoreOptions,
    /// The last so much time, such as 10m or 24h [default: everything]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    since: Option<Duration>,
    /// From this moment (such as 2026-11-30, 2026-11-30T14:00 or yesterday; UTC); instead of --since
    #[arg(long, value_name = "TIME", value_parser = moment, conflicts_with = "since")]
    from: Option<i64>,
    /// To this moment (such as 2026-11-30, 2026-11-30T14:00 or yesterday; UTC) [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<i64>,
    /// Only what these nodes sent; names separated by commas
    #[arg(long = "node", value_name = "NAMES", value_delimiter = ',')]
    nodes: Vec<String>,
    /// Only these: MEASUREMENT or MEASUREMENT.FIELD, such as power or power.watts, separated by commas
    #[arg(long = "metric", value_name = "NAMES", value_delimiter = ',')]
    metrics: Vec<String>,
    /// How to write them
    #[arg(long, value_enum, default_value_t = SampleFormat::Lines)]
    format: SampleFormat,
}

/// How samples are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SampleFormat {
    /// InfluxDB's line protocol, times in nanoseconds
    Lines,
    /// A row for each sample, with a header
    Csv,
}

/// Carries the command out.
pub(crate) fn execute(options: &ExportOptions) -> Result<(), Failure> {
    let now_ms = now_ms();
    let since = options.since.map(|since| now_ms.saturating_sub(millis(since)));
    let window = Window {
        start_ms: options.from.or(since).unwrap_or(EARLIEST_MS),
        end_ms: options.to.unwrap_or(now_ms),
    };
    if window.end_ms < window.start_ms {
        return Err(usage(anyhow!("the window ends before it begins; see --from and --to")));
    }
    let (store, _) = options.store.open()?;
    let wanted = Wanted { window, nodes: options.nodes.clone(), metrics: options.metrics.clone() };
    if let Some(why) = unknown_name(store.as_ref(), &wanted)? {
        return Err(usage(anyhow!(why)));
    }
    let mut out = BufWriter::new(output());
    let samples = match options.format {
        SampleFormat::Lines => export(store.as_ref(), &wanted, |point| Ok(write_lines(point, &mut out)?))?,
        SampleFormat::Csv => {
            let mut rows = RowWriter::new(&mut out)?;
            let samples = export(store.as_ref(), &wanted, |point| Ok(rows.write(point)?))?;
            rows.finish()?;
            samples
        }
    };
    out.flush().context("cannot write to standard output")?;
    complain(format_args!("picollect: {samples} samples up to {}", rfc3339(window.end_ms)));
    Ok(())
}

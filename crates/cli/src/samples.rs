//! `picollect samples`: what is done to stored samples by hand.

use std::fmt::Write as _;

use crate::moment::moment;
use anyhow::{Context as _, anyhow};
use clap::{Args, Subcommand};
use picollect_config::data_dir;
use picollect_config::store_spec::StoreOptions;
use picollect_evaluate::Window;
use picollect_samples::delete::{Found, Selection, delete, find};
use picollect_settings::exit::{Failure, usage};
use picollect_settings::output::say;
use picollect_settings::time::rfc3339;
use picollect_store::location::Location;
use picollect_store::{SeriesKey, open};
use picollect_telemetry::catalogue::HOST;
use picollect_telemetry::foreign::printable;

/// What can be done with samples.
#[derive(Debug, Subcommand)]
pub enum SamplesCommand {
    /// Delete samples for good, of an embedded store whose collector is stopped
    #[command(
        after_help = "Examples:\n  picollect samples delete --tag run=hpl-20261123-141157-043 --dry-run\n  \
                            picollect samples delete --metric power.watts --node pi-1 --from 2026-11-23T14:00:00Z \
                            --to 2026-11-23T14:10:00Z"
    )]
    Delete(DeleteOptions),
}

/// Which samples.
#[derive(Debug, Clone, Args)]
pub struct DeleteOptions {
    #[command(flatten)]
    store: StoreOptions,
    /// Of these: MEASUREMENT or MEASUREMENT.FIELD, such as power or power.watts, separated by commas
    #[arg(long = "metric", value_name = "NAMES", value_delimiter = ',')]
    metrics: Vec<String>,
    /// Of this node
    #[arg(long, value_name = "NAME")]
    node: Option<String>,
    /// Of series that have this tag; may be given several times
    #[arg(long = "tag", value_name = "KEY=VALUE")]
    tags: Vec<String>,
    /// From this moment (such as 2026-11-30, 2026-11-30T14:00 or yesterday; UTC) [default: the first sample]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<i64>,
    /// To this moment (such as 2026-11-30, 2026-11-30T14:00 or yesterday; UTC) [default: the last sample]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<i64>,
    /// Only show what would be deleted; the collector may run meanwhile
    #[arg(long)]
    dry_run: bool,
}

/// Carries the command out.
pub(crate) fn execute(command: &SamplesCommand) -> Result<(), Failure> {
    let SamplesCommand::Delete(options) = command;
    let selection = selection(options)?;
    let data = options.store.directory()?;
    let spec = options.store.spec(&options.store.read()?)?;
    let Location::Embedded(directory) = &spec.location else {
        let text = format!("the samples are in `{}`: delete them with its own tools", spec.location);
        return Err(usage(anyhow!(text)));
    };
    if !directory.is_dir() {
        return Err(Failure::Runtime(anyhow!("there is no data directory `{}`", directory.display())));
    }
    if options.dry_run {
        return Ok(
            say(&(shown(&find(&open(directory)?, &selection)?) + "nothing was deleted: --dry-run\n"))?,
        );
    }
    let _lock = data_dir::lock(&data).context("stop the collector before samples are deleted")?;
    let store = open(directory)?;
    let found = find(&store, &selection)?;
    let deleted = delete(&store, &selection, &found)?;
    Ok(say(&format!("{}{deleted} samples deleted\n", shown(&found)))?)
}

/// At least one name has to be given: a time alone would take everything in it.
fn selection(options: &DeleteOptions) -> Result<Selection, Failure> {
    let tag = |text: &String| {
        let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty())?;
        Some((name.to_owned(), value.to_owned()))
    };
    let mut tags = Vec::new();
    for text in &options.tags {
        tags.push(
            tag(text).ok_or_else(|| usage(anyhow!("--tag `{}` is not KEY=VALUE", text.escape_debug())))?,
        );
    }
    tags.extend(options.node.iter().map(|node| (HOST.to_owned(), node.clone())));
    if tags.is_empty() && options.metrics.is_empty() {
        return Err(usage(anyhow!("say which samples: --metric, --node or --tag")));
    }
    let window =
        Window { start_ms: options.from.unwrap_or(i64::MIN), end_ms: options.to.unwrap_or(i64::MAX) };
    if window.end_ms < window.start_ms {
        return Err(usage(anyhow!("the window ends before it begins; see --from and --to")));
    }
    Ok(Selection { window, metrics: options.metrics.clone(), tags })
}

/// A line for each series.
fn shown(found: &[Found]) -> String {
    let mut text = String::new();
    for Found { key, samples, span_ms: (first_ms, last_ms) } in found {
        let tags = SeriesKey::tags_text(&key.tags);
        let separator = if tags.is_empty() { "" } else { "," };
        let name = format!("{}{separator}{tags} {}", key.measurement, key.field);
        // Writing into a String cannot fail.
        let _ = writeln!(
            text,
            "{}: {samples} samples from {} to {}",
            printable(&name),
            rfc3339(*first_ms),
            rfc3339(*last_ms)
        );
    }
    let samples: usize = found.iter().map(|found| found.samples).sum();
    text + &format!("{samples} samples of {} series match\n", found.len())
}

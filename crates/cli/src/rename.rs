//! `picollect nodes rename`: all that is stored of a node goes by another name.
//!
//! It is done on an embedded store while no collector serves it, because a collector has the last hour in its own
//! hands. An engine's series cannot be renamed.

use anyhow::{Context as _, anyhow, ensure};
use picollect_evaluate::Window;
use picollect_settings::exit::{Failure, usage};
use picollect_settings::output::say;
use picollect_telemetry::catalogue::HOST;
use picollect_telemetry::reserved::{Author, RESERVED};

use picollect_analysis::runs::{self, Run};
use picollect_client::{Here, SourceOptions};
use picollect_collector::tokens::{Tokens, is_node_name};
use picollect_config::data_dir;
use picollect_settings::time::rfc3339;
use picollect_store::location::Location;
use picollect_store::{Maintenance, open};

/// What the collector says of a node; all else is the node's own word.
fn collectors_words() -> Vec<&'static str> {
    let reserved = RESERVED.iter().filter(|(_, author)| *author == Author::Collector);
    reserved.map(|(measurement, _)| *measurement).collect()
}

/// Renames a node and says what else has to be done. Refused for a node that there is not, and for two that spoke at
/// the same time.
pub(crate) fn rename(options: &SourceOptions, old: &str, new: &str) -> Result<(), Failure> {
    let Here { data, spec, config } = options.here()?;
    let Location::Embedded(directory) = &spec.location else {
        return Err(usage(anyhow!(
            "the samples are in `{}`, whose series cannot be renamed: let the node join under its new name, and \
             `picollect nodes retire {old}`",
            spec.location
        )));
    };
    if !is_node_name(new) || old == new {
        return Err(usage(anyhow!("a node cannot be called `{new}`")));
    }
    let _lock = data_dir::lock(&data).context("stop the collector before a node is renamed")?;
    let store = open(directory)?;
    store.seal()?;
    possible(&store, old, new).map_err(usage)?;
    let groups = store.rename(HOST, old, new)?;
    let runs = rename_in_runs(&store, old, new)?;
    config.tokens.clone().map_or_else(|| Tokens::of(&data), Tokens::at).rename_node(old, new)?;
    let mut text = format!(
        "`{old}` is `{new}` now, in {groups} sets of series and {runs} runs; its token is the new name's\n\
         now start the collector, and on the node, with `name = \"{new}\"` in agent.toml, the agent\n"
    );
    for meter in config.wall.iter().filter(|meter| meter.covers.iter().any(|name| name == old)) {
        text += &format!("in collector.toml: the wall meter `{}` covers `{old}`\n", meter.name);
    }
    Ok(say(&text)?)
}

fn possible(store: &dyn Maintenance, old: &str, new: &str) -> anyhow::Result<()> {
    let spoke = |name| store.span_of((HOST, name), &collectors_words());
    let (from_ms, to_ms) =
        spoke(old)?.with_context(|| format!("there is no node `{old}`; see `picollect nodes`"))?;
    if let Some((first_ms, last_ms)) = spoke(new)? {
        ensure!(
            to_ms < first_ms || last_ms < from_ms,
            "`{old}` and `{new}` are two nodes: both spoke between {} and {}",
            rfc3339(from_ms.max(first_ms)),
            rfc3339(to_ms.min(last_ms))
        );
    }
    Ok(())
}

fn rename_in_runs(store: &dyn Maintenance, old: &str, new: &str) -> anyhow::Result<usize> {
    let mut renamed = 0;
    for mut run in runs::ended_in(store, Window { start_ms: 0, end_ms: i64::MAX })? {
        if rename_in(&mut run, old, new) {
            runs::record(store, &run)?;
            renamed += 1;
        }
    }
    Ok(renamed)
}

fn rename_in(run: &mut Run, old: &str, new: &str) -> bool {
    let nodes = run.nodes.iter_mut().flatten();
    let shares = run.shares.iter_mut().map(|share| &mut share.host);
    let mut changed = false;
    for name in nodes.chain(shares).chain([&mut run.host]).filter(|name| *name == old) {
        new.clone_into(name);
        changed = true;
    }
    changed
}

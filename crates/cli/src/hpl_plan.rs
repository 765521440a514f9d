//! `picollect hpl plan`: HPL.dat and a file of hosts from what is known of the nodes, and a trial of HPL's blocks.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, ensure};
use clap::{Args, Subcommand};
use picollect_analysis::nodes::Node;
use picollect_analysis::report::Run;
use picollect_analysis::requests::{NodesRequest, RunRequest};
use picollect_client::{Source, SourceOptions};
use picollect_evaluate::numbers::{duration, si_spaced, spaced};
use picollect_evaluate::presence::Presence;
use picollect_hpl::{Machine, Plan, Wanted};
use picollect_run as run;
use picollect_run::RunOptions;
use picollect_settings::exit::{Failure, usage};
use picollect_settings::output::say;

/// What a run of a trial is called.
const TRIAL: &str = "hpl-nb";

/// What can be done for HPL.
#[derive(Debug, Subcommand)]
pub enum HplCommand {
    /// Write HPL.dat and a hostfile for these nodes, and say why so; compiles and installs nothing
    #[command(after_help = "Examples:\n  picollect hpl plan hpl\n  \
                            picollect hpl plan hpl --memory 0.7 --nodes pi-1,pi-2\n  \
                            picollect hpl plan hpl --sweep nb=96,128,192 -- mpirun --hostfile hostfile xhpl\n  \
                            picollect hpl plan hpl --nb-of last")]
    Plan(PlanOptions),
}

/// What to plan.
#[derive(Debug, Clone, Args)]
pub struct PlanOptions {
    #[command(flatten)]
    ask: SourceOptions,
    /// Where the files go; made if it is not there
    #[arg(value_name = "DIRECTORY")]
    directory: PathBuf,
    /// The nodes that compute: `all` that are up, or names separated by commas
    #[arg(long, value_name = "NAMES", default_value = "all")]
    nodes: String,
    /// The share of the smallest memory that the matrix takes
    #[arg(long, value_name = "SHARE", default_value_t = Wanted::default().memory_share)]
    memory: f64,
    /// Processes on each node [default: one for each core]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=4096))]
    ranks_per_node: Option<u32>,
    /// The size of HPL's blocks [default: by the processor]
    #[arg(long, value_name = "NB", conflicts_with_all = ["sweep", "nb_of"])]
    nb: Option<u32>,
    /// The best size of blocks in this run of HPL, by its id
    #[arg(long, value_name = "ID", conflicts_with = "sweep")]
    nb_of: Option<String>,
    /// Try these sizes of blocks on a small matrix first: nb=96,128,192
    #[arg(long, value_name = "nb=VALUES")]
    sweep: Option<String>,
    /// Overwrite the files
    #[arg(long)]
    force: bool,
    /// What runs HPL in the directory, for the trial; without it the files of the trial are written
    #[arg(last = true, value_name = "COMMAND", requires = "sweep")]
    command: Vec<String>,
}

/// Carries a command out.
pub(crate) fn execute(command: &HplCommand) -> Result<(), Failure> {
    let HplCommand::Plan(options) = command;
    let source = options.ask.open()?;
    let machines = machines(&source, &options.nodes)?;
    let wanted = Wanted {
        memory_share: options.memory,
        ranks_per_node: options.ranks_per_node,
        nbs: options.nb.into_iter().collect(),
        trial: false,
    };
    let plan = |nbs: Vec<u32>, trial: bool| {
        Plan::of(&machines, &Wanted { nbs, trial, ..wanted.clone() }).map_err(usage)
    };
    refuse_to_overwrite(options).map_err(usage)?;
    if let Some(sweep) = &options.sweep {
        let trial = plan(values(sweep).map_err(usage)?, true)?;
        write(&trial, &options.directory)?;
        say(&described(&trial, &options.directory))?;
        if options.command.is_empty() {
            return Ok(say(&next_of_trial(&options.directory, &trial))?);
        }
        let tried = try_blocks(options)?;
        return finish(&source, options, &tried, &plan);
    }
    if let Some(id) = &options.nb_of {
        return finish(&source, options, id, &plan);
    }
    let plan = plan(wanted.nbs.clone(), false)?;
    write(&plan, &options.directory)?;
    Ok(say(&described(&plan, &options.directory))?)
}

/// Writes the plan with the best blocks of a run.
fn finish(
    source: &Source,
    options: &PlanOptions,
    id: &str,
    plan: &dyn Fn(Vec<u32>, bool) -> Result<Plan, Failure>,
) -> Result<(), Failure> {
    let judged = source.ask(&RunRequest { id: id.to_owned(), ..RunRequest::default() })?;
    let (table, nb, rate) = best(&judged).map_err(usage)?;
    let plan = plan(vec![nb], false)?;
    write(&plan, &options.directory)?;
    let takes = spaced(&duration(plan.flop() / rate));
    let rate = si_spaced(Some(rate), "FLOPS");
    let best = format!(
        "\n{table}best: NB = {nb} with {rate}; at that rate the whole matrix takes about {takes}\n\n"
    );
    Ok(say(&(best + &described(&plan, &options.directory)))?)
}

/// The nodes that compute, as far as they are known.
fn machines(source: &Source, wanted: &str) -> Result<Vec<Machine>, Failure> {
    let names = run::nodes(wanted).map_err(usage)?;
    let nodes = source.ask(&NodesRequest::default())?;
    run::refuse_absent(names.as_deref(), &nodes)?;
    let counts = |node: &&Node| match &names {
        Some(names) => names.contains(&node.host),
        None => node.state != Presence::Down,
    };
    let machine = |node: &Node| Machine {
        host: node.host.clone(),
        memory_bytes: node.memory_bytes,
        cores: node.cores,
        max_hz: node.max_hz,
        model: node.model.clone(),
    };
    Ok(nodes.iter().filter(counts).map(machine).collect())
}

/// `nb=96,128,192`.
fn values(text: &str) -> anyhow::Result<Vec<u32>> {
    let wrong = || format!("--sweep {text}: write nb=96,128,192");
    let values = text.strip_prefix("nb=").with_context(wrong)?;
    let values: Result<Vec<u32>, _> = values.split(',').map(|value| value.trim().parse()).collect();
    let mut values = values.with_context(wrong)?;
    values.sort_unstable();
    values.dedup();
    Ok(values)
}

fn refuse_to_overwrite(options: &PlanOptions) -> anyhow::Result<()> {
    // After a trial its files are what is replaced.
    let there = options.directory.join("HPL.dat");
    let ours = options.force || options.nb_of.is_some() || !there.exists();
    ensure!(ours, "`{}` is there already; --force overwrites it, or give another directory", there.display());
    Ok(())
}

fn write(plan: &Plan, directory: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(directory).with_context(|| format!("cannot make `{}`", directory.display()))?;
    for (name, text) in [("HPL.dat", plan.hpl_dat()), ("hostfile", plan.hostfile())] {
        let path = directory.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    Ok(())
}

fn described(plan: &Plan, directory: &Path) -> String {
    let reasons: String = plan.reasons.iter().map(|reason| format!("{reason}\n")).collect();
    let path = |name: &str| directory.join(name).display().to_string();
    format!("{reasons}Written: {}, {}\n", path("HPL.dat"), path("hostfile"))
}

fn next_of_trial(directory: &Path, plan: &Plan) -> String {
    let (directory, ranks) = (directory.display(), plan.p * plan.q);
    format!(
        "Next: cd {directory} && picollect run --name {TRIAL} -- mpirun --hostfile hostfile -np {ranks} xhpl\n\
         then: picollect hpl plan {directory} --nb-of last\n"
    )
}

/// Runs HPL on the trial's files under measurement, and gives what its run is called.
fn try_blocks(options: &PlanOptions) -> Result<String, Failure> {
    // HPL reads HPL.dat where it is started; paths of our own options stay what they are.
    let mut command = vec!["env".to_owned(), format!("--chdir={}", options.directory.display())];
    command.extend_from_slice(&options.command);
    run::run(&RunOptions::of(options.ask.clone(), options.nodes.clone(), TRIAL, command))?;
    Ok("last".to_owned())
}

/// A line for each size of blocks, the best size, and its rate in FLOPS.
fn best(run: &Run) -> anyhow::Result<(String, u32, f64)> {
    let mut rates: Vec<(u32, f64, Option<f64>)> = Vec::new();
    for result in &run.results {
        let nb = result.label.split_whitespace().find_map(|word| word.strip_prefix("NB=")?.parse().ok());
        if let Some((nb, rate)) = nb.zip(result.rate) {
            rates.push((nb, rate, result.rate_per_w));
        }
    }
    let fastest = rates.iter().max_by(|a, b| a.1.total_cmp(&b.1));
    let none = || anyhow!("the run `{}` has no result of HPL with a size of blocks", run.id);
    let (nb, rate, _) = *fastest.ok_or_else(none)?;
    let line = |(nb, rate, per_w): &(u32, f64, Option<f64>)| {
        let (rate, per_w) = (si_spaced(Some(*rate), "FLOPS"), si_spaced(*per_w, "FLOPS/W"));
        format!("{nb:>6}  {rate:>16}  {per_w:>18}\n")
    };
    let table = format!("{:>6}  {:>16}  {:>18}\n", "NB", "rate", "per watt");
    Ok((table + &rates.iter().map(line).collect::<String>(), nb, rate))
}

#[cfg(test)]
mod tests {
    use super::*;
    use picollect_analysis::report::RunResult;

    #[test]
    fn the_values_of_a_trial_are_whole_numbers() {
        assert_eq!(values("nb=192, 96,96").unwrap(), [96, 192]);
        for wrong in ["96,128", "nb=", "nb=1.5", "n=5"] {
            assert!(values(wrong).unwrap_err().to_string().contains("write nb=96,128,192"), "{wrong}");
        }
    }

    #[test]
    fn the_best_blocks_are_those_of_the_highest_rate() {
        let result = |label: &str, rate: Option<f64>| RunResult {
            label: label.to_owned(),
            rate,
            ..RunResult::default()
        };
        let results = vec![
            result("WR11C2R4 N=4992 NB=96 P=1 Q=2", Some(5e9)),
            result("WR11C2R4 N=4992 NB=128 P=1 Q=2", Some(6e9)),
            result("WR11C2R4 N=4992 NB=192 P=1 Q=2", None),
        ];
        let run = Run { id: "r".into(), results, ..Run::default() };
        let (table, nb, rate) = best(&run).unwrap();
        assert!(nb == 128 && (rate - 6e9).abs() < 1.0 && table.lines().count() == 3, "{table}");
        assert!(best(&Run::default()).unwrap_err().to_string().contains("no result of HPL"));
    }
}

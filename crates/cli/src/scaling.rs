//! `picollect scaling`: what more nodes bring, from runs that were measured or from a table.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use picollect_analysis::request::Written;
use picollect_analysis::scaling::{MAX_RUNS, Scaled, ScalingRequest};
use picollect_client::SourceOptions;
use picollect_evaluate::benchmarks::Unit;
use picollect_evaluate::scaling::{BEOWULF_1994, Point};
use picollect_settings::exit::{Failure, usage};

use crate::output_format::AnyFormat;

/// Which runs.
#[derive(Debug, Clone, Args)]
pub struct ScalingOptions {
    #[command(flatten)]
    ask: SourceOptions,
    /// Runs by their ids, or `last`, `last~1`; those of `picollect run --sweep nodes=…` know how many nodes they
    /// had, others say it by --label nodes=N or --nodes [default: the runs of the last sweep over nodes]
    #[arg(value_name = "RUN")]
    runs: Vec<String>,
    /// A table instead: CSV with the columns nodes, seconds, rate, joules, as far as they are known
    #[arg(long, value_name = "FILE", conflicts_with = "runs")]
    table: Option<PathBuf>,
    /// The first Beowulf of 1994 instead
    #[arg(long, conflicts_with_all = ["runs", "table"])]
    example: bool,
    #[command(flatten)]
    format: AnyFormat,
}

/// Carries the command out.
pub(crate) fn execute(options: &ScalingOptions) -> Result<Written, Failure> {
    let (points, unit) = match &options.table {
        Some(path) => (read_table(path).map_err(usage)?, ""),
        None if options.example => (BEOWULF_1994.to_vec(), Unit::FlopPerSecond.name()),
        None => {
            let request = ScalingRequest { runs: options.runs.join(","), format: options.format.into() };
            return options.ask.open()?.ask_written(&request);
        }
    };
    Scaled::of(&points, unit).and_then(|scaled| scaled.written(options.format.into())).map_err(usage)
}

fn read_table(path: &Path) -> anyhow::Result<Vec<Point>> {
    let name = path.display();
    let text = fs::read_to_string(path).with_context(|| format!("cannot read `{name}`"))?;
    parse_table(&text).with_context(|| format!("{name}"))
}

/// CSV with a header; a cell that is empty is not known.
fn parse_table(text: &str) -> anyhow::Result<Vec<Point>> {
    let text = text.trim_start_matches('\u{feff}');
    let mut lines =
        text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty() && !line.starts_with('#'));
    let (header, _) = lines.next().context("the table is empty")?;
    let names: Vec<&str> = header.split(',').map(str::trim).collect();
    for name in &names {
        ensure!(
            ["nodes", "seconds", "rate", "joules"].contains(name),
            "line 1: `{name}` is no column; nodes, seconds, rate and joules are"
        );
    }
    ensure!(names.contains(&"nodes"), "line 1: the column nodes is missing");
    let mut points = Vec::new();
    for (line, number) in lines {
        ensure!(points.len() < MAX_RUNS, "line {number}: there are more than {MAX_RUNS} lines");
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        ensure!(
            cells.len() == names.len(),
            "line {number}: {} cells, the header has {}",
            cells.len(),
            names.len()
        );
        let mut point = Point::default();
        for (name, cell) in names.iter().zip(cells).filter(|(_, cell)| !cell.is_empty()) {
            let value: f64 = cell.parse().with_context(|| format!("line {number}: `{cell}` is no number"))?;
            match *name {
                "nodes" => point.nodes = cell.parse().with_context(|| format!("line {number}: nodes"))?,
                "seconds" => point.seconds = Some(value),
                "rate" => point.rate = Some(value),
                _ => point.joules = Some(value),
            }
        }
        if point.nodes == 0 {
            bail!("line {number}: nodes is missing or 0");
        }
        points.push(point);
    }
    Ok(points)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_and_its_mistakes_are_named() {
        let points =
            parse_table("\u{feff}# three runs\nnodes, rate,joules\n1,1e9,\n\n2,1.9e9,100\n").unwrap();
        let first = Point { nodes: 1, rate: Some(1e9), ..Point::default() };
        let second = Point { nodes: 2, rate: Some(1.9e9), joules: Some(100.0), seconds: None };
        assert_eq!(points, [first, second]);
        for (table, wrong) in [
            ("", "the table is empty"),
            ("nodes,speed\n", "line 1: `speed` is no column"),
            ("rate\n1\n", "line 1: the column nodes is missing"),
            ("nodes,rate\n1\n", "line 2: 1 cells, the header has 2"),
            ("nodes,rate\n1,x\n", "line 2: `x` is no number"),
            ("nodes,rate\n,1\n", "line 2: nodes is missing or 0"),
        ] {
            let error = format!("{:#}", parse_table(table).unwrap_err());
            assert!(error.starts_with(wrong), "{error}");
        }
    }
}

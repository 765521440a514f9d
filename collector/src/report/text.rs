//! The report for a terminal, 80 columns wide.

use super::{Cluster, EnergyFigure, Episode, Node, Report, Run};

/// The whole report; lines end in line feeds.
pub fn text(report: &Report, _colour: bool) -> String {
    let window = &report.window;
    let mut page =
        format!("picollect report  {} to {}  ({:.1} s)\n\n", window.start, time(&window.end), window.seconds);
    page += &cluster(&report.cluster);
    page += &nodes(&report.nodes);
    page += &throttling(&report.nodes);
    page += &runs(&report.runs);
    page += &missing(&report.nodes);
    page += &clashes(&report.nodes);
    page
}

fn cluster(cluster: &Cluster) -> String {
    let Cluster { nodes, up, late, down, energy, nodes_with_energy, .. } = cluster;
    let mut page = format!("CLUSTER   {}: {up} up, {late} late, {down} down\n", count(*nodes, "node"));
    if *nodes_with_energy == 0 {
        return page + "  energy  unknown: no node has a meter or a power model\n\n";
    }
    page += &format!(
        "  energy  {} J, {} W mean, {} W peak\n  of      {nodes_with_energy} of {nodes} nodes, boundary {}, coverage {}\n",
        figure(energy.energy_j, 1),
        figure(energy.mean_w, 2),
        figure(energy.peak_w, 2),
        energy.boundary.unwrap_or("-"),
        percent(energy.coverage),
    );
    let parts = cluster.by_source.iter();
    let parts: Vec<_> = parts
        .map(|part| format!("{} {} {:.1} J", count(part.nodes, "node"), part.source, part.energy_j))
        .collect();
    page += &format!("  source  {}: {}\n", energy.source.unwrap_or("-"), parts.join(", "));
    for other in &cluster.other_boundaries {
        let EnergyFigure { boundary, energy_j, source, .. } = other;
        let boundary = boundary.unwrap_or("-");
        page += &format!(
            "  beside  {} J at boundary {boundary}, {}\n",
            figure(*energy_j, 1),
            source.unwrap_or("-")
        );
    }
    page + "\n"
}

fn nodes(nodes: &[Node]) -> String {
    let mut page = format!(
        "NODES\n  {:<15} {:<5} {:>8} {:>7} {:>7} {:>6} {:>6} {:>6}  {}\n",
        "node", "state", "energy J", "mean W", "peak W", "cover", "°C", "max", "source"
    );
    for Node { host, state, energy, temp_c, .. } in nodes {
        page += &format!(
            "  {host:<15} {state:<5} {:>8} {:>7} {:>7} {:>6} {:>6} {:>6}  {}\n",
            figure(energy.energy_j, 1),
            figure(energy.mean_w, 2),
            figure(energy.peak_w, 2),
            percent(energy.coverage),
            figure(temp_c.mean, 1),
            figure(temp_c.max, 1),
            energy.source.unwrap_or("unknown"),
        );
    }
    page + "\n"
}

fn throttling(nodes: &[Node]) -> String {
    let mut page = String::from("THROTTLING\n");
    for Node { host, episodes, .. } in nodes {
        match episodes {
            None => page += &format!("  {host:<15} unknown: its throttle flags cannot be read\n"),
            Some(list) if list.is_empty() => page += &format!("  {host:<15} none\n"),
            Some(list) => list.iter().for_each(|one| page += &episode(host, one)),
        }
    }
    page + "\n"
}

fn episode(host: &str, episode: &Episode) -> String {
    let Episode { start, end, cause, peak_c, lowest_hz, lost_core_s, .. } = episode;
    format!(
        "  {host:<15} {} to {}  {cause}\n  {:<15} peak {} °C, lowest clock {} GHz, lost {} core-s\n",
        time(start),
        time(end),
        "",
        figure(*peak_c, 1),
        figure(lowest_hz.map(|hz| hz / 1e9), 2),
        figure(*lost_core_s, 1),
    )
}

fn runs(runs: &[Run]) -> String {
    let mut page = String::new();
    for run in runs {
        let Run { name, energy, simulated, .. } = run;
        let simulated = if *simulated { ", simulated" } else { "" };
        let hosts: Vec<_> = run.nodes.iter().map(|node| node.host.as_str()).collect();
        page += &format!("  {name}: {:.1} s on {}{simulated}\n", run.window.seconds, hosts.join(", "));
        page += &format!(
            "    {} GFLOPS at {} W = {} GFLOPS/W  ({} J, power {})\n",
            figure(run.result.as_ref().and_then(|result| result.rate).map(|flops| flops / 1e9), 3),
            figure(energy.mean_w, 2),
            figure(run.result.as_ref().and_then(|result| result.rate_per_w).map(|flops| flops / 1e9), 3),
            figure(energy.energy_j, 1),
            energy.source.unwrap_or("unknown"),
        );
        if run.throttled == Some(true) {
            page += "    throttled meanwhile: not the rate of a machine at its rated clock\n";
        }
    }
    if page.is_empty() { page } else { format!("RUNS\n{page}\n") }
}

fn missing(nodes: &[Node]) -> String {
    let mut page = String::new();
    for node in nodes {
        for missing in &node.missing {
            page += &format!(
                "  {:<15} {}: {} since {}\n",
                node.host,
                missing.what,
                missing.why,
                time(&missing.since)
            );
        }
    }
    if page.is_empty() { page } else { format!("NOT READABLE\n{page}\n") }
}

fn clashes(nodes: &[Node]) -> String {
    let clash = nodes.iter().filter(|node| node.serials.len() > 1);
    let line = |node: &Node| {
        format!(
            "  {:<15} {} boards use this name: {}\n",
            node.host,
            node.serials.len(),
            node.serials.join(", ")
        )
    };
    let page: String = clash.map(line).collect();
    if page.is_empty() { page } else { format!("ALARM: give each board a name of its own\n{page}\n") }
}

fn count(number: usize, of: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {of}{plural}")
}

fn figure(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.decimals$}"))
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{:.1}%", share * 100.0))
}

/// The time of day of an RFC 3339 text.
fn time(rfc3339: &str) -> &str {
    rfc3339.get(11..19).unwrap_or(rfc3339)
}

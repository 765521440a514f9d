//! The report as CSV in RFC 4180: one long table, a row for each quantity of each subject, so that every
//! kind of figure fits and a spreadsheet can filter.
//!
//! Numbers are whole and in SI units (temperatures in °C); what is unknown has an empty value. `time` is
//! the moment that a row is about, and empty where it is about the whole window.
//!
//! Invariant: foreign text is never a formula to a spreadsheet.

use super::{EnergyFigure, Node, Report, Run, RunResult, Timeline};
use picollect_evaluate::balance::What;
use picollect_evaluate::methodology::Verdict;
use picollect_settings::time::rfc3339;

mod table;
mod wide;

use table::{Figure, Rows, Subject};
pub(super) use wide::{side_by_side, wide};

/// The whole report; lines end in CR LF.
pub(super) fn csv(report: &Report) -> String {
    let mut rows = Rows::new();
    cluster(&mut rows, report);
    for node in &report.nodes {
        self::node(&mut rows, node);
    }
    for run in &report.runs {
        self::run(&mut rows, run);
    }
    if let Some(between) = &report.between_runs {
        energy(&mut rows.of("between runs", ""), between);
    }
    money(&mut rows, report);
    findings(&mut rows, report);
    for reference in &report.references {
        let mut rows = rows.of("reference", &reference.name);
        rows.number("year", Some(f64::from(reference.year)), "");
        rows.number("rate", reference.flops, "FLOPS");
        rows.number("efficiency", reference.flops_per_w, "FLOPS/W");
        rows.text("source", &reference.source);
    }
    timeline(&mut rows, &report.timeline);
    rows.finish()
}

fn cluster(rows: &mut Rows, report: &Report) {
    let mut window = rows.of("window", "");
    window.text("start", &report.window.start);
    window.text("end", &report.window.end);
    window.number("length", Some(report.window.seconds), "s");
    for sentence in &report.verdict {
        window.text("verdict", sentence);
    }
    let cluster = &report.cluster;
    let mut all = rows.of("cluster", "");
    for (name, number) in
        [("nodes", cluster.nodes), ("up", cluster.up), ("late", cluster.late), ("down", cluster.down)]
    {
        all.number(name, Some(number as f64), "nodes");
    }
    all.number("nodes with energy", Some(cluster.nodes_with_energy as f64), "nodes");
    energy(&mut all, &cluster.energy);
    for other in &cluster.other_boundaries {
        energy(&mut all, other);
    }
    for part in &cluster.by_source {
        let figure = EnergyFigure { source: Some(part.source), ..cluster.energy.clone() };
        all.figure("energy of this source", Some(part.energy_j), "J", &Figure::part_of(&figure));
    }
    if let Some(overhead) = &report.overhead {
        let mut rows = rows.of("overhead", overhead.boundary.as_str());
        rows.number("outer power", Some(overhead.outer_w), "W");
        rows.number("nodes power", Some(overhead.nodes_w), "W");
        rows.number("overhead power", Some(overhead.overhead_w), "W");
        rows.number("overhead share", Some(overhead.share), "1");
    }
}

/// The four figures of an energy.
fn energy(rows: &mut Subject, figure: &EnergyFigure) {
    let about = Figure::of(figure);
    rows.figure("energy", figure.energy_j, "J", &about);
    rows.figure("mean power", figure.mean_w, "W", &about);
    rows.figure("mean power uncertainty", figure.uncertainty_w, "W", &about);
    rows.figure("peak power", figure.peak_w, "W", &about);
}

fn node(rows: &mut Rows, node: &Node) {
    let mut own = rows.of("node", &node.host);
    own.text("state", node.state.as_str());
    own.text("model", node.model.as_deref().unwrap_or_default());
    own.text("meter", node.meter.as_deref().unwrap_or_default());
    own.text("simulated", if node.simulated { "true" } else { "false" });
    for serial in &node.serials {
        own.text("serial", serial);
    }
    own.number("boards at once", node.boards_at_once.map(|boards| boards as f64), "");
    energy(&mut own, &node.energy);
    own.number("mean temperature", node.temp_c.mean, "°C");
    own.number("greatest temperature", node.temp_c.max, "°C");
    own.number("mean busy share", node.busy_ratio.mean, "1");
    own.number("greatest busy share", node.busy_ratio.max, "1");
    own.number("episodes", node.episodes.as_ref().map(|list| list.len() as f64), "");
    let told = &node.supply_and_flash;
    own.number("least supply voltage", told.least_supply_v, "V");
    own.number("last reset was a brown-out", told.brown_out.map(|flag| f64::from(u8::from(flag))), "");
    own.number("flash life used", told.flash_used_ratio, "1");
    own.number("written to cards a day", told.written_bytes_per_day, "B");
    own.number("flash years left", told.flash_years_left, "years");
    own.number(
        "flash years are the least",
        told.flash_years_are_least.map(|flag| f64::from(u8::from(flag))),
        "",
    );
    own.number("flash watched", told.flash_watched_days, "days");
    own.number("flash reserved blocks", told.flash_pre_eol, "");
    let thermal = &node.thermal;
    own.number("thermal resistance", thermal.resistance_k_per_w, "K/W");
    own.number("thermal time constant", thermal.time_constant_s, "s");
    own.number("air temperature", thermal.ambient_c, "°C");
    own.number("thermal fit R2", thermal.r2, "1");
    own.number("limit", thermal.limit_c, "°C");
    own.number("settles at", thermal.steady_state_c, "°C");
    own.number("headroom", thermal.headroom_k, "K");
    own.number("headroom power", thermal.headroom_w, "W");
    own.number("time to limit", thermal.seconds_to_limit, "s");
    own.text("no thermal model", thermal.unknown.as_deref().unwrap_or_default());
    for episode in node.episodes.iter().flatten() {
        let mut rows = rows.at("episode", &node.host, &episode.start);
        rows.text("end", &episode.end);
        rows.text("cause", episode.cause.as_str());
        rows.number("peak temperature", episode.peak_c, "°C");
        rows.number("lowest clock", episode.lowest_hz, "Hz");
        rows.number("lost work", episode.lost_core_s, "core-s");
        rows.number("lost share", episode.lost_share, "1");
    }
    for missing in &node.missing {
        rows.at("not readable", &node.host, &missing.since).text(&missing.what, missing.why.as_str());
    }
}

fn run(rows: &mut Rows, run: &Run) {
    let mut own = rows.at("run", &run.id, &run.window.start);
    own.text("name", &run.name);
    own.text("end", &run.window.end);
    own.number("length", Some(run.window.seconds), "s");
    own.text("status", run.status.as_str());
    own.text("simulated", if run.simulated { "true" } else { "false" });
    own.text("throttled", run.throttled.map_or("", |throttled| if throttled { "true" } else { "false" }));
    run.remarks.iter().for_each(|remark| own.text("remark", remark));
    energy(&mut own, &run.energy);
    own.number("energy to solution", run.energy_to_solution_j, "J");
    own.number("EDP", run.edp_js, "J·s");
    own.number("ED2P", run.ed2p_js2, "J·s²");
    own.number("share of the window", run.share_of_window, "1");
    own.number("methodology level", run.methodology.level.map(f64::from), "");
    run.methodology.reasons.iter().for_each(|reason| own.text("below level 1", reason));
    for rule in &run.methodology.rules {
        let levels = rule.levels.map(Verdict::as_str).join("/");
        own.text(&format!("rule: {}", rule.name.as_str()), &format!("{levels}: {}", rule.figure));
    }
    run.labels.iter().for_each(|(name, value)| own.text(&format!("label: {name}"), value));
    run.provenance.iter().for_each(|(name, value)| own.text(&format!("provenance: {name}"), value));
    if let Some(idle) = &run.idle {
        energy(&mut rows.of("idle before run", &run.id), idle);
    }
    run.result.iter().for_each(|result| self::result(&mut rows.of("run result", &run.id), result));
    for node in &run.nodes {
        let mut rows = rows.of("run node", &format!("{} {}", run.id, node.host));
        rows.number("rate", node.flops, "FLOPS");
        rows.number("efficiency", node.flops_per_w, "FLOPS/W");
        energy(&mut rows, &node.energy);
    }
    for result in &run.results {
        let subject = format!("{} {} {}", run.id, result.benchmark, result.label);
        self::result(&mut rows.of("all results", &subject), result);
    }
}

fn result(rows: &mut Subject, result: &RunResult) {
    rows.text("program", &result.benchmark);
    rows.text("label", &result.label);
    rows.text("verdict", result.verdict.as_str());
    rows.number("rate", result.rate, &result.unit);
    let about = Figure::of(&result.core_energy);
    rows.figure("rate per power", result.rate_per_w, &result.unit_per_w, &about);
    rows.figure("relative uncertainty", result.uncertainty, "1", &about);
    rows.number("rate per power between readings", result.rate_per_w_by_readings, &result.unit_per_w);
    rows.number("rate per power of the whole run", result.rate_per_w_whole, &result.unit_per_w);
    if result.rate_per_w_corrected.is_some() {
        rows.number("rate per power corrected", result.rate_per_w_corrected, &result.unit_per_w);
    }
    if let Some(core) = &result.core {
        rows.text("core phase start", &core.start);
        rows.text("core phase end", &core.end);
        rows.number("core phase length", Some(core.seconds), "s");
        rows.number("core phase edge", result.core_edge_s, "s");
        energy(rows, &result.core_energy);
    }
}

fn money(rows: &mut Rows, report: &Report) {
    if let Some(cost) = &report.cost {
        let mut rows = rows.of("cost", "");
        rows.number("energy price", cost.energy_price, &cost.currency);
        rows.number("share with a tariff", cost.price_coverage, "1");
        rows.number("CO2 equivalent", cost.co2e_g.map(|grams| grams / 1000.0), "kg");
        rows.number("share with an intensity", cost.co2e_coverage, "1");
    }
    if let Some(figures) = &report.affordability {
        let per_currency = format!("FLOPS/{}", figures.currency);
        let flops = |gflops: Option<f64>| gflops.map(|gflops| gflops * 1e9);
        let mut own = rows.of("affordability", figures.run.as_deref().unwrap_or_default());
        own.number("hardware price", Some(figures.hardware_price), &figures.currency);
        own.number("written off over", Some(figures.years), "years");
        own.number("rate for the price", flops(figures.gflops_per_currency), &per_currency);
        own.number("price of a year", figures.year_price, &figures.currency);
        for other in &figures.alternatives {
            let mut rows = rows.of("alternative", &other.name);
            rows.number("rate for the price", flops(other.gflops_per_currency), &per_currency);
            rows.number("price of a year", other.year_price, &figures.currency);
            rows.number("this cluster's year by it", other.relative_year_price, "1");
        }
    }
}

fn findings(rows: &mut Rows, report: &Report) {
    for outlier in &report.balance {
        let mut rows = rows.of("balance", &outlier.host);
        let unit = if outlier.what == What::Hotter { "°C" } else { "1" };
        rows.text("than its peers", outlier.what.as_str());
        rows.number("its own", Some(outlier.value), unit);
        rows.number("median", Some(outlier.median), unit);
        rows.number("robust z", Some(outlier.z), "1");
    }
    for advice in &report.advice {
        let mut rows = rows.of("advice", &advice.host);
        rows.text("finding", &advice.finding);
        rows.text("what to do", &advice.what_to_do);
    }
}

fn timeline(rows: &mut Rows, timeline: &Timeline) {
    let start = |step| rfc3339(super::charts::step_start_ms(timeline.start_ms, timeline.step_s, step));
    let mut series = |subject: &str, quantity: &str, values: &[Option<f64>], unit: &str| {
        for (step, value) in values.iter().enumerate() {
            rows.at("timeline", subject, &start(step)).number(quantity, *value, unit);
        }
    };
    for node in &timeline.nodes {
        series(&node.host, "mean power", &node.watts, "W");
        series(&node.host, "greatest temperature", &node.temp_c, "°C");
    }
    series("", "mean power at the wider boundary", &timeline.outer_w, "W");
}

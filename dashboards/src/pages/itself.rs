//! *picollect itself*: does everything arrive, in time, and what does watching cost.

use picollect_telemetry::catalogue::{
    AGENT_CPU, AGENT_RSS, CLOCK_OFFSET, CLOCK_SYNCHRONISED, DROPPED_LINES, HOST, INGEST_BATCHES,
    INGEST_BYTES, INGEST_REFUSED, INGEST_SAMPLES, INTERVAL_S, Metric, PUSH_FAILURES, QUEUED_LINES,
    STORE_SIZE,
};

use crate::colours::{GREEN, VERMILLION};
use crate::dashboard::{Dashboard, variables};
use crate::panel::{Panel, Shape};
use crate::query::{Make, Query, Scope, of};

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        name: "itself",
        title: "picollect itself",
        about: "Does everything arrive, and in time? What does watching cost?",
        from: "now-6h",
        refresh: "30s",
        variables: variables(true),
        annotations: Vec::new(),
        panels: vec![
            late(),
            dropped(),
            refused(),
            store_size(),
            ingest("Samples written", &INGEST_SAMPLES),
            ingest("Bytes taken in", &INGEST_BYTES),
            ingest("Bodies taken in", &INGEST_BATCHES),
            growth(),
            silence(),
            waiting(),
            failures(),
            synchronised(),
            offset(),
            processor(),
            memory(),
        ],
        in_flux: false,
    }
}

/// Seconds since each node's last sample.
fn age() -> String {
    let said = of(&INTERVAL_S).selector();
    format!("max by ({HOST}) (time() - timestamp({said}))")
}

fn late() -> Panel {
    let said = of(&INTERVAL_S).selector();
    Panel::new(Shape::Stat, "Late nodes", "short", "Nodes that have been silent for more than three of their intervals; after five minutes they are down and no longer counted here.")
        .ask(Query::promql("late", true, format!("sum(max by ({HOST}) (time() - timestamp({said}) > bool 3 * {said}))")))
        .limits(1.0, 2.0)
        .or_says("no node is up")
}

fn dropped() -> Panel {
    Panel::new(Shape::Stat, "Lines lost by agents", "short", DROPPED_LINES.help)
        .ask(Query::promql(
            "lost",
            true,
            format!("sum({})", of(&DROPPED_LINES).promql(Make::LastOfAll, "max", &[HOST])),
        ))
        .limits(1.0, 1000.0)
}

fn refused() -> Panel {
    Panel::new(Shape::Stat, "Refused by the collector", "short", INGEST_REFUSED.help)
        .ask(itself(&INGEST_REFUSED, Make::LastOfAll))
        .limits(1.0, 1000.0)
}

fn store_size() -> Panel {
    Panel::of(Shape::Stat, "Size of the store", &STORE_SIZE)
        .ask(itself(&STORE_SIZE, Make::LastOfAll))
        .or_says("the store is an engine elsewhere")
}

fn itself(metric: &Metric, make: Make) -> Query {
    of(metric).scope(Scope::All).query(make, "max", &["collector"], "{{collector}}")
}

/// A counter that is stored once a minute wants a range that holds several of its samples.
fn ingest(title: &'static str, metric: &Metric) -> Panel {
    Panel::of(Shape::Lines, title, metric)
        .ask(itself(metric, Make::Rate))
        .size(8, 8)
        .axis(0.0, None)
        .every("1m")
}

fn growth() -> Panel {
    Panel::of(Shape::Lines, "Size of the store over time", &STORE_SIZE)
        .ask(itself(&STORE_SIZE, Make::Each))
        .axis(0.0, None)
        .every("1m")
        .or_says("the store is an engine elsewhere")
}

fn silence() -> Panel {
    Panel::new(Shape::Lines, "Silence of each node", "s", "Time since the last sample that has arrived.")
        .ask(Query::promql("{{host}}", false, age()))
        .axis(0.0, None)
}

fn waiting() -> Panel {
    Panel::of(Shape::Lines, "Lines that wait", &QUEUED_LINES)
        .ask(of(&QUEUED_LINES).query(Make::Greatest, "max", &[HOST], "{{host}}"))
        .axis(0.0, None)
}

fn failures() -> Panel {
    Panel::of(Shape::Lines, "Deliveries that failed", &PUSH_FAILURES)
        .ask(of(&PUSH_FAILURES).query(Make::Rate, "max", &[HOST], "{{host}}"))
        .axis(0.0, None)
}

fn synchronised() -> Panel {
    Panel::of(Shape::States, "Clocks", &CLOCK_SYNCHRONISED)
        .ask(of(&CLOCK_SYNCHRONISED).query(Make::Greatest, "max", &[HOST], "{{host}}"))
        .states(&[(0, "not synchronised", VERMILLION), (1, "synchronised", GREEN)])
        .or_says("no node says")
}

fn offset() -> Panel {
    Panel::of(Shape::Lines, "Clock offset", &CLOCK_OFFSET)
        .ask(of(&CLOCK_OFFSET).query(Make::Mean, "max", &[HOST], "{{host}}"))
        .size(8, 8)
        .or_says("no clock is synchronised")
}

fn processor() -> Panel {
    Panel::of(Shape::Lines, "Processor time of agents", &AGENT_CPU)
        .ask(of(&AGENT_CPU).query(Make::Rate, "max", &[HOST], "{{host}}"))
        .size(8, 8)
        .axis(0.0, None)
}

fn memory() -> Panel {
    Panel::of(Shape::Lines, "Memory of agents", &AGENT_RSS)
        .ask(of(&AGENT_RSS).query(Make::Mean, "max", &[HOST], "{{host}}"))
        .size(8, 8)
        .axis(0.0, None)
}

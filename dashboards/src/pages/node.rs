//! *Node*: everything that one node says.

use picollect_evaluate::throttle::HARD_LIMIT_C;
use picollect_telemetry::catalogue::{
    AGENT_CPU, AGENT_RSS, BUSY, CHARGE, CLOCK_OFFSET, DISK_BUSY, DISK_READ_BYTES, DISK_WRITTEN_BYTES,
    DROPPED_LINES, ENERGY_J, FAN_RPM, FS_AVAILABLE, FS_SIZE, HOST, JOULES, LOAD_1, MAX_HZ, MEASURED_HZ,
    MEM_AVAILABLE, MEM_TOTAL, Metric, NET_LINK, NET_RX_BYTES, NET_RX_ERRORS, NET_TX_BYTES, PRESSURE_SOME,
    QUEUED_LINES, REQUESTED_HZ, TEMP, UPTIME, VOLTS, WATTS, WATTS_MAX,
};

use super::cluster::LOWEST_CLOCK_C;
use super::energy::MINUTE_S;
use super::runs;
use crate::colours::{GREEN, VERMILLION};
use crate::dashboard::{Dashboard, variables};
use crate::panel::{Panel, Shape};
use crate::query::{Make, of, of_processor};
use crate::throttle_state;

pub(super) fn dashboard() -> Dashboard {
    let panels = [now(), power_and_heat(), processor(), memory(), disks(), network(), agent()];
    Dashboard {
        name: "node",
        title: "Node",
        about: "Everything that one node says: power, heat, clock, load, memory, disks, network, and its agent.",
        from: "now-1h",
        refresh: "10s",
        variables: variables(false),
        annotations: vec![runs()],
        panels: panels.into_iter().flatten().collect(),
        in_flux: true,
    }
}

fn now() -> Vec<Panel> {
    vec![
        Panel::of(Shape::Stat, "Temperature", &TEMP)
            .ask(of_processor().query(Make::Last, "max", &[HOST], "{{host}}"))
            .limits(HARD_LIMIT_C - 10.0, HARD_LIMIT_C)
            .or_says("no thermometer"),
        Panel::of(Shape::Stat, "Power", &WATTS)
            .ask(of(&WATTS).query(Make::Last, "max", &["boundary", "source"], "{{boundary}}, {{source}}"))
            .or_says("no meter"),
        Panel::of(Shape::Stat, "Energy in this time", &ENERGY_J)
            .ask(of(&ENERGY_J).query(Make::Sum, "sum", &["boundary", "source"], "{{boundary}}, {{source}}"))
            .or_says("no meter"),
        Panel::of(Shape::Stat, "Up for", &UPTIME)
            .ask(of(&UPTIME).query(Make::Last, "max", &[HOST], "{{host}}"))
            .or_says("the node does not say"),
    ]
}

fn power_and_heat() -> Vec<Panel> {
    let by = ["boundary", "source"];
    vec![
        Panel::of(Shape::Lines, "Power over time", &WATTS)
            .ask(of(&WATTS).query(Make::Mean, "max", &by, "{{boundary}}, {{source}}"))
            .ask(of(&WATTS_MAX).query(Make::Greatest, "max", &by, "{{boundary}}, peak"))
            .axis(0.0, None)
            .or_says("no meter"),
        Panel::of(Shape::Lines, "Temperatures", &TEMP)
            .ask(of(&TEMP).query(Make::Mean, "max", &["zone"], "{{zone}}"))
            .limits(HARD_LIMIT_C, LOWEST_CLOCK_C)
            .or_says("no thermometer"),
        Panel::new(
            Shape::States,
            "Throttling",
            "short",
            "The gravest of the firmware's flags; grey is not known.",
        )
        .ask(throttle_state::query())
        .states(&throttle_state::STATES)
        .size(24, 5)
        .or_says("this board's flags cannot be read"),
        lines("Supply and core voltage", &VOLTS, "rail", "{{rail}}")
            .or_says("the firmware states no voltage here"),
        Panel::of(Shape::Lines, "Fan", &FAN_RPM)
            .ask(of(&FAN_RPM).query(Make::Mean, "max", &["fan"], "fan {{fan}}"))
            .size(6, 8)
            .or_says("no fan"),
        Panel::of(Shape::Lines, "Battery", &CHARGE)
            .ask(of(&CHARGE).query(Make::Mean, "max", &["battery"], "{{battery}} charge"))
            .size(6, 8)
            .axis(0.0, Some(1.0))
            .or_says("no battery"),
    ]
}

/// The mean of each series of a metric.
fn lines(title: &'static str, metric: &Metric, by: &str, legend: &str) -> Panel {
    Panel::of(Shape::Lines, title, metric).ask(of(metric).query(Make::Mean, "max", &[by], legend))
}

/// The growth per second of each series of a counter.
fn rates(title: &'static str, metric: &Metric, by: &str, legend: &str) -> Panel {
    Panel::of(Shape::Lines, title, metric)
        .ask(of(metric).query(Make::Rate, "max", &[by], legend))
        .axis(0.0, None)
}

fn processor() -> Vec<Panel> {
    vec![
        Panel::of(Shape::Lines, "Clock", &MEASURED_HZ)
            .ask(of(&MEASURED_HZ).query(Make::Mean, "min", &[HOST], "real"))
            .ask(of(&REQUESTED_HZ).query(Make::Mean, "min", &[HOST], "asked for"))
            .ask(of(&MAX_HZ).query(Make::Mean, "max", &[HOST], "highest"))
            .axis(0.0, None)
            .or_says("the clock cannot be read here"),
        lines("Load of each core", &BUSY, "core", "core {{core}}").axis(0.0, Some(1.0)),
        lines("Load average", &LOAD_1, HOST, "one minute")
            .or_says("a simulated node has no load average")
            .size(8, 8),
        rates("Waiting for processor, memory, disks", &PRESSURE_SOME, "resource", "{{resource}}")
            .size(16, 8)
            .or_says("the kernel keeps no pressure (CONFIG_PSI)"),
    ]
}

fn memory() -> Vec<Panel> {
    vec![
        Panel::of(Shape::Lines, "Memory", &MEM_AVAILABLE)
            .ask(of(&MEM_AVAILABLE).query(Make::Mean, "max", &[HOST], "available"))
            .ask(of(&MEM_TOTAL).query(Make::Mean, "max", &[HOST], "all"))
            .axis(0.0, None)
            .or_says("a simulated node has no memory"),
        Panel::of(Shape::Lines, "Space on file systems", &FS_AVAILABLE)
            .ask(of(&FS_AVAILABLE).query(Make::Mean, "max", &["mount"], "{{mount}} free"))
            .ask(of(&FS_SIZE).query(Make::Mean, "max", &["mount"], "{{mount}} size"))
            .axis(0.0, None)
            .or_says("a simulated node has no file systems"),
    ]
}

fn disks() -> Vec<Panel> {
    let none = "no disk that counts";
    vec![
        rates("Disks: read", &DISK_READ_BYTES, "disk", "{{disk}}").size(8, 8).or_says(none),
        rates("Disks: written", &DISK_WRITTEN_BYTES, "disk", "{{disk}}").size(8, 8).or_says(none),
        rates("Disks: busy", &DISK_BUSY, "disk", "{{disk}}").size(8, 8).or_says(none),
    ]
}

fn network() -> Vec<Panel> {
    let none = "a simulated node has no network";
    vec![
        rates("Network: received", &NET_RX_BYTES, "interface", "{{interface}}").size(8, 8).or_says(none),
        rates("Network: sent", &NET_TX_BYTES, "interface", "{{interface}}").size(8, 8).or_says(none),
        rates("Network: bad frames", &NET_RX_ERRORS, "interface", "{{interface}}").size(8, 8).or_says(none),
        Panel::of(Shape::States, "Network: link", &NET_LINK)
            .ask(of(&NET_LINK).query(Make::Greatest, "max", &["interface"], "{{interface}}"))
            .states(&[(0, "no link", VERMILLION), (1, "link", GREEN)])
            .size(24, 5)
            .or_says(none),
    ]
}

fn agent() -> Vec<Panel> {
    vec![
        rates("Agent: processor", &AGENT_CPU, HOST, "{{host}}").size(8, 8),
        lines("Agent: memory", &AGENT_RSS, HOST, "{{host}}").size(8, 8).axis(0.0, None),
        Panel::new(Shape::Lines, "Agent: lines waiting and lost", "short", QUEUED_LINES.help)
            .ask(of(&QUEUED_LINES).query(Make::Mean, "max", &[HOST], "waiting"))
            .ask(of(&DROPPED_LINES).query(Make::Mean, "max", &[HOST], "lost since its start"))
            .size(8, 8)
            .axis(0.0, None),
        lines("Clock offset", &CLOCK_OFFSET, HOST, "{{host}}").or_says("the clock is not synchronised"),
        energy_check(),
    ]
}

/// What the node's counter says beside what the collector made of it.
fn energy_check() -> Panel {
    let by = ["boundary", "source"];
    Panel::new(Shape::Lines, "Power by the energy of each minute", "watt", "The energy of each minute by its length, which the collector's sums are made of, beside the growth of the node's own counter.")
        .ask(of(&ENERGY_J).query(Make::Each, "max", &by, "{{boundary}}, {{source}}").per(MINUTE_S))
        .ask(of(&JOULES).query(Make::Rate, "max", &by, "{{boundary}}, counter"))
        .axis(0.0, None)
        .every("1m")
        .or_says("no meter")
}

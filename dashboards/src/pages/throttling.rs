//! *Throttling*: when which node was slowed down, why, and what work it lost.

use picollect_evaluate::throttle::HARD_LIMIT_C;
use picollect_telemetry::catalogue::{
    BUSY, CORES, FREQ_CAPPED, HOST, MAX_HZ, MEASURED_HZ, Metric, SOFT_LIMIT, TEMP, THROTTLED,
    THROTTLED_SINCE_BOOT, UNDER_VOLTAGE, UNDER_VOLTAGE_SINCE_BOOT,
};

use super::cluster::LOWEST_CLOCK_C;
use super::runs;
use crate::dashboard::{Dashboard, variables};
use crate::panel::{Panel, Shape};
use crate::query::{Make, Query, of, of_processor};
use crate::throttle_state;

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        name: "throttling",
        title: "Throttling",
        about: "When was which node slowed down, why, and what work did it lose? Lost work here is from the samples shown; the report's episodes are exact.",
        from: "now-6h",
        refresh: "30s",
        variables: variables(true),
        annotations: vec![runs()],
        panels: vec![
            timeline(),
            lost_share(),
            lost_total(),
            since_boot(),
            clock_share(),
            temperatures(),
            lost_cores(),
            table(),
        ],
        in_flux: false,
    }
}

const NO_FLAGS: &str = "no board whose flags can be read";

fn timeline() -> Panel {
    Panel::new(Shape::States, "Episodes and their cause", "short", format!("The gravest flag of each node. *By heat*: throttled while the processor is at {HARD_LIMIT_C} °C or above; *throttled* alone has another cause, often the supply. Grey is not known."))
        .ask(throttle_state::query())
        .states(&throttle_state::STATES)
        .size(24, 9)
        .or_says(NO_FLAGS)
}

/// Cores that a node lacks because its clock is below the highest, while it is busy: the integrand of the lost work.
fn lost() -> String {
    let all = [("core", "all")];
    let each = |metric: &Metric, tags: &[(&str, &str)]| {
        format!("max by ({HOST}) ({})", of(metric).with(tags).selector())
    };
    let share = clock();
    format!(
        "clamp_min({} * on ({HOST}) {} * on ({HOST}) (1 - {share}), 0)",
        each(&BUSY, &all),
        each(&CORES, &all)
    )
}

/// The real clock as a share of the highest.
fn clock() -> String {
    let mean = |metric: &Metric| format!("avg by ({HOST}) ({})", of(metric).selector());
    format!("{} / on ({HOST}) {}", mean(&MEASURED_HZ), mean(&MAX_HZ))
}

const NO_CLOCK: &str = "no node whose real clock can be read";

fn lost_share() -> Panel {
    let cores = format!("sum(max by ({HOST}) ({}))", of(&CORES).with(&[("core", "all")]).selector());
    Panel::new(
        Shape::Stat,
        "Work lost now",
        "percentunit",
        "Share of all cores that low clocks cost at this moment.",
    )
    .ask(Query::promql("of all cores", true, format!("sum({}) / {cores}", lost())))
    .limits(0.01, 0.05)
    .or_says(NO_CLOCK)
}

fn lost_total() -> Panel {
    Panel::new(Shape::Stat, "Work lost in this time", "s", "Core-seconds, from one sample in each interval; of a node that was silent for a part, as if that part were like the rest.")
        .ask(Query::promql("core-seconds", true, format!("sum(avg_over_time(({})[$__range:$interval])) * $__range_s", lost())))
        .or_says(NO_CLOCK)
}

fn since_boot() -> Panel {
    let count = |metric: &Metric| format!("sum(max by ({HOST}) ({}))", of(metric).selector());
    Panel::new(Shape::Stat, "Nodes with a flag since boot", "short", THROTTLED_SINCE_BOOT.help)
        .ask(Query::promql("throttled", true, count(&THROTTLED_SINCE_BOOT)))
        .ask(Query::promql("under-voltage", true, count(&UNDER_VOLTAGE_SINCE_BOOT)))
        .size(12, 4)
        .limits(1.0, 1.0)
        .or_says(NO_FLAGS)
}

fn clock_share() -> Panel {
    Panel::new(
        Shape::Lines,
        "Real clock by highest clock",
        "percentunit",
        "Under 97 % while busy, a node is slowed down whatever its flags say.",
    )
    .ask(Query::promql("{{host}}", false, clock()))
    .axis(0.0, Some(1.0))
    .or_says(NO_CLOCK)
}

fn temperatures() -> Panel {
    Panel::of(Shape::Lines, "Temperature of each node", &TEMP)
        .ask(of_processor().query(Make::Greatest, "max", &[HOST], "{{host}}"))
        .limits(HARD_LIMIT_C, LOWEST_CLOCK_C)
}

fn lost_cores() -> Panel {
    Panel::new(
        Shape::Lines,
        "Cores lost by low clocks",
        "short",
        "Busy cores times what their clock lacks to the highest.",
    )
    .ask(Query::promql("{{host}}", false, lost()))
    .size(24, 8)
    .axis(0.0, None)
    .or_says(NO_CLOCK)
}

fn table() -> Panel {
    let share = |metric: &Metric, title: &str| of(metric).query(Make::MeanOfAll, "max", &[HOST], title);
    Panel::new(
        Shape::Table,
        "Each node in this time",
        "short",
        "Shares of the samples with each flag, the highest temperature and the lowest clock.",
    )
    .ask(share(&UNDER_VOLTAGE, "Under-voltage, share"))
    .ask(share(&THROTTLED, "Throttled, share"))
    .ask(share(&FREQ_CAPPED, "Capped, share"))
    .ask(share(&SOFT_LIMIT, "Soft limit, share"))
    .ask(of_processor().query(Make::MaxOfAll, "max", &[HOST], "Highest, °C"))
    .ask(of(&MEASURED_HZ).query(Make::MinOfAll, "min", &[HOST], "Lowest clock, Hz"))
    .size(24, 9)
    .or_says(NO_FLAGS)
}

//! The firmware's four flags as one state of a node, the gravest of those that are set; unknown where none is known.

use picollect_evaluate::throttle::HARD_LIMIT_C;
use picollect_telemetry::catalogue::{FREQ_CAPPED, HOST, Metric, SOFT_LIMIT, THROTTLED, UNDER_VOLTAGE};

use crate::colours::{BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILLION};
use crate::query::{Make, Query, of, of_processor};

/// Each flag and its state; a graver one has a greater number.
const FLAGS: [(&Metric, i64); 4] =
    [(&SOFT_LIMIT, 1), (&FREQ_CAPPED, 2), (&THROTTLED, 3), (&UNDER_VOLTAGE, 5)];
/// Throttled while the processor is as hot as the firmware lets it get.
const HEAT: i64 = 4;
/// The thermometer is read beside the flags, not with them.
const TEMP_SLACK_C: f64 = 1.0;

/// What each state is called.
pub(crate) const STATES: [(i64, &str, &str); 6] = [
    (0, "clear", GREEN),
    (1, "soft limit", SKY),
    (2, "clock capped", BLUE),
    (3, "throttled", ORANGE),
    (HEAT, "throttled by heat", VERMILLION),
    (5, "under-voltage", PURPLE),
];

/// The state of each node over time.
pub(crate) fn query() -> Query {
    // Labels of its own keep what `or` joins apart also where a scraped series has none that names its metric.
    let flag = |(metric, state): &(&Metric, i64)| {
        let value = of(metric).promql(Make::Greatest, "max", &[HOST]);
        format!("label_replace({state} * {value}, \"flag\", \"{}\", \"\", \"\")", metric.field)
    };
    let flags: Vec<String> = FLAGS.iter().map(flag).collect();
    let hot = format!(
        "{} >= bool {}",
        of_processor().promql(Make::Greatest, "max", &[HOST]),
        HARD_LIMIT_C - TEMP_SLACK_C
    );
    let throttled = of(&THROTTLED).promql(Make::Greatest, "max", &[HOST]);
    let heat =
        format!("label_replace({HEAT} * {throttled} * on ({HOST}) ({hot}), \"flag\", \"heat\", \"\", \"\")");
    let promql = format!("max by ({HOST}) ({} or {heat})", flags.join(" or "));
    Query::promql("{{host}}", false, promql).or_flux(flux())
}

/// In Flux without the temperature: the flags as the firmware gives them.
fn flux() -> String {
    let tables = FLAGS.map(|(metric, state)| {
        format!(
            "{}\n  |> map(fn: (r) => ({{r with _value: r._value * {state}.0}}))",
            of(metric).flux_samples()
        )
    });
    format!(
        "union(tables: [\n{}\n])\n  |> group(columns: [\"{HOST}\"])\n  |> sort(columns: [\"_time\"])\n  \
         |> aggregateWindow(every: ${{interval}}, fn: max, createEmpty: false)",
        tables.join(",\n")
    )
}

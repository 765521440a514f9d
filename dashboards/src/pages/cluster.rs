//! *Cluster*: is everything up, what does it draw, is anything too hot.

use picollect_evaluate::throttle::HARD_LIMIT_C;
use picollect_telemetry::catalogue::{
    BUSY, ENERGY_J, ENERGY_SPEAKING_J, HOST, INTERVAL_S, RESULT_RATE_PER_W, TEMP, WATTS,
};

use super::runs;
use crate::dashboard::{Dashboard, variables};
use crate::panel::{Panel, Shape};
use crate::query::{Make, Of, Query, Scope, of, of_processor};
use crate::throttle_state;

/// From here on the firmware of every model falls to the lowest clock; from [`HARD_LIMIT_C`] on it steps down.
pub(super) const LOWEST_CLOCK_C: f64 = HARD_LIMIT_C + 5.0;

pub(super) fn dashboard() -> Dashboard {
    let mut panels = vec![
        nodes_up(),
        watts_now(),
        today(),
        hottest(),
        headroom(),
        watts_of_nodes(),
        wall(),
        temperatures(),
    ];
    panels.extend([ribbon(), busy(), best_runs(), meters()]);
    Dashboard {
        name: "cluster",
        title: "Cluster",
        about: "Is everything up, what does it draw, is anything too hot, and what did runs get out of a watt?",
        from: "now-1h",
        refresh: "10s",
        variables: variables(true),
        annotations: vec![runs()],
        panels,
        in_flux: true,
    }
}

fn nodes_up() -> Panel {
    let said = of(&INTERVAL_S).selector();
    let up = format!("sum(max by ({HOST}) (time() - timestamp({said}) <= bool 3 * {said}))");
    let seen = format!("count(count by ({HOST}) (last_over_time({said}[$__range])))");
    let count = |from: &str| {
        let samples = of(&INTERVAL_S).flux_samples().replace("v.timeRangeStart", from);
        format!(
            "import \"date\"\n\n{samples}\n  |> group(columns: [\"{HOST}\"])\n  |> last()\n  |> group()\n  |> count()"
        )
    };
    Panel::new(
        Shape::Stat,
        "Nodes up",
        "short",
        "Nodes that have spoken within three of their intervals (in Flux: within a minute), and all that spoke in the time shown.",
    )
    .ask(Query::promql("up", true, up).or_flux(count("date.sub(from: v.timeRangeStop, d: 1m)")))
    .ask(Query::promql("seen", true, seen).or_flux(count("v.timeRangeStart")))
    .size(4, 4)
    .or_says("no node is up")
}

fn watts_now() -> Panel {
    let each = of(&WATTS).promql(Make::Last, "max", &[HOST, "boundary"]);
    let flux = format!(
        "{}\n  |> last()\n  |> group(columns: [\"{HOST}\", \"boundary\"])\n  |> max()\n  |> group(columns: [\"boundary\"])\n  |> sum()",
        of(&WATTS).flux_samples()
    );
    Panel::new(Shape::Stat, "Power of the nodes", "watt", "Added up over nodes, each by its greatest meter; boundaries are never added to each other. Which figures are estimated stands under *How power is known*.")
        .ask(Query::promql("{{boundary}}", true, format!("sum by (boundary) ({each})")).or_flux(flux))
        .size(5, 4)
        .or_says("no meter")
}

fn today() -> Panel {
    Panel::new(
        Shape::Stat,
        "Energy today",
        "joule",
        "The collector's own sum over the minutes of the day, each node by the meter that speaks for it.",
    )
    .ask(of(&ENERGY_SPEAKING_J).query(Make::Sum, "sum", &["boundary"], "{{boundary}}"))
    .size(5, 4)
    .since("now/d")
    .or_says("no meter")
}

fn hottest() -> Panel {
    Panel::of(Shape::Stat, "Hottest node", &TEMP)
        .ask(top(of_processor()))
        .size(5, 4)
        .limits(HARD_LIMIT_C - 10.0, HARD_LIMIT_C)
}

/// The greatest, with the name of its node.
fn top(of: Of<'_>) -> Query {
    let flux = format!("{}\n  |> last()\n  |> group()\n  |> max()", of.flux_samples());
    let promql = format!("topk(1, {})", of.promql(Make::Last, "max", &[HOST]));
    Query::promql("{{host}}", true, promql).or_flux(flux)
}

fn headroom() -> Panel {
    let hottest = format!("max({})", of_processor().selector());
    let flux = format!(
        "{}\n  |> last()\n  |> group()\n  |> max()\n  |> map(fn: (r) => ({{r with _value: {HARD_LIMIT_C:?} - r._value}}))",
        of_processor().flux_samples()
    );
    Panel::new(Shape::Stat, "Headroom", "kelvin", format!("From the hottest node's temperature now to {HARD_LIMIT_C} °C, where every model's firmware slows the clock down. A 3A+ or 3B+ has a soft limit at 60 °C before."))
        .ask(Query::promql("to the limit", true, format!("{HARD_LIMIT_C} - {hottest}")).or_flux(flux))
        .size(5, 4)
        .at_least(0.0, 5.0)
}

fn watts_of_nodes() -> Panel {
    Panel::of(Shape::Lines, "Power of each node", &WATTS)
        .ask(of(&WATTS).query(
            Make::Mean,
            "max",
            &[HOST, "boundary", "source"],
            "{{host}} {{boundary}}, {{source}}",
        ))
        .size(24, 8)
        .axis(0.0, None)
        .or_says("no meter, and no model of any node's power")
}

fn wall() -> Panel {
    let wall = of(&WATTS).scope(Scope::NoNode);
    Panel::of(Shape::Lines, "Power at the wall", &WATTS)
        .ask(wall.query(Make::Mean, "max", &["meter", "boundary"], "{{meter}} {{boundary}}"))
        .axis(0.0, None)
        .or_says("no meter at the wall")
}

fn temperatures() -> Panel {
    Panel::of(Shape::Lines, "Temperature of each node", &TEMP)
        .ask(of_processor().query(Make::Mean, "max", &[HOST], "{{host}}"))
        .limits(HARD_LIMIT_C, LOWEST_CLOCK_C)
}

fn ribbon() -> Panel {
    Panel::new(Shape::States, "Throttling", "short", "The gravest of the firmware's flags of each node. Grey is not known: the flags of a foreign board cannot be read.")
        .ask(throttle_state::query())
        .states(&throttle_state::STATES)
}

fn busy() -> Panel {
    Panel::of(Shape::Lines, "Load of each node", &BUSY)
        .ask(of(&BUSY).with(&[("core", "all")]).query(Make::Mean, "max", &[HOST], "{{host}}"))
        .axis(0.0, Some(1.0))
}

fn best_runs() -> Panel {
    Panel::new(Shape::Ranking, "Runs: rate per watt", "short", "What finished runs got out of a watt, in FLOPS/W or what their unit says; *Energy evaluation* has all of them.")
        .ask(of(&RESULT_RATE_PER_W).scope(Scope::All).query(Make::LastOfAll, "max", &["name", "unit"], "{{name}} {{unit}}/W"))
        .or_says("no run with a result in this time")
}

fn meters() -> Panel {
    let none = format!(
        "label_replace(label_replace(max by ({HOST}) ({} * 0) unless on ({HOST}) {}, \"source\", \"no meter\", \"\", \"\"), \"boundary\", \"-\", \"\", \"\")",
        of(&INTERVAL_S).selector(),
        of(&WATTS).selector()
    );
    let known = of(&WATTS).promql(Make::Last, "max", &[HOST, "boundary", "source"]);
    let flux =
        of(&WATTS).query(Make::Last, "max", &[HOST, "boundary", "source"], "").flux.unwrap_or_default();
    Panel::new(Shape::Table, "How power is known", "watt", format!("Of each node whether its power is measured, estimated by a model or simulated, and around what; or that it has no meter. The collector computes {} from the best.", ENERGY_J.prometheus_name()))
        .ask(Query::promql("Power now", true, format!("{known} or {none}")).or_flux(flux))
        .size(24, 8)
}

//! The dashboards, a file each.

pub(crate) mod cluster;
pub(crate) mod energy;
pub(crate) mod itself;
pub(crate) mod node;
pub(crate) mod throttling;

use picollect_telemetry::catalogue::RESULT_RATE_PER_W;

use crate::colours::PURPLE;
use crate::dashboard::{Annotation, Dashboard};
use crate::query::{Scope, of};

/// All of them, in the order of the documentation.
pub(crate) fn all() -> Vec<Dashboard> {
    vec![
        cluster::dashboard(),
        node::dashboard(),
        energy::dashboard(),
        throttling::dashboard(),
        itself::dashboard(),
    ]
}

/// Runs where they ended, with what they got out of a watt.
fn runs() -> Annotation {
    let results = of(&RESULT_RATE_PER_W).scope(Scope::All);
    let text = "r.name + \": \" + string(v: r._value) + \" \" + r.unit + \"/W\"";
    Annotation {
        name: "Runs",
        // Grafana asks once a minute, and so each run is found once.
        promql: format!("last_over_time({}[1m])", results.selector()),
        flux: format!(
            "{}\n  |> group()\n  |> map(fn: (r) => ({{_time: r._time, text: {text}}}))",
            results.flux_samples()
        ),
        title: "{{name}}",
        text: "ended; {{unit}} per W stand in the table of runs",
        colour: PURPLE,
    }
}

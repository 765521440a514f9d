//! A scaling as JSON.

use picollect_evaluate::scaling::{Basis, Fit, Spread};
use serde_json::{Value, json};

use super::Scaled;

/// The whole scaling with its remarks.
pub(super) fn json(scaled: &Scaled) -> Value {
    let Scaled { scaling: found, unit, remarks } = scaled;
    let spread = |spread: Option<Spread>| {
        spread.map(|spread| json!({"median": spread.median, "min": spread.min, "max": spread.max}))
    };
    let fit = |fit: Result<&Fit, String>| match fit {
        Ok(fit) => json!({
            "parallel": fit.parallel,
            "interval_95": fit.interval,
            "rms_share": fit.rms_share,
            "limit": fit.limit(),
        }),
        Err(why) => json!({"unknown": why}),
    };
    json!({
        "schema": 1,
        "base_nodes": found.base_nodes,
        "basis": match found.basis { Basis::Rates => "rates", Basis::Times => "times" },
        "same_work": found.same_work,
        "unit": unit,
        "by_nodes": found.by_nodes.iter().map(|at| json!({
            "nodes": at.nodes,
            "runs": at.runs,
            "seconds": spread(at.seconds),
            "rate": spread(at.rate),
            "joules": spread(at.joules),
            "speedup": spread(at.speedup),
            "efficiency": at.efficiency,
            "energy_efficiency": at.energy_efficiency,
            "edp_js": at.edp_js,
            "ed2p_js2": at.ed2p_js2,
            "karp_flatt": at.karp_flatt,
        })).collect::<Vec<_>>(),
        "amdahl": fit(found.amdahl.as_ref().map_err(ToString::to_string)),
        "gustafson": fit(found.gustafson.as_ref().map_err(ToString::to_string)),
        "least_edp_nodes": found.least_edp_nodes,
        "remarks": remarks,
    })
}

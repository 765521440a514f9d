//! A node's thermal model and how far from its limit it stays.

use picollect_evaluate::series::Sample;
use picollect_evaluate::thermal::{
    Drive, Fit, first_limit_c, fit, headroom, seconds_to_limit, steady_state_c,
};
use picollect_telemetry::Source;

use super::super::Thermal;
use super::energy::Meter;
use super::node::Seen;

/// Full load is the greatest mean power over so long: a chip's own time constant is some seconds.
const FULL_LOAD_MS: i64 = 60_000;

/// The model of a node from its power, or from its load where power is only estimated from that.
pub(super) fn model(seen: &Seen, meter: Option<&Meter>) -> Thermal {
    if seen.temps.is_empty() {
        return Thermal { unknown: Some("its temperature is not known".to_owned()), ..Thermal::default() };
    }
    let measured = meter.filter(|meter| meter.figure.source != Source::Estimated);
    let (drive, driving) = match measured {
        Some(meter) => (Drive::Watts, &meter.watts),
        None => (Drive::Load, &seen.busy),
    };
    match fit(&seen.temps, drive, driving, seen.interval_s) {
        Ok(fit) => described(&fit, greatest_mean(driving), seen.node.model.as_deref()),
        Err(why) => Thermal { unknown: Some(why.to_string()), ..Thermal::default() },
    }
}

fn described(fit: &Fit, full: Option<f64>, model: Option<&str>) -> Thermal {
    let by_watts = fit.drive == Drive::Watts;
    let full = if by_watts { full } else { Some(1.0) };
    let limit_c = first_limit_c(model);
    let room = full.zip(limit_c).and_then(|(full, limit_c)| headroom(fit, limit_c, full));
    Thermal {
        unknown: None,
        resistance_k_per_w: by_watts.then_some(fit.resistance),
        time_constant_s: Some(fit.time_constant_s),
        ambient_c: Some(fit.ambient_c),
        r2: Some(fit.r2),
        limit_c,
        steady_state_c: full.and_then(|full| steady_state_c(fit, full)),
        headroom_k: room.map(|room| room.headroom_k),
        headroom_w: room.filter(|_| by_watts).map(|room| room.headroom_w),
        seconds_to_limit: full
            .zip(limit_c)
            .and_then(|(full, limit_c)| seconds_to_limit(fit, fit.ambient_c, full, limit_c)),
    }
}

/// The greatest mean over a minute; of less than a minute the mean.
fn greatest_mean(samples: &[Sample]) -> Option<f64> {
    let first_ms = samples.first()?.t_ms;
    let minutes =
        samples.chunk_by(|a, b| (a.t_ms - first_ms) / FULL_LOAD_MS == (b.t_ms - first_ms) / FULL_LOAD_MS);
    let mean =
        |minute: &[Sample]| minute.iter().map(|sample| sample.value).sum::<f64>() / minute.len() as f64;
    minutes.map(mean).max_by(f64::total_cmp)
}

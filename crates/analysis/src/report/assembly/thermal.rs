//! A node's thermal model and how far from its limit it stays.

use picollect_evaluate::series::Sample;
use picollect_evaluate::thermal::{
    Drive, Fit, FullLoad, cooling_change, first_limit_c, fit, headroom, seconds_to_limit, steady_state_c,
};
use picollect_telemetry::Source;

use super::super::Thermal;
use super::energy::Meter;
use super::node::Seen;

/// A node's power at full load, by the meter that measures it.
pub(super) fn full_load(seen: &Seen, meter: Option<&Meter>) -> Option<FullLoad> {
    FullLoad::of_node(measured(meter)?, &seen.moments, seen.interval_s)
}

fn measured(meter: Option<&Meter>) -> Option<&[Sample]> {
    meter.filter(|meter| meter.figure.source != Source::Estimated).map(|meter| meter.watts.as_slice())
}

/// Fits the model of a node from its power, or from its load where power is only estimated from that. `full` is
/// its power at full load.
pub(super) fn heat_up(seen: &mut Seen, meter: Option<&Meter>, full: Option<FullLoad>) {
    if seen.temps.is_empty() {
        let unknown = Some("its temperature is not known".to_owned());
        seen.node.thermal = Thermal { unknown, ..Thermal::default() };
        return;
    }
    let (drive, driving, full) = match measured(meter) {
        Some(watts) => (Drive::Watts, watts, full),
        None => (Drive::Load, seen.busy.as_slice(), Some(FullLoad::Own(1.0))),
    };
    let found = fit(&seen.temps, drive, driving, seen.interval_s);
    let change = cooling_change(&seen.temps, drive, driving, seen.interval_s, &found);
    seen.node.thermal = match &found {
        Ok(fit) => described(fit, full, seen.node.model.as_deref()),
        Err(why) => Thermal { unknown: Some(why.to_string()), ..Thermal::default() },
    };
    seen.cooling_change = change;
    seen.fit = found.ok().filter(|fit| fit.drive == Drive::Watts);
}

fn described(fit: &Fit, full: Option<FullLoad>, model: Option<&str>) -> Thermal {
    let by_watts = fit.drive == Drive::Watts;
    let (full, at_least) = full.map(FullLoad::drive).unzip();
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
        only_bounds: at_least.unwrap_or_default(),
        headroom_k: room.map(|room| room.headroom_k),
        headroom_w: room.filter(|_| by_watts).map(|room| room.headroom_w),
        seconds_to_limit: full
            .zip(limit_c)
            .and_then(|(full, limit_c)| seconds_to_limit(fit, fit.ambient_c, full, limit_c)),
    }
}

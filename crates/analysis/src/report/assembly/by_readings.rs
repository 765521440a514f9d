//! The mean power as the methodology has it computed: from the first to the last reading inside the core phase.
//! Ours is interpolated to the edges of the phase, because the time outside of the readings is part of the work.

use picollect_evaluate::Window;
use picollect_evaluate::energy::Energy;

use super::Result;
use super::energy::{Meter, MeteredNodes};
use crate::sources::Sources;
use picollect_query::energy_of;

/// The times of a meter's first and last reading in a window; `None` of fewer than two.
pub(super) fn between_readings(meter: &Meter, window: Window) -> Option<Window> {
    let times = || meter.watts.iter().map(|sample| sample.t_ms);
    let mut inside = times().filter(|t_ms| (window.start_ms..=window.end_ms).contains(t_ms));
    let start_ms = inside.next()?;
    let end_ms = inside.next_back()?;
    (start_ms < end_ms).then_some(Window { start_ms, end_ms })
}

/// Mean power of all nodes, each meter between its own readings; `None` where one has fewer than two in the phase,
/// and where [`MeteredNodes::all_mean_w`] is.
pub(super) fn mean_w(from: &Sources<'_>, core: &MeteredNodes) -> Result<Option<f64>> {
    if core.all_mean_w().is_none() || core.resolution_s.is_some() {
        return Ok(None);
    }
    let mut sum_w = 0.0;
    for meter in core.speaking() {
        let Some(inside) = between_readings(meter, core.window) else { return Ok(None) };
        let energy = energy_of(from.store, &meter.key, inside)?;
        let Some(mean_w) = energy.and_then(Energy::mean_w) else { return Ok(None) };
        sum_w += mean_w;
    }
    Ok(Some(sum_w))
}

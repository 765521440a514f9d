//! The window in equal steps, for charts.

use picollect_evaluate::series::Sample;

use super::super::{NodeTimeline, Timeline};
use super::energy::Part;
use super::node::Seen;

/// A chart is not wider than this many points.
const STEPS: i64 = 240;

/// Mean power and greatest temperature of each node in each step.
pub(super) fn timeline(seen: &[Seen], part: &Part) -> Timeline {
    let window = part.window;
    let longest_s = seen.iter().map(|seen| seen.interval_s).fold(1.0, f64::max);
    let step_ms = ((window.end_ms - window.start_ms) / STEPS).max(crate::query::whole(longest_s * 1000.0));
    let steps = usize::try_from((window.end_ms - window.start_ms).div_euclid(step_ms) + 1).unwrap_or(1);
    let at = |sample: &Sample| usize::try_from((sample.t_ms - window.start_ms).div_euclid(step_ms)).ok();
    let node = |seen: &Seen| {
        let mut sums = vec![(0.0, 0.0); steps];
        let mut temp_c = vec![None; steps];
        let watts = part.metered.get(&seen.node.host).map_or(&[][..], |meter| &meter.watts);
        for sample in watts {
            if let Some((sum, count)) = at(sample).and_then(|at| sums.get_mut(at)) {
                (*sum, *count) = (*sum + sample.value, *count + 1.0);
            }
        }
        for sample in &seen.temps {
            if let Some(greatest) = at(sample).and_then(|at| temp_c.get_mut(at)) {
                *greatest = Some(greatest.map_or(sample.value, |known: f64| known.max(sample.value)));
            }
        }
        let watts = sums.into_iter().map(|(sum, count)| (count > 0.0).then(|| sum / count)).collect();
        NodeTimeline { host: seen.node.host.clone(), watts, temp_c }
    };
    Timeline {
        start_ms: window.start_ms,
        step_s: step_ms as f64 / 1000.0,
        nodes: seen.iter().map(node).collect(),
        outer_w: Vec::new(),
    }
}

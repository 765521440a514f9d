//! The window in equal steps, for charts.

use picollect_evaluate::series::Sample;

use super::super::{NodeTimeline, Timeline};
use super::energy::{Meter, MeteredNodes};
use super::node::Seen;

/// A chart is not wider than this many points.
const STEPS: i64 = 240;

/// Mean power and greatest temperature of each node in each step, and what the wall has.
pub(super) fn timeline(seen: &[Seen], part: &MeteredNodes) -> Timeline {
    let length_ms = part.window.end_ms - part.window.start_ms;
    let longest_s = seen.iter().map(|seen| seen.interval_s).fold(1.0, f64::max);
    let step_ms = (length_ms / STEPS).max(picollect_query::whole(longest_s * 1000.0));
    let steps = Steps {
        start_ms: part.window.start_ms,
        step_ms,
        count: usize::try_from(length_ms.div_euclid(step_ms) + 1).unwrap_or(1),
    };
    let node = |seen: &Seen| NodeTimeline {
        host: seen.node.host.clone(),
        watts: part
            .metered
            .get(&seen.node.host)
            .map_or_else(|| vec![None; steps.count], |meter| steps.means(&meter.watts)),
        temp_c: steps.each(&seen.temps).iter().map(|temps| temps.iter().copied().reduce(f64::max)).collect(),
    };
    Timeline {
        start_ms: steps.start_ms,
        step_s: step_ms as f64 / 1000.0,
        nodes: seen.iter().map(node).collect(),
        outer_w: if part.wall.is_empty() { Vec::new() } else { sum(&steps, &part.wall) },
    }
}

struct Steps {
    start_ms: i64,
    step_ms: i64,
    count: usize,
}

impl Steps {
    /// The samples of each step.
    fn each(&self, samples: &[Sample]) -> Vec<Vec<f64>> {
        let mut steps = vec![Vec::new(); self.count];
        for sample in samples {
            let at = usize::try_from((sample.t_ms - self.start_ms).div_euclid(self.step_ms)).ok();
            if let Some(step) = at.and_then(|at| steps.get_mut(at)) {
                step.push(sample.value);
            }
        }
        steps
    }

    fn means(&self, samples: &[Sample]) -> Vec<Option<f64>> {
        let mean = |values: &Vec<f64>| {
            (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
        };
        self.each(samples).iter().map(mean).collect()
    }
}

/// All meters together, where all are known.
fn sum(steps: &Steps, meters: &[Meter]) -> Vec<Option<f64>> {
    let means: Vec<_> = meters.iter().map(|meter| steps.means(&meter.watts)).collect();
    (0..steps.count).map(|step| means.iter().map(|meter| meter[step]).sum()).collect()
}

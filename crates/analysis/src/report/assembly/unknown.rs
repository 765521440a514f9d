//! Why no energy is known of a part of time: whether there is no meter at all, or none that spoke in it.

use picollect_evaluate::Window;
use picollect_telemetry::catalogue::{JOULES, WATTS};

use super::Result;
use super::energy::{Scope, in_front_of};
use crate::nodes::last_seen;
use crate::sources::Sources;
use picollect_evaluate::numbers::{count, decimals, moment, spaced};
use picollect_query::{all_power_meters, numbers, power_meters};
use picollect_settings::time::rfc3339;
use picollect_store::SeriesKey;

/// So far around a window a reading is looked for.
const AROUND_MS: i64 = 400 * 24 * 3600 * 1000;

/// The readings of power next to a window and in it.
#[derive(Default)]
struct Near {
    meters: usize,
    within: usize,
    before_ms: Option<i64>,
    after_ms: Option<i64>,
    /// How seldom a node with a meter speaks, in seconds.
    interval_s: Option<f64>,
}

/// Half a sentence that says why no energy of these nodes is known in a window.
pub(super) fn why(from: &Sources<'_>, nodes: &[String], scope: Scope, window: Window) -> Result<String> {
    if window.start_ms > from.now_ms {
        return Ok(format!("the time has not come: it is {} now", spaced(&moment(&rfc3339(from.now_ms)))));
    }
    let mut near = Near::default();
    for host in nodes {
        let found = near.look(from, &power_meters(from.store, Some(host))?, window)?;
        if let Some((_, interval_s)) = last_seen(from.store, host, window.end_ms)?.filter(|_| found) {
            near.interval_s = near.interval_s.into_iter().chain([interval_s]).reduce(f64::max);
        }
    }
    let mut wall = power_meters(from.store, None)?;
    wall.retain(|key| in_front_of(from, key.tag("meter").unwrap_or_default(), nodes, scope));
    near.look(from, &wall, window)?;
    if nodes.is_empty() && scope == Scope::Cluster {
        // Nobody was heard of until then, but perhaps later.
        near.look(from, &all_power_meters(from.store)?, window)?;
    }
    Ok(near.said(nodes.len(), window))
}

impl Near {
    /// Adds some meters; whether any of them has a reading.
    fn look(&mut self, from: &Sources<'_>, meters: &[SeriesKey], window: Window) -> Result<bool> {
        let mut found = false;
        for meter in meters {
            self.meters += 1;
            for metric in [&JOULES, &WATTS] {
                let key = SeriesKey { field: metric.field.to_owned(), ..meter.clone() };
                for sample in numbers(from.store, &key, window, AROUND_MS)? {
                    found = true;
                    match sample.t_ms {
                        t_ms if t_ms < window.start_ms => self.before_ms = self.before_ms.max(Some(t_ms)),
                        t_ms if t_ms > window.end_ms => {
                            self.after_ms = Some(self.after_ms.map_or(t_ms, |next_ms| next_ms.min(t_ms)));
                        }
                        _ => self.within += 1,
                    }
                }
            }
        }
        Ok(found)
    }

    fn said(&self, nodes: usize, window: Window) -> String {
        let at = |t_ms: i64| spaced(&moment(&rfc3339(t_ms)));
        if self.meters == 0 {
            return match nodes {
                0 => "no node was heard of, and no meter is at the wall".to_owned(),
                1 => "it has no meter and no power model".to_owned(),
                _ => "none has a meter or a power model".to_owned(),
            };
        }
        if self.within > 0 {
            return "one reading of the power covers no time".to_owned();
        }
        let speaks = self.interval_s.filter(|interval_s| *interval_s > window.seconds());
        let speaks =
            speaks.map(|interval_s| format!("; the meter speaks every {} s", decimals(Some(interval_s), 1)));
        let near = match (self.before_ms, self.after_ms) {
            (Some(before_ms), Some(after_ms)) => {
                format!("the last one before it is of {}, the next of {}", at(before_ms), at(after_ms))
            }
            (Some(before_ms), None) => format!("the last one in the store is of {}", at(before_ms)),
            (None, Some(after_ms)) => format!("the first one in the store is of {}", at(after_ms)),
            (None, None) => format!("{} spoke at other times only", count(self.meters, "meter")),
        };
        format!("there is no reading of the power in it; {near}{}", speaks.unwrap_or_default())
    }
}

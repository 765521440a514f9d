//! From what was found of the nodes to what to do about it.

use picollect_evaluate::balance::What;
use picollect_evaluate::diagnosis::{Observed, diagnoses};
use picollect_evaluate::thermal::Room;

use super::super::{Advice, Outlier};
use super::node::Seen;

/// One diagnosis for each node that needs one.
pub(super) fn advice(seen: &[Seen], balance: &[Outlier]) -> Vec<Advice> {
    let observed: Vec<_> = seen.iter().map(|seen| observed(seen, balance)).collect();
    let advice = |found: picollect_evaluate::advice::Advice| Advice {
        what_to_do: format!("{} {}", found.evidence, found.what_to_do).trim_start().to_owned(),
        finding: found.finding.as_str().to_owned(),
        host: found.host,
    };
    diagnoses(&observed).into_iter().map(advice).collect()
}

fn observed<'a>(seen: &'a Seen, balance: &[Outlier]) -> Observed<'a> {
    let thermal = &seen.node.thermal;
    let room = if thermal.only_bounds { Room::AtMost } else { Room::Exactly };
    let outlier = |what: What| {
        let own = balance.iter().find(|outlier| outlier.host == seen.node.host && outlier.what == what);
        own.map(|outlier| (outlier.value, outlier.median))
    };
    Observed {
        host: &seen.node.host,
        model: seen.node.model.as_deref(),
        moments: &seen.moments,
        causes: &seen.causes,
        fit: seen.fit,
        room: thermal.headroom_k.map(room),
        change: seen.cooling_change,
        clock_limit: seen.clock_limit,
        hotter_k: outlier(What::Hotter).map(|(value, median)| value - median),
        slower_hz: outlier(What::Slower)
            .zip(seen.max_hz)
            .map(|((value, median), max_hz)| (value * max_hz, median * max_hz)),
        stolen: seen.stolen,
    }
}

//! From what was found of the nodes to what to do about it.

use picollect_evaluate::advice::{Finding, diagnose};
use picollect_evaluate::balance::What;
use picollect_evaluate::thermal::Room;
use picollect_evaluate::throttle::Cause;

use super::super::{Advice, Outlier};
use super::node::Seen;

/// One diagnosis for each node that needs one.
pub(super) fn advice(seen: &[Seen], balance: &[Outlier]) -> Vec<Advice> {
    seen.iter().filter_map(|seen| of(seen, balance)).collect()
}

fn of(seen: &Seen, balance: &[Outlier]) -> Option<Advice> {
    let thermal = &seen.node.thermal;
    let room = if thermal.only_bounds { Room::AtMost } else { Room::Exactly };
    let room = thermal.headroom_k.map(room);
    let causes = Cause::ALL.into_iter().filter(|cause| seen.causes.contains(cause));
    // The value of a shunt stays in the agent's configuration.
    let mut findings: Vec<Finding> = causes.map(|cause| Finding::of_cause(cause, None, room)).collect();
    findings.extend(seen.clock_limit.map(|(limit_hz, max_hz)| Finding::ClockLimited { limit_hz, max_hz }));
    let own = balance.iter().filter(|outlier| outlier.host == seen.node.host);
    findings.extend(own.filter_map(|outlier| match outlier.what {
        What::Hotter => Some(Finding::HotterThanPeers { by_k: outlier.value - outlier.median }),
        What::Slower => seen.max_hz.map(|max_hz| Finding::SlowerThanPeers {
            clock_hz: outlier.value * max_hz,
            peers_hz: outlier.median * max_hz,
        }),
    }));
    let found = diagnose(&seen.node.host, &findings)?;
    let what_to_do = format!("{} {}", found.evidence, found.what_to_do).trim_start().to_owned();
    Some(Advice { host: found.host, finding: found.finding.as_str().to_owned(), what_to_do })
}

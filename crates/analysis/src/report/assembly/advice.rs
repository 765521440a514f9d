//! From what was found of the nodes to what to do about it.

use picollect_evaluate::advice::{Finding, advise};
use picollect_evaluate::balance::What;
use picollect_evaluate::throttle::Cause;

use super::super::{Advice, Outlier};
use super::node::Seen;

/// Advice for each node that needs some.
pub(super) fn advice(seen: &[Seen], balance: &[Outlier]) -> Vec<Advice> {
    seen.iter().flat_map(|seen| of(seen, balance)).collect()
}

fn of(seen: &Seen, balance: &[Outlier]) -> Vec<Advice> {
    let headroom_k = seen.node.thermal.headroom_k;
    let causes = Cause::ALL.into_iter().filter(|cause| seen.causes.contains(cause));
    // The value of a shunt stays in the agent's configuration.
    let mut findings: Vec<Finding> = causes.map(|cause| Finding::of_cause(cause, None, headroom_k)).collect();
    let own = balance.iter().filter(|outlier| outlier.host == seen.node.host);
    findings.extend(own.filter_map(|outlier| match outlier.what {
        What::Hotter => Some(Finding::HotterThanPeers { by_k: outlier.value - outlier.median }),
        What::Slower => seen.max_hz.map(|max_hz| Finding::SlowerThanPeers {
            clock_hz: outlier.value * max_hz,
            peers_hz: outlier.median * max_hz,
        }),
    }));
    let advice = advise(&seen.node.host, &findings).into_iter();
    advice
        .map(|advice| Advice {
            host: advice.host,
            finding: advice.finding.as_str().to_owned(),
            what_to_do: advice.what_to_do,
        })
        .collect()
}

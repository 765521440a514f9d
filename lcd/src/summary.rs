//! What a collector says of the cluster, as the pages and alarms want it; a node's panel and the collector's
//! live view show it alike.

use picollect_telemetry::summary::{ClusterSum, Summary};

use crate::alarms::{Alarm, Cause};
use crate::page::Page;
use crate::pages::{ClusterFacts, EfficiencyFacts, Facts, Figure, Origin, RunFacts};

/// Whether a page has something to say; `case_is_known` is of the node's own [case](crate::pages::CaseFacts), and
/// `summary` is the collector's, while it is fresh.
pub fn has_something_to_say(page: Page, case_is_known: bool, summary: Option<&Summary>) -> bool {
    match page {
        Page::Node | Page::Network | Page::Custom(_) => true,
        Page::Case => case_is_known,
        Page::Efficiency | Page::Cluster => summary.is_some(),
        Page::Run => summary.is_some_and(|summary| summary.run.is_some()),
    }
}

/// Puts what the collector says into the facts. Where it tells several clusters apart, sums are those of `own`, the one
/// that the panel's node is of; `wall_ms` is the Unix time in milliseconds, if it is known.
pub fn fill(facts: &mut Facts, summary: &Summary, own: Option<&str>, wall_ms: Option<i64>) {
    facts.run = run(summary, wall_ms);
    let of_own = |sum: &&ClusterSum| Some(sum.name.as_str()) == own;
    let narrowed = summary.clusters.iter().find(of_own).map(|sum| narrowed(summary, sum));
    let sums = narrowed.as_ref().unwrap_or(summary);
    facts.cluster = ClusterFacts {
        name: narrowed.is_some().then(|| own.unwrap_or_default().to_owned()),
        ..cluster(sums)
    };
    facts.efficiency = efficiency(sums);
}

/// The summary with the sums of one cluster in place of those of all.
fn narrowed(summary: &Summary, to: &ClusterSum) -> Summary {
    let ClusterSum { nodes_up, nodes_all, watts, watts_partial, watts_estimated, simulated, .. } = *to;
    Summary {
        nodes_up,
        nodes_all,
        watts,
        watts_boundary: to.watts_boundary.clone(),
        watts_partial,
        watts_estimated,
        simulated,
        hottest: to.hottest.clone(),
        today: to.today.clone(),
        last_run: summary.last_run.clone(),
        ..Summary::default()
    }
}

/// An alarm for each node that is down.
pub fn alarms(summary: &Summary) -> impl Iterator<Item = Alarm> {
    summary.down.iter().map(|node| Alarm {
        cause: Cause::NodeDown,
        node: node.clone(),
        simulated: summary.simulated,
        detail: String::new(),
    })
}

fn origin(simulated: bool, estimated: bool) -> Origin {
    match (simulated, estimated) {
        (true, _) => Origin::Simulated,
        (false, true) => Origin::Estimated,
        (false, false) => Origin::Measured,
    }
}

fn power(summary: &Summary) -> Figure {
    let origin = origin(summary.simulated, summary.watts_estimated);
    Figure { value: summary.watts, origin, partial: summary.watts_partial }
}

fn cluster(summary: &Summary) -> ClusterFacts {
    let hottest = summary.hottest.as_ref().map(|hottest| (hottest.host.clone(), hottest.temp_c));
    ClusterFacts {
        name: None,
        simulated: summary.simulated,
        up: summary.nodes_up,
        all: summary.nodes_all,
        watts: power(summary),
        hottest,
    }
}

fn efficiency(summary: &Summary) -> EfficiencyFacts {
    let today = summary.today.as_ref().map(|today| Figure {
        value: Some(today.joules),
        origin: origin(summary.simulated, today.estimated),
        partial: today.partial,
    });
    let last_run = summary
        .last_run
        .as_ref()
        .map(|run| Figure::new(run.flops_per_w, origin(run.simulated, run.estimated)));
    EfficiencyFacts {
        today: today.unwrap_or_default(),
        watts: power(summary),
        last_run: last_run.unwrap_or_default(),
    }
}

fn run(summary: &Summary, wall_ms: Option<i64>) -> RunFacts {
    let Some(run) = &summary.run else { return RunFacts::default() };
    // A beginning that cannot be is told by whoever the agent was led to.
    let elapsed_s = wall_ms.and_then(|now_ms| u64::try_from(now_ms.checked_sub(run.start_ms)? / 1000).ok());
    let name = Some(run.name.clone());
    RunFacts { name, simulated: summary.simulated, elapsed_s, watts: power(summary) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"nodes_up":6,"nodes_all":8,"down":["pi-4"],"watts":31.2,"watts_partial":true,
        "watts_estimated":false,"simulated":false,"hottest":{"host":"pi-3","temp_c":61.2},
        "today":{"joules":1.2e6,"boundary":"node","since_ms":0,"estimated":true},
        "last_run":{"id":"1","name":"hpl","end_ms":5,"flops_per_w":2.5e9,"boundary":"node","level":1},
        "run":{"name":"hpl","start_ms":1000},"new":1}"#;

    fn facts(summary: &Summary, wall_ms: Option<i64>) -> Facts {
        let mut facts = Facts::default();
        fill(&mut facts, summary, None, wall_ms);
        facts
    }

    #[test]
    fn a_run_that_began_before_all_time_has_lasted_nobody_knows_how_long() {
        let summary: Summary = serde_json::from_str(&TEXT.replace("1000}", "-9223372036854775808}")).unwrap();
        assert_eq!(facts(&summary, Some(62_000)).run.elapsed_s, None);
    }

    #[test]
    fn the_collectors_document_becomes_facts_and_alarms() {
        let summary: Summary = serde_json::from_str(TEXT).unwrap();
        let Facts { cluster, efficiency, run, .. } = facts(&summary, Some(62_000));
        assert_eq!(
            (cluster.up, cluster.all, cluster.hottest),
            (Some(6), Some(8), Some(("pi-3".into(), 61.2)))
        );
        assert!(cluster.watts.partial && cluster.watts.value == Some(31.2));
        assert_eq!(efficiency.today, Figure::new(Some(1.2e6), Origin::Estimated));
        assert_eq!((efficiency.watts, efficiency.last_run.value), (cluster.watts, Some(2.5e9)));
        assert_eq!(run.elapsed_s, Some(61));
        assert_eq!(facts(&summary, None).run.elapsed_s, None);
        assert_eq!(facts(&summary, Some(0)).run.elapsed_s, None, "a clock that is behind tells no time");
        assert_eq!(alarms(&summary).map(|alarm| alarm.node).collect::<Vec<_>>(), ["pi-4"]);
    }

    #[test]
    fn the_sums_are_those_of_the_panels_own_cluster_where_there_are_several() {
        let clusters = r#""clusters":[{"name":"cube","nodes_up":2,"nodes_all":3,"watts":11.0},{"name":"rack","watts":9.0}],"new":1"#;
        let summary: Summary = serde_json::from_str(&TEXT.replace(r#""new":1"#, clusters)).unwrap();
        let cluster = |own| {
            let mut facts = Facts::default();
            fill(&mut facts, &summary, own, None);
            (facts.cluster.name, facts.cluster.up, facts.cluster.watts.value, facts.efficiency.today.value)
        };
        assert_eq!(cluster(Some("cube")), (Some("cube".into()), Some(2), Some(11.0), None));
        assert_eq!(cluster(Some("barn")), (None, Some(6), Some(31.2), Some(1.2e6)));
        assert_eq!(cluster(None), cluster(Some("barn")));
    }

    #[test]
    fn an_empty_document_is_all_unknown() {
        let summary: Summary = serde_json::from_str("{}").unwrap();
        assert_eq!(facts(&summary, Some(0)), Facts::default());
    }

    #[test]
    fn the_clusters_pages_wait_for_a_summary_and_the_runs_for_a_run() {
        let says = |summary: Option<&Summary>| {
            [Page::Node, Page::Efficiency, Page::Cluster, Page::Run]
                .map(|page| has_something_to_say(page, false, summary))
        };
        assert_eq!(says(None), [true, false, false, false]);
        assert_eq!(says(Some(&Summary::default())), [true, true, true, false]);
        assert_eq!(says(Some(&serde_json::from_str(TEXT).unwrap())), [true; 4]);
    }
}

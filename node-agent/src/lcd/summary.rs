//! The collector's summary of the whole cluster, as the panel's pages and alarms want it.

use picollect_lcd::alarms::{Alarm, Cause};
use picollect_lcd::pages::{ClusterFacts, Figure, Origin, RunFacts};
use serde::Deserialize;

/// What the collector says; `None` is unknown. What a newer collector adds is left out.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Summary {
    /// Nodes that are heard.
    pub nodes_up: Option<usize>,
    /// All nodes.
    pub nodes_all: Option<usize>,
    /// Names of nodes that are down.
    pub down: Vec<String>,
    /// Power of all nodes, watts.
    pub watts: Option<f64>,
    /// Whether a node is missing in that.
    pub watts_partial: bool,
    /// Whether a part of it comes from a model.
    pub watts_estimated: bool,
    /// Whether any node is simulated.
    pub simulated: bool,
    /// The hottest node.
    pub hottest: Option<Hottest>,
    /// The run in progress.
    pub run: Option<Running>,
}

/// A node and its temperature in °C.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Hottest {
    host: String,
    temp_c: f64,
}

/// A run and when it began, in Unix milliseconds.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Running {
    name: String,
    start_ms: i64,
}

impl Summary {
    fn power(&self) -> Figure {
        let origin = match (self.simulated, self.watts_estimated) {
            (true, _) => Origin::Simulated,
            (false, true) => Origin::Estimated,
            (false, false) => Origin::Measured,
        };
        Figure { value: self.watts, origin, partial: self.watts_partial }
    }

    /// For the cluster page.
    pub fn cluster(&self) -> ClusterFacts {
        let hottest = self.hottest.as_ref().map(|hottest| (hottest.host.clone(), hottest.temp_c));
        ClusterFacts {
            name: None,
            simulated: self.simulated,
            up: self.nodes_up,
            all: self.nodes_all,
            watts: self.power(),
            hottest,
        }
    }

    /// For the page of the run in progress; `wall_ms` is the time now, if it is known.
    pub fn run(&self, wall_ms: Option<i64>) -> RunFacts {
        let Some(run) = &self.run else { return RunFacts::default() };
        let elapsed_s = wall_ms.and_then(|now| u64::try_from((now - run.start_ms) / 1000).ok());
        RunFacts { name: Some(run.name.clone()), simulated: self.simulated, elapsed_s, watts: self.power() }
    }

    /// An alarm for each node that is down.
    pub fn alarms(&self) -> impl Iterator<Item = Alarm> {
        let alarm = |node: &String| Alarm {
            cause: Cause::NodeDown,
            node: node.clone(),
            simulated: self.simulated,
            detail: String::new(),
        };
        self.down.iter().map(alarm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"nodes_up":6,"nodes_all":8,"down":["pi-4"],"watts":31.2,"watts_partial":true,
        "watts_estimated":false,"simulated":false,"hottest":{"host":"pi-3","temp_c":61.2},
        "run":{"name":"hpl","start_ms":1000},"new":1}"#;

    #[test]
    fn the_collectors_document_becomes_facts_and_alarms() {
        let summary: Summary = serde_json::from_str(TEXT).unwrap();
        let cluster = summary.cluster();
        assert_eq!(
            (cluster.up, cluster.all, cluster.hottest),
            (Some(6), Some(8), Some(("pi-3".into(), 61.2)))
        );
        assert!(cluster.watts.partial && cluster.watts.value == Some(31.2));
        assert_eq!(summary.run(Some(62_000)).elapsed_s, Some(61));
        assert_eq!(summary.run(None).elapsed_s, None);
        assert_eq!(summary.run(Some(0)).elapsed_s, None, "a clock that is behind tells no time");
        assert_eq!(summary.alarms().map(|alarm| alarm.node).collect::<Vec<_>>(), ["pi-4"]);
    }

    #[test]
    fn an_empty_document_is_all_unknown() {
        let summary: Summary = serde_json::from_str("{}").unwrap();
        assert_eq!((summary.cluster(), summary.run(Some(0))), (ClusterFacts::default(), RunFacts::default()));
    }
}

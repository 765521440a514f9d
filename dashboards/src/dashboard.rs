//! A dashboard before it is anybody's JSON: panels, variables and annotations.

use picollect_telemetry::catalogue::{CLUSTER, HOST, INTERVAL_S};

use crate::panel::Panel;
use crate::query::{Scope, of};

/// A dashboard of either variant.
#[derive(Debug, Clone)]
pub(crate) struct Dashboard {
    /// The file's name, and the end of the identifier.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    /// The question that it answers.
    pub(crate) about: &'static str,
    /// The beginning of the time that it shows at first.
    pub(crate) from: &'static str,
    pub(crate) refresh: &'static str,
    pub(crate) variables: Vec<Variable>,
    pub(crate) annotations: Vec<Annotation>,
    pub(crate) panels: Vec<Panel>,
    /// Whether there is a variant in Flux.
    pub(crate) in_flux: bool,
}

/// What the viewer chooses.
#[derive(Debug, Clone)]
pub(crate) enum Variable {
    /// Over how long a time means are taken.
    Interval,
    /// The values of a label.
    Labels {
        name: &'static str,
        label: &'static str,
        promql: String,
        flux: String,
        all: Option<&'static str>,
    },
}

/// Moments that are marked in every panel.
#[derive(Debug, Clone)]
pub(crate) struct Annotation {
    pub(crate) name: &'static str,
    pub(crate) promql: String,
    /// Gives `_time` and `text`.
    pub(crate) flux: String,
    pub(crate) title: &'static str,
    pub(crate) text: &'static str,
    pub(crate) colour: &'static str,
}

/// Cluster, nodes and interval; `many` lets several nodes be chosen.
pub(crate) fn variables(many: bool) -> Vec<Variable> {
    let every = of(&INTERVAL_S).scope(Scope::All).selector();
    let tags = |tag: &str, more: &str| {
        format!(
            "import \"influxdata/influxdb/schema\"\n\nschema.tagValues(bucket: v.defaultBucket, tag: \"{tag}\", \
             predicate: (r) => r._measurement == \"{}\"{more}, start: v.timeRangeStart)",
            INTERVAL_S.measurement
        )
    };
    let of_cluster = format!(" and (not exists r.{CLUSTER} or r.{CLUSTER} =~ /^(?:${{cluster:regex}})$/)");
    vec![
        Variable::Labels {
            name: "cluster",
            label: "Cluster",
            promql: format!("label_values({every}, {CLUSTER})"),
            flux: tags(CLUSTER, ""),
            // Also what has no such label.
            all: Some(".*"),
        },
        Variable::Labels {
            name: "node",
            label: "Node",
            promql: format!("label_values({every}{{{CLUSTER}=~\"$cluster\"}}, {HOST})"),
            flux: tags(HOST, &of_cluster),
            all: many.then_some(".+"),
        },
        Variable::Interval,
    ]
}

//! What a panel asks, in both languages, from one description: a metric of the catalogue, whose series, and what is made
//! of its samples.

use picollect_telemetry::catalogue::{CLUSTER, HOST, Metric, TEMP};
use picollect_telemetry::thermometer::elsewhere_pattern;

/// The tag that names a thermal zone.
const ZONE: &str = "zone";

/// Whose series are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Those of the chosen nodes of the chosen clusters.
    Nodes,
    /// Those that belong to no node, of the chosen clusters: at the wall.
    NoNode,
    /// All: of runs and collectors, which are in no cluster.
    All,
}

/// What is made of the samples of each series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Make {
    /// The mean over each interval that the viewer chose.
    Mean,
    /// The greatest over each such interval, so that no short state is lost.
    Greatest,
    /// Each sample as it is: of what is stored once a minute.
    Each,
    /// How much a counter grows per second.
    Rate,
    /// The newest sample, as an instant query finds it.
    Last,
    /// The last one of the whole time that is shown.
    LastOfAll,
    /// The sum over the whole time that is shown.
    Sum,
    /// The sum over each step.
    SumOfStep,
    /// The greatest of the whole time.
    MaxOfAll,
    /// The least of the whole time.
    MinOfAll,
    /// The mean of the whole time.
    MeanOfAll,
}

impl Make {
    /// Whether the answer is one value for each series and not one for each step.
    pub(crate) fn is_instant(self) -> bool {
        !matches!(self, Self::Mean | Self::Greatest | Self::Each | Self::Rate | Self::SumOfStep)
    }
}

/// One query of a panel.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    pub(crate) promql: String,
    /// `None` where Flux has no short way to say it: the panel is left out of that variant.
    pub(crate) flux: Option<String>,
    /// What each series is called, with labels in double braces.
    pub(crate) legend: String,
    pub(crate) instant: bool,
}

impl Query {
    /// A query in PromQL only.
    pub(crate) fn promql(legend: &str, instant: bool, promql: impl Into<String>) -> Self {
        Self { promql: promql.into(), flux: None, legend: legend.to_owned(), instant }
    }

    pub(crate) fn or_flux(mut self, flux: impl Into<String>) -> Self {
        self.flux = Some(flux.into());
        self
    }

    /// Divides what was asked, in both languages.
    pub(crate) fn per(mut self, divisor: u32) -> Self {
        self.promql = format!("{} / {divisor}", self.promql);
        let divided =
            |flux| format!("{flux}\n  |> map(fn: (r) => ({{r with _value: r._value / {divisor}.0}}))");
        self.flux = self.flux.map(divided);
        self
    }
}

/// The series of a metric.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Of<'a> {
    pub(crate) metric: &'a Metric,
    pub(crate) scope: Scope,
    /// Tags that have to have these values; an empty one stands for a tag that is not there.
    pub(crate) tags: &'a [(&'a str, &'a str)],
    /// Without the thermal zones that are not the processor's.
    pub(crate) processor: bool,
}

/// The series of a metric of the chosen nodes.
pub(crate) fn of(metric: &Metric) -> Of<'_> {
    Of { metric, scope: Scope::Nodes, tags: &[], processor: false }
}

/// The temperature of the chosen nodes' processors: not of the room, the Wi-Fi card or a constant of the firmware's tables.
pub(crate) fn of_processor() -> Of<'static> {
    Of { processor: true, ..of(&TEMP) }
}

impl<'a> Of<'a> {
    pub(crate) fn with(self, tags: &'a [(&'a str, &'a str)]) -> Self {
        Self { tags, ..self }
    }

    pub(crate) fn scope(self, scope: Scope) -> Self {
        Self { scope, ..self }
    }

    /// As a selector of PromQL.
    pub(crate) fn selector(self) -> String {
        let mut matchers: Vec<String> = match self.scope {
            Scope::Nodes => vec![format!(r#"{CLUSTER}=~"$cluster""#), format!(r#"{HOST}=~"$node""#)],
            Scope::NoNode => vec![format!(r#"{CLUSTER}=~"$cluster""#), format!(r#"{HOST}="""#)],
            Scope::All => Vec::new(),
        };
        matchers.extend(self.tags.iter().map(|(tag, value)| format!(r#"{tag}="{value}""#)));
        if self.processor {
            matchers.push(format!(r#"{ZONE}!~"{}.*""#, elsewhere_pattern()));
        }
        let name = self.metric.prometheus_name();
        if matchers.is_empty() { name } else { format!("{name}{{{}}}", matchers.join(",")) }
    }

    /// The query: `make` of each series, and what has the same `by` together by `gather` (`sum`, `max`, `min`, `mean`).
    pub(crate) fn query(self, make: Make, gather: &str, by: &[&str], legend: &str) -> Query {
        Query {
            promql: self.promql(make, gather, by),
            flux: Some(self.flux(make, gather, by)),
            legend: legend.to_owned(),
            instant: make.is_instant(),
        }
    }

    pub(crate) fn promql(self, make: Make, gather: &str, by: &[&str]) -> String {
        let selector = self.selector();
        let values = match make {
            Make::Mean => format!("avg_over_time({selector}[$interval])"),
            Make::Greatest => format!("max_over_time({selector}[$interval])"),
            Make::Rate => format!("rate({selector}[$__rate_interval])"),
            Make::Each | Make::Last => selector,
            Make::LastOfAll => format!("last_over_time({selector}[$__range])"),
            Make::Sum => format!("sum_over_time({selector}[$__range])"),
            Make::SumOfStep => format!("sum_over_time({selector}[$__interval])"),
            Make::MaxOfAll => format!("max_over_time({selector}[$__range])"),
            Make::MinOfAll => format!("min_over_time({selector}[$__range])"),
            Make::MeanOfAll => format!("avg_over_time({selector}[$__range])"),
        };
        let gather = if gather == "mean" { "avg" } else { gather };
        format!("{gather} by ({}) ({values})", by.join(", "))
    }

    /// The beginning of a query in Flux: the samples of these series as floats.
    pub(crate) fn flux_samples(self) -> String {
        let Metric { measurement, field, .. } = *self.metric;
        let mut text = format!(
            "from(bucket: v.defaultBucket)\n  |> range(start: v.timeRangeStart, stop: v.timeRangeStop)\n  \
             |> filter(fn: (r) => r._measurement == \"{measurement}\" and r._field == \"{field}\")\n"
        );
        let cluster = format!("not exists r.{CLUSTER} or r.{CLUSTER} =~ /^(?:${{cluster:regex}})$/");
        let scope: &[String] = &match self.scope {
            Scope::Nodes => vec![cluster, format!("r.{HOST} =~ /^(?:${{node:regex}})$/")],
            Scope::NoNode => vec![cluster, format!("not exists r.{HOST}")],
            Scope::All => Vec::new(),
        };
        for condition in scope {
            text += &format!("  |> filter(fn: (r) => {condition})\n");
        }
        for (tag, value) in self.tags {
            text += &format!("  |> filter(fn: (r) => r.{tag} == \"{value}\")\n");
        }
        if self.processor {
            let elsewhere = elsewhere_pattern();
            text += &format!("  |> filter(fn: (r) => not exists r.{ZONE} or r.{ZONE} !~ /^{elsewhere}/)\n");
        }
        text + "  |> toFloat()"
    }

    fn flux(self, make: Make, gather: &str, by: &[&str]) -> String {
        let every = |function: &str, step: &str| {
            format!("  |> aggregateWindow(every: {step}, fn: {function}, createEmpty: false)")
        };
        let values = match make {
            Make::Mean => every("mean", "${interval}"),
            Make::Greatest => every("max", "${interval}"),
            Make::Rate => {
                format!("  |> derivative(unit: 1s, nonNegative: true)\n{}", every("mean", "v.windowPeriod"))
            }
            Make::Each => every("last", "v.windowPeriod"),
            Make::Last | Make::LastOfAll => "  |> last()".to_owned(),
            // A minute that ends where the time begins is not of it.
            Make::Sum => "  |> filter(fn: (r) => r._time > v.timeRangeStart)\n  |> sum()".to_owned(),
            Make::SumOfStep => every("sum", "v.windowPeriod"),
            Make::MaxOfAll => "  |> max()".to_owned(),
            Make::MinOfAll => "  |> min()".to_owned(),
            Make::MeanOfAll => "  |> mean()".to_owned(),
        };
        let quoted = |columns: &[&str]| {
            let columns: Vec<String> = columns.iter().map(|column| format!("\"{column}\"")).collect();
            columns.join(", ")
        };
        let grouped = if make.is_instant() {
            let kept = quoted(&[by, &["_value"]].concat());
            format!("  |> group(columns: [{}])\n  |> {gather}()\n  |> keep(columns: [{kept}])", quoted(by))
        } else {
            let with_time = quoted(&[by, &["_time"]].concat());
            format!(
                "  |> group(columns: [{with_time}])\n  |> {gather}()\n  |> group(columns: [{}])\n  |> sort(columns: [\"_time\"])",
                quoted(by)
            )
        };
        format!("{}\n{values}\n{grouped}", self.flux_samples())
    }
}

//! The alert rules, and what of them is so now.

mod active;
mod parts;
pub mod prometheus;

pub use active::{Active, State, about, active};
pub use parts::{Part, parts};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::report::Format;
use crate::request::{Request, RequestError, Sources, Written};
use picollect_evaluate::alert_rules::{RULES, Rule};
use picollect_telemetry::foreign::printable;

/// For the alerts as they are now.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertsRequest {
    /// JSON is an array of the rules; every other format comes out as text.
    #[serde(default)]
    pub format: Format,
}

/// The rules, and how the collectors' alerting does.
#[derive(Debug, Clone)]
pub struct Alerts {
    /// All rules of the table, in its order.
    pub rules: Vec<RuleState>,
    /// The parts of alerting that failed since their collector started; rules are among them.
    pub parts: Vec<Part>,
}

/// A rule, and what it finds at a moment.
#[derive(Debug, Clone)]
pub struct RuleState {
    /// The rule from the table that every alert comes from.
    pub rule: &'static Rule,
    /// What is so now; empty where nothing is wrong, and where the rule cannot be asked.
    pub active: Vec<Active>,
    /// Why the rule cannot be asked; then nothing is known of what it looks for.
    pub error: Option<String>,
    /// Whether the configuration says that nobody is told of it.
    pub off: bool,
}

impl Request for AlertsRequest {
    // Not `/api/v1/alerts`, which is Prometheus' own and has another form.
    const PATH: &'static str = "/api/v1/alert-rules";

    type Answer = Alerts;

    /// Each rule by itself: one that cannot be asked says so and leaves the others as they are.
    fn answer(&self, from: &Sources<'_>) -> Result<Alerts, RequestError> {
        let state = |rule: &'static Rule| {
            let off = from.config.alerts.off.iter().any(|name| name == rule.name);
            match active(from.store, from.config.query, rule, from.now_ms) {
                Ok(active) => RuleState { rule, active, error: None, off },
                Err(error) => RuleState { rule, active: Vec::new(), error: Some(error.to_string()), off },
            }
        };
        let rules = RULES.iter().map(state).collect();
        Ok(Alerts { rules, parts: parts(from.store, from.now_ms)? })
    }

    fn format(&self) -> Format {
        self.format
    }

    fn written(&self, Alerts { rules, parts }: &Alerts, _now_ms: i64) -> Result<Written, RequestError> {
        Ok(Written::from(match self.format {
            Format::Json => {
                let rules: Vec<_> = rules.iter().map(|rule| json(rule, parts)).collect();
                serde_json::to_string_pretty(&rules)? + "\n"
            }
            Format::Text => rules.iter().map(text).chain(parts.iter().map(Part::text)).collect(),
            _ => return Err(RequestError::Invalid("the alert rules are written as text or json".to_owned())),
        }))
    }
}

fn text(RuleState { rule, active, error, off }: &RuleState) -> String {
    let state = match (error, active.len()) {
        (Some(error), _) => format!("cannot be asked: {}", printable(error)),
        (None, 0) => "-".to_owned(),
        (None, count) => format!("{count} active"),
    };
    let off = if *off { "  (nobody is told)" } else { "" };
    let mut text = format!("{:<20} {:<8} {state}{off}\n", rule.name, rule.severity.as_str());
    for one in active {
        text += &format!("  {:<8} {}\n", one.state.as_str(), one.summary());
    }
    text
}

fn json(RuleState { rule, active, error, off }: &RuleState, parts: &[Part]) -> serde_json::Value {
    let failures: f64 = parts.iter().filter(|part| part.name == rule.name).map(|part| part.failures).sum();
    let one = |active: &Active| {
        let labels: serde_json::Map<_, _> =
            active.labels.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        json!({ "state": active.state, "labels": labels, "value": active.value, "summary": active.summary() })
    };
    json!({
        "name": rule.name,
        "severity": rule.severity.as_str(),
        "for_s": rule.for_s,
        "expression": rule.expression(),
        "runbook": rule.runbook(),
        "off": off,
        "error": error,
        "failures": failures,
        "alerts": active.iter().map(one).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use picollect_config::Config;
    use picollect_promql::Query;
    use picollect_store::Store as _;
    use picollect_telemetry::line::{Precision, decode};

    use super::*;

    #[test]
    fn a_rule_that_cannot_be_asked_says_so_and_the_others_answer() {
        let directory = tempfile::tempdir().unwrap();
        let store = picollect_store::open(directory.path()).unwrap();
        let now_ms = 1_795_443_117_000;
        // The rule of throttled nodes reads five minutes, the one of clocks ten samples.
        let throttled =
            (0..=560).map(|n| format!("throttle,host=a,origin=firmware throttled=0i {}\n", now_ms - n * 500));
        let disk = format!("filesystem,host=a,mount=/ available_bytes=9,size_bytes=100 {now_ms}\n");
        let lines: String = throttled.chain([disk]).collect();
        store.append(&decode(lines.as_bytes(), Precision::Milliseconds, 0).points).unwrap();
        let mut config = Config::default();
        config.query.max_samples = 400;
        let from = Sources { store: &store, config: &config, now_ms };
        let request = AlertsRequest { format: Format::Text };
        let text = request.written(&request.answer(&from).unwrap(), now_ms).unwrap().text;
        assert!(text.contains("NodeThrottled        warning  cannot be asked: "), "{text}");
        assert!(text.contains("DiskNearlyFull       warning  1 active"), "{text}");
    }

    #[test]
    fn every_expression_is_a_query_and_every_name_stands_once() {
        for rule in &RULES {
            Query::parse(&rule.expression()).unwrap_or_else(|error| panic!("{}: {error}", rule.name));
        }
        assert_eq!(RULES.iter().map(|rule| rule.name).collect::<HashSet<_>>().len(), RULES.len());
    }
}

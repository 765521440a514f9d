//! The alert rules, and what of them is so now.

mod active;
pub mod prometheus;

pub use active::{Active, State, about, active};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::report::Format;
use crate::request::{Request, RequestError, Sources, Written};
use picollect_evaluate::alert_rules::{RULES, Rule};

/// For the alerts as they are now.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertsRequest {
    /// JSON is an array of the rules; every other format comes out as text.
    #[serde(default)]
    pub format: Format,
}

/// A rule, and what it finds at a moment.
#[derive(Debug, Clone)]
pub struct RuleState {
    /// The rule from the table that every alert comes from.
    pub rule: &'static Rule,
    /// What is so now; empty where nothing is wrong.
    pub active: Vec<Active>,
    /// Whether the configuration says that nobody is told of it.
    pub off: bool,
}

impl Request for AlertsRequest {
    // Not `/api/v1/alerts`, which is Prometheus' own and has another form.
    const PATH: &'static str = "/api/v1/alert-rules";

    type Answer = Vec<RuleState>;

    fn answer(&self, from: &Sources<'_>) -> Result<Vec<RuleState>, RequestError> {
        let state = |rule: &'static Rule| {
            let active = active(from.store, from.config.query, rule, from.now_ms)?;
            let off = from.config.alerts.off.iter().any(|name| name == rule.name);
            Ok(RuleState { rule, active, off })
        };
        RULES.iter().map(state).collect()
    }

    fn format(&self) -> Format {
        self.format
    }

    fn written(&self, rules: &Vec<RuleState>, _now_ms: i64) -> Result<Written, RequestError> {
        Ok(Written::from(match self.format {
            Format::Json => {
                let rules: Vec<_> = rules.iter().map(json).collect();
                serde_json::to_string_pretty(&rules)? + "\n"
            }
            _ => rules.iter().map(text).collect(),
        }))
    }
}

fn text(RuleState { rule, active, off }: &RuleState) -> String {
    let state = match active.len() {
        0 => "-".to_owned(),
        count => format!("{count} active"),
    };
    let off = if *off { "  (nobody is told)" } else { "" };
    let mut text = format!("{:<20} {:<8} {state}{off}\n", rule.name, rule.severity.as_str());
    for one in active {
        text += &format!("  {:<8} {}\n", one.state.as_str(), one.summary());
    }
    text
}

fn json(RuleState { rule, active, off }: &RuleState) -> serde_json::Value {
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
        "alerts": active.iter().map(one).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use picollect_promql::Query;

    use super::*;

    #[test]
    fn every_expression_is_a_query_and_every_name_stands_once() {
        for rule in &RULES {
            Query::parse(&rule.expression()).unwrap_or_else(|error| panic!("{}: {error}", rule.name));
        }
        assert_eq!(RULES.iter().map(|rule| rule.name).collect::<HashSet<_>>().len(), RULES.len());
    }
}

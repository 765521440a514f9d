//! The alert rules, and what of them is so now.

mod active;

pub use active::{Active, State, about, active};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::report::Format;
use crate::request::{Answer, AskError, Question, Sources};
use picollect_evaluate::alert_rules::{RULES, Rule};

/// For the alerts as they are now.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertsQuestion {
    /// Text or JSON.
    #[serde(default)]
    pub format: Format,
}

impl Question for AlertsQuestion {
    // Not `/api/v1/alerts`, which is Prometheus' own and has another form.
    const PATH: &'static str = "/api/v1/alert-rules";

    fn answer(&self, from: &Sources<'_>) -> Result<Answer, AskError> {
        let found = |rule: &'static Rule| {
            active(from.store, from.config.query, rule, from.now_ms).map(|found| (rule, found))
        };
        let all = RULES.iter().map(found).collect::<Result<Vec<_>, _>>()?;
        let off = |rule: &Rule| from.config.alerts.off.iter().any(|name| name == rule.name);
        let text = match self.format {
            Format::Json => {
                let rules: Vec<_> = all.iter().map(|(rule, found)| json(rule, found, off(rule))).collect();
                serde_json::to_string_pretty(&rules)? + "\n"
            }
            _ => all.iter().map(|(rule, found)| text(rule, found, off(rule))).collect(),
        };
        Ok(Answer { text, findings: Vec::new() })
    }

    fn format(&self) -> Format {
        self.format
    }
}

fn text(rule: &Rule, found: &[Active], off: bool) -> String {
    let state = match found.len() {
        0 => "-".to_owned(),
        count => format!("{count} active"),
    };
    let off = if off { "  (nobody is told)" } else { "" };
    let mut text = format!("{:<20} {:<8} {state}{off}\n", rule.name, rule.severity.as_str());
    for one in found {
        text += &format!("  {:<8} {}\n", one.state.as_str(), one.summary());
    }
    text
}

fn json(rule: &Rule, found: &[Active], off: bool) -> serde_json::Value {
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
        "alerts": found.iter().map(one).collect::<Vec<_>>(),
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

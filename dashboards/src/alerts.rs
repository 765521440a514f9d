//! The collector's alert rules as Prometheus and Grafana read them: a rule file
//! (<https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/>) and a file for Grafana's provisioning
//! (<https://grafana.com/docs/grafana/latest/alerting/set-up/provision-alerting-resources/file-provisioning/>).
//!
//! Texts are templates without a dollar sign, which Grafana would take for the beginning of a variable.

use picollect_evaluate::alert_rules::{RULES, Rule, filled};
use serde_json::{Value as Json, json};

use crate::File;

/// How often Prometheus looks at the rules.
const INTERVAL: &str = "15s";
/// How often Grafana does, which counts in tens of seconds.
const GRAFANA_INTERVAL: &str = "30s";
/// How far back Grafana asks; the expressions themselves say what they look at.
const RANGE_S: u32 = 600;
/// Below every value that a rule can have: in Grafana a rule fires where its expression has any.
const ANY_VALUE: i32 = -1_000_000;

/// The files for Prometheus and for Grafana.
pub(crate) fn files() -> Vec<File> {
    let grafana = "grafana/provisioning/alerting/picollect.json".to_owned();
    vec![
        File { path: "alerts/prometheus.yaml".to_owned(), text: prometheus() },
        File { path: grafana, text: format!("{:#}\n", self::grafana()) },
    ]
}

fn prometheus() -> String {
    let head = "# Made by picollect-dashboards from crates/evaluate/src/alert_rules.rs; docs/alerts.md says what to do.\n";
    let rules: String = RULES.iter().map(prometheus_rule).collect();
    format!("{head}groups:\n  - name: picollect\n    interval: {INTERVAL}\n    rules:\n{rules}")
}

/// Texts are quoted as in JSON, which YAML reads as they are.
fn prometheus_rule(rule: &Rule) -> String {
    let value_of = |name: &str| match name {
        "value" => "{{ printf \"%.1f\" .Value }}".to_owned(),
        label => format!("{{{{ .Labels.{label} }}}}"),
    };
    let text = |text: &str| json!(filled(text, value_of));
    format!(
        "      - alert: {}\n        expr: {}\n        for: {}s\n        labels:\n          severity: {}\n        annotations:\n          \
         summary: {}\n          description: {}\n          runbook: {}\n",
        rule.name,
        json!(rule.expression()),
        rule.for_s,
        rule.severity.as_str(),
        text(rule.summary),
        text(rule.description),
        json!(rule.runbook()),
    )
}

fn grafana() -> Json {
    let rules: Vec<Json> = RULES.iter().map(grafana_rule).collect();
    let group = json!({ "orgId": 1, "name": "picollect", "folder": "picollect", "interval": GRAFANA_INTERVAL, "rules": rules });
    json!({ "apiVersion": 1, "groups": [group] })
}

fn grafana_rule(rule: &Rule) -> Json {
    let value_of = |name: &str| match name {
        "value" => "{{ printf \"%.1f\" .Values.A.Value }}".to_owned(),
        label => format!("{{{{ .Labels.{label} }}}}"),
    };
    let (summary, description) = (filled(rule.summary, value_of), filled(rule.description, value_of));
    let query = json!({ "refId": "A", "expr": rule.expression(), "instant": true, "range": false });
    let evaluator = json!({ "type": "gt", "params": [ANY_VALUE] });
    let condition = json!({
        "refId": "B", "type": "threshold", "expression": "A", "conditions": [{ "evaluator": evaluator }],
    });
    let data = |name: &str, source: &str, model: Json| {
        let range = json!({ "from": RANGE_S, "to": 0 });
        json!({ "refId": name, "datasourceUid": source, "relativeTimeRange": range, "model": model })
    };
    json!({
        "uid": format!("picollect-{}", rule.anchor),
        "title": rule.name,
        "condition": "B",
        "data": [data("A", "$PICOLLECT_DATASOURCE_UID", query), data("B", "__expr__", condition)],
        // An expression without a value means that all is well, or that nothing is known.
        "noDataState": "OK",
        "execErrState": "Error",
        "for": format!("{}s", rule.for_s),
        "labels": { "severity": rule.severity.as_str() },
        "annotations": { "summary": summary, "description": description, "runbook": rule.runbook() },
        "isPaused": false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_the_data_source_looks_like_a_variable_to_grafana() {
        let text = grafana().to_string();
        assert_eq!(text.matches('$').count(), RULES.len());
        assert_eq!(text.matches("$PICOLLECT_DATASOURCE_UID").count(), RULES.len());
    }
}

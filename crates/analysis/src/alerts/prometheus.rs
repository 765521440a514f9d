//! The rules and what of them is so now, as Prometheus' API says it, for Grafana and others that ask a Prometheus
//! (<https://prometheus.io/docs/prometheus/latest/querying/api/#rules>).
//!
//! Every rule is asked by itself: one that fails says so and leaves the others as they are.

use picollect_config::QueryConfig;
use picollect_evaluate::alert_rules::{RULES, Rule};
use picollect_query::prometheus_api::ApiError;
use picollect_settings::time::rfc3339;
use picollect_store::Store;
use serde_json::{Map, Value as Json, json};

use super::{Active, State, about, active};

/// The group that all rules are in, and the file that Prometheus would read them from.
const GROUP: &str = "picollect";
const FILE: &str = "dashboards/alerts/prometheus.yaml";

/// The data of `rules`: all of them with their alerts.
pub fn rules(store: &dyn Store, limits: QueryConfig, now_ms: i64) -> Json {
    let rules: Vec<Json> =
        RULES.iter().map(|rule| entry(rule, active(store, limits, rule, now_ms), now_ms)).collect();
    json!({ "groups": [{ "name": GROUP, "file": FILE, "rules": rules, "lastEvaluation": rfc3339(now_ms) }] })
}

/// The data of `alerts`: what is so now.
///
/// # Errors
/// When a rule cannot be asked: a list without its alerts would say that there are none.
pub fn alerts(store: &dyn Store, limits: QueryConfig, now_ms: i64) -> Result<Json, ApiError> {
    let mut all = Vec::new();
    for rule in &RULES {
        all.extend(active(store, limits, rule, now_ms)?.iter().map(alert));
    }
    Ok(json!({ "alerts": all }))
}

fn entry(rule: &Rule, found: Result<Vec<Active>, ApiError>, now_ms: i64) -> Json {
    let (found, error) = match found {
        Ok(found) => (found, None),
        Err(error) => (Vec::new(), Some(error.to_string())),
    };
    let state = if found.iter().any(|one| one.state == State::Firing) {
        "firing"
    } else if found.is_empty() {
        "inactive"
    } else {
        "pending"
    };
    let mut entry = json!({
        "type": "alerting",
        "name": rule.name,
        "query": rule.expression(),
        "duration": rule.for_s,
        "labels": { "severity": rule.severity.as_str() },
        "annotations": { "summary": rule.summary, "description": rule.description, "runbook_url": rule.runbook() },
        "alerts": found.iter().map(alert).collect::<Vec<_>>(),
        "state": state,
        "health": if error.is_none() { "ok" } else { "err" },
        "lastEvaluation": rfc3339(now_ms),
    });
    if let Some(error) = error {
        entry["lastError"] = json!(error);
    }
    entry
}

fn alert(one: &Active) -> Json {
    let own = [("alertname", one.rule.name), ("severity", one.rule.severity.as_str())];
    let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let labels: Map<String, Json> =
        one.labels.iter().cloned().chain(own).map(|(name, value)| (name, json!(value))).collect();
    json!({
        "labels": labels,
        "annotations": {
            "summary": one.summary(),
            "description": about(one.rule.description, &one.labels, one.value),
            "runbook_url": one.rule.runbook(),
        },
        "state": one.state,
        "activeAt": rfc3339(one.since_ms),
        "value": one.value.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use picollect_telemetry::line::{Precision, decode};

    use super::*;

    const NOW_MS: i64 = 1_795_443_117_000;

    #[test]
    fn a_throttled_node_fires_in_prometheus_form_and_the_rest_is_inactive() {
        let directory = tempfile::tempdir().unwrap();
        let store = picollect_store::open(directory.path()).unwrap();
        let line = format!("throttle,host=a,origin=firmware throttled=1i {NOW_MS}");
        store.append(&decode(line.as_bytes(), Precision::Milliseconds, 0).points).unwrap();
        let rules = rules(&store, QueryConfig::default(), NOW_MS);
        let all = rules["groups"][0]["rules"].as_array().unwrap();
        assert_eq!(all.len(), RULES.len());
        let firing: Vec<_> = all.iter().filter(|rule| rule["state"] == "firing").collect();
        assert_eq!(firing.len(), 1);
        assert_eq!((&firing[0]["name"], &firing[0]["health"]), (&json!("NodeThrottled"), &json!("ok")));
        let alerts = alerts(&store, QueryConfig::default(), NOW_MS).unwrap();
        assert_eq!(firing[0]["alerts"], alerts["alerts"]);
        let alert = &alerts["alerts"][0];
        assert_eq!(
            alert["labels"],
            json!({ "alertname": "NodeThrottled", "host": "a", "severity": "warning" })
        );
        assert_eq!((&alert["state"], &alert["value"]), (&json!("firing"), &json!("1")));
        assert_eq!(alert["activeAt"], rfc3339(NOW_MS));
        assert_eq!(alert["annotations"]["summary"], "a is throttled");
    }

    #[test]
    fn a_rule_that_cannot_be_asked_says_so_and_alerts_are_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let store = picollect_store::open(directory.path()).unwrap();
        let limits = QueryConfig { max_steps: 0, ..QueryConfig::default() };
        let rules = rules(&store, limits, NOW_MS);
        let first = &rules["groups"][0]["rules"][0];
        assert_eq!(first["health"], "err");
        assert!(first["lastError"].as_str().unwrap().contains("the most is 0"), "{first}");
        assert!(alerts(&store, limits, NOW_MS).is_err());
    }
}

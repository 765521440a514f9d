//! What receivers are told, in words and in Alertmanager's JSON
//! (<https://prometheus.io/docs/alerting/latest/configuration/#webhook_config>).

use picollect_settings::hex;
use serde_json::{Map, Value as Json, json};
use sha2::{Digest as _, Sha256};

use picollect_analysis::alerts::about;
use picollect_evaluate::alert_rules::{Rule, Severity};
use picollect_settings::time::rfc3339;

/// Of an alert that has not ended, in Alertmanager's JSON: Go's zero time.
const NEVER: &str = "0001-01-01T00:00:00Z";
/// Alerts that the title names; of more it has the number only.
const NAMED_IN_TITLE: usize = 3;

/// One episode as it is told.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Notification {
    pub(super) name: &'static str,
    pub(super) severity: &'static str,
    pub(super) summary: String,
    pub(super) description: String,
    pub(super) runbook: String,
    /// What it is about.
    pub(super) labels: Vec<(String, String)>,
    /// When it began, Unix milliseconds.
    pub(super) starts_ms: i64,
    /// Unix milliseconds; `None` while it lasts.
    pub(super) ends_ms: Option<i64>,
}

impl Notification {
    pub(super) fn of(
        rule: &'static Rule,
        labels: &[(String, String)],
        value: f64,
        (starts_ms, ends_ms): (i64, Option<i64>),
    ) -> Self {
        Self {
            name: rule.name,
            severity: rule.severity.as_str(),
            summary: about(rule.summary, labels, value),
            description: about(rule.description, labels, value),
            runbook: rule.runbook(),
            labels: labels.to_vec(),
            starts_ms,
            ends_ms,
        }
    }

    /// Says that messages arrive; it is about nothing.
    pub(super) fn trial(now_ms: i64) -> Self {
        Self {
            name: "PicollectTest",
            severity: "none",
            summary: "A test message".to_owned(),
            description: "Somebody typed `picollect alerts test`, and it arrived. Nothing is wrong."
                .to_owned(),
            runbook: picollect_evaluate::alert_rules::RUNBOOK.to_owned(),
            labels: Vec::new(),
            starts_ms: now_ms,
            ends_ms: None,
        }
    }

    fn status(&self) -> &'static str {
        if self.ends_ms.is_some() { "resolved" } else { "firing" }
    }

    fn all_labels(&self) -> Vec<(String, String)> {
        let own = [("alertname", self.name), ("severity", self.severity)];
        let mut all: Vec<_> = own.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        all.extend(self.labels.iter().cloned());
        all.sort();
        all
    }

    fn annotations(&self) -> Vec<(String, String)> {
        let all =
            [("description", &self.description), ("runbook", &self.runbook), ("summary", &self.summary)];
        all.map(|(name, text)| (name.to_owned(), text.clone())).into()
    }

    fn json(&self) -> Json {
        let labels = self.all_labels();
        // One text for one set of labels: neither names nor values hold a zero byte.
        let text: String = labels.iter().map(|(name, value)| format!("{name}\0{value}\0")).collect();
        let fingerprint: String = hex(&Sha256::digest(text.as_bytes())).chars().take(16).collect();
        json!({
            "status": self.status(),
            "labels": object(&labels),
            "annotations": object(&self.annotations()),
            "startsAt": rfc3339(self.starts_ms),
            "endsAt": self.ends_ms.map_or_else(|| NEVER.to_owned(), rfc3339),
            "generatorURL": "",
            "fingerprint": fingerprint,
        })
    }
}

/// What one receiver is told at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Message(pub(super) Vec<Notification>);

impl Message {
    pub(super) fn is_firing(&self) -> bool {
        self.0.iter().any(|told| told.ends_ms.is_none())
    }

    /// The worst of what fires; `None` if all is over.
    pub(super) fn worst(&self) -> Option<&'static str> {
        let order = [Severity::Critical, Severity::Warning, Severity::Info].map(Severity::as_str);
        let firing: Vec<_> = self.0.iter().filter(|told| told.ends_ms.is_none()).collect();
        order.into_iter().find(|severity| firing.iter().any(|told| told.severity == *severity))
    }

    /// `[1 firing, 1 resolved] NodeDown pi-1, UnderVoltage pi-2`
    pub fn title(&self) -> String {
        let of = |status: &str| self.0.iter().filter(|told| told.status() == status).count();
        let counts = [("firing", of("firing")), ("resolved", of("resolved"))];
        let counts = counts.iter().filter(|(_, count)| *count > 0);
        let counts: Vec<String> = counts.map(|(status, count)| format!("{count} {status}")).collect();
        let subject = |told: &Notification| {
            let labels = ["host", "cluster"].iter();
            let mut found = labels.filter_map(|name| told.labels.iter().find(|(label, _)| label == name));
            found.next().map_or_else(|| told.name.to_owned(), |(_, value)| format!("{} {value}", told.name))
        };
        let mut named: Vec<String> = self.0.iter().take(NAMED_IN_TITLE).map(subject).collect();
        named.extend((self.0.len() > NAMED_IN_TITLE).then(|| "…".to_owned()));
        format!("[{}] {}", counts.join(", "), named.join(", "))
    }

    /// A paragraph for each, what fires first.
    pub fn text(&self) -> String {
        let mut all: Vec<&Notification> = self.0.iter().collect();
        all.sort_by_key(|told| told.ends_ms.is_some());
        let paragraph = |told: &&Notification| {
            let Notification { summary, description, severity, runbook, starts_ms, .. } = told;
            let simulated = told.labels.iter().any(|(name, _)| name == "simulated");
            let simulated = if simulated { " (simulated)" } else { "" };
            let since = rfc3339(*starts_ms);
            match told.ends_ms {
                None => format!(
                    "FIRING ({severity}): {summary}{simulated}\n{description}\nSince {since}. What to do: {runbook}\n"
                ),
                Some(ends_ms) => {
                    format!("RESOLVED: {summary}{simulated}\nFrom {since} to {}.\n", rfc3339(ends_ms))
                }
            }
        };
        let paragraphs: Vec<String> = all.iter().map(paragraph).collect();
        paragraphs.join("\n")
    }

    /// Alertmanager's webhook JSON, version 4.
    pub fn webhook(&self) -> Json {
        let labels: Vec<_> = self.0.iter().map(Notification::all_labels).collect();
        let annotations: Vec<_> = self.0.iter().map(Notification::annotations).collect();
        json!({
            "version": "4",
            "groupKey": "{}:{}",
            "truncatedAlerts": 0,
            "status": if self.is_firing() { "firing" } else { "resolved" },
            "receiver": "picollect",
            "groupLabels": {},
            "commonLabels": object(&common(&labels)),
            "commonAnnotations": object(&common(&annotations)),
            "externalURL": "",
            "alerts": self.0.iter().map(Notification::json).collect::<Vec<_>>(),
        })
    }
}

/// The pairs that all of them have.
fn common(all: &[Vec<(String, String)>]) -> Vec<(String, String)> {
    let Some((first, others)) = all.split_first() else { return Vec::new() };
    first.iter().filter(|pair| others.iter().all(|other| other.contains(pair))).cloned().collect()
}

fn object(pairs: &[(String, String)]) -> Map<String, Json> {
    pairs.iter().map(|(name, value)| (name.clone(), json!(value))).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use picollect_evaluate::alert_rules::RULES;

    /// A message about a node that is down, and one about a throttled one that is so no longer.
    pub(in crate::alerts) fn message() -> Message {
        let told = |name: &str, host: &str, ends_ms| {
            let rule = RULES.iter().find(|rule| rule.name == name).unwrap();
            let labels = [("cluster", "home"), ("host", host)].map(|(a, b)| (a.to_owned(), b.to_owned()));
            Notification::of(rule, &labels, 1.0, (1_795_443_117_000, ends_ms))
        };
        Message(vec![told("NodeThrottled", "pi-2", Some(1_795_443_177_000)), told("NodeDown", "pi-1", None)])
    }

    #[test]
    fn people_read_first_what_fires() {
        assert_eq!(message().title(), "[1 firing, 1 resolved] NodeThrottled pi-2, NodeDown pi-1");
        let want = "FIRING (critical): pi-1 is down\n\
                    pi-1 has been silent for more than ten of its intervals for two minutes. Until it speaks again nothing is known of it.\n\
                    Since 2026-11-23T14:11:57.000Z. What to do: docs/alerts.md#node-down\n\n\
                    RESOLVED: pi-2 is throttled\nFrom 2026-11-23T14:11:57.000Z to 2026-11-23T14:12:57.000Z.\n";
        assert_eq!(message().text(), want);
        assert_eq!(message().worst(), Some("critical"));
    }

    #[test]
    fn programs_get_what_alertmanager_sends() {
        let got = message().webhook();
        assert_eq!((&got["version"], &got["status"]), (&json!("4"), &json!("firing")));
        assert_eq!(got["commonLabels"], json!({"cluster": "home"}));
        let alert = &got["alerts"][1];
        let labels =
            json!({"alertname": "NodeDown", "severity": "critical", "cluster": "home", "host": "pi-1"});
        assert_eq!((&alert["labels"], &alert["endsAt"]), (&labels, &json!(NEVER)));
        assert_eq!(alert["annotations"]["runbook"], "docs/alerts.md#node-down");
        assert_eq!(got["alerts"][0]["endsAt"], "2026-11-23T14:12:57.000Z");
        assert_ne!(alert["fingerprint"], got["alerts"][0]["fingerprint"]);
    }
}

//! The summary for the panels: every token opens it, one that is bound to a node too.

use serde_json::Value;

use crate::process::{Collector, eventually, stdout};

fn ask(collector: &Collector, token: Option<&str>) -> (u16, Value) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut request = agent.get(format!("{}/api/v1/summary", collector.url));
    if let Some(token) = token {
        request = request.header("Authorization", format!("Token {token}"));
    }
    let mut answer = request.call().unwrap();
    let text = answer.body_mut().read_to_string().unwrap();
    (answer.status().as_u16(), serde_json::from_str(&text).unwrap_or_default())
}

#[test]
fn every_token_opens_the_summary_and_nobody_else() {
    let collector = Collector::start();
    let _agent = collector.simulated_agent("a", "200ms", i64::MAX / 4);
    let bound = ["token", "create", "--data", collector.data_text(), "--name", "b", "--scope", "write"];
    let bound = stdout(&[&bound[..], &["--node", "a"]].concat());
    eventually("the node has power and energy", || {
        let (_, summary) = ask(&collector, Some(bound.trim()));
        summary["watts"].is_number() && summary["today"]["joules"].as_f64().is_some_and(|joules| joules > 0.0)
    });
    let (status, summary) = ask(&collector, Some(bound.trim()));
    assert_eq!(
        (status, &summary["simulated"], &summary["hottest"]["host"]),
        (200, &true.into(), &"a".into())
    );
    assert_eq!((&summary["nodes_up"], &summary["nodes_all"]), (&1.into(), &1.into()));
    assert_eq!(
        (&summary["today"]["boundary"], &summary["today"]["partial"]),
        (&summary["watts_boundary"], &true.into()),
        "nothing is known of the day before the agent began"
    );
    assert!(summary["last_run"].is_null());
    assert_eq!(ask(&collector, None).0, 401);
    assert_eq!(ask(&collector, Some("pc_wrong")).0, 401);
}

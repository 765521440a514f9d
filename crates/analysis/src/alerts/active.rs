//! What of the table is so now, as the store says.
//!
//! A rule is asked over the time that it has to hold for, so the answer needs no memory: a collector that has just started
//! gives the same as one that has watched all the time.

use picollect_promql::{Labels, Query, QueryResult, Series, Times};
use picollect_telemetry::foreign::printable;

use picollect_config::QueryConfig;
use picollect_evaluate::alert_rules::{Rule, filled};
use picollect_query::prometheus_api::{ApiError, evaluate};
use picollect_store::Store;

/// The time that a rule has to hold for is looked at in so many steps.
const STEPS: i64 = 10;
/// The most alerts of one rule; with more of them something else is wrong.
const MAX_ACTIVE: usize = 1000;

/// How far an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is so, but not for long enough.
    Pending,
    /// It has been so for as long as the rule wants.
    Firing,
}

impl State {
    /// One word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Firing => "firing",
        }
    }
}

/// Something that is wrong now.
#[derive(Debug, Clone)]
pub struct Active {
    /// The rule that says so.
    pub rule: &'static Rule,
    /// What it is about: such as `host`.
    pub labels: Vec<(String, String)>,
    /// What the rule's expression gives for these labels, in the unit of its metric.
    pub value: f64,
    /// How far it is.
    pub state: State,
    /// Since when it has been so at least, Unix milliseconds: what was before the rule's own time is not
    /// looked at.
    pub since_ms: i64,
}

impl Active {
    /// The rule's summary about this.
    pub fn summary(&self) -> String {
        about(self.rule.summary, &self.labels, self.value)
    }
}

/// A text of a rule about these labels and this value; an absent label is nothing. It goes to terminals, logs and
/// messages, and labels come from outside.
pub fn about(text: &str, labels: &[(String, String)], value: f64) -> String {
    let label =
        |name: &str| labels.iter().find(|(label, _)| label == name).map(|(_, value)| printable(value));
    filled(text, |name| match name {
        "value" => format!("{value:.1}"),
        name => label(name).unwrap_or_default().into_owned(),
    })
}

/// What a rule finds at this moment, Unix milliseconds. Fails if the store cannot be read or the rule's
/// expression takes more than the limits allow.
pub fn active(
    store: &dyn Store,
    limits: QueryConfig,
    rule: &'static Rule,
    now_ms: i64,
) -> Result<Vec<Active>, ApiError> {
    let query = Query::parse(&rule.expression())?;
    let length_ms = i64::from(rule.for_s) * 1000;
    let times = Times { start_ms: now_ms - length_ms, end_ms: now_ms, step_ms: (length_ms / STEPS).max(1) };
    let QueryResult::Matrix(found) =
        evaluate(store, limits, (times.start_ms, now_ms), |context| query.range(context, times))?
    else {
        return Ok(Vec::new());
    };
    let steps = if length_ms == 0 { 1 } else { STEPS + 1 };
    Ok(found.iter().filter_map(|series| at_end(rule, series, times, steps)).take(MAX_ACTIVE).collect())
}

fn at_end(rule: &'static Rule, series: &Series, times: Times, steps: i64) -> Option<Active> {
    let last = series.samples.last().filter(|last| last.t_ms == times.end_ms)?;
    let throughout = i64::try_from(series.samples.len()) == Ok(steps);
    let state = if throughout { State::Firing } else { State::Pending };
    let back = series.samples.iter().rev().zip(0..);
    let unbroken = back.take_while(|(sample, step)| sample.t_ms == times.end_ms - step * times.step_ms);
    let since_ms = unbroken.last().map_or(times.end_ms, |(sample, _)| sample.t_ms);
    Some(Active { rule, labels: pairs(&series.labels), value: last.value, state, since_ms })
}

fn pairs(labels: &Labels) -> Vec<(String, String)> {
    labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use picollect_evaluate::alert_rules::RULES;
    use picollect_telemetry::line::{Precision, decode};

    const NOW_MS: i64 = 1_795_443_117_000;

    /// What all rules say of these lines, whose times are seconds before now.
    fn said(lines: &[(&str, std::ops::RangeInclusive<i64>)]) -> Vec<String> {
        let directory = tempfile::tempdir().unwrap();
        let store = picollect_store::open(directory.path()).unwrap();
        for (line, ago_s) in lines {
            let at = |ago_s: i64| format!("{line} {}\n", NOW_MS - ago_s * 1000);
            let text: String = ago_s.clone().step_by(10).map(at).collect();
            store.append(&decode(text.as_bytes(), Precision::Milliseconds, 0).points).unwrap();
        }
        let found = |rule| active(&store, QueryConfig::default(), rule, NOW_MS).unwrap();
        let text = |one: &Active| format!("{} {}", one.state.as_str(), one.summary());
        RULES.iter().flat_map(found).map(|one| text(&one)).collect()
    }

    #[test]
    fn a_label_does_not_steer_the_terminal() {
        let labels = [("host".to_owned(), "x\u{1b}[31m\r\nred".to_owned())];
        assert_eq!(about("{host} is hot", &labels, 1.0), "x\u{fffd}[31m\u{fffd}\u{fffd}red is hot");
    }

    #[test]
    fn a_flag_of_some_minutes_ago_is_one_episode_still_and_an_absent_one_is_none() {
        let lines = [
            ("throttle,host=a,origin=firmware throttled=1i,under_voltage=0i", 200..=300),
            ("throttle,host=a,origin=firmware throttled=0i,under_voltage=0i", 0..=190),
            ("throttle,host=b,origin=hwmon under_voltage=1i", 0..=60),
            ("throttle,host=c,origin=firmware soft_limit=1i,throttled=0i", 0..=60),
            ("throttle,host=d,origin=firmware throttled=1i", 310..=400),
            ("throttle,host=e,origin=firmware no_data=1i", 0..=60),
        ];
        let want = ["firing a is throttled", "firing c is throttled", "firing b gets too little voltage"];
        assert_eq!(said(&lines), want);
    }

    #[test]
    fn an_alert_is_pending_until_it_was_so_throughout() {
        let (unsynchronised, well) = ("time,host=a synchronised=0i", "time,host=a synchronised=1i");
        let all = said(&[(unsynchronised, 0..=600)]);
        assert_eq!(all, ["firing The clock of a is not synchronised"]);
        let half = said(&[(unsynchronised, 0..=290), (well, 300..=600)]);
        assert_eq!(half, ["pending The clock of a is not synchronised"]);
        assert_eq!(said(&[(unsynchronised, 10..=600), (well, 0..=0)]), [""; 0]);
    }

    #[test]
    fn a_limit_is_not_passed_by_what_is_exactly_on_it() {
        let at = |headroom: &str, coverage: &str| {
            let line = format!("health,host=a up=1i,down=0i,headroom_k={headroom},coverage_ratio={coverage}");
            said(&[(&line, 0..=600)])
        };
        assert_eq!(at("5", "0.99"), [""; 0]);
        let want = [
            "firing a is 4.9 K below its thermal limit",
            "firing Only 98.9 % of the last hour of a is metered",
        ];
        assert_eq!(at("4.9", "0.989"), want);
    }

    #[test]
    fn silence_disks_and_lost_lines_are_said() {
        let lines = [
            ("health,cluster=c,host=gone up=0i,down=1i", 0..=120),
            ("health,cluster=c,host=slow up=0i,down=0i", 0..=60),
            ("filesystem,host=a,mount=/ size_bytes=100,available_bytes=9", 0..=60),
            ("filesystem,host=b,mount=/ size_bytes=100,available_bytes=10", 0..=60),
            ("agent,host=a dropped_lines=7i", 100..=500),
            ("agent,host=a dropped_lines=9i", 0..=90),
            ("agent,host=b dropped_lines=9i", 0..=500),
        ];
        let want = [
            "firing gone is late",
            "firing slow is late",
            "firing gone is down",
            "firing The agent of a gives samples up",
            "firing / of a has 9.0 % left",
        ];
        assert_eq!(said(&lines), want);
    }

    #[test]
    fn a_cluster_that_does_nothing_for_an_hour_is_idle_if_it_draws_power() {
        let busy = |ratio: &str| format!("cpu,cluster=c,core=all,host=a busy_ratio={ratio}");
        let power = ("power,boundary=node,cluster=c,host=a,meter=m,source=measured watts=3", 0..=3600);
        let idle = busy("0.01");
        let want = ["firing The cluster c has been idle for an hour and draws power"];
        assert_eq!(said(&[(&idle, 0..=3900), power.clone()]), want);
        assert_eq!(said(&[(&idle, 0..=3900)]), [""; 0], "nothing is known of its power");
        assert_eq!(said(&[(&busy("0.06"), 0..=3900), power.clone()]), [""; 0]);
        let worked = busy("0.9");
        let pending = said(&[(&idle, 0..=1200), (&worked, 1210..=3900), power]);
        assert_eq!(pending, ["pending The cluster c has been idle for an hour and draws power"]);
    }
}

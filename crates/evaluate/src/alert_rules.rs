//! The table of all alerts.
//!
//! Each condition is a PromQL expression that has a value exactly where something is wrong, made from the catalogue's
//! names, so that a renamed metric cannot break one. What it has no series for raises nothing: unknown is not zero.
//! Expressions aggregate over every label but the few that name what is wrong. So they mean the same in the
//! collector, in an engine that it writes to, and in a Prometheus that scrapes several collectors.

use picollect_telemetry::catalogue::{
    BUSY, CLOCK_SYNCHRONISED, COVERAGE, DROPPED_LINES, EXT5V, FLASH_LIFE, FLASH_PRE_EOL, FS_AVAILABLE,
    FS_SIZE, HEADROOM, LOW_EXT5V_VOLTS, Metric, NODE_BOARDS, NODE_DOWN, NODE_UP, SOFT_LIMIT, THROTTLED,
    UNDER_VOLTAGE, VOLTS, WATTS,
};

/// Where the runbook is: a section for each rule.
pub const RUNBOOK: &str = "docs/alerts.md";
/// What an alert about a node says of where it is.
const NODE: &str = "cluster, host, simulated";
const MINUTE_S: u32 = 60;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; nobody needs to act.
    Info,
    /// It costs performance or figures.
    Warning,
    /// Something is lost, or soon will be.
    Critical,
}

impl Severity {
    /// The value of the label `severity`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// A rule: what is asked, for how long it has to hold, and what its alert says.
#[derive(Debug)]
pub struct Rule {
    /// Its name, which is the label `alertname`.
    pub name: &'static str,
    /// Its section of the runbook.
    pub anchor: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// It fires when it has been so for this long, seconds.
    pub for_s: u32,
    /// What is wrong, in a line; `{host}` stands for a label and `{value}` for the expression's value.
    pub summary: &'static str,
    /// What that means, in a sentence or two; placeholders as before.
    pub description: &'static str,
    expression: fn() -> String,
}

impl Rule {
    /// The condition, in PromQL.
    pub fn expression(&self) -> String {
        (self.expression)()
    }

    /// Where the runbook says what to do.
    pub fn runbook(&self) -> String {
        format!("{RUNBOOK}#{}", self.anchor)
    }
}

/// A text of a rule with its placeholders filled in.
pub fn filled(text: &str, value_of: impl Fn(&str) -> String) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, behind) = after.split_once('}').unwrap_or((after, ""));
        filled += before;
        filled += &value_of(name);
        rest = behind;
    }
    filled + rest
}

/// Every rule that the collector evaluates, in the order in which they are listed.
pub static RULES: [Rule; 12] = [
    Rule {
        name: "NodeThrottled",
        anchor: "node-throttled",
        severity: Severity::Warning,
        for_s: 0,
        summary: "{host} is throttled",
        description: "The firmware slowed {host} down within the last five minutes, or its soft temperature limit acted. \
                      What it computes meanwhile is not what it can compute.",
        expression: || format!("{} or {}", flagged(&THROTTLED), flagged(&SOFT_LIMIT)),
    },
    Rule {
        name: "UnderVoltage",
        anchor: "under-voltage",
        severity: Severity::Critical,
        for_s: 0,
        summary: "{host} gets too little voltage",
        description: "The supply voltage of {host} was too low within the last five minutes: its firmware said so, or a \
                      Pi 5 measured less than 4.9 V at its input. The firmware slows such a board down, and its card may \
                      be damaged.",
        expression: || {
            let volts = name(&VOLTS);
            let input = format!("min_over_time({volts}{{rail=\"{EXT5V}\"}}[5m])");
            format!("{} or min by ({NODE}) ({input}) < {LOW_EXT5V_VOLTS}", flagged(&UNDER_VOLTAGE))
        },
    },
    Rule {
        name: "NodeLate",
        anchor: "node-late",
        severity: Severity::Warning,
        for_s: MINUTE_S,
        summary: "{host} is late",
        description: "{host} has been silent for more than three of its intervals for a minute.",
        expression: || format!("{} == 0", of_node("max", &NODE_UP)),
    },
    Rule {
        name: "NodeDown",
        anchor: "node-down",
        severity: Severity::Critical,
        for_s: 2 * MINUTE_S,
        summary: "{host} is down",
        description: "{host} has been silent for more than ten of its intervals for two minutes. Until it speaks again \
                      nothing is known of it.",
        expression: || format!("{} == 1", of_node("min", &NODE_DOWN)),
    },
    Rule {
        name: "NameShared",
        anchor: "name-shared",
        severity: Severity::Critical,
        for_s: 0,
        summary: "{value} boards speak as {host}",
        description: "{value} boards use the name {host} at the same time, as those cloned from one card do. What they \
                      measure is mixed, and what they use meanwhile is not known: give each a name of its own.",
        expression: || format!("{} > 1", of_node("max", &NODE_BOARDS)),
    },
    Rule {
        name: "AgentLossy",
        anchor: "agent-lossy",
        severity: Severity::Warning,
        for_s: 0,
        summary: "The agent of {host} gives samples up",
        description: "About {value} lines of {host} were given up in the last ten minutes: its queue was full, or the \
                      collector refused them. Energy is not lost with them, but moments are.",
        expression: || {
            let lines = name(&DROPPED_LINES);
            format!("max by ({NODE}) (increase({lines}[10m])) > 0")
        },
    },
    Rule {
        name: "ClockUnsynchronised",
        anchor: "clock-unsynchronised",
        severity: Severity::Warning,
        for_s: 10 * MINUTE_S,
        summary: "The clock of {host} is not synchronised",
        description: "The kernel of {host} has not called its clock synchronised for ten minutes. Its samples follow the \
                      collector's clock where they can, and runs over several nodes become hard to compare.",
        expression: || format!("{} == 0", of_node("max", &CLOCK_SYNCHRONISED)),
    },
    Rule {
        name: "ThermalHeadroomLow",
        anchor: "thermal-headroom-low",
        severity: Severity::Warning,
        for_s: MINUTE_S,
        summary: "{host} is {value} K below its thermal limit",
        description: "The processor of {host} is less than 5 K below the temperature at which this board slows itself down.",
        expression: || format!("{} < 5", of_node("min", &HEADROOM)),
    },
    Rule {
        name: "EnergyCoverageLow",
        anchor: "energy-coverage-low",
        severity: Severity::Warning,
        for_s: 10 * MINUTE_S,
        summary: "Only {value} % of the last hour of {host} is metered",
        description: "The energy of {host} covers {value} % of the last hour, less than 99 %. Figures per joule over that \
                      time are of the covered part only.",
        expression: || format!("100 * {} < 99", of_node("max", &COVERAGE)),
    },
    Rule {
        name: "DiskNearlyFull",
        anchor: "disk-nearly-full",
        severity: Severity::Warning,
        for_s: MINUTE_S,
        summary: "{mount} of {host} has {value} % left",
        description: "An ordinary user can fill only {value} % more of {mount} on {host}, which mostly is an SD card: full, \
                      it stops the system, and nearly full it wears out sooner.",
        expression: || {
            let (available, size) = (name(&FS_AVAILABLE), name(&FS_SIZE));
            let by = format!("by ({NODE}, mount)");
            format!("100 * min {by} ({available}) / max {by} ({size}) < 10")
        },
    },
    Rule {
        name: "FlashWorn",
        anchor: "flash-worn",
        severity: Severity::Warning,
        for_s: MINUTE_S,
        summary: "{disk} of {host} is nearly worn out",
        description: "By its own estimate {disk} of {host} has used up to nine tenths of the writes that it was made for, or four \
                      fifths of its reserved blocks. It will be read-only one day: copy what is on it.",
        expression: || {
            let by = format!("max by ({NODE}, disk)");
            format!("{by} ({}) >= 0.9 or {by} ({}) >= 2", name(&FLASH_LIFE), name(&FLASH_PRE_EOL))
        },
    },
    Rule {
        name: "ClusterIdle",
        anchor: "cluster-idle",
        severity: Severity::Info,
        for_s: 60 * MINUTE_S,
        summary: "The cluster {cluster} has been idle for an hour and draws power",
        description: "No node of the cluster {cluster} worked for more than 5 % of its time in any five minutes of the last \
                      hour; the busiest one now works for {value} %. Their meters still show power.",
        expression: || {
            let (busy, watts) = (name(&BUSY), name(&WATTS));
            let by = "(cluster, simulated)";
            let idle = format!("100 * max by {by} (avg_over_time({busy}{{core=\"all\"}}[5m])) < 5");
            format!("{idle} and on {by} max by {by} ({watts}) > 0")
        },
    },
];

fn name(metric: &Metric) -> String {
    metric.prometheus_name()
}

/// A flag that was raised within the last five minutes: a board that throttles raises and clears it many times a
/// minute, and that is one episode.
fn flagged(flag: &Metric) -> String {
    format!("max by ({NODE}) (max_over_time({}[5m])) > 0", name(flag))
}

fn of_node(pick: &str, metric: &Metric) -> String {
    format!("{pick} by ({NODE}) ({})", name(metric))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_rule_has_its_section_in_the_runbook() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/alerts.md");
        let page = std::fs::read_to_string(page).expect("docs/alerts.md");
        let title = |line: &str| line.strip_prefix("## ").map(|title| title.to_lowercase().replace(' ', "-"));
        let sections: HashSet<String> = page.lines().filter_map(title).collect();
        for rule in &RULES {
            assert!(sections.contains(rule.anchor), "docs/alerts.md has no section for #{}", rule.anchor);
        }
    }

    #[test]
    fn placeholders_are_filled_and_nothing_else_is_touched() {
        let value_of = |name: &str| format!("<{name}>");
        assert_eq!(filled("{host} has {value} %", value_of), "<host> has <value> %");
        assert_eq!(filled("plain", value_of), "plain");
    }

    #[test]
    fn a_condition_names_its_series_and_tells_the_nodes_apart() {
        let of =
            |rule: &str| RULES.iter().find(|known| known.name == rule).map(Rule::expression).expect("a rule");
        assert_eq!(of("NodeDown"), format!("min by ({NODE}) ({}) == 1", NODE_DOWN.prometheus_name()));
        let flag =
            |flag: &Metric| format!("max by ({NODE}) (max_over_time({}[5m])) > 0", flag.prometheus_name());
        assert_eq!(of("NodeThrottled"), format!("{} or {}", flag(&THROTTLED), flag(&SOFT_LIMIT)));
    }
}

//! `[limits]`: what the whole process may take, and what one host or one token may take of the store.

use std::fs;

use serde::{Deserialize, Deserializer, de::Error as _};

/// Less than this holds neither the store's own buffers nor the largest body that agents may send.
const LEAST_MEMORY_MIB: u64 = 192;
/// What is taken by itself at most: more serves nobody on a head node that also has other work.
const MOST_USUAL_MEMORY_MIB: u64 = 2048;
/// Fewer than this are not enough for a panel, a scraper and a handful of nodes.
const LEAST_CONNECTIONS: usize = 16;

/// Limits of the process, of each host and of each token. What exceeds one is refused with a status that makes agents
/// keep their data, and is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Mebibytes that the whole process takes; `None` is half of the machine's, see [`memory_mib`](Self::memory_mib).
    #[serde(deserialize_with = "memory")]
    pub memory_mib: Option<u64>,
    /// Connections at once; `None` is as many as memory and the limit on open files allow.
    #[serde(deserialize_with = "connections")]
    pub connections: Option<usize>,
    /// Series that a host has. An agent has about a hundred.
    pub host_series: u32,
    /// Series of a host that are new on a day (UTC).
    pub host_new_series_a_day: u32,
    /// Samples that a host sends in a second, in the long run; a minute's worth may come at once.
    pub host_samples_a_second: u32,
    /// Series that came with a token.
    pub token_series: u32,
    /// Series that came with a token and are new on a day (UTC).
    pub token_new_series_a_day: u32,
    /// Samples that come with a token in a second, in the long run; a minute's worth may come at once.
    pub token_samples_a_second: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_mib: None,
            connections: None,
            host_series: 5000,
            host_new_series_a_day: 2000,
            host_samples_a_second: 10_000,
            token_series: 50_000,
            token_new_series_a_day: 20_000,
            token_samples_a_second: 100_000,
        }
    }
}

impl Limits {
    /// Mebibytes that hold: the configured ones, else half of what this machine or its control group has, from 192 to
    /// 2048.
    pub fn memory_mib(&self) -> u64 {
        self.memory_mib.unwrap_or_else(|| usual_memory_mib(machine_mib()))
    }
}

/// What is taken on a machine with so many mebibytes; `None` is a machine that does not say it.
fn usual_memory_mib(machine_mib: Option<u64>) -> u64 {
    machine_mib.map_or(LEAST_MEMORY_MIB, |mib| (mib / 2).clamp(LEAST_MEMORY_MIB, MOST_USUAL_MEMORY_MIB))
}

/// The smaller one of the machine's memory and the control group's bound (version 2); `None` if neither can be read.
fn machine_mib() -> Option<u64> {
    let machine =
        fs::read_to_string("/proc/meminfo").ok().and_then(|text| total_kib(&text)).map(|kib| kib / 1024);
    let group = fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let group = group.and_then(|text| text.trim().parse::<u64>().ok()).map(|bytes| bytes / 1024 / 1024);
    machine.into_iter().chain(group).min()
}

fn total_kib(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}

fn memory<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    let mib = u64::deserialize(from)?;
    let wrong =
        || D::Error::custom(format!("{mib} is less than {LEAST_MEMORY_MIB}, the least that it works with"));
    (mib >= LEAST_MEMORY_MIB).then_some(Some(mib)).ok_or_else(wrong)
}

fn connections<'de, D: Deserializer<'de>>(from: D) -> Result<Option<usize>, D::Error> {
    let number = usize::deserialize(from)?;
    let wrong = || {
        D::Error::custom(format!("{number} is less than {LEAST_CONNECTIONS}, the least that it works with"))
    };
    (number >= LEAST_CONNECTIONS).then_some(Some(number)).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    fn read(text: &str) -> Result<Limits, String> {
        let config: Result<Config, _> = picollect_settings::parse(text, "t");
        config.map(|config| config.limits).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_not_said_is_usual_and_mistakes_say_where() {
        assert_eq!(read("").unwrap(), Limits::default());
        let limits = read("[limits]\nmemory_mib = 256\nhost_series = 300\n").unwrap();
        assert_eq!((limits.memory_mib(), limits.host_series, limits.token_series), (256, 300, 50_000));
        let at = |text: &str, start: &str, part: &str| {
            let got = read(text).unwrap_err();
            assert!(got.starts_with(start) && got.contains(part), "{got}");
        };
        at("[limits]\nmemory_mib = 100", "t:2:14:", "less than 192");
        at("[limits]\nconnections = 1", "t:2:15:", "less than 16");
        at("[limits]\nhost_serie = 1", "t:2:1:", "did you mean `host_series`?");
    }

    #[test]
    fn half_of_the_machine_is_taken_within_bounds() {
        assert_eq!(total_kib("MemTotal:        1011712 kB\nMemFree: 3 kB\n"), Some(1_011_712));
        assert_eq!(total_kib("nothing"), None);
        let machines = [None, Some(128), Some(988), Some(1_000_000)];
        assert_eq!(machines.map(usual_memory_mib), [192, 192, 494, 2048]);
    }
}

//! Twenty agents, two collectors, three receivers: one of each is killed, then the other way round.

use std::collections::BTreeMap;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use picollect_evaluate::Window;
use picollect_query::whole;
use picollect_settings::time::now_ms;
use picollect_store::{Selector, Store};
use picollect_telemetry::catalogue::{HOST, SAMPLES};

use super::cluster::two_collectors;
use crate::engine::{Thanos, open};
use crate::process::{Process, eventually, picollect, stdout};

const AGENTS: usize = 20;
/// Each stage lasts so long.
const STAGE: Duration = Duration::from_secs(6);
/// Samples stay away no longer than this when a collector and a receiver die: a push waits at most ten seconds.
const LONGEST_SILENCE_MS: i64 = 30_000;

/// For each agent the numbers of its samples and their times.
fn arrived(store: &dyn Store, begin_ms: i64) -> BTreeMap<String, Vec<(i64, i64)>> {
    let selector = Selector { measurement: Some(SAMPLES.measurement), field: Some(SAMPLES.field), tags: &[] };
    let window = Window { start_ms: begin_ms, end_ms: now_ms() + 1000 };
    let series = store.read_all(&selector, window, 0).unwrap_or_default();
    let numbers = series.into_iter().map(|(key, samples)| {
        let number = |value: &picollect_telemetry::Value| whole(value.as_f64().expect("a number"));
        let samples = samples.iter().map(|sample| (number(&sample.value), sample.t_ms)).collect();
        (key.tag(HOST).expect("an agent").to_owned(), samples)
    });
    numbers.collect()
}

/// The longest that any agent's newest sample that can be read lay back while a stage lasted, in milliseconds.
fn watched(store: &dyn Store, begin_ms: i64) -> i64 {
    let (mut longest_ms, begin) = (0, Instant::now());
    while begin.elapsed() < STAGE {
        let newest = arrived(store, begin_ms)
            .into_values()
            .filter_map(|samples| samples.last().map(|(_, t_ms)| *t_ms));
        let age_ms = newest.min().map_or(0, |oldest_ms| now_ms() - oldest_ms);
        longest_ms = longest_ms.max(age_ms);
        thread::sleep(Duration::from_millis(200));
    }
    longest_ms
}

#[test]
fn twenty_agents_lose_and_double_nothing_while_collectors_and_receivers_die_in_turn() {
    let mut engine = Thanos::start();
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().to_str().unwrap();
    let token = stdout(&["token", "create", "--data", data, "--name", "t", "--scope", "write"]);
    let token_file = directory.path().join("token");
    fs::write(&token_file, token).unwrap();
    let (mut one, mut two) = two_collectors(&engine.location, &directory.path().join("tokens.json"));
    let begin_ms = now_ms();
    let agents: Vec<Process> = (0..AGENTS)
        .map(|number| {
            let target = |url: &str| {
                format!("[[collector]]\nurl = \"{url}\"\ntoken_file = \"{}\"\n", token_file.display())
            };
            let (first, second) = if number % 2 == 0 { (&one.url, &two.url) } else { (&two.url, &one.url) };
            let text = format!("name = \"n{number}\"\ninterval = \"1s\"\ndelivery = \"first\"\n[simulate]\ncooling_k_per_w = 8.0\n");
            let config = directory.path().join(format!("n{number}.toml"));
            fs::write(&config, text + &target(first) + &target(second)).unwrap();
            Process::start(picollect(&["agent", "run", "--config", config.to_str().unwrap()]))
        })
        .collect();
    let store = open(&engine.location);
    eventually("every agent is heard", || arrived(store.as_ref(), begin_ms).len() == AGENTS);
    let quiet_ms = watched(store.as_ref(), begin_ms);

    one.kill();
    engine.receivers[1].kill();
    let first_ms = watched(store.as_ref(), begin_ms);
    one.restart();
    engine.receivers[1].restart();
    watched(store.as_ref(), begin_ms);
    engine.receivers[2].kill();
    two.kill();
    let second_ms = watched(store.as_ref(), begin_ms);
    two.restart();
    engine.receivers[2].restart();
    watched(store.as_ref(), begin_ms);

    // An agent that is told to stop delivers first.
    for agent in agents {
        assert_eq!(agent.terminate(), Some(0));
    }
    let gaps = || -> Vec<String> {
        let all = arrived(store.as_ref(), begin_ms);
        let whole = |samples: &[(i64, i64)]| samples.windows(2).all(|pair| pair[1].0 - pair[0].0 == 1);
        all.into_iter().filter(|(_, samples)| !whole(samples)).map(|(host, _)| host).collect()
    };
    eventually("every sample is there once", || gaps().is_empty());
    let all = arrived(store.as_ref(), begin_ms);
    let counts: Vec<usize> = all.values().map(Vec::len).collect();
    assert_eq!(counts.len(), AGENTS);
    assert!(counts.iter().all(|&count| count > 20), "{counts:?}");
    eprintln!(
        "{} samples of {AGENTS} agents; the newest sample of any was at most so many ms old: {quiet_ms} with all alive, {first_ms} and \
         {second_ms} with a collector and a receiver dead",
        counts.iter().sum::<usize>()
    );
    assert!(first_ms.max(second_ms) < LONGEST_SILENCE_MS);
}

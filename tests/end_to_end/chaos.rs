//! Delivery over a bad network: every sample that is not counted as dropped arrives exactly once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use picollect_evaluate::Window;
use picollect_query::whole;
use picollect_store::{Selector, Store};
use picollect_telemetry::catalogue::{DROPPED_LINES, HOST, QUEUED_LINES, SAMPLES};

use crate::process::{Collector, Process, eventually, picollect};
use crate::proxy::{Fate, Proxy};

const ALWAYS: Window = Window { start_ms: 0, end_ms: i64::MAX / 4 };

/// An agent on a board whose every tick says the same number of lines, each at the tick's own time.
fn agent(collector: &Collector, url: &str, spool_kib: u64) -> Process {
    let arguments = agent_config(collector, url, spool_kib);
    Process::start(picollect(&arguments.iter().map(String::as_str).collect::<Vec<_>>()))
}

/// The arguments with which such an agent is started.
fn agent_config(collector: &Collector, url: &str, spool_kib: u64) -> Vec<String> {
    let board = collector.data().join("board");
    fs::create_dir_all(board.join("proc")).unwrap();
    fs::write(board.join("proc/loadavg"), "0.1 0.2 0.3 1/2 3\n").unwrap();
    fs::write(board.join("proc/stat"), "cpu  1 0 0 1 0 0 0\ncpu0 1 0 0 1 0 0 0\n").unwrap();
    let spool = collector.data().join("spool");
    let config = collector.data().join("agent.toml");
    let text = format!(
        "name = \"n\"\ninterval = \"100ms\"\n[[collector]]\nurl = \"{url}\"\ntoken_file = \"{}\"\n\
         [spool]\ndir = \"{}\"\nmax_kib = {spool_kib}\n",
        collector.token_file().display(),
        spool.display(),
    );
    fs::write(&config, text).unwrap();
    let (board, config) = (board.to_str().unwrap(), config.to_str().unwrap());
    ["agent", "run", "--root", board, "--config", config].map(ToOwned::to_owned).to_vec()
}

/// For each tick that arrived, by its number: how many of its lines did.
fn lines_by_tick(store: &dyn Store) -> BTreeMap<i64, usize> {
    let tags = [(HOST, "n")];
    let mut lines: BTreeMap<i64, BTreeSet<String>> = BTreeMap::new();
    let mut numbers = BTreeMap::new();
    for key in store.series(&Selector { tags: &tags, ..Selector::default() }).unwrap() {
        for sample in store.read(&key, ALWAYS, 0).unwrap() {
            if key.field == SAMPLES.field {
                numbers.insert(sample.t_ms, whole(sample.value.as_f64().unwrap()));
            }
            lines.entry(sample.t_ms).or_default().insert(format!("{} {:?}", key.measurement, key.tags));
        }
    }
    numbers.iter().map(|(t_ms, number)| (*number, lines[t_ms].len())).collect()
}

/// The last value of one of the agent's own metrics.
fn last(store: &dyn Store, field: &str) -> i64 {
    let tags = [(HOST, "n")];
    let selector = Selector { measurement: Some("agent"), field: Some(field), tags: &tags };
    let Some(key) = store.series(&selector).unwrap().pop() else { return -1 };
    store.read(&key, ALWAYS, 0).unwrap().last().map_or(-1, |sample| whole(sample.value.as_f64().unwrap()))
}

/// Returns when more than so many samples have been taken and none of them waits.
fn caught_up(store: &dyn Store, samples: i64) {
    eventually("the rest arrives", || {
        last(store, SAMPLES.field) > samples && last(store, QUEUED_LINES.field) == 0
    });
}

/// Dropped and arrived together are what was taken, to the line, and no tick arrived in part.
fn assert_nothing_is_unaccounted_for(store: &dyn Store, least_dropped_ticks: i64) {
    let ticks = lines_by_tick(store);
    let newest = *ticks.keys().next_back().unwrap();
    let missing = newest - i64::try_from(ticks.len()).unwrap();
    // The first tick's share of busy time has nothing to compare with; all later ticks are alike.
    let lines = i64::try_from(*ticks.values().next_back().unwrap()).unwrap();
    assert!(ticks.values().all(|count| *count == ticks[&newest]), "{ticks:?}");
    let dropped = last(store, DROPPED_LINES.field);
    assert_eq!(dropped, missing * lines, "{missing} of {newest} ticks of {lines} lines are missing");
    assert!(missing >= least_dropped_ticks, "{missing} ticks were dropped");
}

#[test]
fn what_is_not_counted_as_dropped_arrives_exactly_once() {
    use Fate::{Answer, Break, Forward, Hang, LoseAnswer};
    let collector = Collector::start();
    let proxy = Proxy::start(&collector.url);
    proxy.next([Forward, Forward, LoseAnswer, Answer(500), Break, LoseAnswer, Answer(503), Answer(429)]);
    proxy.next([Answer(401), Forward, Answer(413), Forward, Forward, Hang, Answer(404), Forward, LoseAnswer]);
    // The last two refusals are for good: these batches are dropped and counted. (Refusing a batch that
    // has arrived unnoticed would count it as dropped: a collector that changes its mind is not honest.)
    proxy.next([Forward, Answer(400), Forward, Answer(422), Forward]);
    let agent = agent(&collector, &proxy.url, 10_000);
    let store = collector.store();
    eventually("the bad network has shown all it can do", || proxy.done());
    let arrived = last(&store, SAMPLES.field);
    caught_up(&store, arrived + 5);
    assert_eq!(agent.terminate(), Some(0));
    assert_nothing_is_unaccounted_for(&store, 2);
}

#[test]
fn what_a_captive_portal_answers_in_the_collectors_place_takes_nothing() {
    let collector = Collector::start();
    let proxy = Proxy::start(&collector.url);
    let statuses = [200, 201, 204, 301, 302, 303, 307, 308, 400, 413, 422];
    proxy.next(statuses.into_iter().flat_map(|status| [Fate::Stranger(status), Fate::Forward]));
    let agent = agent(&collector, &proxy.url, 10_000);
    let store = collector.store();
    eventually("the portal has shown all it can do", || proxy.done());
    let arrived = last(&store, SAMPLES.field);
    caught_up(&store, arrived + 5);
    assert_eq!(agent.terminate(), Some(0));
    assert_nothing_is_unaccounted_for(&store, 0);
    assert_eq!(last(&store, DROPPED_LINES.field), 0);
}

#[test]
fn an_outage_longer_than_the_spool_holds_drops_the_oldest_and_counts_them() {
    let mut collector = Collector::start();
    let agent = agent(&collector, &collector.url, 24);
    let store = collector.store();
    eventually("it delivers", || last(&store, SAMPLES.field) > 3);
    collector.kill();
    std::thread::sleep(Duration::from_secs(8));
    collector.restart();
    let before = last(&store, SAMPLES.field);
    caught_up(&store, before + 20);
    assert_eq!(agent.terminate(), Some(0));
    assert_nothing_is_unaccounted_for(&store, 1);
}

/// A network of its own: a process that holds it, and how to run a command inside. Needs no root.
struct Network(Process);

impl Network {
    fn new() -> Self {
        let mut holder = Command::new("unshare");
        holder.args(["--map-root-user", "--net", "sleep", "infinity"]);
        let network = Self(Process::start(holder));
        eventually("the network is there", || network.link("up"));
        network
    }

    /// This program in the network.
    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--preserve-credentials", "--user", "--net", "--target", &self.0.id().to_string()]);
        command.arg(program).args(arguments);
        command
    }

    /// Sets the only link up or down; says whether that was possible.
    fn link(&self, state: &str) -> bool {
        let mut ip = self.command("ip", &["link", "set", "lo", state]);
        ip.stderr(Stdio::null())
            .status()
            .expect("`nsenter` and `ip` are missing: apt-get install util-linux iproute2")
            .success()
    }
}

#[test]
fn a_network_that_is_cut_for_longer_than_the_spool_holds_drops_the_oldest_and_counts_them() {
    let network = Network::new();
    let picollect = env!("CARGO_BIN_EXE_picollect");
    let serve =
        |listen: &str, data: &str| network.command(picollect, &["serve", "--listen", listen, "--data", data]);
    let collector = Collector::start_by(serve);
    let config = agent_config(&collector, &collector.url, 24);
    let agent =
        Process::start(network.command(picollect, &config.iter().map(String::as_str).collect::<Vec<_>>()));
    let store = collector.store();
    eventually("it delivers", || last(&store, SAMPLES.field) > 3);
    assert!(network.link("down"));
    // Until the time-out of the delivery under way, and then until the spool is full.
    std::thread::sleep(Duration::from_secs(20));
    let before = last(&store, SAMPLES.field);
    assert!(network.link("up"));
    caught_up(&store, before + 50);
    assert_eq!(agent.terminate(), Some(0));
    assert_nothing_is_unaccounted_for(&store, 1);
}

#[test]
fn what_was_spooled_outlives_the_agent_that_was_killed() {
    let mut collector = Collector::start();
    let first = agent(&collector, &collector.url, 10_000);
    let store = collector.store();
    eventually("it delivers", || last(&store, SAMPLES.field) > 3);
    collector.kill();
    std::thread::sleep(Duration::from_secs(3));
    first.kill();
    let delivered = lines_by_tick(&store).len();
    collector.restart();
    let second = agent(&collector, &collector.url, 10_000);
    // The second agent counts from one again: its ticks share numbers with the first one's, not times.
    let ticks = || {
        let tags = [(HOST, "n")];
        let selector = Selector { measurement: Some("agent"), field: Some(SAMPLES.field), tags: &tags };
        let key = store.series(&selector).unwrap().pop().unwrap();
        store
            .read(&key, ALWAYS, 0)
            .unwrap()
            .iter()
            .map(|sample| sample.value.as_f64().unwrap())
            .collect::<Vec<_>>()
    };
    eventually("the first agent's samples arrive", || ticks().len() > delivered + 25);
    assert_eq!(second.terminate(), Some(0));
    let first_life: Vec<f64> =
        ticks().windows(2).take_while(|pair| pair[1] > pair[0]).map(|pair| pair[1]).collect();
    assert!(first_life.len() + 1 > delivered + 20, "{first_life:?}");
    assert!(first_life.windows(2).all(|pair| pair[1] - pair[0] == 1.0), "none is missing: {first_life:?}");
}

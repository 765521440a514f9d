//! What `benches/compare/store` measures with: a cluster that always says the same, and questions about it.
//!
//! `load URL TOKEN NODES SETS SECONDS END_S fast|paced` posts line protocol, twelve fields of a node and set each
//! second, as fast as it is taken or a second in each second. `ask DIR END_S` seals what is in a data directory and asks it.
//! `roll DIR END_S` makes points a minute of it, and points an hour.

use std::io::{Error, Result};
use std::path::Path;
use std::time::{Duration, Instant};

use picollect_collector::retention;
use picollect_config::Retention;
use picollect_evaluate::Window;
use picollect_store::{Maintenance as _, Selector, Store as _, open};

/// Samples of a node and set in a second.
const FIELDS: u64 = 12;
/// Steps of time in a body of the fast load.
const STEPS_IN_A_BODY: i64 = 30;
/// Nodes in a body of the paced load.
const NODES_IN_A_BODY: usize = 100;
/// A question is asked so often; the median counts.
const ROUNDS: usize = 9;
const DAY_MS: i64 = 86_400_000;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<i64>().map_err(Error::other);
    match arguments.as_slice() {
        ["load", url, token, nodes, sets, seconds, end_s, pace] => {
            let nodes = usize::try_from(number(nodes)? * number(sets)?).map_err(Error::other)?;
            let mut load = Load::new(url, token, nodes, number(sets)?);
            let (from_s, to_s) = (number(end_s)? - number(seconds)?, number(end_s)?);
            if *pace == "paced" { load.paced(number(seconds)?) } else { load.fast(from_s, to_s) }
        }
        ["ask", directory, end_s] => ask(Path::new(directory), number(end_s)? * 1000),
        ["roll", directory, end_s] => roll(Path::new(directory), number(end_s)? * 1000),
        _ => Err(Error::other("usage: measure_store load …|ask …|roll …; see the source")),
    }
}

/// A node's sensors, or one set of them; the same at every run.
struct Node {
    tags: String,
    chance: fastrand::Rng,
    busy: f64,
    temp_c: f64,
    joules: f64,
    metered_s: f64,
    received: f64,
    sent: f64,
}

impl Node {
    fn new(number: usize, sets: usize) -> Self {
        let (node, set) = (number / sets, number % sets);
        let part = if set == 0 { String::new() } else { format!(",part={set}") };
        let mut chance = fastrand::Rng::with_seed(number as u64);
        let (received, temp_c) = ((1e12 * chance.f64()).floor(), 45.0 + 10.0 * chance.f64());
        let tags = format!("host=pi-{node:03}{part}");
        Self {
            tags,
            chance,
            busy: 0.1,
            temp_c,
            joules: 0.0,
            metered_s: 0.0,
            received,
            sent: (received / 3.0).floor(),
        }
    }

    /// Load comes and goes; temperature follows it slowly, with a sensor's noise in thousandths; clocks have steps;
    /// counters of joules have every digit that an agent writes.
    fn say(&mut self, t_s: i64, out: &mut String) {
        if self.chance.u32(0..600) == 0 {
            self.busy = [0.02, 0.1, 0.6, 1.0][self.chance.usize(0..4)];
        }
        let noise = self.chance.f64() - 0.5;
        self.temp_c += (40.0 + 30.0 * self.busy - self.temp_c) / 120.0;
        let busy = (self.busy + 0.05 * noise).clamp(0.0, 1.0);
        let watts = 2.7 + 3.7 * busy + 0.02 * noise;
        let seconds = 1.0 + 0.0005 * noise;
        self.joules += watts * seconds;
        self.metered_s += seconds;
        self.received += (busy * 40_000.0 + 900.0 * self.chance.f64()).floor();
        self.sent += (60.0 + 340.0 * self.chance.f64()).floor();
        let hz = if self.busy < 0.05 {
            600_000_000
        } else {
            [1_500_000_000, 1_800_000_000][usize::from(busy > 0.5)]
        };
        let available = 3_482_746_880.0 - 4096.0 * (busy * 20_000.0 + 8.0 * self.chance.f64()).floor();
        let Self { tags, temp_c, joules, metered_s, received, sent, .. } = self;
        let (temp_c, volts) = (*temp_c + 0.3 * noise, f64::from(1275 - 3 * i32::from(busy > 0.9)) * 0.004);
        let (load1, fan) = (4.0 * self.busy + 0.1 * noise.abs(), 60.0 * temp_c.floor());
        *out += &format!(
            "thermal,{tags},zone=thermal_zone0 temp_c={temp_c:.3} {t_s}\n\
             cpu,{tags},core=all busy_ratio={busy:.4},load1={load1:.2},clock_hz={hz}i {t_s}\n\
             power,{tags},meter=ina219-1-40 watts={watts:.3},volts={volts:.3},joules={joules:.6},metered_s={metered_s:.6} {t_s}\n\
             system,{tags} available_bytes={available:.0}i,rx_bytes={received:.0}i,tx_bytes={sent:.0}i,fan_rpm={fan:.0}i {t_s}\n"
        );
    }
}

struct Load {
    agent: ureq::Agent,
    url: String,
    token: String,
    nodes: Vec<Node>,
    sent: u64,
}

impl Load {
    fn new(url: &str, token: &str, nodes: usize, sets: i64) -> Self {
        let sets = usize::try_from(sets).unwrap_or(1).max(1);
        let nodes = (0..nodes).map(|number| Node::new(number, sets)).collect();
        Self {
            agent: ureq::Agent::new_with_defaults(),
            url: url.to_owned(),
            token: token.to_owned(),
            nodes,
            sent: 0,
        }
    }

    fn post(&self, body: &str) -> Result<()> {
        let request = self.agent.post(&self.url).header("authorization", format!("Bearer {}", self.token));
        let answer = request.send(body).map_err(Error::other)?;
        if answer.status() == 204 { Ok(()) } else { Err(Error::other(format!("{}", answer.status()))) }
    }

    fn fast(&mut self, from_s: i64, to_s: i64) -> Result<()> {
        let mut spent = Duration::ZERO;
        let mut body = String::new();
        for t_s in from_s..to_s {
            for node in &mut self.nodes {
                node.say(t_s, &mut body);
            }
            self.sent += FIELDS * self.nodes.len() as u64;
            if (t_s - from_s) % STEPS_IN_A_BODY == STEPS_IN_A_BODY - 1 || t_s + 1 == to_s {
                let begun = Instant::now();
                self.post(&body)?;
                spent += begun.elapsed();
                body.clear();
            }
        }
        println!("{} samples, {:.1} s in requests", self.sent, spent.as_secs_f64());
        Ok(())
    }

    fn paced(&mut self, seconds: i64) -> Result<()> {
        let (begun, begun_s) = (Instant::now(), picollect_settings::time::now_ms() / 1000);
        let mut slowest = Duration::ZERO;
        for second in 0..seconds {
            let due = Duration::from_secs(second.unsigned_abs());
            std::thread::sleep(due.saturating_sub(begun.elapsed()));
            let t_s = begun_s + second;
            let asked = Instant::now();
            for first in (0..self.nodes.len()).step_by(NODES_IN_A_BODY) {
                let mut body = String::new();
                let last = self.nodes.len().min(first + NODES_IN_A_BODY);
                for node in &mut self.nodes[first..last] {
                    node.say(t_s, &mut body);
                }
                self.sent += FIELDS * (last - first) as u64;
                self.post(&body)?;
            }
            slowest = slowest.max(asked.elapsed());
        }
        println!("{} samples, slowest second {:.2} s", self.sent, slowest.as_secs_f64());
        Ok(())
    }
}

fn ask(directory: &Path, end_ms: i64) -> Result<()> {
    let begun = Instant::now();
    let store = open(directory).map_err(Error::other)?;
    let opened = begun.elapsed();
    store.seal().map_err(Error::other)?;
    let sealed = begun.elapsed().saturating_sub(opened);
    let selector = Selector { measurement: Some("thermal"), field: Some("temp_c"), tags: &[] };
    let window = Window { start_ms: end_ms - DAY_MS, end_ms };
    let mut times = Vec::new();
    let (mut means, mut count) = (0.0, 0);
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        (means, count) = (0.0, 0);
        for key in store.series(&selector).map_err(Error::other)? {
            for bucket in store.aggregate(&key, window, DAY_MS).map_err(Error::other)? {
                means += bucket.sum / f64::from(bucket.count);
                count += u64::from(bucket.count);
            }
        }
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    let (all, mut samples) = (Window { start_ms: i64::MIN / 4, end_ms: i64::MAX / 4 }, 0);
    for key in store.series(&Selector::default()).map_err(Error::other)? {
        samples += store.read(&key, all, 0).map_err(Error::other)?.len();
    }
    println!(
        "opened in {:.1} ms, sealed in {:.1} s, {} bytes, {samples} samples, day mean of {count} samples in {:.2} ms ({means:.1})",
        opened.as_secs_f64() * 1e3,
        sealed.as_secs_f64(),
        store.size_bytes().map_err(Error::other)?,
        times[ROUNDS / 2].as_secs_f64() * 1e3,
    );
    Ok(())
}

fn roll(directory: &Path, end_ms: i64) -> Result<()> {
    let store = open(directory).map_err(Error::other)?;
    let mut said = format!("rolled up: {} bytes in use", store.used_bytes().map_err(Error::other)?);
    for days in [30, 400] {
        let begun = Instant::now();
        retention::apply(&store, &Retention::default(), end_ms + days * DAY_MS).map_err(Error::other)?;
        let used = store.used_bytes().map_err(Error::other)?;
        said += &format!(", {used} after {days} days in {:.1} s", begun.elapsed().as_secs_f64());
    }
    println!("{said}");
    Ok(())
}

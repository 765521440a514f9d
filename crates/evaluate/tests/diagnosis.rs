//! Nodes with every ill that is known, made by physics, and the one diagnosis that each of them gets.

use picollect_evaluate::Window;
use picollect_evaluate::advice::Advice;
use picollect_evaluate::balance::{Peer, What, outliers};
use picollect_evaluate::diagnosis::{Observed, diagnoses};
use picollect_evaluate::series::{Sample, mean};
use picollect_evaluate::thermal::{CoolingChange, Drive, Fit, FullLoad, Room, cooling_change, fit, headroom};
use picollect_evaluate::throttle::{Cause, Flags, Moment, episodes};

const MAX_HZ: f64 = 1.5e9;
const LIMIT_C: f64 = 80.0;
const IDLE_W: f64 = 2.5;
const LOAD_W: f64 = 4.0;

/// A heat sink: its time constant and how often the node is read, seconds.
#[derive(Debug, Clone, Copy)]
struct Sink {
    time_constant_s: f64,
    interval_s: u32,
}

const LIGHT: Sink = Sink { time_constant_s: 60.0, interval_s: 1 };
const HEAVY: Sink = Sink { time_constant_s: 500.0, interval_s: 5 };

/// A node and what ails it.
#[derive(Debug, Clone, Copy)]
struct Node {
    resistance: f64,
    air_c: f64,
    /// From this moment on, in time constants, the resistance is another.
    later: Option<(f64, f64)>,
    low_voltage: bool,
    limit_hz: f64,
    stolen: f64,
    busy_at_rest: f64,
}

const HEALTHY: Node = Node {
    resistance: 6.0,
    air_c: 24.0,
    later: None,
    low_voltage: false,
    limit_hz: MAX_HZ,
    stolen: 0.0,
    busy_at_rest: 0.01,
};

/// What the agent would have said of it.
struct Watched {
    host: String,
    node: Node,
    interval_s: f64,
    temps: Vec<Sample>,
    watts: Vec<Sample>,
    moments: Vec<Moment>,
}

impl Node {
    /// It rests for one and a half time constants, works for five and rests again. The firmware takes 50 MHz away at
    /// 80 °C and gives them back below 79; power goes with the square of the clock.
    fn watch(self, host: &str, sink: Sink) -> Watched {
        let Sink { time_constant_s, interval_s } = sink;
        let step_s = f64::from(interval_s);
        let mut temp_c = self.air_c + self.resistance * IDLE_W;
        let (mut temps, mut watts, mut moments) = (Vec::new(), Vec::new(), Vec::new());
        let mut cap_hz = self.limit_hz;
        let mut second = 0;
        while f64::from(second) < 8.0 * time_constant_s {
            let phase = f64::from(second) / time_constant_s;
            let busy: f64 = if (1.5..6.5).contains(&phase) { 1.0 } else { self.busy_at_rest };
            let low = self.low_voltage && busy > 0.9;
            if temp_c >= LIMIT_C {
                cap_hz = (cap_hz - 50e6).max(600e6);
            } else if temp_c < LIMIT_C - 1.0 {
                cap_hz = (cap_hz + 50e6).min(self.limit_hz);
            }
            let clock_hz = if low { 600e6 } else { cap_hz };
            let drive = IDLE_W + LOAD_W * busy * (clock_hz / MAX_HZ).powi(2);
            let resistance =
                self.later.filter(|(from, _)| phase >= *from).map_or(self.resistance, |(_, later)| later);
            let decay = (-step_s / time_constant_s).exp();
            temp_c = decay * temp_c + (1.0 - decay) * (self.air_c + resistance * drive);
            second += interval_s;
            let t_ms = i64::from(second) * 1000;
            let read_c = (temp_c * 2.0).round() / 2.0;
            temps.push(Sample { t_ms, value: read_c });
            watts.push(Sample { t_ms, value: drive });
            let flags = Flags {
                under_voltage: Some(low),
                freq_capped: Some(low),
                throttled: Some(low || cap_hz < self.limit_hz),
                soft_limit: Some(false),
            };
            moments.push(Moment {
                t_ms,
                flags,
                temp_c: Some(read_c),
                clock_hz: Some(clock_hz),
                max_hz: Some(self.limit_hz),
                busy_cores: Some(4.0 * busy),
                cores: Some(4.0),
            });
        }
        Watched { host: host.to_owned(), node: self, interval_s: step_s, temps, watts, moments }
    }
}

/// What the report makes of a node before it compares nodes.
struct Seen {
    causes: Vec<Cause>,
    fit: Option<Fit>,
    change: Option<CoolingChange>,
    room: Option<Room>,
    peer: Peer,
}

impl Watched {
    fn seen(&self, peers: &[FullLoad]) -> Seen {
        let window = Window { start_ms: 0, end_ms: self.temps.last().unwrap().t_ms };
        let model = fit(&self.temps, Drive::Watts, &self.watts, self.interval_s);
        let change = cooling_change(&self.temps, Drive::Watts, &self.watts, self.interval_s, &model);
        let full = self.full().beside(peers);
        let room = model.as_ref().ok().and_then(|fit| {
            let (drive, at_least) = full.drive();
            let room_k = headroom(fit, LIMIT_C, drive)?.headroom_k;
            Some(if at_least { Room::AtMost(room_k) } else { Room::Exactly(room_k) })
        });
        let busy: Vec<Sample> = self
            .moments
            .iter()
            .map(|moment| Sample { t_ms: moment.t_ms, value: moment.busy_cores.unwrap() / 4.0 })
            .collect();
        let at_work = self.moments.iter().filter(|moment| moment.busy_cores.unwrap() > 2.0);
        let ratios: Vec<f64> = at_work.map(|it| it.clock_hz.unwrap() / it.max_hz.unwrap()).collect();
        Seen {
            causes: episodes(&self.moments, window, self.interval_s).iter().map(|one| one.cause).collect(),
            fit: model.ok(),
            change,
            room,
            peer: Peer {
                host: self.host.clone(),
                temp_c: mean(&self.temps, window, self.interval_s),
                clock_ratio: Some(ratios.iter().sum::<f64>() / ratios.len() as f64),
                busy: mean(&busy, window, self.interval_s),
            },
        }
    }

    fn full(&self) -> FullLoad {
        FullLoad::of_node(&self.watts, &self.moments, self.interval_s).unwrap()
    }
}

/// The diagnoses of a cluster: four healthy nodes, of which no two are quite alike, and this one.
fn diagnosed(fourth: Node, others: Node, sink: Sink) -> Vec<Advice> {
    let healthy = |number: u32| Node { resistance: others.resistance + 0.1 * f64::from(number), ..others };
    let nodes: Vec<Watched> = (1..=5)
        .map(|number| {
            let node = if number == 4 { fourth } else { healthy(number) };
            node.watch(&format!("pi-{number}"), sink)
        })
        .collect();
    let loads: Vec<FullLoad> = nodes.iter().map(Watched::full).collect();
    let seen: Vec<Seen> = nodes.iter().map(|node| node.seen(&loads)).collect();
    let found = outliers(&seen.iter().map(|seen| seen.peer.clone()).collect::<Vec<_>>());
    let outlier = |host: &str, what: What| {
        found
            .iter()
            .find(|outlier| outlier.host == host && outlier.what == what)
            .map(|it| (it.value, it.median))
    };
    let observed = nodes.iter().zip(&seen).map(|(watched, seen)| Observed {
        host: &watched.host,
        model: Some("Raspberry Pi 4 Model B Rev 1.4"),
        moments: &watched.moments,
        causes: &seen.causes,
        fit: seen.fit,
        room: seen.room,
        change: seen.change,
        clock_limit: (watched.node.limit_hz < MAX_HZ).then_some((watched.node.limit_hz, MAX_HZ)),
        hotter_k: outlier(&watched.host, What::Hotter).map(|(value, median)| value - median),
        slower_hz: outlier(&watched.host, What::Slower)
            .map(|(value, median)| (value * MAX_HZ, median * MAX_HZ)),
        stolen: Some(watched.node.stolen),
    });
    diagnoses(&observed.collect::<Vec<_>>())
}

/// An ill, what it has to be called, what has to be said of it, and what would contradict that.
type Case = (&'static str, Node, &'static str, &'static [&'static str], &'static [&'static str]);

const CASES: [Case; 8] = [
    (
        "a bad heat sink that ends at the limit",
        Node { resistance: 11.05, ..HEALTHY },
        "thermal-hard",
        &[
            "mount its heat sink anew",
            "11.",
            "its peers by 6.",
            "K above its limit",
            "voltage was high enough",
        ],
        &["cooler air", "fan", "governor", "neighbours", "below its limit", "cable"],
    ),
    (
        "a bad heat sink that does not reach the limit",
        Node { resistance: 8.4, ..HEALTHY },
        "hotter-than-peers",
        &["mount its heat sink anew"],
        &["cooler air", "fan", "governor", "limit"],
    ),
    (
        "warm air that ends at the limit",
        Node { air_c: 45.0, ..HEALTHY },
        "thermal-hard",
        &[
            "cooler air",
            "around it has 45 °C, that around its peers 24 °C",
            "as good as theirs",
            "voltage was high enough",
        ],
        &["anew", "fan", "governor", "not the room", "cable"],
    ),
    (
        "a fan that stops in the middle",
        Node { later: Some((4.0, 13.0)), ..HEALTHY },
        "thermal-hard",
        &["a fan that stopped", "own model of the time before"],
        &["anew", "cooler air", "governor", "cable", "below its limit"],
    ),
    (
        "a fan that stops in the middle and no limit reached",
        Node { resistance: 4.5, later: Some((3.5, 8.2)), ..HEALTHY },
        "cooling-changed",
        &["a fan that stopped"],
        &["anew", "cooler air", "governor", "limit"],
    ),
    (
        "low voltage",
        Node { low_voltage: true, ..HEALTHY },
        "under-voltage",
        &["cable", "That is why it runs at 600 MHz where its peers run at 1500 MHz"],
        &["governor", "Cool", "heat sink", "fan"],
    ),
    (
        "a clock that somebody limited",
        Node { limit_hz: 1.0e9, ..HEALTHY },
        "clock-limited",
        &["scaling_max_freq", "1000 MHz of 1500 MHz", "No throttle flag was set"],
        &["governor", "Cool", "cable", "heat sink"],
    ),
    (
        "time that a hypervisor takes",
        Node { stolen: 0.2, ..HEALTHY },
        "stolen-time",
        &["20 % of its time", "No throttle flag was set"],
        &["governor", "Cool", "cable"],
    ),
];

fn said(advice: &Advice) -> String {
    format!("{} {}", advice.evidence, advice.what_to_do)
}

#[test]
fn each_ill_gets_one_diagnosis_that_nothing_in_it_contradicts() {
    for (ill, node, finding, says, never) in CASES {
        for sink in [LIGHT, HEAVY] {
            let given = diagnosed(node, HEALTHY, sink);
            let hosts: Vec<&str> = given.iter().map(|advice| advice.host.as_str()).collect();
            assert_eq!(hosts, ["pi-4"], "{ill}, {sink:?}: {given:?}");
            assert_eq!(given[0].finding.as_str(), finding, "{ill}, {sink:?}: {given:?}");
            let text = said(&given[0]);
            for part in says {
                assert!(text.contains(part), "{ill}, {sink:?}: {part:?} is not in {text:?}");
            }
            for part in never {
                assert!(!text.contains(part), "{ill}, {sink:?}: {part:?} is in {text:?}");
            }
        }
    }
}

#[test]
fn a_fan_that_stopped_is_told_with_the_time() {
    let stops = Node { later: Some((4.0, 13.0)), ..HEALTHY };
    let text = said(&diagnosed(stops, HEALTHY, LIGHT)[0]);
    assert!(
        text.contains("blocked about 4 min") && text.contains("after the window's first sample"),
        "{text}"
    );
}

#[test]
fn something_that_runs_while_the_others_rest_is_found() {
    for sink in [LIGHT, HEAVY] {
        let given = diagnosed(Node { busy_at_rest: 0.3, ..HEALTHY }, HEALTHY, sink);
        assert_eq!(given.len(), 1, "{given:?}");
        assert_eq!(given[0].finding.as_str(), "background-load");
        assert!(said(&given[0]).contains("at rest it is 30 % busy, its peers 1 %"), "{given:?}");
    }
}

#[test]
fn a_healthy_cluster_gets_no_diagnosis_and_one_in_warm_air_is_told_of_the_air() {
    for sink in [LIGHT, HEAVY] {
        assert_eq!(diagnosed(HEALTHY, HEALTHY, sink), []);
        let warm = Node { air_c: 46.0, ..HEALTHY };
        let given = diagnosed(warm, warm, sink);
        assert_eq!(given.len(), 5, "{given:?}");
        for advice in given {
            let text = said(&advice);
            assert!(text.contains("has 46 °C, which no heat sink gets below"), "{text}");
            assert!(!text.contains("anew") && !text.contains("not the room"), "{text}");
        }
    }
}

//! A report that has something of everything: five Pi 4B for half an hour, three with meters, one whose
//! power is estimated, one without a meter whose flags cannot be read, a wall meter around them, one
//! HPL run with two results, and a name and a label that want to be markup, a formula and an escape
//! sequence.

mod runs;

use picollect_analysis::report::{
    Advice, Affordability, Alternative, Cluster, Cost, EnergyFigure, Episode, Format, MeanMax, Missing, Node,
    NodeTimeline, Outlier, Overhead, Reference, Report, SCHEMA, Screen, SourcePart, Span, SupplyAndFlash,
    Thermal, Timeline, written,
};
use picollect_evaluate::balance::What;
use picollect_evaluate::presence::Presence;
use picollect_evaluate::throttle::Cause;
use picollect_settings::time::rfc3339;
use picollect_telemetry::Boundary;
use picollect_telemetry::NoData;
use picollect_telemetry::Source;

pub(crate) use runs::{earlier_hpl, hpl, interrupted};

/// 2026-11-23T12:00:00Z.
const START_MS: i64 = 1_795_435_200_000;
const STEP_S: f64 = 30.0;
const STEPS: usize = 60;

/// A name as an attacker would choose it.
pub(crate) const HOSTILE: &str = "=<script>alert('x')</script>|\u{1b}[31m\"&\u{202e}";

/// A report as a format writes it, without colours.
pub(crate) fn in_format(report: &Report, format: Format) -> String {
    written(report, format, Screen::default()).expect("numbers that JSON knows")
}

pub(crate) fn sample() -> Report {
    Report {
        schema: SCHEMA,
        window: span(0, 1800),
        verdict: vec![
            "hpl did 353.7 MFLOPS/W over its core phase, measured at the wall.".into(),
            "pi-3 was throttled by heat and pi-2 by low voltage; pi-3 lost 5.1 % of its work.".into(),
            "One of five nodes has no meter and one is estimated, so their sum is not the whole.".into(),
        ],
        cluster: cluster(),
        overhead: Some(Overhead {
            boundary: Boundary::Wall,
            outer_w: 29.94,
            nodes_w: 24.61,
            overhead_w: 5.33,
            share: 0.178,
        }),
        nodes: nodes(),
        balance: vec![
            Outlier { host: "pi-3".into(), what: What::Hotter, value: 79.2, median: 64.3, z: 5.81 },
            Outlier { host: "pi-3".into(), what: What::Slower, value: 0.874, median: 1.0, z: -4.2 },
        ],
        advice: advice(),
        runs: vec![hpl(), interrupted()],
        between_runs: Some(EnergyFigure {
            energy_j: Some(23_600.0),
            mean_w: Some(21.85),
            peak_w: Some(36.1),
            ..measured(Boundary::Wall, 0.01)
        }),
        cost: Some(Cost {
            currency: "EUR".into(),
            energy_price: Some(0.004_49),
            price_coverage: Some(1.0),
            co2e_g: Some(5.21),
            co2e_coverage: Some(0.82),
        }),
        affordability: Some(affordability()),
        references: references(),
        timeline: timeline(),
    }
}

/// A stretch of the sample's window, in seconds from its beginning.
fn span(from_s: i64, to_s: i64) -> Span {
    Span { start: time(from_s), end: time(to_s), seconds: (to_s - from_s) as f64, resolution_s: None }
}

fn time(second: i64) -> String {
    rfc3339(START_MS + second * 1000)
}

/// A figure of a meter with this relative uncertainty, its numbers still to be filled in.
fn measured(boundary: Boundary, relative: f64) -> EnergyFigure {
    EnergyFigure {
        source: Some(Source::Measured),
        boundary: Some(boundary),
        coverage: Some(1.0),
        uncertainty_w: Some(30.0 * relative),
        ..EnergyFigure::default()
    }
}

fn cluster() -> Cluster {
    Cluster {
        nodes: 5,
        up: 4,
        late: 1,
        down: 0,
        energy: EnergyFigure {
            energy_j: Some(53_892.0),
            mean_w: Some(29.94),
            peak_w: Some(38.2),
            coverage: Some(0.9997),
            ..measured(Boundary::Wall, 0.01)
        },
        nodes_with_energy: 1,
        by_source: vec![SourcePart { source: Source::Measured, nodes: 1, energy_j: 53_892.0 }],
        other_boundaries: vec![EnergyFigure {
            source: Some(Source::Estimated),
            boundary: Some(Boundary::Node),
            coverage: Some(0.943),
            energy_j: Some(44_298.0),
            mean_w: Some(24.61),
            peak_w: Some(31.9),
            uncertainty_w: None,
            why_unknown: None,
        }],
    }
}

fn nodes() -> Vec<Node> {
    let metered = |mean_w: f64| EnergyFigure {
        energy_j: Some(mean_w * 1800.0),
        mean_w: Some(mean_w),
        peak_w: Some(mean_w * 1.32),
        uncertainty_w: Some(mean_w * 0.012),
        ..measured(Boundary::Node, 0.0)
    };
    let hot = Node {
        energy: EnergyFigure { coverage: Some(0.943), ..metered(6.31) },
        temp_c: MeanMax { mean: Some(73.4), max: Some(84.2) },
        episodes: Some(hot_episodes()),
        thermal: thermal(8.41, 79.9, -2.7, Some(-0.32), Some(412.0)),
        ..pi("pi-3", metered(6.31), Thermal::default())
    };
    let weak = Node {
        episodes: Some(vec![Episode {
            start: time(1200),
            end: time(1212),
            cause: Cause::UnderVoltage,
            peak_c: Some(63.1),
            lowest_hz: Some(6.0e8),
            lost_core_s: None,
            lost_share: None,
        }]),
        ..pi("pi-2", metered(6.12), thermal(5.93, 85.0, 15.4, Some(2.6), None))
    };
    let estimated = Node {
        meter: Some("model".into()),
        energy: EnergyFigure { source: Some(Source::Estimated), uncertainty_w: None, ..metered(5.9) },
        thermal: Thermal {
            unknown: Some("the fit explains 41 % of the variance, too little".into()),
            ..Thermal::default()
        },
        missing: vec![Missing { what: "power meter=ina219-41".into(), why: NoData::Absent, since: time(0) }],
        ..pi("pi-4", EnergyFigure::default(), Thermal::default())
    };
    vec![
        pi("pi-1", metered(6.27), thermal(5.71, 85.0, 19.9, Some(3.5), None)),
        weak,
        hot,
        estimated,
        silent(),
    ]
}

fn pi(host: &str, energy: EnergyFigure, thermal: Thermal) -> Node {
    Node {
        host: host.into(),
        model: Some("Raspberry Pi 4 Model B Rev 1.4".into()),
        serials: vec![format!("1000000{}", &host[3..])],
        boards_at_once: Some(1),
        simulated: false,
        state: Presence::Up,
        meter: Some("ina219-40".into()),
        energy,
        temp_c: MeanMax { mean: Some(58.1), max: Some(65.7) },
        busy_ratio: MeanMax { mean: Some(0.461), max: Some(1.0) },
        episodes: Some(Vec::new()),
        thermal,
        supply_and_flash: SupplyAndFlash::default(),
        missing: Vec::new(),
    }
}

/// A node of which little is known, under a name that is shared by two boards.
fn silent() -> Node {
    Node {
        host: "pi-5.rack-2.cluster.example.org".into(),
        serials: vec!["10000005".into(), "10000009".into()],
        boards_at_once: Some(2),
        state: Presence::Late,
        supply_and_flash: SupplyAndFlash {
            least_supply_v: Some(4.81),
            brown_out: Some(true),
            flash_used_ratio: Some(0.3),
            written_bytes_per_day: Some(2.1e9),
            flash_years_left: Some(3.42),
            flash_years_are_least: Some(true),
            flash_watched_days: Some(91.0),
            flash_pre_eol: Some(1.0),
        },
        temp_c: MeanMax { mean: Some(49.0), max: Some(52.1) },
        thermal: Thermal { unknown: Some("it has no power figure".into()), ..Thermal::default() },
        missing: vec![
            Missing { what: "throttle origin=firmware".into(), why: NoData::Denied, since: time(0) },
            Missing { what: "power".into(), why: NoData::Absent, since: time(0) },
        ],
        ..Node::default()
    }
}

fn hot_episodes() -> Vec<Episode> {
    let episode = |from, to, peak_c, lost_core_s: f64| Episode {
        start: time(from),
        end: time(to),
        cause: Cause::ThermalHard,
        peak_c: Some(peak_c),
        lowest_hz: Some(1.0e9),
        lost_core_s: Some(lost_core_s),
        lost_share: Some(lost_core_s / 7200.0),
    };
    vec![episode(540, 655, 83.1, 118.2), episode(690, 880, 84.2, 207.9), episode(1260, 1320, 81.9, 41.0)]
}

fn thermal(
    resistance: f64,
    limit_c: f64,
    headroom_k: f64,
    headroom_w: Option<f64>,
    reached_s: Option<f64>,
) -> Thermal {
    Thermal {
        unknown: None,
        resistance_k_per_w: Some(resistance),
        time_constant_s: Some(142.0),
        ambient_c: Some(22.8),
        r2: Some(0.981),
        limit_c: Some(limit_c),
        only_bounds: false,
        steady_state_c: Some(limit_c - headroom_k),
        headroom_k: Some(headroom_k),
        headroom_w,
        seconds_to_limit: reached_s,
    }
}

fn advice() -> Vec<Advice> {
    vec![
        Advice {
            host: "pi-2".into(),
            finding: "under-voltage".into(),
            what_to_do: "use a supply of 5.1 V and 3 A and a short, thick cable; see the voltage under load"
                .into(),
        },
        Advice {
            host: "pi-3".into(),
            finding: "thermal-hard, 15 K hotter than its peers at the same load".into(),
            what_to_do: "seat its heat sink again and look for a blocked fan".into(),
        },
    ]
}

fn affordability() -> Affordability {
    Affordability {
        currency: "EUR".into(),
        hardware_price: 612.0,
        years: 4.0,
        run: Some("hpl-2026-11-23".into()),
        gflops_per_currency: Some(0.020_2),
        year_price: Some(231.7),
        alternatives: vec![
            Alternative {
                name: "cloud, 4 cores of an Arm server".into(),
                gflops_per_currency: Some(0.031),
                year_price: Some(489.0),
                relative_year_price: Some(1.53),
            },
            Alternative {
                name: "used workstation".into(),
                year_price: Some(310.0),
                ..Alternative::default()
            },
        ],
    }
}

fn references() -> Vec<Reference> {
    let reference = |name: &str, year, source: &str, flops, flops_per_w| Reference {
        name: name.into(),
        year,
        source: source.into(),
        flops,
        flops_per_w,
    };
    vec![
        reference("Beowulf, 16 nodes", 1994, "Sterling et al., ICPP 1995", Some(6.0e7), None),
        reference("First Green500 leader", 2007, "Green500, November 2007", None, Some(3.5723e8)),
        reference("Green500 leader", 2025, "Green500, November 2025", None, Some(7.328e10)),
    ]
}

/// Half an hour: idle, load from 5 to 15 minutes, idle; one node unheard of for two minutes.
fn timeline() -> Timeline {
    let loaded = |step: usize| (10..30).contains(&step) || (38..46).contains(&step);
    let wave = |step: usize| f64::from(u8::try_from(step % 5).expect("small")) * 0.07;
    let node = |host: &str, idle: f64, load: f64, heat: f64, gap: bool| {
        let gone = |step: &usize| gap && (32..36).contains(step);
        let watts = |step: usize| (if loaded(step) { load } else { idle }) + wave(step);
        let mut temp = 44.0;
        let mut temps = Vec::new();
        for step in 0..STEPS {
            temp += 0.22 * (22.0 + heat * watts(step) - temp);
            temps.push((!gone(&step)).then_some((temp * 10.0_f64).round() / 10.0));
        }
        let watts = (0..STEPS).map(|step| (!gone(&step)).then(|| (watts(step) * 100.0).round() / 100.0));
        NodeTimeline { host: host.into(), watts: watts.collect(), temp_c: temps }
    };
    let unmetered = NodeTimeline {
        watts: vec![None; STEPS],
        ..node("pi-5.rack-2.cluster.example.org", 3.0, 3.6, 8.0, false)
    };
    Timeline {
        start_ms: START_MS,
        step_s: STEP_S,
        nodes: vec![
            node("pi-1", 3.1, 6.9, 5.7, false),
            node("pi-2", 3.0, 6.6, 6.0, false),
            node("pi-3", 3.2, 6.8, 8.9, true),
            node("pi-4", 2.9, 6.4, 6.2, false),
            unmetered,
        ],
        outer_w: (0..STEPS)
            .map(|step| (step != 50).then(|| if loaded(step) { 36.4 } else { 19.5 } + wave(step)))
            .collect(),
    }
}

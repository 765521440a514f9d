//! Every page and alarm on both glasses, as braille and as a picture, kept in `tests/golden/oled`.

use picollect_lcd::alarms::{Alarm, Cause, Turn};
use picollect_lcd::oled::curve::Curve;
use picollect_lcd::oled::pages::{Curves, draw};
use picollect_lcd::oled::{Light, OledSize, Picture, alarm};
use picollect_lcd::page::Page;
use picollect_lcd::pages::{
    CaseFacts, ClusterFacts, EfficiencyFacts, Facts, Figure, NetworkFacts, NodeFacts, Origin, RunFacts,
};
use picollect_lcd::template::Template;
use picollect_lcd::{pixels, png};

use crate::golden::{assert_files, assert_golden};

#[track_caller]
fn assert_scene(name: &str, draw: impl Fn(OledSize) -> Picture) {
    for size in OledSize::ALL {
        let picture = draw(size);
        let name = format!("oled/{name}-{}", size.name());
        assert_golden(&format!("{name}.txt"), pixels::braille(&picture).as_bytes());
        assert_golden(&format!("{name}.png"), &png::encode_glass(&picture).expect("a picture"));
    }
}

#[track_caller]
fn assert_page(name: &str, page: Page, facts: &Facts, curves: &Curves) {
    assert_scene(name, |size| draw(page, facts, curves, &[], size, 0));
}

/// Ten minutes of a load that comes and goes; unknown in between if `gap` says so.
fn curve(base: f64, swing: f64, gap: std::ops::Range<u64>) -> Curve {
    let (mut curve, mut watts) = (Curve::default(), base);
    for second in 0..=600_u64 {
        let point = second / 5;
        let target = if point % 60 > 22 { base + swing } else { base };
        let noise = ((second * 7919) % 101) as f64 / 101.0 - 0.5;
        watts += (target - watts) * 0.09 + noise * swing * 0.05;
        curve.push(second * 1000, (!gap.contains(&point)).then_some(watts));
    }
    curve
}

fn curves() -> Curves {
    Curves { node: curve(2.9, 2.6, 0..0), cluster: curve(17.0, 8.0, 0..0) }
}

fn measured(value: f64) -> Figure {
    Figure::new(Some(value), Origin::Measured)
}

fn usual() -> Facts {
    Facts {
        node: NodeFacts {
            name: "pi-3".into(),
            temp_c: Some(61.2),
            watts: Some(5.13),
            clock_hz: Some(1.4e9),
            busy: Some(0.98),
            throttled: Some(false),
            healthy: Some(true),
            ..NodeFacts::default()
        },
        network: NetworkFacts {
            name: "pi-3".into(),
            v4: Some([192, 168, 178, 103].into()),
            interface: Some("eth0".into()),
            collector: Some(true),
            ..NetworkFacts::default()
        },
        case: CaseFacts {
            minute: Some(21 * 60 + 4),
            ambient_c: Some(27.44),
            supply_volts: Some(5.068),
            ..CaseFacts::default()
        },
        efficiency: EfficiencyFacts {
            today: measured(0.34 * 3.6e6),
            watts: measured(23.4),
            last_run: measured(1.5e9),
        },
        cluster: ClusterFacts {
            name: Some("home".into()),
            up: Some(4),
            all: Some(5),
            watts: measured(23.4),
            hottest: Some(("pi-4".into(), 71.2)),
            ..ClusterFacts::default()
        },
        run: RunFacts {
            name: Some("hpl-5-nodes".into()),
            elapsed_s: Some(754),
            watts: measured(23.4),
            ..RunFacts::default()
        },
    }
}

fn of_origin(origin: Origin, partial: bool) -> Facts {
    let mut facts = usual();
    let figures = [
        &mut facts.cluster.watts,
        &mut facts.efficiency.today,
        &mut facts.efficiency.watts,
        &mut facts.run.watts,
    ];
    for figure in figures {
        (figure.origin, figure.partial) = (origin, partial);
    }
    facts.node.estimated = origin == Origin::Estimated;
    let simulated = origin == Origin::Simulated;
    (facts.node.simulated, facts.network.simulated, facts.case.simulated) = (simulated, simulated, simulated);
    if simulated {
        facts.node.name = "sim-2".into();
        facts.network.name = "sim-2".into();
        facts.cluster.hottest = Some(("sim-4".into(), 85.0));
        facts.run.name = Some("demo".into());
    }
    facts
}

const PAGES: [(&str, Page); 6] = Page::NAMES;

#[test]
fn every_page_measured_estimated_partial_simulated_and_unknown() {
    let unknown = Facts {
        node: NodeFacts { name: "pi-3".into(), ..NodeFacts::default() },
        network: NetworkFacts { name: "pi-3".into(), ..NetworkFacts::default() },
        ..Facts::default()
    };
    for (name, page) in PAGES {
        assert_page(name, page, &usual(), &curves());
        assert_page(&format!("{name}-simulated"), page, &of_origin(Origin::Simulated, false), &curves());
        assert_page(&format!("{name}-unknown"), page, &unknown, &Curves::default());
        if !matches!(page, Page::Network | Page::Case) {
            assert_page(&format!("{name}-estimated"), page, &of_origin(Origin::Estimated, false), &curves());
        }
    }
    assert_page("cluster-partial", Page::Cluster, &of_origin(Origin::Measured, true), &curves());
}

#[test]
fn the_widest_and_the_hottest() {
    let mut facts = of_origin(Origin::Estimated, true);
    facts.node.temp_c = Some(81.2);
    facts.node.throttled = Some(true);
    facts.node.clock_hz = Some(1.0e9);
    assert_page("node-throttled", Page::Node, &facts, &curves());
    facts.node.name = "raspberrypi-rack2-17".into();
    (facts.node.temp_c, facts.node.watts) = (Some(104.6), Some(12.34));
    assert_page("node-widest", Page::Node, &facts, &curves());
    facts.cluster = ClusterFacts {
        name: Some("rack".into()),
        up: Some(38),
        all: Some(40),
        watts: Figure { value: Some(312.4), ..facts.cluster.watts },
        hottest: Some(("rack2-17".into(), 79.4)),
        ..facts.cluster
    };
    let rack = Curves { cluster: curve(260.0, 70.0, 0..0), ..curves() };
    assert_page("cluster-forty-nodes", Page::Cluster, &facts, &rack);
    facts.efficiency.today.value = Some(34.3 * 3.6e6);
    assert_page("efficiency-widest", Page::Efficiency, &facts, &rack);
    facts.run.elapsed_s = Some(400_000);
    assert_page("run-days", Page::Run, &facts, &rack);
}

#[test]
fn an_address_of_version_6_and_a_collector_that_is_away() {
    let mut facts = usual();
    facts.network.collector = Some(false);
    assert_page("network-away", Page::Network, &facts, &curves());
    facts.network.v4 = None;
    facts.network.v6 = Some("2001:db8:85a3:8d3:1319:8a2e:370:7348".parse().expect("an address"));
    assert_page("network-v6", Page::Network, &facts, &curves());
}

#[test]
fn a_gap_in_the_curve_and_a_picture_that_is_shifted_and_dim() {
    let gap = Curves { node: curve(2.9, 2.6, 48..70), ..curves() };
    assert_page("node-gap", Page::Node, &usual(), &gap);
    assert_scene("node-shifted", |size| {
        let mut picture = draw(Page::Node, &usual(), &curves(), &[], size, -2);
        picture.light = Light::of(0.1);
        picture
    });
}

#[test]
fn a_page_from_the_configuration() {
    let rows = ["{name:9} {temp:>4}°C", "Lüfter→ {watts:>6}W", "{bar:10} {kwh}kWh"];
    assert_scene("custom", |size| {
        let template = Template::parse(&rows, size.letters()).expect("accepted");
        draw(Page::Custom(0), &usual(), &curves(), &[template], size, 0)
    });
}

#[test]
fn every_alarm_inverted() {
    let scenes = [
        ("node-down", Cause::NodeDown, "pi-3", "silent 12 s", 1),
        ("under-voltage", Cause::UnderVoltage, "pi-3", "4.58V", 1),
        ("under-voltage-unknown", Cause::UnderVoltage, "pi-3", "", 1),
        ("throttled", Cause::Throttled, "pi-3", "81.2°C", 1),
        ("no-collector", Cause::CollectorUnreachable, "pi-3", "", 1),
        ("sensor-lost", Cause::SensorLost, "pi-3", "INA226", 1),
        ("throttled-simulated", Cause::Throttled, "sim-4", "85.0°C", 12),
    ];
    for (name, cause, node, detail, of) in scenes {
        let raised =
            Alarm { cause, node: node.into(), simulated: node.starts_with("sim"), detail: detail.into() };
        let turn = Turn { alarm: &raised, number: of.min(2), of };
        assert_scene(&format!("alarm-{name}"), |size| {
            let mut picture = alarm(turn, size, 0);
            picture.light.inverted = true;
            picture
        });
    }
}

#[test]
fn every_golden_file_belongs_to_a_scene_and_is_small() {
    let scenes = 6 * 3 + 4 + 1 + 5 + 2 + 2 + 1 + 7;
    assert_files("oled", scenes * 2 * OledSize::ALL.len());
}

//! Every page and alarm on both panels, as text and as a picture, kept in `tests/golden`.

use std::path::{Path, PathBuf};
use std::{env, fs};

use picollect_lcd::alarms::{self, Alarm, Cause, Turn};
use picollect_lcd::page::{Page, draw};
use picollect_lcd::pages::{
    CaseFacts, ClusterFacts, EfficiencyFacts, Facts, Figure, NetworkFacts, NodeFacts, Origin, RunFacts,
};
use picollect_lcd::template::Template;
use picollect_lcd::{Backlight, Frame, Size, pixels, png};

const SIZES: [Size; 2] = [Size::SMALL, Size::LARGE];

/// `UPDATE_GOLDEN=1 cargo test` rewrites; a changed and a missing file both fail.
#[track_caller]
pub(crate) fn assert_golden(name: &str, got: &[u8]) {
    let path = golden(name);
    if env::var_os("UPDATE_GOLDEN").is_some() {
        return fs::write(&path, got).expect("golden file is writable");
    }
    let want = fs::read(&path).expect("no golden file; run with UPDATE_GOLDEN=1");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(got == want, "{name} differs\n--- want\n{}\n--- got\n{}", text(&want), text(got));
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// The text of a frame, its light, and the glyphs in its slots.
fn described(frame: &Frame) -> String {
    let mut text = frame.to_terminal();
    text += &format!("light {:?}, {} replaced\n", frame.backlight(), frame.replaced());
    for (slot, bitmap) in frame.glyphs().iter().enumerate() {
        for row in bitmap.iter().flatten() {
            text += &format!("slot {slot} {}\n", format!("{row:05b}").replace('0', ".").replace('1', "#"));
        }
    }
    text
}

#[track_caller]
fn assert_scene(name: &str, draw: impl Fn(Size) -> Frame) {
    for size in SIZES {
        let (frame, name) = (draw(size), format!("{name}-{}x{}", size.columns, size.rows));
        assert_eq!(frame.replaced(), 0, "{name}");
        assert_golden(&format!("{name}.txt"), described(&frame).as_bytes());
        assert_golden(&format!("{name}.png"), &png::encode(&frame).expect("a picture"));
    }
}

#[track_caller]
fn assert_page(name: &str, page: Page, facts: &Facts) {
    assert_scene(name, |size| draw(page, facts, &[], size));
}

fn usual() -> Facts {
    let measured = |value| Figure::new(Some(value), Origin::Measured);
    Facts {
        node: NodeFacts {
            name: "pi-3".into(),
            temp_c: Some(61.24),
            watts: Some(5.13),
            clock_hz: Some(1.5e9),
            busy: Some(0.58),
            throttled: Some(false),
            healthy: Some(true),
            ..NodeFacts::default()
        },
        network: NetworkFacts {
            name: "pi-3".into(),
            v4: Some([192, 168, 178, 103].into()),
            v6: Some("fd00:db8:85a3:8d3:1319:8a2e:370:7348".parse().expect("an address")),
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
            today: measured(1.234e6),
            watts: measured(31.2),
            last_run: measured(2.31e9),
        },
        cluster: ClusterFacts {
            name: Some("bramble".into()),
            simulated: false,
            up: Some(8),
            all: Some(8),
            watts: measured(31.24),
            hottest: Some(("pi-5".into(), 71.3)),
        },
        run: RunFacts {
            name: Some("hpl N=12000".into()),
            simulated: false,
            elapsed_s: Some(754),
            watts: measured(34.9),
        },
    }
}

/// What a simulated, throttled, estimated and half known cluster has to say.
fn doubtful() -> Facts {
    let figure = |value, origin| Figure { value: Some(value), origin, partial: true };
    Facts {
        node: NodeFacts {
            name: "sim-4".into(),
            simulated: true,
            temp_c: Some(81.24),
            estimated: true,
            clock_hz: Some(1.05e9),
            busy: Some(1.0),
            throttled: Some(true),
            ..usual().node
        },
        network: NetworkFacts {
            name: "raspberrypi-rack2-17".into(),
            simulated: true,
            v6: Some("fe80::ba27:ebff:fe12:3456".parse().expect("an address")),
            interface: Some("wlan0".into()),
            collector: Some(false),
            ..NetworkFacts::default()
        },
        case: CaseFacts { simulated: true, ambient_c: Some(31.0), ..CaseFacts::default() },
        efficiency: EfficiencyFacts {
            today: figure(123.4e6, Origin::Simulated),
            watts: figure(31.2, Origin::Estimated),
            last_run: Figure::default(),
        },
        cluster: ClusterFacts {
            simulated: true,
            up: Some(6),
            all: Some(8),
            watts: figure(24.1, Origin::Estimated),
            ..usual().cluster
        },
        run: RunFacts {
            name: Some("nightly-graph500-scale22".into()),
            simulated: true,
            elapsed_s: Some(400_000),
            watts: figure(34.9, Origin::Simulated),
        },
    }
}

#[test]
fn every_page_in_its_usual_state() {
    assert_page("node", Page::Node, &usual());
    assert_page("network", Page::Network, &usual());
    assert_page("case", Page::Case, &usual());
    assert_page("efficiency", Page::Efficiency, &usual());
    assert_page("cluster", Page::Cluster, &usual());
    assert_page("run", Page::Run, &usual());
}

#[test]
fn every_page_with_nothing_known() {
    let node = NodeFacts { name: "x86".into(), ..NodeFacts::default() };
    let network = NetworkFacts { name: "x86".into(), ..NetworkFacts::default() };
    let facts = Facts { node, network, ..Facts::default() };
    assert_page("node-unknown", Page::Node, &facts);
    assert_page("network-unknown", Page::Network, &facts);
    assert_page("case-unknown", Page::Case, &facts);
    assert_page("efficiency-unknown", Page::Efficiency, &facts);
    assert_page("cluster-unknown", Page::Cluster, &facts);
    assert_page("run-unknown", Page::Run, &facts);
}

#[test]
fn every_page_with_simulated_estimated_and_partial_figures() {
    assert_page("node-doubtful", Page::Node, &doubtful());
    assert_page("network-doubtful", Page::Network, &doubtful());
    assert_page("case-doubtful", Page::Case, &doubtful());
    assert_page("efficiency-doubtful", Page::Efficiency, &doubtful());
    assert_page("cluster-doubtful", Page::Cluster, &doubtful());
    assert_page("run-doubtful", Page::Run, &doubtful());
}

#[test]
fn a_long_address_alone_in_each_of_its_turns() {
    for turn in 0..3 {
        let network = NetworkFacts { v4: None, turn, ..usual().network };
        assert_page(&format!("network-v6-{turn}"), Page::Network, &Facts { network, ..usual() });
    }
}

#[test]
fn a_page_from_the_configuration() {
    let rows = ["{name:9} {temp:>4}°C", "Lüfter→ {watts:>6}W"];
    assert_scene("custom", |size| {
        let template = Template::parse(&rows, size).expect("accepted");
        let mut frame = draw(Page::Custom(0), &usual(), &[template], size);
        frame.set_backlight(Backlight::Dim);
        frame
    });
}

#[test]
fn every_alarm() {
    let scenes = [
        ("node-down", Cause::NodeDown, "silent 12 s"),
        ("under-voltage", Cause::UnderVoltage, "4.63V"),
        ("throttled", Cause::Throttled, "81.2°C"),
        ("no-collector", Cause::CollectorUnreachable, ""),
        ("sensor-lost", Cause::SensorLost, "INA226"),
    ];
    for (name, cause, detail) in scenes {
        let alarm = Alarm { cause, node: "pi-3".into(), simulated: false, detail: detail.into() };
        let turn = Turn { alarm: &alarm, number: 1, of: 1 };
        assert_scene(&format!("alarm-{name}"), |size| alarms::draw(turn, size));
    }
}

#[test]
fn one_of_several_alarms_of_a_simulated_node_in_the_dark_half_of_a_blink() {
    let (node, detail) = ("sim-4".into(), "85.0°C".into());
    let alarm = Alarm { cause: Cause::Throttled, node, simulated: true, detail };
    assert_scene("alarm-blink", |size| {
        let mut frame = alarms::draw(Turn { alarm: &alarm, number: 2, of: 12 }, size);
        frame.set_backlight(Backlight::Off);
        frame
    });
}

#[test]
fn a_panel_in_a_terminal() {
    let shown = SIZES.map(|size| pixels::half_blocks(&draw(Page::Node, &usual(), &[], size)));
    assert_golden("node-half-blocks.txt", shown.concat().as_bytes());
}

#[test]
fn every_golden_file_belongs_to_a_scene_and_is_small() {
    assert_files("", 28 * 2 * SIZES.len() + 1);
}

/// That a folder of golden files has so many, all of them small.
#[track_caller]
pub(crate) fn assert_files(folder: &str, count: usize) {
    if env::var_os("UPDATE_GOLDEN").is_some() {
        return;
    }
    let files = fs::read_dir(golden(folder)).expect("the directory").map(|entry| entry.expect("an entry"));
    let files = files.filter(|entry| entry.path().is_file());
    let sizes: Vec<_> = files.map(|file| (file.path(), file.metadata().expect("a file").len())).collect();
    assert_eq!(sizes.len(), count, "a scene was added or removed, but not its files");
    assert!(sizes.iter().all(|(_, bytes)| *bytes < 8_000), "{sizes:?}");
}

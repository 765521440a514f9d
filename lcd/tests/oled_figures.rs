//! What an OLED costs the bus, from the model; `docs/oled.md` is written here.

use std::fmt::Write as _;
use std::time::Duration;

use picollect_lcd::alarms::{Alarm, Cause, Turn};
use picollect_lcd::oled::display::{HEAL_PERIOD, OledDisplay, OledWiring};
use picollect_lcd::oled::model::OledModel;
use picollect_lcd::oled::pages::{Curves, draw};
use picollect_lcd::oled::{Controller, OledSize, Picture, WIDTH, alarm};
use picollect_lcd::page::Page;
use picollect_lcd::pages::{
    CaseFacts, ClusterFacts, EfficiencyFacts, Facts, Figure, NetworkFacts, NodeFacts, Origin, RunFacts,
};
use picollect_lcd::panel_model::{BusUse, SimulatedBus};
use picollect_lcd::screen::Screen as _;

use crate::figures::assert_page;

const ADDRESS: u8 = 0x3c;
const BUS_HZ: u32 = 100_000;
const TRACE_S: u64 = 300;
/// Address, band, column low, column high, each command with what says so, and what says that data follow.
const RUN_HEAD: u64 = 8;

/// Evenly spread over 0 to 1, the same in every run.
fn hash(n: u64) -> f64 {
    let mixed = (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed ^ (mixed >> 29)) >> 11) as f64 / (1u64 << 53) as f64
}

/// Around zero, mostly within the swing.
fn noise(n: u64, swing: f64) -> f64 {
    swing * (hash(n) + hash(n + 77_777) + hash(n + 555_555) - 1.5)
}

/// A node under steady load, and its cluster; each second is another.
fn facts(second: u64) -> Facts {
    let measured = |value: f64| Figure::new(Some(value), Origin::Measured);
    let watts = 5.1 + noise(second, 0.3);
    let all = 23.4 + noise(second + 10_000, 0.8);
    let temp_c = 61.0 + 3.0 * (second as f64 / 40.0).sin() + noise(second + 20_000, 0.4);
    Facts {
        node: NodeFacts {
            name: "pi-3".into(),
            temp_c: Some(temp_c),
            watts: Some(watts),
            clock_hz: Some(1.5e9),
            busy: Some((0.97 + noise(second + 30_000, 0.03)).min(1.0)),
            throttled: Some(false),
            healthy: Some(true),
            off_beat: second % 2 == 1,
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
            minute: u16::try_from(21 * 60 + second / 60).ok(),
            ambient_c: Some(27.4 + noise(second / 4, 0.1)),
            supply_volts: Some(5.06 + noise(second + 40_000, 0.02)),
            ..CaseFacts::default()
        },
        efficiency: EfficiencyFacts {
            today: measured(1.22e6 + all * second as f64),
            watts: measured(all),
            last_run: measured(1.5e9),
        },
        cluster: ClusterFacts {
            up: Some(4),
            all: Some(5),
            watts: measured(all),
            hottest: Some(("pi-4".into(), temp_c + 10.0)),
            ..ClusterFacts::default()
        },
        run: RunFacts {
            name: Some("hpl-5-nodes".into()),
            elapsed_s: Some(754 + second),
            watts: measured(all),
            ..RunFacts::default()
        },
    }
}

/// The page at each second of five minutes; the five before begin the curve.
fn trace(page: Page, size: OledSize) -> Vec<Picture> {
    let mut curves = Curves::default();
    let mut pictures = Vec::new();
    for second in 0..=2 * TRACE_S {
        let facts = facts(second);
        curves.node.push(second * 1000, facts.node.watts);
        curves.cluster.push(second * 1000, facts.cluster.watts.value);
        if second >= TRACE_S {
            pictures.push(draw(page, &facts, &curves, &[], size, 0));
        }
    }
    pictures
}

struct Ours {
    display: OledDisplay,
    bus: SimulatedBus<OledModel>,
    at: Duration,
}

impl Ours {
    fn new(controller: Controller, size: OledSize, first: &Picture) -> Self {
        let wiring = OledWiring { address: ADDRESS, bus_hz: BUS_HZ, controller, size };
        let model = OledModel::new(controller, size, BUS_HZ);
        let mut ours = Self {
            display: OledDisplay::new(wiring),
            bus: SimulatedBus::new(model, ADDRESS),
            at: Duration::ZERO,
        };
        ours.display.show(first);
        ours.bus.serve(&mut ours.display, Duration::from_secs(1));
        ours.at = ours.bus.panel.now();
        ours.bus.take_use();
        ours
    }

    /// What it costs to bring the next picture onto the glass, without what time brings: no time passes.
    fn refresh(&mut self, picture: &Picture) -> BusUse {
        self.display.show(picture);
        while !self.display.is_settled() {
            self.display.step(&mut self.bus, self.at).expect("no fault");
        }
        self.bus.take_use()
    }
}

/// The changed bytes, and the fewest with which page mode reaches them: a run costs its head, and what lies between two
/// runs is sent too where that is shorter.
fn least(before: &Picture, after: &Picture) -> (u64, u64) {
    let (mut changed, mut bytes) = (0, 0);
    for (one, other) in before.bands().iter().zip(after.bands()) {
        let columns: Vec<u64> = (0..WIDTH as u64)
            .zip(one.iter().zip(other))
            .filter(|(_, (a, b))| a != b)
            .map(|(x, _)| x)
            .collect();
        changed += columns.len() as u64;
        bytes += if columns.is_empty() { 0 } else { RUN_HEAD + 1 };
        bytes += columns.windows(2).map(|pair| (pair[1] - pair[0]).min(RUN_HEAD + 1)).sum::<u64>();
    }
    (changed, bytes)
}

fn on_the_bus(used: BusUse) -> u64 {
    used.bytes + used.addresses
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Mean, median, the value that 95 of 100 do not exceed, and the greatest.
fn spread(mut values: Vec<f64>) -> [f64; 4] {
    values.sort_by(f64::total_cmp);
    let at = |share: usize| values[(values.len() * share / 100).min(values.len() - 1)];
    [values.iter().sum::<f64>() / values.len() as f64, at(50), at(95), at(100)]
}

fn refreshes(size: OledSize) -> String {
    let mut page = format!(
        "\n## The usual refresh, {}\n\n| page | changed bytes | least possible | picollect | × the least | bus, mean | median | 95 of 100 | most | longest hold |\n|---|---|---|---|---|---|---|---|---|---|\n",
        size.name()
    );
    for (name, which) in Page::NAMES {
        let pictures = trace(which, size);
        let mut ours = Ours::new(Controller::Ssd1306, size, &pictures[0]);
        let used: Vec<BusUse> = pictures[1..].iter().map(|picture| ours.refresh(picture)).collect();
        assert!(ours.bus.panel.shows(&pictures[pictures.len() - 1]), "{name}");
        assert_eq!(ours.bus.panel.broken(), [], "{name}");
        let leasts: Vec<(u64, u64)> = pictures.windows(2).map(|pair| least(&pair[0], &pair[1])).collect();
        let mean = |sum: u64| sum as f64 / used.len() as f64;
        let changed = mean(leasts.iter().map(|(changed, _)| changed).sum());
        let least = mean(leasts.iter().map(|(_, bytes)| bytes).sum());
        let bytes = mean(used.iter().map(|used| on_the_bus(*used)).sum());
        let [mean_ms, median, most_of, most] = spread(used.iter().map(|used| ms(used.held)).collect());
        let longest = used.iter().map(|used| used.longest).max().unwrap();
        assert!(longest <= Duration::from_millis(5) && bytes <= 1.1 * least + 0.5, "{name} {bytes} {least}");
        writeln!(
            page,
            "| {name} | {changed:.1} | {least:.1} | {bytes:.1} | {:.3} | {mean_ms:.2} ms | {median:.2} ms | {most_of:.2} ms | {most:.2} ms | {:.2} ms |",
            bytes / least,
            ms(longest)
        )
        .unwrap();
    }
    page
}

/// A row for what is not usual: from one picture to another.
fn change(name: &str, size: OledSize, from: &Picture, to: &Picture) -> String {
    let mut ours = Ours::new(Controller::Ssd1306, size, from);
    let used = ours.refresh(to);
    let (_, least) = least(from, to);
    assert!(used.longest <= Duration::from_millis(5));
    let ratio =
        if least == 0 { "–".to_owned() } else { format!("{:.3}", on_the_bus(used) as f64 / least as f64) };
    format!(
        "| {name}, {} | {least} | {} | {ratio} | {} | {:.2} ms | {:.2} ms |\n",
        size.name(),
        on_the_bus(used),
        used.transactions,
        ms(used.held),
        ms(used.longest)
    )
}

fn changes() -> String {
    let mut page = String::from(CHANGES);
    for size in OledSize::ALL {
        let [node, cluster] = [Page::Node, Page::Cluster].map(|page| trace(page, size).swap_remove(9));
        page += &change("node to cluster", size, &node, &cluster);
        let raised =
            Alarm {
                cause: Cause::Throttled, node: "pi-3".into(), simulated: false, detail: "81.2°C".into()
            };
        let shown = alarm(Turn { alarm: &raised, number: 1, of: 1 }, size, 0);
        page += &change("node to an alarm, not yet inverted", size, &node, &shown);
        let mut inverted = shown.clone();
        inverted.light.inverted = true;
        page += &change("a blink", size, &shown, &inverted);
    }
    page
}

/// What healing costs, and how soon one that was pulled is back.
fn healing() -> String {
    let mut page = String::from("\n## Healing\n\n");
    for size in OledSize::ALL {
        let picture = trace(Page::Node, size).swap_remove(0);
        let mut ours = Ours::new(Controller::Sh1106, size, &picture);
        ours.bus.serve(&mut ours.display, 2 * HEAL_PERIOD);
        let used = ours.bus.take_use();
        let share = used.held.as_secs_f64() * 100.0 / (2 * HEAL_PERIOD).as_secs_f64();
        writeln!(
            page,
            "Setting up a glass of {} and writing all of it anew every {} s, a band at a time, and\nasking for its status every second takes {share:.2} % of the bus's time, at most {:.2} ms at once.\n",
            size.name(),
            HEAL_PERIOD.as_secs(),
            ms(used.longest)
        )
        .unwrap();
    }
    let back = (1..=20).map(|n| back_after(Duration::from_millis(n * 367))).max().unwrap();
    assert!(back <= Duration::from_secs(3), "{back:?}");
    page + &format!(
        "Pulled for 0.4 to 7.3 s and put back (20 cases), a glass showed its page {:.2} s later at most.\n",
        back.as_secs_f64()
    )
}

/// How long a glass that has been missing for this long takes to show its page again.
fn back_after(missing: Duration) -> Duration {
    let picture = trace_once();
    let mut ours = Ours::new(Controller::Ssd1306, OledSize::Tall, &picture);
    ours.bus.unplug();
    ours.bus.serve(&mut ours.display, missing);
    ours.bus.plug();
    let start = ours.bus.panel.now();
    while !ours.bus.panel.shows(&picture) {
        ours.bus.serve(&mut ours.display, Duration::from_millis(20));
    }
    ours.bus.panel.now().saturating_sub(start)
}

fn trace_once() -> Picture {
    draw(Page::Node, &facts(0), &Curves::default(), &[], OledSize::Tall, 0)
}

#[test]
fn the_page_of_an_oleds_figures_is_what_the_model_says() {
    let mut text = String::from(PAGE);
    for size in OledSize::ALL {
        text += &refreshes(size);
    }
    text += &changes();
    text += &healing();
    text += NOTES;
    assert_page("oled.md", &text);
}

const PAGE: &str = "\
# What an OLED costs the bus

Written by a test; this command reproduces every figure, and with `UPDATE_GOLDEN=1` before it writes
this page anew:

    cargo test -p picollect-lcd --test lcd oled_figures

![The node's page: 61 °C, 5.1 W, the curve of ten minutes, load 98 %][node]
![The cluster's page: 4 of 5 nodes up, 23.4 W, the hottest node][cluster]
![An alarm, inverted: throttled, 81 °C][alarm]

[node]: ../lcd/tests/golden/oled/node-128x64.png
[cluster]: ../lcd/tests/golden/oled/cluster-128x64.png
[alarm]: ../lcd/tests/golden/oled/alarm-throttled-128x64.png

Every page, alarm and doubt on either glass is a picture in `lcd/tests/golden/oled`.

The controllers are modelled at their registers (`lcd/src/oled/model.rs`), on a bus of 100 kHz,
where a byte takes 90 µs. Bytes are those on the bus, the addresses among them. What is counted is
five minutes of a node under steady load, its power, temperature and load with the noise of a meter,
one refresh a second; seconds in which nothing changes are counted too. The trace is made up: a
real one has other noise.

*Changed bytes* are those of the memory that are not what they were. *The least possible* reaches
them in the mode that both controllers have, where each run of bytes in a band costs eight for the
address and its place, and unchanged bytes between two runs are sent where that is shorter. The
difference to it are transactions that are cut so that none is longer than 5 ms. An SH1106 costs the
same.
";

const CHANGES: &str = "
## What is not usual

A whole picture of 128×64 is 109 ms in 24 pieces. A page that turns stands one column further, so
that nearly all of it is new.

| from what to what | least possible | picollect | × the least | transactions | bus | longest hold |
|---|---|---|---|---|---|---|
";

const NOTES: &str = "
A meter that converts every 69 ms misses none of its conversions while the pages turn every second,
on both controllers and both glasses (`node-agent/tests/panel_on_bus.rs`).
";

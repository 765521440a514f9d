//! The agent as it is shipped, on an emulated Raspberry Pi 3B with a stock kernel, against a real collector.
//! One boot carries all cases, each of which begins where the one before it ended; what is emulated and what is
//! not is told in docs/emulated-pi.md.

mod machine;

use picollect_evaluate::Window;
use picollect_evaluate::energy::{EnergyPoint, of_epochs};
use picollect_evaluate::series::Sample;
use picollect_lcd::{Backlight, Frame, Size, png};
use picollect_query::{energy_points, series_of};
use picollect_telemetry::catalogue::{
    DROPPED_LINES, JOULES, MEASURED_HZ, Metric, NODE_INFO, SAMPLES, TEMP, THROTTLED, UNDER_VOLTAGE,
};
use serde_json::Value;

use self::machine::{KEPT, Machine, eventually, note};
use crate::process::Collector;

const NODE: &str = "pi-3b";
const ALWAYS: Window = Window { start_ms: 0, end_ms: i64::MAX / 4 };
/// So much measured time is enough for a mean: a transfer on the emulated bus may take longer than a
/// conversion, and then the agent rightly has no reading.
const METERED_S: f64 = 2.0;
/// The chip's steps are 0.1 mA and 4 mV.
const TOLERANCE: f64 = 0.002;
/// So many of the Pi's seconds at most lie between an order and the point that is counted from, at both ends of a
/// stretch, and between the last point of a killed agent and the first reading of the next.
const UNCOUNTED_S: f64 = 3.0;
/// More than the panel's first write and less than a page.
const BROKEN_AFTER_BYTES: usize = 20;

struct Bench {
    collector: Collector,
    pi: Machine,
}

#[test]
fn an_emulated_pi_3b_does_all_that_a_node_does() {
    let collector = Collector::start();
    let pi = Machine::boot(collector.data());
    let mut bench = Bench { collector, pi };
    bench.the_board_is_recognised();
    bench.the_meter_is_found_and_the_panel_shows_the_node();
    bench.what_is_not_there_is_unknown();
    bench.joules_follow_the_supply();
    bench.a_brown_out_of_the_meter_costs_no_false_energy();
    bench.the_thermometer_is_read();
    bench.the_panel_is_unplugged_and_replugged();
    bench.a_write_to_the_panel_breaks_in_the_middle();
    bench.the_lamp_is_lit_by_an_alarm_and_the_buttons_pin_is_held();
    bench.the_collector_goes_down_and_comes_back();
    bench.a_killed_agent_begins_a_new_epoch();
    bench.what_it_costs_is_noted();
    bench.without_a_gateway_the_address_is_on_the_panel_all_the_same();
    bench.the_last_frame_is_kept();
    assert!(bench.pi.end(), "QEMU ends well");
}

impl Bench {
    fn the_board_is_recognised(&mut self) {
        let board = self.pi.wait("board", |_| true);
        assert_eq!(board["rppal"], "Ok((RaspberryPi3B, Bcm2837A1))");
        assert_eq!(board["i2c_bus"], 3, "buses 0 to 2 are the board's own");
        let port = self.collector.url.rsplit(':').next().expect("a port").to_owned();
        let token = std::fs::read_to_string(self.collector.token_file()).expect("a token");
        // Where QEMU's user-mode network has the host.
        self.pi.order(&format!("start http://10.0.2.2:{port} {}", token.trim()));
        eventually("the node says what it is", || !self.series(&NODE_INFO).is_empty());
        let store = self.collector.store();
        let info = series_of(&store, NODE, &NODE_INFO, ALWAYS, 0).expect("the store").remove(0);
        assert_eq!(info.key.tag("model"), Some("Raspberry Pi 3 Model B"));
    }

    fn the_meter_is_found_and_the_panel_shows_the_node(&mut self) {
        self.pi.agent_says("power meter=\"ina219-3-40\" source=measured");
        self.sees_the_node_page();
        let broken: Vec<_> = self.pi.all("panel").iter().map(|panel| panel["broken_rules"].clone()).collect();
        assert!(broken.iter().all(|rules| *rules == serde_json::json!([])), "{broken:?}");
    }

    /// The kernel is not Raspberry Pi's: there is no mailbox, and what only the firmware knows has no value.
    fn what_is_not_there_is_unknown(&mut self) {
        self.pi
            .agent_says("no firmware mailbox: real clock, core voltage and most throttle flags are unknown");
        assert!(self.series(&MEASURED_HZ).is_empty() && self.series(&THROTTLED).is_empty());
        let last = self.series(&UNDER_VOLTAGE).last().copied().expect("the kernel's alarm is known");
        assert_eq!(last.value, 0.0);
        assert_eq!(self.zone("cpu-thermal"), Some(25.178), "the emulated SoC's temperature");
    }

    fn joules_follow_the_supply(&mut self) {
        for (volts, amps) in [(5.1, 0.5), (5.0, 1.2), (4.8, 0.25)] {
            self.supply(volts, amps);
            let watts = self.mean_watts_from_now();
            assert!((watts / (volts * amps) - 1.0).abs() < TOLERANCE, "{watts} W of {volts} V · {amps} A");
        }
    }

    /// The chip is back at its reset state, which has other conversion times and an unread zero.
    fn a_brown_out_of_the_meter_costs_no_false_energy(&mut self) {
        self.pi.order("brown-out");
        self.pi.wait("brown-out", |_| true);
        let watts = self.mean_watts_from_now();
        assert!((watts / (4.8 * 0.25) - 1.0).abs() < TOLERANCE, "{watts} W");
    }

    fn the_thermometer_is_read(&mut self) {
        self.pi.heat(42_500);
        eventually("the air is warm", || self.zone("ambient") == Some(42.5));
        self.pi.heat(-5_000);
        eventually("the air is cold", || self.zone("ambient") == Some(-5.0));
    }

    fn the_panel_is_unplugged_and_replugged(&mut self) {
        self.pi.order("unplug");
        self.pi.wait("panel", |panel| panel["unplugged"] == true);
        self.pi.agent_says("the panel does not answer");
        self.pi.order("plug");
        self.pi.agent_says("the panel is back");
        self.sees_the_node_page();
    }

    fn a_write_to_the_panel_breaks_in_the_middle(&mut self) {
        self.pi.forget_log();
        self.pi.order(&format!("break {BROKEN_AFTER_BYTES}"));
        self.pi.agent_says("the panel does not answer");
        self.pi.agent_says("the panel is back");
        self.sees_the_node_page();
    }

    fn the_lamp_is_lit_by_an_alarm_and_the_buttons_pin_is_held(&mut self) {
        let pins = self.lamp(false);
        let button = pins["button"].as_str().expect("the kernel knows the pin");
        assert!(button.contains("RPPAL") && button.ends_with("IRQ"), "{button}");
        assert_eq!(pins["led_mode"], "Output");
        self.pi.order("alarm on");
        self.pi.wait("panel", |panel| row(panel, 0).contains("UNDER-VOLTAGE"));
        self.lamp(true);
        eventually("the collector knows", || {
            self.series(&UNDER_VOLTAGE).last().is_some_and(|s| s.value == 1.0)
        });
        self.pi.order("alarm off");
        self.lamp(false);
    }

    fn the_collector_goes_down_and_comes_back(&mut self) {
        self.collector.kill();
        self.pi.wait("panel", |panel| row(panel, 0).contains("NO COLLECTOR"));
        self.collector.restart();
        let before = self.series(&SAMPLES).len();
        eventually("the backlog arrives", || self.series(&SAMPLES).len() > before + 5);
        let numbers: Vec<f64> = self.series(&SAMPLES).iter().map(|sample| sample.value).collect();
        assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1.0), "no tick is missing: {numbers:?}");
        assert_eq!(self.series(&DROPPED_LINES).last().map(|dropped| dropped.value), Some(0.0));
    }

    /// Energy goes on from where it was: no joule is counted twice, and only those of the gap are missing.
    fn a_killed_agent_begins_a_new_epoch(&mut self) {
        self.supply(5.0, 1.0);
        let from = self.fresh_point();
        let exact_from = self.exact_joules();
        self.pi.order("kill");
        self.pi.wait("started", |_| true);
        eventually("a new epoch", || self.energy().last().is_some_and(|last| last.since_ms > from.since_ms));
        let watts = self.mean_watts_from_now();
        assert!((watts / 5.0 - 1.0).abs() < TOLERANCE, "{watts} W");
        let points = self.energy();
        let exact = self.exact_joules() - exact_from;
        let last = points.last().copied().expect("a point");
        let both = of_epochs(&points, Window { start_ms: from.t_ms, end_ms: last.t_ms }).expect("energy");
        note(&format!("# over both epochs {} J in {} s; exact {exact} J", both.joules, both.covered_s));
        let watts = both.mean_w().expect("seconds");
        assert!((watts / 5.0 - 1.0).abs() < TOLERANCE, "{watts} W over both epochs");
        assert!((both.joules - exact).abs() < 5.0 * UNCOUNTED_S, "{} J of {exact} J", both.joules);
        let mut epochs: Vec<i64> = points.iter().map(|point| point.since_ms).collect();
        epochs.dedup();
        assert_eq!(epochs.len(), 2, "{epochs:?}");
        let grows = |pair: &[EnergyPoint]| {
            pair[0].total <= pair[1].total && pair[0].metered_s <= pair[1].metered_s
                || pair[0].since_ms != pair[1].since_ms
        };
        assert!(points.windows(2).all(grows), "{points:?}");
    }

    /// The agent's and busybox' `top`'s share of a processor, side by side, for docs/emulated-pi.md.
    fn what_it_costs_is_noted(&mut self) {
        let samples = |bench: &Self| bench.series(&SAMPLES).last().map_or(0.0, |sample| sample.value);
        self.pi.order("usage");
        let (first, from) = (self.pi.wait("usage", |_| true), samples(self));
        eventually("ten more samples", || samples(self) >= from + 10.0);
        self.pi.order("usage");
        let last = self.pi.wait("usage", |_| true);
        let cpu_ms =
            |of: &str| last[of]["cpu_ms"].as_f64().zip(first[of]["cpu_ms"].as_f64()).map(|(b, a)| b - a);
        let seconds = last["up_s"].as_f64().zip(first["up_s"].as_f64()).map(|(b, a)| b - a);
        let rss = |of: &str| last[of]["rss_kib"].as_u64();
        note(&format!(
            "# in {seconds:?} s: agent {:?} ms, {:?} KiB; top {:?} ms, {:?} KiB",
            cpu_ms("agent"),
            rss("agent"),
            cpu_ms("top"),
            rss("top")
        ));
        assert!(rss("agent").is_some_and(|kib| kib < 16 * 1024), "{last}");
    }

    /// There is no gateway, so the way to everybody is none.
    fn without_a_gateway_the_address_is_on_the_panel_all_the_same(&mut self) {
        self.pi.has_seen("panel", |panel| {
            row(panel, 0).trim_end().ends_with("eth0") && row(panel, 1).trim_end() == "10.0.2.15"
        });
    }

    fn the_last_frame_is_kept(&mut self) {
        let panel = self.sees_the_node_page();
        let mut frame = Frame::blank(Size::SMALL);
        for line in 0..2 {
            frame.write(line, row(&panel, line));
        }
        frame.set_backlight(if panel["lit"] == true { Backlight::On } else { Backlight::Off });
        let picture = png::encode(&frame).expect("a picture");
        std::fs::write(format!("{KEPT}/emulated-pi.png"), picture).expect("cargo has made the folder");
    }

    /// Waits for the page with this node's name and power, with its light on and no cursor.
    fn sees_the_node_page(&mut self) -> Value {
        self.pi.wait("panel", |panel| {
            let right = row(panel, 0).contains(NODE) && row(panel, 1).contains('W');
            right && panel["lit"] == true && panel["cursor"] == false
        })
    }

    /// Asks for the pins until the lamp is on, or off.
    fn lamp(&mut self, on: bool) -> Value {
        let mut pins = Value::Null;
        eventually("the lamp is as it should be", || {
            self.pi.order("pins");
            pins = self.pi.wait("pins", |_| true);
            pins["led_high"] == on
        });
        pins
    }

    fn supply(&mut self, volts: f64, amps: f64) {
        self.pi.order(&format!("supply {volts} {amps}"));
        self.pi.wait("supply", |_| true);
    }

    /// What has flowed through the meter so far.
    fn exact_joules(&mut self) -> f64 {
        self.pi.order("energy");
        let energy = self.pi.wait("energy", |_| true);
        energy["exact_joules"].as_f64().expect("the meter is plugged in")
    }

    /// The first point of which all is from now on: a tick that began before this moment may yet arrive.
    fn fresh_point(&self) -> EnergyPoint {
        let before = self.energy().len();
        eventually("fresh points", || self.energy().len() > before + 2);
        self.energy().last().copied().expect("a point")
    }

    /// The mean power over what is metered from now on, without the conversion that is under way.
    fn mean_watts_from_now(&self) -> f64 {
        let from = self.fresh_point();
        let last = || self.energy().last().copied().expect("a point");
        eventually("enough is metered", || last().metered_s > from.metered_s + METERED_S);
        let last = last();
        assert_eq!(from.since_ms, last.since_ms, "one epoch");
        (last.total - from.total) / (last.metered_s - from.metered_s)
    }

    fn energy(&self) -> Vec<EnergyPoint> {
        let store = self.collector.store();
        let meters = series_of(&store, NODE, &JOULES, ALWAYS, 0).expect("the store");
        let meter = meters.iter().find(|meter| meter.key.tag("source") == Some("measured"));
        meter.map_or_else(Vec::new, |meter| energy_points(&store, meter, ALWAYS).expect("the store"))
    }

    /// The samples of the only series of a metric; none if there is no such series.
    fn series(&self, metric: &Metric) -> Vec<Sample> {
        let series = series_of(&self.collector.store(), NODE, metric, ALWAYS, 0).expect("the store");
        series.into_iter().next().map(|series| series.samples).unwrap_or_default()
    }

    /// The last temperature of a zone.
    fn zone(&self, name: &str) -> Option<f64> {
        let zones = series_of(&self.collector.store(), NODE, &TEMP, ALWAYS, 0).expect("the store");
        let zone = zones.into_iter().find(|zone| zone.key.tag("zone") == Some(name))?;
        zone.samples.last().map(|sample| sample.value)
    }
}

fn row(panel: &Value, line: usize) -> &str {
    panel["rows"][line].as_str().unwrap_or_default()
}

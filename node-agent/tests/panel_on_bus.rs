//! A meter and a panel on one bus: the meter misses nothing, and the panel is right whatever happens to it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use picollect_agent::config::lcd::{Connection, LcdSettings, oled_wiring};
use picollect_agent::lcd::PanelFeed;
use picollect_agent::lcd::face::{Face, Node};
use picollect_agent::lcd::frames::Frames;
use picollect_agent::lcd::panel::Panel;
use picollect_board::attr::Root;
use picollect_i2c_model::i2c_bus::{Faults, SimulatedBus};
use picollect_i2c_model::ina219_model::{Ina219Model, Supply};
use picollect_lcd::oled::display::OledWiring;
use picollect_lcd::oled::model::OledModel;
use picollect_lcd::oled::{Controller, OledSize};
use picollect_lcd::panel_model;
use picollect_metering::bus::{BusMeters, Guest, Open, attach, group};
use picollect_metering::energy::Integrator;
use picollect_metering::settings::MeterSettings;
use picollect_sensors::status::Status;

const METER: u8 = 0x40;
const PANEL: u8 = 0x27;
const SECOND: Duration = Duration::from_secs(1);
/// An INA219 that averages 128 samples of both voltages.
const CONVERSION: Duration = Duration::from_micros(129 * 532);

struct Bench {
    bus: SimulatedBus,
    thread: BusMeters,
    meter: Option<Arc<Mutex<Integrator>>>,
    feed: PanelFeed,
    next_sample: Duration,
}

#[derive(serde::Deserialize)]
struct File {
    #[serde(default)]
    meter: Vec<MeterSettings>,
    lcd: LcdSettings,
}

fn new_panel(settings: &LcdSettings) -> panel_model::Panel {
    let (_, wiring) = settings.on_bus().unwrap();
    panel_model::Panel::new(wiring.size, wiring.pins, wiring.bus_hz).with_oscillator_hz(190_000)
}

fn new_oled(wiring: OledWiring) -> OledModel {
    OledModel::new(wiring.controller, wiring.size, wiring.bus_hz)
}

impl Bench {
    fn new(text: &str) -> Self {
        let file: File = picollect_settings::parse(text, "agent.toml").unwrap();
        let bus = SimulatedBus::default();
        bus.plug_chip(METER, Ina219Model::new(Box::new(power), 0.1, bus.time.now()));
        match file.lcd.connection {
            Connection::Oled(_, wiring) => bus.plug_oled(wiring.address, new_oled(wiring)),
            _ => bus.plug_panel(PANEL, new_panel(&file.lcd)),
        }
        let open = || -> Open {
            let bus = bus.clone();
            Box::new(move || Ok(Box::new(bus.clone())))
        };
        let feed = PanelFeed::default();
        let root = Root::new("/nowhere");
        let (name, cluster) = ("pi-3".into(), "home".into());
        let node = Node { name, cluster, simulated: false, interval: SECOND, root };
        let face = Face::new(node, file.lcd.clone(), feed.clone());
        let mut threads = group(&file.meter, None, |_| open());
        let guest: Box<dyn Guest> = if let Connection::Oled(_, wiring) = file.lcd.connection {
            Box::new(Panel::oled(wiring, Frames::of_dots(face, None, Box::new(|| None))))
        } else {
            let (_, wiring) = file.lcd.on_bus().unwrap();
            Box::new(Panel::new(wiring, Frames::new(face, None, Box::new(|| None), None)))
        };
        attach(&mut threads, 1, guest, open);
        assert_eq!(threads.len(), 1, "one thread owns the bus");
        let thread = threads.remove(0);
        let meter = thread.meters().into_iter().map(|(_, meter)| meter).next();
        Self { bus, thread, meter, feed, next_sample: Duration::ZERO }
    }

    /// What the bus' thread and the sampler do, for so long.
    fn run(&mut self, time: Duration) {
        let (clock, end) = (self.bus.time.clone(), self.bus.time.now() + time);
        while clock.now() < end {
            if clock.now() >= self.next_sample {
                self.feed.sampled(clock.now(), &status(clock.now()));
                self.next_sample += SECOND;
            }
            self.thread.read_due(&|| clock.now());
            self.thread.serve_guest(&|| clock.now());
            let due = self.thread.next_due(clock.now());
            clock.pass_until(due.min(end).min(self.next_sample));
            // A thread never wakes up at once.
            clock.pass(Duration::from_micros(50));
        }
    }

    fn row(&self, row: usize) -> String {
        let codes = self.bus.with_panel(|panel| panel.cells()[row].clone()).unwrap();
        codes
            .into_iter()
            .map(|code| if (0x20..0x7e).contains(&code) { char::from(code) } else { '?' })
            .collect()
    }

    fn shows_the_node_page(&self) -> bool {
        self.bus.with_panel(|panel| panel.is_on()).unwrap()
            && self.row(0).contains("pi-3")
            && self.row(1).contains("GHz")
    }

    fn metered_s(&self) -> f64 {
        self.meter.as_ref().unwrap().lock().unwrap().take().unwrap().metered_s
    }
}

/// Every figure of the page changes all the time.
fn status(now: Duration) -> Status {
    let t = now.as_secs_f64();
    Status {
        temp_c: Some(48.3 + (t * 7.7) % 20.0),
        busy: Some((t * 0.37) % 1.0),
        clock_hz: Some(1e9 + (t * 1e8) % 8e8),
        watts: Some(2.0 + (t * 1.3) % 5.0),
        throttled: Some(false),
        ..Status::default()
    }
}

fn power(at: Duration) -> Supply {
    Supply { volts: 5.0, amps: 0.5 + at.as_secs_f64() % 1.0 }
}

const BOTH: &str = "[[meter]]\nchip = \"ina219\"\naddress = 0x40\n\n[lcd]\naddress = 0x27\nrotate = \"1s\"\n";
const NODE: &str =
    "[[meter]]\nchip = \"ina219\"\naddress = 0x40\n\n[lcd]\naddress = 0x27\npages = [\"node\"]\n";
const ALONE: &str = "[lcd]\naddress = 0x27\npages = [\"node\"]\n";

#[test]
fn the_meter_misses_no_conversion_while_pages_change_every_second() {
    for size in ["", "size = \"20x4\"\n"] {
        let mut bench = Bench::new(&format!("{BOTH}{size}"));
        bench.run(SECOND);
        let missed = |bench: &Bench| bench.bus.with_chip(METER, |chip| chip.missed_conversions()).unwrap();
        let before = missed(&bench);
        bench.run(600 * SECOND);
        assert_eq!(missed(&bench), before);
        assert!(bench.metered_s() > 601.0 - 3.0 * CONVERSION.as_secs_f64(), "only the first is not bridged");
        assert_eq!(bench.bus.with_panel(panel_model::Panel::violations).unwrap(), []);
    }
}

#[test]
fn the_meter_misses_no_conversion_while_an_oled_turns_its_pages_every_second() {
    for driver in ["ssd1306", "sh1106"] {
        for size in ["128x64", "128x32"] {
            let oled = format!("driver = \"{driver}\"\naddress = 0x3c\nsize = \"{size}\"\nrotate = \"1s\"\n");
            let mut bench =
                Bench::new(&format!("[[meter]]\nchip = \"ina219\"\naddress = 0x40\n\n[lcd]\n{oled}"));
            bench.run(SECOND);
            let missed =
                |bench: &Bench| bench.bus.with_chip(METER, |chip| chip.missed_conversions()).unwrap();
            let before = missed(&bench);
            bench.run(100 * SECOND);
            assert_eq!(missed(&bench), before, "{driver} {size}");
            assert!(bench.metered_s() > 101.0 - 3.0 * CONVERSION.as_secs_f64());
            let (on, lit, broken) =
                bench.bus.with_oled(|oled| (oled.is_on(), oled.seen().lit(), oled.broken())).unwrap();
            assert!(on && lit > 200, "{driver} {size}: {lit} dots");
            assert_eq!(broken, []);
        }
    }
}

#[test]
fn an_oled_that_was_pulled_is_back_within_three_seconds_and_costs_the_meter_nothing() {
    let text = "[[meter]]\nchip = \"ina219\"\naddress = 0x40\n\n[lcd]\ndriver = \"sh1106\"\naddress = 0x3c\n";
    let mut bench = Bench::new(text);
    let wiring = oled_wiring(0x3c, Controller::Sh1106, OledSize::Tall).unwrap();
    for away_ms in [30, 700, 20_000] {
        bench.run(5 * SECOND);
        bench.bus.unplug_oled();
        let before = bench.metered_s();
        bench.run(Duration::from_millis(away_ms));
        bench.bus.plug_oled(0x3c, new_oled(wiring));
        bench.run(3 * SECOND);
        assert!(bench.bus.with_oled(|oled| oled.is_on()).unwrap(), "after {away_ms} ms");
        let passed = Duration::from_millis(away_ms) + 3 * SECOND;
        assert!(bench.metered_s() - before > passed.as_secs_f64() - 0.15, "after {away_ms} ms");
    }
}

#[test]
fn the_panel_shows_the_node_page() {
    for text in [NODE, ALONE] {
        let mut bench = Bench::new(text);
        bench.run(2 * SECOND);
        assert!(bench.shows_the_node_page(), "{:?} {:?}", bench.row(0), bench.row(1));
        let only = bench.bus.writes().into_iter().all(|address| [METER, PANEL].contains(&address));
        assert!(only, "nobody else was written to");
    }
}

#[test]
fn an_unplugged_panel_costs_the_meter_nothing_and_is_back_within_three_seconds() {
    let mut bench = Bench::new(NODE);
    let settings = LcdSettings::at(PANEL).unwrap();
    for away_ms in [30, 700, 3_333, 20_000] {
        bench.run(5 * SECOND);
        bench.bus.unplug_panel();
        let before = bench.metered_s();
        bench.run(Duration::from_millis(away_ms));
        bench.bus.plug_panel(PANEL, new_panel(&settings));
        bench.run(3 * SECOND);
        assert!(bench.shows_the_node_page(), "after {away_ms} ms");
        let passed = Duration::from_millis(away_ms) + 3 * SECOND;
        assert!(bench.metered_s() - before > passed.as_secs_f64() - 0.15, "after {away_ms} ms");
    }
}

#[test]
fn a_fault_in_the_middle_of_a_frame_heals() {
    for after in 0..40 {
        let mut bench = Bench::new(NODE);
        bench.run(2 * SECOND);
        bench.bus.break_panel_write(after);
        bench.run(3 * SECOND);
        assert!(bench.shows_the_node_page(), "after byte {after}");
        assert!(bench.metered_s() > 4.8);
    }
}

#[test]
fn a_bus_that_was_held_is_served_again_and_the_meter_comes_first() {
    let mut bench = Bench::new(NODE);
    bench.run(2 * SECOND);
    let before = bench.metered_s();
    bench.bus.set_faults(Faults { stuck: true, ..Faults::default() });
    bench.run(10 * SECOND);
    bench.bus.set_faults(Faults::default());
    bench.run(5 * SECOND);
    assert!(bench.metered_s() > before + 1.0);
    bench.run(25 * SECOND);
    assert!(bench.shows_the_node_page());
}

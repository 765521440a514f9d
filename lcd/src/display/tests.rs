//! A display and a panel on a simulated bus.

mod any_sequence;

use super::*;
use crate::backpack::Levels;
use crate::panel_model::{Panel, SimulatedBus};

const ADDRESS: u8 = 0x27;

fn wiring(size: Size) -> Wiring {
    Wiring { address: ADDRESS, pins: PinMap::USUAL, bus_hz: 100_000, size }
}

struct Rig {
    wiring: Wiring,
    display: Display,
    bus: SimulatedBus,
}

impl Rig {
    fn new(wiring: Wiring) -> Self {
        let panel = Panel::new(wiring.size, wiring.pins, wiring.bus_hz).with_oscillator_hz(190_000);
        let mut rig = Self { wiring, display: Display::new(wiring), bus: SimulatedBus::new(panel, ADDRESS) };
        rig.bus.panel.wait(Duration::from_secs(1));
        rig
    }

    fn run(&mut self, time: Duration) -> usize {
        self.bus.serve(&mut self.display, time)
    }

    /// The controller takes an instruction that nobody sent.
    fn upset(&mut self, instruction: u8) {
        for nibble in [instruction >> 4, instruction & 0x0f] {
            let levels = Levels { rs: false, rw: false, e: true, backlight: true, nibble };
            self.bus.panel.disturb(self.wiring.pins.byte(levels));
        }
        self.bus.panel.wait(Duration::from_millis(3));
    }

    fn shows(&self, frame: &Frame) -> bool {
        self.bus.panel.shows(frame)
    }
}

fn frame(size: Size, text: &str) -> Frame {
    let rows = (0..size.rows).map(|row| format!("{row}{text:-<39}"));
    let mut codes: Vec<u8> = rows.flat_map(|row| row.into_bytes().into_iter().take(size.columns)).collect();
    codes[5] = 3;
    let mut dots = [None; 8];
    dots[3] = Some([0x15, 0x0a, 0x15, 0x0a, 0x15, 0x0a, 0x15, 0x0a]);
    Frame::of_codes(size, &codes, dots)
}

const MOMENT: Duration = Duration::from_millis(300);

#[test]
fn a_frame_is_shown_on_every_panel_and_backpack_and_at_every_bus_speed() {
    for (size, pins, bus_hz) in [
        (Size::SMALL, PinMap::USUAL, 100_000),
        (Size::LARGE, PinMap::MJKDZ, 100_000),
        (Size { columns: 40, rows: 2 }, PinMap::USUAL, 400_000),
        (Size { columns: 16, rows: 4 }, PinMap::USUAL, 10_000),
    ] {
        let mut rig = Rig::new(Wiring { address: ADDRESS, pins, bus_hz, size });
        let wanted = frame(size, "hello");
        rig.display.show(&wanted);
        rig.run(Duration::from_secs(2));
        assert!(rig.shows(&wanted) && rig.display.is_settled(), "{size:?}");
        assert_eq!(rig.bus.panel.violations(), [], "{size:?} {bus_hz} Hz");
        let six_bytes = Duration::from_secs(1) * (2 + 6 * 9) / bus_hz;
        assert!(
            rig.bus.take_use().longest <= six_bytes.max(Duration::from_millis(5)),
            "{size:?} {bus_hz} Hz"
        );
    }
}

#[test]
fn nothing_is_sent_before_there_is_something_to_show() {
    let mut rig = Rig::new(wiring(Size::SMALL));
    assert_eq!(rig.display.due(), None);
    rig.run(Duration::from_secs(30));
    assert_eq!(rig.bus.take_use().transactions, 0);
}

#[test]
fn no_transaction_holds_the_bus_longer_than_five_milliseconds() {
    let mut rig = Rig::new(wiring(Size::LARGE));
    for text in ["one", "two", "three"] {
        rig.display.show(&frame(Size::LARGE, text));
        rig.run(Duration::from_secs(12));
    }
    assert!(rig.bus.take_use().longest <= Duration::from_millis(5));
}

#[test]
fn healing_is_not_seen() {
    let mut rig = Rig::new(wiring(Size::LARGE));
    let wanted = frame(Size::LARGE, "steady");
    rig.display.show(&wanted);
    rig.run(MOMENT);
    rig.bus.take_use();
    while rig.bus.panel.now() < Duration::from_secs(30) {
        rig.run(Duration::from_micros(100));
        assert!(rig.shows(&wanted), "at {:?}", rig.bus.panel.now());
    }
    assert!(rig.bus.take_use().bytes > 2 * 80 * 4, "it has been painted anew");
    assert_eq!(rig.bus.panel.violations(), []);
}

#[test]
fn a_fault_at_any_byte_breaks_no_rule_and_is_healed_within_a_second() {
    for after in 0..54 {
        let mut rig = Rig::new(wiring(Size::SMALL));
        rig.display.show(&frame(Size::SMALL, "before"));
        rig.run(MOMENT);
        let wanted = frame(Size::SMALL, "and after that");
        rig.bus.fail_after(after);
        rig.display.show(&wanted);
        let failed = rig.run(Duration::from_secs(1));
        assert!(failed <= 1 && rig.shows(&wanted), "after byte {after}");
        let told: Vec<_> = rig.bus.panel.violations();
        assert!(told.iter().all(|told| told.rule == crate::panel_model::Rule::HalfByte), "{after}: {told:?}");
    }
}

#[test]
fn a_panel_that_was_unplugged_is_back_within_three_seconds_and_costs_little_meanwhile() {
    for missing_ms in [1, 30, 700, 2_000, 3_333, 60_000] {
        let mut rig = Rig::new(wiring(Size::SMALL));
        let wanted = frame(Size::SMALL, "static");
        rig.display.show(&wanted);
        rig.run(MOMENT);
        rig.bus.unplug();
        rig.bus.take_use();
        rig.run(Duration::from_millis(missing_ms));
        assert!(rig.bus.take_use().addresses <= 6 + missing_ms / 2_000, "{missing_ms} ms");
        rig.bus.plug();
        rig.run(Duration::from_secs(3));
        assert!(rig.shows(&wanted), "after {missing_ms} ms");
        assert_eq!(rig.bus.panel.violations(), [], "after {missing_ms} ms");
    }
}

#[test]
fn a_power_failure_that_no_transaction_saw_is_noticed_before_the_next_change_is_written() {
    let mut rig = Rig::new(wiring(Size::SMALL));
    rig.display.show(&frame(Size::SMALL, "before"));
    rig.run(MOMENT);
    rig.bus.panel.power_cycle();
    let wanted = frame(Size::SMALL, "after");
    rig.display.show(&wanted);
    rig.run(MOMENT);
    assert!(rig.shows(&wanted));
    assert_eq!(rig.bus.panel.violations(), []);
}

#[test]
fn the_backlight_alone_takes_one_byte() {
    let mut rig = Rig::new(wiring(Size::SMALL));
    let mut wanted = frame(Size::SMALL, "alarm");
    rig.display.show(&wanted);
    rig.run(MOMENT);
    rig.bus.take_use();
    wanted.set_backlight(Backlight::Off);
    rig.display.show(&wanted);
    rig.run(MOMENT);
    assert!(rig.shows(&wanted));
    assert_eq!(rig.bus.take_use().bytes, 2, "the check and the switching");
}

#[test]
fn a_disturbed_panel_is_right_again_after_the_heal_period() {
    let mut rig = Rig::new(wiring(Size::SMALL));
    let wanted = frame(Size::SMALL, "disturbed");
    rig.display.show(&wanted);
    rig.run(MOMENT);
    for levels in [0x10, 0x01, 0xf1] {
        rig.bus.panel.disturb(levels);
    }
    rig.run(HEAL_PERIOD + MOMENT);
    assert!(rig.shows(&wanted));
}

#[test]
fn a_panel_that_took_any_instruction_by_mistake_is_right_again_after_the_heal_period() {
    for instruction in 0..=u8::MAX {
        let mut rig = Rig::new(wiring(Size::SMALL));
        let wanted = frame(Size::SMALL, "upset");
        rig.display.show(&wanted);
        rig.run(MOMENT);
        rig.upset(instruction);
        rig.run(HEAL_PERIOD + MOMENT);
        assert!(rig.shows(&wanted), "{instruction:#04x}");
        assert!(rig.display.is_settled());
    }
}

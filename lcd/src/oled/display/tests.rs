//! An OLED's display and its model on a simulated bus.

use super::*;
use crate::oled::model::{Broken, OledModel};
use crate::panel_model::SimulatedBus;

const ADDRESS: u8 = 0x3c;
const SECOND: Duration = Duration::from_secs(1);

struct Rig {
    display: OledDisplay,
    bus: SimulatedBus<OledModel>,
}

impl Rig {
    fn new(controller: Controller, size: OledSize) -> Self {
        Self::of(OledModel::new(controller, size, 100_000), controller, size)
    }

    fn of(model: OledModel, controller: Controller, size: OledSize) -> Self {
        let wiring = OledWiring { address: ADDRESS, bus_hz: 100_000, controller, size };
        Self { display: OledDisplay::new(wiring), bus: SimulatedBus::new(model, ADDRESS) }
    }

    fn run(&mut self, time: Duration) -> usize {
        self.bus.serve(&mut self.display, time)
    }

    fn shows(&self, picture: &Picture) -> bool {
        self.bus.panel.shows(picture)
    }
}

fn picture(size: OledSize, seed: usize) -> Picture {
    let mut picture = Picture::blank(size);
    for y in 0..size.height() {
        for x in 0..WIDTH {
            picture.set(x, y, (x * 7 + y * 13 + seed * (x + 3 * y)) % 5 < 2);
        }
    }
    picture
}

#[test]
fn a_picture_is_shown_dot_by_dot_on_every_glass_and_breaks_no_rule() {
    for controller in Controller::ALL {
        for size in OledSize::ALL {
            let mut rig = Rig::new(controller, size);
            for seed in 0..4 {
                let picture = picture(size, seed);
                rig.display.show(&picture);
                assert_eq!(rig.run(SECOND / 2), 0);
                assert!(rig.shows(&picture) && rig.display.is_settled(), "{controller:?} {size:?} {seed}");
            }
            assert_eq!(rig.bus.panel.broken(), []);
            assert!(rig.bus.take_use().longest <= Duration::from_millis(5));
        }
    }
}

#[test]
fn the_glass_is_dark_until_its_first_picture_is_whole() {
    let mut rig = Rig::new(Controller::Ssd1306, OledSize::Tall);
    let picture = picture(OledSize::Tall, 1);
    rig.display.show(&picture);
    while !rig.bus.panel.is_on() {
        rig.run(Duration::from_millis(1));
        assert!(rig.bus.panel.now() < SECOND);
    }
    assert!(rig.shows(&picture));
}

#[test]
fn only_what_differs_travels_and_blinking_sends_no_picture() {
    let mut rig = Rig::new(Controller::Sh1106, OledSize::Tall);
    let mut picture = picture(OledSize::Tall, 1);
    rig.display.show(&picture);
    rig.run(SECOND);
    rig.bus.take_use();
    picture.set(100, 40, !picture.is_set(100, 40));
    rig.display.show(&picture);
    rig.run(Duration::from_millis(50));
    let used = rig.bus.take_use();
    assert_eq!((used.bytes, rig.shows(&picture)), (PIECE_HEAD as u64 + 1, true), "{used:?}");
    picture.light.inverted = true;
    rig.display.show(&picture);
    rig.run(Duration::from_millis(50));
    assert_eq!((rig.bus.take_use().bytes, rig.shows(&picture)), (2, true));
}

#[test]
fn a_glass_that_is_to_be_dark_is_dark_at_once_and_shines_with_the_right_picture() {
    let mut rig = Rig::new(Controller::Ssd1306, OledSize::Flat);
    rig.display.show(&picture(OledSize::Flat, 1));
    rig.run(SECOND);
    let mut dark = picture(OledSize::Flat, 2);
    dark.light = Light::of(0.0);
    rig.display.show(&dark);
    rig.run(Duration::from_millis(3));
    assert!(!rig.bus.panel.is_on());
    let bright = picture(OledSize::Flat, 3);
    rig.display.show(&bright);
    while !rig.bus.panel.is_on() {
        rig.run(Duration::from_millis(1));
    }
    assert!(rig.shows(&bright));
}

#[test]
fn one_that_was_pulled_and_put_back_is_right_within_three_seconds() {
    for controller in Controller::ALL {
        for away_ms in [20, 300, 1_500, 9_000] {
            let mut rig = Rig::new(controller, OledSize::Tall);
            let picture = picture(OledSize::Tall, 1);
            rig.display.show(&picture);
            rig.run(3 * SECOND);
            rig.bus.unplug();
            rig.run(Duration::from_millis(away_ms));
            rig.bus.plug();
            rig.run(3 * SECOND);
            assert!(rig.shows(&picture), "{controller:?} after {away_ms} ms");
        }
    }
}

#[test]
fn one_whose_status_says_nothing_is_right_after_a_short_loss_of_power_within_the_healing_and_is_not_reset_for_ever()
 {
    let model = OledModel::new(Controller::Ssd1306, OledSize::Tall, 100_000).without_status();
    let mut rig = Rig::of(model, Controller::Ssd1306, OledSize::Tall);
    let picture = picture(OledSize::Tall, 1);
    rig.display.show(&picture);
    rig.run(SECOND);
    rig.bus.take_use();
    rig.run(HEAL_PERIOD);
    let used = rig.bus.take_use();
    assert!(used.bytes < 1400, "{used:?}");
    rig.bus.panel.power_cycle();
    rig.run(2 * HEAL_PERIOD);
    assert!(rig.shows(&picture));
}

#[test]
fn a_fault_at_any_byte_heals() {
    for after in 0..60 {
        let mut rig = Rig::new(Controller::Sh1106, OledSize::Flat);
        rig.display.show(&picture(OledSize::Flat, 1));
        rig.run(SECOND);
        rig.bus.fail_after(after);
        let next = picture(OledSize::Flat, 2);
        rig.display.show(&next);
        rig.run(2 * SECOND);
        assert!(rig.shows(&next), "after byte {after}");
    }
}

#[test]
fn a_slow_bus_gets_shorter_writes_and_a_fast_one_longer() {
    for (bus_hz, most) in [(20_000, 9), (100_000, 54), (400_000, 221)] {
        let wiring =
            OledWiring { address: ADDRESS, bus_hz, controller: Controller::Ssd1306, size: OledSize::Tall };
        let display = OledDisplay::new(wiring);
        assert_eq!((display.longest(), display.longest_data()), (most, most - PIECE_HEAD));
    }
}

#[test]
fn the_model_notes_what_a_controller_does_not_know() {
    let mut model = OledModel::new(Controller::Sh1106, OledSize::Tall, 100_000);
    model.write(&[0x00, 0x8d, 0x2f, 0x81]);
    assert_eq!(model.broken(), [Broken::Unknown(0x8d), Broken::Unknown(0x2f), Broken::Argument(0x81)]);
    let mut model = OledModel::new(Controller::Ssd1306, OledSize::Flat, 100_000);
    model.write(&[0x00, 0xaf]);
    assert_eq!(model.broken(), [Broken::NoSupply, Broken::WrongGlass]);
}

/// The next number of a sequence that is the same in every run.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

#[test]
fn any_sequence_of_pictures_lights_faults_and_losses_of_power_ends_with_the_wanted_picture_within_two_healings()
 {
    for seed in 0..16_u64 {
        let mut state = seed;
        let controller = Controller::ALL[usize::from(seed % 2 == 1)];
        let size = OledSize::ALL[usize::from(seed % 4 > 1)];
        let model = OledModel::new(controller, size, 100_000);
        let model = if seed % 3 == 0 { model.without_status() } else { model };
        let mut rig = Rig::of(model, controller, size);
        let mut wanted = picture(size, 0);
        for _ in 0..12 {
            match next(&mut state) % 6 {
                0 => rig.bus.fail_after(usize::try_from(next(&mut state) % 60).unwrap()),
                1 => rig.bus.unplug(),
                2 => rig.bus.repair(),
                3 => rig.bus.panel.power_cycle(),
                4 => wanted.light = Light::of(f64::from(u32::try_from(next(&mut state) % 4).unwrap()) / 3.0),
                _ => wanted = picture(size, usize::try_from(next(&mut state) % 7).unwrap()),
            }
            rig.display.show(&wanted);
            rig.run(Duration::from_millis(next(&mut state) % 1_500));
        }
        rig.bus.repair();
        rig.run(2 * HEAL_PERIOD);
        assert!(rig.shows(&wanted), "seed {seed}, {controller:?} {size:?}");
        assert!(rig.bus.take_use().longest <= Duration::from_millis(5));
    }
}

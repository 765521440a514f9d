//! Whatever is shown, and whatever goes wrong meanwhile: once the bus works again, the panel shows the last frame
//! within one heal period, and no rule is broken from then on.
//!
//! A thousand cases; `PICOLLECT_LCD_CASES=100000` takes that many, which is worth `--release`.

use proptest::prelude::*;

use super::*;

/// Of a heal period: how long painting takes at most, and how long a panel takes to get ready.
const SETTLING: Duration = Duration::from_millis(300);

#[derive(Debug, Clone)]
enum Event {
    Show(Frame),
    Pass(Duration),
    /// A write fails after this many bytes.
    Fail(usize),
    Unplug,
    Plug,
    /// Power is lost for a moment that no transaction sees.
    PowerCycle,
    /// E pulses with these levels on the lines.
    Disturb(u8),
    /// The controller takes this instruction, which nobody sent.
    Upset(u8),
}

/// Few different codes and dots, so that frames have something in common.
fn any_frame(size: Size) -> impl Strategy<Value = Frame> {
    let code = prop_oneof![3 => 0..10u8, 5 => b'0'..b'4', 1 => any::<u8>()];
    let codes = prop::collection::vec(code, size.rows * size.columns);
    let glyphs = prop::array::uniform8(prop::option::of(prop::array::uniform8(0..3u8)));
    (codes, glyphs, any::<bool>()).prop_map(move |(codes, glyphs, backlight)| {
        let mut frame = Frame::of_codes(size, &codes, glyphs);
        frame.set_backlight(if backlight { Backlight::On } else { Backlight::Off });
        frame
    })
}

fn any_event(size: Size) -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => any_frame(size).prop_map(Event::Show),
        4 => (0..40_000u64).prop_map(|us| Event::Pass(Duration::from_micros(us))),
        1 => (0..12_000u64).prop_map(|ms| Event::Pass(Duration::from_millis(ms))),
        3 => (0..60usize).prop_map(Event::Fail),
        1 => Just(Event::Unplug),
        1 => Just(Event::Plug),
        1 => Just(Event::PowerCycle),
        1 => any::<u8>().prop_map(Event::Disturb),
        1 => any::<u8>().prop_map(Event::Upset),
    ]
}

fn any_case() -> impl Strategy<Value = (Wiring, Vec<Event>, Frame)> {
    let size = prop_oneof![Just(Size::SMALL), Just(Size::LARGE)];
    let pins = prop_oneof![Just(PinMap::USUAL), Just(PinMap::MJKDZ)];
    let bus_hz = prop_oneof![4 => Just(100_000), 1 => Just(400_000)];
    (size, pins, bus_hz).prop_flat_map(|(size, pins, bus_hz)| {
        let wiring = Wiring { address: ADDRESS, pins, bus_hz, size };
        (Just(wiring), prop::collection::vec(any_event(size), 0..24), any_frame(size))
    })
}

fn happen(rig: &mut Rig, event: Event) {
    match event {
        Event::Show(frame) => rig.display.show(&frame),
        Event::Pass(time) => drop(rig.run(time)),
        Event::Fail(after) => rig.bus.fail_after(after),
        Event::Unplug => rig.bus.unplug(),
        Event::Plug => rig.bus.plug(),
        Event::PowerCycle => rig.bus.panel.power_cycle(),
        Event::Disturb(levels) => rig.bus.panel.disturb(levels),
        Event::Upset(instruction) => rig.upset(instruction),
    }
}

fn cases() -> u32 {
    std::env::var("PICOLLECT_LCD_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(1000)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases()) })]

    #[test]
    fn any_sequence_ends_with_the_wanted_frame_within_one_heal_period((wiring, events, last) in any_case()) {
        let mut rig = Rig::new(wiring);
        for event in events {
            happen(&mut rig, event);
        }
        rig.bus.repair();
        rig.display.show(&last);
        let healed = HEAL_PERIOD + SETTLING;
        rig.run(healed);
        prop_assert!(rig.shows(&last), "{:?}", rig.bus.panel.cells());
        rig.bus.panel.violations();
        for backlight in [Backlight::On, Backlight::Off] {
            let mut next = Frame::blank(wiring.size);
            next.set_backlight(backlight);
            rig.display.show(&next);
            rig.run(SETTLING);
            prop_assert!(rig.shows(&next));
            rig.display.show(&last);
            rig.run(healed);
            prop_assert!(rig.shows(&last));
        }
        prop_assert_eq!(rig.bus.panel.violations(), []);
    }
}

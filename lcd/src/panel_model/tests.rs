//! The model is held against what the datasheets say, byte by byte.

use super::*;

const RS: u8 = 0x01;
const RW: u8 = 0x02;
const E: u8 = 0x04;
const LIGHT: u8 = 0x08;

fn panel() -> Panel {
    Panel::new(Size::SMALL, PinMap::USUAL, 100_000)
}

/// A nibble as it should be sent, after RS has been set.
fn nibble(value: u8, rs: u8) -> [u8; 2] {
    let low = value << 4 | rs | LIGHT;
    [low | E, low]
}

fn byte(value: u8, rs: u8) -> Vec<u8> {
    let set_up = rs | LIGHT;
    [vec![set_up], nibble(value >> 4, rs).into(), nibble(value & 0x0f, rs).into()].concat()
}

/// After the datasheet's initialising by instruction, ready for text.
fn initialised() -> Panel {
    let mut panel = panel();
    panel.wait(POWER_ON);
    panel.write(&[!E, LIGHT]);
    panel.write(&nibble(3, 0));
    panel.wait(Duration::from_micros(4100));
    panel.write(&nibble(3, 0));
    panel.wait(Duration::from_micros(100));
    panel.write(&nibble(3, 0));
    panel.write(&nibble(2, 0));
    panel.write(&[byte(0x28, 0), byte(0x0c, 0), byte(0x06, 0), byte(0x01, 0)].concat());
    panel.wait(Duration::from_micros(1520));
    assert_eq!(panel.violations(), []);
    panel
}

fn rules(panel: &mut Panel) -> Vec<Rule> {
    panel.violations().into_iter().map(|violation| violation.rule).collect()
}

#[test]
fn after_power_on_there_is_garbage_and_nothing_is_shown() {
    let panel = panel();
    assert!(!panel.is_on() && panel.backlight());
    assert_ne!(panel.cells(), vec![vec![b' '; 16]; 2]);
}

#[test]
fn the_datasheets_initialising_breaks_no_rule_and_text_is_shown_after_it() {
    let mut panel = initialised();
    panel.write(&[byte(b'O', RS), byte(b'K', RS)].concat());
    assert!(panel.is_on() && !panel.has_cursor());
    assert_eq!(panel.cells()[0][..3], *b"OK ");
    assert_eq!(panel.violations(), []);
}

#[test]
fn the_bytes_of_a_transaction_take_their_time() {
    let mut panel = panel();
    panel.write(&[0xff; 140]);
    assert_eq!(panel.now(), Duration::from_micros(10) * (1 + 141 * 9 + 1));
    assert_eq!(panel.read(), 0xff);
    assert_eq!(panel.now(), Duration::from_micros(10) * (1 + 141 * 9 + 1 + 20));
}

#[test]
fn an_instruction_too_early_is_told_and_lost() {
    let mut panel = initialised();
    panel.write(&[byte(0x01, 0), byte(b'X', RS)].concat());
    let told = rules(&mut panel);
    assert!(told.iter().all(|rule| matches!(rule, Rule::Busy(_))), "{told:?}");
    assert_eq!(told.len(), 2);
    assert_eq!(panel.cells()[0][0], b' ');
}

#[test]
fn a_fast_bus_has_to_wait_for_every_character() {
    let mut panel = Panel { bit_time: Duration::from_nanos(2500), ..initialised() };
    panel.write(&[nibble(4, RS), nibble(1, RS)].concat());
    panel.violations();
    panel.write(&[nibble(4, RS), nibble(1, RS), nibble(4, RS), nibble(2, RS)].concat());
    assert!(matches!(rules(&mut panel)[..], [Rule::Busy(_)]));
}

#[test]
fn a_slow_oscillator_makes_everything_slower() {
    let mut panel = initialised().with_oscillator_hz(190_000);
    panel.write(&byte(0x01, 0));
    panel.wait(Duration::from_micros(1530));
    panel.write(&byte(b'X', RS));
    assert!(matches!(rules(&mut panel)[..], [Rule::Busy(_), ..]));
}

#[test]
fn rs_has_to_stand_before_e_rises_and_until_it_has_fallen() {
    let mut panel = initialised();
    panel.write(&nibble(4, RS));
    assert_eq!(rules(&mut panel), [Rule::SetUp, Rule::HalfByte]);
    panel.write(&[0x10 | RS | LIGHT | E, 0x10 | LIGHT]);
    assert_eq!(rules(&mut panel), [Rule::Hold]);
    panel.write(&[RS | LIGHT, RS | E | LIGHT, E | LIGHT]);
    assert_eq!(rules(&mut panel), [Rule::SetUp]);
}

#[test]
fn a_nibble_that_goes_as_e_falls_is_told_and_one_that_comes_as_e_rises_is_not() {
    let mut panel = initialised();
    panel.write(&[LIGHT, 0x80 | LIGHT | E, LIGHT, LIGHT | E, LIGHT]);
    assert_eq!(rules(&mut panel), [Rule::Hold]);
}

#[test]
fn half_a_byte_is_told_and_turns_everything_after_it_into_something_else() {
    let mut panel = initialised();
    panel.write(&[vec![RS | LIGHT], nibble(4, RS).into()].concat());
    assert_eq!(rules(&mut panel), [Rule::HalfByte]);
    panel.write(&byte(b'A', RS));
    assert_eq!(panel.cells()[0][..1], *b"D");
    assert_eq!(rules(&mut panel), [Rule::HalfByte]);
    let mut panel = initialised().with_split_bytes();
    panel.write(&[vec![RS | LIGHT], nibble(4, RS).into()].concat());
    assert_eq!(panel.violations(), []);
}

#[test]
fn a_pulse_with_rw_high_writes_nothing() {
    let mut panel = initialised();
    let before = panel.cells();
    panel.write(&[RW | RS, RW | RS | E, RW | RS, RW | RS | E, RW | RS]);
    assert_eq!((panel.cells(), panel.violations()), (before, vec![]));
}

#[test]
fn a_power_cycle_forgets_everything() {
    let mut panel = initialised();
    panel.write(&byte(b'A', RS));
    panel.power_cycle();
    assert!(!panel.is_on());
    panel.write(&[!E, LIGHT]);
    panel.write(&nibble(3, 0));
    assert!(matches!(rules(&mut panel)[..], [Rule::Busy(_)]));
}

#[test]
fn a_disturbance_shifts_the_nibbles_without_breaking_a_rule() {
    let mut panel = initialised();
    panel.disturb(RS | LIGHT);
    panel.write(&byte(b'A', RS));
    assert_eq!(panel.cells()[0][0], 0x04);
    assert_eq!(rules(&mut panel), [Rule::HalfByte]);
}

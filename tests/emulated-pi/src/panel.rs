//! What is to be seen on the panel, as text.

use picollect_lcd::panel_model::Panel;
use picollect_lcd::{glyphs, rom_a00};
use serde_json::{Value, json};

/// Codes below this show what the feeder has drawn (HD44780U datasheet, table 4).
const FIRST_IN_ROM: u8 = 0x10;
/// Stands for a sign whose dots nobody here would draw: something went wrong.
const NO_SIGN: char = '\u{fffd}';

/// The rows of a panel, and whether its light is on. A panel that is off shows no rows.
pub(crate) fn seen(panel: &Panel) -> Value {
    let dots = panel.cgram();
    let character = |code: &u8| {
        if *code >= FIRST_IN_ROM {
            return rom_a00::character(*code).unwrap_or(NO_SIGN);
        }
        glyphs::with_dots(dots[usize::from(*code) % dots.len()]).map_or(NO_SIGN, |glyph| glyph.character)
    };
    let rows: Vec<String> = panel.cells().iter().map(|row| row.iter().map(character).collect()).collect();
    let rows = if panel.is_on() { rows } else { Vec::new() };
    json!({ "rows": rows, "lit": panel.backlight(), "cursor": panel.has_cursor() })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use picollect_lcd::backpack::PinMap;
    use picollect_lcd::display::{Display, Wiring};
    use picollect_lcd::panel_model::SimulatedBus;
    use picollect_lcd::{Frame, Size};

    use super::*;

    #[test]
    fn what_is_seen_is_what_was_shown_with_its_glyphs() {
        let wiring = Wiring { address: 0x27, size: Size::SMALL, pins: PinMap::USUAL, bus_hz: 100_000 };
        let mut bus = SimulatedBus::new(Panel::new(wiring.size, wiring.pins, wiring.bus_hz), wiring.address);
        assert_eq!(seen(&bus.panel)["rows"], json!([]));
        let mut frame = Frame::blank(Size::SMALL);
        frame.write(0, "pi 25.2°C ▋");
        let mut display = Display::new(wiring);
        display.show(&frame);
        bus.serve(&mut display, Duration::from_secs(1));
        assert_eq!(seen(&bus.panel)["rows"], json!(["pi 25.2°C ▋     ", "                "]));
        assert_eq!(seen(&bus.panel)["lit"], true);
    }
}

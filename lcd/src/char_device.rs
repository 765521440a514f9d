//! The bytes that bring a frame onto a panel of the kernel's: what is written into the character device of the
//! driver `charlcd` (usually /dev/lcd), which has the HD44780's instructions and its wiring to itself.
//!
//! Codes: drivers/auxdisplay/charlcd.c of Linux. ESC `[Lx…y…;` goes to a cell, ESC `[LG` with the slot and eight pairs of
//! hexadecimal digits draws a glyph, ESC `[L+` and `[L-` switch the light, and a byte that is no control character shows the
//! code that it is; codes 0 to 7 are the glyphs.
//!
//! Invariant: only cells and glyphs travel that are not as they should be, and nothing but the beginning clears.

use crate::display::contents::{Contents, Target};
use crate::rom_a00::{BLANK, Bitmap};
use crate::{Backlight, Frame, Size};

/// A line feed ends whatever escape sequence another program has left half written. Then the driver initialises the panel,
/// which clears it and shows a cursor that blinks; both are switched off.
const BEGINNING: &[u8] = b"\n\x1b[LI\x1b[Lc\x1b[Lb\x1b[H";
/// Below this, and from 8 on, the driver takes a byte for a control character. The ROM shows nothing there.
const FIRST_PRINTED: u8 = 0x20;
const GLYPHS: u8 = 8;

/// What was written so far, and so what comes next.
#[derive(Debug, Clone)]
pub struct Script {
    size: Size,
    known: Contents,
    begun: bool,
    light: Option<bool>,
}

impl Script {
    /// Nothing has been written yet.
    pub fn new(size: Size) -> Self {
        Self { size, known: Contents::unknown(), begun: false, light: None }
    }

    /// Nothing is certain any more, perhaps because the last bytes did not arrive: the next ones begin anew.
    pub fn restart(&mut self) {
        *self = Self::new(self.size);
    }

    /// All cells and glyphs travel again with the next frame, over what stands there.
    pub fn repaint(&mut self) {
        self.known = Contents::unknown();
    }

    /// What to write so that the panel shows this frame; empty where it does. It counts as written, so
    /// [`Script::restart`] is to be called if it was not.
    pub fn bytes(&mut self, frame: &Frame) -> Vec<u8> {
        let mut bytes = Vec::new();
        if !std::mem::replace(&mut self.begun, true) {
            bytes.extend(BEGINNING);
        }
        let target = Target::of(frame, self.size, &self.known, None);
        for (slot, dots) in self.known.wrong_glyphs(&target) {
            bytes.extend(drawing(slot, dots).into_bytes());
        }
        let mut here = None;
        for (row, column, code) in self.known.wrong_cells(&target, self.size) {
            if here != Some((row, column)) {
                bytes.extend(format!("\x1b[Lx{column}y{row};").into_bytes());
            }
            bytes.push(if (GLYPHS..FIRST_PRINTED).contains(&code) { BLANK } else { code });
            here = Some((row, column + 1));
        }
        self.known.apply(&self.known.edits(&target));
        bytes.extend(self.light(frame.backlight() != Backlight::Off));
        bytes
    }

    /// The driver acts only on a change of what it believes. Of a light that it has not switched for us it may believe either.
    fn light(&mut self, lit: bool) -> &'static [u8] {
        match (self.light.replace(lit), lit) {
            (None, true) => b"\x1b[L-\x1b[L+",
            (None, false) => b"\x1b[L+\x1b[L-",
            (Some(false), true) => b"\x1b[L+",
            (Some(true), false) => b"\x1b[L-",
            _ => b"",
        }
    }
}

fn drawing(slot: usize, dots: Bitmap) -> String {
    let rows: String = dots.iter().map(|row| format!("{row:02X}")).collect();
    format!("\x1b[LG{slot}{rows};")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::glyphs::SLOTS;
    use crate::panel_model::DrivenPanel;
    use proptest::prelude::*;

    fn text(rows: [&str; 2]) -> Frame {
        let mut frame = Frame::blank(Size::SMALL);
        frame.write(0, rows[0]);
        frame.write(1, rows[1]);
        frame
    }

    #[test]
    fn only_changed_cells_and_new_glyphs_travel() {
        let (mut script, mut panel) = (Script::new(Size::SMALL), DrivenPanel::new(Size::SMALL));
        let first = text(["pi-3 48.3°C 🌡", "1.5GHz ✓"]);
        panel.take(&script.bytes(&first));
        assert!(panel.shows(&first));
        assert_eq!(script.bytes(&first), b"");
        let second = text(["pi-3 49.1°C 🌡", "1.5GHz ✓"]);
        assert_eq!(script.bytes(&second), b"\x1b[Lx6y0;9\x1b[Lx8y0;1");
        let mut dark = second.clone();
        dark.set_backlight(Backlight::Off);
        assert_eq!(script.bytes(&dark), b"\x1b[L-");
        let warned = text(["pi-3 49.1°C ⚠", "1.5GHz ✓"]);
        let bytes = String::from_utf8(script.bytes(&warned)).unwrap();
        assert!(bytes.starts_with("\x1b[LG") && bytes.ends_with("\x1b[L+") && bytes.len() < 40, "{bytes:?}");
    }

    #[test]
    fn a_sequence_that_another_program_left_open_swallows_nothing() {
        for left in ["\x1b", "\x1b[", "\x1b[Lx", "\x1b[LG0123", "\x1b[LC\x1b[LB\x1b[L-", "\x1b[LL\x1b[Ld"] {
            let mut panel = DrivenPanel::new(Size::SMALL);
            panel.take(left.as_bytes());
            let frame = text(["pi-3", "✓"]);
            panel.take(&Script::new(Size::SMALL).bytes(&frame));
            assert!(panel.shows(&frame), "after {left:?}");
        }
    }

    #[test]
    fn a_panel_that_had_no_power_for_a_moment_is_right_after_a_restart() {
        let (mut script, mut panel) = (Script::new(Size::LARGE), DrivenPanel::new(Size::LARGE));
        let frame = Frame::blank(Size::LARGE);
        panel.take(&script.bytes(&frame));
        panel.power_cycle();
        assert!(!panel.shows(&frame));
        script.restart();
        panel.take(&script.bytes(&frame));
        assert!(panel.shows(&frame));
    }

    fn any_code() -> impl Strategy<Value = u8> {
        prop_oneof![0..GLYPHS, FIRST_PRINTED..=u8::MAX]
    }

    fn any_frame(size: Size) -> impl Strategy<Value = Frame> {
        let codes = prop::collection::vec(any_code(), size.rows * size.columns);
        let dots = prop::array::uniform8(prop::array::uniform8(0..32_u8));
        (codes, dots, any::<bool>()).prop_map(move |(codes, dots, lit)| {
            let used = |slot: usize| codes.iter().any(|code| usize::from(*code) == slot);
            let dots: [Option<Bitmap>; SLOTS] = std::array::from_fn(|slot| used(slot).then_some(dots[slot]));
            let mut frame = Frame::of_codes(size, &codes, dots);
            frame.set_backlight(if lit { Backlight::On } else { Backlight::Off });
            frame
        })
    }

    /// A frame, and what happens to the bytes that bring it: all arrive, so many of them, or all but after a repaint.
    #[derive(Debug, Clone)]
    enum Event {
        Arrives(Frame),
        Breaks(Frame, usize),
        Heals(Frame),
    }

    fn events(size: Size) -> impl Strategy<Value = Vec<Event>> {
        let event = prop_oneof![
            4 => any_frame(size).prop_map(Event::Arrives),
            1 => (any_frame(size), 0..400_usize).prop_map(|(frame, after)| Event::Breaks(frame, after)),
            1 => any_frame(size).prop_map(Event::Heals),
        ];
        prop::collection::vec(event, 1..12)
    }

    proptest! {
        #[test]
        fn any_sequence_of_frames_and_broken_writes_ends_with_the_last_frame(
            (size, events, last) in prop::sample::select(vec![Size::SMALL, Size::LARGE])
                .prop_flat_map(|size| (Just(size), events(size), any_frame(size))),
        ) {
            let (mut script, mut panel) = (Script::new(size), DrivenPanel::new(size));
            for event in events {
                match event {
                    Event::Arrives(frame) => {
                        panel.take(&script.bytes(&frame));
                        prop_assert!(panel.shows(&frame));
                    }
                    Event::Breaks(frame, after) => {
                        let bytes = script.bytes(&frame);
                        panel.take(&bytes[..after.min(bytes.len())]);
                        script.restart();
                    }
                    Event::Heals(frame) => {
                        script.repaint();
                        panel.take(&script.bytes(&frame));
                        prop_assert!(panel.shows(&frame));
                    }
                }
            }
            panel.take(&script.bytes(&last));
            prop_assert!(panel.shows(&last));
        }
    }
}

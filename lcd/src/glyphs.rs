//! The characters that the panel's ROM lacks, drawn for its eight glyph slots.
//!
//! A glyph is named by a Unicode character, so that any text may contain one; the frame that shows it gives
//! it a slot. Each has a *home*, the slot that it takes if that is free: two pages that show the same sign
//! then find it where it is, and nothing has to be uploaded when the page changes.
//!
//! Invariant: signs that stand on one page of ours have different homes.

use crate::rom_a00::Bitmap;

/// Glyph slots of an HD44780.
pub const SLOTS: usize = 8;

/// A sign that is not in the ROM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glyph {
    /// The character that stands for it in a text.
    pub character: char,
    /// What is shown where no slot is free.
    pub plain: char,
    /// The slot that it takes if that is free, 0 to 7.
    pub home: u8,
    /// Its eight rows of five dots, the uppermost first.
    pub bitmap: Bitmap,
}

/// The glyph of a character; `None` if none is drawn for it.
pub fn of(character: char) -> Option<&'static Glyph> {
    GLYPHS.iter().find(|glyph| glyph.character == character)
}

/// The glyph that has these dots; `None` if none is drawn like that.
pub fn with_dots(bitmap: Bitmap) -> Option<&'static Glyph> {
    GLYPHS.iter().find(|glyph| glyph.bitmap == bitmap)
}

/// A cell of a bar has five columns of dots, so it is filled by fifths: the signs for one to four of them.
/// Unicode has eighths only, these are the nearest. The full cell is in the ROM.
pub const FIFTHS: [char; 4] = ['▎', '▍', '▋', '▊'];
/// Sign of a thermometer, shown before a temperature.
pub const THERMOMETER: char = '🌡';
/// Before a state without any alarm.
pub const FINE: char = '✓';
/// Something is not: an exclamation mark on dark ground. A triangle of five dots looks like the thermometer.
pub const WARNING: char = '⚠';
/// Before a run in progress.
pub const RUNNING: char = '▶';

const fn drawn(character: char, plain: char, home: u8, bitmap: Bitmap) -> Glyph {
    Glyph { character, plain, home, bitmap }
}

/// Rows from the top, the leftmost dot first.
#[rustfmt::skip]
static GLYPHS: [Glyph; 18] = [
    drawn('▎', ' ', 0, [0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b10000]),
    drawn('▍', ' ', 1, [0b11000, 0b11000, 0b11000, 0b11000, 0b11000, 0b11000, 0b11000, 0b11000]),
    drawn('▋', '█', 2, [0b11100, 0b11100, 0b11100, 0b11100, 0b11100, 0b11100, 0b11100, 0b11100]),
    drawn('▊', '█', 3, [0b11110, 0b11110, 0b11110, 0b11110, 0b11110, 0b11110, 0b11110, 0b11110]),
    drawn('~', '?', 4, [0b00000, 0b00000, 0b01000, 0b10101, 0b00010, 0b00000, 0b00000, 0b00000]),
    drawn('🌡', 'T', 5, [0b00100, 0b01010, 0b01010, 0b01010, 0b01110, 0b11111, 0b11111, 0b01110]),
    drawn('✓', '+', 6, [0b00000, 0b00001, 0b00011, 0b10110, 0b11100, 0b01000, 0b00000, 0b00000]),
    drawn('⚠', '!', 7, [0b11111, 0b11011, 0b11011, 0b11011, 0b11011, 0b11111, 0b11011, 0b11111]),
    drawn('▶', '>', 7, [0b10000, 0b11000, 0b11100, 0b11110, 0b11100, 0b11000, 0b10000, 0b00000]),
    drawn('↑', '^', 5, [0b00100, 0b01110, 0b10101, 0b00100, 0b00100, 0b00100, 0b00000, 0b00000]),
    drawn('↓', 'v', 6, [0b00100, 0b00100, 0b00100, 0b10101, 0b01110, 0b00100, 0b00000, 0b00000]),
    drawn('Ä', 'A', 0, [0b01010, 0b00100, 0b01010, 0b10001, 0b11111, 0b10001, 0b10001, 0b00000]),
    drawn('Ö', 'O', 1, [0b01010, 0b01110, 0b10001, 0b10001, 0b10001, 0b10001, 0b01110, 0b00000]),
    drawn('Ü', 'U', 2, [0b01010, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b01110, 0b00000]),
    drawn('\\', '/', 3, [0b00000, 0b10000, 0b01000, 0b00100, 0b00010, 0b00001, 0b00000, 0b00000]),
    drawn('²', '2', 3, [0b01100, 0b10010, 0b00100, 0b01000, 0b11110, 0b00000, 0b00000, 0b00000]),
    drawn('é', 'e', 0, [0b00010, 0b00100, 0b01110, 0b10001, 0b11111, 0b10000, 0b01110, 0b00000]),
    drawn('è', 'e', 1, [0b01000, 0b00100, 0b01110, 0b10001, 0b11111, 0b10000, 0b01110, 0b00000]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rom_a00;

    #[test]
    fn every_glyph_is_needed_and_its_plain_form_is_in_the_rom() {
        for glyph in &GLYPHS {
            assert_eq!(rom_a00::code(glyph.character), None, "{}", glyph.character);
            assert!(rom_a00::code(glyph.plain).is_some() && usize::from(glyph.home) < SLOTS);
            assert!(glyph.bitmap.iter().all(|row| *row < 32), "{}", glyph.character);
        }
    }

    #[test]
    fn no_two_glyphs_have_the_same_name_and_none_looks_like_a_character_of_the_rom() {
        for (index, glyph) in GLYPHS.iter().enumerate() {
            let others = &GLYPHS[index + 1..];
            assert!(
                others.iter().all(|other| other.character != glyph.character && other.bitmap != glyph.bitmap)
            );
            assert!((0x20..=0xFF).all(|code| rom_a00::bitmap(code) != glyph.bitmap), "{}", glyph.character);
        }
    }
}

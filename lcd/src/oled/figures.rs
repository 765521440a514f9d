//! The large figures and the signs of OLED pages, all drawn for this program. The small letters are those of the
//! character panel ([`crate::rom_a00`], [`crate::glyphs`]).
//!
//! Figures have twelve rows and strokes of two dots; [`twice`](super::canvas::Scale::Twice) as large they have 24.

#![expect(clippy::unreadable_literal, reason = "a row of dots is a row of digits")]

/// Rows of bits, the leftmost dot in the highest of `width`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sign {
    pub(super) width: u8,
    pub(super) rows: &'static [u32],
}

/// The figure of a character; `None` if none is drawn for it.
pub(super) fn figure(character: char) -> Option<Sign> {
    let at = FIGURES.iter().find(|(drawn, _, _)| *drawn == character)?;
    Some(Sign { width: at.1, rows: &at.2 })
}

/// Beside the figures of an alarm.
pub(super) const WARNING: Sign = Sign { width: 14, rows: &WARNING_ROWS };
/// White on lit ground: what is shown is simulated, in whole or in part.
pub(super) const SIMULATED: Sign = Sign { width: 17, rows: &SIMULATED_ROWS };
/// The bulb of a thermometer; its tube is drawn above it.
pub(super) const BULB: Sign = Sign { width: 9, rows: &BULB_ROWS };

#[rustfmt::skip]
static WARNING_ROWS: [u32; 14] = [
    0b00000011000000,
    0b00000111100000,
    0b00000111100000,
    0b00001100110000,
    0b00001100110000,
    0b00011000011000,
    0b00011011011000,
    0b00110011001100,
    0b00110011001100,
    0b01100011000110,
    0b01100000000110,
    0b11000011000011,
    0b11111111111111,
    0b11111111111111,
];

#[rustfmt::skip]
static SIMULATED_ROWS: [u32; 7] = [
    0b11111111111111111,
    0b11000100010111011,
    0b11011110110010011,
    0b11000110110101011,
    0b11110110110111011,
    0b11000100010111011,
    0b11111111111111111,
];

#[rustfmt::skip]
static BULB_ROWS: [u32; 9] = [
    0b001111100,
    0b011111110,
    0b111111111,
    0b111111111,
    0b111111111,
    0b111111111,
    0b011111110,
    0b001111100,
    0b000000000,
];

#[rustfmt::skip]
static FIGURES: [(char, u8, [u32; 12]); 21] = [
    ('0', 7, [
        0b0111110, 0b1111111, 0b1100011, 0b1100011,
        0b1100011, 0b1100011, 0b1100011, 0b1100011,
        0b1100011, 0b1100011, 0b1111111, 0b0111110,
    ]),
    ('1', 7, [
        0b0001100, 0b0011100, 0b0111100, 0b0111100,
        0b0001100, 0b0001100, 0b0001100, 0b0001100,
        0b0001100, 0b0001100, 0b0111111, 0b0111111,
    ]),
    ('2', 7, [
        0b0111110, 0b1111111, 0b1100011, 0b0000011,
        0b0000011, 0b0000111, 0b0001110, 0b0011100,
        0b0111000, 0b1110000, 0b1111111, 0b1111111,
    ]),
    ('3', 7, [
        0b0111110, 0b1111111, 0b1100011, 0b0000011,
        0b0000011, 0b0011110, 0b0011110, 0b0000011,
        0b0000011, 0b1100011, 0b1111111, 0b0111110,
    ]),
    ('4', 7, [
        0b0000110, 0b0001110, 0b0001110, 0b0011110,
        0b0010110, 0b0110110, 0b0100110, 0b1100110,
        0b1111111, 0b1111111, 0b0000110, 0b0000110,
    ]),
    ('5', 7, [
        0b1111111, 0b1111111, 0b1100000, 0b1100000,
        0b1111110, 0b1111111, 0b0000011, 0b0000011,
        0b0000011, 0b1100011, 0b1111111, 0b0111110,
    ]),
    ('6', 7, [
        0b0111110, 0b1111111, 0b1100011, 0b1100000,
        0b1100000, 0b1111110, 0b1111111, 0b1100011,
        0b1100011, 0b1100011, 0b1111111, 0b0111110,
    ]),
    ('7', 7, [
        0b1111111, 0b1111111, 0b0000011, 0b0000011,
        0b0000110, 0b0000110, 0b0001100, 0b0001100,
        0b0001100, 0b0011000, 0b0011000, 0b0011000,
    ]),
    ('8', 7, [
        0b0111110, 0b1111111, 0b1100011, 0b1100011,
        0b1100011, 0b0111110, 0b0111110, 0b1100011,
        0b1100011, 0b1100011, 0b1111111, 0b0111110,
    ]),
    ('9', 7, [
        0b0111110, 0b1111111, 0b1100011, 0b1100011,
        0b1100011, 0b1111111, 0b0111111, 0b0000011,
        0b0000011, 0b1100011, 0b1111111, 0b0111110,
    ]),
    ('.', 2, [
        0b00, 0b00, 0b00, 0b00,
        0b00, 0b00, 0b00, 0b00,
        0b00, 0b00, 0b11, 0b11,
    ]),
    (':', 2, [
        0b00, 0b00, 0b00, 0b11,
        0b11, 0b00, 0b00, 0b11,
        0b11, 0b00, 0b00, 0b00,
    ]),
    ('-', 5, [
        0b00000, 0b00000, 0b00000, 0b00000,
        0b00000, 0b11111, 0b11111, 0b00000,
        0b00000, 0b00000, 0b00000, 0b00000,
    ]),
    ('/', 6, [
        0b000011, 0b000011, 0b000110, 0b000110,
        0b000110, 0b001100, 0b001100, 0b011000,
        0b011000, 0b011000, 0b110000, 0b110000,
    ]),
    ('~', 7, [
        0b0000000, 0b0000000, 0b0000000, 0b0000000,
        0b0110001, 0b1111011, 0b1101111, 0b1000110,
        0b0000000, 0b0000000, 0b0000000, 0b0000000,
    ]),
    ('>', 6, [
        0b000000, 0b000000, 0b110000, 0b111100,
        0b001111, 0b000011, 0b000011, 0b001111,
        0b111100, 0b110000, 0b000000, 0b000000,
    ]),
    ('°', 4, [
        0b0110, 0b1111, 0b1001, 0b1111,
        0b0110, 0b0000, 0b0000, 0b0000,
        0b0000, 0b0000, 0b0000, 0b0000,
    ]),
    ('W', 8, [
        0b11000011, 0b11000011, 0b11000011, 0b11000011,
        0b11000011, 0b11011011, 0b11011011, 0b11011011,
        0b11111111, 0b11111111, 0b01100110, 0b01100110,
    ]),
    ('V', 7, [
        0b1100011, 0b1100011, 0b1100011, 0b1100011,
        0b1100011, 0b1100011, 0b1100011, 0b0110110,
        0b0110110, 0b0110110, 0b0011100, 0b0011100,
    ]),
    ('C', 7, [
        0b0111110, 0b1111111, 0b1100011, 0b1100000,
        0b1100000, 0b1100000, 0b1100000, 0b1100000,
        0b1100000, 0b1100011, 0b1111111, 0b0111110,
    ]),
    (' ', 3, [
        0b000, 0b000, 0b000, 0b000,
        0b000, 0b000, 0b000, 0b000,
        0b000, 0b000, 0b000, 0b000,
    ]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_sign_is_wider_than_it_says_and_each_is_drawn_once() {
        let figures = FIGURES.iter().map(|(_, width, rows)| Sign { width: *width, rows });
        for sign in figures.chain([WARNING, SIMULATED, BULB]) {
            assert!(sign.rows.iter().all(|row| row >> sign.width == 0), "{sign:?}");
        }
        for (index, (character, _, _)) in FIGURES.iter().enumerate() {
            assert!(FIGURES[..index].iter().all(|(other, _, _)| other != character), "{character}");
        }
    }
}

//! How a backpack connects its PCF8574 to the panel's pins.
//!
//! Nearly every board uses [`PinMap::USUAL`]; boards marked MJKDZ use [`PinMap::MJKDZ`] (wirings as their users
//! measured them: <http://forum.arduino.cc/index.php?topic=142255>). Any other is configured pin by pin.

/// Which pin of the expander, 0 to 7, is wired to what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pins {
    /// Register select: high for data, low for instructions.
    pub rs: u8,
    /// Read, high, or write.
    pub rw: u8,
    /// Enable: the controller takes a nibble when it falls.
    pub e: u8,
    /// Which bit of the expander switches the backlight.
    pub backlight: u8,
    /// The data lines D4, D5, D6 and D7.
    pub data: [u8; 4],
    /// Whether the backlight is on when its pin is low.
    pub backlight_low: bool,
}

/// Why no panel can be wired like that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PinMapError {
    /// The expander has eight pins.
    #[error("the expander has no pin {0}: its pins are 0 to 7")]
    NoSuchPin(u8),
    /// One pin cannot be wired to two lines.
    #[error("pin {0} of the expander is named twice: each line of the panel has a pin of its own")]
    Twice(u8),
}

/// A wiring that is possible: eight pins, each used once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PinMap(Pins);

impl PinMap {
    /// The wiring of nearly every board: RS, RW, E and the backlight on P0 to P3, the data on P4 to P7.
    pub const USUAL: Self =
        Self(Pins { rs: 0, rw: 1, e: 2, backlight: 3, data: [4, 5, 6, 7], backlight_low: false });
    /// The wiring of boards marked MJKDZ: the data on P0 to P3, and the backlight is on when P7 is low.
    pub const MJKDZ: Self =
        Self(Pins { rs: 6, rw: 5, e: 4, backlight: 7, data: [0, 1, 2, 3], backlight_low: true });

    /// Any other wiring; refused when a pin does not exist or is named twice.
    pub fn new(pins: Pins) -> Result<Self, PinMapError> {
        let mut used = 0;
        for pin in [pins.rs, pins.rw, pins.e, pins.backlight].into_iter().chain(pins.data) {
            let mask = 1u8.checked_shl(pin.into()).ok_or(PinMapError::NoSuchPin(pin))?;
            if used & mask != 0 {
                return Err(PinMapError::Twice(pin));
            }
            used |= mask;
        }
        Ok(Self(pins))
    }

    /// Which bit of the expander is which pin of the panel.
    pub fn pins(self) -> Pins {
        self.0
    }

    /// The port's byte for these levels.
    pub(crate) fn byte(self, levels: Levels) -> u8 {
        let Pins { rs, rw, e, backlight, data, backlight_low } = self.0;
        let bit = |high: bool, pin: u8| u8::from(high) << pin;
        let nibble = (0..4).map(|line| bit(levels.nibble >> line & 1 == 1, data[line])).sum::<u8>();
        bit(levels.rs, rs)
            | bit(levels.rw, rw)
            | bit(levels.e, e)
            | bit(levels.backlight != backlight_low, backlight)
            | nibble
    }

    /// The levels that a port's byte stands for.
    pub(crate) fn levels(self, byte: u8) -> Levels {
        let Pins { rs, rw, e, backlight, data, backlight_low } = self.0;
        let high = |pin: u8| byte >> pin & 1 == 1;
        Levels {
            rs: high(rs),
            rw: high(rw),
            e: high(e),
            backlight: high(backlight) != backlight_low,
            nibble: (0..4).map(|line| u8::from(high(data[line])) << line).sum(),
        }
    }
}

/// What stands on the panel's lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one line of the panel")]
pub(crate) struct Levels {
    pub(crate) rs: bool,
    pub(crate) rw: bool,
    pub(crate) e: bool,
    /// Whether the backlight is on, whatever level that takes.
    pub(crate) backlight: bool,
    /// D7 to D4, D4 the lowest bit.
    pub(crate) nibble: u8,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_every_wiring_is_read_as_it_was_made() {
        let odd =
            PinMap::new(Pins { data: [7, 0, 3, 5], rs: 1, rw: 2, e: 4, backlight: 6, backlight_low: true });
        for pins in [PinMap::USUAL, PinMap::MJKDZ, odd.unwrap()] {
            assert_eq!(PinMap::new(pins.pins()), Ok(pins));
            assert!((0..=u8::MAX).all(|byte| pins.byte(pins.levels(byte)) == byte));
        }
    }

    #[test]
    fn the_usual_wiring_has_its_data_in_the_upper_half() {
        let levels = Levels { rs: true, rw: false, e: true, backlight: true, nibble: 0b1010 };
        assert_eq!(PinMap::USUAL.byte(levels), 0b1010_1101);
        assert_eq!(PinMap::MJKDZ.byte(levels), 0b0101_1010);
    }

    #[test]
    fn a_pin_that_is_not_there_or_named_twice_is_refused() {
        let usual = PinMap::USUAL.pins();
        assert_eq!(PinMap::new(Pins { e: 8, ..usual }), Err(PinMapError::NoSuchPin(8)));
        assert_eq!(PinMap::new(Pins { e: 7, ..usual }), Err(PinMapError::Twice(7)));
    }
}

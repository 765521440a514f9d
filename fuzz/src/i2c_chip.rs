//! Whatever bytes the chips on an I2C bus answer, a conversion is finite volts and amperes, or a reason.

use embedded_hal::i2c::{ErrorType, I2c, Operation};
use picollect_board::i2c::{BusError, EIO};
use picollect_metering::conversion::ChipReply;
use picollect_metering::power_chip::Chip;

/// Every read takes the next bytes of the input; where it ends, the bus fails.
struct Bytes<'a>(&'a [u8]);

impl ErrorType for Bytes<'_> {
    type Error = BusError;
}

impl I2c for Bytes<'_> {
    fn transaction(&mut self, _address: u8, operations: &mut [Operation<'_>]) -> Result<(), BusError> {
        for operation in operations {
            if let Operation::Read(into) = operation {
                let (bytes, rest) = self.0.split_at_checked(into.len()).ok_or(BusError::new(EIO))?;
                into.copy_from_slice(bytes);
                self.0 = rest;
            }
        }
        Ok(())
    }
}

/// Tries one input; panics if what is promised above does not hold.
pub fn run(input: &[u8]) {
    for chip in [Chip::Ina219, Chip::Ina226, Chip::Ina260, Chip::Ina3221] {
        let mut bus = Bytes(input);
        while let Ok(reply) = chip.read(&mut bus, 0x40) {
            let ChipReply::Ready(channels) = reply else { continue };
            for conversion in channels.into_iter().flatten() {
                let [volts, amps, drop] =
                    [conversion.bus_volts, conversion.amps(0.1), conversion.drop_volts()];
                assert!(volts.abs() <= 100.0, "{chip:?} {conversion:?}");
                assert!(amps.abs() < 100.0 && drop.abs() < 1.0, "{chip:?} {conversion:?}");
            }
        }
    }
}

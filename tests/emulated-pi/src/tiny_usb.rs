//! An i2c-tiny-usb, the USB adapter for I2C whose driver every kernel has: control requests in, transfers on a
//! bus out. The requests are those of the kernel's `drivers/i2c/busses/i2c-tiny-usb.c`.
//!
//! A transfer whose address nobody acknowledges is reported as such (`ENXIO`); any other failure stalls the
//! request, which the driver turns into `EIO`.

use embedded_hal::i2c::{Error as _, ErrorKind, I2c};

use crate::usbip::{Data, Stall, Transfer};

/// Who made it and what it is: the identity that the driver looks for.
const IDENTITY: [u8; 4] = [0x03, 0x04, 0x31, 0xc6];
/// `I2C_FUNC_I2C` and `I2C_FUNC_SMBUS_EMUL`: plain transfers, and the kernel makes SMBus of them.
const FUNCTIONS: u32 = 0x0eff_0001;

const STANDARD: u8 = 0;
const VENDOR: u8 = 2;
const GET_STATUS: u8 = 0;
const GET_DESCRIPTOR: u8 = 6;
const DEVICE: u16 = 1;
const CONFIGURATION: u16 = 2;

const GET_FUNCTIONS: u8 = 1;
const SET_DELAY: u8 = 2;
const GET_LAST_STATUS: u8 = 3;
/// The two bits above say whether the transfer begins and ends a transaction.
const TRANSFER: std::ops::RangeInclusive<u8> = 4..=7;
/// `I2C_M_RD`.
const READ: u16 = 1;

const ACKNOWLEDGED: u8 = 1;
const NOT_ACKNOWLEDGED: u8 = 2;

/// The adapter with its bus.
pub(crate) struct TinyUsb<B> {
    bus: B,
    last_status: u8,
}

impl<B: I2c> TinyUsb<B> {
    /// An adapter whose I2C pins lead to this bus.
    pub(crate) fn new(bus: B) -> Self {
        Self { bus, last_status: 0 }
    }

    /// Does what a transfer asks for and gives what the host is to read.
    pub(crate) fn control(&mut self, transfer: &Transfer) -> Result<Vec<u8>, Stall> {
        match (transfer.kind >> 5 & 0b11, transfer.request) {
            (STANDARD, GET_DESCRIPTOR) => descriptor(transfer.value >> 8),
            (STANDARD, GET_STATUS) => Ok(vec![0, 0]),
            // It has one configuration, one interface and nothing to choose.
            (STANDARD, _) | (VENDOR, SET_DELAY) => Ok(Vec::new()),
            (VENDOR, GET_FUNCTIONS) => Ok(FUNCTIONS.to_le_bytes().to_vec()),
            (VENDOR, GET_LAST_STATUS) => Ok(vec![self.last_status]),
            (VENDOR, request) if TRANSFER.contains(&request) => self.transfer(transfer),
            _ => Err(Stall),
        }
    }

    fn transfer(&mut self, transfer: &Transfer) -> Result<Vec<u8>, Stall> {
        let address = u8::try_from(transfer.index).map_err(|_| Stall)?;
        let (done, read) = match &transfer.data {
            Data::In(length) if transfer.value & READ != 0 => {
                let mut bytes = vec![0; *length];
                (self.bus.read(address, &mut bytes), bytes)
            }
            Data::Out(bytes) => (self.bus.write(address, bytes), Vec::new()),
            // A probe for an address that reads no byte.
            Data::In(_) => (self.bus.write(address, &[]), Vec::new()),
        };
        match done.map_err(|error| error.kind()) {
            Ok(()) => self.last_status = ACKNOWLEDGED,
            Err(ErrorKind::NoAcknowledge(_)) => self.last_status = NOT_ACKNOWLEDGED,
            Err(_) => return Err(Stall),
        }
        Ok(read)
    }
}

/// USB 2.0, chapter 9.6: a device of one vendor-specific interface with no endpoint but the control pipe.
fn descriptor(kind: u16) -> Result<Vec<u8>, Stall> {
    let [vendor_low, vendor_high, product_low, product_high] = IDENTITY;
    match kind {
        DEVICE => Ok(vec![
            18,
            1,
            0x10,
            0x01,
            0xff,
            0,
            0,
            8,
            vendor_low,
            vendor_high,
            product_low,
            product_high,
            0x05,
            0x02,
            0,
            0,
            0,
            1,
        ]),
        CONFIGURATION => Ok(vec![9, 2, 18, 0, 1, 1, 0, 0x80, 50, 9, 4, 0, 0, 0, 0xff, 0, 0, 0]),
        _ => Err(Stall),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use picollect_i2c_model::i2c_bus::{Faults, SimulatedBus};
    use picollect_i2c_model::ina219_model::Supply;

    use super::*;

    const METER: u16 = 0x40;

    fn adapter() -> (SimulatedBus, TinyUsb<SimulatedBus>) {
        let bus = SimulatedBus::default();
        bus.plug(0x40, Box::new(|_| Supply { volts: 5.0, amps: 1.0 }), 0.1);
        (bus.clone(), TinyUsb::new(bus))
    }

    fn vendor(request: u8, value: u16, index: u16, data: Data) -> Transfer {
        Transfer { kind: 0xc1, request, value, index, data }
    }

    #[test]
    fn a_register_is_named_in_one_transfer_and_read_in_the_next() {
        let (bus, mut adapter) = adapter();
        bus.time.pass(Duration::from_secs(1));
        assert_eq!(adapter.control(&vendor(5, 0, METER, Data::Out(vec![2]))), Ok(Vec::new()));
        // Ready, and 5 V in steps of 4 mV.
        assert_eq!(adapter.control(&vendor(6, READ, METER, Data::In(2))), Ok(vec![0x27, 0x12]));
        assert_eq!(adapter.control(&vendor(3, 0, 0, Data::In(1))), Ok(vec![ACKNOWLEDGED]));
    }

    #[test]
    fn nobody_at_an_address_is_a_status_and_a_broken_bus_a_stall() {
        let (bus, mut adapter) = adapter();
        assert_eq!(adapter.control(&vendor(7, READ, 0x50, Data::In(1))), Ok(vec![0]));
        assert_eq!(adapter.control(&vendor(3, 0, 0, Data::In(1))), Ok(vec![NOT_ACKNOWLEDGED]));
        bus.set_faults(Faults { stuck: true, ..Faults::default() });
        assert_eq!(adapter.control(&vendor(7, 0, METER, Data::Out(vec![2]))), Err(Stall));
    }

    #[test]
    fn it_says_who_it_is_and_stalls_at_what_it_does_not_know() {
        let (_, mut adapter) = adapter();
        let ask = |value| Transfer { kind: 0x80, request: 6, value, index: 0, data: Data::In(64) };
        let device = adapter.control(&ask(DEVICE << 8)).unwrap();
        assert_eq!((device.len(), &device[8..12]), (18, &IDENTITY[..]));
        assert_eq!(adapter.control(&ask(3 << 8)), Err(Stall));
        assert_eq!(adapter.control(&vendor(99, 0, 0, Data::In(1))), Err(Stall));
    }
}

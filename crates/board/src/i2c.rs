//! I2C buses behind embedded-hal: `rppal` on a Raspberry Pi, `linux-embedded-hal` elsewhere. Both speak to
//! the kernel's i2c-dev (<https://docs.kernel.org/i2c/dev-interface.html>).
//!
//! Invariant: scanning only reads. An address that nobody configured is never written to: it may be a
//! relay board.

use std::fmt;
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use embedded_hal::i2c::{self, ErrorKind, I2c, NoAcknowledgeSource, Operation};
use linux_embedded_hal::I2cdev;
use linux_embedded_hal::i2cdev::linux::LinuxI2CError;
use picollect_telemetry::NoData;

use crate::attr::Root;

/// Where power monitors answer.
pub const POWER_MONITORS: RangeInclusive<u8> = 0x40..=0x4f;
/// Where the backpacks of panels answer: PCF8574 and PCF8574A.
pub const BACKPACKS: [RangeInclusive<u8>; 2] = [0x20..=0x27, 0x38..=0x3f];

// Linux' error numbers (<https://docs.kernel.org/i2c/fault-codes.html>).
const EPERM: i32 = 1;
const ENOENT: i32 = 2;
/// Input or output failed: a lost arbitration, a bus that is held.
pub const EIO: i32 = 5;
/// No such device or address: the address was not acknowledged.
pub const ENXIO: i32 = 6;
const EACCES: i32 = 13;
/// Busy: a driver of the kernel owns the address.
pub const EBUSY: i32 = 16;
const ENODEV: i32 = 19;
/// Timed out: somebody holds the clock line.
pub const ETIMEDOUT: i32 = 110;
/// Remote I/O error: what the Pi's own controller says for "not acknowledged".
pub const EREMOTEIO: i32 = 121;

/// A transfer failed; keeps what the kernel said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BusError {
    /// The error number; `None` where the request never reached the kernel.
    pub errno: Option<i32>,
}

impl BusError {
    /// With this error number.
    pub const fn new(errno: i32) -> Self {
        Self { errno: Some(errno) }
    }

    /// What the collector is told.
    pub fn no_data(self) -> NoData {
        match self.errno {
            Some(EREMOTEIO | ENXIO | ENODEV | ENOENT) => NoData::Absent,
            Some(ETIMEDOUT) => NoData::TimedOut,
            Some(EACCES | EPERM) => NoData::Denied,
            _ => NoData::Failed,
        }
    }

    /// What an owner can do about it.
    pub fn remedy(self) -> &'static str {
        match self.errno {
            Some(EBUSY) => "a kernel driver owns the address: its values are in hwmon, remove this [[meter]]",
            Some(ENOENT) => "enable the bus: `dtparam=i2c_arm=on` in config.txt, module i2c-dev",
            Some(EACCES | EPERM) => "let the agent's user into the group `i2c`",
            Some(EREMOTEIO | ENXIO | ENODEV) => "check wiring, supply and address of the chip",
            Some(ETIMEDOUT | EIO) => {
                "something holds the bus: check wiring, try `dtparam=i2c_arm_baudrate=10000`"
            }
            _ => "see what the kernel's log says",
        }
    }
}

impl fmt::Display for BusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.errno {
            Some(errno) => io::Error::from_raw_os_error(errno).fmt(f),
            None => f.write_str("not possible on this bus"),
        }
    }
}

impl std::error::Error for BusError {}

impl i2c::Error for BusError {
    fn kind(&self) -> ErrorKind {
        match self.errno {
            Some(EREMOTEIO | ENXIO | ENODEV) => ErrorKind::NoAcknowledge(NoAcknowledgeSource::Unknown),
            Some(EIO | EBUSY) => ErrorKind::Bus,
            _ => ErrorKind::Other,
        }
    }
}

impl From<io::Error> for BusError {
    fn from(error: io::Error) -> Self {
        Self { errno: error.raw_os_error() }
    }
}

impl From<rppal::i2c::Error> for BusError {
    fn from(error: rppal::i2c::Error) -> Self {
        match error {
            rppal::i2c::Error::Io(error) => error.into(),
            _ => Self { errno: None },
        }
    }
}

impl From<LinuxI2CError> for BusError {
    fn from(error: LinuxI2CError) -> Self {
        match error {
            LinuxI2CError::Errno(errno) => Self::new(errno),
            LinuxI2CError::Io(error) => error.into(),
        }
    }
}

/// Any bus, the kernel's or a simulated one.
pub type AnyBus = dyn I2c<Error = BusError> + Send;

/// Opens the kernel's bus of this number.
pub fn open(root: &Root, number: u8) -> Result<Box<AnyBus>, BusError> {
    // rppal names the device itself, so a fixture's files are not for it.
    if root.directory() == Path::new("/") && rppal::system::DeviceInfo::new().is_ok() {
        return Ok(Box::new(PiBus(rppal::i2c::I2c::with_bus(number)?)));
    }
    let path = root.directory().join(format!("dev/i2c-{number}"));
    std::fs::metadata(&path)?;
    Ok(Box::new(LinuxBus { path, devices: Vec::new() }))
}

/// The numbers of the buses that the kernel offers.
pub fn buses(root: &Root) -> Vec<u8> {
    let names = root.names("dev", "i2c-");
    names.iter().filter_map(|name| name.strip_prefix("i2c-")?.parse().ok()).collect()
}

/// Who answers where power monitors and panels may be, asked by reading a single byte; addresses that a kernel
/// driver owns are named with the error.
pub fn scan<B: I2c<Error = BusError> + ?Sized>(bus: &mut B) -> Vec<(u8, Result<(), BusError>)> {
    let ask = |address| (address, bus.read(address, &mut [0]));
    let [usual, other] = BACKPACKS;
    let answers = usual.chain(other).chain(POWER_MONITORS).map(ask);
    answers.filter(|(_, answer)| answer.map_or_else(|error| error.errno == Some(EBUSY), |()| true)).collect()
}

/// A 16-bit register, most significant byte first.
pub fn read_register<B: I2c + ?Sized>(bus: &mut B, address: u8, register: u8) -> Result<u16, B::Error> {
    let mut bytes = [0; 2];
    bus.write_read(address, &[register], &mut bytes)?;
    Ok(u16::from_be_bytes(bytes))
}

/// A 24-bit register, most significant byte first.
pub fn read_register_24<B>(bus: &mut B, address: u8, register: u8) -> Result<u32, B::Error>
where
    B: I2c + ?Sized,
{
    let mut bytes = [0; 4];
    bus.write_read(address, &[register], &mut bytes[1..])?;
    Ok(u32::from_be_bytes(bytes))
}

/// Sets a 16-bit register.
pub fn write_register<B>(bus: &mut B, address: u8, register: u8, value: u16) -> Result<(), B::Error>
where
    B: I2c + ?Sized,
{
    let [high, low] = value.to_be_bytes();
    bus.write(address, &[register, high, low])
}

struct PiBus(rppal::i2c::I2c);

impl i2c::ErrorType for PiBus {
    type Error = BusError;
}

impl I2c for PiBus {
    /// rppal's own implementation puts a stop between write and read, where another program could move
    /// the chip's register pointer; its `write_read` does not.
    fn transaction(&mut self, address: u8, operations: &mut [Operation<'_>]) -> Result<(), BusError> {
        self.0.set_slave_address(u16::from(address))?;
        if let [Operation::Write(bytes), Operation::Read(buffer)] = operations {
            return Ok(self.0.write_read(bytes, buffer)?);
        }
        for operation in operations {
            match operation {
                Operation::Write(bytes) => self.0.write(bytes)?,
                Operation::Read(buffer) => self.0.read(buffer)?,
            };
        }
        Ok(())
    }
}

struct LinuxBus {
    path: PathBuf,
    /// One for each address, because `I2cdev` opens the bus anew whenever its address changes.
    devices: Vec<(u8, I2cdev)>,
}

impl i2c::ErrorType for LinuxBus {
    type Error = BusError;
}

impl I2c for LinuxBus {
    fn transaction(&mut self, address: u8, operations: &mut [Operation<'_>]) -> Result<(), BusError> {
        let known = self.devices.iter().position(|(of, _)| *of == address);
        let at = if let Some(at) = known {
            at
        } else {
            self.devices.push((address, I2cdev::new(&self.path)?));
            self.devices.len() - 1
        };
        let done = I2c::<u8>::transaction(&mut self.devices[at].1, address, operations);
        done.map_err(|error| match error.inner() {
            LinuxI2CError::Errno(errno) => BusError::new(*errno),
            LinuxI2CError::Io(error) => BusError { errno: error.raw_os_error() },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::tree;

    #[test]
    fn every_error_number_has_its_reason() {
        let reason = |errno| BusError::new(errno).no_data();
        for errno in [EREMOTEIO, ENXIO, ENODEV, ENOENT] {
            assert_eq!(reason(errno), NoData::Absent);
        }
        assert_eq!(reason(ETIMEDOUT), NoData::TimedOut);
        assert_eq!((reason(EACCES), reason(EPERM)), (NoData::Denied, NoData::Denied));
        assert_eq!((reason(EIO), reason(EBUSY)), (NoData::Failed, NoData::Failed));
        assert_eq!(BusError { errno: None }.no_data(), NoData::Failed);
        assert!(BusError::new(EREMOTEIO).to_string().contains("121"));
        assert!(BusError::new(EBUSY).remedy().contains("hwmon"));
    }

    #[test]
    fn a_bus_that_is_not_there_is_absent_and_buses_are_listed_in_order() {
        let (_dir, root) = tree(&[("dev/i2c-10", ""), ("dev/i2c-1", ""), ("dev/i2c-mux", "")]);
        assert_eq!(buses(&root), [1, 10]);
        assert_eq!(open(&root, 2).err().map(BusError::no_data), Some(NoData::Absent));
    }

    #[test]
    fn a_file_that_is_no_bus_fails_at_the_first_transfer() {
        let (_dir, root) = tree(&[("dev/i2c-1", "")]);
        let mut bus = open(&root, 1).unwrap();
        assert_eq!(bus.read(0x40, &mut [0]).unwrap_err().no_data(), NoData::Failed);
    }
}

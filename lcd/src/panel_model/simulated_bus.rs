//! A bus with a panel on it, behind the traits of embedded-hal 1.0, with the faults that real buses have.

use std::time::Duration;

use embedded_hal::i2c::{Error, ErrorKind, ErrorType, I2c, NoAcknowledgeSource, Operation};

use super::{BITS_PER_BYTE, Panel};
use crate::screen::Screen;

/// What the bus has carried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BusUse {
    /// Transactions, those that failed included.
    pub transactions: u64,
    /// Bytes without the addresses.
    pub bytes: u64,
    /// Bytes that carried an address.
    pub addresses: u64,
    /// The time that the bus was held.
    pub held: Duration,
    /// The longest time without a pause.
    pub longest: Duration,
}

/// What hangs on a bus and takes its time from the bits on it.
pub trait Slave {
    /// The beginning of a write transaction: address and bytes, as far as they got.
    fn write_part(&mut self, bytes: &[u8]);

    /// Its end.
    fn end(&mut self);

    /// A whole read transaction of one byte.
    fn read(&mut self) -> u8;

    /// So many bits pass that are of no transaction with it, or of a broken one.
    fn pass_bits(&mut self, bits: u32);

    /// Power is lost and comes back.
    fn power_cycle(&mut self);

    /// The time since it was made.
    fn now(&self) -> Duration;

    /// Lets time pass without anything on the bus.
    fn wait(&mut self, time: Duration);
}

/// A bus to which one panel is, or was, connected.
#[derive(Debug, Clone)]
pub struct SimulatedBus<P = Panel> {
    /// The panel; it is there even while it is not connected.
    pub panel: P,
    address: u8,
    connected: bool,
    fails_after: Option<usize>,
    used: BusUse,
}

/// A fault of the simulated bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SimulatedFault(ErrorKind);

impl Error for SimulatedFault {
    fn kind(&self) -> ErrorKind {
        self.0
    }
}

impl<P: Slave> SimulatedBus<P> {
    /// A panel at this address.
    pub fn new(panel: P, address: u8) -> Self {
        Self { panel, address, connected: true, fails_after: None, used: BusUse::default() }
    }

    /// The next write ends with an error after the panel has latched this many of its bytes; one that is
    /// shorter succeeds and leaves the fault for the next.
    pub fn fail_after(&mut self, bytes: usize) {
        self.fails_after = Some(bytes);
    }

    /// Pulls the plug: nothing answers, and the panel is without power.
    pub fn unplug(&mut self) {
        self.connected = false;
    }

    /// Puts the plug back; power comes on.
    pub fn plug(&mut self) {
        self.connected = true;
        self.panel.power_cycle();
    }

    /// The bus works from now on; a panel that was not connected gets its power back.
    pub fn repair(&mut self) {
        self.fails_after = None;
        if !self.connected {
            self.plug();
        }
    }

    /// Lets a display have the bus for this long, with nothing else on it; how many of its steps failed.
    pub fn serve(&mut self, display: &mut impl Screen, time: Duration) -> usize {
        let until = self.panel.now() + time;
        let mut failed = 0;
        while self.panel.now() < until {
            let now = self.panel.now();
            let due = display.due().unwrap_or(until);
            if due <= now {
                failed += usize::from(display.step(self, now).is_err());
            } else {
                self.panel.wait(due.min(until).saturating_sub(now));
            }
        }
        failed
    }

    /// What the bus has carried since it was last asked.
    pub fn take_use(&mut self) -> BusUse {
        std::mem::take(&mut self.used)
    }

    fn write_once(&mut self, bytes: &[u8]) -> Result<(), SimulatedFault> {
        let failing = self.fails_after.filter(|&after| after < bytes.len());
        self.panel.write_part(&bytes[..failing.unwrap_or(bytes.len())]);
        self.used.bytes += bytes.len() as u64;
        if failing.is_none() {
            self.panel.end();
            return Ok(());
        }
        self.fails_after = None;
        self.panel.pass_bits(1 + BITS_PER_BYTE);
        Err(SimulatedFault(ErrorKind::NoAcknowledge(NoAcknowledgeSource::Data)))
    }

    fn operate(&mut self, address: u8, operation: &mut Operation<'_>) -> Result<(), SimulatedFault> {
        self.used.addresses += 1;
        if address != self.address || !self.connected {
            self.panel.pass_bits(2 + BITS_PER_BYTE);
            return Err(SimulatedFault(ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address)));
        }
        match operation {
            Operation::Write(bytes) => self.write_once(bytes)?,
            Operation::Read(buffer) => {
                for place in buffer.iter_mut() {
                    self.used.bytes += 1;
                    *place = self.panel.read();
                }
            }
        }
        Ok(())
    }
}

impl<P> ErrorType for SimulatedBus<P> {
    type Error = SimulatedFault;
}

impl<P: Slave> I2c for SimulatedBus<P> {
    fn transaction(&mut self, address: u8, operations: &mut [Operation<'_>]) -> Result<(), Self::Error> {
        let start = self.panel.now();
        self.used.transactions += 1;
        let done = operations.iter_mut().try_for_each(|operation| self.operate(address, operation));
        let held = self.panel.now().saturating_sub(start);
        self.used.held += held;
        self.used.longest = self.used.longest.max(held);
        done
    }
}

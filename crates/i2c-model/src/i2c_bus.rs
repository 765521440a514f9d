//! An I2C bus with simulated chips and faults, in virtual time: transfers take as long as at 100 kHz, and
//! nobody sleeps.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use embedded_hal::i2c::{self, I2c, Operation};
use picollect_lcd::oled::model::OledModel;
use picollect_lcd::panel_model::{Panel, Slave};

use super::ina219_model::{Ina219Model, Trace};
use super::ina228_model::Ina228Model;
use picollect_board::i2c::{BusError, EBUSY, EIO, EREMOTEIO, ETIMEDOUT};

/// Nine bits for each byte, its address before each operation, at 100 kHz.
const BYTE_TIME: Duration = Duration::from_micros(90);
/// How long the kernel waits for a bus that somebody holds.
const STUCK_TIME: Duration = Duration::from_secs(2);

/// A clock that moves when it is told to.
#[derive(Debug, Clone, Default)]
pub struct VirtualTime(Arc<AtomicU64>);

impl VirtualTime {
    /// Time since the start.
    pub fn now(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }

    /// Lets so much time pass.
    pub fn pass(&self, time: Duration) {
        self.0.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(0), Ordering::Relaxed);
    }

    /// Lets time pass until this moment, if it is not over.
    pub fn pass_until(&self, moment: Duration) {
        self.pass(moment.saturating_sub(self.now()));
    }
}

/// What is wrong with the bus.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Faults {
    /// Share of the transfers that are not acknowledged.
    pub remote_io: f64,
    /// Share of the transfers before which the chip's supply fails for a moment.
    pub brown_out: f64,
    /// The clock is stretched: each transfer takes this much longer, and then succeeds.
    pub delay: Duration,
    /// Somebody holds the bus: each transfer takes two seconds and fails.
    pub stuck: bool,
}

#[derive(Debug)]
struct Wires {
    chips: Vec<(u8, Ina219Model)>,
    precise_chips: Vec<(u8, Ina228Model)>,
    panel: Option<(u8, Panel)>,
    oled: Option<(u8, OledModel)>,
    /// The next write to the panel breaks off after so many bytes.
    breaks_after: Option<usize>,
    owned_by_kernel: Vec<u8>,
    faults: Faults,
    random: fastrand::Rng,
    written: Vec<u8>,
    transfers: u64,
}

/// A handle on the bus; all handles are the same bus.
#[derive(Debug, Clone)]
pub struct SimulatedBus {
    /// Virtual time, which each transfer moves on.
    pub time: VirtualTime,
    wires: Arc<Mutex<Wires>>,
}

impl Default for SimulatedBus {
    fn default() -> Self {
        Self::with_time(VirtualTime::default())
    }
}

impl SimulatedBus {
    /// An empty bus in this time.
    pub fn with_time(time: VirtualTime) -> Self {
        let wires = Wires {
            chips: Vec::new(),
            precise_chips: Vec::new(),
            panel: None,
            oled: None,
            breaks_after: None,
            owned_by_kernel: Vec::new(),
            faults: Faults::default(),
            random: fastrand::Rng::with_seed(6),
            written: Vec::new(),
            transfers: 0,
        };
        Self { time, wires: Arc::new(Mutex::new(wires)) }
    }

    /// Plugs in an INA219 with this supply.
    pub fn plug(&self, address: u8, supply: Trace, shunt_ohm: f64) {
        self.plug_chip(address, Ina219Model::new(supply, shunt_ohm, self.time.now()));
    }

    /// Plugs in this chip.
    pub fn plug_chip(&self, address: u8, chip: Ina219Model) {
        self.wires().chips.push((address, chip));
    }

    /// Plugs in an INA228, INA237 or INA238.
    pub fn plug_precise_chip(&self, address: u8, chip: Ina228Model) {
        self.wires().precise_chips.push((address, chip));
    }

    /// The INA228 or one of its sisters at this address as it is now.
    pub fn with_precise_chip<T>(&self, address: u8, look: impl FnOnce(&mut Ina228Model) -> T) -> Option<T> {
        let now = self.time.now();
        let mut wires = self.wires();
        let (_, chip) = wires.precise_chips.iter_mut().find(|(of, _)| *of == address)?;
        chip.advance(now);
        Some(look(chip))
    }

    /// Plugs in a panel that gets its power now.
    pub fn plug_panel(&self, address: u8, mut panel: Panel) {
        catch_up(&mut panel, self.time.now());
        panel.power_cycle();
        self.wires().panel = Some((address, panel));
    }

    /// Plugs in an OLED that gets its power now.
    pub fn plug_oled(&self, address: u8, mut oled: OledModel) {
        catch_up(&mut oled, self.time.now());
        oled.power_cycle();
        self.wires().oled = Some((address, oled));
    }

    /// Takes the OLED off the bus.
    pub fn unplug_oled(&self) {
        self.wires().oled = None;
    }

    /// The OLED as it is now.
    pub fn with_oled<T>(&self, look: impl FnOnce(&mut OledModel) -> T) -> Option<T> {
        let now = self.time.now();
        let mut wires = self.wires();
        let (_, oled) = wires.oled.as_mut()?;
        catch_up(oled, now);
        Some(look(oled))
    }

    /// Takes the panel off the bus.
    pub fn unplug_panel(&self) {
        self.wires().panel = None;
    }

    /// The next write to the panel or the OLED that is longer than this breaks off after so many bytes.
    pub fn break_panel_write(&self, after: usize) {
        self.wires().breaks_after = Some(after);
    }

    /// The panel as it is now.
    pub fn with_panel<T>(&self, look: impl FnOnce(&mut Panel) -> T) -> Option<T> {
        let now = self.time.now();
        let mut wires = self.wires();
        let (_, panel) = wires.panel.as_mut()?;
        catch_up(panel, now);
        Some(look(panel))
    }

    /// Takes the chip at this address off the bus.
    pub fn unplug(&self, address: u8) {
        let mut wires = self.wires();
        wires.chips.retain(|(of, _)| *of != address);
        wires.precise_chips.retain(|(of, _)| *of != address);
    }

    /// A driver of the kernel has the address.
    pub fn kernel_owns(&self, address: u8) {
        self.wires().owned_by_kernel.push(address);
    }

    /// What goes wrong from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.wires().faults = faults;
    }

    /// The chip at this address as it is now.
    pub fn with_chip<T>(&self, address: u8, look: impl FnOnce(&mut Ina219Model) -> T) -> Option<T> {
        let now = self.time.now();
        let mut wires = self.wires();
        let (_, chip) = wires.chips.iter_mut().find(|(of, _)| *of == address)?;
        chip.advance(now);
        Some(look(chip))
    }

    /// The addresses that were written to, in order; naming a register to read it is no write.
    pub fn writes(&self) -> Vec<u8> {
        self.wires().written.clone()
    }

    /// Transfers so far, failed ones included.
    pub fn transfers(&self) -> u64 {
        self.wires().transfers
    }

    fn wires(&self) -> MutexGuard<'_, Wires> {
        self.wires.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn catch_up(panel: &mut impl Slave, now: Duration) {
    panel.wait(now.saturating_sub(panel.now()));
}

/// A chip at its registers.
trait Registers {
    fn advance(&mut self, to: Duration);
    fn brown_out(&mut self);
    fn write(&mut self, bytes: &[u8]);
    fn read(&mut self, buffer: &mut [u8]);
}

macro_rules! registers {
    ($($model:ty),+) => {
        $(impl Registers for $model {
            fn advance(&mut self, to: Duration) {
                Self::advance(self, to);
            }

            fn brown_out(&mut self) {
                Self::brown_out(self);
            }

            fn write(&mut self, bytes: &[u8]) {
                Self::write(self, bytes);
            }

            fn read(&mut self, buffer: &mut [u8]) {
                Self::read(self, buffer);
            }
        })+
    };
}

registers!(Ina219Model, Ina228Model);

impl Wires {
    fn chip(&mut self, address: u8) -> Option<&mut dyn Registers> {
        let Self { chips, precise_chips, .. } = self;
        let at = |of: &u8| *of == address;
        let usual = chips.iter_mut().find(|(of, _)| at(of)).map(|(_, chip)| chip as &mut dyn Registers);
        usual.or_else(|| {
            let precise = precise_chips.iter_mut().find(|(of, _)| at(of));
            precise.map(|(_, chip)| chip as &mut dyn Registers)
        })
    }

    /// A transfer with the panel or the OLED at this address, `None` if neither has it.
    fn serve_screen(
        &mut self,
        time: &VirtualTime,
        address: u8,
        operations: &mut [Operation<'_>],
    ) -> Option<Result<(), BusError>> {
        let breaks_after = &mut self.breaks_after;
        if let Some((_, panel)) = self.panel.as_mut().filter(|(of, _)| *of == address) {
            return Some(Self::serve(panel, breaks_after, time, operations));
        }
        let (_, oled) = self.oled.as_mut().filter(|(of, _)| *of == address)?;
        Some(Self::serve(oled, breaks_after, time, operations))
    }

    /// A transfer with what counts the time of its bits itself.
    fn serve(
        panel: &mut impl Slave,
        breaks_after: &mut Option<usize>,
        time: &VirtualTime,
        operations: &mut [Operation<'_>],
    ) -> Result<(), BusError> {
        catch_up(panel, time.now());
        let mut done = Ok(());
        for operation in operations {
            match operation {
                Operation::Write(bytes) => {
                    let broken = breaks_after.filter(|after| after < &bytes.len());
                    panel.write_part(&bytes[..broken.unwrap_or(bytes.len())]);
                    panel.end();
                    if broken.is_some() {
                        *breaks_after = None;
                        done = Err(BusError::new(EIO));
                        break;
                    }
                }
                Operation::Read(buffer) => buffer.fill_with(|| panel.read()),
            }
        }
        time.pass_until(panel.now());
        done
    }
}

impl i2c::ErrorType for SimulatedBus {
    type Error = BusError;
}

impl I2c for SimulatedBus {
    fn transaction(&mut self, address: u8, operations: &mut [Operation<'_>]) -> Result<(), BusError> {
        let mut wires = self.wires();
        wires.transfers += 1;
        if wires.faults.stuck {
            self.time.pass(STUCK_TIME);
            return Err(BusError::new(ETIMEDOUT));
        }
        if wires.owned_by_kernel.contains(&address) {
            return Err(BusError::new(EBUSY));
        }
        if matches!(operations, [Operation::Write(_)]) {
            wires.written.push(address);
        }
        let faults = wires.faults;
        let lost = wires.random.f64() < faults.remote_io;
        let brown_out = wires.random.f64() < faults.brown_out;
        self.time.pass(faults.delay);
        if !lost {
            if let Some(done) = wires.serve_screen(&self.time, address, operations) {
                return done;
            }
        }
        let Some(chip) = wires.chip(address).filter(|_| !lost) else {
            self.time.pass(BYTE_TIME);
            return Err(BusError::new(EREMOTEIO));
        };
        if brown_out {
            chip.advance(self.time.now());
            chip.brown_out();
        }
        for operation in operations {
            chip.advance(self.time.now());
            let bytes = match operation {
                Operation::Write(bytes) => {
                    chip.write(bytes);
                    bytes.len()
                }
                Operation::Read(buffer) => {
                    chip.read(buffer);
                    buffer.len()
                }
            };
            self.time.pass(BYTE_TIME * u32::try_from(1 + bytes).unwrap_or(1));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ina219_model::Supply;
    use picollect_board::i2c::scan;

    #[test]
    fn scanning_finds_who_answers_and_writes_nothing() {
        let bus = SimulatedBus::default();
        bus.plug(0x40, Box::new(|_| Supply { volts: 5.0, amps: 0.5 }), 0.1);
        bus.kernel_owns(0x45);
        bus.kernel_owns(0x3f);
        let owned = Err(BusError::new(EBUSY));
        assert_eq!(scan(&mut bus.clone()), [(0x3f, owned), (0x40, Ok(())), (0x45, owned)]);
        assert_eq!(bus.writes(), [0; 0]);
    }
}

//! The meters on one I2C bus, read by one thread in step with each one's conversion time, and a guest that
//! shares the bus with them, such as a panel.
//!
//! Invariant: the guest gets the bus only when it is done with it before the next meter has to be read.
//! Invariant: only addresses that were configured are read, and only theirs are written.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use picollect_telemetry::{NoData, Reading, Source};

use picollect_board::i2c::{AnyBus, BusError, ENXIO, EREMOTEIO};

use crate::accuracy::Accuracy;
use crate::calibration::Calibration;
use crate::conversion::{ChipReply, Conversion, MAX_CHANNELS};
use crate::doubts::Doubts;
use crate::energy::{Integrator, SharedIntegrator, lock};
use crate::meter::MeterName;
use crate::pace::Pace;
use crate::power_chip::Chip;
use crate::power_model::UsualPower;
use crate::settings::MeterSettings;

/// Opens the bus; called again after it was lost.
pub type Open = Box<dyn FnMut() -> Result<Box<AnyBus>, BusError> + Send>;

/// What shares the bus with meters and comes after them.
pub trait Guest: Send {
    /// The longest time for which one step holds a bus that works.
    fn longest_hold(&self) -> Duration;
    /// When it wants [`prepare`](Self::prepare) to be called.
    fn prepare_due(&self) -> Duration;
    /// Makes ready what it will bring onto the bus; takes no bus.
    fn prepare(&mut self, now: Duration);
    /// When it wants the bus for a step; [`Duration::MAX`] if not at all.
    fn step_due(&self) -> Duration;
    /// One step on the bus; says whether it worked.
    fn step(&mut self, bus: &mut AnyBus, now: &dyn Fn() -> Duration) -> Result<(), BusError>;
    /// The bus could not be opened.
    fn no_bus(&mut self, error: BusError, now: Duration);
}

/// Between the guest's step and the next meter there is so much time at least: the thread may wake up late.
const MARGIN: Duration = Duration::from_millis(3);

/// One bus with its chips, and perhaps a guest.
pub struct BusMeters {
    number: u8,
    open: Open,
    bus: Option<Box<AnyBus>>,
    devices: Vec<Device>,
    guest: Option<Box<dyn Guest>>,
}

/// One chip with the channels that are meters.
struct Device {
    chip: Chip,
    address: u8,
    channels: Vec<Channel>,
    pace: Pace,
    due: Duration,
    /// Whether it was ever seen as it should be: a reset after that is a brown-out or a new plug.
    configured: bool,
    complained: Option<NoData>,
}

struct Channel {
    /// Counted from 0, unlike in the configuration.
    number: usize,
    name: MeterName,
    /// The node that it feeds, if that is another one.
    feeds: Option<String>,
    shunt_ohm: f64,
    calibration: Calibration,
    accuracy: Accuracy,
    doubts: Doubts,
    integrator: SharedIntegrator,
}

/// One bus for each that the settings name, with all meters on it. `usual` is what such a board takes.
pub fn group(
    settings: &[MeterSettings],
    usual: Option<UsualPower>,
    mut open: impl FnMut(u8) -> Open,
) -> Vec<BusMeters> {
    let mut numbers: Vec<u8> = settings.iter().map(|meter| meter.bus).collect();
    numbers.sort_unstable();
    numbers.dedup();
    for warning in settings.iter().filter_map(|meter| meter.shunt_overflows(usual)) {
        tracing::warn!("{warning}");
    }
    let bus = |number| {
        let mut devices: Vec<Device> = Vec::new();
        for meter in settings.iter().filter(|meter| meter.bus == number) {
            let channel = Channel::new(meter, usual);
            match devices.iter_mut().find(|device| device.address == meter.address) {
                Some(device) => device.channels.push(channel),
                None => devices.push(Device::new(meter, channel)),
            }
        }
        BusMeters { number, open: open(number), bus: None, devices, guest: None }
    };
    numbers.into_iter().map(bus).collect()
}

/// Puts the guest on the bus of this number, which gets a thread for the guest alone if no meter is on it.
pub fn attach(buses: &mut Vec<BusMeters>, number: u8, guest: Box<dyn Guest>, open: impl FnOnce() -> Open) {
    let found = buses.iter().position(|bus| bus.number == number).unwrap_or_else(|| {
        buses.push(BusMeters { number, open: open(), bus: None, devices: Vec::new(), guest: None });
        buses.len() - 1
    });
    buses[found].guest = Some(guest);
}

impl BusMeters {
    /// Which of the kernel's buses: 1 is on a Pi's header.
    pub fn number(&self) -> u8 {
        self.number
    }

    /// The meters and what integrates them.
    pub fn meters(&self) -> Vec<(MeterName, SharedIntegrator)> {
        let channels = self.devices.iter().flat_map(|device| &device.channels);
        channels.map(|channel| (channel.name.clone(), Arc::clone(&channel.integrator))).collect()
    }

    /// What is known of each meter's errors, in the same order.
    pub fn accuracies(&self) -> Vec<Accuracy> {
        let channels = self.devices.iter().flat_map(|device| &device.channels);
        channels.map(|channel| channel.accuracy).collect()
    }

    /// The node that each meter feeds, in the same order; `None` is the one that reads it.
    pub fn feeds(&self) -> Vec<Option<String>> {
        let channels = self.devices.iter().flat_map(|device| &device.channels);
        channels.map(|channel| channel.feeds.clone()).collect()
    }

    /// What each meter shows now, in watts; `None` if it has not been read yet.
    pub fn take_watts(&self) -> Vec<(MeterName, Reading<Option<f64>>)> {
        let watts =
            |integrator: &SharedIntegrator| lock(integrator).take().map(|point| Some(point.power?.mean_w));
        self.meters().into_iter().map(|(name, integrator)| (name, watts(&integrator))).collect()
    }

    /// When a chip is to be asked next, or the guest has something to do and the time to do it.
    pub fn next_due(&self, now: Duration) -> Duration {
        let meter = self.next_meter();
        let Some(guest) = &self.guest else { return meter };
        let step = guest.step_due().max(now);
        let fits = step.saturating_add(guest.longest_hold() + MARGIN) <= meter;
        meter.min(guest.prepare_due()).min(if fits { step } else { meter })
    }

    fn next_meter(&self) -> Duration {
        self.devices.iter().map(|device| device.due).min().unwrap_or(Duration::MAX)
    }

    /// Lets the guest do what is due, one step, if no meter has to wait for it.
    pub fn serve_guest(&mut self, now: &dyn Fn() -> Duration) {
        let meter = self.next_meter();
        let Some(guest) = &mut self.guest else { return };
        guest.prepare(now());
        let free = meter.saturating_sub(now()) >= guest.longest_hold() + MARGIN;
        if !free || guest.step_due() > now() {
            return;
        }
        let bus = match &mut self.bus {
            Some(bus) => bus,
            none => match (self.open)() {
                Ok(bus) => none.insert(bus),
                Err(error) => return guest.no_bus(error, now()),
            },
        };
        let done = guest.step(bus.as_mut(), now);
        // Where there are meters, they judge the bus.
        if self.devices.is_empty() && done.is_err_and(needs_reopening) {
            self.bus = None;
        }
    }

    /// Asks the chips that are due, the longest overdue first.
    pub fn read_due(&mut self, now: &dyn Fn() -> Duration) {
        // Each at most once, so that an order to stop is heard.
        for _ in 0..self.devices.len() {
            let Some(at) = (0..self.devices.len()).min_by_key(|&at| self.devices[at].due) else { return };
            if self.devices[at].due > now() {
                return;
            }
            let began = now();
            let answer = self.ask(at);
            let ended = now();
            self.devices[at].take(answer, began, ended);
        }
    }

    fn ask(&mut self, at: usize) -> Result<ChipReply, BusError> {
        let bus = match &mut self.bus {
            Some(bus) => bus,
            none => none.insert((self.open)()?),
        };
        let Device { chip, address, .. } = self.devices[at];
        let answer = chip.read(bus.as_mut(), address).and_then(|answer| {
            if answer == ChipReply::NotConfigured {
                chip.configure(bus.as_mut(), address)?;
            }
            Ok(answer)
        });
        if answer.is_err_and(needs_reopening) {
            self.bus = None;
        }
        answer
    }
}

/// An adapter on USB that was replugged needs a new file; a chip that is missing does not.
fn needs_reopening(error: BusError) -> bool {
    !matches!(error.errno, Some(EREMOTEIO | ENXIO))
}

impl Device {
    fn new(meter: &MeterSettings, channel: Channel) -> Self {
        let pace = Pace::new(meter.chip.conversion());
        let (chip, address) = (meter.chip, meter.address);
        let channels = vec![channel];
        Self { chip, address, channels, pace, due: Duration::ZERO, configured: false, complained: None }
    }

    fn take(&mut self, answer: Result<ChipReply, BusError>, began: Duration, ended: Duration) {
        let took = ended.saturating_sub(began);
        match answer {
            // What took longer than a conversion may be of any moment in between.
            Ok(ChipReply::Ready(_)) if took > self.chip.conversion() => {
                self.due = self.pace.ready(ended);
                self.fail(ended, NoData::TimedOut, None);
            }
            Ok(ChipReply::Ready(channels)) => {
                self.due = self.pace.ready(began);
                self.configured = true;
                let middle = began.saturating_sub(self.chip.conversion() / 2);
                self.give(middle, &channels);
            }
            Ok(ChipReply::NotReady) => {
                let (due, overdue) = self.pace.not_ready(ended);
                self.due = due;
                if overdue {
                    self.fail(ended, NoData::TimedOut, None);
                }
            }
            Ok(ChipReply::NotConfigured) => {
                self.due = self.pace.configured(ended);
                if std::mem::replace(&mut self.configured, true) {
                    self.fail(ended, NoData::Garbled, None);
                }
            }
            Err(error) => {
                let (due, counts) = self.pace.failed(ended, took);
                self.due = due;
                if counts {
                    self.fail(ended, error.no_data(), Some(error));
                }
            }
        }
    }

    fn give(&mut self, middle: Duration, readings: &[Reading<Conversion>; MAX_CHANNELS]) {
        if self.complained.take().is_some() {
            tracing::info!(meter = self.channels[0].name.meter, "answers again");
        }
        for channel in &mut self.channels {
            channel.give(middle, readings[channel.number]);
        }
    }

    fn fail(&mut self, at: Duration, why: NoData, error: Option<BusError>) {
        if self.complained.replace(why) != Some(why) {
            let meter = &self.channels[0].name.meter;
            let said = error.map(|error| error.to_string()).unwrap_or_default();
            let remedy = error.map_or("the chip was reset or does not convert", BusError::remedy);
            tracing::warn!(meter, %why, said, remedy, "no reading");
        }
        for channel in &self.channels {
            lock(&channel.integrator).watts(at, Err(why));
        }
    }
}

impl Channel {
    fn new(meter: &MeterSettings, usual: Option<UsualPower>) -> Self {
        let name = MeterName { meter: meter.key(), source: Source::Measured, boundary: meter.boundary };
        Self {
            number: usize::from(meter.channel.max(1) - 1),
            doubts: Doubts::new(meter.boundary, usual.filter(|_| meter.node.is_none())),
            name,
            feeds: meter.node.clone(),
            shunt_ohm: meter.shunt_ohm,
            calibration: meter.calibration,
            accuracy: Accuracy::of(meter),
            integrator: Arc::new(Mutex::new(Integrator::new(meter.chip.conversion()))),
        }
    }

    fn give(&mut self, middle: Duration, reading: Reading<Conversion>) {
        let watts = reading.map(|conversion| {
            let watts = self.calibration.watts(conversion.bus_volts, conversion.amps(self.shunt_ohm));
            if let Some(doubt) = self.doubts.about(&conversion, watts) {
                tracing::warn!(meter = self.name.meter, "{doubt}");
            }
            watts
        });
        lock(&self.integrator).watts(middle, watts);
    }
}

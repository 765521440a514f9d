//! Keeps an OLED showing what it should, whatever happens to it; the counterpart of [`crate::display`].
//!
//! [`OledDisplay::show`] says what to show; [`OledDisplay::step`] does a little of what is left to be done on the bus,
//! at most one write of 5 ms, and [`OledDisplay::due`] says when it wants to be called again. Only bytes that differ
//! travel, in runs; the glass is switched on when its picture is right for the first time.
//!
//! The memory is never asked what it holds. All of it is written anew every [`HEAL_PERIOD`], a band at a time, with the
//! set-up before the first, none of which is seen. After a fault of the bus, and where the status says that the glass is
//! off though it was switched on, it has lost its power, and all is set up from the beginning. A status is believed only
//! of a glass that said "on" after it was switched on: some modules do not answer.
//!
//! Invariant: only the configured address is ever spoken to, and nothing is written before the first `show`.

use std::time::Duration;

use embedded_hal::i2c::I2c;

use super::commands::{Controller, Light, PIECE_HEAD, bundle, initialising, lighting, piece};
use super::{MAX_BANDS, OledSize, Picture, WIDTH};
use crate::screen::{BITS_PER_BYTE, FIRST_RETRY, FRAMING_BITS, LAST_RETRY, LONGEST_HOLD, Screen};

/// In this time all of the memory is written anew although nothing is known to be wrong.
pub const HEAL_PERIOD: Duration = Duration::from_secs(10);
/// How often the status is read while there is nothing to write, and before the first write after a rest.
const CHECK_PERIOD: Duration = Duration::from_secs(1);
/// The controllers reset themselves as their supply rises; modules hold the pin down for some milliseconds.
const POWER_ON: Duration = Duration::from_millis(100);
/// Columns that did not change and lie between two that did are sent too where that is no longer than another run.
const BRIDGE: usize = PIECE_HEAD + 1;
/// The bit of the status that says that the glass is off.
const STATUS_OFF: u8 = 0x40;

/// Where an OLED is and what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OledWiring {
    /// Its I2C address, seven bits.
    pub address: u8,
    /// Bits per second on the bus, which sets the length of a write; one that is slower than this is safe, one that is
    /// faster is not.
    pub bus_hz: u32,
    /// Which controller it has.
    pub controller: Controller,
    /// Its glass.
    pub size: OledSize,
}

/// The step that the glass is due for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// See whether anything answers.
    Knock,
    /// So many commands of the set-up are sent; it is the first one since power may have come.
    SetUp(usize),
    /// The same while the glass is on.
    SetUpAgain(usize),
    /// Write the bytes that differ from what is shown.
    Paint,
}

/// What is known of the status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    /// The glass was just switched on and is to be asked.
    Unasked,
    /// It said that it is on.
    Believed,
    /// It said something else, so that it says nothing.
    Ignored,
}

/// An OLED and what it should show.
#[derive(Debug, Clone)]
pub struct OledDisplay {
    wiring: OledWiring,
    /// What stands in the memory, where `certain` has the column's bit.
    known: [[u8; WIDTH]; MAX_BANDS],
    certain: [u128; MAX_BANDS],
    light: Option<Light>,
    target: Option<Picture>,
    phase: Phase,
    status: Status,
    due: Duration,
    pause: Option<Duration>,
    retry: Duration,
    heal_at: Duration,
    /// The band that is written anew next.
    heals: usize,
    check_at: Duration,
}

impl OledDisplay {
    /// An OLED of which nothing is known yet; nothing is sent before there is something to show.
    pub fn new(wiring: OledWiring) -> Self {
        Self {
            wiring,
            known: [[0; WIDTH]; MAX_BANDS],
            certain: [0; MAX_BANDS],
            light: None,
            target: None,
            phase: Phase::Knock,
            status: Status::Unasked,
            due: Duration::ZERO,
            pause: None,
            retry: FIRST_RETRY,
            heal_at: Duration::ZERO,
            heals: 0,
            check_at: Duration::ZERO,
        }
    }

    fn is_dirty(&self) -> bool {
        self.target.as_ref().is_some_and(|target| {
            self.light != Some(target.light) || (target.light.on && self.next_run(target).is_some())
        })
    }

    /// The first columns of a band that differ, as long as one write may be.
    fn next_run(&self, target: &Picture) -> Option<(usize, usize, usize)> {
        let bands = target.bands().iter().enumerate();
        bands.filter(|(band, _)| *band < self.wiring.size.bands()).find_map(|(band, wanted)| {
            let differs = |column: &usize| {
                self.certain[band] >> column & 1 == 0 || self.known[band][*column] != wanted[*column]
            };
            let first = (0..WIDTH).find(differs)?;
            let longest = (first + self.longest_data()).min(WIDTH);
            let last = (first..longest)
                .filter(differs)
                .try_fold(first, |last, column| if column - last <= BRIDGE { Ok(column) } else { Err(last) });
            let (Ok(last) | Err(last)) = last;
            Some((band, first, last + 1))
        })
    }

    /// Bytes without the address that a transaction may hold.
    fn longest(&self) -> usize {
        let bits = LONGEST_HOLD.as_nanos() * u128::from(self.wiring.bus_hz.max(1)) / 1_000_000_000;
        let bytes = bits.saturating_sub(FRAMING_BITS + BITS_PER_BYTE) / BITS_PER_BYTE;
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// Of these, bytes of a picture.
    fn longest_data(&self) -> usize {
        self.longest().saturating_sub(PIECE_HEAD).max(1)
    }

    /// It may just have got its power.
    fn await_power(&mut self) {
        self.certain = [0; MAX_BANDS];
        (self.light, self.status) = (None, Status::Unasked);
        self.phase = Phase::SetUp(0);
        self.pause = Some(POWER_ON);
    }

    fn knock<B: I2c + ?Sized>(&mut self, bus: &mut B) -> Result<(), B::Error> {
        self.read(bus)?;
        self.await_power();
        Ok(())
    }

    fn set_up<B: I2c + ?Sized>(
        &mut self,
        bus: &mut B,
        now: Duration,
        done: usize,
        again: bool,
    ) -> Result<(), B::Error> {
        let commands = initialising(self.wiring.controller, self.wiring.size, again);
        let (bytes, taken) = bundle(&commands[done..], self.longest());
        bus.write(self.wiring.address, &bytes)?;
        self.phase = match done + taken {
            done if done < commands.len() && again => Phase::SetUpAgain(done),
            done if done < commands.len() => Phase::SetUp(done),
            _ => Phase::Paint,
        };
        if !again {
            (self.heal_at, self.heals) = (now + self.heal_step(), 0);
        }
        Ok(())
    }

    fn heal_step(&self) -> Duration {
        HEAL_PERIOD / u32::try_from(self.wiring.size.bands()).unwrap_or(1)
    }

    /// One band more is written anew, and before the first the set-up too.
    fn heal(&mut self, now: Duration) {
        self.heal_at = now + self.heal_step();
        self.certain[self.heals] = 0;
        if self.heals == 0 {
            self.light = None;
            self.phase = Phase::SetUpAgain(0);
        }
        self.heals = (self.heals + 1) % self.wiring.size.bands();
    }

    fn check_or_paint<B: I2c + ?Sized>(&mut self, bus: &mut B, now: Duration) -> Result<(), B::Error> {
        if now >= self.check_at {
            self.check_at = now + CHECK_PERIOD;
            return self.check(bus);
        }
        let Some(target) = &self.target else { return Ok(()) };
        let light = target.light;
        // A glass that is to be dark is dark at once; one that is to shine does so when all of it is right.
        let run = if light.on { self.next_run(target) } else { None };
        let Some((band, from, to)) = run else { return self.shine(bus, light, now) };
        let data: Vec<u8> = target.bands()[band][from..to].to_vec();
        bus.write(self.wiring.address, &piece(self.wiring.controller, band, from, &data))?;
        self.known[band][from..to].copy_from_slice(&data);
        self.certain[band] |= (from..to).fold(0, |bits, column| bits | 1 << column);
        Ok(())
    }

    fn shine<B: I2c + ?Sized>(&mut self, bus: &mut B, light: Light, now: Duration) -> Result<(), B::Error> {
        let commands = lighting(self.light, light);
        let (bytes, _) = bundle(&commands, usize::MAX);
        if !commands.is_empty() {
            bus.write(self.wiring.address, &bytes)?;
        }
        self.light = Some(light);
        self.retry = FIRST_RETRY;
        if light.on && self.status == Status::Unasked {
            self.check_at = now;
        }
        Ok(())
    }

    /// Whether it is still there, and still on.
    fn check<B: I2c + ?Sized>(&mut self, bus: &mut B) -> Result<(), B::Error> {
        let off = self.read(bus)? & STATUS_OFF != 0;
        let shines = self.light.is_some_and(|light| light.on);
        match self.status {
            _ if !shines => {}
            Status::Unasked => self.status = if off { Status::Ignored } else { Status::Believed },
            Status::Believed if off => self.await_power(),
            Status::Believed | Status::Ignored => {}
        }
        Ok(())
    }

    fn read<B: I2c + ?Sized>(&self, bus: &mut B) -> Result<u8, B::Error> {
        let mut status = [0];
        bus.read(self.wiring.address, &mut status)?;
        Ok(status[0])
    }
}

impl Screen for OledDisplay {
    type Picture = Picture;

    fn show(&mut self, picture: &Picture) {
        self.target = Some(picture.clone());
    }

    fn is_settled(&self) -> bool {
        self.phase == Phase::Paint && !self.is_dirty()
    }

    fn due(&self) -> Option<Duration> {
        self.target.as_ref()?;
        Some(match self.phase {
            _ if self.pause.is_some() => Duration::ZERO,
            Phase::Paint if !self.is_dirty() => self.due.max(self.heal_at.min(self.check_at)),
            _ => self.due,
        })
    }

    fn step<B: I2c + ?Sized>(&mut self, bus: &mut B, now: Duration) -> Result<(), B::Error> {
        if self.due().is_none_or(|due| now < due) {
            return Ok(());
        }
        if let Some(pause) = self.pause.take() {
            self.due = now + pause;
            return Ok(());
        }
        if self.phase == Phase::Paint && now >= self.heal_at {
            self.heal(now);
        }
        let done = match self.phase {
            Phase::Knock => self.knock(bus),
            Phase::SetUp(done) => self.set_up(bus, now, done, false),
            Phase::SetUpAgain(done) => self.set_up(bus, now, done, true),
            Phase::Paint => self.check_or_paint(bus, now),
        };
        if done.is_err() {
            self.phase = Phase::Knock;
            self.due = now + self.retry;
            self.retry = (self.retry * 2).min(LAST_RETRY);
        }
        done
    }
}

#[cfg(test)]
mod tests;

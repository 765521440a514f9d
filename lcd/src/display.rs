//! Keeps a panel showing what it should, whatever happens to it.
//!
//! [`Display::show`] says what to show; [`Display::step`] does a little of what is left to be done on the bus, at
//! most one write of 5 ms, and [`Display::due`] says when it wants to be called again. So whoever owns the bus
//! decides what comes first, and reads its meters in between. Time is a parameter, since any fixed moment.
//!
//! A panel is never asked what it shows. It is initialised and painted anew after every fault of the bus, every
//! [`HEAL_PERIOD`], and as soon as the expander's port reads as it does after power-on, because then the panel has
//! lost its power for a moment. All of this writes over what stands there and clears nothing, so that
//! nobody sees it.
//!
//! Invariant: only the configured address is ever spoken to, and nothing is written before the first `show`.

pub(crate) mod contents;

use std::time::Duration;

use embedded_hal::i2c::I2c;

use crate::backpack::PinMap;
use crate::driver::recorder::{Initialising, initialising, record};
use crate::driver::squeeze::Port;
use crate::driver::{FIRST_WAIT, HOME, ORDINARY, POWER_ON, Piece, SECOND_WAIT};
use crate::screen::{FIRST_RETRY, LAST_RETRY};
use crate::{Backlight, Frame, Size};
use contents::{Contents, Target};

/// How often a panel is initialised and painted anew although nothing is known to be wrong.
pub const HEAL_PERIOD: Duration = Duration::from_secs(10);
/// How often the expander's port is read while there is nothing to write; before a write, it is read anyway.
const CHECK_PERIOD: Duration = Duration::from_secs(1);

/// Where a panel is and how it is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wiring {
    /// The expander's I2C address, 7 bits.
    pub address: u8,
    /// Which bit of the expander is which pin.
    pub pins: PinMap,
    /// Bits per second on the bus: it sets the transactions' length and the idle bytes on a fast bus. One that
    /// is slower than this is safe, one that is faster is not.
    pub bus_hz: u32,
    /// The panel's size. One controller has 40 columns in two rows or 20 in four; cells beyond stay unwritten.
    pub size: Size,
}

/// The step that the panel is due for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// See whether anything answers.
    Knock,
    /// The first of three 0x3.
    Wake,
    /// The other two and the rest of the initialising, of which this many pieces are done.
    SetUp(usize),
    /// Write the cells and glyphs that differ from what is shown.
    Paint,
}

/// A panel and what it should show.
#[derive(Debug, Clone)]
pub struct Display {
    wiring: Wiring,
    initialising: Initialising,
    port: Port,
    known: Contents,
    target: Option<Target>,
    phase: Phase,
    due: Duration,
    /// A wait that begins with the next call, which is certainly after the end of the last transaction.
    pause: Option<Duration>,
    retry: Duration,
    heal_at: Duration,
    check_at: Duration,
    /// Whether the port has been read since the last change was painted completely.
    checked: bool,
}

impl Display {
    /// A display of which nothing is known yet; nothing is sent before there is something to show.
    pub fn new(wiring: Wiring) -> Self {
        Self {
            wiring,
            initialising: initialising(),
            port: Port::new(wiring.pins, wiring.bus_hz),
            known: Contents::unknown(),
            target: None,
            phase: Phase::Knock,
            due: Duration::ZERO,
            pause: None,
            retry: FIRST_RETRY,
            heal_at: Duration::ZERO,
            check_at: Duration::ZERO,
            checked: false,
        }
    }

    /// From now on this is what the panel should show. A frame of another size is cut or filled with blanks.
    /// Dim is lit: the light can only be switched.
    pub fn show(&mut self, frame: &Frame) {
        let target = Target::of(frame, self.wiring.size, &self.known, self.target.as_ref());
        self.target = Some(target);
        self.port.backlight = frame.backlight() != Backlight::Off;
    }

    /// Whether everything has been sent that the last frame needs, and no fault has come since.
    pub fn is_settled(&self) -> bool {
        self.phase == Phase::Paint && !self.is_dirty()
    }

    /// When [`Display::step`] has something to do; `None` as long as there is nothing to show. A moment in the past
    /// means at once.
    pub fn due(&self) -> Option<Duration> {
        self.target.as_ref()?;
        Some(match self.phase {
            _ if self.pause.is_some() => Duration::ZERO,
            Phase::Paint if self.is_dirty() => self.due,
            Phase::Paint => self.due.max(self.heal_at.min(self.check_at)),
            _ => self.due,
        })
    }

    /// Does what is due: at most one write of 5 ms, or of six bytes with the address where those take longer, and the
    /// reading of one byte before it. `now` is the time at the call.
    ///
    /// An error is the bus's own; it has been taken care of, and says only that the panel is not to be seen now.
    pub fn step<B: I2c + ?Sized>(&mut self, bus: &mut B, now: Duration) -> Result<(), B::Error> {
        if self.due().is_none_or(|due| now < due) {
            return Ok(());
        }
        if let Some(pause) = self.pause.take() {
            self.due = now + pause;
            return Ok(());
        }
        let done = match self.phase {
            Phase::Knock => self.knock(bus),
            Phase::Wake => self.wake(bus),
            Phase::SetUp(done) => self.set_up(bus, now, done),
            Phase::Paint if now >= self.heal_at => self.wake(bus),
            Phase::Paint => self.check_or_paint(bus, now),
        };
        if done.is_err() {
            self.doubt(Phase::Knock);
            self.due = now + self.retry;
            self.retry = (self.retry * 2).min(LAST_RETRY);
        }
        done
    }

    fn is_dirty(&self) -> bool {
        let differs = |target| self.known.differs(target);
        self.port.backlight_is_due() || self.target.as_ref().is_some_and(differs)
    }

    /// Nothing is certain any more; what was known of the memories is forgotten when they are painted anew.
    fn doubt(&mut self, next: Phase) {
        self.port.forget();
        self.checked = false;
        self.phase = next;
    }

    /// Something answers again: it may just have got its power.
    fn knock<B: I2c + ?Sized>(&mut self, bus: &mut B) -> Result<(), B::Error> {
        self.read(bus)?;
        self.await_power();
        Ok(())
    }

    fn await_power(&mut self) {
        self.doubt(Phase::Wake);
        self.pause = Some(POWER_ON);
    }

    /// Brings E down and sends the first 0x3, which ends whatever byte was begun.
    fn wake<B: I2c + ?Sized>(&mut self, bus: &mut B) -> Result<(), B::Error> {
        let read = self.read(bus)?;
        if self.phase == Phase::Paint && !self.port.rests(read) {
            self.await_power();
            return Ok(());
        }
        self.doubt(Phase::SetUp(0));
        let mut bytes = Vec::new();
        self.port.release(&mut bytes, read);
        self.port.nibble(&mut bytes, self.initialising.interface[0]);
        bus.write(self.wiring.address, &bytes)?;
        self.pause = Some(FIRST_WAIT);
        Ok(())
    }

    fn set_up<B: I2c + ?Sized>(&mut self, bus: &mut B, now: Duration, done: usize) -> Result<(), B::Error> {
        let Initialising { interface: [_, second, third, four_bits], function, entry, home } =
            self.initialising;
        let pieces = [
            Piece::Half(second, SECOND_WAIT),
            Piece::Half(third, ORDINARY),
            Piece::Half(four_bits, ORDINARY),
            Piece::Whole(function),
            Piece::Whole(entry),
            Piece::Whole(home),
        ];
        let (bytes, taken) = self.port.transaction(&pieces[done..]);
        bus.write(self.wiring.address, &bytes)?;
        if done + taken < pieces.len() {
            self.phase = Phase::SetUp(done + taken);
        } else {
            self.begin_painting(now);
        }
        Ok(())
    }

    fn begin_painting(&mut self, now: Duration) {
        self.known = Contents::at_home();
        self.pause = Some(HOME);
        self.phase = Phase::Paint;
        self.checked = true;
        self.heal_at = now + HEAL_PERIOD;
        self.check_at = now + CHECK_PERIOD;
    }

    fn check_or_paint<B: I2c + ?Sized>(&mut self, bus: &mut B, now: Duration) -> Result<(), B::Error> {
        self.check_at = now + CHECK_PERIOD;
        if !self.checked || !self.is_dirty() {
            return self.check(bus);
        }
        self.paint(bus)?;
        if !self.is_dirty() {
            self.checked = false;
            self.retry = FIRST_RETRY;
        }
        Ok(())
    }

    fn check<B: I2c + ?Sized>(&mut self, bus: &mut B) -> Result<(), B::Error> {
        let read = self.read(bus)?;
        if self.port.rests(read) {
            self.checked = self.is_dirty();
        } else {
            self.await_power();
        }
        Ok(())
    }

    fn paint<B: I2c + ?Sized>(&mut self, bus: &mut B) -> Result<(), B::Error> {
        let edits = self.target.as_ref().map_or_else(Vec::new, |target| self.known.edits(target));
        let pieces: Vec<_> = record(&edits).into_iter().map(Piece::Whole).collect();
        let (mut bytes, taken) = self.port.transaction(&pieces);
        if bytes.is_empty() {
            self.port.idle(&mut bytes);
        }
        bus.write(self.wiring.address, &bytes)?;
        self.known.apply(&edits[..taken]);
        Ok(())
    }

    fn read<B: I2c + ?Sized>(&mut self, bus: &mut B) -> Result<u8, B::Error> {
        let mut port = [0];
        bus.read(self.wiring.address, &mut port)?;
        Ok(port[0])
    }
}

#[cfg(test)]
mod tests;

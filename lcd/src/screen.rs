//! What whoever owns the bus knows of a panel, whichever kind it is.

use std::time::Duration;

use embedded_hal::i2c::I2c;

use crate::Frame;
use crate::display::Display;

/// Bits of a byte on the bus: eight and the acknowledge.
pub(crate) const BITS_PER_BYTE: u128 = 9;
/// Start and stop, a bit's time each.
pub(crate) const FRAMING_BITS: u128 = 2;
/// The longest time for which a panel may keep the bus: the power meter on it has to be read meanwhile.
pub(crate) const LONGEST_HOLD: Duration = Duration::from_millis(5);
/// How long to wait after the first fault, and after every further one at most: with the time that a panel needs
/// after power-on and the painting, it is back within 3 s.
pub(crate) const FIRST_RETRY: Duration = Duration::from_millis(100);
pub(crate) const LAST_RETRY: Duration = Duration::from_secs(2);

/// A panel on a bus, and what it should show. Time is since any fixed moment.
pub trait Screen {
    /// What it shows.
    type Picture;

    /// From now on this is what it should show.
    fn show(&mut self, picture: &Self::Picture);

    /// Whether everything has been sent that the last picture needs, and no fault has come since.
    fn is_settled(&self) -> bool;

    /// When [`step`](Self::step) has something to do; `None` as long as there is nothing to show. A moment in the past
    /// means at once.
    fn due(&self) -> Option<Duration>;

    /// Does what is due: at most one write of 5 ms, or the shortest that there is on a bus where that takes longer.
    /// `now` is the time at the call. An error is the bus's own; it has been taken care of, and says only that the panel
    /// is not to be seen now.
    fn step<B: I2c + ?Sized>(&mut self, bus: &mut B, now: Duration) -> Result<(), B::Error>;
}

impl Screen for Display {
    type Picture = Frame;

    fn show(&mut self, picture: &Frame) {
        self.show(picture);
    }

    fn is_settled(&self) -> bool {
        self.is_settled()
    }

    fn due(&self) -> Option<Duration> {
        self.due()
    }

    fn step<B: I2c + ?Sized>(&mut self, bus: &mut B, now: Duration) -> Result<(), B::Error> {
        self.step(bus, now)
    }
}

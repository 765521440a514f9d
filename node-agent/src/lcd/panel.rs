//! The panel as the thread that owns its bus sees it: when it wants the bus, and one little step at a time.
//!
//! Invariant: a panel takes no more than [`HOLD`] of the bus at a time as long as the bus works; after a transfer
//! that took long it stays away for nine times as long, so that a broken panel costs the meters a tenth of
//! their bus at most.

use std::time::Duration;

use picollect_lcd::display::{Display, Wiring};
use picollect_lcd::oled::Picture;
use picollect_lcd::oled::display::{OledDisplay, OledWiring};
use picollect_lcd::screen::Screen;

use super::frames::Frames;
use picollect_board::i2c::{AnyBus, BusError, EBUSY};
use picollect_metering::bus::Guest;

/// The longest time for which a step holds the bus (`picollect_lcd::display`), with the time that the kernel
/// needs before and after.
const HOLD: Duration = Duration::from_millis(7);
/// A step that took longer than this met a bus that somebody holds.
const SLOW: Duration = Duration::from_millis(50);
/// How long to wait before a bus that cannot be opened is tried again.
const REOPEN: Duration = Duration::from_secs(2);

/// The panel on a bus, of characters or of dots.
pub struct Panel<S: Screen = Display> {
    address: u8,
    display: S,
    frames: Frames<S::Picture>,
    rests_until: Duration,
    /// What the log was last told: `None` is that all is well.
    complained: Option<BusError>,
}

impl Panel {
    /// A panel that is told nothing yet and shows nothing.
    pub fn new(wiring: Wiring, frames: Frames) -> Self {
        Self::of(wiring.address, Display::new(wiring), frames)
    }
}

impl Panel<OledDisplay> {
    /// An OLED that is told nothing yet and shows nothing.
    pub fn oled(wiring: OledWiring, frames: Frames<Picture>) -> Self {
        Self::of(wiring.address, OledDisplay::new(wiring), frames)
    }
}

impl<S: Screen> Panel<S> {
    fn of(address: u8, display: S, frames: Frames<S::Picture>) -> Self {
        Self { address, display, frames, rests_until: Duration::ZERO, complained: None }
    }

    /// Says so once when it goes wrong, and once when the panel is right again.
    fn note(&mut self, done: Result<(), BusError>) {
        let address = format!("{:#04x}", self.address);
        match done {
            Err(error) if self.complained != Some(error) => {
                self.complained = Some(error);
                let remedy = match error.errno {
                    Some(EBUSY) => {
                        "a kernel driver owns the panel: in [lcd], write device = '/dev/lcd' in place of the address, or remove the driver's overlay"
                    }
                    _ => error.remedy(),
                };
                tracing::warn!(panel = address, %error, remedy, "the panel does not answer");
            }
            Ok(()) if self.display.is_settled() && self.complained.take().is_some() => {
                tracing::info!(panel = address, "the panel is back");
            }
            _ => {}
        }
    }
}

impl<S: Screen + Send> Guest for Panel<S> {
    fn longest_hold(&self) -> Duration {
        HOLD
    }

    /// When the next frame is due.
    fn prepare_due(&self) -> Duration {
        self.frames.due()
    }

    fn step_due(&self) -> Duration {
        self.display.due().map_or(Duration::MAX, |due| due.max(self.rests_until))
    }

    /// Makes the frame of this moment, if it is time. Whatever happens, it is time at most a second later.
    fn prepare(&mut self, now: Duration) {
        if let Some(frame) = self.frames.next(now) {
            self.display.show(&frame);
        }
    }

    fn step(&mut self, bus: &mut AnyBus, now: &dyn Fn() -> Duration) -> Result<(), BusError> {
        let began = now();
        let done = self.display.step(bus, began);
        let ended = now();
        let took = ended.saturating_sub(began);
        if took > SLOW {
            self.rests_until = ended + took * 9;
        }
        self.note(done);
        done
    }

    fn no_bus(&mut self, error: BusError, now: Duration) {
        self.rests_until = now + REOPEN;
        self.note(Err(error));
    }
}

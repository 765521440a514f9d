//! The panel as the thread that owns its bus sees it: when it wants the bus, and one little step at a time.
//!
//! Invariant: a panel takes no more than [`HOLD`] of the bus at a time as long as the bus works; after a transfer
//! that took long it stays away for nine times as long, so that a broken panel costs the meters a tenth of
//! their bus at most.

use std::sync::mpsc::Receiver;
use std::time::Duration;

use picollect_lcd::display::Display;

use super::face::Face;
use crate::config::lcd::LcdSettings;
use crate::gpio::Press;
use crate::i2c::{AnyBus, BusError, EBUSY};

/// The longest time for which a step holds the bus (`picollect_lcd::display`), with the time that the kernel
/// needs before and after.
pub const HOLD: Duration = Duration::from_millis(7);
/// A step that took longer than this met a bus that somebody holds.
const SLOW: Duration = Duration::from_millis(50);
/// How often the button is asked for; a finger waits no longer than this for its page.
const BUTTON_PERIOD: Duration = Duration::from_millis(100);
/// How long to wait before a bus that cannot be opened is tried again.
const REOPEN: Duration = Duration::from_secs(2);

/// The Unix time in milliseconds, while it is known.
pub type WallTime = Box<dyn Fn() -> Option<i64> + Send>;

/// The panel on a bus.
pub struct Panel {
    address: u8,
    display: Display,
    face: Face,
    presses: Option<Receiver<Press>>,
    wall: WallTime,
    frame_at: Duration,
    rests_until: Duration,
    /// What the log was last told: `None` is that all is well.
    complained: Option<BusError>,
}

impl Panel {
    /// A panel that is told nothing yet and shows nothing.
    pub fn new(settings: &LcdSettings, face: Face, presses: Option<Receiver<Press>>, wall: WallTime) -> Self {
        Self {
            address: settings.wiring.address,
            display: Display::new(settings.wiring),
            face,
            presses,
            wall,
            frame_at: Duration::ZERO,
            rests_until: Duration::ZERO,
            complained: None,
        }
    }

    /// When it wants to be called: for the next frame, which takes no bus,
    pub fn frame_due(&self) -> Duration {
        self.frame_at
    }

    /// and for the next step on the bus.
    pub fn step_due(&self) -> Duration {
        self.display.due().map_or(Duration::MAX, |due| due.max(self.rests_until))
    }

    /// Makes the frame of this moment, if it is time. Whatever happens, it is time at most a second later.
    pub fn refresh(&mut self, now: Duration) {
        let presses = self.presses.as_ref().map_or(0, |presses| presses.try_iter().count());
        for _ in 0..presses {
            self.face.press(now);
        }
        if presses == 0 && now < self.frame_at {
            return;
        }
        self.display.show(&self.face.frame(now, (self.wall)()));
        let stays = self.face.stays();
        let period = if self.presses.is_some() { stays.min(BUTTON_PERIOD) } else { stays };
        self.frame_at = now + period;
    }

    /// One step on the bus; says whether it worked.
    pub fn step(&mut self, bus: &mut AnyBus, now: &dyn Fn() -> Duration) -> Result<(), BusError> {
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

    /// The bus could not be opened.
    pub fn no_bus(&mut self, error: BusError, now: Duration) {
        self.rests_until = now + REOPEN;
        self.note(Err(error));
    }

    /// Says so once when it goes wrong, and once when the panel is right again.
    fn note(&mut self, done: Result<(), BusError>) {
        let address = format!("{:#04x}", self.address);
        match done {
            Err(error) if self.complained != Some(error) => {
                self.complained = Some(error);
                let remedy = match error.errno {
                    Some(EBUSY) => {
                        "a kernel driver owns the panel: it is the kernel's /dev/lcd, remove [lcd]"
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

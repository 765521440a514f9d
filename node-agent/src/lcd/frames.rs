//! A panel's frames when they are due, whoever brings them onto it; with each goes the brightness of its light.

use std::sync::mpsc::Receiver;
use std::time::Duration;

use picollect_lcd::Frame;
use picollect_lcd::oled::Picture;

use super::backlight::Dimmer;
use super::face::Face;
use crate::gpio::Press;

/// How often the button is asked for; a finger waits no longer than this for its page.
const BUTTON_PERIOD: Duration = Duration::from_millis(100);

/// The Unix time in milliseconds, while it is known.
pub type WallTime = Box<dyn Fn() -> Option<i64> + Send>;

/// Draws what is due at a moment of the agent's clock, and of the world's where that is known.
type Draw<P> = fn(&mut Face, Duration, Option<i64>) -> P;

/// What the panel shows over time, as characters or as dots.
pub struct Frames<P = Frame> {
    face: Face,
    draw: Draw<P>,
    presses: Option<Receiver<Press>>,
    wall: WallTime,
    dimmer: Option<Dimmer>,
    due: Duration,
}

impl Frames {
    /// Of this face, turned by this button; the dimmer is for a light that is wired to a PWM.
    pub fn new(face: Face, presses: Option<Receiver<Press>>, wall: WallTime, dimmer: Option<Dimmer>) -> Self {
        Self { face, draw: Face::frame, presses, wall, dimmer, due: Duration::ZERO }
    }
}

impl Frames<Picture> {
    /// The same for an OLED, which is its own light.
    pub fn of_dots(face: Face, presses: Option<Receiver<Press>>, wall: WallTime) -> Self {
        Self { face, draw: Face::picture, presses, wall, dimmer: None, due: Duration::ZERO }
    }
}

impl<P> Frames<P> {
    /// When the next one is due.
    pub fn due(&self) -> Duration {
        self.due
    }

    /// The frame of this moment, if it is time. Whatever happens, it is time at most a second later.
    pub fn next(&mut self, now: Duration) -> Option<P> {
        let presses = self.presses.as_ref().map_or(0, |presses| presses.try_iter().count());
        for _ in 0..presses {
            self.face.press(now);
        }
        if presses == 0 && now < self.due {
            return None;
        }
        let frame = (self.draw)(&mut self.face, now, (self.wall)());
        if let Some(dimmer) = &mut self.dimmer {
            dimmer.set(self.face.brightness(), now);
        }
        let stays = self.face.stays();
        self.due = now + if self.presses.is_some() { stays.min(BUTTON_PERIOD) } else { stays };
        Some(frame)
    }
}

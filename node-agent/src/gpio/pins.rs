//! The pins themselves: what can be done with one, and the ones of a Raspberry Pi.

use std::any::Any;
use std::time::Duration;

/// A pin that changed its level.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Edge {
    /// When, on the kernel's clock since boot.
    pub at: Duration,
    /// From high to low.
    pub falling: bool,
}

/// Which edges are wanted: each one wakes a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// From high to low.
    Falling,
    /// Both, for what is held down.
    Both,
}

/// What is done at each edge, on a thread of the pin's own.
pub(crate) type OnEdge = Box<dyn FnMut(Edge) + Send>;

/// The pins of a board by their BCM numbers.
pub(crate) trait Pins {
    /// Calls back at each wanted edge until what it returns is dropped.
    fn watch(&mut self, pin: u8, wanted: Wanted, on_edge: OnEdge) -> Result<Box<dyn Any>, PinError>;

    /// An output that is off.
    fn led(&mut self, pin: u8) -> Result<Box<dyn Led>, PinError>;
}

pub(crate) trait Led {
    fn set(&mut self, on: bool);
}

/// Why a pin cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PinError {
    /// There are no pins here.
    #[error("this is no Raspberry Pi that is known here")]
    UnknownBoard,
    /// The user may not.
    #[error("no permission for `{0}`: add the agent's user to the group gpio")]
    Denied(String),
    /// The kernel refused the pin; another driver may have it.
    #[error("the kernel refuses: {0}")]
    Refused(String),
}

/// The pins of the board that this program runs on.
pub(crate) struct RaspberryPins(rppal::gpio::Gpio);

impl RaspberryPins {
    pub(crate) fn open() -> Result<Self, PinError> {
        Ok(Self(rppal::gpio::Gpio::new()?))
    }
}

impl Pins for RaspberryPins {
    fn watch(&mut self, pin: u8, wanted: Wanted, mut on_edge: OnEdge) -> Result<Box<dyn Any>, PinError> {
        use rppal::gpio::{Event, Trigger};
        let mut input = self.0.get(pin)?.into_input_pullup();
        let called = move |event: Event| {
            on_edge(Edge { at: event.timestamp, falling: event.trigger == Trigger::FallingEdge });
        };
        let trigger = match wanted {
            Wanted::Falling => Trigger::FallingEdge,
            Wanted::Both => Trigger::Both,
        };
        input.set_async_interrupt(trigger, None, called)?;
        Ok(Box::new(input))
    }

    fn led(&mut self, pin: u8) -> Result<Box<dyn Led>, PinError> {
        Ok(Box::new(self.0.get(pin)?.into_output_low()))
    }
}

impl Led for rppal::gpio::OutputPin {
    fn set(&mut self, on: bool) {
        self.write(on.into());
    }
}

impl From<rppal::gpio::Error> for PinError {
    fn from(error: rppal::gpio::Error) -> Self {
        match error {
            rppal::gpio::Error::UnknownModel => Self::UnknownBoard,
            rppal::gpio::Error::PermissionDenied(file) => Self::Denied(file),
            other => Self::Refused(other.to_string()),
        }
    }
}

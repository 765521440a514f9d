//! `lcd test`: writes one text to a panel that was named on the command line, and says what to look for. What an OLED
//! shows then is [`picollect_lcd::oled::trial`].

use std::time::Duration;

use picollect_lcd::display::Wiring;
use picollect_lcd::screen::Screen;
use picollect_lcd::{Frame, Size};

use picollect_board::i2c::{AnyBus, BusError, EBUSY};

/// A panel that answers has its text long before.
const TIME: Duration = Duration::from_secs(1);

/// The panel did not take the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TrialError {
    /// A driver of the kernel has the address.
    #[error(
        "a driver of the kernel owns {0:#04x}: in [lcd], write device = '/dev/lcd' in place of the address, or remove the driver's overlay"
    )]
    OwnedByKernel(u8),
    /// The bus could not be opened, or refused a transfer.
    #[error("nothing takes a text at {address:#04x}; {}", source.remedy())]
    Bus {
        /// Where the panel was looked for, seven bits.
        address: u8,
        /// What the kernel said.
        source: BusError,
    },
    /// The expander does not read as it was written.
    #[error(
        "what answers at {0:#04x} does not keep what is written to it: it may be no panel's backpack; an OLED wants --driver ssd1306 or sh1106"
    )]
    NotKept(u8),
}

/// The text: the address and the size, the ends of the rows, and signs of the ROM and of our own.
pub fn text(wiring: Wiring) -> Frame {
    let Wiring { address, size, .. } = wiring;
    let Size { columns, rows } = size;
    let mut frame = Frame::blank(size);
    frame.write(0, &format!("picollect {address:#04x}"));
    for row in 1..rows {
        frame.write(row, &format!("{}", row + 1));
    }
    frame.write(1, &format!("{columns}x{rows} äöüß °µ ✓"));
    frame.write_right(rows - 1, "<");
    frame
}

/// Brings the picture onto the panel at this address.
pub fn run<S: Screen>(
    bus: &mut AnyBus,
    address: u8,
    (mut display, picture): (S, &S::Picture),
    now: &dyn Fn() -> Duration,
    wait: &dyn Fn(Duration),
) -> Result<(), TrialError> {
    display.show(picture);
    let until = now() + TIME;
    let mut failed = None;
    while now() < until && !display.is_settled() {
        if let Err(error) = display.step(bus, now()) {
            failed = Some(error);
            if error.errno == Some(EBUSY) {
                return Err(TrialError::OwnedByKernel(address));
            }
        }
        wait(display.due().unwrap_or(until).min(until).saturating_sub(now()));
    }
    match failed {
        _ if display.is_settled() => Ok(()),
        Some(source) => Err(TrialError::Bus { address, source }),
        None => Err(TrialError::NotKept(address)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::lcd;
    use picollect_board::i2c::EREMOTEIO;
    use picollect_i2c_model::i2c_bus::SimulatedBus;
    use picollect_lcd::backpack::PinMap;
    use picollect_lcd::display::Display;
    use picollect_lcd::oled::display::OledDisplay;
    use picollect_lcd::oled::model::OledModel;
    use picollect_lcd::oled::{self, Controller, OledSize};
    use picollect_lcd::panel_model::Panel;

    fn wiring() -> Wiring {
        lcd::wiring(0x27, Size::SMALL, PinMap::USUAL).unwrap()
    }

    fn try_on(bus: &SimulatedBus) -> Result<Frame, TrialError> {
        let (time, text) = (bus.time.clone(), text(wiring()));
        let panel = (Display::new(wiring()), &text);
        run(&mut bus.clone(), 0x27, panel, &|| time.now(), &|wait| {
            time.pass(wait.max(Duration::from_micros(50)));
        })?;
        Ok(text)
    }

    #[test]
    fn an_oled_shows_its_picture_and_nobody_else_is_written_to() {
        for (controller, size) in
            [(Controller::Ssd1306, OledSize::Flat), (Controller::Sh1106, OledSize::Tall)]
        {
            let bus = SimulatedBus::default();
            bus.plug_oled(0x3c, OledModel::new(controller, size, 100_000));
            let wiring = lcd::oled_wiring(0x3c, controller, size).unwrap();
            let (time, picture) = (bus.time.clone(), oled::trial(wiring));
            let panel = (OledDisplay::new(wiring), &picture);
            let wait = |wait: Duration| time.pass(wait.max(Duration::from_micros(50)));
            run(&mut bus.clone(), 0x3c, panel, &|| time.now(), &wait).unwrap();
            assert!(bus.with_oled(|oled| oled.shows(&picture)).unwrap());
            assert!(bus.writes().into_iter().all(|address| address == 0x3c));
        }
    }

    #[test]
    fn a_panel_shows_the_text_and_nobody_else_is_written_to() {
        let bus = SimulatedBus::default();
        bus.plug_panel(0x27, Panel::new(Size::SMALL, wiring().pins, 100_000));
        let text = try_on(&bus).unwrap();
        assert_eq!(text.row(0), "picollect 0x27  ");
        assert_eq!(text.row(1), "16x2 äöüß °µ ✓ <");
        assert!(bus.with_panel(|panel| panel.shows(&text)).unwrap());
        assert!(bus.writes().into_iter().all(|address| address == 0x27));
    }

    #[test]
    fn where_nothing_answers_nothing_is_written_and_the_reason_is_told() {
        let bus = SimulatedBus::default();
        let error = TrialError::Bus { address: 0x27, source: BusError::new(EREMOTEIO) };
        assert_eq!(try_on(&bus), Err(error));
        assert_eq!(bus.writes(), [0; 0]);
        bus.kernel_owns(0x27);
        let told = try_on(&bus).unwrap_err().to_string();
        assert!(told.contains("owns 0x27") && told.contains("/dev/lcd"), "{told}");
    }
}

//! What travels to the controllers, recorded from the crate `ssd1306` (ADR 34).
//!
//! The crate sends each command and each picture in a transaction of its own; here it speaks into a [`Recorder`], and
//! what it said is sent in transactions of our length. Both controllers are written in page mode: a band, a column, and
//! then bytes. The SH1106 knows the same commands but those for the charge pump, the addressing mode and scrolling
//! (Sino Wealth's SH1106 datasheet, version 2.3), has 132 columns, of which the glass shows those from 2 on, and a
//! supply of its own for the glass.

use display_interface::{DataFormat, DisplayError, WriteOnlyDataCommand};
use ssd1306::Ssd1306;
use ssd1306::command::{AddrMode, Command, VcomhLevel};
use ssd1306::mode::BasicMode;
use ssd1306::prelude::{DisplayRotation, DisplaySize, DisplaySize128x32, DisplaySize128x64};

use super::{BAND_ROWS, OledSize};

/// Before one command byte, when more follow than commands: continuation bit set, no data.
const ONE_COMMAND: u8 = 0x80;
/// Before nothing but commands.
const COMMANDS: u8 = 0x00;
/// Before nothing but bytes for the memory.
const DATA: u8 = 0x40;
/// Bytes of a piece of a picture before its data: band, column low, column high, each with what says so, and
/// [`DATA`].
pub(super) const PIECE_HEAD: usize = 7;
/// The commands that switch the glass off and on.
const OFF: u8 = 0xae;
const ON: u8 = 0xaf;
/// Those of its light, which the crate sends in between.
const CONTRAST: u8 = 0x81;
const NOT_INVERTED: u8 = 0xa6;
/// The SH1106's supply for the glass: "DC-DC control mode set", and on.
const PUMP: [u8; 2] = [0xad, 0x8b];

/// Which controller the glass has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Controller {
    /// Solomon Systech's, 128 columns.
    Ssd1306,
    /// Sino Wealth's, 132 columns, of which the middle 128 are seen; on most glasses of 1.3 inch.
    Sh1106,
}

impl Controller {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Ssd1306, Self::Sh1106];

    /// As it is written in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ssd1306 => "ssd1306",
            Self::Sh1106 => "sh1106",
        }
    }

    /// The column of its memory that is seen at the left edge.
    pub(super) fn first_column(self) -> usize {
        match self {
            Self::Ssd1306 => 0,
            Self::Sh1106 => 2,
        }
    }
}

/// How the glass shines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Light {
    /// Whether it shines at all; the memory keeps its picture.
    pub on: bool,
    /// Current of the lit dots, 0 to 255.
    pub contrast: u8,
    /// Whether lit and dark dots change places.
    pub inverted: bool,
}

impl Light {
    /// Half the current that the controllers can: an OLED dims where it is lit, and this is bright enough for a room.
    pub const USUAL: Self = Self { on: true, contrast: 0x7f, inverted: false };

    /// For a brightness of 0, which is off, to 1.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the usual contrast"
    )]
    pub fn of(brightness: f64) -> Self {
        let share = brightness.clamp(0.0, 1.0);
        let contrast = (share * f64::from(Self::USUAL.contrast)).round() as u8;
        Self { on: share > 0.0, contrast, ..Self::USUAL }
    }
}

/// Keeps what a driver says, each command with its arguments as one.
#[derive(Debug, Default)]
struct Recorder {
    commands: Vec<Vec<u8>>,
    data: Vec<u8>,
}

impl WriteOnlyDataCommand for Recorder {
    fn send_commands(&mut self, command: DataFormat<'_>) -> Result<(), DisplayError> {
        self.commands.push(bytes(&command)?.to_vec());
        Ok(())
    }

    fn send_data(&mut self, data: DataFormat<'_>) -> Result<(), DisplayError> {
        self.data.extend_from_slice(bytes(&data)?);
        Ok(())
    }
}

fn bytes<'a>(format: &DataFormat<'a>) -> Result<&'a [u8], DisplayError> {
    match *format {
        DataFormat::U8(bytes) => Ok(bytes),
        _ => Err(DisplayError::DataFormatNotImplemented),
    }
}

/// A recorder takes all that the crate sends, which is bytes.
fn recorded(result: Result<(), DisplayError>) {
    result.expect("a recorder does not fail");
}

/// What sets the controller up, one command after the other. The glass stays off until its picture is right; where it
/// is on already (`lit`), it stays on.
pub(super) fn initialising(controller: Controller, size: OledSize, lit: bool) -> Vec<Vec<u8>> {
    let mut commands = match (controller, size) {
        (Controller::Ssd1306, OledSize::Tall) => ssd1306(DisplaySize128x64),
        (Controller::Ssd1306, OledSize::Flat) => ssd1306(DisplaySize128x32),
        (Controller::Sh1106, _) => sh1106(size),
    };
    // The light has its own commands, which come last.
    let ours =
        |command: &[u8]| matches!(command, [ON | NOT_INVERTED] | [CONTRAST, _]) || (lit && command == [OFF]);
    commands.retain(|command| !ours(command));
    commands
}

fn ssd1306<S: DisplaySize>(size: S) -> Vec<Vec<u8>> {
    let mut driver = Ssd1306::new(Recorder::default(), size, DisplayRotation::Rotate0);
    recorded(driver.init_with_addr_mode(AddrMode::Page));
    driver.release().commands
}

/// The same without what only the other one knows.
fn sh1106(size: OledSize) -> Vec<Vec<u8>> {
    let rows = u8::try_from(size.height()).unwrap_or(64);
    let mut recorder = Recorder::default();
    let commands = [
        Command::DisplayOn(false),
        Command::DisplayClockDiv(0x8, 0x0),
        Command::Multiplex(rows - 1),
        Command::DisplayOffset(0),
        Command::StartLine(0),
        Command::SegmentRemap(true),
        Command::ReverseComDir(true),
        Command::ComPinConfig(size == OledSize::Tall, false),
        Command::PreChargePeriod(1, 2),
        Command::VcomhDeselect(VcomhLevel::Auto),
        Command::AllOn(false),
    ];
    for command in commands {
        recorded(command.send(&mut recorder));
    }
    recorder.commands.insert(5, PUMP.to_vec());
    recorder.commands
}

/// What changes the light, from one state to another; from an unknown one all of it.
pub(super) fn lighting(from: Option<Light>, to: Light) -> Vec<Vec<u8>> {
    let mut recorder = Recorder::default();
    let mut send = |command: Command| recorded(command.send(&mut recorder));
    if from.is_none_or(|from| from.contrast != to.contrast) {
        send(Command::Contrast(to.contrast));
    }
    if from.is_none_or(|from| from.inverted != to.inverted) {
        send(Command::Invert(to.inverted));
    }
    if from.is_none_or(|from| from.on != to.on) {
        send(Command::DisplayOn(to.on));
    }
    recorder.commands
}

/// One transaction of as many of these commands as fit into so many bytes, at least one, and how many these are.
pub(super) fn bundle(commands: &[Vec<u8>], longest: usize) -> (Vec<u8>, usize) {
    let mut transaction = vec![COMMANDS];
    let mut taken = 0;
    for command in commands {
        if taken > 0 && transaction.len() + command.len() > longest {
            break;
        }
        transaction.extend(command);
        taken += 1;
    }
    (transaction, taken)
}

/// One transaction that writes these bytes into a band from a column of the glass on.
pub(super) fn piece(controller: Controller, band: usize, column: usize, data: &[u8]) -> Vec<u8> {
    let byte = |number: usize| u8::try_from(number).unwrap_or(u8::MAX);
    let mut driver: Ssd1306<_, _, BasicMode> =
        Ssd1306::new(Recorder::default(), DisplaySize128x64, DisplayRotation::Rotate0);
    recorded(driver.set_row(byte(band * BAND_ROWS)));
    recorded(driver.set_column(byte(column + controller.first_column())));
    recorded(driver.draw(data));
    let Recorder { commands, data } = driver.release();
    let mut transaction = Vec::with_capacity(PIECE_HEAD + data.len());
    transaction.extend(commands.concat().into_iter().flat_map(|command| [ONE_COMMAND, command]));
    transaction.push(DATA);
    transaction.extend(data);
    transaction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crates_initialising_is_the_datasheets_and_leaves_the_glass_off() {
        let commands = initialising(Controller::Ssd1306, OledSize::Flat, false).concat();
        let want = [
            0xae, 0xd5, 0x80, 0xa8, 31, 0xd3, 0, 0x40, 0x8d, 0x14, 0x20, 0x02, 0xda, 0x02, 0xa1, 0xc8, 0xd9,
            0x21, 0xdb, 0x40, 0xa4, 0x2e,
        ];
        assert_eq!(commands, want);
        assert_eq!(initialising(Controller::Ssd1306, OledSize::Flat, true).concat(), want[1..]);
    }

    #[test]
    fn the_sh1106_gets_nothing_that_it_does_not_know() {
        let commands = initialising(Controller::Sh1106, OledSize::Tall, false);
        let unknown = [0x20, 0x21, 0x22, 0x26, 0x27, 0x2e, 0x2f, 0x8d];
        assert!(commands.iter().all(|command| !unknown.contains(&command[0])), "{commands:x?}");
        assert!(commands.contains(&PUMP.to_vec()) && commands.contains(&vec![0xda, 0x12]));
    }

    #[test]
    fn a_piece_is_one_transaction_that_says_where_it_belongs() {
        let ssd1306 = piece(Controller::Ssd1306, 3, 0x25, &[1, 2, 3]);
        assert_eq!(ssd1306, [0x80, 0xb3, 0x80, 0x05, 0x80, 0x12, 0x40, 1, 2, 3]);
        assert_eq!(ssd1306.len(), PIECE_HEAD + 3);
        let sh1106 = piece(Controller::Sh1106, 7, 126, &[9, 9]);
        assert_eq!(sh1106, [0x80, 0xb7, 0x80, 0x00, 0x80, 0x18, 0x40, 9, 9]);
    }

    #[test]
    fn only_what_changes_of_the_light_is_sent_and_commands_are_never_cut() {
        let usual = Light::USUAL;
        assert_eq!(lighting(Some(usual), Light { inverted: true, ..usual }), [[0xa7]]);
        assert_eq!(lighting(Some(usual), usual), [[0; 0]; 0]);
        assert_eq!(lighting(None, Light::of(0.0)).concat(), [0x81, 0, 0xa6, 0xae]);
        let commands = lighting(None, usual);
        assert_eq!(bundle(&commands, 4), (vec![0, 0x81, 0x7f, 0xa6], 2));
        assert_eq!(bundle(&commands, 1), (vec![0, 0x81, 0x7f], 1));
    }
}

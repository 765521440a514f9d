//! An OLED at its registers: an SSD1306 or SH1106 fed with the bytes of I2C transactions. It has the dots that would
//! shine, and it notes every rule of the datasheets that the feeder breaks.
//!
//! Facts: Solomon Systech's SSD1306 datasheet, revision 1.1 (tables 9 and 10, sections 8.1.5 and 10.1), and Sino
//! Wealth's SH1106 datasheet, version 2.3. Time passes with the bits on the bus, and by [`OledModel::wait`].
//!
//! Simplified: a glass shines at once and not after the 100 ms that its supply takes; scrolling is a broken rule; the
//! timing of the oscillator is taken and has no effect.

use std::time::Duration;

use super::{BAND_ROWS, Controller, Light, MAX_BANDS, OledSize, Picture, WIDTH};
use crate::panel_model::{BITS_PER_BYTE, Slave, next_noise};

/// Columns of the larger memory, the SH1106's.
const MAX_COLUMNS: usize = 132;
/// How many broken rules are kept; a test that made more has seen enough.
const MAX_BROKEN: usize = 1000;

/// A rule of the datasheets that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broken {
    /// A command that this controller does not have.
    Unknown(u8),
    /// A control byte with bits set that have to be zero.
    Control(u8),
    /// The transaction ended between a command and its argument.
    Argument(u8),
    /// A band or a column that the memory does not have.
    Outside,
    /// More bytes for the memory than its band has columns left: they wrap around or are lost.
    Overrun,
    /// The glass was switched on while its own supply was off.
    NoSupply,
    /// The glass was switched on with other wiring or rows than its own: its rows are mixed up.
    WrongGlass,
}

/// A simulated OLED.
#[derive(Debug, Clone)]
pub struct OledModel {
    controller: Controller,
    size: OledSize,
    bit_time: Duration,
    now: Duration,
    memory: [[u8; MAX_COLUMNS]; MAX_BANDS],
    registers: Registers,
    /// A control byte was taken that says what the next bytes are.
    part: Part,
    /// A command whose argument is still to come.
    waiting: Option<u8>,
    broken: Vec<Broken>,
    noise: u64,
    tells_status: bool,
}

/// What the next byte of a transaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Control,
    OneCommand,
    OneDatum,
    Commands,
    Data,
}

/// As after a reset.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the controller")]
struct Registers {
    band: usize,
    column: usize,
    on: bool,
    inverted: bool,
    all_on: bool,
    contrast: u8,
    pump: bool,
    rows: u8,
    start_line: u8,
    offset: u8,
    remapped: bool,
    scans_down: bool,
    alternative: bool,
    page_mode: bool,
}

impl Registers {
    /// After power-on. The SH1106's supply is on then, the SSD1306's off.
    fn reset(controller: Controller) -> Self {
        Self {
            band: 0,
            column: 0,
            on: false,
            inverted: false,
            all_on: false,
            contrast: 0x7f,
            pump: controller == Controller::Sh1106,
            rows: 63,
            start_line: 0,
            offset: 0,
            remapped: false,
            scans_down: false,
            alternative: true,
            page_mode: true,
        }
    }
}

impl OledModel {
    /// An OLED that has just got its power, on a bus of this many bits per second.
    pub fn new(controller: Controller, size: OledSize, bus_hz: u32) -> Self {
        let mut model = Self {
            controller,
            size,
            bit_time: Duration::from_secs(1) / bus_hz.max(1),
            now: Duration::ZERO,
            memory: [[0; MAX_COLUMNS]; MAX_BANDS],
            registers: Registers::reset(controller),
            part: Part::Control,
            waiting: None,
            broken: Vec::new(),
            noise: 0x9e37_79b9_7f4a_7c15,
            tells_status: true,
        };
        model.power_cycle();
        model
    }

    /// One of the modules whose controller cannot pull the data line down: it reads as ones.
    #[must_use]
    pub fn without_status(self) -> Self {
        Self { tells_status: false, ..self }
    }

    /// Whether the glass shines where its dots are set.
    pub fn is_on(&self) -> bool {
        self.registers.on && self.registers.pump
    }

    /// What is seen: the dots of the glass with the module's usual wiring, upright, and its light.
    pub fn seen(&self) -> Picture {
        let mut picture = Picture::blank(self.size);
        let Registers { contrast, inverted, all_on, .. } = self.registers;
        picture.light = Light { on: self.is_on(), contrast, inverted };
        for y in 0..self.size.height() {
            for x in 0..WIDTH {
                picture.set(x, y, all_on || self.dot(x, y));
            }
        }
        picture
    }

    /// Whether exactly this picture is seen; of a dark glass only that it is dark.
    pub fn shows(&self, picture: &Picture) -> bool {
        let seen = self.seen();
        if picture.light.on { seen == *picture } else { !seen.light.on }
    }

    /// What was broken since it was last asked, the first thousand in order.
    pub fn broken(&mut self) -> Vec<Broken> {
        std::mem::take(&mut self.broken)
    }

    /// A whole write transaction: the address, which takes its time, then these bytes.
    pub fn write(&mut self, bytes: &[u8]) {
        self.write_part(bytes);
        self.end();
    }

    /// A whole read transaction: the status.
    pub fn read(&mut self) -> u8 {
        self.pass_bits(2 + 2 * BITS_PER_BYTE);
        let off = u8::from(!self.registers.on) << 6;
        match self.controller {
            _ if !self.tells_status => u8::MAX,
            Controller::Ssd1306 => off | 0x03,
            Controller::Sh1106 => off | 0x08,
        }
    }

    /// Power is lost and comes back.
    pub fn power_cycle(&mut self) {
        let noise = &mut self.noise;
        self.memory.iter_mut().flatten().for_each(|byte| *byte = next_noise(noise));
        self.registers = Registers::reset(self.controller);
        (self.part, self.waiting) = (Part::Control, None);
    }

    /// The time since it was made.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// Lets time pass without anything on the bus.
    pub fn wait(&mut self, time: Duration) {
        self.now += time;
    }

    fn pass_bits(&mut self, bits: u32) {
        self.now += self.bit_time * bits;
    }

    fn columns(&self) -> usize {
        match self.controller {
            Controller::Ssd1306 => WIDTH,
            Controller::Sh1106 => MAX_COLUMNS,
        }
    }

    /// The memory's dot behind one of the glass.
    fn dot(&self, x: usize, y: usize) -> bool {
        let Registers { remapped, scans_down, start_line, offset, .. } = self.registers;
        let segment = x + (self.columns() - WIDTH) / 2;
        let column = if remapped { segment } else { self.columns() - 1 - segment };
        let height = self.size.height();
        let line = if self.fits() { y } else { y / 2 + y % 2 * (height / 2) };
        let line = if scans_down { line } else { height - 1 - line };
        let row = (line + usize::from(start_line) + usize::from(offset)) % (MAX_BANDS * BAND_ROWS);
        self.memory[row / BAND_ROWS][column] >> (row % BAND_ROWS) & 1 == 1
    }

    /// Whether rows and their wiring are set as this glass has them.
    fn fits(&self) -> bool {
        let Registers { alternative, rows, .. } = self.registers;
        alternative == (self.size == OledSize::Tall) && usize::from(rows) + 1 == self.size.height()
    }

    fn take(&mut self, byte: u8) {
        match self.part {
            Part::Control => {
                if byte & 0x3f != 0 {
                    self.note(Broken::Control(byte));
                }
                self.part = match (byte & 0x80 != 0, byte & 0x40 != 0) {
                    (true, false) => Part::OneCommand,
                    (true, true) => Part::OneDatum,
                    (false, false) => Part::Commands,
                    (false, true) => Part::Data,
                };
            }
            Part::OneCommand => {
                self.command(byte);
                self.part = Part::Control;
            }
            Part::OneDatum => {
                self.store(byte);
                self.part = Part::Control;
            }
            Part::Commands => self.command(byte),
            Part::Data => self.store(byte),
        }
    }

    fn store(&mut self, byte: u8) {
        let (band, column) = (self.registers.band, self.registers.column);
        if column >= self.columns() {
            return self.note(Broken::Overrun);
        }
        self.memory[band][column] = byte;
        self.registers.column += 1;
    }

    fn command(&mut self, byte: u8) {
        if let Some(command) = self.waiting.take() {
            return self.argument(command, byte);
        }
        let Registers { column, .. } = self.registers;
        let ssd1306 = self.controller == Controller::Ssd1306;
        match byte {
            0x00..=0x0f => self.registers.column = column & !0x0f | usize::from(byte),
            0x10..=0x1f => self.registers.column = column & 0x0f | usize::from(byte & 0x0f) << 4,
            0x20 | 0x8d if ssd1306 => self.waiting = Some(byte),
            0xad if !ssd1306 => self.waiting = Some(byte),
            0x81 | 0xa8 | 0xd3 | 0xd5 | 0xd9 | 0xda | 0xdb => self.waiting = Some(byte),
            0x2e if ssd1306 => {}
            0x40..=0x7f => self.registers.start_line = byte & 0x3f,
            0xa0 | 0xa1 => self.registers.remapped = byte == 0xa1,
            0xa4 | 0xa5 => self.registers.all_on = byte == 0xa5,
            0xa6 | 0xa7 => self.registers.inverted = byte == 0xa7,
            0xae => self.registers.on = false,
            0xaf => self.switch_on(),
            0xb0..=0xb7 => self.registers.band = usize::from(byte & 7),
            0xb8..=0xbf => self.note(Broken::Outside),
            0xc0..=0xcf => self.registers.scans_down = byte & 8 != 0,
            0xe3 => {}
            _ => self.note(Broken::Unknown(byte)),
        }
    }

    fn switch_on(&mut self) {
        self.registers.on = true;
        if !self.registers.pump {
            self.note(Broken::NoSupply);
        }
        if !self.fits() {
            self.note(Broken::WrongGlass);
        }
    }

    fn argument(&mut self, command: u8, byte: u8) {
        let registers = &mut self.registers;
        match command {
            0x81 => registers.contrast = byte,
            0xa8 => registers.rows = byte & 0x3f,
            0xd3 => registers.offset = byte & 0x3f,
            0xda => registers.alternative = byte & 0x10 != 0,
            0x8d => registers.pump = byte & 0x04 != 0,
            0xad => registers.pump = byte & 0x01 != 0,
            0x20 => {
                registers.page_mode = byte & 3 == 2;
                if !registers.page_mode {
                    self.note(Broken::Unknown(command));
                }
            }
            // Clock, precharge and levels are the glass's own affair.
            _ => {}
        }
    }

    fn note(&mut self, broken: Broken) {
        if self.broken.len() < MAX_BROKEN {
            self.broken.push(broken);
        }
    }
}

impl Slave for OledModel {
    fn write_part(&mut self, bytes: &[u8]) {
        self.pass_bits(1 + BITS_PER_BYTE);
        self.part = Part::Control;
        for &byte in bytes {
            self.pass_bits(BITS_PER_BYTE);
            self.take(byte);
        }
    }

    fn end(&mut self) {
        self.pass_bits(1);
        if let Some(command) = self.waiting.take() {
            self.note(Broken::Argument(command));
        }
    }

    fn read(&mut self) -> u8 {
        self.read()
    }

    fn pass_bits(&mut self, bits: u32) {
        self.pass_bits(bits);
    }

    fn power_cycle(&mut self) {
        self.power_cycle();
    }

    fn now(&self) -> Duration {
        self.now()
    }

    fn wait(&mut self, time: Duration) {
        self.wait(time);
    }
}

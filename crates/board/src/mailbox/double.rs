//! A firmware for tests: it answers a property buffer word for word as a Pi's does.

use std::io;
use std::sync::{Arc, Mutex};

use super::Mailbox;

/// How the next calls fail.
#[derive(Debug, Clone, Copy)]
pub enum Failure {
    /// The kernel refuses with this error number.
    Errno(i32),
    /// The firmware answers the whole buffer with this code.
    Code(u32),
    /// The firmware leaves every tag as it was.
    UnknownTag,
    /// Every answer is one byte long.
    Short,
    /// The answer is to another tag.
    OtherTag,
    /// The answer is about another clock, rail or thermometer.
    OtherNumber,
}

/// What the board would measure.
#[derive(Debug)]
pub struct State {
    /// Temperature that the firmware answers, in thousandths of a degree Celsius.
    pub temperature_millicelsius: i32,
    /// The Arm cores' real clock.
    pub arm_hz: u32,
    /// The highest clock that is configured.
    pub arm_max_hz: u32,
    /// The core's supply voltage.
    pub core_microvolts: u32,
    /// The bits of GET_THROTTLED.
    pub throttled: u32,
    /// The board's revision code.
    pub revision: u32,
    /// The board's serial number.
    pub serial: u64,
    /// Text commands with their answers; the end of the text is the answer's own business.
    pub commands: Vec<(&'static str, Vec<u8>)>,
    /// `None` is a firmware that answers.
    pub failure: Option<Failure>,
    /// How often it was called.
    pub calls: usize,
}

/// A board's firmware; a clone speaks to the same one.
#[derive(Debug, Clone)]
pub struct FakeFirmware(Arc<Mutex<State>>);

const ANSWERED: u32 = 0x8000_0000;

impl FakeFirmware {
    /// A Pi 4 Model B that has seen too low a voltage.
    pub fn pi4() -> Self {
        Self(Arc::new(Mutex::new(State {
            temperature_millicelsius: 48_312,
            arm_hz: 600_117_184,
            arm_max_hz: 1_500_000_000,
            core_microvolts: 862_500,
            throttled: 0x5_0000,
            revision: 0x00c0_3114,
            serial: 0x1000_0000_c0ff_ee42,
            commands: vec![("measure_temp", b"temp=48.3'C\0".to_vec())],
            failure: None,
            calls: 0,
        })))
    }

    /// Changes what it would measure.
    ///
    /// # Panics
    ///
    /// After a panic in another `set` or `get`.
    pub fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.lock().unwrap());
    }

    /// Looks at what it would measure.
    ///
    /// # Panics
    ///
    /// After a panic in another `set` or `get`.
    pub fn get<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        look(&self.0.lock().unwrap())
    }
}

impl Mailbox for FakeFirmware {
    fn call(&mut self, buffer: &mut [u32]) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.calls += 1;
        assert_eq!(buffer[0] as usize, size_of_val(buffer), "the first word is the length");
        assert_eq!((buffer[1], buffer.last()), (0, Some(&0)), "a request, and its end tag");
        match state.failure {
            Some(Failure::Errno(number)) => return Err(io::Error::from_raw_os_error(number)),
            Some(Failure::Code(code)) => buffer[1] = code,
            Some(Failure::UnknownTag) => buffer[1] = 0x8000_0000,
            failure => {
                buffer[1] = 0x8000_0000;
                state.answer_tags(&mut buffer[2..]);
                match failure {
                    Some(Failure::Short) => buffer[4] = ANSWERED | 1,
                    Some(Failure::OtherTag) => buffer[2] ^= 1,
                    Some(Failure::OtherNumber) => buffer[5] ^= 1,
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

impl State {
    /// Tag, room in bytes, length, value; until the end tag.
    fn answer_tags(&mut self, mut rest: &mut [u32]) {
        while rest[0] != 0 {
            let room = rest[1] as usize;
            let (tag, after) = rest.split_at_mut(3 + room.div_ceil(4));
            let value = match tag[0] {
                // Here the error word stands before a text that has the whole room for itself, so
                // the value ends one word behind its room.
                0x0003_0080 => {
                    let answer = self.answer_command(&tag[3..]);
                    let (last, inside) = answer.split_last().unwrap();
                    tag[3..].copy_from_slice(inside);
                    after[0] = *last;
                    tag[2] = ANSWERED | u32::try_from(room).unwrap();
                    return;
                }
                number => self.answer(number, &tag[3..]),
            };
            if let Some(value) = value {
                tag[2] = ANSWERED | u32::try_from(value.len() * 4).unwrap();
                let fits = value.len().min(room / 4);
                tag[3..3 + fits].copy_from_slice(&value[..fits]);
            }
            rest = after;
        }
    }

    fn answer(&mut self, tag: u32, request: &[u32]) -> Option<Vec<u32>> {
        let low = u32::try_from(self.serial & 0xffff_ffff).unwrap();
        let value = match (tag, request) {
            (0x0000_0001, _) => vec![1_739_363_964],
            (0x0001_0002, _) => vec![self.revision],
            (0x0001_0004, _) => vec![low, u32::try_from(self.serial >> 32).unwrap()],
            (0x0003_0003, [1, ..]) => vec![1, self.core_microvolts],
            (0x0003_0003, [rail, ..]) => vec![*rail, 0x8000_0000],
            (0x0003_0004, [3, ..]) => vec![3, self.arm_max_hz],
            (0x0003_0047, [3, ..]) => vec![3, self.arm_hz],
            (0x0003_0004 | 0x0003_0047, [clock, ..]) => vec![*clock, 0],
            (0x0003_0006, [0, ..]) => {
                vec![0, u32::from_ne_bytes(self.temperature_millicelsius.to_ne_bytes())]
            }
            (0x0003_0046, [clear, ..]) => {
                let bits = self.throttled;
                self.throttled &= !((clear & 0xffff) << 16);
                vec![bits]
            }
            _ => return None,
        };
        Some(value)
    }

    /// The error word, and the text in as many words as the request had.
    fn answer_command(&self, request: &[u32]) -> Vec<u32> {
        let asked: Vec<u8> = request[1..].iter().flat_map(|word| word.to_le_bytes()).collect();
        let asked = asked.split(|byte| *byte == 0).next().unwrap();
        let known = self.commands.iter().find(|(name, _)| name.as_bytes() == asked);
        let refused = b"error=1 error_msg=\"Command not registered\"\0";
        let (code, text) = known.map_or((u32::MAX, &refused[..]), |(_, text)| (0, &text[..]));
        let mut words = vec![code];
        words.extend(text.chunks(4).map(|four| {
            let mut padded = [0; 4];
            padded[..four.len()].copy_from_slice(four);
            u32::from_le_bytes(padded)
        }));
        words.resize(request.len() + 1, 0);
        words
    }
}

//! The mailbox property interface of a Raspberry Pi's firmware: temperature, real clock, core voltage,
//! throttle flags, board revision and serial, and the text commands (GENCMD).
//!
//! A call hands the firmware a buffer of 32-bit words and gets it back with the answer in it: length in
//! bytes, code, then a tag (number, room for its value in bytes, length of the answer, value), then the
//! end tag 0 (<https://github.com/raspberrypi/firmware/wiki/Mailbox-property-interface>; the tags are in
//! the kernel's `include/soc/bcm2835/raspberrypi-firmware.h`).
//!
//! Invariant: a value is only what the firmware marked as its answer. Nothing here changes anything in
//! the firmware; above all, its sticky throttle bits are never cleared.

#[cfg(any(test, feature = "fixtures"))]
pub mod double;
mod throttled;
mod vcio;

use std::io;

use picollect_telemetry::NoData;

use crate::attr::no_data;

pub use throttled::Throttled;
pub use vcio::Vcio;

/// Something that takes property buffers to the firmware.
pub trait Mailbox: Send {
    /// Hands the buffer to the firmware, which answers in it. Its first word is its length in bytes.
    fn call(&mut self, buffer: &mut [u32]) -> io::Result<()>;
}

const GET_FIRMWARE_REVISION: u32 = 0x0000_0001;
const GET_BOARD_REVISION: u32 = 0x0001_0002;
const GET_BOARD_SERIAL: u32 = 0x0001_0004;
const GET_VOLTAGE: u32 = 0x0003_0003;
const GET_MAX_CLOCK_RATE: u32 = 0x0003_0004;
const GET_TEMPERATURE: u32 = 0x0003_0006;
const GET_THROTTLED: u32 = 0x0003_0046;
const GET_CLOCK_MEASURED: u32 = 0x0003_0047;
const GENCMD: u32 = 0x0003_0080;

/// Number of the processor's thermometer, the only one there is.
const PROCESSOR: u32 = 0;
/// Number of the Arm cores' clock.
const ARM: u32 = 3;
/// Number of the core's supply.
const CORE: u32 = 1;

/// The code of a whole answer.
const SUCCESS: u32 = 0x8000_0000;
/// In a tag's length: this is an answer. A tag that the firmware does not know comes back without it.
const ANSWERED: u32 = 0x8000_0000;

/// Length, code, and a tag's number, room and length.
const HEADER_WORDS: usize = 5;
/// The longest value of a tag that is not text.
const MAX_VALUE_WORDS: usize = 2;
/// Room for a command and for its answer; the rails of a Pi 5 come near to the 1024 of older programs.
const TEXT_BYTES: usize = 4096;
const TEXT_WORDS: usize = TEXT_BYTES / 4;
/// The command's own code stands before its text.
const TEXT_AT: usize = HEADER_WORDS + 1;

/// The firmware could not be asked, or did not give a value.
#[derive(Debug, thiserror::Error)]
pub enum MailboxError {
    /// The device could not be opened, or the kernel refused the call.
    #[error("could not ask the firmware for tag {tag:#010x}")]
    Call {
        /// What was asked for.
        tag: u32,
        /// What the kernel said.
        source: io::Error,
    },
    /// The firmware answered with another code than success.
    #[error("the firmware answered tag {tag:#010x} with code {code:#010x}")]
    Refused {
        /// What was asked for.
        tag: u32,
        /// The code of the answer, which is not that of a whole one.
        code: u32,
    },
    /// This firmware does not have the tag, or this board not the thing.
    #[error("the firmware does not know tag {tag:#010x}")]
    Unknown {
        /// What was asked for.
        tag: u32,
    },
    /// The answer is shorter than a value.
    #[error("the firmware answered tag {tag:#010x} with {bytes} bytes where {wanted} belong")]
    Short {
        /// What was asked for.
        tag: u32,
        /// Length of the answer.
        bytes: u32,
        /// Length of a value.
        wanted: u32,
    },
    /// The answer is not what was asked for.
    #[error("the firmware answered tag {tag:#010x} with {what}")]
    Garbled {
        /// What was asked for.
        tag: u32,
        /// The bytes that came instead.
        what: &'static str,
    },
    /// A text command failed or is not known.
    #[error("the firmware refused the command `{command}` with code {code}: {answer}")]
    Command {
        /// The command as it was sent.
        command: &'static str,
        /// The code of the answer, which is not that of a whole one.
        code: i32,
        /// What the firmware says beside the code; may be empty.
        answer: String,
    },
}

impl MailboxError {
    /// What the collector is told; the full chain is for the local log only.
    pub fn no_data(&self) -> NoData {
        match self {
            Self::Call { source, .. } => no_data(source),
            Self::Unknown { .. } => NoData::Absent,
            Self::Refused { .. } | Self::Command { .. } => NoData::Failed,
            Self::Short { .. } | Self::Garbled { .. } => NoData::Garbled,
        }
    }
}

type Result<T> = std::result::Result<T, MailboxError>;

/// The processor's temperature, m°C.
pub fn temperature_millicelsius(mailbox: &mut dyn Mailbox) -> Result<i32> {
    numbered(mailbox, GET_TEMPERATURE, PROCESSOR).map(signed)
}

/// The clock at which the Arm cores really run, Hz.
pub fn arm_measured_hz(mailbox: &mut dyn Mailbox) -> Result<u32> {
    not_zero(GET_CLOCK_MEASURED, numbered(mailbox, GET_CLOCK_MEASURED, ARM)?)
}

/// The highest clock at which the Arm cores may run, Hz.
pub fn arm_max_hz(mailbox: &mut dyn Mailbox) -> Result<u32> {
    not_zero(GET_MAX_CLOCK_RATE, numbered(mailbox, GET_MAX_CLOCK_RATE, ARM)?)
}

/// The core's voltage as the firmware set it, µV (the wiki's older unit of 25 mV is long gone:
/// <https://github.com/raspberrypi/firmware/issues/993>).
pub fn core_microvolts(mailbox: &mut dyn Mailbox) -> Result<u32> {
    const NO_SUCH_RAIL: u32 = 0x8000_0000;
    match numbered(mailbox, GET_VOLTAGE, CORE)? {
        NO_SUCH_RAIL => Err(MailboxError::Unknown { tag: GET_VOLTAGE }),
        microvolts => not_zero(GET_VOLTAGE, microvolts),
    }
}

/// The throttle flags. The value sent along names the sticky bits to clear: it stays 0.
pub fn throttled(mailbox: &mut dyn Mailbox) -> Result<Throttled> {
    ask(mailbox, GET_THROTTLED, [0]).map(|[bits]| Throttled(bits))
}

/// The firmware's revision: the Unix time at which it was built.
pub fn firmware_revision(mailbox: &mut dyn Mailbox) -> Result<u32> {
    let [revision] = ask(mailbox, GET_FIRMWARE_REVISION, [0])?;
    not_zero(GET_FIRMWARE_REVISION, revision)
}

/// The board's revision code.
pub fn board_revision(mailbox: &mut dyn Mailbox) -> Result<u32> {
    ask(mailbox, GET_BOARD_REVISION, [0]).map(|[code]| code)
}

/// The board's serial number.
pub fn board_serial(mailbox: &mut dyn Mailbox) -> Result<u64> {
    ask(mailbox, GET_BOARD_SERIAL, [0, 0]).map(|[low, high]| u64::from(high) << 32 | u64::from(low))
}

/// What the firmware says to a text command; `text` is reused.
pub fn gencmd(mailbox: &mut dyn Mailbox, command: &'static str, text: &mut String) -> Result<()> {
    debug_assert!(command.len() < TEXT_BYTES);
    let mut buffer = [0; TEXT_AT + TEXT_WORDS + 1];
    for (word, bytes) in buffer[TEXT_AT..].iter_mut().zip(command.as_bytes().chunks(4)) {
        let mut padded = [0; 4];
        padded[..bytes.len()].copy_from_slice(bytes);
        *word = u32::from_le_bytes(padded);
    }
    exchange(mailbox, GENCMD, &mut buffer, bytes(TEXT_WORDS), bytes(1))?;
    decode_text(&buffer[TEXT_AT..TEXT_AT + TEXT_WORDS], text)?;
    let code = signed(buffer[HEADER_WORDS]);
    if code != 0 || text.starts_with("error=") {
        return Err(MailboxError::Command { command, code, answer: text.chars().take(80).collect() });
    }
    Ok(())
}

fn decode_text(words: &[u32], text: &mut String) -> Result<()> {
    let mut bytes = [0; TEXT_BYTES];
    for (four, word) in bytes.chunks_mut(4).zip(words) {
        four.copy_from_slice(&word.to_le_bytes());
    }
    let garbled = |what| MailboxError::Garbled { tag: GENCMD, what };
    let end = bytes.iter().position(|byte| *byte == 0).ok_or(garbled("a text without an end"))?;
    let read = std::str::from_utf8(&bytes[..end]).map_err(|_| garbled("a text that is not UTF-8"))?;
    text.clear();
    text.push_str(read);
    Ok(())
}

/// The value of a thing that has a number, which the firmware repeats.
fn numbered(mailbox: &mut dyn Mailbox, tag: u32, number: u32) -> Result<u32> {
    let [answered, value] = ask(mailbox, tag, [number, 0])?;
    if answered != number {
        return Err(MailboxError::Garbled { tag, what: "the value of another thing" });
    }
    Ok(value)
}

/// A clock or a rail that is not there has the value 0.
fn not_zero(tag: u32, value: u32) -> Result<u32> {
    if value == 0 { Err(MailboxError::Unknown { tag }) } else { Ok(value) }
}

fn ask<const N: usize>(mailbox: &mut dyn Mailbox, tag: u32, request: [u32; N]) -> Result<[u32; N]> {
    const { assert!(N <= MAX_VALUE_WORDS) };
    let mut words = [0; HEADER_WORDS + MAX_VALUE_WORDS + 1];
    let buffer = &mut words[..=HEADER_WORDS + N];
    buffer[HEADER_WORDS..HEADER_WORDS + N].copy_from_slice(&request);
    exchange(mailbox, tag, buffer, bytes(N), bytes(N))?;
    Ok(std::array::from_fn(|index| buffer[HEADER_WORDS + index]))
}

/// Completes the header, calls, and holds the answer against what was asked.
fn exchange(mailbox: &mut dyn Mailbox, tag: u32, buffer: &mut [u32], room: u32, wanted: u32) -> Result<()> {
    let header = [bytes(buffer.len()), 0, tag, room, 0];
    buffer[..HEADER_WORDS].copy_from_slice(&header);
    mailbox.call(buffer).map_err(|source| MailboxError::Call { tag, source })?;
    let (code, answered, length) = (buffer[1], buffer[2], buffer[4]);
    if code != SUCCESS {
        return Err(MailboxError::Refused { tag, code });
    }
    if answered != tag {
        return Err(MailboxError::Garbled { tag, what: "another tag" });
    }
    if length & ANSWERED == 0 {
        return Err(MailboxError::Unknown { tag });
    }
    let bytes = length & !ANSWERED;
    if bytes < wanted { Err(MailboxError::Short { tag, bytes, wanted }) } else { Ok(()) }
}

fn signed(word: u32) -> i32 {
    i32::from_ne_bytes(word.to_ne_bytes())
}

/// The length of so many words.
fn bytes(words: usize) -> u32 {
    u32::try_from(words * 4).expect("a buffer of some kilobytes")
}

#[cfg(test)]
mod tests {
    use super::double::{Failure, FakeFirmware};
    use super::*;

    #[test]
    fn every_value_of_a_pi_4() {
        let mut pi = FakeFirmware::pi4();
        assert_eq!(temperature_millicelsius(&mut pi).unwrap(), 48_312);
        assert_eq!(arm_measured_hz(&mut pi).unwrap(), 600_117_184);
        assert_eq!(arm_max_hz(&mut pi).unwrap(), 1_500_000_000);
        assert_eq!(core_microvolts(&mut pi).unwrap(), 862_500);
        assert_eq!(throttled(&mut pi).unwrap(), Throttled(0x5_0000));
        assert_eq!(firmware_revision(&mut pi).unwrap(), 1_739_363_964);
        assert_eq!(board_revision(&mut pi).unwrap(), 0x00c0_3114);
        assert_eq!(board_serial(&mut pi).unwrap(), 0x1000_0000_c0ff_ee42);
    }

    #[test]
    fn the_words_of_a_call_and_of_its_answer() {
        /// Keeps what was asked and answers as a Pi 4 did.
        struct Recorded(Vec<u32>);
        impl Mailbox for Recorded {
            fn call(&mut self, buffer: &mut [u32]) -> io::Result<()> {
                self.0 = buffer.to_vec();
                buffer.copy_from_slice(&[32, 0x8000_0000, 0x0003_0047, 8, 0x8000_0008, 3, 600_117_184, 0]);
                Ok(())
            }
        }
        let mut recorded = Recorded(Vec::new());
        assert_eq!(arm_measured_hz(&mut recorded).unwrap(), 600_117_184);
        assert_eq!(recorded.0, [32, 0, 0x0003_0047, 8, 0, 3, 0, 0]);
    }

    #[test]
    fn reading_the_flags_leaves_the_sticky_bits_as_they_are() {
        let mut pi = FakeFirmware::pi4();
        pi.set(|state| state.throttled = 0xf_000f);
        for _ in 0..2 {
            assert_eq!(throttled(&mut pi).unwrap(), Throttled(0xf_000f));
        }
        assert_eq!(pi.get(|state| state.throttled), 0xf_000f);
    }

    #[test]
    fn a_temperature_below_zero() {
        let mut pi = FakeFirmware::pi4();
        pi.set(|state| state.temperature_millicelsius = -4_200);
        assert_eq!(temperature_millicelsius(&mut pi).unwrap(), -4_200);
    }

    #[test]
    fn every_failure_is_a_reason_and_never_a_value() {
        let cases = [
            (Failure::Errno(2), NoData::Absent),
            (Failure::Errno(13), NoData::Denied),
            (Failure::Errno(1), NoData::Denied),
            (Failure::Errno(22), NoData::Failed),
            (Failure::Errno(110), NoData::TimedOut),
            (Failure::Code(0x8000_0001), NoData::Failed),
            (Failure::Code(0), NoData::Failed),
            (Failure::UnknownTag, NoData::Absent),
            (Failure::Short, NoData::Garbled),
            (Failure::OtherTag, NoData::Garbled),
        ];
        for (failure, why) in cases {
            let mut pi = FakeFirmware::pi4();
            pi.set(|state| state.failure = Some(failure));
            let mut text = String::new();
            let all = [
                temperature_millicelsius(&mut pi).map(drop),
                arm_measured_hz(&mut pi).map(drop),
                core_microvolts(&mut pi).map(drop),
                throttled(&mut pi).map(drop),
                board_serial(&mut pi).map(drop),
                gencmd(&mut pi, "version", &mut text),
            ];
            for result in all {
                assert_eq!(result.unwrap_err().no_data(), why, "{failure:?}");
            }
        }
    }

    #[test]
    fn a_clock_and_a_rail_that_are_not_there_are_no_zeros() {
        let mut pi = FakeFirmware::pi4();
        pi.set(|state| (state.arm_hz, state.core_microvolts) = (0, 0x8000_0000));
        assert_eq!(arm_measured_hz(&mut pi).unwrap_err().no_data(), NoData::Absent);
        assert_eq!(core_microvolts(&mut pi).unwrap_err().no_data(), NoData::Absent);
        pi.set(|state| state.failure = Some(Failure::OtherNumber));
        assert_eq!(temperature_millicelsius(&mut pi).unwrap_err().no_data(), NoData::Garbled);
    }

    #[test]
    fn a_command_gives_its_text_and_an_unknown_one_an_error() {
        let mut pi = FakeFirmware::pi4();
        let mut text = "of the command before".to_owned();
        gencmd(&mut pi, "measure_temp", &mut text).unwrap();
        assert_eq!(text, "temp=48.3'C");
        let error = gencmd(&mut pi, "pmic_read_adc", &mut text).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the firmware refused the command `pmic_read_adc` with code -1: \
             error=1 error_msg=\"Command not registered\""
        );
    }

    #[test]
    fn a_text_that_never_ends_or_is_no_text_is_garbled() {
        let mut pi = FakeFirmware::pi4();
        for answer in [vec![b'x'; TEXT_BYTES], vec![0xff, 0xfe, 0]] {
            pi.set(|state| state.commands.push(("endless", answer.clone())));
            let error = gencmd(&mut pi, "endless", &mut String::new()).unwrap_err();
            assert_eq!(error.no_data(), NoData::Garbled);
            pi.set(|state| state.commands.clear());
        }
    }
}

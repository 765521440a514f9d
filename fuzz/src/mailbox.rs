//! Whatever the firmware leaves in a buffer of the mailbox, a value is only what it marked as its answer.

use std::io;

use picollect_board::mailbox::{
    Mailbox, MailboxError, arm_max_hz, arm_measured_hz, board_revision, board_serial, core_microvolts,
    firmware_revision, gencmd, temperature_millicelsius, throttled,
};

/// What is asked of the firmware; the answer only as far as it is one.
type Question = fn(&mut dyn Mailbox) -> Result<u64, MailboxError>;

/// Answers with words of the input; a byte before them says how many stay as they were asked.
struct Words<'a> {
    rest: &'a [u8],
    /// Whether the last answer was marked as one: code and length.
    marked: bool,
}

impl Mailbox for Words<'_> {
    fn call(&mut self, buffer: &mut [u32]) -> io::Result<()> {
        let Some((kept, rest)) = self.rest.split_first() else {
            return Err(io::Error::from_raw_os_error(110));
        };
        let kept = usize::from(*kept) % buffer.len();
        let mut words = rest.chunks_exact(4);
        for (word, bytes) in buffer[kept..].iter_mut().zip(&mut words) {
            *word = u32::from_le_bytes(bytes.try_into().expect("four bytes"));
        }
        let used = rest.len().min((buffer.len() - kept) * 4);
        self.rest = &rest[used..];
        self.marked = buffer[1] == 0x8000_0000 && buffer[4] & 0x8000_0000 != 0;
        Ok(())
    }
}

/// Tries one input; panics if what is promised above does not hold.
pub fn run(input: &[u8]) {
    let mut firmware = Words { rest: input, marked: false };
    let mut text = String::new();
    let checked = |answer: Result<u64, MailboxError>, firmware: &Words<'_>| match answer {
        Ok(_) => assert!(firmware.marked, "a value that nobody gave"),
        Err(error) => {
            assert!(error.to_string().len() < 1024, "{error}");
            error.no_data();
        }
    };
    let all: [Question; 8] = [
        |firmware| temperature_millicelsius(firmware).map(|_| 0),
        |firmware| arm_measured_hz(firmware).map(u64::from),
        |firmware| arm_max_hz(firmware).map(u64::from),
        |firmware| core_microvolts(firmware).map(u64::from),
        |firmware| throttled(firmware).map(|flags| u64::from(flags.0)),
        |firmware| firmware_revision(firmware).map(u64::from),
        |firmware| board_revision(firmware).map(u64::from),
        |firmware| board_serial(firmware),
    ];
    for ask in all {
        let answer = ask(&mut firmware);
        checked(answer, &firmware);
    }
    let answer = gencmd(&mut firmware, "version", &mut text).map(|()| 0);
    checked(answer, &firmware);
}

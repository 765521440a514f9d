//! The revision code that every Raspberry Pi carries in its one-time memory, and the model it stands for
//! (<https://www.raspberrypi.com/documentation/computers/raspberry-pi.html#raspberry-pi-revision-codes>).
//!
//! New codes are bit fields, `NOQuuuWuFMMMCCCCPPPPTTTTTTTTRRRR`: F marks them, T is the type, R the
//! revision. Old ones are numbers in a list. Bits from 24 on say what was done to the board, not what it is.

/// F: the code is a bit field.
const NEW_STYLE: u32 = 1 << 23;

/// Type numbers and models, as the device tree spells them.
const TYPES: [(u32, &str); 24] = [
    (0x00, "Model A"),
    (0x01, "Model B"),
    (0x02, "Model A Plus"),
    (0x03, "Model B Plus"),
    (0x04, "2 Model B"),
    (0x05, "Alpha"),
    (0x06, "Compute Module"),
    (0x08, "3 Model B"),
    (0x09, "Zero"),
    (0x0a, "Compute Module 3"),
    (0x0c, "Zero W"),
    (0x0d, "3 Model B Plus"),
    (0x0e, "3 Model A Plus"),
    (0x10, "Compute Module 3 Plus"),
    (0x11, "4 Model B"),
    (0x12, "Zero 2 W"),
    (0x13, "400"),
    (0x14, "Compute Module 4"),
    (0x15, "Compute Module 4S"),
    (0x17, "5 Model B"),
    (0x18, "Compute Module 5"),
    (0x19, "500"),
    (0x1a, "Compute Module 5 Lite"),
    (0x1b, "Compute Module 0"),
];

/// Old codes: first and last of a row, model with revision.
const OLD_CODES: [(u32, u32, &str); 10] = [
    (0x02, 0x03, "Model B Rev 1.0"),
    (0x04, 0x06, "Model B Rev 2.0"),
    (0x07, 0x09, "Model A Rev 2.0"),
    (0x0d, 0x0f, "Model B Rev 2.0"),
    (0x10, 0x10, "Model B Plus Rev 1.2"),
    (0x11, 0x11, "Compute Module Rev 1.0"),
    (0x12, 0x12, "Model A Plus Rev 1.1"),
    (0x15, 0x15, "Model A Plus Rev 1.1"),
    (0x13, 0x13, "Model B Plus Rev 1.2"),
    (0x14, 0x14, "Compute Module Rev 1.0"),
];

/// The model with its revision, like the device tree's `model`; `None` for a code that is not in the
/// tables.
pub fn model(code: u32) -> Option<String> {
    if code & NEW_STYLE == 0 {
        let code = code & (NEW_STYLE - 1);
        let (_, _, model) = OLD_CODES.iter().find(|(first, last, _)| (*first..=*last).contains(&code))?;
        return Some(format!("Raspberry Pi {model}"));
    }
    let (number, revision) = (code >> 4 & 0xff, code & 0xf);
    let (_, model) = TYPES.iter().find(|(known, _)| *known == number)?;
    Some(format!("Raspberry Pi {model} Rev 1.{revision}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes that are in use, with their boards, from the page above.
    const IN_USE: [(u32, &str); 24] = [
        (0x0002, "Raspberry Pi Model B Rev 1.0"),
        (0x0008, "Raspberry Pi Model A Rev 2.0"),
        (0x000e, "Raspberry Pi Model B Rev 2.0"),
        (0x0010, "Raspberry Pi Model B Plus Rev 1.2"),
        (0x0014, "Raspberry Pi Compute Module Rev 1.0"),
        (0x0015, "Raspberry Pi Model A Plus Rev 1.1"),
        (0x0090_0021, "Raspberry Pi Model A Plus Rev 1.1"),
        (0x00a0_2042, "Raspberry Pi 2 Model B Rev 1.2"),
        (0x00a0_2082, "Raspberry Pi 3 Model B Rev 1.2"),
        (0x0092_0093, "Raspberry Pi Zero Rev 1.3"),
        (0x0090_00c1, "Raspberry Pi Zero W Rev 1.1"),
        (0x00a0_20d3, "Raspberry Pi 3 Model B Plus Rev 1.3"),
        (0x0090_20e0, "Raspberry Pi 3 Model A Plus Rev 1.0"),
        (0x00a0_2100, "Raspberry Pi Compute Module 3 Plus Rev 1.0"),
        (0x00c0_3111, "Raspberry Pi 4 Model B Rev 1.1"),
        (0x00d0_3114, "Raspberry Pi 4 Model B Rev 1.4"),
        (0x0090_2120, "Raspberry Pi Zero 2 W Rev 1.0"),
        (0x00c0_3130, "Raspberry Pi 400 Rev 1.0"),
        (0x00b0_3140, "Raspberry Pi Compute Module 4 Rev 1.0"),
        (0x00d0_4170, "Raspberry Pi 5 Model B Rev 1.0"),
        (0x00e0_4171, "Raspberry Pi 5 Model B Rev 1.1"),
        (0x00d0_4180, "Raspberry Pi Compute Module 5 Rev 1.0"),
        (0x00d0_4190, "Raspberry Pi 500 Rev 1.0"),
        (0x00c0_41a0, "Raspberry Pi Compute Module 5 Lite Rev 1.0"),
    ];

    #[test]
    fn codes_in_use_and_their_boards() {
        for (code, name) in IN_USE {
            assert_eq!(model(code).as_deref(), Some(name), "{code:#x}");
        }
    }

    #[test]
    fn what_was_done_to_a_board_does_not_change_its_model() {
        for done in [1 << 24, 1 << 25, 7 << 29] {
            assert_eq!(model(0x00c0_3114 | done), model(0x00c0_3114));
            assert_eq!(model(0x000e | done), model(0x000e));
        }
    }

    #[test]
    fn a_code_outside_the_tables_has_no_model() {
        for code in [0, 1, 0x0a, 0x16, 0x0080_00f0, 0x0080_0ff0, u32::MAX] {
            assert_eq!(model(code), None, "{code:#x}");
        }
    }

    #[test]
    fn no_type_stands_twice() {
        let mut numbers = TYPES.map(|(number, _)| number);
        numbers.sort_unstable();
        assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]));
    }
}

//! The bits of the throttle flags: the answer of GET_THROTTLED, and what the kernel's `get_throttled` file
//! holds (<https://www.raspberrypi.com/documentation/computers/os.html#get_throttled>). They are the same on
//! every model. A table that is widely copied swaps bits 1 and 2.

/// The throttle flags: bits 0 to 3 are of now, 16 to 19 of the time since boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttled(pub u32);

impl Throttled {
    /// Under-voltage now, a shift history of 3.2 s.
    pub const UNDER_VOLTAGE: u32 = 0;
    /// The Arm clock is capped now.
    pub const FREQ_CAPPED: u32 = 1;
    /// Throttled now, by heat or by low voltage.
    pub const THROTTLED: u32 = 2;
    /// The soft temperature limit acts now.
    pub const SOFT_LIMIT: u32 = 3;

    /// The condition holds now.
    pub fn now(self, bit: u32) -> bool {
        self.0 >> bit & 1 == 1
    }

    /// The condition held at some time since boot, or since somebody cleared its bit.
    pub fn since_boot(self, bit: u32) -> bool {
        self.now(bit + 16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_now_and_since_boot_are_different_bits() {
        let flags = Throttled(1 << 2 | 1 << 16);
        let all =
            [Throttled::UNDER_VOLTAGE, Throttled::FREQ_CAPPED, Throttled::THROTTLED, Throttled::SOFT_LIMIT];
        assert_eq!(all.map(|bit| flags.now(bit)), [false, false, true, false]);
        assert_eq!(all.map(|bit| flags.since_boot(bit)), [true, false, false, false]);
    }
}

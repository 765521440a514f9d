//! What the kernel thinks of its own clock: whether it is synchronised, and how wrong it may be.
//!
//! Asks `adjtimex(2)` with no mode set, which only reads and which everybody may do. While `STA_UNSYNC`
//! is set the clock is not synchronised, and offset and error are what they were at boot: they are left
//! out then. The offset is what the kernel's own loop has still to correct; a daemon that steers the
//! frequency itself (chrony) leaves it at zero.
//!
//! The one thing here that is not read below the root: the clock is the machine's, not a board's.

use std::io;
use std::mem::MaybeUninit;

use picollect_telemetry::catalogue::{CLOCK_MAX_ERROR, CLOCK_OFFSET, CLOCK_SYNCHRONISED};

use crate::tick::{Sensor, Tick};
use picollect_board::attr::no_data;

/// The kernel's word on its clock.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KernelClock {
    /// Whether something keeps the clock in step with the world.
    pub synchronised: bool,
    /// What has still to be added to the clock, seconds; means nothing while it is not synchronised.
    pub offset_s: f64,
    /// The bound on the clock's error, seconds; means nothing while it is not synchronised.
    pub max_error_s: f64,
}

/// Asks the kernel now.
#[expect(unsafe_code, reason = "no safe wrapper of adjtimex(2) is known; the call only fills the struct")]
pub fn kernel_clock() -> io::Result<KernelClock> {
    // SAFETY: `timex` is made of integers only, for which all bits zero is a value.
    let mut timex: libc::timex = unsafe { MaybeUninit::zeroed().assume_init() };
    // SAFETY: the pointer is to a `timex` of our own that outlives the call; with `modes` zero the
    // kernel changes nothing but that struct.
    let state = unsafe { libc::adjtimex(&raw mut timex) };
    if state < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(interpret(timex.status, timex.offset, timex.maxerror))
}

/// The offset is in microseconds, or in nanoseconds under `STA_NANO`; the error always in microseconds.
fn interpret(status: libc::c_int, offset: libc::c_long, max_error_us: libc::c_long) -> KernelClock {
    let unit_s = if status & libc::STA_NANO == 0 { 1e-6 } else { 1e-9 };
    KernelClock {
        synchronised: status & libc::STA_UNSYNC == 0,
        offset_s: offset as f64 * unit_s,
        max_error_s: max_error_us as f64 * 1e-6,
    }
}

pub(super) struct ClockState(fn() -> io::Result<KernelClock>);

impl ClockState {
    pub(super) fn new() -> Self {
        Self(kernel_clock)
    }
}

impl Sensor for ClockState {
    fn name(&self) -> &'static str {
        "kernel clock"
    }

    fn remedy(&self) -> &'static str {
        "allow the system call adjtimex"
    }

    fn sample(&mut self, tick: &mut Tick<'_>) {
        match (self.0)() {
            Ok(clock) if clock.synchronised => tick.point(
                &[],
                &[
                    (&CLOCK_SYNCHRONISED, 1i64.into()),
                    (&CLOCK_OFFSET, clock.offset_s.into()),
                    (&CLOCK_MAX_ERROR, clock.max_error_s.into()),
                ],
            ),
            Ok(_) => tick.point(&[], &[(&CLOCK_SYNCHRONISED, 0i64.into())]),
            Err(error) => tick.no_data(&[], &CLOCK_SYNCHRONISED, no_data(&error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::lines;

    fn said(clock: fn() -> io::Result<KernelClock>) -> Vec<String> {
        lines(&mut ClockState(clock))
    }

    #[test]
    fn offset_and_error_only_of_a_synchronised_clock() {
        let nano = libc::STA_PLL | libc::STA_NANO;
        assert_eq!(
            interpret(nano, -250_000, 1500),
            KernelClock { synchronised: true, offset_s: -0.000_25, max_error_s: 0.0015 }
        );
        assert_eq!(interpret(libc::STA_PLL, 1000, 0).offset_s, 0.001);
        assert_eq!(
            said(|| Ok(interpret(libc::STA_NANO, 500_000_000, 20_000))),
            ["time synchronised=1i,offset_s=0.5,max_error_s=0.02"]
        );
        assert_eq!(
            said(|| Ok(interpret(libc::STA_UNSYNC, 0, 16_000_000))),
            ["time synchronised=0i"],
            "an offset of zero that nobody measured would be a false zero"
        );
    }

    #[test]
    fn a_refused_call_is_no_statement_about_the_clock() {
        assert_eq!(said(|| Err(io::Error::from_raw_os_error(libc::EPERM))), ["time no_data=2i"]);
    }

    #[test]
    fn this_machines_kernel_answers() {
        let clock = kernel_clock().unwrap();
        assert!(clock.max_error_s >= 0.0, "{clock:?}");
    }
}

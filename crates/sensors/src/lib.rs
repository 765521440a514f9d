//! What an agent reads at every tick: one file for each thing, discovered at start. A new sensor is a file
//! and a line in [`discover`].
//!
//! Invariant: a sensor whose thing is not there says nothing and costs nothing; one that cannot read it says
//! why.
//!
//! ```
//! use std::time::Duration;
//!
//! use picollect_board::attr::Root;
//! use picollect_board::clock::Clock;
//! use picollect_sensors::{discover, tick::Tick};
//! use picollect_telemetry::line::LineWriter;
//!
//! let mut writer = LineWriter::new(&[("host", "pi-1")]);
//! let mut tick = Tick::new(Duration::ZERO, Clock::start().stamps(), &mut writer);
//! for sensor in &mut discover(&Root::new("/")) {
//!     sensor.sample(&mut tick);
//! }
//! println!("{:?}", tick.status);
//! let (lines, count) = writer.take();
//! assert_eq!(count, lines.iter().filter(|byte| **byte == b'\n').count());
//! ```

pub mod ambient;
mod battery;
pub mod clock_state;
mod cpu_clock;
mod cpu_time;
mod disk_io;
mod disk_space;
mod fan;
mod firmware;
#[cfg(any(test, feature = "fixtures"))]
pub mod fixtures;
mod flash_wear;
mod left_out;
mod load_average;
mod memory;
mod network;
mod own_process;
mod pressure;
mod processor_chip;
mod reset_cause;
mod software;
pub mod status;
mod supply_voltage;
mod thermal_zone;
mod throttle_fallback;
mod throttle_flags;
pub mod tick;
mod uptime;

use picollect_board::attr::Root;

use crate::tick::Sensor;

/// What the board has, in the order of sampling.
pub fn discover(root: &Root) -> Vec<Box<dyn Sensor>> {
    vec![
        Box::new(thermal_zone::ThermalZones::discover(root)),
        Box::new(cpu_time::CpuTime::new(root)),
        Box::new(load_average::LoadAverage::new(root)),
        Box::new(pressure::Pressure::discover(root)),
        Box::new(memory::Memory::new(root)),
        Box::new(disk_io::DiskIo::new(root)),
        Box::new(disk_space::DiskSpace::discover(root)),
        Box::new(network::Network::new(root)),
        Box::new(cpu_clock::CpuClock::discover(root)),
        Box::new(fan::Fans::discover(root)),
        Box::new(uptime::Uptime::new(root)),
        Box::new(software::Software::discover(root)),
        Box::new(clock_state::ClockState::new()),
        Box::new(own_process::OwnProcess::discover(root)),
        Box::new(firmware::Firmware::discover(root)),
        Box::new(supply_voltage::SupplyVoltage::discover(root)),
        Box::new(battery::Batteries::discover(root)),
        Box::new(flash_wear::FlashWear::discover(root)),
        Box::new(reset_cause::ResetCause::discover(root)),
    ]
}

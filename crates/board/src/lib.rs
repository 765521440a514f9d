//! The machine that an agent runs on: the kernel's files below a root ([`attr`]), the firmware's mailbox
//! ([`mailbox`]), I2C buses ([`i2c`]), who the board is ([`identity`]), whether
//! it is a container's ([`container`]) and its clock ([`clock`]). What is
//! read of it, and when, is for the crates above.
//!
//! Invariant: every file is read below a root, so that a fixture board is read exactly as a real one.
//!
//! ```
//! use picollect_board::attr::Root;
//! use picollect_board::identity::Board;
//! use picollect_telemetry::NoData;
//!
//! let root = Root::new("/");
//! println!("{}", Board::read(&root).host_name);
//!
//! let mut missing = root.attr("sys/class/thermal/none/temp");
//! let error = missing.number::<i32>("millidegrees Celsius").unwrap_err();
//! assert_eq!(error.no_data(), NoData::Absent);
//! ```

pub mod attr;
pub mod bounds;
pub mod clock;
pub mod container;
#[cfg(any(test, feature = "fixtures"))]
pub mod fixtures;
pub mod hwmon;
pub mod i2c;
pub mod identity;
pub mod mailbox;
pub mod revision_code;

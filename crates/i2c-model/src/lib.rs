//! An I2C bus in virtual time, with an INA219 or INA228 at its registers, a panel or an OLED on it, and faults on order. Tests
//! and the bench of the emulated Pi speak to it as to the kernel's; it is in no program that is shipped.
//!
//! ```
//! use embedded_hal::i2c::I2c;
//! use picollect_i2c_model::i2c_bus::SimulatedBus;
//! use picollect_i2c_model::ina219_model::Supply;
//!
//! let mut bus = SimulatedBus::default();
//! bus.plug(0x40, Box::new(|_| Supply { volts: 5.0, amps: 1.0 }), 0.1);
//! let mut configuration = [0; 2];
//! bus.write_read(0x40, &[0x00], &mut configuration)?;
//! assert_eq!(configuration, [0x39, 0x9f], "as after a reset");
//! # Ok::<(), picollect_board::i2c::BusError>(())
//! ```

pub mod i2c_bus;
pub mod ina219_model;
pub mod ina228_model;

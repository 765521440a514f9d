//! One test program, so that everything is linked once.

mod bus_faults;
mod energy_accuracy;
mod precise_chips;

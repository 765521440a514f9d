//! One test program, so that everything is linked once; `steady_state.rs` counts what a whole program allocates
//! and is one of its own.

mod panel_on_bus;
mod panel_on_device;

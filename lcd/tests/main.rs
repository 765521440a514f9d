//! One test program, so that everything is linked once.

mod figures;
mod golden;
mod properties;

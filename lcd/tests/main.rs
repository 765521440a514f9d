//! One test program, so that everything is linked once.

mod figures;
mod golden;
mod oled_figures;
mod oled_golden;
mod properties;

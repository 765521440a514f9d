//! The target `i2c_chip` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| picollect_fuzz::i2c_chip::run(input));

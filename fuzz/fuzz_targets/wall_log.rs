//! The target `wall_log` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| picollect_fuzz::wall_log::run(input));

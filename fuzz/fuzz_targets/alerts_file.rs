//! The target `alerts_file` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| picollect_fuzz::alerts_file::run(input));

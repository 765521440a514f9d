//! The target `journal` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| picollect_fuzz::journal::run(input));

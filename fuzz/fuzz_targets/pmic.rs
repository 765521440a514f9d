//! The target `pmic` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| picollect_fuzz::pmic::run(input));

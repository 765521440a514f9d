//! The target `prometheus_answer` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| picollect_fuzz::prometheus_answer::run(input));

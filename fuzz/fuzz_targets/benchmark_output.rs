//! The target `benchmark_output` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| picollect_fuzz::benchmark_output::run(input));

//! The target `promql` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(
    // The parser panics at durations that none can hold; the crate catches that, and libFuzzer's hook would not let it.
    init: std::panic::set_hook(Box::new(|_| ())),
    |input: &[u8]| picollect_fuzz::promql::run(input)
);

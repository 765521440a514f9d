//! The target `flux_answer` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(
    // The crate's panics end a task of its own; libFuzzer's hook would end the process.
    init: std::panic::set_hook(Box::new(|_| ())),
    |input: &[u8]| picollect_fuzz::flux_answer::run(input)
);

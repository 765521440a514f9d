//! Fuzz targets: a module for each parser of foreign bytes, which says what has to hold whatever it is given.
//!
//! Each has `run`, which takes one input and panics if what its module promises does not hold.
//!
//! libFuzzer looks for inputs by the programs in `fuzz_targets/`, which need the feature `libfuzzer`; the test in
//! `tests/` replays the known inputs and mutations of them without it, so a target that no longer compiles or holds is
//! found by `cargo test`.

pub mod agent_answer;
pub mod alerts_file;
mod answering;
pub mod benchmark_output;
pub mod chunk;
pub mod csv_import;
pub mod flux_answer;
pub mod http_parameters;
pub mod i2c_chip;
pub mod journal;
pub mod line_protocol;
pub mod mailbox;
pub mod pmic;
pub mod price_series;
pub mod prometheus_answer;
pub mod promql;
pub mod run_document;
pub mod settings_toml;
pub mod spool;
pub mod sysfs;
pub mod tokens_file;
pub mod wall_device;
pub mod wall_log;

use answering::Answering;

/// The beginning of an input that is UTF-8, for parsers of text.
fn text_of(input: &[u8]) -> &str {
    input.utf8_chunks().next().map_or("", |chunk| chunk.valid())
}

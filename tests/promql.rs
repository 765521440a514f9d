//! What the evaluator's own tests ask, so that a collector is asked the same.

#[path = "../crates/promql/tests/data.rs"]
pub(crate) mod data;
#[path = "../crates/promql/tests/differential.rs"]
pub(crate) mod differential;
#[path = "../crates/promql/tests/grammar.rs"]
pub(crate) mod grammar;
#[path = "../crates/promql/tests/oracle.rs"]
pub(crate) mod oracle;

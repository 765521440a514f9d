//! What the evaluator's own tests ask, so that a collector is asked the same.

#[path = "../promql/tests/data.rs"]
pub(crate) mod data;
#[path = "../promql/tests/differential.rs"]
pub(crate) mod differential;
#[path = "../promql/tests/grammar.rs"]
pub(crate) mod grammar;
#[path = "../promql/tests/oracle.rs"]
pub(crate) mod oracle;

//! The evaluator beside a real Prometheus: one test program, one server, the same series in both.

mod data;
mod differential;
mod end_to_end;
mod grammar;
mod limits;
mod memory;
mod oracle;
mod suite;

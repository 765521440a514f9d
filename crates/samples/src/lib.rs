//! Samples on their way from one store to another: `picollect export` and `picollect import`.
//!
//! Both ends are streams in order of time, so that moving to another engine is a pipe and a pipe that broke goes on
//! from the time that was reached.

pub mod csv;
pub mod export;
pub mod import;

//! What people ask of the measurements: which nodes there are ([`nodes`]), which runs ([`runs`]), what a window or a run
//! comes to ([`report`]), what more nodes bring ([`scaling`]), what is wrong now ([`alerts`]), and the cluster in a few
//! figures ([`summary`]).
//!
//! Invariant: every figure is computed by `picollect-evaluate`; nothing here knows which back end the store is.

pub mod alerts;
pub mod nodes;

pub mod report;
pub mod request;
pub mod requests;
pub mod runs;
pub mod scaling;
pub mod summary;

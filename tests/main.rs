//! Tests over the real binary: one test program, so that everything is linked once.

mod alert_receivers;
mod board_table;
mod boards;
mod browser;
mod campaign;
mod conformance;
mod corpus;
mod documents;
mod end_to_end;
mod engine;
mod golden;
mod influxd;
mod invariants;
mod process;
mod promql;
mod proxy;
mod report_formats;
mod reports;
mod sample_report;
mod sentences;
mod supply_chain;
mod thesis;
mod wall_device;

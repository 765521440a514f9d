//! The bench inside the emulated Raspberry Pi. It plugs an I2C adapter into a USB port that is a socket; on the
//! adapter's bus are the meter's model and the panel's simulator, those of the unit tests. It starts the agent
//! under test, does to it what it is ordered to on standard input ([`orders`]), and says what happens on
//! standard output, a JSON object in a line ([`events`]).

mod adapter;
mod agent;
mod bench;
mod events;
mod orders;
mod panel;
mod tiny_usb;
mod usbip;

use std::io::{self, BufRead as _};
use std::process::ExitCode;

use serde_json::json;

use crate::bench::Bench;
use crate::events::say;
use crate::orders::Order;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say("failed", &json!({ "why": format!("{error:#}") }));
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let mut bench = Bench::start()?;
    for line in io::stdin().lock().lines() {
        match line?.parse() {
            Ok(Order::End) => break,
            Ok(order) => bench.obey(order)?,
            Err(error) => say("misunderstood", &json!({ "why": format!("{error:#}") })),
        }
    }
    Ok(())
}

//! One device: what is asked of each kind, and what a reading is.

use picollect_evaluate::wall_log::MAX_WATTS;
use picollect_telemetry::NoData;
use serde_json::Value;

use super::{json_path, shelly_gen1, shelly_gen2, tasmota};
use crate::http_client::{Client, GetError};
use picollect_config::{WallKind, WallMeter};

/// What a device shows at a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// Active power as the device says it, W.
    pub watts: f64,
    /// Its energy counter, in joules since whenever it began; `None` if it has none.
    pub counter_j: Option<f64>,
}

/// How coarse a device's energy counter is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Resolution {
    /// Its smallest step, joules.
    pub step_j: f64,
    /// How far it may lag behind, seconds.
    pub lag_s: f64,
}

/// Why a device gave no reading.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Its password cannot be had.
    #[error("{0:#}")]
    Password(anyhow::Error),
    /// It gave no document.
    #[error(transparent)]
    Get(#[from] GetError),
    /// The document has no reading, for this reason.
    #[error("{1}")]
    Document(NoData, String),
}

impl ReadError {
    /// What the store is told.
    pub fn no_data(&self) -> NoData {
        match self {
            Self::Password(_) => NoData::Denied,
            Self::Get(error) => error.no_data(),
            Self::Document(why, _) => *why,
        }
    }
}

/// A device that can be read.
#[derive(Debug)]
pub struct Device {
    meter: WallMeter,
    client: Client,
}

impl Device {
    /// Connects to nothing yet.
    pub fn new(meter: WallMeter) -> Self {
        Self { meter, client: Client::default() }
    }

    /// The meter as it is configured.
    pub fn meter(&self) -> &WallMeter {
        &self.meter
    }

    /// Asks it; takes [`TIMEOUT`](crate::http_client::TIMEOUT) at most.
    pub fn read(&mut self) -> Result<Reading, ReadError> {
        let credentials = self.meter.credentials().map_err(ReadError::Password)?;
        let credentials = credentials.as_ref();
        let base = self.meter.url.trim_end_matches('/');
        let reading = match &self.meter.kind {
            WallKind::ShellyGen1 { channel } => {
                let status = self.client.json(&shelly_gen1::address(base), &[], credentials)?;
                shelly_gen1::reading(&status, *channel)
            }
            WallKind::ShellyGen2 { component, channel } => {
                let address = shelly_gen2::address(base, *component, *channel);
                shelly_gen2::reading(&self.client.json(&address, &[], credentials)?)
            }
            WallKind::Tasmota { channel } => {
                let query = tasmota::query(credentials);
                let status = self.client.json(&tasmota::address(base), &query, None)?;
                tasmota::reading(&status, *channel)
            }
            WallKind::Json { watts_path, energy } => {
                let document = self.client.json(&self.meter.url, &[], credentials)?;
                json_path::reading(&document, watts_path, energy.as_ref())
            }
        };
        reading.and_then(plausible)
    }

    /// How coarse its counter is; `None` is unknown.
    pub fn resolution(&self) -> Option<Resolution> {
        match self.meter.kind {
            WallKind::ShellyGen1 { .. } => Some(shelly_gen1::RESOLUTION),
            WallKind::ShellyGen2 { .. } => Some(shelly_gen2::RESOLUTION),
            WallKind::Tasmota { .. } => Some(tasmota::RESOLUTION),
            WallKind::Json { .. } => None,
        }
    }
}

/// No figure instead of one that cannot be; a counter that is none is left out.
fn plausible(reading: Reading) -> Result<Reading, ReadError> {
    let Reading { watts, counter_j } = reading;
    if !(watts.is_finite() && watts.abs() <= MAX_WATTS) {
        return Err(ReadError::Document(NoData::Garbled, format!("{watts} W cannot be")));
    }
    Ok(Reading { watts, counter_j: counter_j.filter(|joules| joules.is_finite() && *joules >= 0.0) })
}

/// The number at a place of a document, which has to be there.
pub(super) fn number(document: &Value, name: &str) -> Result<f64, ReadError> {
    match &document[name] {
        Value::Null => Err(absent(format!("there is no `{name}` in the answer: does this device measure?"))),
        value => value
            .as_f64()
            .ok_or_else(|| ReadError::Document(NoData::Garbled, format!("`{name}` is not a number"))),
    }
}

/// Something that is not there.
pub(super) fn absent(what: String) -> ReadError {
    ReadError::Document(NoData::Absent, what)
}

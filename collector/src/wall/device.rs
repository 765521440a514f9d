//! One device: what is asked of each kind, and what a reading is.

use picollect_telemetry::NoData;
use serde_json::Value;

use super::{json_path, shelly_gen1, shelly_gen2, tasmota};
use crate::http_client::{Client, GetError, Login};
use picollect_config::{WallKind, WallMeter};

/// More than a plug or a distribution board measures, in watts, in either direction: what is beyond it is a broken
/// reading.
const MAX_WATTS: f64 = 1e6;

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
    /// Its password or token cannot be had.
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

    /// Asks it; takes [`TIMEOUT`](crate::http_client::TIMEOUT) at most, twice of it where a counter is asked for apart.
    pub fn read(&mut self) -> Result<Reading, ReadError> {
        let credentials = self.meter.credentials().map_err(ReadError::Password)?;
        let token = self.meter.bearer().map_err(ReadError::Password)?;
        let login = match (&credentials, &token) {
            (Some(credentials), _) => Login::Password(credentials),
            (None, Some(token)) => Login::Bearer(token),
            (None, None) => Login::Nobody,
        };
        let base = self.meter.url.trim_end_matches('/');
        let reading = match &self.meter.kind {
            WallKind::ShellyGen1 { channel } => {
                let status = self.client.json(&shelly_gen1::address(base), &[], login)?;
                shelly_gen1::reading(&status, *channel)
            }
            &WallKind::ShellyGen2 { component, channel } => {
                let address = shelly_gen2::address(base, component, channel);
                let status = self.client.json(&address, &[], login).map_err(shelly_gen2::explained)?;
                let reading = shelly_gen2::reading(&status, component);
                let counter =
                    shelly_gen2::counter_address(base, component, channel).filter(|_| reading.is_ok());
                // Without its counter the power still is a reading.
                let data = counter.and_then(|address| self.client.json(&address, &[], login).ok());
                reading.map(|reading| match data {
                    Some(data) => Reading { counter_j: shelly_gen2::counter_j(&data), ..reading },
                    None => reading,
                })
            }
            WallKind::Tasmota { channel } => {
                let query = tasmota::query(credentials.as_ref());
                let status = self.client.json(&tasmota::address(base), &query, Login::Nobody)?;
                tasmota::reading(&status, *channel)
            }
            WallKind::Json { power, energy } => {
                let document = self.client.json(&self.meter.url, &[], login)?;
                json_path::reading(&document, power, energy.as_ref())
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

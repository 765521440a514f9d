//! What the panel, the power model and the log want to know of the last tick.

use picollect_telemetry::catalogue::LOW_EXT5V_VOLTS;

/// The node in a few figures; each sensor puts in what it knows. `None` is unknown.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Status {
    /// Temperature of the processor, °C, or of the first thermal zone where nobody says whose it is.
    pub temp_c: Option<f64>,
    /// Share of all cores that worked.
    pub busy: Option<f64>,
    /// How many cores are online.
    pub cores: Option<f64>,
    /// The processor's clock: the real one where it is known, else the requested one.
    pub clock_hz: Option<f64>,
    /// Whether that is the real one.
    pub clock_is_measured: bool,
    /// Mean power since the tick before, watts.
    pub watts: Option<f64>,
    /// Whether the power comes from a model.
    pub estimated: bool,
    /// Whether the firmware throttles.
    pub throttled: Option<bool>,
    /// Whether the firmware's flag says that the supply voltage is too low.
    pub under_voltage: Option<bool>,
    /// The voltage at the board's input, where the board measures it.
    pub supply_volts: Option<f64>,
    /// The air around the node or in its case, °C, where a thermometer for it is configured.
    pub ambient_c: Option<f64>,
}

impl Status {
    /// Takes what is not known yet from another; power is the meters' and stays.
    pub fn fill_from(&mut self, other: &Self) {
        self.temp_c = self.temp_c.or(other.temp_c);
        self.busy = self.busy.or(other.busy);
        self.cores = self.cores.or(other.cores);
        if self.clock_hz.is_none() {
            (self.clock_hz, self.clock_is_measured) = (other.clock_hz, other.clock_is_measured);
        }
        self.throttled = self.throttled.or(other.throttled);
        self.under_voltage = self.under_voltage.or(other.under_voltage);
        self.supply_volts = self.supply_volts.or(other.supply_volts);
        self.ambient_c = self.ambient_c.or(other.ambient_c);
    }

    /// Whether the supply is known to be too low: by the firmware's flag, or by the voltage where the flag is not raised
    /// yet.
    pub fn supply_is_low(&self) -> bool {
        self.under_voltage == Some(true) || self.supply_volts.is_some_and(|volts| volts < LOW_EXT5V_VOLTS)
    }
}

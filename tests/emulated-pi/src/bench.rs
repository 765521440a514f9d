//! The bus with its meter and its panel, in real time, and the orders carried out.

use std::fs;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use embedded_hal::i2c::{ErrorType, I2c, Operation};
use picollect_board::i2c::BusError;
use picollect_i2c_model::i2c_bus::SimulatedBus;
use picollect_i2c_model::ina219_model::{Ina219Model, Supply};
use picollect_lcd::Size;
use picollect_lcd::backpack::PinMap;
use picollect_lcd::panel_model::Panel;
use serde_json::{Value, json};

use crate::agent::{self, Child};
use crate::events::say;
use crate::orders::Order;
use crate::{adapter, panel};

const METER: u8 = 0x40;
const SHUNT_OHM: f64 = 0.1;
const PANEL: u8 = 0x27;
const BUS_HZ: u32 = 100_000;
/// Before anything is ordered: an idle board.
const FIRST_SUPPLY: Supply = Supply { volts: 5.1, amps: 0.5 };
/// The agent draws a frame in pieces; what stands still for this long is a frame.
const FRAME_STANDS: Duration = Duration::from_millis(150);
/// What the start script has put where the kernel's `rpi_volt` would be.
const LOW_VOLTAGE: &str = "/run/hwmon/hwmon9/in0_lcrit_alarm";
/// What the kernel knows of its pins.
const KERNELS_PINS: &str = "/sys/kernel/debug/gpio";
const BUTTON: u8 = 17;
const LED: u8 = 27;

/// The simulated bus in real time: transfers come when they come.
#[derive(Clone)]
struct RealTime {
    began: Instant,
    bus: SimulatedBus,
}

impl RealTime {
    fn now(&self) -> &SimulatedBus {
        self.bus.time.pass_until(self.began.elapsed());
        &self.bus
    }
}

impl ErrorType for RealTime {
    type Error = BusError;
}

impl I2c for RealTime {
    fn transaction(&mut self, address: u8, operations: &mut [Operation<'_>]) -> Result<(), BusError> {
        self.now();
        self.bus.transaction(address, operations)
    }
}

/// Everything that is there.
pub(crate) struct Bench {
    bus: RealTime,
    supply: Arc<Mutex<Supply>>,
    agent: Option<Child>,
    top: Option<Child>,
    collector: Option<(String, String)>,
}

impl Bench {
    /// Plugs the adapter in, with the meter and the panel on its bus, and says what board this is.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let bus = RealTime { began: Instant::now(), bus: SimulatedBus::default() };
        let supply = Arc::new(Mutex::new(FIRST_SUPPLY));
        let flows = Arc::clone(&supply);
        let trace = move |_| *flows.lock().unwrap_or_else(PoisonError::into_inner);
        bus.bus.plug(METER, Box::new(trace), SHUNT_OHM);
        bus.bus.plug_panel(PANEL, new_panel());
        let number = adapter::plug_in(bus.clone())?;
        let watched = bus.clone();
        thread::Builder::new().name("panel".into()).spawn(move || watch(&watched))?;
        let recognised = rppal::system::DeviceInfo::new().map(|info| (info.model(), info.soc()));
        say("board", &json!({ "rppal": format!("{recognised:?}"), "i2c_bus": number }));
        Ok(Self { bus, supply, agent: None, top: None, collector: None })
    }

    /// Carries out an order and says so.
    pub(crate) fn obey(&mut self, order: Order) -> anyhow::Result<()> {
        match order {
            Order::Start { url, token } => {
                self.collector = Some((url, token));
                self.start_agent()?;
            }
            Order::Kill => {
                if let Some(agent) = self.agent.take() {
                    agent.kill()?;
                }
                self.start_agent()?;
            }
            Order::Supply(supply) => {
                // What flowed so far is the old supply's.
                let before = self.exact_joules();
                *self.supply.lock().unwrap_or_else(PoisonError::into_inner) = supply;
                say("supply", &json!({ "watts": supply.volts * supply.amps, "exact_joules": before }));
            }
            Order::BrownOut => {
                self.bus.now().with_chip(METER, Ina219Model::brown_out);
                say("brown-out", &json!({}));
            }
            Order::Unplug => self.bus.now().unplug_panel(),
            Order::Plug => self.bus.now().plug_panel(PANEL, new_panel()),
            Order::Break(bytes) => self.bus.now().break_panel_write(bytes),
            Order::Alarm(on) => {
                fs::write(LOW_VOLTAGE, if on { "1\n" } else { "0\n" })
                    .with_context(|| format!("cannot write `{LOW_VOLTAGE}`"))?;
                say("alarm", &json!({ "on": on }));
            }
            Order::Energy => say("energy", &json!({ "exact_joules": self.exact_joules() })),
            Order::Pins => say("pins", &pins()?),
            Order::Usage => self.say_usage()?,
            Order::End => {}
        }
        Ok(())
    }

    fn start_agent(&mut self) -> anyhow::Result<()> {
        let (url, token) = self.collector.as_ref().context("no collector yet: `start URL TOKEN`")?;
        self.agent = Some(agent::start(url, token)?);
        Ok(())
    }

    fn exact_joules(&self) -> Option<f64> {
        self.bus.now().with_chip(METER, |chip| chip.exact_joules())
    }

    /// The transfers on the bus, and what the agent and a `top` beside it have used so far.
    fn say_usage(&mut self) -> anyhow::Result<()> {
        if self.top.is_none() {
            self.top = Some(agent::start_top()?);
        }
        let of = |child: &Option<Child>| child.as_ref().map(Child::usage);
        let transfers = self.bus.bus.transfers();
        say("usage", &json!({ "agent": of(&self.agent), "top": of(&self.top), "transfers": transfers }));
        Ok(())
    }
}

fn new_panel() -> Panel {
    Panel::new(Size::SMALL, PinMap::USUAL, BUS_HZ)
}

/// Says what is on the panel whenever that has changed and stands still, with the rules of the datasheets that
/// were broken meanwhile.
fn watch(bus: &RealTime) {
    let (mut before, mut said) = (Value::Null, Value::Null);
    loop {
        let seen = bus.now().with_panel(|panel| panel::seen(panel)).unwrap_or(json!({ "unplugged": true }));
        if seen == before && seen != said {
            let broken = bus.now().with_panel(Panel::violations).unwrap_or_default();
            let mut details = seen.clone();
            details["broken_rules"] =
                json!(broken.iter().map(|rule| format!("{rule:?}")).collect::<Vec<_>>());
            say("panel", &details);
            said = seen.clone();
        }
        before = seen;
        thread::sleep(FRAME_STANDS);
    }
}

/// The lamp's level, read through `/dev/mem`, and what the kernel says of both pins.
fn pins() -> anyhow::Result<Value> {
    let gpio = rppal::gpio::Gpio::new().context("rppal has no pins")?;
    let led = gpio.get(LED).context("no pin for the lamp")?;
    let led_high = led.read() == rppal::gpio::Level::High;
    let kernel = fs::read_to_string(KERNELS_PINS).with_context(|| format!("cannot read `{KERNELS_PINS}`"))?;
    let line = |pin: u8| kernel.lines().find(|line| line.contains(&format!("(GPIO{pin} "))).map(str::trim);
    Ok(json!({ "led_high": led_high, "led_mode": format!("{:?}", led.mode()), "button": line(BUTTON) }))
}

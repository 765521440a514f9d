//! The agent at work: who it is, its threads, and how it stops.

use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Context as _;
use picollect_lcd::pages::node as node_page;
use picollect_lcd::{Frame, Size};
use picollect_settings::exit::Failure;
use picollect_telemetry::Boundary;
use picollect_telemetry::catalogue::{CLUSTER, HOST, SIMULATED};
use picollect_telemetry::line::LineWriter;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::client::{Client, Target};
use crate::config::lcd::{Connection, LcdSettings};
use crate::config::sensors::SensorSettings;
use crate::config::{Delivery, Settings, SpoolSettings};
use crate::exposition::Exposition;
use crate::gpio::{Gpio, PinSettings, Press};
use crate::lcd::PanelFeed;
use crate::lcd::backlight::Dimmer;
use crate::lcd::char_device::DevicePanel;
use crate::lcd::face::{Face, Node, node_facts};
use crate::lcd::frames::{Frames, WallTime};
use crate::lcd::panel::Panel;
use crate::probe::{self, Finding};
use crate::push::Push;
use crate::queue::{Counts, Lines, MAX_QUEUE_BYTES, Queue};
use crate::sampler::Sampler;
use crate::simulated::{self, Scenario};
use crate::spool::Spool;
use picollect_board::attr::Root;
use picollect_board::clock::Clock;
use picollect_board::container::Container;
use picollect_board::i2c;
use picollect_board::identity::{self, Board, digest};
use picollect_metering::bus::{self, BusMeters, Guest};
use picollect_metering::meter::{PowerMeter, may_measure};
use picollect_metering::metered::Metered;
use picollect_metering::power_model::{self, ConfiguredModel, PowerModel};
use picollect_metering::settings::MeterSettings;
use picollect_metering::stop::Stop;
use picollect_sensors::ambient::{Ambient, AmbientSensor};
use picollect_sensors::clock_state::kernel_clock;
use picollect_sensors::status::Status;
use picollect_sensors::tick::Sensor;

/// Where readings come from: what the configuration says of the board.
struct Sources {
    root: Root,
    simulate: Option<Scenario>,
    ambient: Option<AmbientSensor>,
    gpio: PinSettings,
    meters: Vec<MeterSettings>,
    found: SensorSettings,
    lcd: Option<LcdSettings>,
}

/// What a board has.
type Found = (Vec<Box<dyn Sensor>>, Vec<Box<dyn PowerMeter>>);

impl Sources {
    fn of(settings: &Settings, clock: &Clock) -> Self {
        Self {
            root: Root::new(&settings.root),
            simulate: settings.simulate.map(|scenario| on_this_clock(scenario, clock)),
            ambient: settings.ambient.clone(),
            gpio: settings.gpio,
            meters: if settings.simulate.is_some() { Vec::new() } else { settings.meters.clone() },
            found: settings.sensors.clone(),
            lcd: settings.lcd.clone(),
        }
    }

    /// The configured meters by their buses; nothing is opened yet.
    fn buses(&self, board: &Board) -> Vec<BusMeters> {
        bus::group(&self.meters, power_model::usual(board), |number| self.opening(number))
    }

    fn opening(&self, number: u8) -> bus::Open {
        let root = self.root.clone();
        Box::new(move || i2c::open(&root, number))
    }

    /// The sensors and meters of the board, or of the simulated one.
    fn find(&self) -> Found {
        if let Some(scenario) = self.simulate {
            let (sensor, meter) = simulated::attach(scenario);
            return (vec![sensor], vec![meter]);
        }
        let mut sensors = picollect_sensors::discover(&self.root);
        if let Some(ambient) = &self.ambient {
            match Ambient::start(&self.root, ambient.clone()) {
                Ok(ambient) => sensors.push(Box::new(ambient)),
                Err(error) => tracing::error!("cannot start the ambient sensor's thread: {error}"),
            }
        }
        (sensors, self.found.apply(picollect_metering::discover(&self.root)))
    }

    /// Pins belong to this machine: neither a fixture board nor a simulated one has them.
    fn pins(&self, sensors: &mut Vec<Box<dyn Sensor>>) -> Option<Gpio> {
        let this_machine = self.simulate.is_none() && self.root.directory() == Path::new("/");
        if this_machine { Gpio::start(self.gpio, sensors) } else { None }
    }
}

/// A node's sensors, ready to be sampled.
pub struct Agent {
    name: String,
    sources: Sources,
    power_model: Option<ConfiguredModel>,
    clock: Clock,
    sampler: Sampler,
    gpio: Option<Gpio>,
    feed: PanelFeed,
    exposition: Option<Exposition>,
    writer: LineWriter,
    stop: Stop,
    /// Ends the threads of the meters and the panel of the last discovery.
    stop_meters: Stop,
    /// That of a panel behind the kernel's driver.
    panel: Option<JoinHandle<()>>,
}

impl Agent {
    /// Discovers the board, or makes the simulated one, and starts the meters' threads.
    pub fn new(settings: &Settings) -> Result<Self, Failure> {
        let clock = Clock::start();
        let sources = Sources::of(settings, &clock);
        let board = if settings.simulate.is_some() { simulated_board() } else { Board::read(&sources.root) };
        let name = settings.name.clone().unwrap_or_else(|| board.host_name.clone());
        let simulated_tag = if settings.simulate.is_some() { "true" } else { "" };
        let tags = [(CLUSTER, settings.cluster.as_str()), (HOST, &name), (SIMULATED, simulated_tag)];
        let writer = LineWriter::new(&tags);
        let mut sampler = Sampler::new(settings.interval, board, clock.clone());
        sampler.cluster.clone_from(&settings.cluster);
        let mut agent = Self {
            name,
            sources,
            power_model: settings.power_model.clone(),
            clock,
            sampler,
            gpio: None,
            feed: PanelFeed::default(),
            exposition: None,
            writer,
            stop: Stop::default(),
            stop_meters: Stop::default(),
            panel: None,
        };
        agent.discover()?;
        Ok(agent)
    }

    /// Finds what the board has now. The meters begin new epochs.
    fn discover(&mut self) -> Result<(), Failure> {
        self.stop_meters.order();
        self.stop_meters = Stop::default();
        // The driver lets in one at a time. A thread that failed has closed the device as well.
        if let Some(panel) = self.panel.take() {
            let _ = panel.join();
        }
        let (mut sensors, mut meters) = self.sources.find();
        // The pins that were held are given back before they are taken again.
        drop(self.gpio.take());
        self.gpio = self.sources.pins(&mut sensors);
        let presses = self.gpio.as_mut().and_then(|gpio| gpio.presses.take());
        let board = &self.sampler.board;
        let mut buses = self.sources.buses(board);
        // A part of the node does not replace what is estimated of the whole.
        let whole = |meter: &mut Box<dyn PowerMeter>| meter.name().boundary != Boundary::Rail;
        let own = |meter: &&MeterSettings| meter.node.is_none() && meter.boundary != Boundary::Rail;
        let measured = self.sources.meters.iter().any(|meter| own(&meter))
            || meters.iter_mut().any(|meter| whole(meter) && may_measure(&mut **meter));
        let configured = self.power_model.as_ref();
        if let Some(why) = configured.and_then(|model| model.is_of_another(board)) {
            tracing::error!("{why}");
        }
        let model = PowerModel::choose(configured, board, identity::cores(&self.sources.root));
        if let Some(lcd) = &self.sources.lcd {
            self.panel = self.attach(lcd, presses, &mut buses)?;
        }
        let meters = Metered::start_all(meters, buses, &self.clock, &self.stop_meters)
            .context("cannot start a meter's thread")?;
        self.sampler.take_over(meters, model, measured, sensors);
        Ok(())
    }

    /// Puts the panel on its bus, or starts its thread where a driver of the kernel has it.
    fn attach(
        &self,
        lcd: &LcdSettings,
        presses: Option<Receiver<Press>>,
        buses: &mut Vec<BusMeters>,
    ) -> Result<Option<JoinHandle<()>>, Failure> {
        let root = &self.sources.root;
        let dimmer = lcd.backlight_pwm.map(|channel| Dimmer::new(root, channel));
        let (face, wall) = (self.face(lcd), self.wall_time());
        let mut guest = |number, guest: Box<dyn Guest>| {
            bus::attach(buses, number, guest, || self.sources.opening(number));
        };
        match &lcd.connection {
            &Connection::Bus(number, wiring) => {
                let frames = Frames::new(face, presses, wall, dimmer);
                guest(number, Box::new(Panel::new(wiring, frames)));
                Ok(None)
            }
            &Connection::Oled(number, wiring) => {
                guest(number, Box::new(Panel::oled(wiring, Frames::of_dots(face, presses, wall))));
                Ok(None)
            }
            Connection::Device(path) => {
                let frames = Frames::new(face, presses, wall, dimmer);
                let panel = DevicePanel::new(root, path, lcd.size, frames);
                let started = panel.start(self.clock.clone(), self.stop_meters.clone());
                Ok(Some(started.context("cannot start the panel's thread")?))
            }
        }
    }

    /// What the panel will say, from the samples that are yet to come.
    pub fn face(&self, lcd: &LcdSettings) -> Face {
        let (name, simulated) = (self.name.clone(), self.sources.simulate.is_some());
        let root = self.sources.root.clone();
        let cluster = self.sampler.cluster.clone();
        let node = Node { name, cluster, simulated, interval: self.sampler.interval, root };
        Face::new(node, lcd.clone(), self.feed.clone())
    }

    /// Known once the times are settled.
    fn wall_time(&self) -> WallTime {
        let clock = self.clock.clone();
        Box::new(move || {
            let stamps = clock.stamps();
            stamps.authority.map(|_| stamps.stamp_ms(clock.now()))
        })
    }

    /// Where the panel's pages get their facts from.
    pub fn panel_feed(&self) -> PanelFeed {
        self.feed.clone()
    }

    /// The moment on the agent's clock.
    pub fn now(&self) -> Duration {
        self.clock.now()
    }

    /// Takes a sample now. `counts` is what has become of the lines so far.
    pub fn sample(&mut self, counts: Counts) -> (Lines, Status) {
        let stamps = self.clock.stamps();
        let now = self.clock.now();
        let status = self.sampler.sample(now, stamps, counts, &mut self.writer);
        self.feed.sampled(now, &status);
        if let Some(gpio) = &mut self.gpio {
            gpio.show_alarm(&status);
        }
        let (bytes, count) = self.writer.take();
        (Lines { bytes, count, stamps }, status)
    }

    /// What the panel shows.
    pub fn frame(&self, status: &Status, size: Size) -> Frame {
        node_page(&node_facts(&self.name, self.sources.simulate.is_some(), status), size)
    }

    /// The order to stop that its threads wait for.
    pub fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// Samples at every interval until the order to stop, and once more then, so that no energy that was
    /// measured is lost. `discover_again` asks for a new discovery.
    fn sample_until_stopped(
        &mut self,
        queues: &[Arc<Queue>],
        discover_again: &AtomicBool,
    ) -> Result<(), Failure> {
        let mut next = self.clock.now();
        loop {
            let counts = queues.iter().map(|queue| queue.counts()).fold(Counts::default(), Counts::plus);
            let (lines, _) = self.sample(counts);
            let sampled = self.clock.now();
            if let Some(exposition) = &self.exposition {
                exposition.show(&lines.bytes);
            }
            for queue in queues {
                queue.put(lines.clone());
            }
            if self.stop.ordered() {
                self.stop_meters.order();
                return Ok(());
            }
            if discover_again.swap(false, Ordering::Relaxed) {
                tracing::info!("discovering the sensors again");
                self.discover()?;
                self.log_power();
            }
            next = due(next + self.sampler.interval, self.clock.now(), sampled);
            self.stop.wait_until(self.clock.instant(next));
            // The order to stop may come at once.
            std::thread::sleep((sampled + APART).saturating_sub(self.clock.now()));
        }
    }

    fn log_power(&self) {
        for meter in &self.sampler.meters {
            tracing::info!(meter = meter.name.meter, source = %meter.name.source, "power");
        }
        if self.sampler.meters.is_empty() {
            let model = self.sampler.model.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
            tracing::info!(model, "no power meter found; power is estimated or unknown");
        }
    }
}

/// A store keeps one sample of a millisecond: two that are closer could bear the same one.
const APART: Duration = Duration::from_millis(2);

/// When the next sample is taken. A machine that slept does not make up for the ticks it missed, and after one that came
/// late the next is not at once.
fn due(planned: Duration, now: Duration, sampled: Duration) -> Duration {
    planned.max(now).max(sampled + APART)
}

fn simulated_board() -> Board {
    let text = |text: &str| text.to_owned();
    Board { host_name: text("sim"), model: text("simulated 4-core board"), serial: String::new(), x86: false }
}

/// From Unix milliseconds to milliseconds since the agent's start.
fn on_this_clock(scenario: Scenario, clock: &Clock) -> Scenario {
    let started_ms = clock.stamps().epoch_ms(Duration::ZERO);
    Scenario {
        busy_from_ms: scenario.busy_from_ms.saturating_sub(started_ms),
        busy_until_ms: scenario.busy_until_ms.saturating_sub(started_ms),
        ..scenario
    }
}

/// The node's name and what each of its sensors and meters says, for the probe's table.
pub(crate) fn probe(settings: &Settings) -> (String, Vec<Finding>) {
    let clock = Clock::start();
    let sources = Sources::of(settings, &clock);
    let name = settings.name.clone().unwrap_or_else(|| Board::read(&sources.root).host_name);
    let (mut sensors, mut meters) = sources.find();
    let _pins = sources.pins(&mut sensors);
    let sensors = sensors.iter_mut().map(|sensor| probe::sensor(sensor.as_mut(), &clock));
    let mut findings: Vec<_> = sensors.collect();
    findings.extend(meters.iter_mut().map(|meter| probe::meter(meter.as_mut(), &clock)));
    for bus in sources.buses(&Board::read(&sources.root)) {
        findings.extend(probe::bus(bus, &clock));
    }
    findings.extend(Container::around(&sources.root).map(|found| probe::container(&found)));
    findings.push(probe::power_model(settings.power_model.as_ref(), &sources.root));
    findings.extend(probe::candidates(&sources.root, &sources.meters, sources.lcd.as_ref()));
    (name, findings)
}

/// Samples and pushes until a signal or the end of standard input.
pub fn run(settings: &Settings, until_stdin_closes: bool) -> Result<(), Failure> {
    picollect_settings::log::start();
    let mut agent = Agent::new(settings)?;
    let discover_again = Arc::new(AtomicBool::new(false));
    heed_signals(agent.stop(), Arc::clone(&discover_again))?;
    if until_stdin_closes {
        stop_on_end_of_stdin(agent.stop())?;
    }
    let simulated = agent.sources.simulate.is_some();
    tracing::info!(node = agent.name, simulated, "sampling");
    if let Some(listen) = &settings.metrics_listen {
        let exposition = Exposition::start(listen, settings.interval)
            .with_context(|| format!("cannot listen on {listen}"))?;
        tracing::info!("metrics on http://{}/metrics", exposition.address);
        agent.exposition = Some(exposition);
    }
    agent.log_power();
    let (queues, pushes): (Vec<_>, Vec<_>) = start_pushes(settings, &agent)?.into_iter().unzip();
    agent.sample_until_stopped(&queues, &discover_again)?;
    for queue in &queues {
        queue.close();
    }
    for push in pushes {
        push.join().map_err(|_| anyhow::anyhow!("a push thread failed"))?;
    }
    Ok(())
}

/// A queue and the thread that delivers it.
type Pushing = (Arc<Queue>, JoinHandle<()>);

/// A queue and a thread for each collector, or one of each for all of them.
fn start_pushes(settings: &Settings, agent: &Agent) -> Result<Vec<Pushing>, Failure> {
    let groups: Vec<&[Target]> = match settings.delivery {
        Delivery::All => settings.targets.chunks(1).collect(),
        Delivery::First => vec![&settings.targets],
    };
    let boot = agent.sources.root.text("proc/sys/kernel/random/boot_id").unwrap_or_default();
    let start = |targets: &[Target]| {
        let spool = open_spool(&settings.spool, &agent.name, &targets[0].url);
        let queue = Arc::new(Queue::new(MAX_QUEUE_BYTES, spool, digest(&boot)));
        let clients = targets.iter().cloned().map(Client::new).collect::<anyhow::Result<Vec<_>>>()?;
        let push = Push::new(clients, Arc::clone(&queue), agent.clock.clone(), synchronised);
        let push = if settings.lcd.is_some() { push.telling(agent.feed.clone()) } else { push };
        let thread = thread::Builder::new().name("push".into()).spawn(move || push.run())?;
        Ok((queue, thread))
    };
    groups.into_iter().map(start).collect()
}

/// A kernel that does not say is not believed to be synchronised.
fn synchronised() -> bool {
    kernel_clock().is_ok_and(|clock| clock.synchronised)
}

/// A directory for each node and collector. Without a spool the agent works too, so it only says so.
fn open_spool(settings: &SpoolSettings, name: &str, url: &str) -> Option<Spool> {
    let base: &Path = settings.directory.as_deref()?;
    let directory = base.join(digest(&format!("{name} {url}")));
    match Spool::open(&directory, settings.max_bytes, settings.max_age) {
        Ok(spool) => {
            tracing::info!(directory = %directory.display(), waiting = spool.lines(), "spool");
            Some(spool)
        }
        Err(error) => {
            tracing::warn!(
                "no spool in `{}`: {error}; what cannot be delivered stays in memory",
                directory.display()
            );
            None
        }
    }
}

fn heed_signals(stop: Stop, discover_again: Arc<AtomicBool>) -> io::Result<()> {
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    let wait = move || {
        for signal in signals.forever() {
            if signal == SIGHUP {
                discover_again.store(true, Ordering::Relaxed);
            } else {
                stop.order();
            }
        }
    };
    thread::Builder::new().name("signals".into()).spawn(wait).map(drop)
}

fn stop_on_end_of_stdin(stop: Stop) -> io::Result<()> {
    let wait = move || {
        let mut bytes = [0; 64];
        while io::stdin().read(&mut bytes).is_ok_and(|read| read > 0) {}
        stop.order();
    };
    thread::Builder::new().name("stdin".into()).spawn(wait).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_that_came_a_whole_interval_late_does_not_share_its_millisecond_with_the_next() {
        let ms = Duration::from_millis;
        assert_eq!(due(ms(300), ms(110), ms(100)), ms(300));
        assert_eq!(due(ms(300), ms(300), ms(299)), ms(301));
        assert_eq!(due(ms(300), ms(9000), ms(8999)), ms(9001));
    }
}

//! The agent at work: who it is, its threads, and how it stops.

use std::io::{self, Read as _};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use picollect_lcd::{Frame, Size};
use picollect_settings::exit::Failure;
use picollect_telemetry::catalogue::{CLUSTER, HOST, SIMULATED};
use picollect_telemetry::line::LineWriter;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::attr::Root;
use crate::board::Board;
use crate::clock::Clock;
use crate::config::Settings;
use crate::i2c;
use crate::metering::{self, Metered, bus};
use crate::power_model::{self, PowerModel};
use crate::push::{self, Target};
use crate::queue::{Counts, Lines, MAX_QUEUE_BYTES, Queue};
use crate::sampler::Sampler;
use crate::sensors::{self, Status};
use crate::simulated;
use crate::stop::Stop;
use crate::{display, simulated::Scenario};

/// A node's sensors, ready to be sampled.
pub struct Agent {
    name: String,
    simulated: bool,
    sampler: Sampler,
    writer: LineWriter,
    stop: Stop,
    counts: Counts,
}

impl Agent {
    /// Discovers the board, or makes the simulated one, and starts the meters' threads.
    pub fn new(settings: Settings) -> Result<Self, Failure> {
        let (clock, stop) = (Clock::start(), Stop::default());
        let root = Root::new(settings.root);
        let simulated = settings.simulate.is_some();
        let board = if simulated { simulated_board() } else { Board::read(&root) };
        let name = settings.name.unwrap_or_else(|| board.host_name.clone());
        let (sensors, mut meters) = match settings.simulate {
            Some(scenario) => {
                let (sensor, meter) = simulated::attach(on_this_clock(scenario, clock), clock);
                (vec![sensor], vec![meter])
            }
            None => (sensors::discover(&root), sensors::discover_meters(&root)),
        };
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let on_buses = if simulated { Vec::new() } else { settings.meters };
        let measured =
            !on_buses.is_empty() || meters.iter_mut().any(|meter| metering::may_be_read(&mut **meter));
        let model = if measured { None } else { PowerModel::choose(settings.power_model, &board, cores) };
        let buses = bus::group(&on_buses, power_model::usual(&board), |number| {
            let root = root.clone();
            Box::new(move || i2c::open(&root, number))
        });
        let meters =
            Metered::start_all(meters, buses, clock, &stop).context("cannot start a meter's thread")?;
        let simulated_tag = if simulated { "true" } else { "" };
        let tags = [(CLUSTER, settings.cluster.as_str()), (HOST, &name), (SIMULATED, simulated_tag)];
        let writer = LineWriter::new(&tags);
        let interval = settings.interval;
        let sampler = Sampler { clock, interval, board, meters, model, sensors, samples: 0 };
        Ok(Self { name, simulated, sampler, writer, stop, counts: Counts::default() })
    }

    /// Takes a sample now.
    pub fn sample(&mut self) -> (Lines, Status) {
        let now = self.sampler.clock.now();
        let status = self.sampler.sample(now, self.counts, &mut self.writer);
        let (bytes, count) = self.writer.take();
        (Lines { bytes, count }, status)
    }

    /// What the panel shows.
    pub fn frame(&self, status: &Status, size: Size) -> Frame {
        display::frame(&self.name, self.simulated, status, size)
    }

    /// The order to stop that its threads wait for.
    pub fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// Samples at every interval until the order to stop, and once more then, so that no energy that was
    /// measured is lost.
    fn sample_until_stopped(&mut self, queue: &Queue) {
        let mut next = self.sampler.clock.now();
        loop {
            self.counts = queue.counts();
            let (lines, _) = self.sample();
            queue.put(lines);
            if self.stop.ordered() {
                return;
            }
            // A machine that slept does not make up for the ticks it missed.
            next = (next + self.sampler.interval).max(self.sampler.clock.now());
            self.stop.wait_until(self.sampler.clock.instant(next));
        }
    }
}

fn simulated_board() -> Board {
    let text = |text: &str| text.to_owned();
    Board { host_name: text("sim"), model: text("simulated 4-core board"), serial: String::new(), x86: false }
}

/// From Unix milliseconds to milliseconds since the agent's start.
fn on_this_clock(scenario: Scenario, clock: Clock) -> Scenario {
    let started_ms = clock.stamp_ms(Duration::ZERO);
    Scenario {
        busy_from_ms: scenario.busy_from_ms.saturating_sub(started_ms),
        busy_until_ms: scenario.busy_until_ms.saturating_sub(started_ms),
        ..scenario
    }
}

/// Samples and pushes until a signal or the end of standard input.
pub fn run(settings: Settings, target: &Target, until_stdin_closes: bool) -> Result<(), Failure> {
    picollect_settings::log::start();
    let mut agent = Agent::new(settings)?;
    stop_on_signals(agent.stop())?;
    if until_stdin_closes {
        stop_on_end_of_stdin(agent.stop())?;
    }
    tracing::info!(node = agent.name, simulated = agent.simulated, collector = target.url, "sampling");
    for meter in &agent.sampler.meters {
        tracing::info!(meter = meter.name.meter, source = %meter.name.source, "power");
    }
    if agent.sampler.meters.is_empty() {
        let model = agent.sampler.model.as_ref().map(|model| model.name.meter.as_str());
        tracing::info!(
            model = model.unwrap_or("none"),
            "no power meter found; power is estimated or unknown"
        );
    }
    let queue = Arc::new(Queue::new(MAX_QUEUE_BYTES));
    let (to_push, target) = (Arc::clone(&queue), target.clone());
    let push = thread::Builder::new().name("push".into()).spawn(move || push::run(&target, &to_push))?;
    agent.sample_until_stopped(&queue);
    queue.close();
    push.join().map_err(|_| anyhow::anyhow!("the push thread failed"))?;
    Ok(())
}

fn stop_on_signals(stop: Stop) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let wait = move || {
        signals.forever().next();
        stop.order();
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

//! An I2C bus that goes wrong: no false value, and every meter is back within five seconds.

use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use embedded_hal::i2c::{ErrorType, I2c, Operation};
use picollect_board::clock::Clock;
use picollect_board::i2c::BusError;
use picollect_i2c_model::i2c_bus::{Faults, SimulatedBus};
use picollect_i2c_model::ina219_model::{Ina219Model, Supply};
use picollect_metering::bus::{BusMeters, group};
use picollect_metering::energy::{EnergyPoint, Integrator, PowerRange};
use picollect_metering::metered::Metered;
use picollect_metering::settings::MeterSettings;
use picollect_metering::stop::Stop;
use picollect_telemetry::{NoData, Reading};

const WATTS: f64 = 5.0;

/// These INA219 at bus 1, or what else the TOML says.
fn settings(text: &str) -> Vec<MeterSettings> {
    #[derive(serde::Deserialize)]
    struct File {
        meter: Vec<MeterSettings>,
    }
    picollect_settings::parse::<File>(text, "agent.toml").unwrap().meter
}

fn at(addresses: &[u8]) -> Vec<MeterSettings> {
    let table = |address: &u8| format!("[[meter]]\nchip = \"ina219\"\naddress = {address}\n");
    settings(&addresses.iter().map(table).collect::<String>())
}

/// Five watts, always: whatever else is read is false.
fn steady(bus: &SimulatedBus) -> Ina219Model {
    Ina219Model::new(Box::new(|_| Supply { volts: 5.0, amps: 1.0 }), 0.1, bus.time.now())
}

struct Bench {
    bus: SimulatedBus,
    reader: BusMeters,
    meters: Vec<Arc<Mutex<Integrator>>>,
}

impl Bench {
    fn new(addresses: &[u8]) -> Self {
        let bus = SimulatedBus::default();
        for address in addresses {
            bus.plug_chip(*address, steady(&bus));
        }
        let reader = group(&at(addresses), None, |_| {
            let bus = bus.clone();
            Box::new(move || Ok(Box::new(bus.clone())))
        });
        let reader = reader.into_iter().next().unwrap();
        let meters = reader.meters().into_iter().map(|(_, meter)| meter).collect();
        Self { bus, reader, meters }
    }

    /// Reads until this much time has passed.
    fn run(&mut self, time: Duration) {
        let (clock, end) = (self.bus.time.clone(), self.bus.time.now() + time);
        while clock.now() < end {
            self.reader.read_due(&|| clock.now());
            clock.pass_until(self.reader.next_due(clock.now()).min(end));
        }
    }

    /// What a tick would publish; a value is checked.
    fn take(&self, meter: usize) -> Reading<EnergyPoint> {
        let point = self.meters[meter].lock().unwrap().take()?;
        let wrong = (point.joules - WATTS * point.metered_s).abs();
        assert!(wrong < 1e-6 * point.joules.max(1.0), "{point:?}");
        if let Some(PowerRange { mean_w: mean, least_w: least, greatest_w: greatest }) = point.power {
            for watts in [mean, least, greatest] {
                assert!((watts - WATTS).abs() < 1e-9, "a false value: {point:?}");
            }
        }
        Ok(point)
    }

    /// Ten minutes of faults, in which every value of the first meter is right, and its recovery.
    fn suffer(&mut self, faults: Faults) {
        self.bus.set_faults(faults);
        for _ in 0..600 {
            self.run(SECOND);
            let _checked = self.take(0);
        }
        self.bus.set_faults(Faults::default());
        assert!(self.recovery(0) < LIMIT);
    }

    /// Time until the meter's totals grow again.
    fn recovery(&mut self, meter: usize) -> Duration {
        let before = self.take(meter).map_or(0.0, |point| point.metered_s);
        let began = self.bus.time.now();
        loop {
            self.run(Duration::from_millis(10));
            if self.take(meter).is_ok_and(|point| point.metered_s > before) {
                return self.bus.time.now().saturating_sub(began);
            }
            assert!(
                self.bus.time.now().saturating_sub(began) < Duration::from_secs(60),
                "it never came back"
            );
        }
    }
}

const SECOND: Duration = Duration::from_secs(1);
const LIMIT: Duration = Duration::from_secs(5);

#[test]
fn a_good_bus_is_covered_without_a_gap_and_only_configured_addresses_are_written() {
    let mut bench = Bench::new(&[0x40, 0x41]);
    bench.bus.plug_chip(0x44, steady(&bench.bus));
    bench.run(60 * SECOND);
    for meter in 0..2 {
        assert!(bench.take(meter).unwrap().metered_s > 59.7);
    }
    assert_eq!(bench.bus.writes(), [0x40, 0x41], "each is configured once");
}

#[test]
fn random_remote_io_errors_cost_little_and_falsify_nothing() {
    let mut bench = Bench::new(&[0x40]);
    bench.bus.set_faults(Faults { remote_io: 0.02, ..Faults::default() });
    bench.run(120 * SECOND);
    let covered = bench.take(0).unwrap().metered_s;
    assert!(covered > 0.95 * 120.0, "{covered}");
    bench.suffer(Faults { remote_io: 0.5, ..Faults::default() });
}

#[test]
fn an_unplugged_meter_is_absent_and_a_replugged_one_is_configured_again() {
    let mut bench = Bench::new(&[0x40, 0x41]);
    for _ in 0..20 {
        bench.run(2 * SECOND);
        bench.bus.unplug(0x40);
        bench.run(10 * SECOND);
        assert_eq!(bench.take(0), Err(NoData::Absent));
        bench.bus.plug_chip(0x40, steady(&bench.bus));
        assert!(bench.recovery(0) < LIMIT);
    }
    assert!(bench.take(1).unwrap().metered_s > 0.99 * bench.bus.time.now().as_secs_f64(), "its neighbour");
}

#[test]
fn a_brown_out_is_a_gap_and_not_a_zero() {
    let mut bench = Bench::new(&[0x40]);
    let mut gaps = 0.0;
    for round in 0..100u64 {
        bench.run(SECOND + Duration::from_millis(round));
        bench.bus.with_chip(0x40, Ina219Model::brown_out);
        assert!(bench.recovery(0) < LIMIT);
        gaps += 1.0;
    }
    let missing = bench.bus.time.now().as_secs_f64() - bench.take(0).unwrap().metered_s;
    assert!((0.05 * gaps..0.25 * gaps).contains(&missing), "{missing} s for {gaps} brown-outs");
}

#[test]
fn a_brown_out_in_the_middle_of_a_reading_is_no_zero_either() {
    let mut bench = Bench::new(&[0x40]);
    bench.suffer(Faults { brown_out: 0.05, ..Faults::default() });
}

#[test]
fn what_arrives_two_seconds_late_is_of_no_known_moment_and_no_value() {
    let mut bench = Bench::new(&[0x40]);
    bench.run(5 * SECOND);
    let before = bench.take(0).unwrap().metered_s;
    bench.bus.set_faults(Faults { delay: 2 * SECOND, ..Faults::default() });
    bench.run(60 * SECOND);
    assert_eq!(bench.take(0), Err(NoData::TimedOut));
    bench.bus.set_faults(Faults::default());
    assert!(bench.recovery(0) < LIMIT);
    assert!(bench.take(0).unwrap().metered_s < before + 5.0);
}

#[test]
fn a_stuck_bus_times_out_and_is_back_within_five_seconds() {
    let mut bench = Bench::new(&[0x40, 0x41]);
    bench.run(5 * SECOND);
    bench.bus.set_faults(Faults { stuck: true, ..Faults::default() });
    bench.run(30 * SECOND);
    assert_eq!((bench.take(0), bench.take(1)), (Err(NoData::TimedOut), Err(NoData::TimedOut)));
    bench.bus.set_faults(Faults::default());
    assert!(bench.recovery(0) < LIMIT);
    assert!(bench.recovery(1) < LIMIT);
}

#[test]
fn whatever_goes_wrong_at_random_nothing_false_is_said() {
    let mut random = fastrand::Rng::with_seed(2026);
    let mut bench = Bench::new(&[0x40]);
    for _ in 0..2000 {
        let remote_io = [0.0, 0.0, 0.01, 0.3][random.usize(..4)];
        let brown_out = [0.0, 0.0, 0.01][random.usize(..3)];
        bench.bus.set_faults(Faults { remote_io, brown_out, stuck: random.u8(..) < 10, ..Faults::default() });
        match random.u8(..) {
            0..40 => bench.bus.unplug(0x40),
            40..80 => {
                bench.bus.unplug(0x40);
                bench.bus.plug_chip(0x40, steady(&bench.bus));
            }
            80..120 => drop(bench.bus.with_chip(0x40, Ina219Model::brown_out)),
            _ => {}
        }
        bench.run(Duration::from_millis(random.u64(1..1500)));
        let _checked = bench.take(0);
    }
    bench.bus.set_faults(Faults::default());
    bench.bus.unplug(0x40);
    bench.bus.plug_chip(0x40, steady(&bench.bus));
    assert!(bench.recovery(0) < LIMIT);
    assert!(!bench.bus.writes().iter().any(|address| *address != 0x40));
}

#[test]
fn a_chip_that_a_kernel_driver_owns_has_failed_and_is_not_touched() {
    let mut bench = Bench::new(&[0x40]);
    bench.bus.kernel_owns(0x40);
    bench.run(10 * SECOND);
    assert_eq!(bench.take(0), Err(NoData::Failed));
    assert_eq!(bench.bus.writes(), [0; 0]);
}

/// A bus on which every transfer waits for a word that may never come.
struct Held(Receiver<()>);

impl ErrorType for Held {
    type Error = BusError;
}

impl I2c for Held {
    fn transaction(&mut self, _: u8, _: &mut [Operation<'_>]) -> Result<(), BusError> {
        let _ = self.0.recv();
        Err(BusError::new(picollect_board::i2c::ETIMEDOUT))
    }
}

/// A simulated bus whose virtual time follows the real one.
struct RealTime(SimulatedBus, Instant);

impl ErrorType for RealTime {
    type Error = BusError;
}

impl I2c for RealTime {
    fn transaction(&mut self, address: u8, operations: &mut [Operation<'_>]) -> Result<(), BusError> {
        self.0.time.pass_until(self.1.elapsed());
        self.0.transaction(address, operations)
    }
}

#[test]
fn a_held_bus_delays_only_itself() {
    let text = "[[meter]]\nchip = \"ina219\"\nbus = 0\naddress = 0x40\n[[meter]]\nchip = \"ina219\"\naddress = 0x40\n";
    let (release, wait) = channel();
    let mut wait = Some(wait);
    let good = SimulatedBus::default();
    good.plug_chip(0x40, steady(&good));
    let buses = group(&settings(text), None, |number| {
        if let (0, Some(wait)) = (number, wait.take()) {
            let mut held = Some(Held(wait));
            return Box::new(move || match held.take() {
                Some(held) => Ok(Box::new(held)),
                None => Err(BusError { errno: None }),
            });
        }
        let good = good.clone();
        Box::new(move || Ok(Box::new(RealTime(good.clone(), Instant::now()))))
    });
    let (clock, stop) = (Clock::start(), Stop::default());
    let metered = Metered::start_all(Vec::new(), buses, &clock, &stop).unwrap();
    let names: Vec<_> = metered.iter().map(|meter| meter.name.meter.as_str()).collect();
    assert_eq!(names, ["ina219-0-40", "ina219-1-40"]);
    let began = Instant::now();
    while !metered[1].take().is_ok_and(|point| point.metered_s > 0.3) {
        assert!(began.elapsed() < Duration::from_secs(20), "the good bus is held up too");
        stop.wait(Duration::from_millis(5));
    }
    assert_eq!(metered[0].take(), Err(NoData::Absent), "nothing was read there yet");
    stop.order();
    drop(release);
}

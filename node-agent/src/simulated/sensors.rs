//! The simulated board's sensors and its meter, as the sampler sees them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use picollect_telemetry::catalogue::{
    BUSY, CORES as CORES_METRIC, FREQ_CAPPED, MAX_HZ as MAX_HZ_METRIC, MEASURED_HZ, SIM_FLOP, SIM_JOULES,
    SIM_SINCE_MS, SOFT_LIMIT, TEMP, THROTTLED, UNDER_VOLTAGE,
};
use picollect_telemetry::{Boundary, NoData, Reading, Source};

use super::{CONVERSION_STEPS, CORES, Conversion, MAX_HZ, Scenario, SimulatedBoard};
use picollect_metering::meter::{MeterName, MeterValue, PowerMeter};
use picollect_sensors::status::Status;
use picollect_sensors::tick::{Sensor, Tick};

type Shared = Arc<Mutex<SimulatedBoard>>;

/// A new board's sensors and meter.
pub(crate) fn attach(scenario: Scenario) -> (Box<dyn Sensor>, Box<dyn PowerMeter>) {
    let board = Arc::new(Mutex::new(SimulatedBoard::new(scenario)));
    let meter = SimulatedMeter(Arc::clone(&board));
    (Box::new(SimulatedSensors { board, epoch: None }), Box::new(meter))
}

fn lock(board: &Shared) -> MutexGuard<'_, SimulatedBoard> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}

struct SimulatedMeter(Shared);

impl PowerMeter for SimulatedMeter {
    fn name(&self) -> MeterName {
        MeterName { meter: "simulated".into(), source: Source::Simulated, boundary: Boundary::Node }
    }

    fn period(&self) -> Duration {
        Duration::from_millis(CONVERSION_STEPS)
    }

    fn read(&mut self, now: Duration) -> (Duration, Reading<MeterValue>) {
        let mut board = lock(&self.0);
        board.advance(now);
        match board.history.back() {
            Some(conversion) => (conversion.middle, Ok(MeterValue::Watts(conversion.watts))),
            None => (now, Err(NoData::Absent)),
        }
    }
}

struct SimulatedSensors {
    board: Shared,
    epoch: Option<Conversion>,
}

impl Sensor for SimulatedSensors {
    fn name(&self) -> &'static str {
        "simulated board"
    }

    fn remedy(&self) -> &'static str {
        "nothing: it is simulated"
    }

    fn sample(&mut self, tick: &mut Tick<'_>) {
        let shared = Arc::clone(&self.board);
        let mut board = lock(&shared);
        board.advance(tick.now);
        let state = |set: bool| i64::from(set).into();
        let temp_c = (board.temp_c * 1000.0).round() / 1000.0;
        tick.status = Status {
            temp_c: Some(temp_c),
            busy: Some(board.busy()),
            cores: Some(CORES as f64),
            clock_hz: Some(board.clock_hz),
            clock_is_measured: true,
            throttled: Some(board.throttled),
            under_voltage: Some(false),
            ..tick.status
        };
        tick.point(&[("zone", "cpu-thermal")], &[(&TEMP, temp_c.into())]);
        tick.point(&[("core", "all")], &[(&BUSY, board.busy().into()), (&CORES_METRIC, CORES.into())]);
        let clock = [(&MEASURED_HZ, board.clock_hz.into()), (&MAX_HZ_METRIC, MAX_HZ.into())];
        tick.point(&[("core", "arm")], &clock);
        tick.point(
            &[("origin", "simulated")],
            &[
                (&UNDER_VOLTAGE, state(false)),
                (&FREQ_CAPPED, state(board.capped)),
                (&THROTTLED, state(board.throttled)),
                (&SOFT_LIMIT, state(false)),
            ],
        );
        self.truth(&board, tick);
    }
}

impl SimulatedSensors {
    /// The exact totals at the moment for which the meter's totals of this tick stand, so that the two
    /// can be compared; the epoch begins at the meter's first conversion, as the meter's own does.
    fn truth(&mut self, board: &SimulatedBoard, tick: &mut Tick<'_>) {
        let Some((since, at)) = tick.metered else { return };
        let find = |moment| board.history.iter().find(|conversion| conversion.middle == moment).copied();
        let epoch = match self.epoch {
            Some(epoch) => epoch,
            None => match find(since) {
                Some(conversion) => *self.epoch.insert(conversion),
                None => return,
            },
        };
        let Some(now) = find(at) else { return };
        let since_ms = tick.stamps.epoch_ms(epoch.middle);
        tick.point_at(
            at,
            &[],
            &[
                (&SIM_JOULES, (now.exact_joules - epoch.exact_joules).into()),
                (&SIM_SINCE_MS, since_ms.into()),
                (&SIM_FLOP, (now.flop - epoch.flop).into()),
            ],
        );
    }
}

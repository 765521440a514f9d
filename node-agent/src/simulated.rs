//! A simulated board: heat, power and firmware of a small four-core board, for the demo and the tests.
//!
//! Everything that it says is tagged `simulated=true` and its meter's source is `simulated`.
//!
//! Model, advanced in steps of one millisecond, constant within a step:
//! - power `P = idle + dynamic · busy · (f/f_max)²`, plus a ripple under load;
//! - heat `C · dT/dt = P − (T − T_ambient)/R`, a single thermal resistance and capacity;
//! - firmware, every 100 ms: from 80 °C the clock steps down and `throttled` is set, from 85 °C it falls
//!   to the lowest and `freq_capped` is set too; below 79 °C it steps up again;
//! - work `cores · busy · f · FLOP_PER_CYCLE`.
//!
//! The exact energy is the sum of `P · step`: what the metered energy is checked against.

mod sensors;

use std::collections::VecDeque;
use std::time::Duration;

pub(crate) use sensors::attach;

const CORES: i64 = 4;
const MAX_HZ: f64 = 1.5e9;
const MIN_HZ: f64 = 0.6e9;
const IDLE_W: f64 = 2.7;
const DYNAMIC_W: f64 = 3.7;
const RIPPLE_W: f64 = 0.15;
const IDLE_BUSY: f64 = 0.02;
const AMBIENT_C: f64 = 25.0;
const CAPACITY_J_PER_K: f64 = 1.0;
/// What a tuned dense solve reaches per core and cycle on such a core.
const FLOP_PER_CYCLE: f64 = 1.6;

const STEP_S: f64 = 0.001;
const FIRMWARE_STEPS: u64 = 100;
const CLOCK_STEP_HZ: f64 = 50e6;
const HARD_LIMIT_C: f64 = 85.0;
const STEP_DOWN_C: f64 = 80.0;
const STEP_UP_C: f64 = 79.0;
/// Length of a conversion of the simulated meter: an INA219 that averages 128 samples, to the step.
const CONVERSION_STEPS: u64 = 68;
/// The meter's smallest step in watts.
const METER_LSB_W: f64 = 0.001;
/// Conversions that are remembered until a tick asks for them: a little more than a minute.
const HISTORY: usize = 1000;

/// How the board is cooled and when it works.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// Thermal resistance from chip to air, K/W.
    pub cooling_k_per_w: f64,
    /// Full load from here, milliseconds after the board's start (may lie before it).
    pub busy_from_ms: i64,
    /// Until here, in the same milliseconds.
    pub busy_until_ms: i64,
}

/// One finished conversion of the meter.
#[derive(Debug, Clone, Copy)]
struct Conversion {
    /// The middle of the conversion, on the board's time.
    middle: Duration,
    /// Mean power during it, as the meter shows it.
    watts: f64,
    /// Exact energy from the board's start to the middle.
    exact_joules: f64,
    /// Work from the board's start to the middle.
    flop: f64,
}

#[derive(Debug)]
struct SimulatedBoard {
    scenario: Scenario,
    steps: u64,
    temp_c: f64,
    clock_hz: f64,
    throttled: bool,
    capped: bool,
    joules: f64,
    flop: f64,
    conversion_start_joules: f64,
    middle: (Duration, f64, f64),
    history: VecDeque<Conversion>,
}

impl SimulatedBoard {
    fn new(scenario: Scenario) -> Self {
        Self {
            scenario,
            steps: 0,
            temp_c: AMBIENT_C + scenario.cooling_k_per_w * IDLE_W,
            clock_hz: MAX_HZ,
            throttled: false,
            capped: false,
            joules: 0.0,
            flop: 0.0,
            conversion_start_joules: 0.0,
            middle: (Duration::ZERO, 0.0, 0.0),
            history: VecDeque::with_capacity(HISTORY),
        }
    }

    /// Brings the board to this moment.
    fn advance(&mut self, to: Duration) {
        let wanted = u64::try_from(to.as_millis()).unwrap_or(u64::MAX);
        while self.steps < wanted {
            self.step();
        }
    }

    fn step(&mut self) {
        let power = self.power();
        self.joules += power * STEP_S;
        self.flop += CORES as f64 * self.busy() * self.clock_hz * FLOP_PER_CYCLE * STEP_S;
        let outflow = (self.temp_c - AMBIENT_C) / self.scenario.cooling_k_per_w;
        self.temp_c += (power - outflow) / CAPACITY_J_PER_K * STEP_S;
        self.steps += 1;
        if self.steps % FIRMWARE_STEPS == 0 {
            self.firmware();
        }
        match self.steps % CONVERSION_STEPS {
            0 => self.convert(),
            half if half == CONVERSION_STEPS / 2 => {
                self.middle = (Duration::from_millis(self.steps), self.joules, self.flop);
            }
            _ => {}
        }
    }

    fn busy(&self) -> f64 {
        let ms = i64::try_from(self.steps).unwrap_or(i64::MAX);
        let working = (self.scenario.busy_from_ms..self.scenario.busy_until_ms).contains(&ms);
        if working { 1.0 } else { IDLE_BUSY }
    }

    fn power(&self) -> f64 {
        // A triangle: a sine would be the one call into the maths library, which every real agent would
        // then hold in its memory.
        let turn = (self.steps as f64 * STEP_S * 7.3).fract();
        let ripple = RIPPLE_W * (4.0 * (turn - 0.5).abs() - 1.0);
        let clock = self.clock_hz / MAX_HZ;
        IDLE_W + self.busy() * (DYNAMIC_W * clock * clock + ripple)
    }

    fn firmware(&mut self) {
        self.capped = self.temp_c >= HARD_LIMIT_C;
        if self.capped {
            self.clock_hz = MIN_HZ;
        } else if self.temp_c >= STEP_DOWN_C {
            self.clock_hz = (self.clock_hz - CLOCK_STEP_HZ).max(MIN_HZ);
        } else if self.temp_c < STEP_UP_C {
            self.clock_hz = (self.clock_hz + CLOCK_STEP_HZ).min(MAX_HZ);
        }
        self.throttled = self.clock_hz < MAX_HZ;
    }

    fn convert(&mut self) {
        let seconds = CONVERSION_STEPS as f64 * STEP_S;
        let mean = (self.joules - self.conversion_start_joules) / seconds;
        self.conversion_start_joules = self.joules;
        let (middle, exact_joules, flop) = self.middle;
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        let watts = (mean / METER_LSB_W).round() * METER_LSB_W;
        self.history.push_back(Conversion { middle, watts, exact_joules, flop });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use picollect_metering::energy::Integrator;

    fn after(scenario: Scenario, seconds: u64) -> SimulatedBoard {
        let mut board = SimulatedBoard::new(scenario);
        board.advance(Duration::from_secs(seconds));
        board
    }

    const WORK: Scenario = Scenario { cooling_k_per_w: 5.0, busy_from_ms: 0, busy_until_ms: 600_000 };

    #[test]
    fn a_well_cooled_board_settles_below_the_limit_at_full_clock() {
        let board = after(WORK, 120);
        assert!((board.temp_c - (AMBIENT_C + 5.0 * (IDLE_W + DYNAMIC_W))).abs() < 1.0, "{}", board.temp_c);
        assert!(!board.throttled && !board.capped);
        let rate = board.flop / 120.0;
        assert!((rate - CORES as f64 * MAX_HZ * FLOP_PER_CYCLE).abs() < 1.0, "{rate}");
    }

    #[test]
    fn a_badly_cooled_board_is_throttled_and_does_less_work() {
        let board = after(Scenario { cooling_k_per_w: 11.0, ..WORK }, 60);
        assert!(board.throttled && (78.0..HARD_LIMIT_C).contains(&board.temp_c), "{}", board.temp_c);
        assert!(board.flop < after(WORK, 60).flop * 0.95);
    }

    #[test]
    fn without_load_it_stays_as_it_is() {
        let idle = Scenario { cooling_k_per_w: 5.0, busy_from_ms: 0, busy_until_ms: 0 };
        let board = after(idle, 60);
        assert!((board.temp_c - (AMBIENT_C + 5.0 * IDLE_W)).abs() < 0.5, "{}", board.temp_c);
    }

    #[test]
    fn the_metered_energy_is_the_exact_energy() {
        let scenario = Scenario { cooling_k_per_w: 11.0, busy_from_ms: 10_000, busy_until_ms: 50_000 };
        let mut board = SimulatedBoard::new(scenario);
        let mut meter = Integrator::new(Duration::from_millis(CONVERSION_STEPS));
        let mut first = None;
        for ms in (0..60_000).step_by(34) {
            board.advance(Duration::from_millis(ms));
            if let Some(conversion) = board.history.back() {
                first.get_or_insert(conversion.exact_joules);
                meter.watts(conversion.middle, Ok(conversion.watts));
            }
        }
        let exact = board.history.back().unwrap().exact_joules - first.unwrap();
        let metered = meter.take().unwrap().joules;
        assert!((metered / exact - 1.0).abs() < 5e-4, "{metered} {exact}");
    }
}

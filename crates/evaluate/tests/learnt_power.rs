//! Models that are learnt on simulated siblings: boards of one model whose idle power and whose work each differ by 5 %
//! from board to board (one standard deviation), with a meter of 1 % noise.

use std::fmt::Write as _;

use picollect_evaluate::learnt_power::{Learnt, NoFit, Observation, learn, observations, tried};
use picollect_evaluate::series::Sample;

/// Time between two samples.
const INTERVAL_S: i64 = 30;
const HOURS: i64 = 24;
const SPREAD: f64 = 0.05;
const MHZ: [f64; 3] = [600.0, 1000.0, 1500.0];

/// Numbers that are the same on every machine.
struct Dice(u64);

impl Dice {
    /// Between 0 and 1.
    fn roll(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Nearly normal, mean 0 and deviation 1.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.roll()).sum::<f64>() - 6.0
    }
}

/// A board of a model.
struct Board {
    idle: f64,
    work: f64,
}

impl Board {
    fn sibling(dice: &mut Dice) -> Self {
        let mut factor = || 1.0 + SPREAD * dice.normal();
        Self { idle: factor(), work: factor() }
    }

    /// W: the voltage rises with the clock.
    fn watts(&self, busy: f64, mhz: f64) -> f64 {
        let ghz = mhz / 1000.0;
        let volts = 0.75 + 0.1 * ghz;
        self.idle * (1.7 + 0.3 * ghz * volts) + self.work * busy * 3.2 * ghz * volts * volts
    }

    /// A day: each hour has a load of its own around which it moves, and the clock follows the load.
    fn day(&self, dice: &mut Dice) -> Vec<Observation> {
        let mut day = Vec::new();
        for hour in 0..HOURS {
            let usual = [0.05, 0.95, 0.4, 0.7, 0.1][usize::try_from(hour).unwrap() % 5];
            for step in 0..3600 / INTERVAL_S {
                let busy: f64 = (usual + 0.15 * dice.normal()).clamp(0.0, 1.0);
                let mhz = MHZ[usize::from(busy > 0.2) + usize::from(busy > 0.5)];
                let watts = self.watts(busy, mhz) * (1.0 + 0.01 * dice.normal());
                let t_ms = (hour * 3600 + step * INTERVAL_S) * 1000;
                day.push(Observation { t_ms, busy, clock_hz: mhz * 1e6, watts });
            }
        }
        day
    }
}

fn siblings(count: usize) -> Vec<Vec<Observation>> {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    (0..count).map(|_| Board::sibling(&mut dice).day(&mut dice)).collect()
}

/// How far a day's energy is off, as a share.
fn energy_error(model: &Learnt, day: &[Observation]) -> f64 {
    let said = |at: &Observation| Some((model.power.watts(at.busy, at.clock_hz)?, at.watts));
    let (said, real) = day.iter().filter_map(said).fold((0.0, 0.0), |sum, at| (sum.0 + at.0, sum.1 + at.1));
    said / real - 1.0
}

#[test]
fn on_the_board_itself_the_held_out_hours_are_met_within_the_meters_noise() {
    let model = learn(&siblings(1)).unwrap();
    assert!(model.held_out.error < 0.02, "{:?}", model.held_out);
    assert!(model.held_out.unknown < 0.02, "{:?}", model.held_out);
    assert_eq!((model.hours, model.other_boards), (24, None));
    let exact = Board { idle: 1.0, work: 1.0 };
    let nominal = learn(&[exact.day(&mut Dice(7))]).unwrap();
    for (busy, mhz) in [(0.05, 600.0), (0.35, 1000.0), (0.8, 1500.0)] {
        let (said, real) = (nominal.power.watts(busy, mhz * 1e6).unwrap(), exact.watts(busy, mhz));
        assert!((said / real - 1.0).abs() < 0.01, "{said} is not {real}");
    }
}

#[test]
fn a_model_speaks_of_no_clock_and_load_that_it_did_not_see() {
    let model = learn(&siblings(1)).unwrap().power;
    for (busy, mhz) in [(0.5, 500.0), (0.5, 1800.0), (0.9, 600.0), (0.05, 1500.0)] {
        assert_eq!(model.watts(busy, mhz * 1e6), None, "{busy} at {mhz} MHz");
    }
}

/// Leave one board out: of eight siblings each is estimated by models that were learnt on one, two or four of the
/// others, and on all of them.
fn table() -> String {
    let boards = siblings(8);
    let mut table = String::from(
        "| learnt on | a day's energy, median | worst | 95 of 100 minutes within, median | worst | said by the section |\n\
         |---|--:|--:|--:|--:|--:|\n",
    );
    for donors in [1, 2, 4, 7] {
        let (mut energy, mut minutes, mut promised) = (Vec::new(), Vec::new(), Vec::new());
        for (left_out, day) in boards.iter().enumerate() {
            let others: Vec<Vec<Observation>> =
                (1..=donors).map(|step| boards[(left_out + step) % boards.len()].clone()).collect();
            let model = learn(&others).unwrap();
            energy.push(energy_error(&model, day).abs());
            minutes.push(tried([(&model.power, day.as_slice())].into_iter()).unwrap().error);
            promised.push(model.error());
        }
        let row = [&mut energy, &mut minutes, &mut promised].map(|errors| {
            errors.sort_by(f64::total_cmp);
            (f64::midpoint(errors[3], errors[4]) * 100.0, errors[7] * 100.0)
        });
        let [energy, minutes, promised] = row;
        let boards = if donors == 1 { "1 board".to_owned() } else { format!("{donors} boards") };
        writeln!(
            table,
            "| {boards} | {:.1} % | {:.1} % | {:.1} % | {:.1} % | ± {:.1} % |",
            energy.0, energy.1, minutes.0, minutes.1, promised.0
        )
        .unwrap();
    }
    table
}

#[test]
fn the_leave_one_board_out_error_of_siblings_is_that_of_the_documentation() {
    let (table, path) = (table(), concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/power-models.md"));
    let page = std::fs::read_to_string(path).expect("docs/power-models.md");
    assert!(page.contains(&table), "docs/power-models.md should have this table:\n{table}");
}

#[test]
fn with_several_boards_the_error_is_that_of_a_board_that_was_left_out() {
    let model = learn(&siblings(4)).unwrap();
    let others = model.other_boards.unwrap();
    assert!(others.error > 2.0 * learn(&siblings(1)).unwrap().held_out.error, "{others:?}");
    assert!(model.error() >= others.error && model.error() < 0.25, "{:?}", model.error());
}

#[test]
fn what_cannot_be_learnt_is_a_reason() {
    let day = siblings(1).remove(0);
    let of = |keep: &dyn Fn(&Observation) -> bool| {
        learn(&[day.iter().copied().filter(|at| keep(at)).collect()]).unwrap_err()
    };
    assert_eq!(learn(&[]).unwrap_err(), NoFit::TooShort { hours: 0 });
    assert_eq!(of(&|at| at.t_ms < 3 * 3_600_000), NoFit::TooShort { hours: 3 });
    assert_eq!(of(&|at| at.t_ms % 3_600_000 < 60_000), NoFit::NoClock);
    assert!(matches!(of(&|at| at.busy < 0.2), NoFit::SteadyLoad { range } if range < 0.25));
    let mut backwards = day;
    for at in &mut backwards {
        at.watts = 10.0 - at.watts;
    }
    assert!(matches!(learn(&[backwards]), Err(NoFit::NotPhysical { .. })));
}

#[test]
fn samples_of_one_moment_belong_together_and_the_clock_is_the_mean_of_both_ends() {
    let samples = |list: &[(i64, f64)]| -> Vec<Sample> {
        list.iter().map(|&(t_ms, value)| Sample { t_ms, value }).collect()
    };
    let watts = samples(&[(1010, 3.0), (2010, 4.0), (3010, 0.0), (9000, 9.0)]);
    let busy = samples(&[(0, 0.1), (1000, 0.2), (2000, 0.3), (3000, 0.4), (5000, 0.5), (6000, 1.5)]);
    let clock = samples(&[(0, 6e8), (1000, 1e9), (2000, 1e9), (3000, 1e9), (5000, 1e9)]);
    let at = |t_ms, busy, clock_hz, watts| Observation { t_ms, busy, clock_hz, watts };
    let want = [at(1000, 0.2, 8e8, 3.0), at(2000, 0.3, 1e9, 4.0)];
    assert_eq!(observations(&watts, &busy, &clock, 1.0), want);
    assert_eq!(observations(&[], &busy, &clock, 1.0), []);
}

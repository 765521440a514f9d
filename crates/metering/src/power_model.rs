//! Power of a board that nothing measures: a straight line between figures for idle and for all cores busy, published or
//! configured, or what was learnt by load and clock on a node that has a meter. Every figure made here is labelled
//! `estimated`, with how far it may be off where that is known.

use std::fmt;
use std::time::Duration;

use picollect_telemetry::learnt_power::LearntPower;
use picollect_telemetry::{Boundary, NoData, Reading, Source};
use serde::Deserialize;

use crate::accuracy::Accuracy;
use crate::energy::{EnergyPoint, Integrator};
use crate::meter::MeterName;
use picollect_board::identity::Board;

const PUBLISHED: &str = include_str!("power_models.toml");

/// What a board takes, watts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UsualPower {
    /// With nothing but the system running.
    pub idle_w: f64,
    /// With all cores busy.
    pub busy_w: f64,
}

/// How power follows from what a node does.
#[derive(Debug, Clone, PartialEq)]
pub enum Law {
    /// A straight line over the share of busy cores, at whatever clock.
    Line(UsualPower),
    /// By load and clock, as it was learnt; unknown outside of what was seen.
    Learnt(LearntPower, ClockKind),
}

/// Which clock a model was learnt by; the other one is another quantity while a firmware throttles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClockKind {
    /// That of the core, as the firmware measures it.
    Measured,
    /// What the kernel asked for.
    Requested,
}

impl fmt::Display for ClockKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Measured => "measured",
            Self::Requested => "requested",
        })
    }
}

/// A model that somebody configured.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfiguredModel {
    /// How power follows from load and clock.
    pub law: Law,
    /// How far it may be off.
    pub accuracy: Accuracy,
    /// The board that it was learnt on, as the board calls itself; `None` where nobody says.
    pub learnt_on: Option<String>,
}

impl ConfiguredModel {
    /// Why it is not for this board: another model of board takes another power. `None` if it may be used.
    pub fn is_of_another(&self, board: &Board) -> Option<String> {
        let learnt_on = self.learnt_on.as_deref()?;
        let differs = without_revision(learnt_on) != without_revision(&board.model);
        differs.then(|| {
            let this = if board.model.is_empty() { "of a model that is not known" } else { &board.model };
            format!(
                "[power_model] was learnt on a {learnt_on} and this board is {this}: it is not used, and the power is \
                 unknown"
            )
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Published {
    board: Vec<Entry>,
    x86_per_core: Entry,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[serde(default)]
    model: String,
    idle_w: f64,
    idle_error_w: Option<f64>,
    busy_w: f64,
    busy_error_w: Option<f64>,
    #[expect(dead_code, reason = "kept beside the figures for whoever checks them")]
    source: String,
}

impl Entry {
    fn usual(&self, cores: f64) -> UsualPower {
        UsualPower { idle_w: self.idle_w * cores, busy_w: self.busy_w * cores }
    }

    fn accuracy(&self) -> Accuracy {
        let errors = self.idle_error_w.zip(self.busy_error_w);
        errors.map_or_else(Accuracy::default, |errors| spread(self.usual(1.0), errors))
    }
}

/// A share and watts that reach over the errors at idle and at full load.
fn spread(UsualPower { idle_w, busy_w }: UsualPower, (idle_error_w, busy_error_w): (f64, f64)) -> Accuracy {
    let grows = (busy_error_w - idle_error_w) / (busy_w - idle_w);
    let offset_w = idle_error_w - grows * idle_w;
    let (gain, offset_w) = if !grows.is_finite() || grows < 0.0 {
        (0.0, idle_error_w.max(busy_error_w))
    } else if offset_w < 0.0 {
        (busy_error_w / busy_w, 0.0)
    } else {
        (grows, offset_w)
    };
    Accuracy { gain_error: Some(gain), offset_w: Some(offset_w), conversions_per_s: None }
}

fn without_revision(model: &str) -> &str {
    model.split(" Rev ").next().unwrap_or_default()
}

/// The figures for this board with the model's name and how far they may be off. `None` where nothing is published.
fn published(board: &Board, cores: usize) -> Option<(String, UsualPower, Accuracy)> {
    let table: Published = toml::from_str(PUBLISHED).expect("the built-in table is valid");
    if let Some(entry) = table.board.iter().find(|entry| entry.model == without_revision(&board.model)) {
        let name = format!("model-{}", entry.model.to_lowercase().replace(' ', "-"));
        return Some((name, entry.usual(1.0), entry.accuracy()));
    }
    let per_core = table.x86_per_core;
    let name = "model-x86-per-core".to_owned();
    board.x86.then(|| (name, per_core.usual(cores as f64), per_core.accuracy()))
}

/// What boards of this model take, where that was published of the very board.
pub fn usual(board: &Board) -> Option<UsualPower> {
    if board.x86 { None } else { published(board, 0).map(|(_, usual, _)| usual) }
}

/// What a node does, as far as it is known.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Load {
    /// Share of the cores that were busy since the tick before.
    pub busy: Option<f64>,
    /// The clock now, Hz.
    pub clock_hz: Option<f64>,
    /// Whether the clock is the core's own and not the kernel's wish.
    pub clock_is_measured: bool,
}

/// The model at work: load in, energy out.
#[derive(Debug)]
pub struct PowerModel {
    /// Its name and the meaning of its figures.
    pub name: MeterName,
    /// How far it may be off; unknown of the configured figures of who does not say.
    pub accuracy: Accuracy,
    law: Law,
    integrator: Integrator,
    /// When the tick before was; `None` before the first.
    before: Option<Duration>,
    /// The clock then, Hz.
    clock_before: Option<f64>,
}

impl PowerModel {
    /// The configured model, else the published figures; `None` where neither are, or the configured one is of another
    /// board.
    pub fn choose(configured: Option<&ConfiguredModel>, board: &Board, cores: usize) -> Option<Self> {
        let (meter, law, accuracy) = match configured {
            Some(configured) if configured.is_of_another(board).is_some() => return None,
            Some(configured) => {
                let name = match configured.law {
                    Law::Line(_) => "model-configured",
                    Law::Learnt(..) => "model-learnt",
                };
                (name.to_owned(), configured.law.clone(), configured.accuracy)
            }
            None => {
                let (name, usual, accuracy) = published(board, cores)?;
                (name, Law::Line(usual), accuracy)
            }
        };
        let name = MeterName { meter, source: Source::Estimated, boundary: Boundary::Node };
        // The model has no conversions of its own: it speaks of the whole time between two ticks.
        let integrator = Integrator::new(Duration::ZERO);
        Some(Self { name, accuracy, law, integrator, before: None, clock_before: None })
    }

    /// Takes what the node did since the tick before and gives the totals. Outside of the loads and clocks that it was
    /// learnt at the power is [`NoData::Overflow`], and that time is covered by nothing.
    pub fn tick(&mut self, now: Duration, load: Load) -> Reading<EnergyPoint> {
        let clock_before = std::mem::replace(&mut self.clock_before, load.clock_hz);
        let watts = self.watts(load, clock_before);
        if let Some(before) = self.before.replace(now) {
            self.integrator.mean_between(before, now, watts);
        }
        self.integrator.take()
    }

    fn watts(&self, load: Load, clock_before: Option<f64>) -> Reading<f64> {
        let busy = load.busy.ok_or(NoData::Absent)?;
        match &self.law {
            Law::Line(UsualPower { idle_w, busy_w }) => Ok(idle_w + busy * (busy_w - idle_w)),
            Law::Learnt(learnt, kind) => {
                let same_kind = load.clock_is_measured == (*kind == ClockKind::Measured);
                let clock_hz = load.clock_hz.filter(|_| same_kind).ok_or(NoData::Absent)?;
                let mean_hz = clock_before.map_or(clock_hz, |before| f64::midpoint(before, clock_hz));
                learnt.watts(busy, mean_hz).ok_or(NoData::Overflow)
            }
        }
    }
}

impl fmt::Display for PowerModel {
    /// What it is, in a line for `check` and `probe`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.law {
            Law::Line(UsualPower { idle_w, busy_w }) => {
                write!(f, "{idle_w}{} W idle, {busy_w}{} W busy", self.error(*idle_w), self.error(*busy_w))?;
            }
            Law::Learnt(learnt, kind) => {
                let (lowest, highest) = learnt.clock_range_hz();
                let (first, last) = (&learnt.clocks()[0], &learnt.clocks()[learnt.clocks().len() - 1]);
                write!(
                    f,
                    "{:.2}{} to {:.2}{} W at {:.0} to {:.0} MHz ({kind} clock), unknown beyond",
                    first.watts[0],
                    self.error(first.watts[0]),
                    last.watts[1],
                    self.error(last.watts[1]),
                    lowest / 1e6,
                    highest / 1e6
                )?;
            }
        }
        write!(f, "; estimated by {}", self.name.meter)
    }
}

impl PowerModel {
    fn error(&self, watts: f64) -> String {
        let Accuracy { gain_error, offset_w, .. } = self.accuracy;
        let error = gain_error.zip(offset_w).map(|(gain, offset_w)| gain * watts + offset_w);
        error.map_or_else(|| " (error unknown)".to_owned(), |error| format!(" ± {error:.2}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use picollect_telemetry::learnt_power::AtClock;

    fn board(model: &str, x86: bool) -> Board {
        Board { host_name: "n".into(), model: model.into(), serial: String::new(), x86 }
    }

    fn busy(share: f64) -> Load {
        Load { busy: Some(share), ..Load::default() }
    }

    fn line(idle_w: f64, busy_w: f64) -> ConfiguredModel {
        let law = Law::Line(UsualPower { idle_w, busy_w });
        ConfiguredModel { law, accuracy: Accuracy::default(), learnt_on: None }
    }

    #[test]
    fn a_board_is_known_by_its_name_with_and_without_a_revision_and_an_unknown_one_has_no_model() {
        let known = |model| published(&board(model, false), 4).map(|(name, usual, _)| (name, usual.idle_w));
        assert_eq!(known("Raspberry Pi 3 Model B Plus Rev 1.3").unwrap().1, 1.9);
        assert_eq!(known("Raspberry Pi 3 Model B Rev 1.2").unwrap().1, 1.4);
        assert_eq!(known("Raspberry Pi 4 Model B Rev 1.4").unwrap().0, "model-raspberry-pi-4-model-b");
        assert_eq!(
            known("Raspberry Pi 3 Model B Plus").unwrap().1,
            1.9,
            "an upstream device tree has no revision"
        );
        assert_eq!(known("Raspberry Pi Zero").unwrap().1, 0.4);
        assert_eq!(known("Raspberry Pi Zero W Rev 1.1"), None, "nobody published its figures here");
        assert_eq!(known("Orange Pi 5"), None);
        assert_eq!(known(""), None);
        let x86 = published(&board("KVM", true), 2).unwrap();
        assert_eq!((x86.1, x86.2), (UsualPower { idle_w: 1.48, busy_w: 7.0 }, Accuracy::default()));
    }

    #[test]
    fn every_published_figure_of_a_board_has_an_error_and_a_source_and_the_spread_reaches_over_both_errors() {
        let table: Published = toml::from_str(PUBLISHED).unwrap();
        for entry in &table.board {
            let (idle, full) = (entry.idle_error_w.unwrap(), entry.busy_error_w.unwrap());
            let accuracy = entry.accuracy();
            let (gain, offset_w) = (accuracy.gain_error.unwrap(), accuracy.offset_w.unwrap());
            assert!(gain * entry.idle_w + offset_w >= idle - 1e-9, "{}", entry.model);
            assert!(gain * entry.busy_w + offset_w >= full - 1e-9, "{}", entry.model);
            assert!(entry.idle_w > idle && entry.busy_w - full > entry.idle_w * 0.1, "{}", entry.model);
        }
        for model in ["5 Model B", "400", "500", "Compute Module 4", "Compute Module 5", "Zero 2 W"] {
            assert!(usual(&board(&format!("Raspberry Pi {model} Rev 1.0"), false)).is_some(), "{model}");
        }
        let usual = UsualPower { idle_w: 2.0, busy_w: 6.0 };
        let of = |idle, full| {
            let spread = spread(usual, (idle, full));
            let rounded = |value: f64| (value * 1e9).round() / 1e9;
            (rounded(spread.gain_error.unwrap()), rounded(spread.offset_w.unwrap()))
        };
        assert_eq!(of(0.5, 1.5), (0.25, 0.0));
        assert_eq!(of(0.6, 1.0), (0.1, 0.4));
        assert_eq!(of(0.8, 0.5), (0.0, 0.8), "the greater one holds everywhere");
        assert_eq!(of(0.1, 1.5), (0.25, 0.0), "and never less than none");
    }

    #[test]
    fn the_model_integrates_the_mean_load_between_ticks() {
        let mut model = PowerModel::choose(Some(&line(2.0, 6.0)), &board("", false), 4).unwrap();
        let seconds = Duration::from_secs;
        assert_eq!(model.tick(seconds(0), Load::default()), Err(NoData::Absent));
        assert_eq!(model.tick(seconds(1), busy(0.25)).unwrap().joules, 3.0);
        let point = model.tick(seconds(11), busy(0.5)).unwrap();
        assert_eq!((point.joules, point.metered_s, point.since), (43.0, 11.0, seconds(0)));
        assert_eq!(point.power.unwrap().mean_w, 4.0);
        assert_eq!(model.name.source, Source::Estimated);
        assert_eq!(
            model.to_string(),
            "2 (error unknown) W idle, 6 (error unknown) W busy; estimated by model-configured"
        );
    }

    fn learnt() -> ConfiguredModel {
        let at = |clock_hz, watts| AtClock { clock_hz, busy: [0.0, 1.0], watts };
        let learnt = LearntPower::new(vec![at(600e6, [2.0, 3.0]), at(1500e6, [2.5, 6.5])]).unwrap();
        ConfiguredModel {
            law: Law::Learnt(learnt, ClockKind::Measured),
            accuracy: Accuracy { gain_error: Some(0.05), offset_w: Some(0.0), conversions_per_s: None },
            learnt_on: Some("Raspberry Pi 4 Model B Rev 1.2".to_owned()),
        }
    }

    #[test]
    fn a_learnt_model_goes_by_the_mean_clock_and_what_it_never_saw_is_covered_by_nothing() {
        let pi_4 = board("Raspberry Pi 4 Model B Rev 1.4", false);
        let mut model = PowerModel::choose(Some(&learnt()), &pi_4, 4).unwrap();
        let seconds = Duration::from_secs;
        let load =
            |share, mhz: f64| Load { busy: Some(share), clock_hz: Some(mhz * 1e6), clock_is_measured: true };
        assert_eq!(model.tick(seconds(0), load(0.0, 600.0)), Err(NoData::Absent));
        assert_eq!(model.tick(seconds(1), load(0.0, 600.0)).unwrap().joules, 2.0);
        let half_way = model.tick(seconds(2), load(1.0, 1500.0)).unwrap();
        assert!((half_way.joules - (2.0 + 4.75)).abs() < 1e-9, "{half_way:?}");
        assert_eq!(model.tick(seconds(3), load(1.0, 2000.0)), Err(NoData::Overflow));
        assert_eq!(model.tick(seconds(4), load(1.0, 2000.0)), Err(NoData::Overflow));
        let requested = Load { clock_is_measured: false, ..load(1.0, 1500.0) };
        assert_eq!(model.tick(seconds(5), requested), Err(NoData::Absent), "another quantity");
        let again = model.tick(seconds(6), load(1.0, 1500.0)).unwrap();
        assert_eq!((again.joules, again.metered_s), (half_way.joules + 6.5, 3.0), "the gap is no energy");
        assert_eq!(
            model.to_string(),
            "2.00 ± 0.10 to 6.50 ± 0.33 W at 600 to 1500 MHz (measured clock), unknown beyond; estimated by \
             model-learnt"
        );
    }

    #[test]
    fn a_model_of_another_board_is_not_used_and_the_reason_is_said() {
        let pi_5 = board("Raspberry Pi 5 Model B Rev 1.0", false);
        assert!(PowerModel::choose(Some(&learnt()), &pi_5, 4).is_none());
        let why = learnt().is_of_another(&pi_5).unwrap();
        assert!(why.contains("learnt on a Raspberry Pi 4 Model B Rev 1.2"), "{why}");
        assert_eq!(learnt().is_of_another(&board("Raspberry Pi 4 Model B Rev 1.5", false)), None);
        assert_eq!(line(1.0, 2.0).is_of_another(&pi_5), None);
    }
}

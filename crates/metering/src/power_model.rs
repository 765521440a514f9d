//! Power of a board that nothing measures: a straight line between published figures for idle and for
//! all cores busy. Every figure made here is labelled `estimated`.

use std::time::Duration;

use picollect_telemetry::{Boundary, NoData, Reading, Source};
use serde::Deserialize;

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
    busy_w: f64,
    #[expect(dead_code, reason = "kept beside the figures for whoever checks them")]
    source: String,
}

/// The figures for this board, with the model's name. `None` where nothing is published.
fn published(board: &Board, cores: usize) -> Option<(String, UsualPower)> {
    let without_revision = board.model.split(" Rev ").next().unwrap_or_default();
    let table: Published = toml::from_str(PUBLISHED).expect("the built-in table is valid");
    if let Some(entry) = table.board.iter().find(|entry| entry.model == without_revision) {
        let name = format!("model-{}", entry.model.to_lowercase().replace(' ', "-"));
        return Some((name, UsualPower { idle_w: entry.idle_w, busy_w: entry.busy_w }));
    }
    let per_core = table.x86_per_core;
    let cores = cores as f64;
    board.x86.then(|| {
        (
            "model-x86-per-core".to_owned(),
            UsualPower { idle_w: per_core.idle_w * cores, busy_w: per_core.busy_w * cores },
        )
    })
}

/// What boards of this model take, where that was published of the very board.
pub fn usual(board: &Board) -> Option<UsualPower> {
    if board.x86 { None } else { published(board, 0).map(|(_, usual)| usual) }
}

/// The model at work: load in, energy out.
#[derive(Debug)]
pub struct PowerModel {
    /// Its name and the meaning of its figures.
    pub name: MeterName,
    usual: UsualPower,
    integrator: Integrator,
    /// When the tick before was; `None` before the first.
    before: Option<Duration>,
}

impl PowerModel {
    /// The configured figures, else the published ones; `None` where neither are.
    pub fn choose(configured: Option<UsualPower>, board: &Board, cores: usize) -> Option<Self> {
        let (meter, usual) = match configured {
            Some(usual) => ("model-configured".to_owned(), usual),
            None => published(board, cores)?,
        };
        let name = MeterName { meter, source: Source::Estimated, boundary: Boundary::Node };
        // The model has no conversions of its own: it speaks of the whole time between two ticks.
        Some(Self { name, usual, integrator: Integrator::new(Duration::ZERO), before: None })
    }

    /// Takes the share of busy cores since the tick before and gives the totals.
    pub fn tick(&mut self, now: Duration, busy: Option<f64>) -> Reading<EnergyPoint> {
        let UsualPower { idle_w, busy_w } = self.usual;
        let watts = busy.map(|share| idle_w + share * (busy_w - idle_w)).ok_or(NoData::Absent);
        if let Some(before) = self.before.replace(now) {
            self.integrator.mean_between(before, now, watts);
        }
        self.integrator.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(model: &str, x86: bool) -> Board {
        Board { host_name: "n".into(), model: model.into(), serial: String::new(), x86 }
    }

    #[test]
    fn a_board_is_known_by_its_name_with_and_without_a_revision_and_an_unknown_one_has_no_model() {
        let known = |model| published(&board(model, false), 4).map(|(name, usual)| (name, usual.idle_w));
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
        assert_eq!(published(&board("KVM", true), 2).unwrap().1, UsualPower { idle_w: 1.48, busy_w: 7.0 });
    }

    #[test]
    fn the_model_integrates_the_mean_load_between_ticks() {
        let mut model =
            PowerModel::choose(Some(UsualPower { idle_w: 2.0, busy_w: 6.0 }), &board("", false), 4).unwrap();
        let seconds = Duration::from_secs;
        assert_eq!(model.tick(seconds(0), None), Err(NoData::Absent));
        assert_eq!(model.tick(seconds(1), Some(0.25)).unwrap().joules, 3.0);
        let point = model.tick(seconds(11), Some(0.5)).unwrap();
        assert_eq!((point.joules, point.metered_s, point.since), (43.0, 11.0, seconds(0)));
        assert_eq!(point.power.unwrap().mean_w, 4.0);
        assert_eq!(model.name.source, Source::Estimated);
    }
}

//! Whether a fan pays: `picollect cooling compare A B` of two runs.

use std::collections::BTreeMap;

use picollect_evaluate::Window;
use picollect_evaluate::cooling::{Comparison, Cooled, Fan, Missing, Verdict, compare};
use picollect_evaluate::numbers::{ratio, si, spaced};
use picollect_query::{energy_of, power_meters, series_of};
use picollect_telemetry::catalogue::FAN_RPM;
use picollect_telemetry::foreign::printable;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::report::{self, Format, Run};
use crate::request::{Request, RequestError, Sources, Written};
use crate::runs::{self, FindError};

/// The label that says how a run was cooled.
pub const COOLING_LABEL: &str = "cooling";
/// What people call a run without a fan, and one with it.
const OFF: [&str; 5] = ["none", "off", "no", "passive", "bare"];
const ON: [&str; 4] = ["fan", "on", "yes", "active"];
/// A meter that covers less of a run than this does not say what its fan drew.
const WHOLE: f64 = 0.99;

/// For two runs of the same work.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CoolingRequest {
    /// The first run, by its id or by its label `cooling`, of which the last one is meant.
    pub a: String,
    /// The second run.
    pub b: String,
    /// Text or JSON; any other is refused as [`RequestError::Invalid`].
    #[serde(default)]
    pub format: Format,
}

/// Two runs, and what the fan brought.
#[derive(Debug, Clone)]
pub struct CoolingAnswer {
    runs: [Run; 2],
    cooled: [Cooled; 2],
    compared: Comparison,
    /// The unit of both rates; empty where they are not compared.
    unit: String,
}

impl Request for CoolingRequest {
    const PATH: &'static str = "/api/v1/cooling";

    type Answer = CoolingAnswer;

    fn answer(&self, from: &Sources<'_>) -> Result<CoolingAnswer, RequestError> {
        let kept = [find(from, &self.a)?, find(from, &self.b)?];
        let [a, b] = &kept;
        let told = [report::run(from, a.clone())?, report::run(from, b.clone())?];
        let unit = |run: &Run| {
            run.result.as_ref().filter(|result| result.rate.is_some()).map(|result| result.unit.clone())
        };
        let unit = unit(&told[0]).filter(|first| unit(&told[1]).as_ref() == Some(first)).unwrap_or_default();
        let cooled = [cooled(from, &kept[0], &told[0], &unit)?, cooled(from, &kept[1], &told[1], &unit)?];
        let compared = compare([&cooled[0], &cooled[1]]);
        Ok(CoolingAnswer { runs: told, cooled, compared, unit })
    }

    fn format(&self) -> Format {
        self.format
    }

    fn written(&self, answer: &CoolingAnswer, _now_ms: i64) -> Result<Written, RequestError> {
        Ok(Written::from(match self.format {
            Format::Text => text(answer),
            Format::Json => serde_json::to_string_pretty(&as_json(answer))? + "\n",
            _ => {
                let text = "a comparison of cooling is written as text or json";
                return Err(RequestError::Invalid(text.to_owned()));
            }
        }))
    }
}

/// The run with this id, else the last one with this label.
fn find(from: &Sources<'_>, asked: &str) -> Result<runs::Run, RequestError> {
    match runs::find(from.store, asked) {
        Err(FindError::Absent(_)) => {
            let ever = Window { start_ms: 0, end_ms: i64::MAX };
            let labelled =
                |run: &runs::Run| run.labels.get(COOLING_LABEL).is_some_and(|label| label == asked);
            let last = runs::ended_in(from.store, ever)?.into_iter().rfind(labelled);
            last.ok_or_else(|| {
                let asked = printable(asked);
                RequestError::NotFound(format!(
                    "there is no run `{asked}` and none with --label {COOLING_LABEL}={asked}; `picollect runs` lists them"
                ))
            })
        }
        found => Ok(found?),
    }
}

/// What of a run is compared; its rate only if `unit` is that of both.
fn cooled(from: &Sources<'_>, kept: &runs::Run, told: &Run, unit: &str) -> Result<Cooled, RequestError> {
    let result = told.result.as_ref().filter(|_| !unit.is_empty());
    // What the rate is divided by is the power of all nodes over the rated time.
    let rated = result.and_then(|result| Some(result.rate? / result.rate_per_w?));
    let whole = told.energy_to_solution_j.map(|joules| joules / told.window.seconds);
    let mean_w = if result.is_some() { rated } else { whole };
    let error = result.and_then(|result| result.uncertainty);
    let error = error.or_else(|| Some(told.energy.uncertainty_w? / told.energy.mean_w?));
    Ok(Cooled {
        rate: result.and_then(|result| result.rate),
        seconds: told.window.seconds,
        mean_w,
        error,
        fan: fan(from, kept, told)?,
        lost_core_s: report::lost_core_s(from, kept)?,
    })
}

/// The fan of a run: by the configured meter, by tachometers, else by the run's label.
fn fan(from: &Sources<'_>, kept: &runs::Run, told: &Run) -> Result<Fan, RequestError> {
    let window: Window = kept.time.into();
    let hosts: Vec<&str> = told.nodes.iter().map(|node| node.host.as_str()).collect();
    let cooling = &from.config.cooling;
    let counted = cooling.behind_meter;
    if let Some(meter) = &cooling.fan_meter {
        return Ok(match metered(from, meter, &hosts, window)? {
            Some(mean_w) if mean_w > 0.0 => Fan::On { mean_w: Some(mean_w), counted },
            Some(_) => Fan::Off,
            None => Fan::Unknown,
        });
    }
    let share = match turning(from, &hosts, window)? {
        Some(share) => Some(share),
        None => labelled(&kept.labels),
    };
    Ok(match share {
        Some(share) if share > 0.0 => {
            let mean_w = cooling.fan_w.map(|watts| watts * share * hosts.len() as f64);
            Fan::On { mean_w, counted }
        }
        Some(_) => Fan::Off,
        None => Fan::Unknown,
    })
}

/// Mean power of the fans' meters of these nodes; `None` unless each has one that covers the run.
fn metered(
    from: &Sources<'_>,
    name: &str,
    hosts: &[&str],
    window: Window,
) -> Result<Option<f64>, RequestError> {
    let mut sum = None;
    for host in hosts {
        let meters = power_meters(from.store, Some(host))?;
        let Some(key) = meters.iter().find(|key| key.tag("meter") == Some(name)) else { return Ok(None) };
        let energy = energy_of(from.store, key, window)?;
        let covers = energy.filter(|energy| energy.coverage(window).is_some_and(|covered| covered >= WHOLE));
        let Some(mean_w) = covers.and_then(picollect_evaluate::energy::Energy::mean_w) else {
            return Ok(None);
        };
        sum = Some(sum.unwrap_or(0.0) + mean_w);
    }
    Ok(sum)
}

/// The mean share of the run in which the nodes' fans turned; `None` unless each has a tachometer.
fn turning(from: &Sources<'_>, hosts: &[&str], window: Window) -> Result<Option<f64>, RequestError> {
    let mut shares = Vec::new();
    for host in hosts {
        let fans = series_of(from.store, host, &FAN_RPM, window, 0)?;
        let samples = || fans.iter().flat_map(|fan| &fan.samples);
        if samples().next().is_none() {
            return Ok(None);
        }
        let turning = samples().filter(|sample| sample.value > 0.0).count();
        shares.push(turning as f64 / samples().count() as f64);
    }
    Ok((!shares.is_empty()).then(|| shares.iter().sum::<f64>() / shares.len() as f64))
}

fn labelled(labels: &BTreeMap<String, String>) -> Option<f64> {
    let label = labels.get(COOLING_LABEL)?.to_lowercase();
    if ON.contains(&label.as_str()) {
        return Some(1.0);
    }
    OFF.contains(&label.as_str()).then_some(0.0)
}

/// A change as people say it.
fn change(ratio: f64, less: &str, more: &str) -> String {
    let percent = (ratio - 1.0).abs() * 100.0;
    format!("{percent:.1} % {}", if ratio < 1.0 { less } else { more })
}

fn text(answer: &CoolingAnswer) -> String {
    sentence(answer) + &lost(answer) + "\n\n" + &table(answer)
}

fn sentence(CoolingAnswer { compared, .. }: &CoolingAnswer) -> String {
    let energy = compared.joules_ratio.map(|ratio| change(ratio, "less", "more"));
    let energy = energy.unwrap_or_default();
    let work = if compared.by_rate { "a unit of work" } else { "the whole run" };
    let error = match compared.error {
        Some(error) => format!(" (± {:.1} %)", error * 100.0),
        None => " (how exact the meters are is not known)".to_owned(),
    };
    let speed = compared.speed_ratio.map_or_else(String::new, |ratio| {
        format!(" With it the work went {}.", change(ratio, "slower", "faster"))
    });
    match &compared.verdict {
        Verdict::Pays => {
            format!(
                "The fan pays: with it {work} took {energy} energy{error}, the fan's own included.{speed}"
            )
        }
        Verdict::Costs => {
            format!(
                "The fan does not pay in energy: with it {work} took {energy}{error}, the fan's own included.{speed}"
            )
        }
        Verdict::WithinError => {
            format!("Whether the fan pays cannot be told: with it {work} took {energy} energy{error}.{speed}")
        }
        Verdict::Unknown(missing) => {
            let why: Vec<String> = missing.iter().map(|(run, missing)| unknown(*run, *missing)).collect();
            format!("Whether the fan pays is not known: {}.", why.join("; "))
        }
    }
}

fn unknown(run: usize, missing: Missing) -> String {
    let run = ["A", "B"][run];
    match missing {
        Missing::Fan => format!(
            "whether a fan ran in {run} (no tachometer, and no label {COOLING_LABEL}=fan or {COOLING_LABEL}=none)"
        ),
        Missing::FanPower => format!("what the fan drew in {run} (`fan_w` or `fan_meter` in [cooling])"),
        Missing::Counted => {
            format!("whether the meter counts the fan in {run} (`behind_meter` in [cooling])")
        }
        Missing::Power => format!("the power of {run}"),
        Missing::Roles => "the fan ran in both runs or in neither".to_owned(),
    }
}

/// What throttling cost.
fn lost(CoolingAnswer { cooled, compared, .. }: &CoolingAnswer) -> String {
    let lost = |at: usize| cooled[at].lost_core_s.map(|lost| format!("{lost:.1} core-seconds"));
    match (compared.with, lost(0), lost(1)) {
        (Some(with), Some(a), Some(b)) => {
            let (fan, bare) = if with == 0 { (a, b) } else { (b, a) };
            format!("\nThrottling cost {fan} with the fan and {bare} without.")
        }
        _ => String::new(),
    }
}

fn table(CoolingAnswer { runs, cooled, compared, unit }: &CoolingAnswer) -> String {
    let row = |name: &str, values: [Option<f64>; 2], unit: &str| {
        let [a, b] = values;
        format!("  {name:<24} {:>14} {:>14} {:>8}\n", spaced(&si(a, unit)), spaced(&si(b, unit)), ratio(b, a))
    };
    let words = |name: &str, [a, b]: [String; 2]| format!("  {name:<24} {a:>14} {b:>14}\n");
    let fan = |run: &Cooled| match run.fan {
        Fan::Off => "off".to_owned(),
        Fan::On { mean_w: Some(watts), .. } => format!("on, {}", spaced(&si(Some(watts), "W"))),
        Fan::On { mean_w: None, .. } => "on, unknown W".to_owned(),
        Fan::Unknown => "unknown".to_owned(),
    };
    let throttled =
        |run: &Run| run.throttled.map_or("unknown", |flag| if flag { "yes" } else { "no" }).to_owned();
    let both = [&cooled[0], &cooled[1]];
    let mut page = format!("  {:<24} {:>14} {:>14} {:>8}\n", "", "A", "B", "B by A");
    page += &words("run", [0, 1].map(|at: usize| short(&printable(&runs[at].id))));
    page += &words("fan", both.map(fan));
    if !unit.is_empty() {
        page += &row("rate", both.map(|run| run.rate), unit);
    }
    page += &row("length", both.map(|run| Some(run.seconds)), "s");
    page += &row("mean power", both.map(|run| run.mean_w), "W");
    let of = if compared.by_rate { "J of a unit, fan in it" } else { "energy, fan in it" };
    page += &row(of, compared.joules, "J");
    page += &row("energy to solution", [0, 1].map(|at: usize| runs[at].energy_to_solution_j), "J");
    page += &row("lost core-seconds", both.map(|run| run.lost_core_s), "s");
    page + &words("throttled", [0, 1].map(|at: usize| throttled(&runs[at])))
}

/// What of an id fits a column.
fn short(id: &str) -> String {
    id.chars().take(14).collect()
}

fn as_json(CoolingAnswer { runs, cooled, compared, unit }: &CoolingAnswer) -> Value {
    let verdict = match &compared.verdict {
        Verdict::Pays => "pays",
        Verdict::Costs => "costs",
        Verdict::WithinError => "within-error",
        Verdict::Unknown(_) => "unknown",
    };
    let why = match &compared.verdict {
        Verdict::Unknown(missing) => missing.iter().map(|(run, missing)| unknown(*run, *missing)).collect(),
        _ => Vec::new(),
    };
    let run = |at: usize| {
        let (fan, fan_w, counted) = match cooled[at].fan {
            Fan::Off => (Some(false), Some(0.0), None),
            Fan::On { mean_w, counted } => (Some(true), mean_w, counted),
            Fan::Unknown => (None, None, None),
        };
        json!({
            "run": runs[at].id,
            "fan": fan,
            "fan_w": fan_w,
            "fan_counted": counted,
            "rate": cooled[at].rate,
            "seconds": cooled[at].seconds,
            "mean_w": cooled[at].mean_w,
            "energy_to_solution_j": runs[at].energy_to_solution_j,
            "joules": compared.joules[at],
            "lost_core_s": cooled[at].lost_core_s,
            "throttled": runs[at].throttled,
        })
    };
    json!({
        "schema": 1,
        "verdict": verdict,
        "unknown": why,
        "with_fan": compared.with.map(|with| ["a", "b"][with]),
        "unit": unit,
        "joules_are_of_a_unit_of_work": compared.by_rate,
        "joules_ratio": compared.joules_ratio,
        "joules_error": compared.error,
        "speed_ratio": compared.speed_ratio,
        "a": run(0),
        "b": run(1),
    })
}

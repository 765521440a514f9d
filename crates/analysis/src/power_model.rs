//! A power model for the siblings of nodes that have a meter: `picollect agent model learn`.
//!
//! It is learnt here and not on the node, because the samples are here: some days of idle and busy hours, from which whole
//! hours can be held out, are read in a moment, while an agent would have to wait for them
//! ([ADR 35](../../../docs/adr/0035-power-models-are-learnt-where-the-samples-are.md)).

use picollect_evaluate::Window;
use picollect_evaluate::accuracy::Accuracy;
use picollect_evaluate::learnt_power::{Learnt, NoFit, Observation, Tried, learn, observations};
use picollect_evaluate::series::Sample;
use picollect_settings::time::rfc3339;
use picollect_store::{SeriesKey, Store};
use picollect_telemetry::Source;
use picollect_telemetry::catalogue::{BUSY, MEASURED_HZ, Metric, NODE_INFO, REQUESTED_HZ};
use picollect_telemetry::foreign::printable;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::nodes::{last_seen, meter_accuracy};
use crate::report::Format;
use crate::request::{Request, RequestError, Sources, Written};
use picollect_query::{latest, numbers, power_meters, resolution_s, series_of};

/// What is read if nobody says.
const DEFAULT_SINCE_MS: i64 = 7 * 24 * HOUR_MS;
const HOUR_MS: i64 = 3_600_000;
/// Nodes of one model.
const MAX_NODES: usize = 32;
/// The core of whose load a model speaks.
const ALL_CORES: &str = "all";

/// For a model that is learnt on these nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelRequest {
    /// Their names, separated by commas; all of one model of board.
    pub nodes: String,
    /// The last so many milliseconds; without it seven days.
    pub since_ms: Option<i64>,
    /// Text, which is a section of `agent.toml`, or JSON; any other is refused as [`RequestError::Invalid`].
    #[serde(default)]
    pub format: Format,
}

/// A node that has a meter.
#[derive(Debug, Clone)]
struct Donor {
    host: String,
    /// As its board calls itself.
    board: String,
    meter: String,
    source: Source,
    /// Of its meter; `None` is unknown.
    accuracy: Option<Accuracy>,
    clock: &'static str,
    observed: Vec<Observation>,
}

/// A model, and on whom it was learnt.
#[derive(Debug, Clone)]
pub struct ModelAnswer {
    window: Window,
    donors: Vec<Donor>,
    learnt: Learnt,
    /// What the meters may be off at the mean power, a share; `None` is unknown.
    meter_error: Option<f64>,
}

impl Request for ModelRequest {
    const PATH: &'static str = "/api/v1/power-model";

    type Answer = ModelAnswer;

    fn answer(&self, from: &Sources<'_>) -> Result<ModelAnswer, RequestError> {
        let hosts: Vec<&str> = self.nodes.split(',').map(str::trim).filter(|host| !host.is_empty()).collect();
        if hosts.is_empty() || hosts.len() > MAX_NODES {
            return Err(invalid(format!("name 1 to {MAX_NODES} nodes that have a meter")));
        }
        let since_ms = self.since_ms.unwrap_or(DEFAULT_SINCE_MS).max(0);
        let window = Window { start_ms: from.now_ms.saturating_sub(since_ms).max(0), end_ms: from.now_ms };
        if resolution_s(from.store, window.start_ms, from.now_ms)?.is_some() {
            let text = "so old samples are kept as one a minute, which say too little of a load: ask for a shorter \
                        time with --since";
            return Err(invalid(text.to_owned()));
        }
        let donors =
            hosts.iter().map(|host| donor(from.store, host, window)).collect::<Result<Vec<_>, _>>()?;
        alike(&donors)?;
        let boards: Vec<Vec<Observation>> = donors.iter().map(|donor| donor.observed.clone()).collect();
        let learnt = learn(&boards).map_err(|why: NoFit| invalid(format!("no model: {why}")))?;
        let error = |donor: &Donor| donor.accuracy.and_then(|accuracy| accuracy.ratio(learnt.mean_w));
        let errors: Option<Vec<f64>> = donors.iter().map(error).collect();
        let meter_error = errors.map(|errors| errors.into_iter().fold(0.0, f64::max));
        Ok(ModelAnswer { window, donors, learnt, meter_error })
    }

    fn format(&self) -> Format {
        self.format
    }

    fn written(&self, model: &ModelAnswer, _now_ms: i64) -> Result<Written, RequestError> {
        Ok(Written::from(match self.format {
            Format::Text => section(model),
            Format::Json => serde_json::to_string_pretty(&as_json(model))? + "\n",
            _ => return Err(invalid("a power model is written as text or json".to_owned())),
        }))
    }
}

fn invalid(text: String) -> RequestError {
    RequestError::Invalid(text)
}

fn donor(store: &dyn Store, host: &str, window: Window) -> Result<Donor, RequestError> {
    let name = printable(host);
    let Some((_, interval_s)) = last_seen(store, host, window.end_ms)? else {
        return Err(RequestError::NotFound(format!(
            "there is no node `{name}`; `picollect nodes` lists them"
        )));
    };
    let Some((power, source)) = measured(store, host)? else {
        let text =
            "has no meter that measures the whole node: a model can only be learnt where something measures";
        return Err(invalid(format!("`{name}` {text}")));
    };
    let info = latest(store, host, &NODE_INFO, window.end_ms, window.end_ms - window.start_ms)?;
    let board = info.as_ref().and_then(|(key, _)| key.tag("model")).unwrap_or_default().to_owned();
    let watts = numbers(store, &power, window, 0)?;
    let busy = of_core(store, host, &BUSY, window, |core| core == ALL_CORES)?;
    let (clock, hz) = match of_core(store, host, &MEASURED_HZ, window, |_| true)? {
        measured if !measured.is_empty() => ("measured", measured),
        _ => ("requested", of_core(store, host, &REQUESTED_HZ, window, |_| true)?),
    };
    Ok(Donor {
        host: host.to_owned(),
        board,
        meter: power.tag("meter").unwrap_or_default().to_owned(),
        source,
        accuracy: meter_accuracy(store, &power, window.end_ms, window.end_ms - window.start_ms)?,
        clock,
        observed: observations(&watts, &busy, &hz, interval_s),
    })
}

/// The meter that measures the node, and not what is estimated of it.
fn measured(store: &dyn Store, host: &str) -> Result<Option<(SeriesKey, Source)>, RequestError> {
    let mut meters = power_meters(store, Some(host))?;
    meters.retain(|key| {
        key.tag("boundary") == Some("node") && key.tag("source") != Some(Source::Estimated.as_str())
    });
    let index = picollect_query::primary_meter(&meters);
    Ok(index.and_then(|index| {
        let key = meters.swap_remove(index);
        let source = Source::from_name(key.tag("source")?)?;
        Some((key, source))
    }))
}

/// The samples of the first core that is meant, as an agent takes its first policy.
fn of_core(
    store: &dyn Store,
    host: &str,
    metric: &Metric,
    window: Window,
    meant: impl Fn(&str) -> bool,
) -> Result<Vec<Sample>, RequestError> {
    let mut series = series_of(store, host, metric, window, 0)?;
    series.retain(|series| series.key.tag("core").is_some_and(&meant) && !series.samples.is_empty());
    series.sort_by(|a, b| a.key.tag("core").cmp(&b.key.tag("core")));
    Ok(series.into_iter().next().map(|series| series.samples).unwrap_or_default())
}

/// Different boards, or different kinds of clocks, make no common model.
fn alike(donors: &[Donor]) -> Result<(), RequestError> {
    let first = &donors[0];
    let board = |donor: &Donor| donor.board.split(" Rev ").next().unwrap_or_default().to_owned();
    for donor in donors {
        let (name, other) = (printable(&donor.host), printable(&first.host));
        if board(donor) != board(first) {
            let (is, of) = (printable(&donor.board), printable(&first.board));
            return Err(invalid(format!(
                "`{name}` is a {is} and `{other}` a {of}: each model of board has its own"
            )));
        }
        if donor.clock != first.clock {
            let text = "with the firmware's clock and one with the kernel's wish are not comparable";
            return Err(invalid(format!("`{name}` and `{other}`: a node {text}")));
        }
    }
    Ok(())
}

/// The error of the section: what was seen on hours or boards that the model did not know, and the meter's own.
fn error(model: &ModelAnswer) -> f64 {
    model.learnt.error() + model.meter_error.unwrap_or(0.0)
}

/// A text as TOML quotes it; what it may not hold is left out.
fn quoted(text: &str) -> String {
    format!("{:?}", printable(text).replace('"', "'"))
}

fn section(model: &ModelAnswer) -> String {
    let ModelAnswer { window, donors, learnt, meter_error } = model;
    let tried = |tried: &Tried| format!("{:.1} % in 95 of {} minutes", tried.error * 100.0, tried.minutes);
    let mut text =
        String::from("# Learnt by `picollect agent model learn`; for boards of the same model only.\n");
    for Donor { host, meter, source, observed, .. } in donors {
        let (host, meter) = (printable(host), printable(meter));
        text += &format!("# On {host}, {source} by {meter}: {} samples.\n", observed.len());
    }
    let (start, end) = (rfc3339(window.start_ms), rfc3339(window.end_ms));
    text += &format!("# From {start} to {end}, {} hours with samples.\n", learnt.hours);
    text += &format!("# Hours that it was not fitted to: off by at most {}.\n", tried(&learnt.held_out));
    text += &match &learnt.other_boards {
        Some(others) => format!("# A board by a model of the others: off by at most {}.\n", tried(others)),
        None => "# How much another board of this model differs is not known: name more nodes that have a meter.\n"
            .to_owned(),
    };
    text += &match meter_error {
        Some(error) => format!("# The meter itself may be off by {:.1} %, which is added.\n", error * 100.0),
        None => "# How far the meter itself may be off is not known, and not in the error.\n".to_owned(),
    };
    text += "# Outside of these clocks and loads the power is unknown.\n[power_model]\n";
    if !donors[0].board.is_empty() {
        text += &format!("learnt_on = {}\n", quoted(&donors[0].board));
    }
    text += &format!("clock = \"{}\"\nerror = {:.3}\nat = [\n", donors[0].clock, error(model).min(1.0));
    for at in learnt.power.clocks() {
        let ([least, most], [first, second]) = (at.busy, at.watts);
        text += &format!(
            "  {{ mhz = {:.1}, busy = [{least:.3}, {most:.3}], watts = [{first:.3}, {second:.3}] }},\n",
            at.clock_hz / 1e6
        );
    }
    text + "]\n"
}

fn as_json(model: &ModelAnswer) -> Value {
    let ModelAnswer { window, donors, learnt, meter_error } = model;
    let tried =
        |tried: &Tried| json!({"error": tried.error, "minutes": tried.minutes, "unknown": tried.unknown});
    json!({
        "schema": 1,
        "start": rfc3339(window.start_ms),
        "end": rfc3339(window.end_ms),
        "learnt_on": donors[0].board,
        "clock": donors[0].clock,
        "nodes": donors.iter().map(|donor| json!({
            "host": donor.host,
            "meter": donor.meter,
            "source": donor.source,
            "samples": donor.observed.len(),
        })).collect::<Vec<_>>(),
        "hours": learnt.hours,
        "error": error(model),
        "held_out": tried(&learnt.held_out),
        "other_boards": learnt.other_boards.as_ref().map(tried),
        "meter_error": meter_error,
        "at": learnt.power.clocks().iter().map(|at| json!({
            "hz": at.clock_hz, "busy": at.busy, "watts": at.watts,
        })).collect::<Vec<_>>(),
    })
}

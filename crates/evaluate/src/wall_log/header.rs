//! Which columns of a log hold what, by their names.

use super::unit::{Quantity, Unit};
use super::{ColumnsError, Options, quote};

/// What a column with the time may be called.
const TIME_NAMES: [&str; 18] = [
    "time",
    "timestamp",
    "unix_time",
    "unixtime",
    "unix",
    "date",
    "datetime",
    "date_time",
    "ts",
    "epoch",
    "timestamp_ms",
    "time_ms",
    "time_s",
    "last_changed",
    "elapsed",
    "elapsed_s",
    "elapsed_ms",
    "seconds",
];
/// What a column with the power may be called without a unit: all of them are in watts.
const POWER_NAMES: [&str; 11] = [
    "watts",
    "watt",
    "power",
    "power_w",
    "w",
    "p",
    "p_w",
    "apower",
    "act_power",
    "active_power",
    "active_power_w",
];
/// What a column with an energy counter may be called; without a unit it says nothing.
const ENERGY_NAMES: [&str; 8] =
    ["energy", "joules", "counter", "total_energy", "energy_total", "aenergy", "active_energy", "act_energy"];
/// What a column that tells several meters of one log apart may be called.
const CHANNEL_NAMES: [&str; 13] = [
    "outlet",
    "channel",
    "phase",
    "port",
    "socket",
    "device",
    "meter",
    "entity_id",
    "entity",
    "circuit",
    "feed",
    "plug",
    "pdu",
];
/// Home Assistant's name for the value of whatever an entity is.
const STATE: &str = "state";
/// More columns with values are no log of a meter.
const MAX_VALUES: usize = 1000;

/// Where in a line what stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Layout {
    pub(super) time: usize,
    /// Elapsed times are in milliseconds.
    pub(super) in_ms: bool,
    /// The columns that say of which meter a line is.
    pub(super) channels: Vec<usize>,
    pub(super) values: Vec<ValueColumn>,
}

/// A column with readings.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ValueColumn {
    pub(super) index: usize,
    /// `None` where each line's meter has to tell by its name that it is a power.
    pub(super) unit: Option<Unit>,
    /// What it is called if there are several of them, else nothing.
    pub(super) channel: String,
}

impl Layout {
    /// Of a log without a header.
    pub(super) fn plain(unit: Option<Unit>) -> Self {
        let value = ValueColumn { index: 1, unit: Some(unit.unwrap_or(Unit::WATT)), channel: String::new() };
        Self { time: 0, in_ms: false, channels: Vec::new(), values: vec![value] }
    }

    /// From the fields of a header.
    pub(super) fn of(fields: &[&str], options: &Options) -> Result<Self, ColumnsError> {
        let names: Vec<String> = fields.iter().map(|field| plain_name(field)).collect();
        let time = the_time(&names)?;
        let is_channel = |index: &usize| *index != time && CHANNEL_NAMES.contains(&names[*index].as_str());
        let mut channels: Vec<usize> = (0..names.len()).filter(is_channel).collect();
        let values = if options.columns.is_empty() {
            found(fields, &names, time, options)?
        } else {
            chosen(fields, &names, options)?
        };
        channels.retain(|index| values.iter().all(|value| value.index != *index));
        Ok(Self { time, in_ms: names[time].ends_with("_ms"), channels, values })
    }
}

/// `Power (W)` and `power_w` are the same name.
fn plain_name(field: &str) -> String {
    let words = field.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_").to_lowercase()
}

fn the_time(names: &[String]) -> Result<usize, ColumnsError> {
    let what = "the time";
    let mut found = (0..names.len()).filter(|&index| TIME_NAMES.contains(&names[index].as_str()));
    match (found.next(), found.next()) {
        (Some(index), None) => Ok(index),
        (None, _) => Err(not_there(what, &TIME_NAMES.join(", "), names)),
        (Some(first), Some(second)) => Err(ambiguous(what, &names[first], &names[second])),
    }
}

fn not_there(what: &'static str, known: &str, names: &[String]) -> ColumnsError {
    ColumnsError::NotThere { what, known: known.to_owned(), names: quote(&names.join(", ")) }
}

fn ambiguous(what: &'static str, first: &str, second: &str) -> ColumnsError {
    ColumnsError::Ambiguous { what, first: quote(first), second: quote(second) }
}

/// The columns that the user named.
fn chosen(fields: &[&str], names: &[String], options: &Options) -> Result<Vec<ValueColumn>, ColumnsError> {
    let column = |wanted: &String| {
        let name = plain_name(wanted);
        let index = names.iter().position(|known| *known == name);
        let index = index.ok_or_else(|| ColumnsError::NoSuchColumn {
            wanted: quote(wanted),
            names: quote(&names.join(", ")),
        })?;
        value(fields, names, index, options)
    };
    let columns = options.columns.iter().map(column).collect::<Result<Vec<_>, _>>()?;
    let quantity = |column: &ValueColumn| column.unit.map(|unit| unit.quantity);
    if columns.windows(2).any(|pair| quantity(&pair[0]) != quantity(&pair[1])) {
        return Err(ColumnsError::Mixed);
    }
    Ok(told_apart(columns, names))
}

/// The columns that are called like a power or, without any, like an energy counter. Several stand for several
/// meters if each has a name of its own.
fn found(
    fields: &[&str],
    names: &[String],
    time: usize,
    options: &Options,
) -> Result<Vec<ValueColumn>, ColumnsError> {
    let wanted = options.unit.map(|unit| unit.quantity);
    let is = |index: &usize, known: &[&str], quantity: Quantity| {
        let of_unit = Unit::at_the_end_of(fields[*index]).is_some_and(|unit| unit.quantity == quantity);
        *index != time && (of_unit || known.contains(&names[*index].as_str()))
    };
    for (quantity, known, what) in [
        (Quantity::Power, &POWER_NAMES[..], "the power (choose with --column)"),
        (Quantity::Energy, &ENERGY_NAMES[..], "the energy (choose with --column)"),
    ] {
        if wanted.is_some_and(|wanted| wanted != quantity) {
            continue;
        }
        let columns: Vec<usize> = (0..names.len()).filter(|index| is(index, known, quantity)).collect();
        let plain = columns.iter().find(|index| known.contains(&names[**index].as_str()));
        match (&columns[..], plain) {
            ([], _) => {}
            // A total beside its parts would be counted twice.
            ([first, second, ..], Some(_)) => return Err(ambiguous(what, &names[*first], &names[*second])),
            _ => {
                let values = columns.iter().map(|index| value(fields, names, *index, options));
                return Ok(told_apart(values.collect::<Result<_, _>>()?, names));
            }
        }
    }
    if let Some(index) = names.iter().position(|name| name == STATE) {
        return Ok(vec![ValueColumn { index, unit: options.unit, channel: String::new() }]);
    }
    let known = format!("{}; or {} with a unit", POWER_NAMES.join(", "), ENERGY_NAMES.join(", "));
    Err(not_there("the power in watts or the energy", &known, names))
}

fn value(
    fields: &[&str],
    names: &[String],
    index: usize,
    options: &Options,
) -> Result<ValueColumn, ColumnsError> {
    let in_name = Unit::at_the_end_of(fields[index]);
    let by_name = POWER_NAMES.contains(&names[index].as_str()).then_some(Unit::WATT);
    let joules = (names[index] == "joules").then(|| "J".parse().ok()).flatten();
    let unit = match (options.unit, in_name) {
        (Some(given), Some(told)) if given != told => {
            return Err(ColumnsError::OtherUnit { column: quote(fields[index]), told, given });
        }
        (Some(given), _) => given,
        (None, told) => {
            told.or(joules).or(by_name).ok_or_else(|| ColumnsError::NoUnit(quote(fields[index])))?
        }
    };
    Ok(ValueColumn { index, unit: Some(unit), channel: String::new() })
}

/// One column is the meter, several are meters of their own.
fn told_apart(mut columns: Vec<ValueColumn>, names: &[String]) -> Vec<ValueColumn> {
    columns.truncate(MAX_VALUES);
    if columns.len() > 1 {
        for column in &mut columns {
            column.channel.clone_from(&names[column.index]);
        }
    }
    columns
}

//! The log of a wall meter, line by line: `unix_time watts`, or CSV with a header.
//!
//! Columns are separated by commas, semicolons, tabs or blanks and found by their names (`header.rs`): a time, a
//! power or an energy counter with its unit (`unit.rs`), and where one log has several meters, a column that
//! tells them apart or a column for each. Times are Unix seconds (with a fraction or not), Unix milliseconds, RFC
//! 3339 with a zone, or what has passed since the log began (`time.rs`). A value that the logger did not know
//! (`unavailable`, `nan`, nothing) is a gap and no mistake. What contradicts an earlier line is found by
//! [`Readings`].
//!
//! Lines come one by one, because a reader of the whole file would hold a line of any length in memory.
//!
//! Invariant: a reading has a time from 2000 on that is not ahead of the clock, and a value that a meter can show.

mod header;
mod readings;
mod time;
mod unit;

use csv::StringRecord;

use header::{Layout, ValueColumn};
pub use readings::{Reading, Readings};
use time::Times;
pub use time::{Clock, EARLIEST_MS};
pub use unit::{Quantity, Unit, UnknownUnit, rate_per_s, sampled_at};

/// More than any machine draws, in watts, in either direction: what is beyond it is a broken reading.
pub const MAX_WATTS: f64 = 1e8;
/// More than a machine of that power uses in a century, in joules, in either direction.
pub const MAX_JOULES: f64 = 1e18;
/// Longest name of a channel, in characters.
const MAX_CHANNEL: usize = 60;

/// How loggers say that they do not know.
const UNKNOWN: [&str; 11] =
    ["", "-", "--", "nan", "n/a", "na", "#n/a", "null", "none", "unknown", "unavailable"];

/// Longest piece of a line that a mistake quotes, in characters.
const MAX_QUOTE: usize = 60;

/// What is known of a log besides what stands in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// What its times are.
    pub clock: Clock,
    /// The columns with the readings; none given is those that are called like a power or an energy.
    pub columns: Vec<String>,
    /// What they are counted in, if their names do not say it.
    pub unit: Option<Unit>,
    /// A reading from later on is a mistake; Unix milliseconds.
    pub latest_ms: i64,
}

impl Options {
    /// Nothing is known but that no reading is later than this, in Unix milliseconds.
    pub fn until(latest_ms: i64) -> Self {
        Self { clock: Clock::Told, columns: Vec::new(), unit: None, latest_ms }
    }
}

/// What a line says.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Unix milliseconds.
    pub t_ms: i64,
    /// The value of each meter in it.
    pub values: Vec<Value>,
}

/// What a line says of a meter.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// Which meter of the log; empty where there is only one.
    pub channel: String,
    /// In watts or joules, at most [`MAX_WATTS`] or [`MAX_JOULES`] in either direction, negative where something
    /// is fed back; `None` if the logger did not know it.
    pub value: Option<f64>,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LineError {
    /// It is too short.
    #[error("there is no column {0}")]
    NoColumn(usize),
    /// No number stands in the column of the power or of the energy.
    #[error("`{text}` is not {article} {quantity}")]
    NotANumber {
        /// What stands there.
        text: String,
        /// What the column holds.
        quantity: &'static str,
        /// `a` or `an`.
        article: &'static str,
    },
    /// A value beyond [`MAX_WATTS`] or [`MAX_JOULES`] in either direction.
    #[error("{0} {1} cannot be")]
    Impossible(f64, &'static str),
    /// A number that is no time.
    #[error("`{0}` is no time in Unix seconds or milliseconds")]
    NoUnixTime(String),
    /// A number that is small for a Unix time.
    #[error(
        "`{0}` is no time in Unix seconds or milliseconds; if it is what has passed since the log began, give \
         --time elapsed and --start"
    )]
    PerhapsElapsed(String),
    /// A spreadsheet's date.
    #[error(
        "`{0}` is no time in Unix seconds or milliseconds but looks like a spreadsheet's date, which has no zone; \
         let it write RFC 3339 with a Z or an offset such as +02:00"
    )]
    SerialDate(String),
    /// A text that is no time.
    #[error(
        "`{0}` is no time; write Unix seconds, or RFC 3339 with a Z or an offset such as +02:00 at its end"
    )]
    NoTime(String),
    /// Before [`EARLIEST_MS`].
    #[error("`{0}` is no time of a log: it is before the year 2000")]
    TooEarly(String),
    /// Later than anything can have been logged.
    #[error("`{0}` is ahead of this machine's clock")]
    Ahead(String),
    /// What has passed since the beginning is a number that is not negative.
    #[error(
        "`{0}` is not what has passed since the log began, in seconds (in milliseconds if the column says _ms)"
    )]
    NotElapsed(String),
    /// An entity whose name does not tell that it is a power.
    #[error("nothing says in what `{0}` is counted; give --unit W, or --unit kWh for an energy counter")]
    UnitNotTold(String),
    /// The same meter has two values at one time.
    #[error(
        "line {line} says {first} {unit} for the same time, and this one {second} {unit}; if they are two meters, \
         a column such as `outlet` has to tell them apart"
    )]
    TwoValues {
        /// The earlier line.
        line: u64,
        /// What it says.
        first: f64,
        /// What this one says.
        second: f64,
        /// The unit of both.
        unit: &'static str,
    },
    /// The readings of a counter are not in order.
    #[error("it is before line {0}; the readings of a counter have to be in the order of their times")]
    GoesBack(u64),
}

/// Why the first line does not tell which columns are which.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ColumnsError {
    /// Without a header, only two columns explain themselves.
    #[error("{0} columns and no header: two are time and watts, more want names")]
    NoHeader(usize),
    /// None of the header's names is among the known ones.
    #[error("no column is called like {what} ({known}); there are: {names}")]
    NotThere {
        /// What the column would hold.
        what: &'static str,
        /// The names that would fit.
        known: String,
        /// The names in the header, as many as a message can hold.
        names: String,
    },
    /// Two of the header's names are among the known ones.
    #[error("`{first}` and `{second}` are both called like {what}")]
    Ambiguous {
        /// What the columns would hold.
        what: &'static str,
        /// The leftmost of the two, as it is compared: words in lower case.
        first: String,
        /// The next one to its right.
        second: String,
    },
    /// A column that was asked for.
    #[error("there is no column `{wanted}`; there are: {names}")]
    NoSuchColumn {
        /// The one asked for.
        wanted: String,
        /// The names in the header, as many as a message can hold.
        names: String,
    },
    /// Powers and energies at once.
    #[error("the columns asked for are powers and energies at once; import them one after the other")]
    Mixed,
    /// A value that may be anything.
    #[error("nothing says in what `{0}` is counted; give --unit, such as W, kWh or W·min")]
    NoUnit(String),
    /// The name of the column and the user disagree.
    #[error("`{column}` is in {told} by its name, and in {given} by --unit")]
    OtherUnit {
        /// The column's name.
        column: String,
        /// What the name says.
        told: Unit,
        /// What the user says.
        given: Unit,
    },
}

/// Which columns hold what.
#[derive(Debug, Clone, PartialEq)]
pub struct Columns {
    separator: Separator,
    layout: Layout,
    clock: Clock,
    latest_ms: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Separator {
    /// An ASCII character, as in CSV.
    Byte(u8),
    Blanks,
}

impl Columns {
    /// From the first line, and whether that is a header. Refused are more than two columns without a
    /// header, and a header that does not name one time and the readings with their unit.
    pub fn of(line: &str, options: &Options) -> Result<(Self, bool), ColumnsError> {
        let byte = [b';', b'\t', b','].into_iter().find(|byte| line.as_bytes().contains(byte));
        let separator = byte.map_or(Separator::Blanks, Separator::Byte);
        let fields = separator.split(line);
        let number =
            |field: &str| field.starts_with(|first: char| first.is_ascii_digit() || "+-".contains(first));
        let of = |layout| Self { separator, layout, clock: options.clock, latest_ms: options.latest_ms };
        if fields.get(0).is_some_and(number) {
            return match fields.len() {
                2 => Ok((of(Layout::plain(options.unit)), false)),
                count => Err(ColumnsError::NoHeader(count)),
            };
        }
        let fields: Vec<&str> = fields.iter().collect();
        Ok((of(Layout::of(&fields, options)?), true))
    }

    /// What its readings are.
    pub fn quantity(&self) -> Quantity {
        let unit = self.layout.values.first().and_then(|value| value.unit);
        unit.map_or(Quantity::Power, |unit| unit.quantity)
    }

    /// What a line says. Refused are a line without one of its columns, what is no time or no number,
    /// and a value beyond what can be.
    pub fn entry(&self, line: &str) -> Result<Entry, LineError> {
        let fields = self.separator.split(line);
        let field = |index: usize| fields.get(index).ok_or(LineError::NoColumn(index + 1));
        let decimal_comma = self.separator != Separator::Byte(b',');
        let (clock, latest_ms, in_ms) = (self.clock, self.latest_ms, self.layout.in_ms);
        let t_ms = Times { clock, latest_ms, in_ms, decimal_comma }.ms(field(self.layout.time)?)?;
        let channels = self.layout.channels.iter().map(|index| field(*index));
        let channels = channels.collect::<Result<Vec<_>, _>>()?;
        let value = |column: &ValueColumn| {
            let own = [column.channel.as_str()];
            let names: Vec<&str> =
                channels.iter().copied().chain(own).filter(|name| !name.is_empty()).collect();
            let channel = clipped(&names.join("-"), MAX_CHANNEL);
            let text = field(column.index)?;
            if UNKNOWN.iter().any(|word| text.eq_ignore_ascii_case(word)) {
                return Ok(Value { channel, value: None });
            }
            let says_power = || channel.to_lowercase().contains("power").then_some(Unit::WATT);
            let unit = column.unit.or_else(says_power);
            let unit = unit.ok_or_else(|| LineError::UnitNotTold(channel.clone()))?;
            let value = value_of(text, unit, decimal_comma)?;
            Ok(Value { channel, value: Some(value) })
        };
        let values = self.layout.values.iter().map(value).collect::<Result<_, _>>()?;
        Ok(Entry { t_ms, values })
    }
}

/// In watts or joules. Where a comma does not separate columns it is a decimal point.
fn value_of(text: &str, unit: Unit, decimal_comma: bool) -> Result<f64, LineError> {
    let number = if decimal_comma { text.replacen(',', ".", 1) } else { text.to_owned() };
    let value = number.parse().ok().or_else(|| unit.number_of(&number)?.parse().ok());
    let (quantity, article, most) = match unit.quantity {
        Quantity::Power => (unit.quantity, "a", MAX_WATTS),
        Quantity::Energy => (unit.quantity, "an", MAX_JOULES),
    };
    let value: f64 = value.ok_or_else(|| LineError::NotANumber {
        text: quote(text),
        quantity: quantity.as_str(),
        article,
    })?;
    let value = value * unit.scale;
    let fits = value.is_finite() && value.abs() <= most;
    fits.then_some(value).ok_or(LineError::Impossible(value, quantity.si()))
}

impl Separator {
    /// The fields of a line without the blanks around them. They may stand in quotation marks, and then
    /// contain the separator.
    fn split(self, line: &str) -> StringRecord {
        let Self::Byte(delimiter) = self else { return line.split_whitespace().collect() };
        let mut reader = csv::ReaderBuilder::new();
        reader.delimiter(delimiter).has_headers(false).trim(csv::Trim::All).buffer_capacity(line.len());
        let mut fields = StringRecord::new();
        let read = reader.from_reader(line.as_bytes()).read_record(&mut fields);
        read.expect("UTF-8 in memory, and a single row");
        fields
    }
}

/// So much of a foreign text as fits into a message.
fn quote(text: &str) -> String {
    clipped(text, MAX_QUOTE)
}

fn clipped(text: &str, most: usize) -> String {
    text.chars().filter(|character| !character.is_control()).take(most).collect()
}

//! The fields that a template may name.

use crate::pages::text::{UNKNOWN, bar, elapsed, known, kwh, labelled_within, name, number, si, within};
use crate::pages::{Facts, Figure};

/// A field: how wide it is if nothing else is said, and its text.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    /// Cells that it takes if the template does not say.
    pub(super) width: usize,
    /// Cells below which it would say nothing.
    pub(super) least: usize,
    /// Whether it stands at the right of its cells if the template does not say.
    pub(super) right: bool,
    /// Whether a `~` may stand in it.
    pub(super) can_be_estimated: bool,
    /// Whether it says `SIM`.
    pub(super) tells_simulated: bool,
    /// Its text in at most so many cells.
    pub(super) value: Value,
}

/// A field is its name: there is one of each.
impl PartialEq for Field {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Field {}

type Value = fn(&Facts, usize) -> String;

const fn words(name: &'static str, width: usize, least: usize, value: Value) -> Field {
    Field { name, width, least, right: false, can_be_estimated: false, tells_simulated: false, value }
}

const fn digits(name: &'static str, width: usize, value: Value) -> Field {
    Field { right: true, ..words(name, width, 2, value) }
}

const fn figure(name: &'static str, width: usize, value: Value) -> Field {
    Field { can_be_estimated: true, ..digits(name, width, value) }
}

static FIELDS: [Field; 23] = [
    Field {
        tells_simulated: true,
        ..words("name", 8, 5, |facts, width| labelled_within(facts.simulated(), &facts.node.name, width))
    },
    Field {
        tells_simulated: true,
        ..words("label", 3, 3, |facts, _| if facts.simulated() { "SIM".into() } else { String::new() })
    },
    digits("temp", 5, |facts, width| rounded(facts.node.temp_c, width)),
    figure("watts", 5, |facts, width| of(facts.node.power(), width)),
    digits("clock", 3, |facts, width| rounded(facts.node.clock_hz.map(|hz| hz / 1e9), width)),
    digits("load", 3, |facts, width| within(width, &[number(facts.node.busy.map(|busy| busy * 100.0), 0)])),
    words("bar", 4, 2, |facts, width| bar(facts.node.busy, width)),
    words("health", 1, 1, |facts, _| facts.node.tick().to_string()),
    words("ip", 15, 4, |facts, width| {
        name(&facts.network.address().map_or_else(|| UNKNOWN.into(), |address| address.to_string()), width)
    }),
    Field { least: 5, ..digits("time", 5, |facts, _| facts.case.time()) },
    digits("ambient", 5, |facts, width| rounded(facts.case.ambient_c, width)),
    digits("volts", 5, |facts, width| {
        let volts = facts.case.supply_volts;
        within(width, &[number(volts, 2), number(volts, 1), number(volts, 0)])
    }),
    figure("kwh", 6, |facts, width| within(width, &[kwh(facts.efficiency.today, "")])),
    words("cluster", 8, 2, |facts, width| name(facts.cluster.name.as_deref().unwrap_or("cluster"), width)),
    figure("today", 6, |facts, width| of(facts.efficiency.today, width)),
    figure("flops_per_watt", 6, |facts, width| of(facts.efficiency.last_run, width)),
    digits("up", 5, |facts, width| within(width, &[facts.cluster.presence()])),
    figure("cluster_watts", 6, |facts, width| of(facts.cluster.watts, width)),
    words("hottest", 8, 2, |facts, width| {
        name(known(facts.cluster.hottest.as_ref().map(|(name, _)| name.as_str())), width)
    }),
    digits("hottest_temp", 5, |facts, width| {
        rounded(facts.cluster.hottest.as_ref().map(|(_, temp_c)| *temp_c), width)
    }),
    words("run", 8, 2, |facts, width| name(known(facts.run.name.as_deref()), width)),
    digits("elapsed", 8, |facts, width| within(width, &[elapsed(facts.run.elapsed_s)])),
    figure("run_watts", 6, |facts, width| of(facts.run.watts, width)),
];

/// The field of this name.
pub(super) fn named(name: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.name == name)
}

/// All names, for a message.
pub(super) fn names() -> String {
    FIELDS.each_ref().map(|field| field.name).join(", ")
}

/// With a decimal if there is room.
fn rounded(value: Option<f64>, width: usize) -> String {
    within(width, &[number(value, 1), number(value, 0)])
}

/// A figure with its marks and its prefix, without its unit; below a thousand whole if that is shorter.
fn of(figure: Figure, width: usize) -> String {
    let whole = figure.value.filter(|value| value.abs() < 999.5);
    let whole = whole.map(|value| format!("{}{value:.0}", figure.mark()));
    let spellings: Vec<_> = [si(figure, "")].into_iter().chain(whole).collect();
    within(width, &spellings)
}

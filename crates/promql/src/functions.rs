//! What a function makes of its arguments, at all moments at once.

pub(crate) mod date;
pub(crate) mod histogram;
mod label;
pub(crate) mod math;

use std::collections::HashMap;

use promql_parser::parser::value::ValueType;
use promql_parser::parser::{Call, Expr, VectorSelector};

use self::date::{Date, DateFunction};
use self::histogram::Bucket;
use crate::downsampled::Needs;
use crate::error::Error;
use crate::evaluator::{Evaluator, argument, nameless, without_parentheses};
use crate::grid::{Grid, Stepped, Value, merge};
use crate::invariance::is_step_invariant;
use crate::labels::{Labels, NAME};
use crate::numeric::{greater, less, nan_first};
use crate::range_functions::{self, KEEP_THE_NAME, RangeFunction};
use crate::selection::MatcherKind;

/// The functions beside those of [`math`], [`date`] and [`range_functions`].
const OTHER_FUNCTIONS: [&str; 22] = [
    "absent",
    "absent_over_time",
    "clamp",
    "clamp_max",
    "clamp_min",
    "histogram_avg",
    "histogram_count",
    "histogram_fraction",
    "histogram_quantile",
    "histogram_stddev",
    "histogram_stdvar",
    "histogram_sum",
    "label_join",
    "label_replace",
    "pi",
    "round",
    "scalar",
    "sort",
    "sort_desc",
    "time",
    "timestamp",
    "vector",
];

/// True for a function that is understood.
pub(crate) fn is_known(name: &str) -> bool {
    let listed = OTHER_FUNCTIONS.contains(&name) || range_functions::named(name).is_some();
    listed || math::named(name).is_some() || date::named(name).is_some()
}

impl Evaluator<'_> {
    pub(crate) fn call(&self, call: &Call, grid: Grid) -> Result<Value, Error> {
        let name = call.func.name;
        match name {
            "time" => return self.moments(grid).map(Value::Scalar),
            "pi" => return self.constant(std::f64::consts::PI, grid).map(Value::Scalar),
            "scalar" => return self.only_values(argument(call, 0)?, grid).map(Value::Scalar),
            _ => {}
        }
        let vector = if let Some(function) = range_functions::named(name) {
            self.over_time(name, function, call, grid)
        } else if let Some(function) = math::named(name) {
            self.each(self.vector(argument(call, 0)?, grid)?, function)
        } else if let Some(function) = date::named(name) {
            self.date(function, call, grid)
        } else {
            self.vector_function(name, call, grid)
        };
        vector.map(Value::Vector)
    }

    fn vector_function(&self, name: &str, call: &Call, grid: Grid) -> Result<Vec<Stepped>, Error> {
        let first = argument(call, 0)?;
        let all = || self.vector(first, grid);
        match name {
            "round" => self.round(call, grid),
            "clamp" | "clamp_min" | "clamp_max" => self.clamp(name, call, grid),
            "timestamp" => self.timestamp(first, grid),
            "vector" => {
                let values = self.scalar(first, grid)?.into_iter().map(Some).collect();
                Ok(vec![Stepped { values, ..self.stepped(Labels::default(), grid)? }])
            }
            "absent" => self.absent(first, &all()?, grid),
            "absent_over_time" => self.absent(first, &self.present(first, grid)?, grid),
            "sort" => self.sorted(first, grid, |value| value),
            "sort_desc" => self.sorted(first, grid, |value| -value),
            "label_replace" => label::replace(all()?, call, &self.budget),
            "label_join" => label::join(all()?, call, &self.budget),
            "histogram_quantile" => self.histogram_quantile(call, grid),
            "histogram_fraction" => self.histogram_fraction(call, grid),
            // Native histograms, which no store here has, are all that these look at.
            "histogram_avg" | "histogram_count" | "histogram_sum" | "histogram_stddev"
            | "histogram_stdvar" => all().map(|_| Vec::new()),
            other => Err(Error::Parameter(format!("`{other}` is no function"))),
        }
    }

    fn over_time(
        &self,
        name: &str,
        function: RangeFunction,
        call: &Call,
        grid: Grid,
    ) -> Result<Vec<Stepped>, Error> {
        let is_range = |argument: &&Expr| argument.value_type() == ValueType::Matrix;
        let arguments = || call.args.args.iter().map(AsRef::as_ref);
        let range = arguments().find(is_range);
        let range = range.ok_or_else(|| Error::Parameter(format!("`{name}` wants a range")))?;
        let parameters = match arguments().find(|argument| !is_range(argument)) {
            Some(parameter) => self.scalar(parameter, grid)?,
            None => self.constant(0.0, grid)?,
        };
        let needs = Needs::of(name);
        let vector = self.ranged(range, grid, needs.steps())?;
        let mut all = Vec::new();
        for found in &vector.series {
            let series = &found.series;
            // Room for a sorted copy of its samples.
            let _room = self.budget.lease(series.samples.len().saturating_mul(size_of::<f64>()))?;
            let labels = series.labels.clone();
            let labels = if KEEP_THE_NAME.contains(&name) { labels } else { labels.nameless() };
            let mut stepped = self.stepped(labels, grid)?;
            let ranges = vector.ranges(found, grid).zip(&parameters);
            for (value, (range, parameter)) in stepped.values.iter_mut().zip(ranges) {
                self.budget.work(range.samples.len() + range.steps.len())?;
                if range.is_empty() {
                    continue;
                }
                *value = function(range, *parameter);
                if name == "quantile_over_time" {
                    self.notes.quantile(*parameter);
                }
            }
            if found.downsampled.is_some_and(|kept| !needs.is_met_by(kept)) && !stepped.is_empty() {
                self.notes.downsampled(name, series.labels.get(NAME));
            }
            if matches!(name, "rate" | "increase") && !stepped.is_empty() {
                self.notes.possible_non_counter(series.labels.get(NAME));
            }
            all.push(stepped);
        }
        merge(all, &self.budget)
    }

    /// Rounds half up, to whole multiples of the second argument if there is one.
    fn round(&self, call: &Call, grid: Grid) -> Result<Vec<Stepped>, Error> {
        let nearest = match call.args.args.get(1) {
            Some(nearest) => self.scalar(nearest, grid)?,
            None => self.constant(1.0, grid)?,
        };
        let rounded = |value: f64, nearest: f64| {
            let inverse = 1.0 / nearest;
            Some((value * inverse + 0.5).floor() / inverse)
        };
        self.with_parameter(self.vector(argument(call, 0)?, grid)?, &nearest, rounded)
    }

    /// An upper bound under the lower one leaves nothing.
    fn clamp(&self, name: &str, call: &Call, grid: Grid) -> Result<Vec<Stepped>, Error> {
        let parameter = |at| self.scalar(argument(call, at)?, grid);
        let (lower, upper) = match name {
            "clamp_min" => (parameter(1)?, self.constant(f64::INFINITY, grid)?),
            "clamp_max" => (self.constant(f64::NEG_INFINITY, grid)?, parameter(1)?),
            _ => (parameter(1)?, parameter(2)?),
        };
        self.budget.charge::<(f64, f64)>(grid.count)?;
        let bounds: Vec<(f64, f64)> = lower.into_iter().zip(upper).collect();
        let clamped = |value: f64, (lower, upper): (f64, f64)| {
            if upper < lower { None } else { Some(greater(lower, less(upper, value))) }
        };
        self.with_parameter(self.vector(argument(call, 0)?, grid)?, &bounds, clamped)
    }

    /// Of a selector the times of its samples, of anything computed the time of the computation. With `@`,
    /// Prometheus 3.16 forgets the selector's offset here and nowhere else, and dashboards are written for it.
    fn timestamp(&self, of: &Expr, grid: Grid) -> Result<Vec<Stepped>, Error> {
        if let Expr::VectorSelector(selector) = without_parentheses(of) {
            let offset = selector.offset.clone().filter(|_| selector.at.is_none());
            let selector = VectorSelector { offset, ..selector.clone() };
            let times = self.latest(&selector, grid, |sample| sample.t_ms as f64 / 1000.0)?;
            return self.each(times, |time| time);
        }
        let moments = self.moments(grid)?;
        self.with_parameter(self.vector(of, grid)?, &moments, |_, moment| Some(moment))
    }

    /// A part of each value's date, or without an argument of the moment's own.
    fn date(&self, function: DateFunction, call: &Call, grid: Grid) -> Result<Vec<Stepped>, Error> {
        if let Some(times) = call.args.args.first() {
            return self.each(self.vector(times, grid)?, |seconds| function(Date::at(seconds)));
        }
        let mut now = self.stepped(Labels::default(), grid)?;
        for (value, t_ms) in now.values.iter_mut().zip(grid.times()) {
            *value = Some(function(Date::at_second(t_ms / 1000)));
        }
        Ok(vec![now])
    }

    /// One at each moment at which any series of a range vector has samples.
    fn present(&self, range: &Expr, grid: Grid) -> Result<Vec<Stepped>, Error> {
        let vector = self.ranged(range, grid, false)?;
        let mut present = self.stepped(Labels::default(), grid)?;
        for found in &vector.series {
            self.budget.work(found.series.samples.len() + grid.count)?;
            for (value, range) in present.values.iter_mut().zip(vector.ranges(found, grid)) {
                *value = value.or((!range.samples.is_empty()).then_some(1.0));
            }
        }
        Ok(vec![present])
    }

    /// One where nothing is, with the labels that a selector names by `=` and names once.
    fn absent(&self, of: &Expr, found: &[Stepped], grid: Grid) -> Result<Vec<Stepped>, Error> {
        let selector = match without_parentheses(of) {
            Expr::VectorSelector(selector) => Some(selector),
            Expr::MatrixSelector(range) => Some(&range.vs),
            _ => None,
        };
        let mut labels = Labels::default();
        if let Some(selector) = selector {
            let mut named: Vec<String> = Vec::new();
            for matcher in self.matchers(selector)?.into_iter().filter(|matcher| matcher.name != NAME) {
                let once = matcher.kind == MatcherKind::Equal && !named.contains(&matcher.name);
                labels.set(&matcher.name, if once { matcher.value } else { String::new() });
                if once {
                    named.push(matcher.name);
                }
            }
        }
        let mut absent = self.stepped(labels.nameless(), grid)?;
        for (step, value) in absent.values.iter_mut().enumerate() {
            self.budget.work(found.len())?;
            *value = found.iter().all(|series| series.values[step].is_none()).then_some(1.0);
        }
        Ok(if absent.is_empty() { Vec::new() } else { vec![absent] })
    }

    fn histogram_quantile(&self, call: &Call, grid: Grid) -> Result<Vec<Stepped>, Error> {
        let shares = self.scalar(argument(call, 0)?, grid)?;
        let all = self.vector(argument(call, 1)?, grid)?;
        self.notes.quantiles(&shares);
        self.of_histograms(&all, grid, |step, buckets| {
            let (value, forced) = histogram::quantile(shares[step], buckets);
            if forced {
                self.notes.forced_monotonic();
            }
            value
        })
    }

    fn histogram_fraction(&self, call: &Call, grid: Grid) -> Result<Vec<Stepped>, Error> {
        let lower = self.scalar(argument(call, 0)?, grid)?;
        let upper = self.scalar(argument(call, 1)?, grid)?;
        let all = self.vector(argument(call, 2)?, grid)?;
        self.of_histograms(&all, grid, |step, buckets| histogram::fraction(lower[step], upper[step], buckets))
    }

    /// What is made of each classic histogram's buckets at each moment: series that only `le` tells apart.
    fn of_histograms(
        &self,
        all: &[Stepped],
        grid: Grid,
        value: impl Fn(usize, Vec<Bucket>) -> f64,
    ) -> Result<Vec<Stepped>, Error> {
        let mut lease = self.budget.lease(all.len().saturating_mul(2 * size_of::<Bucket>()))?;
        let mut known: HashMap<Labels, usize> = HashMap::new();
        let mut histograms: Vec<(Labels, Vec<(f64, &Stepped)>)> = Vec::new();
        for series in all {
            let Some(bound) = histogram::bound(&series.labels) else {
                self.notes.bad_bucket(series.labels.get(histogram::BOUND));
                continue;
            };
            let labels = series.labels.clone().without(&[histogram::BOUND]);
            let at = known.get(&labels).copied().unwrap_or(histograms.len());
            if at == histograms.len() {
                lease.add_entry(&labels)?;
                lease.add_entry(&labels)?;
                known.insert(labels.clone(), at);
                histograms.push((labels, Vec::new()));
            }
            histograms[at].1.push((bound, series));
        }
        let mut results = Vec::new();
        for (labels, members) in histograms {
            let mut result = self.stepped(labels.nameless(), grid)?;
            for (step, into) in result.values.iter_mut().enumerate() {
                self.budget.work(members.len())?;
                let bucket =
                    |&(bound, series): &(f64, &Stepped)| Some(Bucket { bound, count: series.values[step]? });
                let buckets: Vec<Bucket> = members.iter().filter_map(bucket).collect();
                *into = (!buckets.is_empty()).then(|| value(step, buckets));
            }
            results.push(result);
        }
        merge(results, &self.budget)
    }

    /// Each value together with its moment's parameter made another or none.
    fn with_parameter<P: Copy>(
        &self,
        all: Vec<Stepped>,
        parameters: &[P],
        change: impl Fn(f64, P) -> Option<f64>,
    ) -> Result<Vec<Stepped>, Error> {
        let changed = all.into_iter().map(|mut series| {
            for (value, parameter) in series.values.iter_mut().zip(parameters) {
                *value = value.and_then(|value| change(value, *parameter));
            }
            nameless(series)
        });
        merge(changed.collect(), &self.budget)
    }

    /// The value of the only series at each moment; NaN where there are none or several.
    fn only_values(&self, of: &Expr, grid: Grid) -> Result<Vec<f64>, Error> {
        let all = self.vector(of, grid)?;
        let mut only = self.constant(f64::NAN, grid)?;
        for (step, only) in only.iter_mut().enumerate() {
            self.budget.work(all.len())?;
            let mut values = all.iter().filter_map(|series| series.values[step]);
            *only = values.next().filter(|_| values.next().is_none()).unwrap_or(f64::NAN);
        }
        Ok(only)
    }

    /// In the order of values, NaN last. A range query has its own order, by labels.
    fn sorted(&self, of: &Expr, grid: Grid, key: impl Fn(f64) -> f64) -> Result<Vec<Stepped>, Error> {
        let mut all = self.vector(of, grid)?;
        if grid.count == 1 {
            let key = |series: &Stepped| key(series.values[0].unwrap_or(f64::NAN));
            all.sort_by(|a, b| nan_first(-key(b), -key(a)));
        } else if !is_step_invariant(of) {
            self.notes.sorted_range();
        }
        Ok(all)
    }
}

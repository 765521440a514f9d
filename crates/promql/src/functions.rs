//! Functions of values at one moment, and the way into those of a range.

use promql_parser::label::Matcher;
use promql_parser::parser::value::ValueType;
use promql_parser::parser::{Call, Expr, VectorSelector, token};

use crate::error::Error;
use crate::evaluator::{Evaluator, nameless, text};
use crate::grid::{Grid, Stepped, Value, merge};
use crate::labels::{Labels, NAME};
use crate::numeric::{greater, less, nan_first};
use crate::range_functions::{KEEPS_THE_NAME, RANGE_FUNCTIONS, RangeFunction};
use crate::selection::{MatcherKind, matchers};

/// The functions that take no range.
pub(crate) const FUNCTIONS: [&str; 15] = [
    "abs",
    "absent",
    "ceil",
    "clamp",
    "clamp_max",
    "clamp_min",
    "floor",
    "label_replace",
    "round",
    "scalar",
    "sort",
    "sort_desc",
    "time",
    "timestamp",
    "vector",
];

impl Evaluator<'_> {
    pub(crate) fn call(&self, call: &Call, grid: Grid) -> Result<Value, Error> {
        let name = call.func.name;
        if let Some((_, function)) = RANGE_FUNCTIONS.iter().find(|(known, _)| *known == name) {
            return self.over_time(name, *function, call, grid).map(Value::Vector);
        }
        let scalar = match name {
            "time" => Some(grid.times().map(|t_ms| t_ms as f64 / 1000.0).collect()),
            "scalar" => Some(only_values(&self.vector(argument(call, 0)?, grid)?, grid)),
            _ => None,
        };
        scalar.map_or_else(
            || self.vector_function(name, call, grid).map(Value::Vector),
            |values| Ok(Value::Scalar(values)),
        )
    }

    fn vector_function(&self, name: &str, call: &Call, grid: Grid) -> Result<Vec<Stepped>, Error> {
        let first = argument(call, 0)?;
        let all = || self.vector(first, grid);
        match name {
            "abs" => self.each(all()?, f64::abs),
            "ceil" => self.each(all()?, f64::ceil),
            "floor" => self.each(all()?, f64::floor),
            "round" => self.round(call, grid),
            "clamp" | "clamp_min" | "clamp_max" => self.clamp(name, call, grid),
            "timestamp" => self.timestamp(first, grid),
            "vector" => {
                let values = self.scalar(first, grid)?.into_iter().map(Some).collect();
                Ok(vec![Stepped { values, ..self.stepped(Labels::default(), grid)? }])
            }
            "absent" => self.absent(first, grid),
            "sort" => Ok(sorted(all()?, grid, |value| value)),
            "sort_desc" => Ok(sorted(all()?, grid, |value| -value)),
            "label_replace" => label_replace(all()?, call),
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
        let parameter = arguments().find(|argument| !is_range(argument));
        let parameters = match parameter {
            Some(parameter) => self.scalar(parameter, grid)?,
            None => self.constant(0.0, grid)?,
        };
        let vector = self.ranged(range, grid)?;
        let mut all = Vec::new();
        for series in &vector.series {
            let labels = series.labels.clone();
            let labels = if name == KEEPS_THE_NAME { labels } else { labels.nameless() };
            let mut stepped = self.stepped(labels, grid)?;
            let ranges = vector.ranges(series, grid).zip(&parameters);
            for (value, (range, parameter)) in stepped.values.iter_mut().zip(ranges) {
                *value = if range.samples.is_empty() { None } else { function(range, *parameter) };
            }
            all.push(stepped);
        }
        merge(all)
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
        with_parameter(self.vector(argument(call, 0)?, grid)?, &nearest, rounded)
    }

    /// An upper bound under the lower one leaves nothing.
    fn clamp(&self, name: &str, call: &Call, grid: Grid) -> Result<Vec<Stepped>, Error> {
        let parameter = |at| self.scalar(argument(call, at)?, grid);
        let (lower, upper) = match name {
            "clamp_min" => (parameter(1)?, self.constant(f64::INFINITY, grid)?),
            "clamp_max" => (self.constant(f64::NEG_INFINITY, grid)?, parameter(1)?),
            _ => (parameter(1)?, parameter(2)?),
        };
        let bounds: Vec<(f64, f64)> = lower.into_iter().zip(upper).collect();
        let clamped = |value: f64, (lower, upper): (f64, f64)| {
            if upper < lower { None } else { Some(greater(lower, less(upper, value))) }
        };
        with_parameter(self.vector(argument(call, 0)?, grid)?, &bounds, clamped)
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
        let moments: Vec<f64> = grid.times().map(|t_ms| t_ms as f64 / 1000.0).collect();
        with_parameter(self.vector(of, grid)?, &moments, |_, moment| Some(moment))
    }

    /// One where nothing is, with the labels that a selector names by `=` and names once.
    fn absent(&self, of: &Expr, grid: Grid) -> Result<Vec<Stepped>, Error> {
        let found = self.vector(of, grid)?;
        let mut labels = Labels::default();
        if let Expr::VectorSelector(selector) = without_parentheses(of) {
            let mut named: Vec<String> = Vec::new();
            for matcher in matchers(selector)?.into_iter().filter(|matcher| matcher.name != NAME) {
                let once = matcher.kind == MatcherKind::Equal && !named.contains(&matcher.name);
                labels.set(&matcher.name, if once { matcher.value } else { String::new() });
                if once {
                    named.push(matcher.name);
                }
            }
        }
        let mut absent = self.stepped(labels.nameless(), grid)?;
        for (step, value) in absent.values.iter_mut().enumerate() {
            *value = found.iter().all(|series| series.values[step].is_none()).then_some(1.0);
        }
        Ok(if absent.is_empty() { Vec::new() } else { vec![absent] })
    }
}

fn argument(call: &Call, at: usize) -> Result<&Expr, Error> {
    let missing = || Error::Parameter(format!("`{}` wants another argument", call.func.name));
    call.args.args.get(at).map(AsRef::as_ref).ok_or_else(missing)
}

fn without_parentheses(expression: &Expr) -> &Expr {
    match expression {
        Expr::Paren(parenthesis) => without_parentheses(&parenthesis.expr),
        other => other,
    }
}

/// Each value together with its moment's parameter made another or none.
fn with_parameter<P: Copy>(
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
    merge(changed.collect())
}

/// The value of the only series at each moment; NaN where there are none or several.
fn only_values(all: &[Stepped], grid: Grid) -> Vec<f64> {
    let at = |step: usize| {
        let mut values = all.iter().filter_map(|series| series.values[step]);
        values.next().filter(|_| values.next().is_none()).unwrap_or(f64::NAN)
    };
    (0..grid.count).map(at).collect()
}

/// In the order of values, NaN last. A range query has its own order, by labels.
fn sorted(mut all: Vec<Stepped>, grid: Grid, key: impl Fn(f64) -> f64) -> Vec<Stepped> {
    if grid.count == 1 {
        let key = |series: &Stepped| key(series.values[0].unwrap_or(f64::NAN));
        all.sort_by(|a, b| nan_first(-key(b), -key(a)));
    }
    all
}

/// A label from another one that matches an expression as a whole; the parser compiles it as it does a matcher's.
fn label_replace(all: Vec<Stepped>, call: &Call) -> Result<Vec<Stepped>, Error> {
    let part = |at| argument(call, at).and_then(text);
    let (target, replacement, from, pattern) = (part(1)?, part(2)?, part(3)?, part(4)?);
    if target.is_empty() {
        return Err(Error::Parameter("label_replace() cannot write a label without a name".to_owned()));
    }
    let matcher = Matcher::new_matcher(token::T_EQL_REGEX, String::new(), format!("(?s:{pattern})"));
    let promql_parser::label::MatchOp::Re(regex) = matcher.map_err(Error::Regex)?.op else {
        return Err(Error::Regex(pattern.to_owned()));
    };
    let replaced = all.into_iter().map(|mut series| {
        let value = regex.captures(series.labels.get(from)).map(|groups| {
            let mut value = String::new();
            groups.expand(replacement, &mut value);
            value
        });
        if let Some(value) = value {
            series.labels.set(target, value);
        }
        series
    });
    merge(replaced.collect())
}

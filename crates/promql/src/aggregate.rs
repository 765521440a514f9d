//! Many series made one, or the greatest and least of them.

use std::collections::HashMap;

use promql_parser::parser::{AggregateExpr, LabelModifier};

use crate::error::Error;
use crate::evaluator::Evaluator;
use crate::grid::{Grid, Stepped};
use crate::labels::Labels;
use crate::numeric::{deviation, mean, nan_first, quantile, sum};

/// The values of a group at one moment.
type Values = Vec<f64>;

impl Evaluator<'_> {
    pub(crate) fn aggregate(&self, aggregation: &AggregateExpr, grid: Grid) -> Result<Vec<Stepped>, Error> {
        let parameters = match &aggregation.param {
            Some(parameter) => self.scalar(parameter, grid)?,
            None => self.constant(0.0, grid)?,
        };
        let all = self.vector(&aggregation.expr, grid)?;
        let groups = groups(&all, aggregation.modifier.as_ref());
        let name = aggregation.op.to_string();
        let computed: fn(Values, f64) -> Option<f64> = match name.as_str() {
            "topk" | "bottomk" => return self.some_of(&all, groups, &name, &parameters, grid),
            "sum" => |values, _| Some(sum(values)),
            "avg" => |values, _| mean(values),
            "min" => |values, _| values.into_iter().reduce(|a, b| if a > b || a.is_nan() { b } else { a }),
            "max" => |values, _| values.into_iter().reduce(|a, b| if a < b || a.is_nan() { b } else { a }),
            "count" => |values, _| Some(values.len() as f64),
            "group" => |_, _| Some(1.0),
            "stddev" => |values, _| deviation(values),
            _ => |values, share| Some(quantile(share, values)),
        };
        let mut results = Vec::new();
        for (labels, members) in groups {
            let mut result = self.stepped(labels, grid)?;
            for (step, value) in result.values.iter_mut().enumerate() {
                let values: Values = members.iter().filter_map(|&member| all[member].values[step]).collect();
                *value = if values.is_empty() { None } else { computed(values, parameters[step]) };
            }
            results.push(result);
        }
        Ok(results.into_iter().filter(|result| !result.is_empty()).collect())
    }

    /// The greatest or least of each group at each moment, as many as the parameter says; at a single moment in order.
    fn some_of(
        &self,
        all: &[Stepped],
        groups: Vec<(Labels, Vec<usize>)>,
        name: &str,
        parameters: &[f64],
        grid: Grid,
    ) -> Result<Vec<Stepped>, Error> {
        let numbers = numbers(name, parameters)?;
        let mut results: Vec<Stepped> = Vec::new();
        for (_, members) in groups {
            let mut slots: HashMap<usize, usize> = HashMap::new();
            for (step, &number) in numbers.iter().enumerate() {
                for (member, value) in best(all, &members, step, name, number) {
                    let slot = *slots.entry(member).or_insert(results.len());
                    if slot == results.len() {
                        results.push(self.stepped(all[member].labels.clone(), grid)?);
                    }
                    results[slot].values[step] = Some(value);
                }
            }
        }
        Ok(results)
    }
}

/// How many series are wanted at each moment.
#[expect(clippy::cast_possible_truncation, reason = "what is beyond an integer is refused")]
fn numbers(name: &str, parameters: &[f64]) -> Result<Vec<usize>, Error> {
    let greatest = parameters.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let beyond = |value: &f64| value.abs() >= i64::MAX as f64;
    if greatest >= 1.0 && parameters.iter().any(|value| value.is_nan() || beyond(value)) {
        return Err(Error::Parameter(format!("{name}() wants a number of series that is an integer")));
    }
    if parameters.iter().all(|value| value.is_nan()) && !parameters.is_empty() {
        return Err(Error::Parameter(format!("{name}() wants a number of series and not NaN")));
    }
    Ok(parameters.iter().map(|&value| usize::try_from(value as i64).unwrap_or(0)).collect())
}

/// The best values of a group at a moment, the best first; NaN is worse than any number.
fn best(all: &[Stepped], members: &[usize], step: usize, name: &str, number: usize) -> Vec<(usize, f64)> {
    let present = members.iter().filter_map(|&member| Some((member, all[member].values[step]?)));
    let mut values: Vec<(usize, f64)> = present.collect();
    let sign = if name == "topk" { 1.0 } else { -1.0 };
    values.sort_by(|(_, a), (_, b)| nan_first(sign * b, sign * a));
    values.truncate(number);
    values
}

/// The groups in the order in which they are met, each with its members.
fn groups(all: &[Stepped], modifier: Option<&LabelModifier>) -> Vec<(Labels, Vec<usize>)> {
    let mut known: HashMap<Labels, usize> = HashMap::new();
    let mut groups: Vec<(Labels, Vec<usize>)> = Vec::new();
    for (member, series) in all.iter().enumerate() {
        let labels = match modifier {
            None => Labels::default(),
            Some(LabelModifier::Include(names)) => series.labels.clone().only(&names.labels),
            Some(LabelModifier::Exclude(names)) => series.labels.clone().without(&names.labels).nameless(),
        };
        let at = *known.entry(labels.clone()).or_insert(groups.len());
        if at == groups.len() {
            groups.push((labels, Vec::new()));
        }
        groups[at].1.push(member);
    }
    groups
}

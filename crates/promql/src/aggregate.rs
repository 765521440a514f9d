//! Many series made one, or the greatest and least of them.

use std::collections::HashMap;

use promql_parser::parser::{AggregateExpr, LabelModifier};

use crate::budget::{Budget, Lease};
use crate::error::Error;
use crate::evaluator::{Evaluator, text};
use crate::grid::{Grid, Stepped};
use crate::labels::Labels;
use crate::numeric::{mean, nan_first, quantile, sum, variance};

/// What a member of a group takes while the greatest are looked for: its value, its place and a map's entry.
const MEMBER_BYTES: usize = 64;

/// The values of a group at one moment.
type Values = Vec<f64>;

/// What a group's values at one moment become; the number is the aggregation's parameter, where it has one.
type Aggregation = fn(Values, f64) -> Option<f64>;

/// Every aggregation whose groups have one value each.
const AGGREGATIONS: [(&str, Aggregation); 9] = [
    ("sum", |values, _| Some(sum(values))),
    ("avg", |values, _| mean(values)),
    ("min", |values, _| values.into_iter().reduce(|a, b| if a > b || a.is_nan() { b } else { a })),
    ("max", |values, _| values.into_iter().reduce(|a, b| if a < b || a.is_nan() { b } else { a })),
    ("count", |values, _| Some(values.len() as f64)),
    ("group", |_, _| Some(1.0)),
    ("stddev", |values, _| variance(values).map(f64::sqrt)),
    ("stdvar", |values, _| variance(values)),
    ("quantile", |values, share| Some(quantile(share, values))),
];

/// Those whose groups have several.
const SELECTIONS: [&str; 3] = ["topk", "bottomk", "count_values"];

/// A group's labels and the numbers of its members.
type Group = (Labels, Vec<usize>);

/// True for an aggregation that is understood.
pub(crate) fn is_known(name: &str) -> bool {
    SELECTIONS.contains(&name) || AGGREGATIONS.iter().any(|(known, _)| *known == name)
}

impl Evaluator<'_> {
    pub(crate) fn aggregate(&self, aggregation: &AggregateExpr, grid: Grid) -> Result<Vec<Stepped>, Error> {
        let name = aggregation.op.to_string();
        let modifier = aggregation.modifier.as_ref();
        if name == "count_values" {
            return self.count_values(aggregation, grid);
        }
        let parameters = match &aggregation.param {
            Some(parameter) => self.scalar(parameter, grid)?,
            None => self.constant(0.0, grid)?,
        };
        let all = self.vector(&aggregation.expr, grid)?;
        let (groups, _lease) = groups(&all, modifier, &self.budget)?;
        let Some((_, computed)) = AGGREGATIONS.iter().find(|(known, _)| *known == name) else {
            return self.some_of(&all, groups, &name, &parameters, grid);
        };
        if name == "quantile" {
            self.notes.quantiles(&parameters);
        }
        let mut results = Vec::new();
        for (labels, members) in groups {
            let _room = self.budget.lease(members.len().saturating_mul(size_of::<f64>()))?;
            let mut result = self.stepped(labels, grid)?;
            for (step, value) in result.values.iter_mut().enumerate() {
                self.budget.work(members.len())?;
                let values: Values = members.iter().filter_map(|&member| all[member].values[step]).collect();
                *value = if values.is_empty() { None } else { computed(values, parameters[step]) };
            }
            results.push(result);
        }
        Ok(results.into_iter().filter(|result| !result.is_empty()).collect())
    }

    /// How many series of a group have each value at each moment, the value in a label.
    fn count_values(&self, aggregation: &AggregateExpr, grid: Grid) -> Result<Vec<Stepped>, Error> {
        let parameter = aggregation.param.as_ref();
        let target = parameter.ok_or_else(|| Error::Parameter("count_values wants a label".to_owned()))?;
        let target = text(target)?;
        if target.is_empty() {
            return Err(Error::Parameter(format!("invalid label name {target:?} in count_values")));
        }
        let all = self.vector(&aggregation.expr, grid)?;
        let mut lease = self.budget.lease(0)?;
        let mut known: HashMap<Labels, usize> = HashMap::new();
        let mut results: Vec<Stepped> = Vec::new();
        for series in &all {
            for (step, value) in series.values.iter().enumerate() {
                self.budget.work(1)?;
                let Some(value) = value else { continue };
                let mut labels = series.labels.clone();
                labels.set(target, decimal(*value));
                let labels = group_labels(labels, aggregation.modifier.as_ref(), Some(target));
                let at = known.get(&labels).copied().unwrap_or(results.len());
                if at == results.len() {
                    lease.add_entry(&labels)?;
                    known.insert(labels.clone(), at);
                    results.push(self.stepped(labels, grid)?);
                }
                let count = &mut results[at].values[step];
                *count = Some(count.unwrap_or(0.0) + 1.0);
            }
        }
        Ok(results)
    }

    /// The greatest or least of each group at each moment, as many as the parameter says; at a single moment in order.
    fn some_of(
        &self,
        all: &[Stepped],
        groups: Vec<Group>,
        name: &str,
        parameters: &[f64],
        grid: Grid,
    ) -> Result<Vec<Stepped>, Error> {
        let numbers = numbers(name, parameters)?;
        let mut results: Vec<Stepped> = Vec::new();
        for (_, members) in groups {
            // At each moment a sorted copy, and where each member's result stands.
            let _room = self.budget.lease(members.len().saturating_mul(MEMBER_BYTES))?;
            let mut slots: HashMap<usize, usize> = HashMap::new();
            for (step, &number) in numbers.iter().enumerate() {
                self.budget.work(members.len())?;
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

/// The groups in the order in which they are met, each with its members, and what they take.
fn groups<'b>(
    all: &[Stepped],
    modifier: Option<&LabelModifier>,
    budget: &'b Budget<'_>,
) -> Result<(Vec<Group>, Lease<'b>), Error> {
    let mut lease = budget.lease(all.len().saturating_mul(2 * size_of::<usize>()))?;
    let mut known: HashMap<Labels, usize> = HashMap::new();
    let mut groups: Vec<Group> = Vec::new();
    for (member, series) in all.iter().enumerate() {
        let labels = group_labels(series.labels.clone(), modifier, None);
        let at = known.get(&labels).copied().unwrap_or(groups.len());
        if at == groups.len() {
            lease.add_entry(&labels)?;
            lease.add_entry(&labels)?;
            known.insert(labels.clone(), at);
            groups.push((labels, Vec::new()));
        }
        groups[at].1.push(member);
    }
    Ok((groups, lease))
}

/// The labels of the group to which a series belongs; one that was added for the group counts among those of `by`.
fn group_labels(labels: Labels, modifier: Option<&LabelModifier>, added: Option<&str>) -> Labels {
    let by = |names: &[String]| {
        names.iter().map(String::as_str).chain(added).map(str::to_owned).collect::<Vec<_>>()
    };
    match modifier {
        None => labels.only(&by(&[])),
        Some(LabelModifier::Include(names)) => labels.only(&by(&names.labels)),
        Some(LabelModifier::Exclude(names)) => labels.without(&names.labels).nameless(),
    }
}

/// A number as a label's value: all its digits and no exponent.
fn decimal(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    value.to_string()
}

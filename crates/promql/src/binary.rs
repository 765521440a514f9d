//! Two operands: numbers, vectors with a number, and vectors whose series find each other by their labels.

use std::collections::{HashMap, HashSet};

use promql_parser::parser::{BinModifier, BinaryExpr, LabelModifier, VectorMatchCardinality};

use crate::budget::{Budget, Lease};
use crate::error::Error;
use crate::evaluator::Evaluator;
use crate::grid::{Grid, Stepped, Value, merge, same_labels};
use crate::labels::Labels;
use crate::matching::signature;
use crate::set::set;

/// An operator that computes.
#[derive(Clone, Copy)]
enum Operator {
    Arithmetic(fn(f64, f64) -> f64),
    Comparison(fn(f64, f64) -> bool),
}

impl Operator {
    /// `None` for the operators on sets.
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "+" => Self::Arithmetic(|a, b| a + b),
            "-" => Self::Arithmetic(|a, b| a - b),
            "*" => Self::Arithmetic(|a, b| a * b),
            "/" => Self::Arithmetic(|a, b| a / b),
            "%" => Self::Arithmetic(|a, b| a % b),
            "^" => Self::Arithmetic(f64::powf),
            "atan2" => Self::Arithmetic(f64::atan2),
            "==" => Self::Comparison(|a, b| a == b),
            "!=" => Self::Comparison(|a, b| a != b),
            "<" => Self::Comparison(|a, b| a < b),
            "<=" => Self::Comparison(|a, b| a <= b),
            ">" => Self::Comparison(|a, b| a > b),
            ">=" => Self::Comparison(|a, b| a >= b),
            _ => return None,
        })
    }

    /// What comes out; a comparison that does not hold has nothing unless truth itself is asked for, and one that
    /// holds has `kept`.
    fn apply(self, left: f64, right: f64, kept: f64, truth: bool) -> Option<f64> {
        match self {
            Self::Arithmetic(compute) => Some(compute(left, right)),
            Self::Comparison(holds) if truth => Some(f64::from(u8::from(holds(left, right)))),
            Self::Comparison(holds) => holds(left, right).then_some(kept),
        }
    }
}

/// An operator with all that modifies it.
pub(crate) struct Operation<'a> {
    operator: Operator,
    truth: bool,
    modifier: Option<&'a BinModifier>,
}

impl Evaluator<'_> {
    pub(crate) fn binary(&self, binary: &BinaryExpr, grid: Grid) -> Result<Value, Error> {
        let left = self.evaluate(&binary.lhs, grid)?;
        let right = self.evaluate(&binary.rhs, grid)?;
        let name = binary.op.to_string();
        let modifier = binary.modifier.as_ref();
        let Some(operator) = Operator::named(&name) else {
            let (Value::Vector(left), Value::Vector(right)) = (left, right) else {
                return Err(Error::Parameter(format!("`{name}` wants vectors on both sides")));
            };
            return set(&name, left, right, modifier, &self.budget).map(Value::Vector);
        };
        let operation =
            Operation { operator, truth: modifier.is_some_and(|modifier| modifier.return_bool), modifier };
        match (left, right) {
            (Value::Scalar(left), Value::Scalar(right)) => {
                let both = left.into_iter().zip(right);
                let computed = both.map(|(a, b)| operator.apply(a, b, a, true).unwrap_or(f64::NAN));
                Ok(Value::Scalar(computed.collect()))
            }
            (Value::Vector(left), Value::Scalar(right)) => {
                let apply = |value, other| operator.apply(value, other, value, operation.truth);
                with_number(left, &right, &operation, apply, &self.budget).map(Value::Vector)
            }
            (Value::Scalar(left), Value::Vector(right)) => {
                let apply = |value, other| operator.apply(other, value, value, operation.truth);
                with_number(right, &left, &operation, apply, &self.budget).map(Value::Vector)
            }
            (Value::Vector(left), Value::Vector(right)) => {
                self.matched(&left, &right, &operation, grid).map(Value::Vector)
            }
        }
    }

    /// At each moment every series of the side that may have many finds its one partner by the labels that count.
    fn matched(
        &self,
        left: &[Stepped],
        right: &[Stepped],
        operation: &Operation<'_>,
        grid: Grid,
    ) -> Result<Vec<Stepped>, Error> {
        if left.is_empty() || right.is_empty() {
            return Ok(Vec::new());
        }
        let mut matching = Matching::of(left, right, operation, &self.budget)?;
        let mut results = Results::of(self, grid)?;
        for step in 0..grid.count {
            self.budget.work(left.len() + right.len())?;
            if matching.a_side_is_empty(step) {
                continue;
            }
            matching.find_partners(step)?;
            let mut taken = HashSet::new();
            for (at, many) in matching.many.iter().enumerate() {
                let (Some(value), Some(partner)) = (many.values[step], matching.partner(at)) else {
                    continue;
                };
                let slot = results.slot(operation, &matching, (at, partner))?;
                if !taken.insert((matching.many_groups[at], if matching.one_to_one() { 0 } else { slot })) {
                    return Err(matching.not_unique(many));
                }
                let Some(other) = matching.one[partner].values[step] else { continue };
                let (a, b) = if matching.swapped { (other, value) } else { (value, other) };
                if let Some(value) = operation.operator.apply(a, b, a, operation.truth) {
                    results.write(slot, step, value)?;
                }
            }
        }
        Ok(results.all.into_iter().filter(|series| !series.is_empty()).collect())
    }
}

/// What comes out of a match, a series for each set of labels.
struct Results<'e, 'a> {
    evaluator: &'e Evaluator<'a>,
    grid: Grid,
    known: HashMap<Labels, usize>,
    pairs: HashMap<(usize, usize), usize>,
    all: Vec<Stepped>,
    lease: Lease<'e>,
}

/// What a pair in a map takes, with the room kept free.
const PAIR_BYTES: usize = 64;

impl<'e, 'a> Results<'e, 'a> {
    fn of(evaluator: &'e Evaluator<'a>, grid: Grid) -> Result<Self, Error> {
        let lease = evaluator.budget.lease(0)?;
        Ok(Self { evaluator, grid, known: HashMap::new(), pairs: HashMap::new(), all: Vec::new(), lease })
    }

    /// Where the result of a pair belongs.
    fn slot(
        &mut self,
        operation: &Operation<'_>,
        matching: &Matching<'_>,
        pair: (usize, usize),
    ) -> Result<usize, Error> {
        if let Some(slot) = self.pairs.get(&pair) {
            return Ok(*slot);
        }
        let labels = operation.labels(&matching.many[pair.0].labels, &matching.one[pair.1].labels);
        let slot = self.known.get(&labels).copied().unwrap_or(self.all.len());
        if slot == self.all.len() {
            self.lease.add_entry(&labels)?;
            self.known.insert(labels.clone(), slot);
            self.all.push(self.evaluator.stepped(labels, self.grid)?);
        }
        self.lease.add(PAIR_BYTES)?;
        self.pairs.insert(pair, slot);
        Ok(slot)
    }

    fn write(&mut self, slot: usize, step: usize, value: f64) -> Result<(), Error> {
        let series = &mut self.all[slot];
        match series.values[step].replace(value) {
            Some(_) => Err(same_labels(&series.labels)),
            None => Ok(()),
        }
    }
}

/// Both sides of an operation, in groups of the same labels that count.
struct Matching<'a> {
    many: &'a [Stepped],
    one: &'a [Stepped],
    swapped: bool,
    card: Option<&'a VectorMatchCardinality>,
    many_groups: Vec<usize>,
    one_groups: Vec<usize>,
    /// Of each group the series of the one side that has a value at this moment.
    partners: Vec<Option<usize>>,
    _lease: Lease<'a>,
}

impl<'a> Matching<'a> {
    fn of(
        left: &'a [Stepped],
        right: &'a [Stepped],
        operation: &Operation<'a>,
        budget: &'a Budget<'_>,
    ) -> Result<Self, Error> {
        let card = operation.modifier.map(|modifier| &modifier.card);
        let swapped = matches!(card, Some(VectorMatchCardinality::OneToMany(_)));
        let (many, one) = if swapped { (right, left) } else { (left, right) };
        // Beside the groups there are each series' group, its partner, and what is taken at a step.
        let mut lease = budget.lease((left.len() + right.len()).saturating_mul(PAIR_BYTES))?;
        let mut groups = HashMap::new();
        let mut group = |series: &Stepped| {
            let next = groups.len();
            let signature = signature(&series.labels, operation.modifier);
            if !groups.contains_key(&signature) {
                lease.add_entry(&signature)?;
            }
            Ok(*groups.entry(signature).or_insert(next))
        };
        let many_groups = many.iter().map(&mut group).collect::<Result<_, Error>>()?;
        let one_groups = one.iter().map(&mut group).collect::<Result<_, Error>>()?;
        let partners = vec![None; groups.len()];
        Ok(Self { many, one, swapped, card, many_groups, one_groups, partners, _lease: lease })
    }

    fn one_to_one(&self) -> bool {
        !matches!(
            self.card,
            Some(VectorMatchCardinality::ManyToOne(_) | VectorMatchCardinality::OneToMany(_))
        )
    }

    fn a_side_is_empty(&self, step: usize) -> bool {
        let empty = |side: &[Stepped]| side.iter().all(|series| series.values[step].is_none());
        empty(self.many) || empty(self.one)
    }

    fn find_partners(&mut self, step: usize) -> Result<(), Error> {
        self.partners.fill(None);
        for (at, one) in self.one.iter().enumerate() {
            if one.values[step].is_none() {
                continue;
            }
            if let Some(other) = self.partners[self.one_groups[at]].replace(at) {
                let (a, b) = (shown(&one.labels), shown(&self.one[other].labels));
                let side = if self.swapped { "left" } else { "right" };
                return Err(Error::Matching(format!(
                    "two series on the {side} side match the same ones, {a} and {b}: name more labels with on() \
                     or fewer with ignoring(), so that one remains"
                )));
            }
        }
        Ok(())
    }

    fn partner(&self, many: usize) -> Option<usize> {
        self.partners[self.many_groups[many]]
    }

    fn not_unique(&self, many: &Stepped) -> Error {
        let series = shown(&many.labels);
        Error::Matching(if self.one_to_one() {
            format!("{series} and another series match the same one: say group_left() or group_right()")
        } else {
            format!(
                "{series} and another series give the same labels: the labels of the group have to differ"
            )
        })
    }
}

impl Operation<'_> {
    /// The labels of a result: those of the many side, without what the operation takes away and with what it brings.
    fn labels(&self, many: &Labels, one: &Labels) -> Labels {
        let mut labels = many.clone();
        if self.truth || matches!(self.operator, Operator::Arithmetic(_)) {
            labels = labels.nameless();
        }
        let card = self.modifier.map(|modifier| &modifier.card);
        if let Some(VectorMatchCardinality::ManyToOne(names) | VectorMatchCardinality::OneToMany(names)) =
            card
        {
            for name in &names.labels {
                labels.set(name, one.get(name).to_owned());
            }
            return labels;
        }
        match self.modifier.and_then(|modifier| modifier.matching.as_ref()) {
            Some(LabelModifier::Include(names)) => labels.only(&names.labels),
            Some(LabelModifier::Exclude(names)) => labels.without(&names.labels),
            None => labels,
        }
    }
}

fn with_number(
    all: Vec<Stepped>,
    numbers: &[f64],
    operation: &Operation<'_>,
    apply: impl Fn(f64, f64) -> Option<f64>,
    budget: &Budget<'_>,
) -> Result<Vec<Stepped>, Error> {
    let computed = all.into_iter().map(|mut series| {
        for (value, number) in series.values.iter_mut().zip(numbers) {
            *value = value.and_then(|value| apply(value, *number));
        }
        if operation.truth || matches!(operation.operator, Operator::Arithmetic(_)) {
            series.labels = series.labels.nameless();
        }
        series
    });
    merge(computed.collect(), budget)
}

fn shown(labels: &Labels) -> String {
    format!("{{{}}}", labels.shown())
}

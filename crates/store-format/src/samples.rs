//! The samples of one series in order of time.

use std::ops::Range;

use picollect_telemetry::Value;

use crate::Kind;

/// Values of one type.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// IEEE 754 doubles; every bit pattern comes back as it was, NaN too.
    Float(Vec<f64>),
    /// Line protocol's `i` integers.
    Int(Vec<i64>),
    /// Line protocol's `u` integers.
    UInt(Vec<u64>),
    /// Line protocol's `t` and `f`; as numbers 1 and 0.
    Bool(Vec<bool>),
    /// Line protocol's quoted strings, of which no number is made.
    Text(Vec<String>),
}

/// Times, Unix milliseconds, and as many values.
#[derive(Debug, Clone, PartialEq)]
pub struct Samples {
    /// When each sample was taken, in Unix milliseconds, ascending.
    pub times: Vec<i64>,
    /// The values at these times: as many as there are times.
    pub values: Values,
}

/// Does the same to the vector within, whatever it holds.
macro_rules! each {
    ($values:expr, $vector:ident => $does:expr) => {
        match $values {
            Values::Float($vector) => $does,
            Values::Int($vector) => $does,
            Values::UInt($vector) => $does,
            Values::Bool($vector) => $does,
            Values::Text($vector) => $does,
        }
    };
}

impl Values {
    /// An empty column of this type.
    pub fn new(kind: Kind) -> Self {
        match kind {
            Kind::Float => Self::Float(Vec::new()),
            Kind::Int => Self::Int(Vec::new()),
            Kind::UInt => Self::UInt(Vec::new()),
            Kind::Bool => Self::Bool(Vec::new()),
            Kind::Text => Self::Text(Vec::new()),
        }
    }

    /// The type that all of them have.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Float(_) => Kind::Float,
            Self::Int(_) => Kind::Int,
            Self::UInt(_) => Kind::UInt,
            Self::Bool(_) => Kind::Bool,
            Self::Text(_) => Kind::Text,
        }
    }

    /// Number of values, or of times with their values.
    pub fn len(&self) -> usize {
        each!(self, values => values.len())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value in this row; `None` past the end.
    pub fn get(&self, at: usize) -> Option<Value> {
        Some(match self {
            Self::Float(values) => Value::Float(*values.get(at)?),
            Self::Int(values) => Value::Int(*values.get(at)?),
            Self::UInt(values) => Value::UInt(*values.get(at)?),
            Self::Bool(values) => Value::Bool(*values.get(at)?),
            Self::Text(values) => Value::Text(values.get(at)?.clone()),
        })
    }

    /// One of them as a number; a truth value counts as 0 or 1, a text does not.
    pub fn number(&self, at: usize) -> Option<f64> {
        match self {
            Self::Float(values) => values.get(at).copied(),
            Self::Int(values) => values.get(at).map(|value| *value as f64),
            Self::UInt(values) => values.get(at).map(|value| *value as f64),
            Self::Bool(values) => values.get(at).map(|value| f64::from(u8::from(*value))),
            Self::Text(_) => None,
        }
    }

    fn picked(&self, order: &[usize]) -> Self {
        match self {
            Self::Float(values) => Self::Float(order.iter().map(|at| values[*at]).collect()),
            Self::Int(values) => Self::Int(order.iter().map(|at| values[*at]).collect()),
            Self::UInt(values) => Self::UInt(order.iter().map(|at| values[*at]).collect()),
            Self::Bool(values) => Self::Bool(order.iter().map(|at| values[*at]).collect()),
            Self::Text(values) => Self::Text(order.iter().map(|at| values[*at].clone()).collect()),
        }
    }
}

impl Samples {
    /// An empty column of this type.
    pub fn new(kind: Kind) -> Self {
        Self { times: Vec::new(), values: Values::new(kind) }
    }

    /// Number of values, or of times with their values.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Times and numbers; a text is none.
    pub fn numbers(&self) -> impl Iterator<Item = (i64, f64)> + '_ {
        let number = |(at, t_ms): (usize, &i64)| Some((*t_ms, self.values.number(at)?));
        self.times.iter().enumerate().filter_map(number)
    }

    /// Adds what was written later; only values of the same type are taken.
    pub fn append(&mut self, later: Self) {
        match (&mut self.values, later.values) {
            (Values::Float(to), Values::Float(from)) => to.extend(from),
            (Values::Int(to), Values::Int(from)) => to.extend(from),
            (Values::UInt(to), Values::UInt(from)) => to.extend(from),
            (Values::Bool(to), Values::Bool(from)) => to.extend(from),
            (Values::Text(to), Values::Text(from)) => to.extend(from),
            _ => return,
        }
        self.times.extend(later.times);
    }

    /// In order of time, each time once: of several at one time the last that was added.
    pub fn put_in_order(&mut self) {
        if self.times.is_sorted_by(|a, b| a < b) {
            return;
        }
        let mut order: Vec<usize> = (0..self.times.len()).collect();
        order.sort_by_key(|at| self.times[*at]);
        let replaced = |pair: &[usize]| self.times[pair[0]] == self.times[pair[1]];
        let last = order.last().copied();
        let kept = order.windows(2).filter(|pair| !replaced(pair)).map(|pair| pair[0]).chain(last);
        let kept: Vec<usize> = kept.collect();
        *self = self.picked(&kept);
    }

    /// Those in a range of their numbers.
    #[must_use]
    pub fn part(&self, range: Range<usize>) -> Self {
        self.picked(&range.collect::<Vec<usize>>())
    }

    /// Those with these numbers.
    pub(crate) fn picked(&self, order: &[usize]) -> Self {
        Self { times: order.iter().map(|at| self.times[*at]).collect(), values: self.values.picked(order) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_at_one_time_the_last_one_counts() {
        let mut samples =
            Samples { times: vec![5, 1, 5, 3, 1], values: Values::Int(vec![50, 10, 51, 30, 11]) };
        samples.put_in_order();
        assert_eq!(samples, Samples { times: vec![1, 3, 5], values: Values::Int(vec![11, 30, 51]) });
    }

    #[test]
    fn the_last_one_counts_also_where_all_came_in_order() {
        let mut samples = Samples { times: vec![1, 1, 3], values: Values::Int(vec![10, 11, 30]) };
        samples.put_in_order();
        assert_eq!(samples, Samples { times: vec![1, 3], values: Values::Int(vec![11, 30]) });
    }
}

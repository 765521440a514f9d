//! Operators on sets of series: `and`, `or`, `unless`, at each moment for itself.

use std::collections::HashMap;

use promql_parser::parser::BinModifier;

use crate::error::Error;
use crate::grid::{Stepped, merge};
use crate::labels::Labels;
use crate::matching::signature;

/// What remains of both sides, in the order in which it stood.
pub(crate) fn set(
    name: &str,
    left: Vec<Stepped>,
    right: Vec<Stepped>,
    modifier: Option<&BinModifier>,
) -> Result<Vec<Stepped>, Error> {
    let present = |side: &[Stepped]| Present::of(side, modifier);
    let kept = match name {
        "and" => present(&right).filter(left, |there| there),
        "unless" => present(&right).filter(left, |there| !there),
        _ => {
            let others = present(&left).filter(right, |there| !there);
            left.into_iter().chain(others).collect()
        }
    };
    merge(kept)
}

/// At which moments there is any series with given labels that count.
struct Present<'a> {
    modifier: Option<&'a BinModifier>,
    moments: HashMap<Labels, Vec<bool>>,
}

impl<'a> Present<'a> {
    fn of(side: &[Stepped], modifier: Option<&'a BinModifier>) -> Self {
        let mut moments: HashMap<Labels, Vec<bool>> = HashMap::new();
        for series in side {
            let known = moments.entry(signature(&series.labels, modifier));
            let there = known.or_insert_with(|| vec![false; series.values.len()]);
            for (there, value) in there.iter_mut().zip(&series.values) {
                *there |= value.is_some();
            }
        }
        Self { modifier, moments }
    }

    /// Leaves the values of those moments that are wanted: given whether there is a match.
    fn filter(&self, mut side: Vec<Stepped>, wanted: impl Fn(bool) -> bool) -> Vec<Stepped> {
        for series in &mut side {
            let there = self.moments.get(&signature(&series.labels, self.modifier));
            for (step, value) in series.values.iter_mut().enumerate() {
                if !wanted(there.is_some_and(|there| there[step])) {
                    *value = None;
                }
            }
        }
        side
    }
}

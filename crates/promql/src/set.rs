//! Operators on sets of series: `and`, `or`, `unless`, at each moment for itself.

use std::collections::HashMap;

use promql_parser::parser::BinModifier;

use crate::budget::{Budget, Lease};
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
    budget: &Budget<'_>,
) -> Result<Vec<Stepped>, Error> {
    let present = |side: &[Stepped]| Present::of(side, modifier, budget);
    let kept = match name {
        "and" => present(&right)?.filter(left, |there| there, budget)?,
        "unless" => present(&right)?.filter(left, |there| !there, budget)?,
        _ => {
            let others = present(&left)?.filter(right, |there| !there, budget)?;
            left.into_iter().chain(others).collect()
        }
    };
    merge(kept, budget)
}

/// At which moments there is any series with given labels that count.
struct Present<'a> {
    modifier: Option<&'a BinModifier>,
    moments: HashMap<Labels, Vec<bool>>,
    _lease: Lease<'a>,
}

impl<'a> Present<'a> {
    fn of(
        side: &[Stepped],
        modifier: Option<&'a BinModifier>,
        budget: &'a Budget<'_>,
    ) -> Result<Self, Error> {
        let mut moments: HashMap<Labels, Vec<bool>> = HashMap::new();
        let mut lease = budget.lease(0)?;
        for series in side {
            budget.work(series.values.len())?;
            let signature = signature(&series.labels, modifier);
            if !moments.contains_key(&signature) {
                lease.add_entry(&signature)?;
                lease.add(series.values.len())?;
            }
            let there = moments.entry(signature).or_insert_with(|| vec![false; series.values.len()]);
            for (there, value) in there.iter_mut().zip(&series.values) {
                *there |= value.is_some();
            }
        }
        Ok(Self { modifier, moments, _lease: lease })
    }

    /// Leaves the values of those moments that are wanted: given whether there is a match.
    fn filter(
        &self,
        mut side: Vec<Stepped>,
        wanted: impl Fn(bool) -> bool,
        budget: &Budget<'_>,
    ) -> Result<Vec<Stepped>, Error> {
        for series in &mut side {
            budget.work(series.values.len())?;
            let there = self.moments.get(&signature(&series.labels, self.modifier));
            for (step, value) in series.values.iter_mut().enumerate() {
                if !wanted(there.is_some_and(|there| there[step])) {
                    *value = None;
                }
            }
        }
        Ok(side)
    }
}

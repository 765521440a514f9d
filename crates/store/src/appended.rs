//! What became of a batch of points.

/// What an append did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Appended {
    /// Samples written; a sample that was there already counts too.
    pub written: usize,
    /// Fields refused because their series holds another type.
    pub conflicts: Vec<Conflict>,
    /// Samples of new series refused because there are too many series.
    pub over_limit: usize,
    /// Samples that the engine took none of and never will, by reason; the rest of the batch was taken.
    pub refusals: Vec<Refusal>,
    /// Points of which at least one field was refused.
    pub refused_points: usize,
}

impl Appended {
    /// Why something was refused, each reason a sentence.
    pub fn reasons(&self) -> impl Iterator<Item = String> {
        let conflicts = self.conflicts.iter().map(|Conflict { measurement, field, holds, got }| {
            format!("field type conflict: `{field}` of `{measurement}` is {holds}, not {got}")
        });
        let limit = (self.over_limit > 0).then(|| "too many series: is a tag really a value?".to_owned());
        conflicts.chain(limit).chain(self.refusals.iter().map(|refusal| refusal.reason.clone()))
    }
}

/// Samples that an engine refuses for good, such as those that are too old for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// How many samples were refused for this reason.
    pub samples: usize,
    /// Why, in one sentence that says what an operator can do about it.
    pub reason: String,
}

/// A field whose type is not its series' type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The measurement that it came under.
    pub measurement: String,
    /// Its name, as it came.
    pub field: String,
    /// The type that the series holds.
    pub holds: &'static str,
    /// The type that came.
    pub got: &'static str,
}

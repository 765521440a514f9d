//! Series in memory as a source.

use picollect_promql::{Found, Sample, Selection, Series, Source, SourceError};

/// Series in memory.
pub(crate) struct Memory(pub(crate) Vec<Series>);

impl Source for Memory {
    fn select(&self, wanted: &Selection<'_>) -> Result<Vec<Found>, SourceError> {
        let inside = |sample: &&Sample| (wanted.from_ms..=wanted.to_ms).contains(&sample.t_ms);
        let cut = |series: &Series| {
            let samples = series.samples.iter().filter(inside).copied().collect();
            Found::whole(Series { labels: series.labels.clone(), samples })
        };
        let found = self.0.iter().filter(|series| wanted.matches(&series.labels));
        Ok(found.map(cut).filter(|found| !found.series.samples.is_empty()).collect())
    }
}

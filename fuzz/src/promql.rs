//! Whatever a query's text is, it is answered or refused, within its limits.

use crate::text_of;
use picollect_promql::{
    Context, Found, Labels, Limits, Query, Sample, Selection, Series, Source, SourceError, Times,
};

const LIMITS: Limits = Limits { steps: 100, series: 100, samples: 10_000, memory_bytes: 1 << 20 };
/// From one sample to the next, and the times that are asked about, in milliseconds.
const STEP_MS: i64 = 60_000;
const END_MS: i64 = 20 * STEP_MS;

/// Two series that any selector finds.
struct Two;

impl Source for Two {
    fn select(&self, wanted: &Selection<'_>) -> Result<Vec<Found>, SourceError> {
        let times = (0..=END_MS / STEP_MS).map(|step| step * STEP_MS);
        let times = times.filter(|t_ms| (wanted.from_ms..=wanted.to_ms).contains(t_ms));
        let samples: Vec<Sample> = times.map(|t_ms| Sample { t_ms, value: (t_ms % 7) as f64 }).collect();
        let series = |host: &str| {
            let labels =
                [("__name__", "m"), ("host", host)].map(|(name, value)| (name.to_owned(), value.to_owned()));
            Found::whole(Series { labels: Labels::new(labels), samples: samples.clone() })
        };
        Ok(vec![series("a"), series("b")])
    }
}

/// Tries one input; panics if what is promised above does not hold.
pub fn run(input: &[u8]) {
    let text = text_of(input);
    let Ok(query) = Query::parse(text) else { return };
    let context = Context {
        source: &Two,
        limits: LIMITS,
        lookback_ms: STEP_MS,
        subquery_step_ms: STEP_MS,
        out_of_time: &|| false,
    };
    let _answered_or_refused = query.instant(&context, END_MS);
    let _answered_or_refused = query.range(&context, Times { start_ms: 0, end_ms: END_MS, step_ms: STEP_MS });
}

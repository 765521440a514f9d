//! PromQL over HTTP (<https://prometheus.io/docs/prometheus/latest/querying/api/>): raw samples by a range selector
//! in an instant query, which every engine of the family answers with what it holds.
//!
//! Whether an engine's range includes its beginning differs between versions, so a millisecond more is asked for and
//! what does not belong is left out here. A long stretch is asked for in pieces; where only some of it can hold
//! samples, that is asked first.

use std::collections::{BTreeMap, BTreeSet};

use picollect_telemetry::Value;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::http::{Http, Reply};
use super::names::{self, Type};
use super::texts::Assembly;
use crate::{SeriesKey, StoreError, StoredSample};
use picollect_settings::time::now_ms;

/// A stretch up to this is asked for at once; a sample a second makes half a megabyte of an answer.
const PIECE_MS: i64 = 6 * 3600 * 1000;
/// A piece that is too large for engine or answer is halved, down to this.
const SHORTEST_PIECE_MS: i64 = 1000;
/// Steps of a survey; Prometheus answers 11,000 at most.
const MAX_STEPS: i64 = 10_000;
/// A survey's steps are whole multiples of this.
const STEP_MS: i64 = 3600 * 1000;
/// What is younger is not surveyed: VictoriaMetrics leaves the last seconds out of anything computed.
const FRESH_MS: i64 = 3600 * 1000;
/// The beginning of all series, in seconds: from 0 on VictoriaMetrics 1.148 lists none.
const EVER: &str = "1";
/// Nobody's clock is so far ahead that a later sample is to be looked for.
const AHEAD_MS: i64 = 24 * 3600 * 1000;

/// The client of an engine's query API.
#[derive(Debug)]
pub(super) struct Reader {
    url: String,
}

/// Labels of a series, as JSON has them.
type Labels = BTreeMap<String, String>;

#[derive(Deserialize)]
struct Envelope<T> {
    data: Option<T>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Found {
    result: Vec<RawSeries>,
}

/// A series of an answer: seconds and a number as text.
#[derive(Deserialize)]
struct RawSeries {
    #[serde(default)]
    metric: Labels,
    #[serde(default)]
    values: Vec<(f64, String)>,
}

/// Samples of our series, as they are gathered from answers.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    series: BTreeMap<SeriesKey, (Vec<StoredSample>, Assembly)>,
}

impl Gathered {
    fn add(&mut self, raw: &RawSeries, start_ms: i64, end_ms: i64) {
        let Some((key, kind)) = names::parse(&raw.metric) else { return };
        let (numbers, texts) = self.series.entry(key).or_default();
        let inside = raw.values.iter().map(|(seconds, text)| (millis(*seconds), text));
        let inside = inside.filter(|(t_ms, _)| (start_ms..=end_ms).contains(t_ms));
        if kind == Type::Text {
            texts.add(&raw.metric, inside.map(|(t_ms, _)| t_ms));
            return;
        }
        let number = |text: &str| text.parse().ok().and_then(|number| kind.value(number));
        numbers.extend(inside.filter_map(|(t_ms, text)| Some(StoredSample { t_ms, value: number(text)? })));
    }

    /// Each series that has samples, in order of time; a replica's repetition is left out.
    pub(super) fn finish(self) -> Vec<(SeriesKey, Vec<StoredSample>)> {
        let series = self.series.into_iter().map(|(key, (mut samples, texts))| {
            let texts = texts.finish().into_iter();
            samples.extend(texts.map(|(t_ms, text)| StoredSample { t_ms, value: Value::Text(text) }));
            samples.sort_by_key(|sample| sample.t_ms);
            samples.dedup_by_key(|sample| sample.t_ms);
            (key, samples)
        });
        series.filter(|(_, samples)| !samples.is_empty()).collect()
    }
}

#[expect(clippy::cast_possible_truncation, reason = "Unix milliseconds are far below 2^53")]
fn millis(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}

fn seconds(t_ms: i64) -> String {
    format!("{}.{:03}", t_ms.div_euclid(1000), t_ms.rem_euclid(1000))
}

impl Reader {
    /// Below `url` there is `/api/v1/query`.
    pub(super) fn new(url: String) -> Self {
        Self { url }
    }

    /// Our series that match, without those that are no longer there.
    pub(super) fn series(&self, http: &Http, selector: &str) -> Result<BTreeSet<SeriesKey>, StoreError> {
        let end = seconds(now_ms() + AHEAD_MS);
        let found: Option<Vec<Labels>> =
            self.ask(http, "series", &[("match[]", selector), ("start", EVER), ("end", &end)])?;
        let found = found.ok_or_else(|| http.refused("its list of series is too long"))?;
        Ok(found.iter().filter_map(names::parse).map(|(key, _)| key).collect())
    }

    /// All samples from start to end, both included.
    pub(super) fn samples(
        &self,
        http: &Http,
        selector: &str,
        start_ms: i64,
        end_ms: i64,
        gathered: &mut Gathered,
    ) -> Result<(), StoreError> {
        for (start_ms, end_ms) in self.stretches(http, selector, start_ms, end_ms)? {
            self.in_pieces(http, selector, start_ms, end_ms, gathered)?;
        }
        Ok(())
    }

    /// The nearest sample from start to end, both included: the latest if `latest`, else the earliest.
    pub(super) fn nearest(
        &self,
        http: &Http,
        key: &SeriesKey,
        (start_ms, end_ms): (i64, i64),
        latest: bool,
    ) -> Result<Option<StoredSample>, StoreError> {
        let selector = names::selector_of(key);
        let mut stretches = self.stretches(http, &selector, start_ms, end_ms)?;
        if latest {
            stretches.reverse();
        }
        for (start_ms, end_ms) in stretches {
            let mut gathered = Gathered::default();
            self.in_pieces(http, &selector, start_ms, end_ms, &mut gathered)?;
            let samples = gathered.finish().into_iter().flat_map(|(_, samples)| samples);
            let found = if latest { samples.last() } else { samples.into_iter().next() };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Which of our series have any sample from start to end.
    pub(super) fn present(
        &self,
        http: &Http,
        selector: &str,
        start_ms: i64,
        end_ms: i64,
    ) -> Result<BTreeSet<SeriesKey>, StoreError> {
        if start_ms > end_ms {
            return Ok(BTreeSet::new());
        }
        let query = format!("count_over_time({selector}[{}ms])", end_ms - start_ms + 1);
        let found: Option<Found> =
            self.ask(http, "query", &[("query", &query), ("time", &seconds(end_ms))])?;
        let found = found.ok_or_else(|| http.refused("its answer is too long"))?;
        Ok(found
            .result
            .iter()
            .filter_map(|series| names::parse(&series.metric))
            .map(|(key, _)| key)
            .collect())
    }

    fn in_pieces(
        &self,
        http: &Http,
        selector: &str,
        start_ms: i64,
        end_ms: i64,
        gathered: &mut Gathered,
    ) -> Result<(), StoreError> {
        let (mut at_ms, mut piece_ms) = (start_ms, PIECE_MS);
        while at_ms <= end_ms {
            let to_ms = end_ms.min(at_ms + piece_ms - 1);
            let query = format!("{selector}[{}ms]", to_ms - at_ms + 1);
            let parameters = [("query", query.as_str()), ("time", &seconds(to_ms)), ("dedup", "false")];
            match self.ask::<Found>(http, "query", &parameters) {
                Ok(Some(found)) => {
                    found.result.iter().for_each(|raw| gathered.add(raw, at_ms, to_ms));
                    at_ms = to_ms + 1;
                }
                // Too much for the answer, or for the engine, which says so by refusing.
                Ok(None) | Err(StoreError::Refused { .. }) if piece_ms > SHORTEST_PIECE_MS => piece_ms /= 2,
                Ok(None) => return Err(http.refused("more samples in a second than an answer holds")),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The parts of a stretch that can hold samples, in order of time: of a short one all of it.
    fn stretches(
        &self,
        http: &Http,
        selector: &str,
        start_ms: i64,
        end_ms: i64,
    ) -> Result<Vec<(i64, i64)>, StoreError> {
        let now_ms = now_ms();
        let (start_ms, end_ms) = (start_ms.max(0), end_ms.min(now_ms + AHEAD_MS));
        if end_ms.saturating_sub(start_ms) <= PIECE_MS {
            return Ok(if start_ms <= end_ms { vec![(start_ms, end_ms)] } else { Vec::new() });
        }
        let fresh_ms = (now_ms - FRESH_MS).clamp(start_ms, end_ms);
        let mut stretches = self.survey(http, selector, start_ms, fresh_ms)?;
        stretches.push((fresh_ms, end_ms));
        Ok(joined(stretches))
    }

    /// The steps from start to end in which any sample lies.
    fn survey(
        &self,
        http: &Http,
        selector: &str,
        start_ms: i64,
        end_ms: i64,
    ) -> Result<Vec<(i64, i64)>, StoreError> {
        let step_ms = ((end_ms - start_ms) / MAX_STEPS / STEP_MS + 1) * STEP_MS;
        // A step ends with its moment, and its moments are whole multiples of it: then no engine moves them.
        let first_ms = (start_ms.div_euclid(step_ms) + 1) * step_ms;
        let last_ms = (end_ms.div_euclid(step_ms) + 1) * step_ms;
        let query = format!("sum(count_over_time({selector}[{step_ms}ms]))");
        let (step, start, end) = ((step_ms / 1000).to_string(), seconds(first_ms), seconds(last_ms));
        let parameters =
            [("query", query.as_str()), ("start", &start), ("end", &end), ("step", &step), ("nocache", "1")];
        let found: Option<Found> = self.ask(http, "query_range", &parameters)?;
        let found = found.ok_or_else(|| http.refused("its survey is too long"))?;
        let steps =
            found.result.iter().flat_map(|series| &series.values).map(|(seconds, _)| millis(*seconds));
        // One millisecond more on the left, for engines whose range includes its beginning.
        let clipped = steps.map(|t_ms| ((t_ms - step_ms).max(start_ms), t_ms.min(end_ms)));
        let first = std::iter::once((start_ms, start_ms));
        Ok(first.chain(clipped.filter(|(start_ms, end_ms)| start_ms <= end_ms)).collect())
    }

    /// Whether the engine answers a query at all; it touches no sample.
    pub(super) fn answers(&self, http: &Http) -> Result<(), StoreError> {
        self.ask::<serde::de::IgnoredAny>(http, "query", &[("query", "1")]).map(drop)
    }

    /// `None` if the answer is longer than we take.
    fn ask<T: DeserializeOwned>(
        &self,
        http: &Http,
        what: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Option<T>, StoreError> {
        let text = match http.query(&format!("{}/api/v1/{what}", self.url), parameters)? {
            Reply::Done(text) => text,
            Reply::TooLong => return Ok(None),
            Reply::Refused(why) => return Err(http.refused(why)),
        };
        let garbled = |source: Box<dyn std::error::Error + Send + Sync>| StoreError::Engine {
            message: "the store's engine answered with what is no answer of Prometheus".to_owned(),
            source,
        };
        let envelope: Envelope<T> = serde_json::from_str(&text).map_err(|error| garbled(error.into()))?;
        let none = || garbled(envelope.error.unwrap_or_else(|| "there is no data in it".to_owned()).into());
        envelope.data.map(Some).ok_or_else(none)
    }
}

/// Stretches that touch or overlap become one.
fn joined(mut stretches: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
    stretches.sort_unstable();
    let mut joined: Vec<(i64, i64)> = Vec::new();
    for (start_ms, end_ms) in stretches {
        match joined.last_mut() {
            Some(last) if start_ms <= last.1 + 1 => last.1 = last.1.max(end_ms),
            _ => joined.push((start_ms, end_ms)),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_exact_to_the_millisecond() {
        assert_eq!(seconds(1_795_435_200_007), "1795435200.007");
        assert_eq!(millis(1_795_435_200.007), 1_795_435_200_007);
    }

    #[test]
    fn stretches_that_touch_are_one() {
        assert_eq!(joined(vec![(5, 9), (0, 3), (4, 4), (20, 30), (25, 26)]), [(0, 9), (20, 30)]);
    }

    #[test]
    fn replicas_of_a_series_are_one_and_what_is_outside_is_left_out() {
        let answer = r#"{"data":{"result":[
            {"metric":{"picollect_measurement":"m","picollect_field":"f","replica":"1"},"values":[[1,"5"],[2,"6"]]},
            {"metric":{"picollect_measurement":"m","picollect_field":"f","replica":"2"},"values":[[2,"6"],[3,"7"]]},
            {"metric":{"__name__":"up"},"values":[[2,"1"]]}]}}"#;
        let envelope: Envelope<Found> = serde_json::from_str(answer).unwrap();
        let mut gathered = Gathered::default();
        envelope.data.unwrap().result.iter().for_each(|raw| gathered.add(raw, 1001, 3000));
        let series = gathered.finish();
        let sample = |t_ms, number| StoredSample { t_ms, value: Value::Float(number) };
        assert_eq!(series.len(), 1);
        assert_eq!(series[0].1, [sample(2000, 6.0), sample(3000, 7.0)]);
    }
}

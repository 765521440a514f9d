//! The part of Prometheus' HTTP API that Grafana's data source asks, without HTTP: parameters in, JSON out, over any
//! [`Store`] (<https://prometheus.io/docs/prometheus/latest/querying/api/>).
//!
//! Invariant: every answer is complete or an error in Prometheus' form; what a query may take stands in `[query]`.

mod expose;
mod json;
mod names;
mod parameters;
mod source;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use picollect_promql::{
    Answered, Context, Error, Kind, LOOKBACK_MS, Limits, Matcher, Query, QueryResult, Times, selections,
};
use picollect_telemetry::catalogue::{self, Metric};
use serde_json::{Value as Json, json};

use crate::{resolution_s, whole};
use picollect_config::QueryConfig;
use picollect_store::{Store, StoreError};

pub use expose::last_samples;
pub use parameters::Parameters;

use source::StoreSource;

/// The resolution of a subquery that names none: Prometheus' own default.
const SUBQUERY_STEP_MS: i64 = 60_000;
/// The version of the API that is spoken, which clients look at to know what they may ask; and who speaks it.
const VERSION: &str = concat!("3.0.0+picollect.", env!("CARGO_PKG_VERSION"));

/// What is said where `limit` cut something off, in Prometheus' words.
const TRUNCATED: &str = "results truncated due to limit";

/// Why there is no answer, in Prometheus' words.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// A parameter cannot be used.
    #[error("{0}")]
    BadData(String),
    /// The query has no answer over these series, or takes too much.
    #[error("{0}")]
    Execution(String),
    /// It took too long.
    #[error("{0}")]
    Timeout(String),
    /// The store could not be read; HTTP calls it 500.
    #[error("the store cannot be read")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl ApiError {
    /// Prometheus' name for it, and the HTTP status that goes with it.
    pub fn kind(&self) -> (&'static str, u16) {
        match self {
            Self::BadData(_) => ("bad_data", 400),
            Self::Execution(_) => ("execution", 422),
            Self::Timeout(_) => ("timeout", 503),
            Self::Internal(_) => ("internal", 500),
        }
    }

    /// The answer that says it.
    pub fn json(&self) -> String {
        error_json(self.kind().0, &self.to_string())
    }
}

/// An answer in Prometheus' form with this data.
pub fn success(data: &Json) -> String {
    json::success(&data.to_string())
}

/// An error in Prometheus' form.
pub fn error_json(kind: &str, message: &str) -> String {
    json!({ "status": "error", "errorType": kind, "error": message }).to_string()
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        match (error.kind(), error) {
            (_, Error::Source(source)) => Self::Internal(source),
            (Kind::BadQuery, error) => Self::BadData(error.to_string()),
            (Kind::OutOfTime, error) => Self::Timeout(error.to_string()),
            (Kind::Execution | Kind::Source, error) => Self::Execution(error.to_string()),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::Internal(Box::new(error))
    }
}

/// What a question is asked of.
pub struct Api {
    /// Where the series are.
    pub store: Arc<dyn Store>,
    /// What a query may take.
    pub limits: QueryConfig,
    /// The time of a query that names none, Unix milliseconds.
    pub now_ms: i64,
}

/// Every question fails with [`ApiError::BadData`] if a parameter cannot be used, [`ApiError::Execution`] if
/// the answer would take more than the limits, [`ApiError::Timeout`] after their time, and
/// [`ApiError::Internal`] if the store fails.
impl Api {
    /// `query`: what an expression is at one moment.
    pub fn query(&self, parameters: &Parameters) -> Result<String, ApiError> {
        let query = Query::parse(parameters.required("query")?)?;
        let t_ms = parameters.time("time")?.unwrap_or(self.now_ms);
        self.answer(parameters, t_ms, t_ms, |context| query.answered_instant(context, t_ms))
    }

    /// `query_range`: what it is at many moments.
    pub fn query_range(&self, parameters: &Parameters) -> Result<String, ApiError> {
        let query = Query::parse(parameters.required("query")?)?;
        let time = |name: &str| {
            let missing = || ApiError::BadData(format!("the parameter `{name}` is missing"));
            parameters.time(name)?.ok_or_else(missing)
        };
        let times = Times { start_ms: time("start")?, end_ms: time("end")?, step_ms: parameters.step()? };
        if times.end_ms < times.start_ms {
            return Err(ApiError::BadData("`end` is before `start`".to_owned()));
        }
        let ask = |context: &Context<'_>| query.answered_range(context, times);
        self.answer(parameters, times.start_ms, times.end_ms, ask)
    }

    /// The answer in JSON, cut off at `limit` and with `stats` where they are asked for.
    fn answer(
        &self,
        parameters: &Parameters,
        start_ms: i64,
        t_ms: i64,
        ask: impl FnOnce(&Context<'_>) -> Result<Answered, Error>,
    ) -> Result<String, ApiError> {
        let limit = parameters.limit()?;
        let began = Instant::now();
        let mut answered = evaluate(self.store.as_ref(), self.limits, (start_ms, self.now_ms), ask)?;
        let took = began.elapsed();
        if let QueryResult::Vector(all) | QueryResult::Matrix(all) = &mut answered.answer
            && cut(all, limit)
        {
            answered.annotations.warnings.push(TRUNCATED.to_owned());
        }
        let stats = parameters.first("stats").map(|_| json::stats(took, answered.samples));
        let most_bytes = self.limits.max_memory_mib.saturating_mul(1024 * 1024);
        let text = json::answer(&answered, t_ms, stats.as_ref(), most_bytes);
        text.ok_or_else(|| Error::TooMuchMemory(most_bytes).into())
    }

    /// `series`: the labels of all series that any `match[]` finds. They are those that the store has,
    /// whatever `start` and `end` say: to know which of them have samples then would mean to read them.
    pub fn series(&self, parameters: &Parameters) -> Result<String, ApiError> {
        let wanted = matches(parameters)?;
        if wanted.is_empty() {
            return Err(ApiError::BadData("the parameter `match[]` is missing".to_owned()));
        }
        let mut found: Vec<_> = self.found(&wanted)?.into_iter().collect();
        let cut = cut(&mut found, parameters.limit()?);
        Ok(json::list_success(&json::labels_list(found.iter()), cut))
    }

    /// `labels`: the names of all labels, or of those of the series that any `match[]` finds.
    pub fn labels(&self, parameters: &Parameters) -> Result<String, ApiError> {
        let found = self.found(&matches(parameters)?)?;
        let names: BTreeSet<&str> =
            found.iter().flat_map(|labels| labels.iter().map(|(name, _)| name)).collect();
        let mut names: Vec<&str> = names.into_iter().collect();
        let cut = cut(&mut names, parameters.limit()?);
        Ok(json::list_success(&json!(names).to_string(), cut))
    }

    /// `label/…/values`: the values of a label.
    pub fn label_values(&self, name: &str, parameters: &Parameters) -> Result<String, ApiError> {
        let found = self.found(&matches(parameters)?)?;
        let values: BTreeSet<&str> = found.iter().map(|labels| labels.get(name)).collect();
        let mut values: Vec<&str> = values.into_iter().filter(|value| !value.is_empty()).collect();
        let cut = cut(&mut values, parameters.limit()?);
        Ok(json::list_success(&json!(values).to_string(), cut))
    }

    /// The labels of the series that any of these finds; without any, of all series.
    fn found(&self, wanted: &[Vec<Matcher>]) -> Result<BTreeSet<picollect_promql::Labels>, ApiError> {
        let all = [Vec::new()];
        let mut found = BTreeSet::new();
        for matchers in if wanted.is_empty() { &all } else { wanted } {
            found.extend(names::find(self.store.as_ref(), matchers)?.into_iter().map(|(labels, _)| labels));
            if found.len() > self.limits.max_series {
                return Err(Error::TooManySeries(self.limits.max_series).into());
            }
        }
        Ok(found)
    }
}

/// Asks a query of a store, from a time on and within these limits; both times are Unix milliseconds.
/// Fails as [`Api`] does.
pub fn evaluate<T>(
    store: &dyn Store,
    limits: QueryConfig,
    (start_ms, now_ms): (i64, i64),
    ask: impl FnOnce(&Context<'_>) -> Result<T, Error>,
) -> Result<T, ApiError> {
    let deadline = Instant::now() + limits.timeout;
    let source = StoreSource { store, deadline };
    let out_of_time = || Instant::now() >= deadline;
    let limits = Limits {
        steps: limits.max_steps,
        series: limits.max_series,
        samples: limits.max_samples,
        memory_bytes: limits.max_memory_mib.saturating_mul(1024 * 1024),
    };
    // A point an hour stands for longer than a sample does.
    let step_s = resolution_s(store, start_ms, now_ms)?.unwrap_or(0.0);
    let (lookback_ms, subquery_step_ms) = (LOOKBACK_MS + whole(step_s * 1000.0), SUBQUERY_STEP_MS);
    let out_of_time = &out_of_time;
    Ok(ask(&Context { source: &source, limits, lookback_ms, subquery_step_ms, out_of_time })?)
}

/// Leaves as many as are wanted; true if there were more.
fn cut<T>(all: &mut Vec<T>, limit: Option<usize>) -> bool {
    let more = limit.is_some_and(|limit| all.len() > limit);
    all.truncate(limit.unwrap_or(usize::MAX));
    more
}

fn matches(parameters: &Parameters) -> Result<Vec<Vec<Matcher>>, ApiError> {
    parameters.all("match[]").map(|text| Ok(selections(text)?)).collect()
}

/// `format_query`: a query in the usual form.
pub fn format_query(parameters: &Parameters) -> Result<String, ApiError> {
    let query = Query::parse(parameters.required("query")?)?;
    Ok(json::success(&json!(query.formatted()).to_string()))
}

/// `query_exemplars`: there are none, of any query.
pub fn query_exemplars(parameters: &Parameters) -> Result<String, ApiError> {
    Query::parse(parameters.required("query")?)?;
    Ok(json::success("[]"))
}

/// `metadata`: what the catalogue knows of its metrics.
pub fn metadata(parameters: &Parameters) -> String {
    let wanted = parameters.first("metric");
    let entry = |metric: &&Metric| {
        let kind = metric.kind.exposed()?.as_str();
        let name = metric.prometheus_name();
        let about = json!([{ "type": kind, "help": metric.help, "unit": metric.unit }]);
        wanted.is_none_or(|wanted| wanted == name).then_some((name, about))
    };
    let all: serde_json::Map<String, Json> = catalogue::METRICS.iter().filter_map(entry).collect();
    json::success(&Json::Object(all).to_string())
}

/// `status/buildinfo`: which version of the API this is.
pub fn build_information() -> String {
    json::success(&json!({ "version": VERSION, "revision": "", "branch": "", "buildUser": "", "buildDate": "", "goVersion": "" }).to_string())
}

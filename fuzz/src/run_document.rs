//! Whatever the document of a run holds, the runs' list, the run's page and the report on it are written in every
//! format or refused: one bad document never hides the other runs.

use crate::text_of;
use picollect_analysis::report::Format;
use picollect_analysis::request::{Request, RequestError, Sources, answered};
use picollect_analysis::requests::{ReportRequest, RunRequest, RunsRequest};
use picollect_config::Config;
use picollect_evaluate::Window;
use picollect_store::{Bucket, Capabilities, Selector, SeriesKey, Store, StoreError, StoredSample};
use picollect_telemetry::Value;
use picollect_telemetry::catalogue::RUN_DOCUMENT;
use picollect_telemetry::line::Point;

const NOW_MS: i64 = 1_700_000_000_000;
/// A run that is as it should be, which is listed whatever stands beside it.
const GOOD: &str = include_str!("../seeds/run_document/good.json");
const FORMATS: [Format; 6] =
    [Format::Text, Format::Json, Format::Html, Format::Markdown, Format::Csv, Format::Latex];

/// A store with the documents of two runs and nothing else.
struct Two<'a>(&'a str);

impl Two<'_> {
    fn keys() -> [SeriesKey; 2] {
        ["fuzzed", "good"].map(|run| SeriesKey {
            measurement: RUN_DOCUMENT.measurement.to_owned(),
            field: RUN_DOCUMENT.field.to_owned(),
            tags: vec![("name".to_owned(), "n".to_owned()), ("run".to_owned(), run.to_owned())],
        })
    }
}

impl Store for Two<'_> {
    fn append(&self, _: &[Point]) -> Result<picollect_store::Appended, StoreError> {
        unreachable!("a question writes nothing")
    }

    fn series(&self, wanted: &Selector<'_>) -> Result<Vec<SeriesKey>, StoreError> {
        let matches = |key: &SeriesKey| {
            wanted.measurement.is_none_or(|name| name == key.measurement)
                && wanted.field.is_none_or(|name| name == key.field)
                && wanted.tags.iter().all(|(name, value)| key.tag(name) == Some(*value))
        };
        Ok(Self::keys().into_iter().filter(matches).collect())
    }

    fn read(&self, key: &SeriesKey, window: Window, _: i64) -> Result<Vec<StoredSample>, StoreError> {
        let [fuzzed, good] = Self::keys();
        let text = if *key == fuzzed { self.0 } else { GOOD };
        let there = (*key == fuzzed || *key == good) && (window.start_ms..=window.end_ms).contains(&NOW_MS);
        let sample = StoredSample { t_ms: NOW_MS, value: Value::Text(text.to_owned()) };
        Ok(if there { vec![sample] } else { Vec::new() })
    }

    fn aggregate(&self, _: &SeriesKey, _: Window, _: i64) -> Result<Vec<Bucket>, StoreError> {
        Ok(Vec::new())
    }

    fn identity(&self) -> Result<String, StoreError> {
        Ok("two".to_owned())
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            durability: None,
            reads_cost_requests: false,
            aggregates: true,
            replaces: true,
            keeps_every_digit: true,
            keeps_wide_integers: true,
            refuses_other_types: true,
        }
    }
}

/// The text, or `None` where it is refused as a question that makes no sense.
fn ask<R: Request>(request: &R, from: &Sources<'_>) -> Option<String> {
    match answered(request, from) {
        Ok(answer) => Some(answer.text),
        Err(RequestError::Invalid(_) | RequestError::NotFound(_)) => None,
        Err(error) => panic!("{error}"),
    }
}

/// Tries one input; panics if what is promised above does not hold.
pub fn run(input: &[u8]) {
    let document = text_of(input);
    let (store, config) = (Two(document), Config::default());
    let from = Sources { store: &store, config: &config, now_ms: NOW_MS };
    for format in FORMATS {
        let runs = ask(&RunsRequest { since_ms: None, format, width: None }, &from)
            .expect("the list is always there");
        // By its id: LaTeX has no column for labels.
        assert!(runs.contains("good"), "one document hides another: {runs}");
        for id in ["fuzzed", "last"] {
            ask(&RunRequest { id: id.to_owned(), format, ..RunRequest::default() }, &from);
            ask(&ReportRequest { run: Some(id.to_owned()), format, ..ReportRequest::default() }, &from);
        }
    }
}

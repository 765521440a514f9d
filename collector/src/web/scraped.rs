//! `/metrics`: the collector's own counters for everybody, and for who may read the nodes' last samples too.
//!
//! Who scrapes within a second of another is answered with the same page, and one is made at a time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use picollect_analysis::nodes;
use picollect_query::prometheus_api::last_samples;
use picollect_settings::time::now_ms;
use picollect_store::cached;
use picollect_telemetry::catalogue::{ALERT_FAILING, ALERT_FAILURES};
use picollect_telemetry::exposition::{Format, Page};

use super::{Collector, Refusal, authorize_reading, blocking, busy};
use crate::own_metrics::own_metrics;

/// A page is given to whoever asks within this time.
const FRESH: Duration = Duration::from_secs(1);

/// The last page of each kind, by its content type and whether it has the nodes, and when it was begun.
#[derive(Debug, Default)]
pub(crate) struct ScrapedPages(HashMap<(&'static str, bool), (Instant, Bytes)>);

/// The collector's own metrics, which cost nothing; who may read gets what the nodes say too.
pub(super) async fn metrics(
    State(collector): State<Arc<Collector>>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let nodes_too = headers.contains_key(header::AUTHORIZATION);
    if nodes_too {
        authorize_reading(&collector.tokens, &headers)?;
    }
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let format = Format::accepted(accept);
    let mut pages = collector.scraped.lock().await;
    let kind = (format.content_type(), nodes_too);
    let kept = pages.0.get(&kind).filter(|(begun, _)| begun.elapsed() < FRESH);
    let text = if let Some((_, text)) = kept {
        text.clone()
    } else {
        let Ok(share) = collector.memory.scrape().await else {
            return Err(busy(&collector, "answers take all memory"));
        };
        let (begun, shared) = (Instant::now(), Arc::clone(&collector));
        let text = blocking(move || page(&shared, format, nodes_too)).await?;
        let text = share.holding(text);
        pages.0.insert(kind, (begun, text.clone()));
        text
    };
    Ok(([(header::CONTENT_TYPE, kind.0)], text).into_response())
}

fn page(collector: &Collector, format: Format, nodes_too: bool) -> anyhow::Result<String> {
    let mut page = Page::new(format);
    for (metric, value) in own_metrics(collector)? {
        let Some(kind) = metric.kind.exposed() else { continue };
        page.family(&metric.prometheus_name(), kind, metric.help).sample([], value as f64, None);
    }
    for metric in [&ALERT_FAILURES, &ALERT_FAILING] {
        let Some(kind) = metric.kind.exposed() else { continue };
        let name = metric.prometheus_name();
        let mut family = page.family(&name, kind, metric.help);
        for (labels, value) in collector.alerting.samples(metric) {
            family.sample(labels, value, None);
        }
    }
    if nodes_too {
        cached(collector.store.as_ref(), |store| {
            nodes::expose(&nodes::observe(store, now_ms())?, &mut page);
            last_samples(store, now_ms(), &mut page)?;
            Ok::<_, anyhow::Error>(())
        })?;
    }
    Ok(page.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::Tokens;
    use axum::body::to_bytes;
    use picollect_config::Config;

    #[tokio::test]
    async fn a_page_is_given_to_whoever_comes_within_its_second_and_then_made_anew() {
        let directory = tempfile::tempdir().unwrap();
        let store = Arc::new(picollect_store::open(directory.path()).unwrap());
        let tokens = Tokens::of(directory.path());
        let collector = Arc::new(Collector::new(store, tokens, Config::default()).unwrap());
        let kept = |begun| {
            let page = (begun, Bytes::from_static(b"kept"));
            ScrapedPages(HashMap::from([((Format::Text.content_type(), false), page)]))
        };
        let asked = async || {
            let answer = metrics(State(Arc::clone(&collector)), HeaderMap::new()).await;
            let answer = answer.unwrap_or_else(IntoResponse::into_response);
            String::from_utf8(to_bytes(answer.into_body(), usize::MAX).await.unwrap().into()).unwrap()
        };
        let begun = Instant::now() + FRESH;
        *collector.scraped.lock().await = kept(begun);
        assert_eq!(asked().await, "kept");
        *collector.scraped.lock().await =
            kept(begun.checked_sub(2 * FRESH).expect("the machine runs a while"));
        assert!(asked().await.contains("picollect_server_connections 0"));
    }
}

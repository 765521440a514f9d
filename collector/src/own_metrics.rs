//! How the collector itself does, for its page of metrics and for the store.

use std::sync::atomic::{AtomicU64, Ordering};

use picollect_store::{Maintenance, StoreError};
use picollect_telemetry::catalogue::{
    INGEST_BATCHES, INGEST_BYTES, INGEST_OVER_LIMIT, INGEST_REFUSED, INGEST_SAMPLES, Metric,
    SERVER_ANSWER_TIMEOUTS, SERVER_BODY_TIMEOUTS, SERVER_BUSY, SERVER_CONNECTIONS, SERVER_HEAD_TIMEOUTS,
    SERVER_IDLE_TIMEOUTS, SERVER_REFUSED, SERVER_SHED, STORE_SIZE,
};

use crate::Collector;

/// What tells this collector from others in what it says of itself: the name of the machine.
pub(crate) fn own_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The collector's own metrics now. An error is the store's, whose size cannot be told.
pub(crate) fn own_metrics(collector: &Collector) -> Result<Vec<(&'static Metric, u64)>, StoreError> {
    let (counters, load) = (collector.ingest.counters(), &collector.load);
    let value = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let mut all = vec![
        (&INGEST_BATCHES, value(&counters.batches)),
        (&INGEST_BYTES, value(&counters.bytes)),
        (&INGEST_SAMPLES, value(&counters.samples)),
        (&INGEST_REFUSED, value(&counters.refused)),
        (&INGEST_OVER_LIMIT, value(&counters.over_limit)),
        (&SERVER_CONNECTIONS, value(&load.connections)),
        (&SERVER_REFUSED, value(&load.refused)),
        (&SERVER_SHED, value(&load.shed)),
        (&SERVER_IDLE_TIMEOUTS, value(&load.idle_timeouts)),
        (&SERVER_HEAD_TIMEOUTS, value(&load.head_timeouts)),
        (&SERVER_BODY_TIMEOUTS, value(&load.body_timeouts)),
        (&SERVER_ANSWER_TIMEOUTS, value(&load.answer_timeouts)),
        (&SERVER_BUSY, value(&load.busy)),
    ];
    let size = collector.store.maintenance().map(Maintenance::size_bytes).transpose()?;
    all.extend(size.map(|bytes| (&STORE_SIZE, bytes)));
    Ok(all)
}

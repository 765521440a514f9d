//! How the collector itself does, for its page of metrics and for the store.

use std::sync::atomic::{AtomicU64, Ordering};

use picollect_store::{Maintenance, StoreError};
use picollect_telemetry::catalogue::{
    INGEST_BATCHES, INGEST_BYTES, INGEST_REFUSED, INGEST_SAMPLES, Metric, STORE_SIZE,
};

use crate::Collector;

/// What tells this collector from others in what it says of itself: the name of the machine.
pub(crate) fn own_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The collector's own metrics now. An error is the store's, whose size cannot be told.
pub(crate) fn own_metrics(collector: &Collector) -> Result<Vec<(&'static Metric, u64)>, StoreError> {
    let counters = collector.ingest.counters();
    let value = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let mut all = vec![
        (&INGEST_BATCHES, value(&counters.batches)),
        (&INGEST_BYTES, value(&counters.bytes)),
        (&INGEST_SAMPLES, value(&counters.samples)),
        (&INGEST_REFUSED, value(&counters.refused)),
    ];
    let size = collector.store.maintenance().map(Maintenance::size_bytes).transpose()?;
    all.extend(size.map(|bytes| (&STORE_SIZE, bytes)));
    Ok(all)
}

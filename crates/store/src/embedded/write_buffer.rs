//! The write buffer: what this process has written and not sealed, in memory in the same bytes as in the journal.

use std::sync::Arc;
use std::time::{Duration, Instant};

use picollect_store_format::{FrameWriter, Table};

use super::journal::Segment;
use crate::StoreError;

/// A segment becomes chunks when it is so old,
pub(super) const SEAL_AFTER: Duration = Duration::from_secs(3600);
/// or when its rows take so many bytes: hours of a small cluster's,
const SEAL_BYTES: usize = 8 * 1024 * 1024;
/// and minutes of a large one's: enough samples of each series to be worth compressing.
const SEAL_BYTES_PER_COLUMN: usize = 400;

/// What this process has written and not sealed.
#[derive(Debug, Default)]
pub(super) struct WriteBuffer {
    /// What it writes to; begun by the first append.
    pub(super) current: Option<Current>,
    /// What is being sealed meanwhile.
    pub(super) sealing: Option<Arc<Sealing>>,
    /// How many series there are, as far as this process knows; counted when it is asked for.
    pub(super) series: Option<usize>,
    /// Why sealing does not work.
    pub(super) failure: Option<String>,
    /// The store is being closed.
    pub(super) stop: bool,
    /// Memory for the next frame.
    pub(super) frame: FrameWriter,
}

/// The segment that is written.
#[derive(Debug)]
pub(super) struct Current {
    /// The file of the journal.
    pub(super) segment: Segment,
    /// The same rows in memory.
    pub(super) table: Table,
    /// When it was begun.
    since: Instant,
    /// A write has failed: nothing more may be written to it.
    broken: bool,
}

/// A segment that is written no more. Its file stays locked until this is dropped.
#[derive(Debug)]
pub(super) struct Sealing {
    /// The file of the journal.
    pub(super) segment: Segment,
    /// The same rows in memory.
    pub(super) table: Table,
}

impl Current {
    /// A segment without rows yet.
    pub(super) fn begin(segment: Segment) -> Self {
        Self { segment, table: Table::default(), since: Instant::now(), broken: false }
    }

    fn budget(&self) -> usize {
        SEAL_BYTES + self.table.columns() * SEAL_BYTES_PER_COLUMN
    }

    /// Whether it is time to make chunks of it.
    pub(super) fn is_due(&self) -> bool {
        let old = self.since.elapsed() >= SEAL_AFTER;
        self.broken || self.table.bytes() >= self.budget() || (old && self.table.samples() > 0)
    }

    /// Whether it may not grow any more.
    pub(super) fn is_full(&self) -> bool {
        self.broken || self.table.bytes() >= 2 * self.budget()
    }
}

impl WriteBuffer {
    /// Puts the current segment where it is sealed, if nothing is there.
    pub(super) fn rotate(&mut self) {
        if self.sealing.is_none()
            && let Some(Current { segment, table, .. }) = self.current.take()
        {
            self.sealing = Some(Arc::new(Sealing { segment, table }));
        }
    }

    /// The numbers of this process's own segments.
    pub(super) fn own(&self) -> Vec<u64> {
        let sealing = self.sealing.iter().map(|sealing| sealing.segment.number);
        sealing.chain(self.current.iter().map(|current| current.segment.number)).collect()
    }

    /// Its own tables with the numbers of their segments.
    pub(super) fn tables(&self) -> impl Iterator<Item = (u64, &Table)> {
        let sealing = self.sealing.iter().map(|sealing| (sealing.segment.number, &sealing.table));
        sealing.chain(self.current.iter().map(|current| (current.segment.number, &current.table)))
    }
}

/// Brings a frame to the journal, and its rows to memory only then; whether there was anything in it.
pub(super) fn write(current: &mut Current, frame: &mut FrameWriter) -> Result<bool, StoreError> {
    let any = !frame.is_empty();
    if any {
        if let Err(error) = current.segment.append(frame) {
            current.table.abandon();
            current.broken = true;
            return Err(error);
        }
        current.table.commit();
    }
    frame.clear();
    Ok(any)
}

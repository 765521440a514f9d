//! The trait that every back end implements, what a back end can do beyond it, and what is done to look after a store.
//!
//! `tests/conformance.rs` of the root package is the suite of what each method has to do.

use std::path::Path;

use picollect_evaluate::Window;
use picollect_telemetry::line::Point;

use crate::{
    Appended, Bucket, Durability, Resolution, Selector, SeriesKey, SeriesSteps, StoreError, StoredSample,
    Verified,
};

/// A back end: where samples are written and read.
///
/// Every method fails with [`StoreError::Unavailable`] if an engine is away, with [`StoreError::Refused`] if it refuses
/// a request for good, and with [`StoreError::Engine`] if it, or the disk, fails.
pub trait Store: Send + Sync {
    /// Adds points. A sample is known by series and time. After an error nothing is acknowledged, and the batch may be
    /// sent again.
    ///
    /// When this returns, what was written survives the death of this process. It survives a power cut
    ///
    /// - at once with [`Durability::Immediate`],
    /// - within the time of [`Durability::Within`],
    /// - as the engine is configured, if [`Capabilities::durability`] is `None`.
    fn append(&self, points: &[Point]) -> Result<Appended, StoreError>;

    /// The series that match, in order.
    fn series(&self, selector: &Selector<'_>) -> Result<Vec<SeriesKey>, StoreError>;

    /// The samples of a series from the window's start to its end, both included, in order of time, and
    /// the nearest one on either side of the window if it is no further away than `around_ms`.
    fn read(&self, key: &SeriesKey, window: Window, around_ms: i64) -> Result<Vec<StoredSample>, StoreError>;

    /// What [`read`](Self::read) gives for every series that matches, in the series' order; those without a sample
    /// there are left out. An engine answers it in one request where `read` would take one for each series.
    fn read_all(
        &self,
        selector: &Selector<'_>,
        window: Window,
        around_ms: i64,
    ) -> Result<Vec<(SeriesKey, Vec<StoredSample>)>, StoreError> {
        let keys = self.series(selector)?.into_iter();
        let read = keys.map(|key| self.read(&key, window, around_ms).map(|samples| (key, samples)));
        let found = read.filter(|read| !read.as_ref().is_ok_and(|(_, samples)| samples.is_empty()));
        found.collect()
    }

    /// The samples of a series from the window's start to its end, both included, and what is left of those that were
    /// downsampled. A step belongs to the window if its last sample does.
    fn read_steps(&self, key: &SeriesKey, window: Window) -> Result<SeriesSteps, StoreError> {
        let samples = self.read(key, window, 0)?;
        Ok(SeriesSteps { samples, ..SeriesSteps::default() })
    }

    /// What [`read_steps`](Self::read_steps) gives, for who wants no more than count, sum, least, greatest and last of
    /// the numbers in the whole window: any of the samples may come as steps too, which need not be read one by one.
    /// Samples that are no numbers may be left out, and `downsampled` says only what no step stands for.
    fn read_totals(&self, key: &SeriesKey, window: Window) -> Result<SeriesSteps, StoreError> {
        self.read_steps(key, window)
    }

    /// The numbers of a series in steps from the window's start (included) to its end (excluded); steps
    /// without samples are left out.
    fn aggregate(&self, key: &SeriesKey, window: Window, step_ms: i64) -> Result<Vec<Bucket>, StoreError>;

    /// What tells this store from any other; the same for as long as the data lives.
    fn identity(&self) -> Result<String, StoreError>;

    /// Whether samples would be taken now and questions answered; it writes nothing. [`StoreError::Unavailable`] says
    /// why not, in words that name no path.
    fn ready(&self) -> Result<(), StoreError> {
        self.identity().map(drop)
    }

    /// What this back end can do that not all can. Asks nobody.
    fn capabilities(&self) -> Capabilities;

    /// What looks after the store, if that is our task: an engine elsewhere looks after itself, and one request's
    /// cached view looks after nothing.
    fn maintenance(&self) -> Option<&dyn Maintenance> {
        None
    }
}

/// What some back ends can do and others cannot; `docs/engines.md` says it of each engine.
///
/// A back end states what it promises for every engine that it speaks to: one that speaks to several states the least
/// of them. Deleting, downsampling and the like are no flags here: who has [`Store::maintenance`] can do them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a column of its own in the table of engines")]
pub struct Capabilities {
    /// When what was acknowledged is on the disk; `None` if the engine's own configuration decides.
    pub durability: Option<Durability>,
    /// A read is a request to another process, so that one large read is better than many small ones.
    pub reads_cost_requests: bool,
    /// It computes [`Store::aggregate`] where the samples are, and does not read all of them for it.
    pub aggregates: bool,
    /// A second value for the same series and time replaces the first.
    pub replaces: bool,
    /// Floats keep their last bit.
    pub keeps_every_digit: bool,
    /// Integers beyond 2^53 keep every digit.
    pub keeps_wide_integers: bool,
    /// A value of another type than its series' is refused.
    pub refuses_other_types: bool,
}

/// What looks after a store whose files are ours.
///
/// Whatever a method changes in the SQLite file is on the disk when the method returns, with every [`Durability`]: the
/// file is written in transactions that SQLite brings to the disk. Where a method works in several transactions and is
/// interrupted, those that were committed hold, nothing is lost or doubled, and calling it again completes it.
///
/// Every method fails with [`StoreError::Engine`] if the file or the journal cannot be read or written.
pub trait Maintenance: Store {
    /// Turns all that this process, and any that is gone, has written into chunks, and compacts short chunks. What was
    /// acknowledged before the call is on the disk when this returns, whatever the durability.
    fn seal(&self) -> Result<(), StoreError>;

    /// Deletes all samples before this time, and series that hold none any more; says how many samples. Everything is
    /// sealed first. The deletion is one transaction, and on the disk when this returns.
    fn delete_before(&self, t_ms: i64) -> Result<u64, StoreError>;

    /// Deletes the samples of these series from the window's start to its end, both included, and series that hold
    /// none any more; says how many samples. Everything is sealed first; what another process has not sealed stays.
    /// Each group of series is one transaction, and all of it on the disk when this returns.
    fn delete_samples(&self, keys: &[SeriesKey], window: Window) -> Result<u64, StoreError>;

    /// Downsamples what is sealed and not later than `until_ms` to points of this resolution, in whole pages of time
    /// ([`Resolution::page_ms`]), while others read and write; says how many samples went that way. Counters and
    /// states keep a sample on both sides of each of the times `exact_at`, which are in order. Each page of a group is
    /// one transaction.
    fn downsample(&self, to: Resolution, until_ms: i64, exact_at: &[i64]) -> Result<u64, StoreError>;

    /// When the oldest sealed sample is, downsampled or not; `None` if nothing is sealed.
    fn oldest(&self) -> Result<Option<i64>, StoreError>;

    /// When the oldest sealed sample is that [`downsample`](Self::downsample) to this resolution would take.
    fn oldest_finer(&self, than: Resolution) -> Result<Option<i64>, StoreError>;

    /// When the last point of a resolution is, if there is any.
    fn last_of(&self, resolution: Resolution) -> Result<Option<i64>, StoreError>;

    /// From the first to the last sealed sample of the series in which a tag has this value, Unix milliseconds; those
    /// of some measurements do not count.
    fn span_of(&self, tag: (&str, &str), except: &[&str]) -> Result<Option<(i64, i64)>, StoreError>;

    /// Gives a tag another value wherever it has the first one, and says in how many groups of series. Where there are
    /// samples under the other name already, both become one series. Everything is sealed first; what another process
    /// has not sealed keeps its name. Each group is one transaction.
    fn rename(&self, tag: &str, from: &str, to: &str) -> Result<usize, StoreError>;

    /// Reads every chunk and every segment, also while others write. Damage is counted; an error means that the file
    /// or the journal could not be read at all.
    fn verify(&self) -> Result<Verified, StoreError>;

    /// Copies the store to a directory that is there and has none, while others write. All that was acknowledged
    /// before the call is in the copy, and the copy is on the disk when this returns. Fails with
    /// [`StoreError::Directory`] if the directory cannot be written.
    fn back_up(&self, to: &Path) -> Result<(), StoreError>;

    /// Bytes that the files take.
    fn size_bytes(&self) -> Result<u64, StoreError>;

    /// Bytes that are in use: deleting makes them fewer at once, while the file keeps its size for what comes.
    fn used_bytes(&self) -> Result<u64, StoreError>;
}

//! What this process writes: points become rows of its segment, in the journal and in memory alike.

use std::mem;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use picollect_store_format::{FRAME_HEAD_BYTES, Kind, MAX_FRAME_BYTES, MAX_TIME_MS, Table};
use picollect_telemetry::Value;
use picollect_telemetry::line::Point;

use super::journal::{Segment, begin_frame};
use super::reading::kind_in;
use super::{Durability, Shared, lock};
use crate::{Appended, Conflict, MAX_SERIES, Refusal, SeriesKey, StoreError};

/// A segment becomes chunks when it is so old,
pub(super) const SEAL_AFTER: Duration = Duration::from_secs(3600);
/// or when its rows take so many bytes: hours of a small cluster's,
const SEAL_BYTES: usize = 8 * 1024 * 1024;
/// and minutes of a large one's: enough samples of each series to be worth compressing.
const SEAL_BYTES_PER_COLUMN: usize = 400;
/// An append waits so long while all that memory is allowed to hold is being sealed.
const PATIENCE: Duration = Duration::from_secs(10);
/// A frame that is longer is written before the rest of an append. Each point adds little.
const FULL_FRAME_BYTES: usize = MAX_FRAME_BYTES / 4;
/// A frame's memory is kept for the next one if it is no larger.
const KEPT_FRAME_BYTES: usize = 1024 * 1024;

/// What this process has written and not sealed.
#[derive(Debug, Default)]
pub(super) struct Writing {
    /// What it writes to; begun by the first append.
    pub(super) current: Option<Current>,
    /// What is being sealed meanwhile.
    pub(super) sealing: Option<Arc<Sealing>>,
    /// How many series there are, as far as this process knows; counted when it is asked for.
    pub(super) series: Option<usize>,
    /// Since when something is not on the disk.
    pub(super) dirty_since: Option<Instant>,
    /// Why sealing does not work.
    pub(super) failure: Option<String>,
    /// The store is being closed.
    pub(super) stop: bool,
    frame: Vec<u8>,
}

/// The segment that is written.
#[derive(Debug)]
pub(super) struct Current {
    /// The file.
    pub(super) segment: Segment,
    /// The same in memory.
    pub(super) table: Table,
    /// Since when.
    pub(super) since: Instant,
    /// A write has failed: nothing more may be written to it.
    broken: bool,
}

/// A segment that is written no more. Its file stays locked until this is dropped.
#[derive(Debug)]
pub(super) struct Sealing {
    /// The file.
    pub(super) segment: Segment,
    /// The same in memory.
    pub(super) table: Table,
}

impl Current {
    fn budget(&self) -> usize {
        SEAL_BYTES + self.table.columns() * SEAL_BYTES_PER_COLUMN
    }

    /// Whether it is time to make chunks of it.
    pub(super) fn is_due(&self) -> bool {
        let old = self.since.elapsed() >= SEAL_AFTER;
        self.broken || self.table.bytes() >= self.budget() || (old && self.table.samples() > 0)
    }

    /// Whether it may not grow any more.
    fn is_full(&self) -> bool {
        self.broken || self.table.bytes() >= 2 * self.budget()
    }
}

impl Writing {
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

impl Shared {
    /// Appends points to the journal and to memory.
    pub(super) fn append(&self, points: &[Point]) -> Result<Appended, StoreError> {
        let mut writing = self.with_room()?;
        let mut frame = mem::take(&mut writing.frame);
        let appended = self.append_to(&mut writing, points, &mut frame);
        if frame.capacity() <= KEPT_FRAME_BYTES {
            writing.frame = frame;
        }
        let due = writing.current.as_ref().is_some_and(Current::is_due);
        let file = writing.current.as_ref().map(|current| Arc::clone(&current.segment.file));
        drop(writing);
        if due {
            self.changed.notify_all();
        }
        if let (Durability::Immediate, Ok(_), Some(file)) = (self.durability, &appended, file) {
            let message = "the journal cannot be brought to the disk".to_owned();
            file.sync_data().map_err(|error| StoreError::Engine { message, source: error.into() })?;
        }
        appended
    }

    /// Waits until the current segment, which is begun if need be, may grow.
    fn with_room(&self) -> Result<MutexGuard<'_, Writing>, StoreError> {
        let mut writing = lock(&self.writing);
        let is_full = |writing: &mut Writing| writing.current.as_ref().is_some_and(Current::is_full);
        if is_full(&mut writing) && writing.sealing.is_some() {
            let waits = |writing: &mut Writing| writing.sealing.is_some();
            let waited = self.changed.wait_timeout_while(writing, PATIENCE, waits);
            writing = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if is_full(&mut writing) {
            writing.rotate();
        }
        if is_full(&mut writing) {
            let why = writing
                .failure
                .clone()
                .unwrap_or_else(|| "it cannot compress as fast as it is written".into());
            return Err(StoreError::Unavailable { location: "embedded".to_owned(), why });
        }
        if writing.current.is_none() {
            // The directory before the file: a segment that is gone from there is in the file.
            let there = self.journal.numbers()?;
            let segment = self.journal.begin(&there, lock(&self.reader).last_sealed()?)?;
            let (table, since) = (Table::default(), Instant::now());
            writing.current = Some(Current { segment, table, since, broken: false });
        }
        Ok(writing)
    }

    fn append_to(
        &self,
        writing: &mut Writing,
        points: &[Point],
        frame: &mut Vec<u8>,
    ) -> Result<Appended, StoreError> {
        let Writing { current: Some(current), sealing, series, dirty_since, .. } = writing else {
            return Ok(Appended::default());
        };
        let sealing = sealing.as_deref().map(|sealing| &sealing.table);
        let mut adding = Adding { shared: self, sealing, series, appended: Appended::default() };
        begin_frame(frame);
        for point in points {
            adding.point(&mut current.table, point, frame)?;
            if frame.len() >= FULL_FRAME_BYTES {
                write(current, frame)?;
            }
        }
        write(current, frame)?;
        dirty_since.get_or_insert_with(Instant::now);
        Ok(adding.appended)
    }
}

/// Brings a frame to the journal, and its rows to memory only then.
fn write(current: &mut Current, frame: &mut Vec<u8>) -> Result<(), StoreError> {
    if frame.len() > FRAME_HEAD_BYTES {
        if let Err(error) = current.segment.append(frame) {
            current.table.abandon();
            current.broken = true;
            return Err(error);
        }
        current.table.commit(frame);
    }
    begin_frame(frame);
    Ok(())
}

/// Why points before or behind these years are refused.
const OUT_OF_RANGE: &str = "the store keeps times from 1677 to 2262";

/// One append.
struct Adding<'a> {
    shared: &'a Shared,
    sealing: Option<&'a Table>,
    series: &'a mut Option<usize>,
    appended: Appended,
}

impl Adding<'_> {
    fn point(&mut self, table: &mut Table, point: &Point, frame: &mut Vec<u8>) -> Result<(), StoreError> {
        let Point { measurement, tags, fields, t_ms } = point;
        if t_ms.unsigned_abs() > MAX_TIME_MS.unsigned_abs() {
            self.refuse(point);
            return Ok(());
        }
        let group = table.find_next(measurement, tags);
        if let Some(group) = group
            && let Some(shape) = table.groups()[group].shape_of(fields)
        {
            table.stage(group, shape, *t_ms, fields.iter().map(|(_, value)| value), frame);
            self.appended.written += fields.len();
            return Ok(());
        }
        let accepted = self.accepted(table, point)?;
        self.appended.refused_points += usize::from(accepted.len() < fields.len());
        if accepted.is_empty() {
            return Ok(());
        }
        self.appended.written += accepted.len();
        let group = group.unwrap_or_else(|| table.add_group(measurement, tags, frame));
        add(table, group, *t_ms, &accepted, frame);
        Ok(())
    }

    fn refuse(&mut self, point: &Point) {
        self.appended.refused_points += 1;
        let samples = point.fields.len();
        match self.appended.refusals.last_mut() {
            Some(refusal) => refusal.samples += samples,
            None => self.appended.refusals.push(Refusal { samples, reason: OUT_OF_RANGE.to_owned() }),
        }
    }

    /// The fields that are of their series' types.
    fn accepted<'p>(
        &mut self,
        table: &Table,
        point: &'p Point,
    ) -> Result<Vec<(&'p str, &'p Value)>, StoreError> {
        let mut accepted: Vec<(&str, &Value)> = Vec::with_capacity(point.fields.len());
        for (field, value) in &point.fields {
            let (measurement, tags) = (point.measurement.clone(), point.tags.clone());
            let key = SeriesKey { measurement, field: field.clone(), tags };
            let got = Kind::of(value);
            let beside = accepted.iter().find(|(name, _)| name == field).map(|(_, value)| Kind::of(value));
            let holds = beside.map_or_else(|| self.kind(table, &key, got), |kind| Ok(Some(kind)))?;
            match holds {
                None => self.appended.over_limit += 1,
                Some(holds) if holds == got => accepted.push((field, value)),
                Some(holds) => {
                    let (measurement, field) = (point.measurement.clone(), field.clone());
                    let (holds, got) = (holds.as_str(), got.as_str());
                    self.appended.conflicts.push(Conflict { measurement, field, holds, got });
                }
            }
        }
        Ok(accepted)
    }

    /// The type of a series, which is `new` if the series is; `None` if there are too many.
    fn kind(&mut self, table: &Table, key: &SeriesKey, new: Kind) -> Result<Option<Kind>, StoreError> {
        let own = [Some(table), self.sealing].into_iter().flatten().find_map(|table| kind_in(table, key));
        let known = match own.or_else(|| lock(&self.shared.others).kind(key)) {
            Some(kind) => Some(kind),
            None => lock(&self.shared.reader).kind(key)?,
        };
        if known.is_some() {
            return Ok(known);
        }
        let series = match *self.series {
            Some(series) => series,
            None => lock(&self.shared.reader).count_series()?,
        };
        let is_one_too_many = series >= MAX_SERIES;
        *self.series = Some(series + usize::from(!is_one_too_many));
        Ok((!is_one_too_many).then_some(new))
    }
}

/// Stages a row of fields whose columns or whose list may be new. A field that stands there twice is two rows, so
/// that the later one holds.
fn add(table: &mut Table, group: usize, t_ms: i64, fields: &[(&str, &Value)], frame: &mut Vec<u8>) {
    let mut list: Vec<u16> = Vec::with_capacity(fields.len());
    for (name, value) in fields {
        let known = table.groups()[group].column(name).map(|(column, _)| column);
        list.extend(known.or_else(|| table.add_column(group, name, Kind::of(value), frame)));
    }
    let twice = list.iter().enumerate().any(|(at, column)| list[..at].contains(column));
    let whole = if twice { None } else { table.shape(group, &list, frame) };
    if let Some(shape) = whole {
        table.stage(group, shape, t_ms, fields.iter().map(|(_, value)| *value), frame);
        return;
    }
    for (column, (_, value)) in list.iter().zip(fields) {
        if let Some(shape) = table.shape(group, &[*column], frame) {
            table.stage(group, shape, t_ms, std::iter::once(*value), frame);
        }
    }
}

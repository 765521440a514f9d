//! Appending: points become rows of this process's segment, in the journal and in memory alike.

use std::mem;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use picollect_store_format::{FrameWriter, Kind, MAX_FRAME_BYTES, MAX_TIME_MS, Table};
use picollect_telemetry::Value;
use picollect_telemetry::line::Point;

use super::segment_table::kind_in;
use super::shared::{Shared, lock};
use super::write_buffer::{Current, WriteBuffer, write};
use crate::{Appended, Conflict, Durability, MAX_SERIES, Refusal, SeriesKey, StoreError};

/// An append waits so long while all that memory is allowed to hold is being sealed.
const PATIENCE: Duration = Duration::from_secs(10);
/// A frame that is longer is written before the rest of an append. Each point adds little.
const FULL_FRAME_BYTES: usize = MAX_FRAME_BYTES / 4;
/// A frame's memory is kept for the next one if it is no larger.
const KEPT_FRAME_BYTES: usize = 1024 * 1024;

impl Shared {
    /// Appends points to the journal and to memory.
    pub(super) fn append(&self, points: &[Point]) -> Result<Appended, StoreError> {
        let mut buffer = self.with_room()?;
        let mut frame = mem::take(&mut buffer.frame);
        let appended = self.append_to(&mut buffer, points, &mut frame);
        if frame.capacity() <= KEPT_FRAME_BYTES {
            buffer.frame = frame;
        }
        let due = buffer.current.as_ref().is_some_and(Current::is_due);
        let file = buffer.current.as_ref().map(|current| Arc::clone(&current.segment.file));
        drop(buffer);
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
    fn with_room(&self) -> Result<MutexGuard<'_, WriteBuffer>, StoreError> {
        let mut buffer = lock(&self.buffer);
        let is_full = |buffer: &mut WriteBuffer| buffer.current.as_ref().is_some_and(Current::is_full);
        if is_full(&mut buffer) && buffer.sealing.is_some() {
            let waits = |buffer: &mut WriteBuffer| buffer.sealing.is_some();
            let waited = self.changed.wait_timeout_while(buffer, PATIENCE, waits);
            buffer = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if is_full(&mut buffer) {
            buffer.rotate();
        }
        if is_full(&mut buffer) {
            let why = buffer
                .failure
                .clone()
                .unwrap_or_else(|| "it cannot compress as fast as it is written".into());
            return Err(StoreError::Unavailable { location: crate::EMBEDDED.to_owned(), why });
        }
        if buffer.current.is_none() {
            // The directory before the file: a segment that is gone from there is in the file.
            let there = self.journal.numbers()?;
            let segment = self.journal.begin(&there, lock(&self.reader).last_sealed()?)?;
            buffer.current = Some(Current::begin(segment));
        }
        Ok(buffer)
    }

    fn append_to(
        &self,
        buffer: &mut WriteBuffer,
        points: &[Point],
        frame: &mut FrameWriter,
    ) -> Result<Appended, StoreError> {
        let WriteBuffer { current: Some(current), sealing, series, .. } = buffer else {
            return Ok(Appended::default());
        };
        let sealing = sealing.as_deref().map(|sealing| &sealing.table);
        let mut adding = Adding { shared: self, sealing, series, appended: Appended::default() };
        frame.clear();
        for point in points {
            adding.point(&mut current.table, point, frame)?;
            if frame.len() >= FULL_FRAME_BYTES {
                self.write(current, frame)?;
            }
        }
        self.write(current, frame)?;
        Ok(adding.appended)
    }

    fn write(&self, current: &mut Current, frame: &mut FrameWriter) -> Result<(), StoreError> {
        let since = Instant::now();
        if write(current, frame)? {
            self.unsynced.wrote(&current.segment.file, since);
        }
        Ok(())
    }
}

/// Why points before or behind these years are refused.
const OUT_OF_RANGE: &str = "the store keeps times from 1677 to 2262";

/// The points of one append on their way into a table and a frame.
struct Adding<'a> {
    shared: &'a Shared,
    sealing: Option<&'a Table>,
    series: &'a mut Option<usize>,
    appended: Appended,
}

impl Adding<'_> {
    fn point(&mut self, table: &mut Table, point: &Point, frame: &mut FrameWriter) -> Result<(), StoreError> {
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
        let known = match own.or_else(|| lock(&self.shared.foreign).kind(key)) {
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
fn add(table: &mut Table, group: usize, t_ms: i64, fields: &[(&str, &Value)], frame: &mut FrameWriter) {
    let mut list: Vec<u16> = Vec::with_capacity(fields.len());
    for (name, value) in fields {
        let known = table.groups()[group].column(name).map(|(column, _)| column);
        list.extend(known.or_else(|| table.add_column(group, name, value, frame)));
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

//! Writing the SQLite file: a segment becomes chunks, short chunks become longer ones, old samples go. How old ones are
//! downsampled stands in `downsampling`.

use std::collections::{BTreeMap, BTreeSet};

use picollect_store_format::{Kind, MAX_CHUNK_SAMPLES, MAX_CHUNK_SPAN_MS, Samples, Table, chunks, encode};
use rusqlite::{OptionalExtension as _, Row, params};

use super::errors::{damaged, failed};
use super::read_transaction::{Chunk, ReadTransaction};
use crate::resolution::{STEPS_MS, longest_ms};
use crate::{SeriesKey, StoreError};

/// Chunks of fewer points are merged with their neighbours: early ones of a busy store, and those of a slow sender.
const SHORT_POINTS: usize = MAX_CHUNK_SAMPLES / 4;
/// Merging pays when it makes this of many short ones,
const LONG_POINTS: usize = MAX_CHUNK_SAMPLES / 2;
/// or when it makes one of so many: each sample is written again a few times in its life at most.
const MANY_CHUNKS: usize = 16;
/// Most chunks read for one merge, so that one late sample in a long history does not read all of it.
const MAX_CANDIDATES: i64 = 1024;

/// A transaction that writes; nothing of it holds without [`commit`](Self::commit).
#[derive(Debug)]
pub(super) struct WriteTransaction<'a> {
    /// What it reads, it reads as any other does.
    pub(super) read: ReadTransaction<'a>,
}

/// A group of which a segment had samples, and from when to when.
#[derive(Debug, Clone, Copy)]
pub(super) struct SealedGroup {
    group: i64,
    start_ms: i64,
    end_ms: i64,
}

/// A chunk's row without its blobs.
#[derive(Debug, Clone, Copy)]
struct Outline {
    id: i64,
    segment: u64,
    start_ms: i64,
    end_ms: i64,
    points: usize,
}

impl<'a> WriteTransaction<'a> {
    pub(super) fn new(read: ReadTransaction<'a>) -> Self {
        Self { read }
    }

    /// Makes all of it hold; it is on the disk when this returns.
    pub(super) fn commit(self) -> Result<(), StoreError> {
        Ok(self.read.sqlite.commit()?)
    }

    /// Turns a segment of the journal into chunks, and says of which groups; of none if it has been done before.
    pub(super) fn seal(&self, segment: u64, table: &Table) -> Result<Vec<SealedGroup>, StoreError> {
        let new = "INSERT OR IGNORE INTO sealed VALUES (?1)";
        if self.read.sqlite.execute(new, [segment.cast_signed()])? == 0 {
            return Ok(Vec::new());
        }
        let mut groups = Vec::new();
        for group in table.groups() {
            let Some((start_ms, end_ms)) = group.span() else { continue };
            let id = self.group(&group.measurement, &SeriesKey::tags_text(&group.tags))?;
            let samples = group.read_all().map_err(failed)?;
            let mut columns = Vec::with_capacity(samples.len());
            for ((name, kind), samples) in group.columns().zip(samples) {
                if !samples.is_empty() {
                    columns.push((self.series(id, name, kind)?, samples));
                }
            }
            self.insert(id, segment, 0, &columns)?;
            groups.push(SealedGroup { group: id, start_ms, end_ms });
        }
        Ok(groups)
    }

    /// The row of a group, made if it is not there.
    pub(super) fn group(&self, measurement: &str, tags: &str) -> Result<i64, StoreError> {
        let find = "SELECT id FROM point_group WHERE measurement = ?1 AND tags = ?2";
        let mut find = self.read.sqlite.prepare_cached(find)?;
        if let Some(id) = find.query_row([measurement, tags], |row| row.get(0)).optional()? {
            return Ok(id);
        }
        let make = "INSERT INTO point_group (measurement, tags) VALUES (?1, ?2)";
        Ok(self.read.sqlite.prepare_cached(make)?.insert([measurement, tags])?)
    }

    /// The row of a series, made if it is not there.
    pub(super) fn series(&self, group: i64, field: &str, kind: Kind) -> Result<u64, StoreError> {
        let find = "SELECT id FROM series WHERE point_group = ?1 AND field = ?2";
        let mut find = self.read.sqlite.prepare_cached(find)?;
        let id = |row: &Row<'_>| row.get::<_, i64>(0);
        if let Some(id) = find.query_row(params![group, field], id).optional()? {
            return Ok(id.cast_unsigned());
        }
        let make = "INSERT INTO series (point_group, field, type) VALUES (?1, ?2, ?3)";
        let mut make = self.read.sqlite.prepare_cached(make)?;
        Ok(make.insert(params![group, field, kind as u8])?.cast_unsigned())
    }

    /// Writes columns, each with its number, as chunks of these steps.
    pub(super) fn insert(
        &self,
        group: i64,
        segment: u64,
        step_ms: i64,
        columns: &[(u64, Samples)],
    ) -> Result<(), StoreError> {
        let mut insert = self.read.sqlite.prepare_cached(
            "INSERT INTO chunk (point_group, segment, step_ms, start_ms, end_ms, points, head, data)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        for columns in chunks(columns, longest_ms(step_ms)) {
            let times =
                columns.iter().filter_map(|(_, samples)| samples.times.first().zip(samples.times.last()));
            let start_ms = times.clone().map(|(first, _)| *first).min();
            let end_ms = times.map(|(_, last)| *last).max();
            let points = columns.iter().map(|(_, samples)| samples.len()).max();
            let points = points.and_then(|points| u32::try_from(points).ok());
            let (head, data) = encode(&columns, step_ms == 0);
            let segment = segment.cast_signed();
            insert.execute(params![group, segment, step_ms, start_ms, end_ms, points, head, data])?;
        }
        Ok(())
    }

    /// Compacts: merges short chunks around what has just been sealed; says how many chunks went.
    pub(super) fn compact(&self, sealed: SealedGroup) -> Result<usize, StoreError> {
        let mut merged = 0;
        for run in runs(&self.outlines(sealed)?) {
            let chunks =
                run.iter().map(|outline| self.read.chunk(outline.id)).collect::<Result<Vec<_>, _>>()?;
            let segment = run.iter().map(|outline| outline.segment).max().unwrap_or_default();
            let columns = self.united(&chunks)?;
            self.insert(sealed.group, segment, 0, &columns)?;
            for outline in &run {
                self.delete(outline.id)?;
            }
            merged += run.len();
        }
        Ok(merged)
    }

    /// The chunks near what has just been sealed, in order of time.
    fn outlines(&self, sealed: SealedGroup) -> Result<Vec<Outline>, StoreError> {
        let mut statement = self.read.sqlite.prepare_cached(
            "SELECT id, segment, start_ms, end_ms, points FROM chunk
             WHERE point_group = ?1 AND step_ms = 0 AND end_ms BETWEEN ?2 AND ?3 ORDER BY start_ms, id LIMIT ?4",
        )?;
        let from_ms = sealed.start_ms.saturating_sub(MAX_CHUNK_SPAN_MS);
        let to_ms = sealed.end_ms.saturating_add(MAX_CHUNK_SPAN_MS);
        let rows = statement.query_map(params![sealed.group, from_ms, to_ms, MAX_CANDIDATES], outline)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The columns of several chunks, of which the later segment's and then the later chunk's samples hold.
    fn united(&self, chunks: &[Chunk]) -> Result<Vec<(u64, Samples)>, StoreError> {
        let mut by_age: Vec<_> = chunks.iter().collect();
        by_age.sort_by_key(|chunk| (chunk.segment, chunk.id));
        let mut columns: BTreeMap<(u64, Kind), Samples> = BTreeMap::new();
        for chunk in by_age {
            for (series, samples) in self.read.all(chunk)? {
                let kind = samples.values.kind();
                columns.entry((series, kind)).or_insert_with(|| Samples::new(kind)).append(samples);
            }
        }
        let in_order = columns.into_iter().map(|((series, _), mut samples)| {
            samples.put_in_order();
            (series, samples)
        });
        Ok(in_order.collect())
    }

    pub(super) fn delete(&self, chunk: i64) -> Result<(), StoreError> {
        self.read.sqlite.prepare_cached("DELETE FROM chunk WHERE id = ?1")?.execute([chunk])?;
        Ok(())
    }

    /// Gives a group other tags. If there is a group that has them, this one's samples become its own.
    pub(super) fn rename_group(&self, group: i64, measurement: &str, tags: &str) -> Result<(), StoreError> {
        let transaction = &self.read.sqlite;
        let there = "SELECT id FROM point_group WHERE measurement = ?1 AND tags = ?2";
        let there: Option<i64> =
            transaction.query_row(there, [measurement, tags], |row| row.get(0)).optional()?;
        let Some(there) = there else {
            transaction.execute("UPDATE point_group SET tags = ?2 WHERE id = ?1", params![group, tags])?;
            return Ok(());
        };
        let mut numbers: BTreeMap<u64, u64> = BTreeMap::new();
        for (series, _, field, kind) in self.read.series_in(group)? {
            numbers.insert(series, self.series(there, &field, kind)?);
        }
        let mut ids =
            transaction.prepare_cached("SELECT id FROM chunk WHERE point_group = ?1 ORDER BY id")?;
        let ids = ids.query_map([group], |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
        for id in ids {
            let chunk = self.read.chunk(id)?;
            let mut columns = self.read.all(&chunk)?;
            for (column, _) in &mut columns {
                let series = numbers.get(&chunk.series_of(*column).0).copied();
                let series = series.ok_or_else(|| damaged(id, "it has samples of no series"))?;
                *column = chunk.column_of(*column, series);
            }
            self.insert(there, chunk.segment, chunk.step_ms, &columns)?;
            self.delete(id)?;
        }
        transaction.execute("DELETE FROM series WHERE point_group = ?1", [group])?;
        transaction.execute("DELETE FROM point_group WHERE id = ?1", [group])?;
        Ok(())
    }

    /// Deletes what is before this time, and series without samples; says how many samples.
    pub(super) fn delete_before(&self, t_ms: i64) -> Result<usize, StoreError> {
        let mut deleted = 0;
        let mut groups = BTreeSet::new();
        for (group, outline) in self.beginning_before(t_ms)? {
            let chunk = self.read.chunk(outline.id)?;
            groups.insert(group);
            deleted += chunk.samples();
            if outline.end_ms >= t_ms {
                let mut kept = self.read.all(&chunk)?;
                for (column, samples) in &mut kept {
                    let from = samples.times.partition_point(|at| *at < t_ms);
                    *samples = samples.part(from..samples.len());
                    deleted -= if chunk.series_of(*column).1 { samples.len() } else { 0 };
                }
                kept.retain(|(_, samples)| !samples.is_empty());
                self.insert(group, chunk.segment, chunk.step_ms, &kept)?;
            }
            self.delete(outline.id)?;
        }
        groups.into_iter().try_for_each(|group| self.forget_empty(group))?;
        Ok(deleted)
    }

    fn beginning_before(&self, t_ms: i64) -> Result<Vec<(i64, Outline)>, StoreError> {
        // Group by group, because the index has the group first.
        let mut statement = self.read.sqlite.prepare_cached(
            "SELECT chunk.id, segment, start_ms, end_ms, points, point_group
             FROM point_group CROSS JOIN chunk ON point_group = point_group.id
             WHERE step_ms = ?3 AND end_ms < ?2 AND start_ms < ?1",
        )?;
        let row = |row: &Row<'_>| Ok((row.get(5)?, outline(row)?));
        let mut beginning = Vec::new();
        for step_ms in STEPS_MS {
            // No chunk that begins before the time ends later than this.
            let latest_ms = t_ms.saturating_add(longest_ms(step_ms));
            let rows = statement.query_map([t_ms, latest_ms, step_ms], row)?;
            beginning.extend(rows.collect::<Result<Vec<_>, _>>()?);
        }
        Ok(beginning)
    }

    /// Deletes the series of a group that have no sample any more, and the group with its last one.
    pub(super) fn forget_empty(&self, group: i64) -> Result<(), StoreError> {
        let transaction = &self.read.sqlite;
        let mut of_group = transaction.prepare_cached("SELECT id FROM series WHERE point_group = ?1")?;
        let mut empty =
            of_group.query_map([group], |row| row.get(0))?.collect::<Result<BTreeSet<i64>, _>>()?;
        // Most have a sample in the newest chunk, so that one head tells it.
        let newest_first = "SELECT id FROM chunk WHERE point_group = ?1 ORDER BY end_ms DESC";
        let mut ids = transaction.prepare_cached(newest_first)?;
        let mut rows = ids.query([group])?;
        let mut chunks = 0;
        while let Some(row) = rows.next()?.filter(|_| !empty.is_empty()) {
            for series in self.read.chunk(row.get(0)?)?.series() {
                empty.remove(&series.cast_signed());
            }
            chunks += 1;
        }
        for series in empty {
            transaction.prepare_cached("DELETE FROM series WHERE id = ?1")?.execute([series])?;
        }
        if chunks == 0 {
            transaction.execute("DELETE FROM point_group WHERE id = ?1", [group])?;
        }
        Ok(())
    }
}

/// A row that begins with number, segment, start, end and points.
fn outline(row: &Row<'_>) -> Result<Outline, rusqlite::Error> {
    let segment = row.get::<_, i64>(1)?.cast_unsigned();
    let (start_ms, end_ms) = (row.get(2)?, row.get(3)?);
    let points = row.get::<_, u32>(4)? as usize;
    Ok(Outline { id: row.get(0)?, segment, start_ms, end_ms, points })
}

/// Neighbouring short chunks that are worth merging. Chunks that overlap are merged together or not at all, so that
/// what was written later still is.
fn runs(outlines: &[Outline]) -> Vec<Vec<Outline>> {
    let mut runs: Vec<Vec<Outline>> = vec![Vec::new()];
    for overlapping in clusters(outlines) {
        let short = overlapping.iter().all(|outline| outline.points < SHORT_POINTS);
        let end_ms = overlapping.iter().map(|outline| outline.end_ms).max().unwrap_or_default();
        let run = runs.last().and_then(|run| run.first());
        let near = run.is_none_or(|first| end_ms.saturating_sub(first.start_ms) < MAX_CHUNK_SPAN_MS);
        match runs.last_mut() {
            Some(run) if short && near => run.extend(overlapping),
            _ if short => runs.push(overlapping),
            _ => runs.push(Vec::new()),
        }
    }
    let points = |run: &[Outline]| run.iter().map(|outline| outline.points).sum::<usize>();
    runs.retain(|run| run.len() >= MANY_CHUNKS || (run.len() > 1 && points(run) >= LONG_POINTS));
    runs
}

/// Chunks in order of their beginnings, those together that overlap.
fn clusters(outlines: &[Outline]) -> Vec<Vec<Outline>> {
    let mut clusters: Vec<Vec<Outline>> = Vec::new();
    let mut latest_ms = i64::MIN;
    for outline in outlines {
        match clusters.last_mut() {
            Some(cluster) if outline.start_ms <= latest_ms => cluster.push(*outline),
            _ => clusters.push(vec![*outline]),
        }
        latest_ms = latest_ms.max(outline.end_ms);
    }
    clusters
}

#[cfg(test)]
mod tests {
    use picollect_evaluate::Window;
    use picollect_telemetry::line::{Precision, decode};
    use rusqlite::Connection;

    use crate::{Maintenance as _, Selector, Store as _, open};

    #[test]
    fn short_chunks_become_longer_ones_and_long_ones_stay() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path()).unwrap();
        for (part, points) in [[250; 40].as_slice(), &[3600, 3600, 3600]].concat().into_iter().enumerate() {
            let start_s = part.min(40) * 250 + part.saturating_sub(40) * 3600;
            let line = |n: usize| format!("m f={n} {}\n", start_s + n);
            let lines: String = (0..points).map(line).collect();
            store.append(&decode(lines.as_bytes(), Precision::Seconds, 0).points).unwrap();
            store.seal().unwrap();
        }
        let key = store.series(&Selector::default()).unwrap().remove(0);
        let samples = store.read(&key, Window { start_ms: 0, end_ms: i64::MAX }, 0).unwrap();
        assert!(samples.iter().enumerate().all(|(at, sample)| usize::try_from(sample.t_ms) == Ok(at * 1000)));
        assert_eq!(samples.len(), 40 * 250 + 3 * 3600);
        let connection = Connection::open(directory.path().join("store.sqlite")).unwrap();
        let points = "SELECT points FROM chunk ORDER BY start_ms";
        let mut points = connection.prepare(points).unwrap();
        let points: Vec<u32> = points.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        assert_eq!(points, [[3750; 2].as_slice(), &[250; 10], &[3600; 3]].concat());
    }
}

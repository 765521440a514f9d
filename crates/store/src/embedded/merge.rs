//! Pieces of a series become one: of two samples at one time, the one that was written later holds.

use picollect_evaluate::Window;
use picollect_store_format::{Kind, Samples, Stats};

use super::journal::BEFORE_ALL_SEGMENTS;
use super::read_transaction::Chunk;
use crate::{Bucket, StoreError, StoredSample};

/// Some of a series' samples.
#[derive(Debug)]
pub(super) struct Piece {
    /// The segment that they were written to; a higher number is later.
    pub(super) segment: u64,
    /// Of chunks of one segment, the later one.
    chunk: i64,
    first_ms: i64,
    last_ms: i64,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Samples(Samples),
    /// Still in its chunk: what a chunk's head says of the series, how many samples these are, and where they lie.
    Stored(Stats, usize, Box<Chunk>, u64),
    /// Of a downsampled chunk.
    Steps(Vec<Step>),
}

/// What the samples of a step of time, or one sample, come to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    /// When its last sample was.
    pub(super) t_ms: i64,
    pub(super) count: usize,
    pub(super) stats: Stats,
}

impl Step {
    /// A step that is one sample.
    pub(super) fn of(t_ms: i64, number: f64) -> Self {
        let stats = Stats { sum: number, min: number, max: number, first: number, last: number };
        Self { t_ms, count: 1, stats }
    }
}

impl From<Step> for crate::Step {
    fn from(step: Step) -> Self {
        let Stats { sum, min, max, last, .. } = step.stats;
        Self { t_ms: step.t_ms, count: step.count as u64, sum, min, max, last }
    }
}

impl Piece {
    /// Of a segment that is no chunk yet.
    pub(super) fn in_memory(segment: u64, samples: Samples) -> Self {
        Self::of(segment, i64::MAX, samples)
    }

    /// Samples that were read from a chunk.
    pub(super) fn of(segment: u64, chunk: i64, samples: Samples) -> Self {
        let (first_ms, last_ms) = (samples.times.first().copied(), samples.times.last().copied());
        let (first_ms, last_ms) = (first_ms.unwrap_or(0), last_ms.unwrap_or(0));
        Self { segment, chunk, first_ms, last_ms, content: Content::Samples(samples) }
    }

    /// What a chunk has of a series, if it has any numbers of it.
    pub(super) fn stored(chunk: Chunk, series: u64) -> Option<Self> {
        let (column, set) = chunk.head.column(series)?;
        let (stats, count, first_ms, last_ms) = (column.stats?, set.count, set.first_ms, set.last_ms);
        let (segment, id) = (chunk.segment, chunk.id);
        let content = Content::Stored(stats, count, Box::new(chunk), series);
        Some(Self { segment, chunk: id, first_ms, last_ms, content })
    }

    /// What was downsampled; it was written before all that was not.
    pub(super) fn downsampled(chunk: i64, steps: Vec<Step>) -> Option<Self> {
        let (first_ms, last_ms) = (steps.first()?.t_ms, steps.last()?.t_ms);
        Some(Self { segment: BEFORE_ALL_SEGMENTS, chunk, first_ms, last_ms, content: Content::Steps(steps) })
    }

    /// The type of its samples, as far as it matters: what is still in a chunk is a number.
    pub(super) fn kind(&self) -> Kind {
        match &self.content {
            Content::Samples(samples) => samples.values.kind(),
            Content::Stored(..) | Content::Steps(_) => Kind::Float,
        }
    }
}

/// In order of time, those together that overlap.
fn overlapping(mut pieces: Vec<Piece>) -> Vec<Vec<Piece>> {
    pieces.sort_by_key(|piece| piece.first_ms);
    let mut together: Vec<Vec<Piece>> = Vec::new();
    let mut latest_ms = i64::MIN;
    for piece in pieces {
        let last_ms = piece.last_ms;
        match together.last_mut() {
            Some(cluster) if piece.first_ms <= latest_ms => cluster.push(piece),
            _ => together.push(vec![piece]),
        }
        latest_ms = latest_ms.max(last_ms);
    }
    together
}

/// All samples in order of time, each time once. Pieces that are still in chunks are left out.
pub(super) fn merged(pieces: Vec<Piece>) -> Vec<StoredSample> {
    let mut all = Vec::new();
    for mut cluster in overlapping(pieces) {
        let several = cluster.len() > 1;
        cluster.sort_by_key(|piece| (piece.segment, piece.chunk));
        let from = all.len();
        for piece in cluster {
            let Content::Samples(Samples { times, values }) = piece.content else { continue };
            let sample = |(at, t_ms)| Some(StoredSample { t_ms, value: values.get(at)? });
            all.extend(times.into_iter().enumerate().filter_map(sample));
        }
        if several {
            let mut tail = all.split_off(from);
            // Stable: at equal times the later piece's sample comes last, and stays.
            tail.sort_by_key(|sample| sample.t_ms);
            tail.reverse();
            tail.dedup_by_key(|sample| sample.t_ms);
            tail.reverse();
            all.append(&mut tail);
        }
    }
    all
}

/// The pieces' numbers in steps from the window's start to its end, which is excluded. A piece that lies within one
/// step and overlaps no other is not loaded.
pub(super) fn bucketed(
    pieces: Vec<Piece>,
    window: Window,
    step_ms: i64,
    load: impl Fn(&Chunk, u64) -> Result<Option<Samples>, StoreError>,
) -> Result<Vec<Bucket>, StoreError> {
    let step_ms = step_ms.max(1);
    let within = |t_ms: i64| t_ms >= window.start_ms && t_ms < window.end_ms;
    let start_of = |t_ms: i64| t_ms - (t_ms - window.start_ms) % step_ms;
    let mut buckets = Vec::new();
    for cluster in overlapping(pieces) {
        if let [Piece { first_ms, last_ms, content: Content::Stored(stats, count, ..), .. }] = &cluster[..]
            && within(*first_ms)
            && within(*last_ms)
            && start_of(*first_ms) == start_of(*last_ms)
        {
            add(&mut buckets, start_of(*first_ms), *stats, *count);
            continue;
        }
        let (mut loaded, mut steps) = (Vec::with_capacity(cluster.len()), Vec::new());
        for piece in cluster {
            let Piece { segment, chunk: id, .. } = piece;
            match piece.content {
                Content::Stored(_, _, chunk, series) => {
                    loaded.extend(load(&chunk, series)?.map(|samples| Piece::of(segment, id, samples)));
                }
                Content::Steps(downsampled) => steps.extend(downsampled),
                content @ Content::Samples(_) => loaded.push(Piece { content, ..piece }),
            }
        }
        let number = |sample: StoredSample| Some(Step::of(sample.t_ms, sample.value.as_f64()?));
        let downsampled = !steps.is_empty();
        steps.extend(merged(loaded).into_iter().filter_map(number));
        if downsampled {
            steps.sort_by_key(|step| step.t_ms);
        }
        for Step { t_ms, count, stats } in steps.into_iter().filter(|step| within(step.t_ms)) {
            add(&mut buckets, start_of(t_ms), stats, count);
        }
    }
    Ok(buckets)
}

/// What lies whole in the window, which includes its end, overlaps no other piece and is still in its chunk, as a step;
/// all other pieces, loaded.
pub(super) fn totals(
    pieces: Vec<Piece>,
    window: Window,
    load: impl Fn(&Chunk, u64) -> Result<Option<Samples>, StoreError>,
) -> Result<(Vec<Step>, Vec<Piece>), StoreError> {
    let within = |t_ms: i64| (window.start_ms..=window.end_ms).contains(&t_ms);
    let (mut steps, mut rest) = (Vec::new(), Vec::new());
    for cluster in overlapping(pieces) {
        if let [Piece { first_ms, last_ms, content: Content::Stored(stats, count, ..), .. }] = &cluster[..]
            && within(*first_ms)
            && within(*last_ms)
        {
            steps.push(Step { t_ms: *last_ms, count: *count, stats: *stats });
            continue;
        }
        for piece in cluster {
            let (segment, id) = (piece.segment, piece.chunk);
            match piece.content {
                Content::Stored(_, _, chunk, series) => {
                    rest.extend(load(&chunk, series)?.map(|samples| Piece::of(segment, id, samples)));
                }
                content => rest.push(Piece { content, ..piece }),
            }
        }
    }
    Ok((steps, rest))
}

/// Adds what comes later than all that is there.
fn add(buckets: &mut Vec<Bucket>, start_ms: i64, later: Stats, count: usize) {
    let Stats { sum, min, max, first, last } = later;
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    match buckets.last_mut() {
        Some(bucket) if bucket.start_ms == start_ms => {
            bucket.count += count;
            bucket.sum += sum;
            bucket.min = bucket.min.min(min);
            bucket.max = bucket.max.max(max);
            bucket.last = last;
        }
        _ => buckets.push(Bucket { start_ms, count, sum, min, max, first, last }),
    }
}

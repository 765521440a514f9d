//! A chunk: some hours of a group's columns, compressed one by one, with a head that says where each lies and what
//! its numbers come to, so that long questions are answered without the data.
//!
//! The head: a version; the number of sets of times, for each its count, its first time, how much later its last one
//! is, and its part of the data; the number of columns, for each its series, type, set of times, part of the data and,
//! unless it is text or the version is the one without, five floats: sum, least, greatest, first, last. A part is its length and its CRC-32. Last comes
//! the head's own CRC-32. The parts follow each other in the data in the head's order.

use std::ops::Range;

use crate::column::{integers, put_integers, put_values, values};
use crate::cursor::{Cursor, put, put_signed};
use crate::samples::Samples;
use crate::{Damaged, Kind};

/// Most samples of a column: two hours at one a second. More would compress little better, and reading a few
/// minutes of them would cost more.
pub const MAX_CHUNK_SAMPLES: usize = 7200;
/// Longest time between a chunk's first and last sample, so that it is known how far to look for a chunk.
pub const MAX_CHUNK_SPAN_MS: i64 = 24 * 3600 * 1000;

const WITH_STATS: u8 = 1;
const WITHOUT_STATS: u8 = 2;
/// A chunk has no more columns than a group, and no more sets of times than columns.
const MAX_COLUMNS: usize = 1 << 16;
const CRC_BYTES: usize = 4;

/// Cuts columns, each with its series' number, into what fits into chunks of at most `span_ms`.
pub fn chunks(columns: &[(u64, Samples)], span_ms: i64) -> Vec<Vec<(u64, Samples)>> {
    let longest = columns.iter().map(|(_, samples)| samples.len()).max().unwrap_or(0);
    let most = longest.div_ceil(longest.div_ceil(MAX_CHUNK_SAMPLES).max(1)).max(1);
    let mut from = vec![0; columns.len()];
    let mut cut = Vec::new();
    loop {
        let heads = columns.iter().zip(&from).map(|((_, samples), from)| &samples.times[*from..]);
        let Some(start_ms) = heads.clone().filter_map(|times| times.first()).min() else { break };
        let full = heads.filter_map(|times| times.get(most)).min().copied();
        let end_ms = full.unwrap_or(i64::MAX).min(start_ms.saturating_add(span_ms));
        let mut chunk = Vec::new();
        for ((series, samples), from) in columns.iter().zip(&mut from) {
            let to = *from + samples.times[*from..].partition_point(|t_ms| *t_ms < end_ms);
            if to > *from {
                chunk.push((*series, samples.part(*from..to)));
            }
            *from = to;
        }
        cut.push(chunk);
    }
    cut
}

/// Times that columns have in common.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeSet {
    /// Number of times, and so of values in each column that has this set.
    pub count: usize,
    /// The first, Unix milliseconds.
    pub first_ms: i64,
    /// The last, Unix milliseconds.
    pub last_ms: i64,
    part: Extent,
}

/// What a column's numbers come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stats {
    /// Sum of all values, added in order of time.
    pub sum: f64,
    /// The least value, not counting NaN.
    pub min: f64,
    /// The greatest value, not counting NaN.
    pub max: f64,
    /// The value at the first time.
    pub first: f64,
    /// The value at the last time.
    pub last: f64,
}

/// A column of a chunk.
#[derive(Debug, Clone, PartialEq)]
pub struct ChunkColumn {
    /// The number of its series.
    pub series: u64,
    /// The type of its values; a series has one for good.
    pub kind: Kind,
    /// The number of its set of times.
    pub set: usize,
    /// What its numbers come to; texts and downsampled points have none.
    pub stats: Option<Stats>,
    part: Extent,
}

#[derive(Debug, Clone, PartialEq)]
struct Extent {
    bytes: Range<usize>,
    crc: u32,
}

/// What a chunk holds, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// The sets of times.
    pub sets: Vec<TimeSet>,
    /// One column for each series that has samples in the chunk.
    pub columns: Vec<ChunkColumn>,
}

/// A chunk's head and data. What the numbers of each column come to stands in the head where `with_stats`; of
/// downsampled points nobody asks that, and there it would take more room than the points.
pub fn encode(columns: &[(u64, Samples)], with_stats: bool) -> (Vec<u8>, Vec<u8>) {
    let mut sets: Vec<&[i64]> = Vec::new();
    let mut set_of = |times| {
        sets.iter().position(|known| *known == times).unwrap_or_else(|| {
            sets.push(times);
            sets.len() - 1
        })
    };
    let of_columns: Vec<usize> = columns.iter().map(|(_, samples)| set_of(&samples.times)).collect();
    let version = if with_stats { WITH_STATS } else { WITHOUT_STATS };
    let (mut head, mut data) = (vec![version], Vec::new());
    put(&mut head, sets.len() as u64);
    for times in &sets {
        let (first, last) = (times.first().copied().unwrap_or(0), times.last().copied().unwrap_or(0));
        put(&mut head, times.len() as u64);
        put_signed(&mut head, first);
        put_signed(&mut head, last.wrapping_sub(first));
        put_part(&mut head, &mut data, |data| put_integers(data, times));
    }
    put(&mut head, columns.len() as u64);
    for ((series, samples), set) in columns.iter().zip(of_columns) {
        put(&mut head, *series);
        head.push(samples.values.kind() as u8);
        put(&mut head, set as u64);
        put_part(&mut head, &mut data, |data| put_values(data, &samples.values));
        if with_stats && let Some(Stats { sum, min, max, first, last }) = stats(samples) {
            head.extend([sum, min, max, first, last].iter().flat_map(|number| number.to_le_bytes()));
        }
    }
    let crc = crc32fast::hash(&head);
    head.extend(crc.to_le_bytes());
    (head, data)
}

fn put_part(head: &mut Vec<u8>, data: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = data.len();
    write(data);
    put(head, (data.len() - start) as u64);
    head.extend(crc32fast::hash(&data[start..]).to_le_bytes());
}

fn stats(samples: &Samples) -> Option<Stats> {
    let mut numbers = (0..samples.len()).map_while(|at| samples.values.number(at));
    let first = numbers.next()?;
    let begun = Stats { sum: first, min: first, max: first, first, last: first };
    Some(numbers.fold(begun, |so_far, number| Stats {
        sum: so_far.sum + number,
        min: so_far.min.min(number),
        max: so_far.max.max(number),
        first,
        last: number,
    }))
}

impl Head {
    /// Reads a head whole. `Damaged` if its checksum, version, counts or extents do not fit.
    pub fn read(bytes: &[u8]) -> Result<Self, Damaged> {
        let (body, crc) = bytes.split_last_chunk::<CRC_BYTES>().ok_or(Damaged("a chunk has no head"))?;
        if crc32fast::hash(body) != u32::from_le_bytes(*crc) {
            return Err(Damaged("a chunk's head is damaged"));
        }
        let mut cursor = Cursor::new(body);
        let with_stats = match cursor.byte()? {
            WITH_STATS => true,
            WITHOUT_STATS => false,
            _ => return Err(Damaged("a chunk is of a version that is not known here")),
        };
        let mut at = 0;
        let count = cursor.count(MAX_COLUMNS)?;
        let sets = (0..count).map(|_| read_set(&mut cursor, &mut at)).collect::<Result<Vec<_>, _>>()?;
        let count = cursor.count(MAX_COLUMNS)?;
        let column = |_| read_column(&mut cursor, &mut at, sets.len(), with_stats);
        let columns = (0..count).map(column).collect::<Result<_, _>>()?;
        Ok(Self { sets, columns })
    }

    /// The column of a series with its times.
    pub fn column(&self, series: u64) -> Option<(&ChunkColumn, &TimeSet)> {
        let column = self.columns.iter().find(|column| column.series == series)?;
        Some((column, &self.sets[column.set]))
    }

    /// A column's samples, from the chunk's data.
    pub fn samples(&self, column: &ChunkColumn, data: &[u8]) -> Result<Samples, Damaged> {
        let set = &self.sets[column.set];
        let times = integers(part(data, &set.part)?, set.count)?;
        Ok(Samples { times, values: values(part(data, &column.part)?, column.kind, set.count)? })
    }

    /// Samples in all columns.
    pub fn count(&self) -> usize {
        self.columns.iter().map(|column| self.sets[column.set].count).sum()
    }

    /// The first and the last time of all, Unix milliseconds.
    pub fn span(&self) -> Option<(i64, i64)> {
        let first = self.sets.iter().map(|set| set.first_ms).min()?;
        Some((first, self.sets.iter().map(|set| set.last_ms).max()?))
    }
}

fn read_set(cursor: &mut Cursor<'_>, at: &mut usize) -> Result<TimeSet, Damaged> {
    let count = cursor.count(MAX_CHUNK_SAMPLES)?;
    let first_ms = cursor.signed()?;
    let last_ms = first_ms.wrapping_add(cursor.signed()?);
    Ok(TimeSet { count, first_ms, last_ms, part: read_part(cursor, at)? })
}

fn read_column(
    cursor: &mut Cursor<'_>,
    at: &mut usize,
    sets: usize,
    with_stats: bool,
) -> Result<ChunkColumn, Damaged> {
    let series = cursor.unsigned()?;
    let kind = Kind::from_number(cursor.byte()?).ok_or(Damaged("a column has no known type"))?;
    let set = cursor.count(sets.saturating_sub(1))?;
    let part = read_part(cursor, at)?;
    let stats = if kind == Kind::Text || !with_stats {
        None
    } else {
        let mut number = || cursor.array().map(f64::from_le_bytes);
        Some(Stats { sum: number()?, min: number()?, max: number()?, first: number()?, last: number()? })
    };
    if sets == 0 {
        return Err(Damaged("a column has no times"));
    }
    Ok(ChunkColumn { series, kind, set, stats, part })
}

fn read_part(cursor: &mut Cursor<'_>, at: &mut usize) -> Result<Extent, Damaged> {
    // More than SQLite keeps in a row.
    let length = cursor.count(i32::MAX as usize)?;
    let start = *at;
    *at = start + length;
    Ok(Extent { bytes: start..*at, crc: u32::from_le_bytes(cursor.array()?) })
}

fn part<'a>(data: &'a [u8], part: &Extent) -> Result<&'a [u8], Damaged> {
    let bytes = data.get(part.bytes.clone()).ok_or(Damaged("a chunk's data is too short"))?;
    if crc32fast::hash(bytes) == part.crc { Ok(bytes) } else { Err(Damaged("a chunk's data is damaged")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::Values;

    fn floats(times: Vec<i64>) -> Samples {
        let values = times.iter().map(|t_ms| *t_ms as f64 / 8.0).collect();
        Samples { times, values: Values::Float(values) }
    }

    #[test]
    fn columns_share_their_times_and_come_back() {
        let times: Vec<i64> = (0..100).map(|n| n * 1000).collect();
        let text = Samples { times: vec![5], values: Values::Text(vec!["hello".to_owned()]) };
        let columns = [(7, floats(times.clone())), (8, floats(times)), (9, text)];
        let comes_back = |with_stats| {
            let (head, data) = encode(&columns, with_stats);
            let head = Head::read(&head).unwrap();
            assert_eq!((head.sets.len(), head.count(), head.span()), (2, 201, Some((0, 99_000))));
            for (series, samples) in &columns {
                let (column, _) = head.column(*series).unwrap();
                assert_eq!(&head.samples(column, &data).unwrap(), samples);
            }
            head
        };
        assert_eq!(comes_back(false).column(7).unwrap().0.stats, None);
        let head = comes_back(true);
        let stats = head.column(7).unwrap().0.stats.unwrap();
        assert_eq!((stats.min, stats.max, stats.first, stats.last), (0.0, 12_375.0, 0.0, 12_375.0));
        assert_eq!(stats.sum, 618_750.0);
    }

    #[test]
    fn any_changed_byte_is_noticed() {
        let columns = [(7, floats(vec![1, 2, 4])), (8, floats(vec![1, 9]))];
        let (head, data) = encode(&columns, true);
        for at in 0..head.len() {
            let mut damaged = head.clone();
            damaged[at] ^= 1;
            assert!(Head::read(&damaged).is_err());
        }
        let head = Head::read(&head).unwrap();
        for at in 0..data.len() {
            let mut damaged = data.clone();
            damaged[at] ^= 1;
            assert!(head.columns.iter().any(|column| head.samples(column, &damaged).is_err()), "{at}");
        }
    }

    #[test]
    fn a_column_without_samples_in_a_chunk_is_not_in_it() {
        assert_eq!(MAX_CHUNK_SPAN_MS, 86_400_000);
        let columns = [(1, floats((0..8000).collect())), (2, floats(vec![3999]))];
        let cut = chunks(&columns, MAX_CHUNK_SPAN_MS);
        let series: Vec<Vec<u64>> =
            cut.iter().map(|chunk| chunk.iter().map(|(series, _)| *series).collect()).collect();
        assert_eq!(series, [vec![1, 2], vec![1]]);
    }

    #[test]
    fn a_long_column_is_cut_evenly_and_a_sparse_one_by_the_day() {
        let columns = [(1, floats((0..8000).collect())), (2, floats(vec![3999, 7999]))];
        let long = chunks(&columns, MAX_CHUNK_SPAN_MS);
        let lengths: Vec<_> = long.iter().map(|chunk| (chunk[0].1.len(), chunk[1].1.len())).collect();
        assert_eq!(lengths, [(4000, 1), (4000, 1)]);
        let sparse = [(1, floats(vec![0, MAX_CHUNK_SPAN_MS - 1, MAX_CHUNK_SPAN_MS, i64::MAX / 2]))];
        let sparse = chunks(&sparse, MAX_CHUNK_SPAN_MS);
        assert_eq!(sparse.iter().map(|chunk| chunk[0].1.len()).collect::<Vec<_>>(), [2, 1, 1]);
        assert!(chunks(&[], MAX_CHUNK_SPAN_MS).is_empty());
    }
}

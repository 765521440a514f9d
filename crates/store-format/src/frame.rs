//! A frame of the journal: what one append has written, whole or not at all.
//!
//! Twelve bytes stand before the payload, least byte first: its length, its CRC-32, and the CRC-32 of the place (the
//! segment's number and the frame's offset, 64 bits each) and the eight bytes before. So a head is known for one
//! wherever it stands, and one that belongs elsewhere is none: whoever meets damage finds the next frame again, and
//! what somebody has stored as a text is never taken for a frame.
//!
//! Format 1 had no third part. [`next_1`] reads its frames.

use std::ops::Range;

use crate::Damaged;
use crate::cursor::{Cursor, put};

/// Bytes before the payload.
pub const FRAME_HEAD_BYTES: usize = 12;
/// Bytes before the payload in format 1.
const HEAD_1_BYTES: usize = 8;
/// Largest payload: several times what the largest request body makes.
pub const MAX_FRAME_BYTES: usize = 64 * 1024 * 1024;

/// Where a frame begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The segment's number.
    pub segment: u64,
    /// The first byte's offset in its file.
    pub offset: u64,
}

/// A frame while it is written: names and rows, which [`close`](Self::close) puts together.
#[derive(Debug, Default)]
pub struct FrameWriter {
    pub(crate) names: Vec<u8>,
    pub(crate) rows: Vec<u8>,
    whole: Vec<u8>,
}

impl FrameWriter {
    /// Nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.rows.is_empty()
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.names.len() + self.rows.len()
    }

    /// Bytes of memory that it holds.
    pub fn capacity(&self) -> usize {
        self.names.capacity() + self.rows.capacity() + self.whole.capacity()
    }

    /// The records of the names that are new in it.
    pub fn names(&self) -> &[u8] {
        &self.names
    }

    /// Forgets what is in it and keeps the memory.
    pub fn clear(&mut self) {
        self.names.clear();
        self.rows.clear();
    }

    /// The whole frame as it stands at this place, with names of earlier frames said again.
    pub fn close(&mut self, place: Place, again: &[u8]) -> &[u8] {
        self.whole.clear();
        self.whole.resize(FRAME_HEAD_BYTES, 0);
        put(&mut self.whole, (again.len() + self.names.len()) as u64);
        for part in [again, &self.names, &self.rows] {
            self.whole.extend_from_slice(part);
        }
        let (head, payload) = self.whole.split_at_mut(FRAME_HEAD_BYTES);
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        head[..4].copy_from_slice(&length.to_le_bytes());
        head[4..8].copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
        let check = head_check(place, &head[..8]);
        head[8..].copy_from_slice(&check.to_le_bytes());
        &self.whole
    }
}

fn head_check(Place { segment, offset }: Place, head: &[u8]) -> u32 {
    let mut bytes = [0; 24];
    bytes[..8].copy_from_slice(&segment.to_le_bytes());
    bytes[8..16].copy_from_slice(&offset.to_le_bytes());
    bytes[16..].copy_from_slice(head);
    crc32fast::hash(&bytes)
}

/// The two parts of a payload: records of names, and rows.
pub(crate) fn parts(payload: &[u8]) -> Result<(&[u8], &[u8]), Damaged> {
    let mut cursor = Cursor::new(payload);
    let length = cursor.count(payload.len())?;
    let names = cursor.take(length)?;
    Ok((names, &payload[cursor.at()..]))
}

/// What stands behind the last frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tail {
    /// Nothing.
    #[default]
    Nothing,
    /// The beginning of a frame whose end is not there: it is being written, or its writing was interrupted.
    CutShort,
    /// Bytes that begin no frame, to the end.
    NoFrame,
}

/// What some bytes of a segment hold.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Scan<'a> {
    /// Whole frames: offset in the segment, and payload.
    pub frames: Vec<(u64, &'a [u8])>,
    /// Offsets between frames at which there is none that is whole.
    pub damaged: Vec<Range<u64>>,
    /// Where the last frame ends, whole or damaged.
    pub end: u64,
    /// What stands behind it.
    pub tail: Tail,
}

/// Finds the frames in bytes that stand at this place, also behind damage.
pub fn scan(place: Place, bytes: &[u8]) -> Scan<'_> {
    let mut scan = Scan { end: place.offset, ..Scan::default() };
    let at = |position: usize| place.offset + position as u64;
    let (mut position, mut damaged_from) = (0, None);
    while position < bytes.len() {
        let here = Place { offset: at(position), ..place };
        let Some((length, crc)) = head(here, &bytes[position..]) else {
            damaged_from = damaged_from.or(Some(position));
            position += 1;
            continue;
        };
        let payload_at = position + FRAME_HEAD_BYTES;
        let Some(payload) = bytes[payload_at..].get(..length) else {
            // Its head is right, and so nothing else begins behind it.
            scan.finish(damaged_from.take().map(|from| at(from)..at(position)), at(position));
            scan.tail = Tail::CutShort;
            return scan;
        };
        let next = payload_at + length;
        if crc32fast::hash(payload) == crc {
            scan.finish(damaged_from.take().map(|from| at(from)..at(position)), at(next));
            scan.frames.push((at(position), payload));
        } else {
            let from = damaged_from.take().unwrap_or(position);
            scan.finish(Some(at(from)..at(next)), at(next));
        }
        position = next;
    }
    if let Some(from) = damaged_from {
        let short = bytes.len() - from < FRAME_HEAD_BYTES;
        scan.tail = if short { Tail::CutShort } else { Tail::NoFrame };
    }
    scan
}

impl Scan<'_> {
    fn finish(&mut self, damaged: Option<Range<u64>>, end: u64) {
        self.end = end;
        let Some(damaged) = damaged else { return };
        match self.damaged.last_mut() {
            Some(before) if before.end == damaged.start => before.end = damaged.end,
            _ => self.damaged.push(damaged),
        }
    }
}

/// Length and CRC of the payload, if a frame of this place begins here.
fn head(place: Place, bytes: &[u8]) -> Option<(usize, u32)> {
    let head = bytes.get(..FRAME_HEAD_BYTES)?;
    let number = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let length = number(0) as usize;
    let known = (1..=MAX_FRAME_BYTES).contains(&length) && head_check(place, &head[..8]) == number(8);
    known.then(|| (length, number(4)))
}

/// What stands at the beginning of some bytes of format 1.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame1<'a> {
    /// A whole frame.
    Whole {
        /// What it holds.
        payload: &'a [u8],
        /// Bytes of the frame, head and payload.
        length: usize,
    },
    /// The beginning of one, or damage: what follows cannot be told from what it was.
    Torn,
    /// Nothing.
    End,
}

/// The first frame of format 1.
pub fn next_1(bytes: &[u8]) -> Frame1<'_> {
    if bytes.is_empty() {
        return Frame1::End;
    }
    let Some((head, rest)) = bytes.split_at_checked(HEAD_1_BYTES) else { return Frame1::Torn };
    let number = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let (length, crc) = (number(0) as usize, number(4));
    match rest.get(..length) {
        // A frame without payload is never written, and a file of zeros would be full of them.
        Some(payload) if (1..=MAX_FRAME_BYTES).contains(&length) && crc32fast::hash(payload) == crc => {
            Frame1::Whole { payload, length: HEAD_1_BYTES + length }
        }
        _ => Frame1::Torn,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Place = Place { segment: 7, offset: 8 };

    /// Frames with these rows one after the other, as they stand behind a segment's first bytes.
    fn frames(rows: &[&[u8]]) -> (Vec<u8>, Vec<Range<usize>>) {
        let (mut bytes, mut spans) = (Vec::new(), Vec::new());
        for rows in rows {
            let mut frame = FrameWriter { rows: rows.to_vec(), ..FrameWriter::default() };
            let from = bytes.len();
            let place = Place { offset: START.offset + from as u64, ..START };
            bytes.extend_from_slice(frame.close(place, b"name"));
            spans.push(from..bytes.len());
        }
        (bytes, spans)
    }

    fn rows<'a>(scan: &Scan<'a>) -> Vec<&'a [u8]> {
        scan.frames.iter().map(|(_, payload)| parts(payload).unwrap().1).collect()
    }

    #[test]
    fn a_payload_has_a_greatest_length() {
        // In the format's description, and a reader of another version has to agree.
        assert_eq!(MAX_FRAME_BYTES, 67_108_864);
    }

    #[test]
    fn whatever_byte_is_damaged_only_its_frame_is_lost_and_its_place_is_known() {
        let all: [&[u8]; 4] = [b"first", b"the second one", b"3", b"the last"];
        let (bytes, spans) = frames(&all);
        assert_eq!(rows(&scan(START, &bytes)), all);
        for at in 0..bytes.len() {
            for flip in [1, 0x80, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] ^= flip;
                let scan = scan(START, &damaged);
                let hit = spans.iter().position(|span| span.contains(&at)).unwrap();
                let want: Vec<&[u8]> =
                    all.iter().enumerate().filter(|(n, _)| *n != hit).map(|(_, rows)| *rows).collect();
                assert_eq!(rows(&scan), want, "{at}");
                let lost = START.offset + spans[hit].start as u64..START.offset + spans[hit].end as u64;
                // Of the last frame the head may be gone, and then nothing says where it would end.
                let no_end = hit == 3 && scan.tail == Tail::NoFrame;
                assert!(
                    scan.damaged == std::slice::from_ref(&lost) || no_end && scan.damaged.is_empty(),
                    "{at}: {scan:?}"
                );
            }
        }
    }

    #[test]
    fn a_hole_over_several_frames_is_one_damage() {
        let (bytes, spans) = frames(&[b"first", b"second", b"third", b"fourth"]);
        let mut hole = bytes.clone();
        hole[spans[1].start + 3..spans[2].end - 3].fill(0);
        let scan = scan(START, &hole);
        assert_eq!(rows(&scan), [b"first".as_slice(), b"fourth"]);
        let lost = 8 + spans[1].start as u64..8 + spans[2].end as u64;
        assert_eq!(scan.damaged, std::slice::from_ref(&lost));
        assert_eq!((scan.end, scan.tail), (8 + bytes.len() as u64, Tail::Nothing));
    }

    #[test]
    fn every_prefix_holds_its_whole_frames_and_ends_in_one_that_is_cut_short() {
        let (bytes, spans) = frames(&[b"first", b"second"]);
        for end in 0..=bytes.len() {
            let scan = scan(START, &bytes[..end]);
            let whole = spans.iter().filter(|span| span.end <= end).count();
            assert_eq!((scan.frames.len(), scan.damaged.len()), (whole, 0), "{end}");
            let between = end == 0 || spans.iter().any(|span| span.end == end);
            assert_eq!(scan.tail, if between { Tail::Nothing } else { Tail::CutShort }, "{end}");
        }
        assert_eq!(scan(START, &[0; 64]).tail, Tail::NoFrame);
        assert_eq!(scan(START, &[]), Scan { end: 8, ..Scan::default() });
    }

    #[test]
    fn a_frame_that_stands_inside_another_ones_text_is_none() {
        let (inner, _) = frames(&[b"forged"]);
        let (bytes, spans) = frames(&[b"first", &inner, b"last"]);
        let mut damaged = bytes;
        // The head of the one around it is gone.
        damaged[spans[1].start..spans[1].start + FRAME_HEAD_BYTES].fill(0xff);
        assert_eq!(rows(&scan(START, &damaged)), [b"first".as_slice(), b"last"]);
        // Nor is one of another segment.
        assert_eq!(scan(Place { segment: 8, ..START }, &damaged).frames, []);
    }

    #[test]
    fn a_frame_of_format_1_is_whole_or_torn() {
        let mut bytes = vec![7, 0, 0, 0];
        bytes.extend_from_slice(&crc32fast::hash(b"payload").to_le_bytes());
        bytes.extend_from_slice(b"payload");
        assert_eq!(next_1(&bytes), Frame1::Whole { payload: b"payload", length: 15 });
        assert_eq!(next_1(&[]), Frame1::End);
        for end in 1..bytes.len() {
            assert_eq!(next_1(&bytes[..end]), Frame1::Torn);
        }
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 4;
            assert_eq!(next_1(&damaged), Frame1::Torn, "{at}");
        }
        assert_eq!(next_1(&[0; 64]), Frame1::Torn);
    }
}

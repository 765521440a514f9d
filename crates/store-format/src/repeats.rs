//! Names are said more than once, so that no frame is needed to understand another one.
//!
//! What is new in a frame is said again in the next one, and once more in the first that begins well behind it: damage
//! that takes two neighbours has not taken the third.

use std::collections::VecDeque;

/// The third time is so far behind the first: more than what a card or a disk writes, and loses, together.
const FAR_BYTES: u64 = 64 * 1024;

/// The names of a segment that are still to be said again.
#[derive(Debug, Default)]
pub struct Repeats {
    next: Vec<u8>,
    /// Where the frames that said them first ended, and their records.
    far: VecDeque<(u64, Vec<u8>)>,
}

impl Repeats {
    /// What the frame that begins at this offset says again.
    pub fn due(&self, offset: u64) -> Vec<u8> {
        let far = self.far.iter().take_while(|(end, _)| end + FAR_BYTES <= offset);
        far.flat_map(|(_, names)| names).chain(&self.next).copied().collect()
    }

    /// A frame has been written from one offset to another, with what was [`due`](Self::due) and these new names.
    pub fn said(&mut self, (offset, end): (u64, u64), names: &[u8]) {
        while self.far.front().is_some_and(|(from, _)| from + FAR_BYTES <= offset) {
            self.far.pop_front();
        }
        self.next.clear();
        self.next.extend_from_slice(names);
        if !names.is_empty() {
            self.far.push_back((end, names.to_vec()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_said_in_the_next_frame_and_once_far_behind() {
        let mut repeats = Repeats::default();
        assert_eq!(repeats.due(8), b"");
        repeats.said((8, 100), b"a");
        assert_eq!(repeats.due(100), b"a");
        repeats.said((100, 200), b"b");
        assert_eq!(repeats.due(200), b"b");
        repeats.said((200, 300), b"");
        assert_eq!(repeats.due(300), b"");
        repeats.said((300, 100 + FAR_BYTES), b"");
        assert_eq!(repeats.due(100 + FAR_BYTES), b"a");
        repeats.said((100 + FAR_BYTES, 200 + FAR_BYTES), b"");
        assert_eq!(repeats.due(200 + FAR_BYTES), b"b");
        repeats.said((200 + FAR_BYTES, 900 + FAR_BYTES), b"");
        assert_eq!(repeats.due(u64::MAX / 2), b"");
    }
}

//! A frame of the journal: what one append has written, whole or not at all.
//!
//! Four bytes length and four bytes CRC-32 of the payload, both little endian, and the payload.

/// Bytes before the payload.
pub const FRAME_HEAD_BYTES: usize = 8;
/// Largest payload: several times what the largest request body makes.
pub const MAX_FRAME_BYTES: usize = 64 * 1024 * 1024;

/// Fills in the head of a frame that begins with [`FRAME_HEAD_BYTES`] of any content.
pub fn close(frame: &mut [u8]) {
    let (head, payload) = frame.split_at_mut(FRAME_HEAD_BYTES);
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    head[..4].copy_from_slice(&length.to_le_bytes());
    head[4..].copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
}

/// What stands at the beginning of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A whole frame.
    Whole {
        /// What it holds.
        payload: &'a [u8],
        /// Bytes of the frame, head and payload.
        length: usize,
    },
    /// The beginning of one, or damage: nothing that follows is a frame.
    Torn,
    /// Nothing.
    End,
}

/// The first frame.
pub fn next(bytes: &[u8]) -> Frame<'_> {
    if bytes.is_empty() {
        return Frame::End;
    }
    let Some((head, rest)) = bytes.split_at_checked(FRAME_HEAD_BYTES) else { return Frame::Torn };
    let number = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let (length, crc) = (number(0) as usize, number(4));
    match rest.get(..length) {
        // A frame without payload is never written, and a file of zeros would be full of them.
        Some(payload) if (1..=MAX_FRAME_BYTES).contains(&length) && crc32fast::hash(payload) == crc => {
            Frame::Whole { payload, length: FRAME_HEAD_BYTES + length }
        }
        _ => Frame::Torn,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_has_a_greatest_length() {
        // In the format's description, and a reader of another version has to agree.
        assert_eq!(MAX_FRAME_BYTES, 67_108_864);
    }

    #[test]
    fn a_frame_is_whole_or_torn() {
        let mut bytes = vec![0; FRAME_HEAD_BYTES];
        bytes.extend_from_slice(b"payload");
        close(&mut bytes);
        assert_eq!(next(&bytes), Frame::Whole { payload: b"payload", length: 15 });
        assert_eq!(next(&[]), Frame::End);
        for end in 1..bytes.len() {
            assert_eq!(next(&bytes[..end]), Frame::Torn);
        }
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 4;
            assert_eq!(next(&damaged), Frame::Torn, "{at}");
        }
        assert_eq!(next(&[0; 64]), Frame::Torn);
    }
}

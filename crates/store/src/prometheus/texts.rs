//! Texts in an engine that has none: the text stands in a label, and the sample, always 1, says when it held.
//!
//! A text that is too long for a label is compressed and cut; its pieces are series beside each other that share
//! their times and a digest.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use picollect_settings::hex;
use picollect_telemetry::line::MAX_LINE_BYTES;
use sha2::{Digest as _, Sha256};

/// The text itself, or one piece of it.
const TEXT: &str = "picollect_text";
/// Which piece, from 0; absent where the text is whole.
const PIECE: &str = "picollect_piece";
/// How many pieces the text has; absent where it is whole.
const PIECES: &str = "picollect_pieces";
/// What tells the pieces of one text from those of another.
const DIGEST: &str = "picollect_digest";
/// The longest piece in bytes: VictoriaMetrics cuts a label's value at 1 or 4 KiB, by version, and Mimir refuses more
/// than 2,048.
const MAX_PIECE_BYTES: usize = 1000;
/// Bytes of the digest.
const DIGEST_BYTES: usize = 8;

/// The labels of each series that the text is kept in.
pub(super) fn pieces(text: &str) -> Vec<Vec<(String, String)>> {
    let label = |name: &str, value: String| (name.to_owned(), value);
    if text.is_empty() {
        return vec![Vec::new()];
    }
    if text.len() <= MAX_PIECE_BYTES {
        return vec![vec![label(TEXT, text.to_owned())]];
    }
    let packed = STANDARD.encode(deflated(text.as_bytes()));
    let digest = hex(&Sha256::digest(text.as_bytes())[..DIGEST_BYTES]);
    let pieces: Vec<&[u8]> = packed.as_bytes().chunks(MAX_PIECE_BYTES).collect();
    let one = |(number, piece): (usize, &&[u8])| {
        vec![
            label(TEXT, String::from_utf8_lossy(piece).into_owned()),
            label(PIECE, number.to_string()),
            label(PIECES, pieces.len().to_string()),
            label(DIGEST, digest.clone()),
        ]
    };
    pieces.iter().enumerate().map(one).collect()
}

/// Puts the texts of one series together again, time by time.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    whole: BTreeMap<i64, String>,
    /// By time and digest: how many pieces there should be, and those that are there.
    cut: BTreeMap<(i64, String), (usize, BTreeMap<usize, String>)>,
}

impl Assembly {
    /// A series with these labels has samples at these times.
    pub(super) fn add(&mut self, labels: &BTreeMap<String, String>, times: impl Iterator<Item = i64>) {
        let text = labels.get(TEXT).cloned().unwrap_or_default();
        let number = |name: &str| labels.get(name).and_then(|text| text.parse::<usize>().ok());
        for t_ms in times {
            match (number(PIECE), number(PIECES), labels.get(DIGEST)) {
                (Some(piece), Some(pieces), Some(digest)) => {
                    let cut = self.cut.entry((t_ms, digest.clone())).or_default();
                    cut.0 = pieces;
                    cut.1.insert(piece, text.clone());
                }
                _ => {
                    self.whole.insert(t_ms, text.clone());
                }
            }
        }
    }

    /// The texts by time. One of which a piece is missing is not there; of two at one time the one that was cut.
    pub(super) fn finish(self) -> BTreeMap<i64, String> {
        let mut texts = self.whole;
        for ((t_ms, _), (pieces, found)) in self.cut {
            let packed = (found.len() == pieces).then(|| found.into_values().collect::<String>());
            if let Some(text) = packed.and_then(|packed| unpacked(&packed)) {
                texts.insert(t_ms, text);
            }
        }
        texts
    }
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    // Writing into a vector cannot fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

/// A text is never longer than the line that brought it.
fn unpacked(packed: &str) -> Option<String> {
    let bytes = STANDARD.decode(packed).ok()?;
    let mut text = String::new();
    DeflateDecoder::new(&bytes[..]).take(MAX_LINE_BYTES as u64).read_to_string(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(text: &str) -> BTreeMap<i64, String> {
        let mut assembly = Assembly::default();
        for labels in pieces(text).into_iter().rev() {
            assert!(labels.iter().all(|(_, value)| value.len() <= MAX_PIECE_BYTES));
            assembly.add(&labels.into_iter().collect(), [5].into_iter());
        }
        assembly.finish()
    }

    #[test]
    fn short_and_long_and_empty_texts_come_back() {
        for text in
            [String::new(), "ä\"\\\n".into(), "x".repeat(1000), (0..9000).map(|n| n.to_string()).collect()]
        {
            assert_eq!(through(&text), BTreeMap::from([(5, text)]));
        }
    }

    #[test]
    fn a_text_of_which_a_piece_is_missing_is_not_there() {
        let long: String = (0..9000).map(|number| number.to_string()).collect();
        let mut all = pieces(&long);
        assert!(all.len() > 5, "{}", all.len());
        all.pop();
        let mut assembly = Assembly::default();
        for labels in all {
            assembly.add(&labels.into_iter().collect(), [5].into_iter());
        }
        assert_eq!(assembly.finish(), BTreeMap::new());
    }
}

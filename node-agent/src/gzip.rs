//! Compression of what is delivered (RFC 1952 around RFC 1951).
//!
//! The compressor's tables take some hundred kilobytes. They are made once and reset for each delivery:
//! getting them from the kernel anew each time costs more than the compression of one sample.

use flate2::{Compress, Compression, Crc, FlushCompress, Status};

/// Magic number, deflate, no flags, no time, fastest compression, Unix.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 3];
/// Room that is added as often as the compressed bytes need it.
const MORE: usize = 4096;

/// A compressor whose tables and output are used again.
#[derive(Debug)]
pub(crate) struct Gzip {
    deflate: Compress,
    output: Vec<u8>,
}

impl Gzip {
    /// The tables are made here.
    pub(crate) fn new() -> Self {
        Self { deflate: Compress::new(Compression::fast(), false), output: Vec::new() }
    }

    /// These bytes as one gzip member, until the next call.
    pub(crate) fn compress(&mut self, bytes: &[u8]) -> &[u8] {
        self.deflate.reset();
        self.output.clear();
        self.output.extend_from_slice(&HEADER);
        let mut status = Status::Ok;
        while status != Status::StreamEnd {
            self.output.reserve(MORE);
            let taken = usize::try_from(self.deflate.total_in()).unwrap_or(bytes.len());
            let step = self.deflate.compress_vec(&bytes[taken..], &mut self.output, FlushCompress::Finish);
            status = step.expect("a compressor fails only after it has finished");
        }
        let mut sum = Crc::new();
        sum.update(bytes);
        self.output.extend_from_slice(&sum.sum().to_le_bytes());
        // The length is kept modulo 2^32, and that is what `amount` counts in.
        self.output.extend_from_slice(&sum.amount().to_le_bytes());
        &self.output
    }
}

impl Default for Gzip {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    fn unpacked(bytes: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(bytes).read_to_end(&mut plain).unwrap();
        plain
    }

    #[test]
    fn one_compressor_packs_one_text_after_another() {
        let mut gzip = Gzip::new();
        let noise: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..)).take(300_000).collect();
        let lines = "load,host=a load1=1 1000000\n".repeat(1000).into_bytes();
        for plain in [&b""[..], b"a", &lines, &noise, &lines, b"a"] {
            assert!(unpacked(gzip.compress(plain)) == plain, "{} bytes", plain.len());
        }
        assert!(gzip.compress(&lines).len() < lines.len() / 20);
    }
}

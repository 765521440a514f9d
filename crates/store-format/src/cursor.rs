//! Numbers and texts one after the other in bytes: integers by seven bits a byte, the least first.

use crate::Damaged;

/// Appends an unsigned integer.
pub(crate) fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// Appends a signed integer; one near zero, on either side, is short.
pub(crate) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put(out, zigzag(value));
}

/// Appends a text after its length.
pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    put(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// 0, -1, 1, -2, … as 0, 1, 2, 3, …
pub(crate) fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63).cast_unsigned()
}

/// 0, 1, 2, 3, … as 0, -1, 1, -2, …
pub(crate) fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// Reads what `put` and its neighbours have written.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

const SHORT: Damaged = Damaged("it ends too early");

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes were read.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Damaged> {
        let byte = *self.bytes.get(self.at).ok_or(SHORT)?;
        self.at += 1;
        Ok(byte)
    }

    pub(crate) fn unsigned(&mut self) -> Result<u64, Damaged> {
        let first = self.byte()?;
        let (mut value, mut byte, mut shift) = (u64::from(first & 0x7f), first, 7);
        while byte >= 0x80 {
            byte = self.byte()?;
            if shift > 63 {
                return Err(Damaged("an integer is too long"));
            }
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
        }
        Ok(value)
    }

    pub(crate) fn signed(&mut self) -> Result<i64, Damaged> {
        self.unsigned().map(unzigzag)
    }

    /// An integer that counts or numbers something, of which there may be `most`.
    pub(crate) fn count(&mut self, most: usize) -> Result<usize, Damaged> {
        let count = usize::try_from(self.unsigned()?).ok().filter(|count| *count <= most);
        count.ok_or(Damaged("a number is larger than it can be"))
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], Damaged> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let taken = rest.get(..length).ok_or(SHORT)?;
        self.at += length;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Damaged> {
        self.take(N)?.try_into().map_err(|_| SHORT)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, Damaged> {
        let length = self.count(self.bytes.len())?;
        std::str::from_utf8(self.take(length)?).map_err(|_| Damaged("a text is not UTF-8"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_come_back_and_small_ones_are_short() {
        for value in [0, 1, -1, 63, -64, 64, 1_700_000_000_000, i64::MAX, i64::MIN] {
            let mut bytes = Vec::new();
            put_signed(&mut bytes, value);
            assert_eq!(Cursor::new(&bytes).signed(), Ok(value));
            assert!((-64..64).contains(&value) == (bytes.len() == 1), "{value}");
        }
        assert!(Cursor::new(&[0xff; 11]).unsigned().is_err());
    }

    #[test]
    fn what_is_cut_is_damaged() {
        let mut bytes = Vec::new();
        put_text(&mut bytes, "héllo");
        assert_eq!(Cursor::new(&bytes).text(), Ok("héllo"));
        for end in 0..bytes.len() {
            assert!(Cursor::new(&bytes[..end]).text().is_err());
        }
    }
}

//! When which part of an output arrived.

/// More stretches of output than this are not told apart: some minutes of a command that never stops
/// talking.
const MAX_STRETCHES: usize = 1 << 20;

/// For each stretch of an output the number of bytes up to its end and the Unix time at which it came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Arrivals(Vec<(u64, i64)>);

impl Arrivals {
    /// How many bytes came in all.
    pub(super) fn bytes(&self) -> u64 {
        self.0.last().map_or(0, |(bytes, _)| *bytes)
    }

    /// Adds bytes that came at this moment, Unix milliseconds.
    pub(super) fn add(&mut self, bytes: usize, at_ms: i64) {
        let total = self.bytes() + bytes as u64;
        let full = self.0.len() >= MAX_STRETCHES;
        match self.0.last_mut() {
            Some((end, last_ms)) if *last_ms == at_ms || full => (*end, *last_ms) = (total, at_ms),
            _ => self.0.push((total, at_ms)),
        }
    }

    /// When the end of a line of the output came, in Unix milliseconds; lines are counted from 1.
    pub(super) fn of_line(&self, output: &[u8], line: usize) -> Option<i64> {
        let end = output.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(line.checked_sub(1)?);
        let needed = end.map_or(output.len(), |(at, _)| at + 1) as u64;
        let stretch = self.0.partition_point(|(bytes, _)| *bytes < needed);
        self.0.get(stretch).map(|(_, at_ms)| *at_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_come_when_its_last_byte_has() {
        let mut arrivals = Arrivals::default();
        let output = b"first\nsecond\nno end";
        for (bytes, at_ms) in [(3, 10), (5, 20), (2, 20), (9, 30)] {
            arrivals.add(bytes, at_ms);
        }
        let came = |line| arrivals.of_line(output, line);
        assert_eq!((came(1), came(2), came(3), came(0)), (Some(20), Some(30), Some(30), None));
        assert_eq!(arrivals.bytes(), 19);
        assert_eq!(Arrivals::default().of_line(b"x\n", 1), None);
    }
}

//! The log of a wall meter as a file: its lines, whatever bytes they are, one by one. What a line says is worked
//! out in [`picollect_evaluate::wall_log`]. Empty lines and comments, which begin with `#`, say nothing, but for one
//! that says how often the meter samples.
//!
//! Invariant: memory does not grow with the file nor with a line.

use std::io::{self, BufRead, Read as _};

use picollect_evaluate::wall_log::{Columns, ColumnsError, Entry, Options, Quantity, sampled_at};

/// A longer line is not of a wall meter's log.
pub(super) const MAX_LINE_BYTES: usize = 4096;

/// Why a log cannot be read on.
#[derive(Debug, thiserror::Error)]
pub(super) enum LogError {
    /// The file could not be read.
    #[error("cannot read on")]
    Read(#[from] io::Error),
    /// Without its columns the log says nothing.
    #[error("line {line}: {why}")]
    Columns {
        /// Its number in the file, from 1.
        line: u64,
        /// What the header lacks, or that there has to be one.
        why: ColumnsError,
    },
}

/// A line that says nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub(super) struct BadLine {
    /// Its number in the file, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub why: String,
}

/// Reads a log line by line.
#[derive(Debug)]
pub(super) struct LogReader<'a, R> {
    input: R,
    options: &'a Options,
    line: u64,
    buffer: Vec<u8>,
    columns: Option<Columns>,
    sampled_at: Option<f64>,
}

impl<'a, R: BufRead> LogReader<'a, R> {
    /// Reads from the beginning of the input, where a header may stand.
    pub(super) fn new(input: R, options: &'a Options) -> Self {
        Self { input, options, line: 0, buffer: Vec::new(), columns: None, sampled_at: None }
    }

    /// The number of the line that was read last, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// What its readings are, as soon as one was read.
    pub(super) fn quantity(&self) -> Quantity {
        self.columns.as_ref().map_or(Quantity::Power, Columns::quantity)
    }

    /// How often a second the meter samples, if a comment said so far.
    pub(super) fn sampled_at(&self) -> Option<f64> {
        self.sampled_at
    }

    /// The next entry, or what is wrong with its line; `None` at the end.
    pub(super) fn next_entry(&mut self) -> Result<Option<Result<Entry, BadLine>>, LogError> {
        while self.next_line()? {
            if self.buffer.len() > MAX_LINE_BYTES {
                return Ok(Some(Err(self.bad(&format!("longer than {MAX_LINE_BYTES} bytes")))));
            }
            let Ok(text) = std::str::from_utf8(&self.buffer) else {
                return Ok(Some(Err(self.bad("not UTF-8"))));
            };
            let text = text.trim_start_matches('\u{feff}').trim();
            if text.is_empty() || text.starts_with('#') {
                self.sampled_at = sampled_at(text).or(self.sampled_at);
                continue;
            }
            if self.columns.is_none() {
                let found = Columns::of(text, self.options);
                let (columns, is_header) = found.map_err(|why| LogError::Columns { line: self.line, why })?;
                self.columns = Some(columns);
                if is_header {
                    continue;
                }
            }
            let entry = self.columns.as_ref().map(|columns| columns.entry(text));
            return Ok(entry.map(|entry| entry.map_err(|why| self.bad(&why.to_string()))));
        }
        Ok(None)
    }

    /// That the line that was read last is a bad one.
    pub(super) fn bad(&self, why: &str) -> BadLine {
        BadLine { line: self.line, why: why.to_owned() }
    }

    /// Puts the next line into the buffer, of one that is too long only the beginning.
    fn next_line(&mut self) -> io::Result<bool> {
        self.buffer.clear();
        let limit = MAX_LINE_BYTES as u64 + 1;
        let read = self.input.by_ref().take(limit).read_until(b'\n', &mut self.buffer)?;
        if self.buffer.last() == Some(&b'\n') {
            self.buffer.pop();
        } else if self.buffer.len() > MAX_LINE_BYTES {
            self.input.skip_until(b'\n')?;
        }
        self.line += u64::from(read > 0);
        Ok(read > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use picollect_evaluate::wall_log::Value;

    fn options() -> Options {
        Options::until(1_800_000_000_000)
    }

    fn entries(log: &[u8]) -> Vec<Result<Entry, String>> {
        let options = options();
        let mut reader = LogReader::new(log, &options);
        let mut found = Vec::new();
        while let Some(entry) = reader.next_entry().expect("columns") {
            found.push(entry.map_err(|bad| bad.to_string()));
        }
        found
    }

    #[test]
    fn comments_empty_lines_and_line_ends_of_windows_are_nothing() {
        let got = entries("\u{feff}# socket\r\n\r\ntime,watts\r\n1795435200,5\r\n\n# end".as_bytes());
        let value = Value { channel: String::new(), value: Some(5.0) };
        assert_eq!(got, [Ok(Entry { t_ms: 1_795_435_200_000, values: vec![value] })]);
    }

    #[test]
    fn a_bad_line_says_its_number_and_the_rest_is_read() {
        let got = entries(b"1795435200 5\n\xff\xfe 1\n\n1795435201 much\n1795435202 6\n");
        let bad: Vec<_> = got.iter().filter_map(|entry| entry.as_ref().err().map(String::as_str)).collect();
        assert_eq!((got.len(), bad), (4, vec!["line 2: not UTF-8", "line 4: `much` is not a power"]));
    }

    #[test]
    fn a_comment_may_say_how_often_the_meter_samples() {
        let options = options();
        let log = &b"# PDU 7, sampled at 20 Hz\n1795435200 5\n"[..];
        let mut reader = LogReader::new(log, &options);
        assert!(reader.next_entry().unwrap().is_some());
        assert_eq!((reader.sampled_at(), reader.line()), (Some(20.0), 2));
    }

    #[test]
    fn a_log_whose_columns_are_not_known_is_refused_whole() {
        let options = options();
        let log = &b"# socket\ntime,volts\n1,2\n"[..];
        let error = LogReader::new(log, &options).next_entry().unwrap_err();
        assert!(error.to_string().starts_with("line 2: no column is called like the power"), "{error}");
    }

    #[test]
    fn a_line_without_end_is_one_bad_line_and_no_memory() {
        let mut log = b"1795435200 5\n".to_vec();
        log.extend(std::iter::repeat_n(b'7', 1_000_000));
        log.extend_from_slice(b"\n1795435201 6\n");
        let options = options();
        let mut reader = LogReader::new(&log[..], &options);
        let mut count = 0;
        while let Some(entry) = reader.next_entry().unwrap() {
            count += 1;
            assert!(reader.buffer.capacity() <= 4 * MAX_LINE_BYTES);
            assert_eq!(entry.is_err(), count == 2, "{entry:?}");
        }
        assert_eq!(count, 3);
    }
}

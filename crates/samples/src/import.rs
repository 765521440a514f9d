//! `picollect import` without a file: samples from standard input, as `picollect export` or anybody else writes them.
//!
//! Invariants: memory does not grow with the input; importing the same again changes nothing, which is why a line
//! without a time is refused; everything up to the time that an error names is in the store, if the input is in
//! order of time.

use std::io::{self, BufRead, Read};

use anyhow::{Context as _, bail};
use picollect_telemetry::line::{MAX_LINE_BYTES, Point, Precision, count_lines, decode, line_end};

use crate::csv::{HEADER, RowReader};
use crate::reader::{Entry, PointReader};
use picollect_settings::time::rfc3339;
use picollect_store::Store;

/// So many points are written at once.
const BATCH_POINTS: usize = 10_000;
/// Or so many bytes of input, if they are long.
const BATCH_BYTES: usize = 1024 * 1024;
/// Some editors put it before a text in UTF-8; it is no part of it.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
/// Stands for the time of a line that has none; no line can say it.
const NO_TIME_MS: i64 = i64::MIN;

/// What came into the store, and what did not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// Samples written; one that was there already counts too.
    pub samples: u64,
    /// Lines left out because they cannot be read, and points of which the store refused something.
    pub left_out: u64,
    /// The time of the last point that was written, Unix milliseconds.
    pub last_ms: Option<i64>,
}

/// Reads line protocol, or CSV if it begins with the header, into the store. A line that cannot be read and a point
/// that the store refuses are errors that name the line, unless they are to be left out and counted.
pub fn import(store: &dyn Store, mut input: impl BufRead, skip_bad_lines: bool) -> anyhow::Result<Imported> {
    let mut first = Vec::new();
    let most = u64::try_from(MAX_LINE_BYTES)?;
    (&mut input).take(most).read_until(b'\n', &mut first).context("cannot read standard input")?;
    if first.starts_with(BYTE_ORDER_MARK) {
        first.drain(..BYTE_ORDER_MARK.len());
    }
    let is_csv = first.trim_ascii_end() == HEADER.join(",").as_bytes();
    let whole = io::Cursor::new(first).chain(input);
    let mut lines: Box<dyn PointReader> =
        if is_csv { Box::new(RowReader::new(whole)) } else { Box::new(LineReader::new(whole)) };
    let mut importer = Importer { store, skip_bad_lines, done: Imported::default(), batch: Batch::default() };
    match importer.all(lines.as_mut()) {
        Ok(()) => Ok(importer.done),
        Err(error) => Err(error.context(reached(&importer.done))),
    }
}

/// How to go on.
fn reached(done: &Imported) -> String {
    let go_on = |t_ms| format!("; to go on, export with --from {}", rfc3339(t_ms));
    format!("only {} samples were imported{}", done.samples, done.last_ms.map(go_on).unwrap_or_default())
}

#[derive(Debug, Default)]
struct Batch {
    points: Vec<Point>,
    bytes: usize,
    first_line: u64,
    last_line: u64,
}

struct Importer<'a> {
    store: &'a dyn Store,
    skip_bad_lines: bool,
    done: Imported,
    batch: Batch,
}

impl Importer<'_> {
    fn all(&mut self, lines: &mut dyn PointReader) -> anyhow::Result<()> {
        while let Some(Entry { line, bytes, point }) =
            lines.next_point().context("cannot read standard input")?
        {
            match point {
                Ok(point) => self.add(point, line, bytes)?,
                Err(_) if self.skip_bad_lines => self.done.left_out += 1,
                Err(why) => {
                    self.write()?;
                    bail!("line {line}: {why}; mend it, or give --skip-bad-lines");
                }
            }
        }
        self.write()
    }

    fn add(&mut self, point: Point, line: u64, bytes: usize) -> anyhow::Result<()> {
        if self.batch.points.is_empty() {
            self.batch.first_line = line;
        }
        self.batch.last_line = line;
        self.batch.bytes += bytes;
        self.batch.points.push(point);
        let full = self.batch.points.len() >= BATCH_POINTS || self.batch.bytes >= BATCH_BYTES;
        if full { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> anyhow::Result<()> {
        let Batch { points, first_line, last_line, .. } = std::mem::take(&mut self.batch);
        let Some(last) = points.last() else { return Ok(()) };
        let at = || format!("lines {first_line} to {last_line} were not imported");
        let appended = self.store.append(&points).with_context(at)?;
        if appended.refused_points > 0 && !self.skip_bad_lines {
            bail!(
                "of lines {first_line} to {last_line} the store refused {}: {}; --skip-bad-lines leaves such out",
                appended.refused_points,
                appended.reasons().next().unwrap_or_default()
            );
        }
        self.done.samples += appended.written as u64;
        self.done.left_out += appended.refused_points as u64;
        self.done.last_ms = Some(last.t_ms);
        Ok(())
    }
}

/// Reads line protocol line by line; a text may have line feeds in it.
struct LineReader<R> {
    input: R,
    buffer: Vec<u8>,
    /// What of the buffer was read.
    at: usize,
    line: u64,
    ended: bool,
}

impl<R: Read> LineReader<R> {
    fn new(input: R) -> Self {
        Self { input, buffer: Vec::new(), at: 0, line: 1, ended: false }
    }

    /// More than the longest line is waiting, or all that is left.
    fn fill(&mut self) -> io::Result<()> {
        if self.buffer.len() - self.at <= MAX_LINE_BYTES && !self.ended {
            self.buffer.drain(..self.at);
            self.at = 0;
            let most = u64::try_from(BATCH_BYTES).unwrap_or(u64::MAX);
            let read = (&mut self.input).take(most).read_to_end(&mut self.buffer)?;
            self.ended = read == 0;
        }
        Ok(())
    }
}

impl<R: Read> PointReader for LineReader<R> {
    fn next_point(&mut self) -> io::Result<Option<Entry>> {
        loop {
            self.fill()?;
            let waiting = &self.buffer[self.at..];
            if waiting.is_empty() {
                return Ok(None);
            }
            let text = &waiting[..waiting.len().min(line_end(waiting) + 1)];
            self.at += text.len();
            let mut batch = decode(text, Precision::Nanoseconds, NO_TIME_MS);
            let (line, feeds) = (self.line, count_lines(text));
            self.line += feeds as u64;
            let point = match (batch.points.pop(), batch.errors.pop()) {
                (Some(point), _) if point.t_ms == NO_TIME_MS => Err("there is no time in it".to_owned()),
                (Some(point), _) => Ok(point),
                (None, Some(error)) => Err(format!("column {}: {}", error.column, error.reason)),
                (None, None) => continue,
            };
            return Ok(Some(Entry { line, bytes: text.len(), point }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csv::RowWriter;
    use crate::export::{Wanted, export};
    use picollect_evaluate::Window;
    use picollect_store::{EmbeddedStore, open};
    use picollect_telemetry::line::write_point;
    use proptest::prelude::*;

    fn store() -> (tempfile::TempDir, EmbeddedStore) {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path()).unwrap();
        (directory, store)
    }

    fn wanted(start_ms: i64) -> Wanted {
        Wanted { window: Window { start_ms, end_ms: i64::MAX / 4 }, nodes: Vec::new(), metrics: Vec::new() }
    }

    fn lines(store: &dyn Store, wanted: &Wanted) -> String {
        let mut text = Vec::new();
        export(store, wanted, |point| {
            write_point(point, &mut text);
            Ok(())
        })
        .unwrap();
        String::from_utf8(text).unwrap()
    }

    fn rows(store: &dyn Store, wanted: &Wanted) -> Vec<u8> {
        let mut text = Vec::new();
        let mut rows = RowWriter::new(&mut text).unwrap();
        export(store, wanted, |point| Ok(rows.write(point)?)).unwrap();
        rows.finish().unwrap();
        text
    }

    fn filled() -> (tempfile::TempDir, EmbeddedStore) {
        let (directory, store) = store();
        let text = concat!(
            "m,host=a f=0.1,g=-7i,h=18446744073709551615u,i=t 1000000\n",
            "m,host=a f=5e-324,z=\"a \\\"text\\\", #\\\\ of\ntwo lines\" 2000000\n",
            "my\\ m\\,,host=b\\ \\,\\=,tag\\ ä=℃\" f\\=1=0 2000000000\n",
            "power,host=b watts=5,joules=7 2500000000\n",
            "run,run=r document=\"{}\",end_ms=5i 1700000000000000000\n",
        );
        import(&store, text.as_bytes(), false).unwrap();
        (directory, store)
    }

    #[test]
    fn what_was_exported_and_imported_is_the_same_in_either_format_however_often() {
        let (_directory, one) = filled();
        let text = lines(&one, &wanted(0));
        assert_eq!(text.matches(" document=").count(), 1);
        for input in [text.clone().into_bytes(), rows(&one, &wanted(0))] {
            let (_directory, other) = store();
            for _ in 0..2 {
                let imported = import(&other, &input[..], false).unwrap();
                assert_eq!((imported.samples, imported.left_out), (11, 0));
                assert_eq!(lines(&other, &wanted(0)), text);
            }
        }
    }

    #[test]
    fn filters_choose_nodes_metrics_and_times() {
        let (_directory, store) = filled();
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let of_b = lines(&store, &Wanted { nodes: names(&["b"]), ..wanted(0) });
        assert_eq!(of_b, "power,host=b joules=7,watts=5 2500000000\n");
        let one = lines(&store, &Wanted { metrics: names(&["power.watts", "m.i"]), ..wanted(0) });
        assert_eq!(one, "m,host=a i=true 1000000\npower,host=b watts=5 2500000000\n");
        let late = lines(&store, &Wanted { metrics: names(&["m"]), ..wanted(2) });
        assert!(late.starts_with("m,host=a f=0.0000"), "{late}");
    }

    #[test]
    fn samples_that_are_dense_and_gaps_of_years_are_all_exported_in_order() {
        let (_directory, store) = store();
        let years = [1000, 1_500_000_000_000, 1_795_435_200_000];
        let text =
            |base_ms: i64| (0..2000).map(move |n| format!("m,host=a f={n} {}000000\n", base_ms + n * 7919));
        let text: String = years.into_iter().flat_map(text).collect();
        import(&store, text.as_bytes(), false).unwrap();
        assert_eq!(lines(&store, &wanted(0)), text);
    }

    #[test]
    fn a_bad_line_is_named_and_what_stood_before_it_is_imported() {
        let (_directory, one) = store();
        let text = "m f=1 1000000\nm f=\"a\nb\n\" 2000000\n# note\nm f= 3000000\nm g=1\nm g=4 4000000\n";
        let text = text.replace("f=\"a\nb\n\"", "t=\"a\nb\n\"");
        let error = format!("{:#}", import(&one, text.as_bytes(), false).unwrap_err());
        assert!(error.contains("line 6: column 5: field value is missing; mend it"), "{error}");
        assert!(error.starts_with(
            "only 2 samples were imported; to go on, export with --from 1970-01-01T00:00:00.002Z"
        ));
        let imported = import(&one, text.as_bytes(), true).unwrap();
        assert_eq!(
            (imported.samples, imported.left_out),
            (3, 2),
            "a line without a time would double itself"
        );
        let error = format!("{:#}", import(&one, &b"m f=2i 1000000\n"[..], false).unwrap_err());
        assert!(
            error.contains("lines 1 to 1") && error.contains("`f` of `m` is float, not integer"),
            "{error}"
        );
    }

    #[test]
    fn a_bad_row_is_named_and_a_row_without_end_takes_no_memory() {
        let (_directory, store) = store();
        let rows = |text: &str| import(&store, format!("{}\n{text}", HEADER.join(",")).as_bytes(), false);
        let error = |text: &str| format!("{:#}", rows(text).unwrap_err());
        assert!(error("1,m,,f,float,1\n2,m,,f,float,much\n").contains("line 3: `much` is no float"));
        assert!(error("1,m,,f,float\n").contains("line 2: 5 columns, not 6"));
        assert!(error("x,m,,f,float,1\n").contains("`x` is no time"));
        assert!(error("1,m,,f,double,1\n").contains("`double` is no type"));
        assert!(error("1,m,,f,float,inf\n").contains("line 2: "));
        assert!(
            error(&format!("1,m,,f,string,\"{}", "x".repeat(1_000_000))).contains("a row is longer than")
        );
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_line() {
        for text in
            ["\u{feff}m f=1 1000000\n".to_owned(), format!("\u{feff}{}\n1,m,,f,float,1\n", HEADER.join(","))]
        {
            let (_directory, store) = store();
            assert_eq!(import(&store, text.as_bytes(), false).unwrap().samples, 1, "{text}");
            assert_eq!(store.series(&picollect_store::Selector::default()).unwrap()[0].measurement, "m");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 8))]

        #[test]
        fn any_bytes_are_imported_or_refused_without_harm(
            body in proptest::collection::vec(any::<u8>(), 0..400), row in "([0-9a-z,\"= \\\\\n]{0,9},){5}(1|t|x)\n",
        ) {
            let (_directory, store) = store();
            let header = HEADER.join(",");
            for text in [body.clone(), [header.as_bytes(), b"\n", &body].concat(), format!("{header}\n{row}").into_bytes()] {
                let done = import(&store, &text[..], true);
                prop_assert!(done.is_ok_and(|done| done.samples == 0 || done.last_ms.is_some()));
            }
        }
    }
}

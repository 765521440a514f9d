//! Attributes: small text files of the kernel below a root, kept open and re-read in place, because
//! opening costs more than reading.

use std::fs::{self, File};
use std::io;
use std::ops::RangeInclusive;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use picollect_telemetry::NoData;

use crate::bounds::celsius_of_milli;

/// Longest attribute: `/proc/stat` of a machine with some hundred cores and many interrupts.
const MAX_ATTR_BYTES: usize = 256 * 1024;
/// Room for an attribute at first: sysfs has none that is longer.
const FIRST_BYTES: usize = 4096;
/// Linux' error number for a device that has gone.
const ENODEV: i32 = 19;

/// An attribute could not be turned into a value.
#[derive(Debug, thiserror::Error)]
pub enum AttrError {
    /// The file could not be opened or read.
    #[error("could not read `{path}`")]
    Read {
        /// Root and path together, as it was opened.
        path: Arc<Path>,
        /// What the kernel said.
        source: io::Error,
    },
    /// The file holds something else than expected.
    #[error("`{path}` holds {text:?}, which is not {wanted}")]
    Parse {
        /// Root and path together, as it was opened.
        path: Arc<Path>,
        /// What it holds, shortened.
        text: String,
        /// What was expected, as a phrase for people: `millidegrees Celsius`.
        wanted: &'static str,
    },
}

impl AttrError {
    /// What the collector is told; the full chain is for the local log only.
    pub fn no_data(&self) -> NoData {
        let Self::Read { source, .. } = self else { return NoData::Garbled };
        no_data(source)
    }
}

/// What the collector is told of the kernel's refusal.
pub fn no_data(error: &io::Error) -> NoData {
    match error.kind() {
        io::ErrorKind::NotFound => NoData::Absent,
        io::ErrorKind::PermissionDenied => NoData::Denied,
        io::ErrorKind::TimedOut => NoData::TimedOut,
        io::ErrorKind::InvalidData => NoData::Garbled,
        _ if error.raw_os_error() == Some(ENODEV) => NoData::Absent,
        _ => NoData::Failed,
    }
}

/// Where the board's files are: the real ones, or a fixture's.
#[derive(Debug, Clone)]
pub struct Root(PathBuf);

impl Root {
    /// Files are looked up below this directory.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self(directory.into())
    }

    /// The directory as it was given: `/` is this machine, all else a fixture.
    pub fn directory(&self) -> &Path {
        &self.0
    }

    /// An attribute, by its path from the root; nothing is opened yet.
    pub fn attr(&self, path: impl AsRef<Path>) -> Attr {
        Attr {
            path: self.0.join(path).into(),
            file: None,
            garbled_said: false,
            buffer: Vec::new(),
            length: 0,
        }
    }

    /// A file's whole text without the line feeds and NUL bytes around it, if it can be read.
    pub fn text(&self, path: &str) -> Option<String> {
        let mut attr = self.attr(path);
        let text = attr.read().ok()?.trim_matches(['\0', '\n', ' ']);
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// The names in a directory that begin with `prefix`, in numerical order; an absent directory has
    /// none.
    pub fn names(&self, directory: &str, prefix: &str) -> Vec<String> {
        let entries = fs::read_dir(self.0.join(directory)).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<String> = names.filter(|name| name.starts_with(prefix)).collect();
        names.sort_by_key(|name| (name.len(), name.clone()));
        names
    }
}

/// One file of the kernel.
#[derive(Debug)]
pub struct Attr {
    /// Shared with the errors: a file that is missing is missing at every tick.
    path: Arc<Path>,
    file: Option<File>,
    /// Whether the log has been told that the file holds no value.
    garbled_said: bool,
    /// As long as the file has ever needed; what it holds now is its first `length` bytes.
    buffer: Vec<u8>,
    length: usize,
}

impl Attr {
    /// The file's text as it is now.
    pub fn read(&mut self) -> Result<&str, AttrError> {
        self.refill()?;
        if std::str::from_utf8(self.bytes()).is_err() {
            return Err(self.garbled("UTF-8 text"));
        }
        Ok(std::str::from_utf8(self.bytes()).unwrap_or_default())
    }

    /// What `parse` makes of the file's text; `wanted` says what that is.
    pub fn parse<T>(
        &mut self,
        wanted: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<T, AttrError> {
        self.refill()?;
        let value = std::str::from_utf8(self.bytes()).ok().and_then(parse);
        value.ok_or_else(|| self.garbled(wanted))
    }

    /// The file's temperature, °C, of a number of thousandths that can be one.
    pub fn celsius(&mut self) -> Result<f64, AttrError> {
        let wanted = "a temperature in millidegrees Celsius that can be";
        self.parse(wanted, |text| celsius_of_milli(text.trim().parse().ok()?))
    }

    /// The file's one whole number in the unit that `unit` makes of it, if that lies within these bounds.
    pub fn within(
        &mut self,
        wanted: &'static str,
        bounds: &RangeInclusive<f64>,
        unit: impl Fn(f64) -> f64,
    ) -> Result<f64, AttrError> {
        // Not `f64`: that would also take `inf` and exponents.
        let value = |text: &str| Some(unit(text.trim().parse::<i64>().ok()? as f64));
        self.parse(wanted, |text| value(text).filter(|value| bounds.contains(value)))
    }

    /// The file's one number.
    pub fn number<T: FromStr>(&mut self, wanted: &'static str) -> Result<T, AttrError> {
        self.parse(wanted, |text| text.trim().parse().ok())
    }

    fn bytes(&self) -> &[u8] {
        &self.buffer[..self.length]
    }

    /// The log is told once of each file, with what it holds.
    fn garbled(&mut self, wanted: &'static str) -> AttrError {
        let text = String::from_utf8_lossy(self.bytes()).chars().take(40).collect();
        let error = AttrError::Parse { path: Arc::clone(&self.path), text, wanted };
        if !std::mem::replace(&mut self.garbled_said, true) {
            tracing::warn!("{error}; it counts as garbled");
        }
        error
    }

    fn refill(&mut self) -> Result<(), AttrError> {
        self.fill().map_err(|source| {
            // A device that comes back gets a new file.
            self.file = None;
            AttrError::Read { path: Arc::clone(&self.path), source }
        })
    }

    fn fill(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(File::open(&self.path)?),
        };
        if self.buffer.is_empty() {
            self.buffer.resize(FIRST_BYTES, 0);
        }
        self.length = 0;
        let mut length = 0;
        loop {
            if length == self.buffer.len() {
                if length >= MAX_ATTR_BYTES {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "attribute is too long"));
                }
                self.buffer.resize(length * 2, 0);
            }
            match file.read_at(&mut self.buffer[length..], length as u64) {
                Ok(0) => break,
                Ok(read) => length += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.length = length;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_is_read_anew_each_time_and_survives_its_files_absence() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::new(dir.path());
        let mut attr = root.attr("temp");
        assert_eq!(attr.number::<i64>("a number").unwrap_err().no_data(), NoData::Absent);
        fs::write(dir.path().join("temp"), "48312\n").unwrap();
        assert_eq!(attr.number::<i64>("a number").unwrap(), 48312);
        fs::write(dir.path().join("temp"), "-5\n").unwrap();
        assert_eq!(attr.number::<i64>("a number").unwrap(), -5);
        fs::write(dir.path().join("temp"), "").unwrap();
        assert_eq!(attr.number::<i64>("a number").unwrap_err().no_data(), NoData::Garbled);
    }

    #[test]
    fn a_long_attribute_is_read_whole_and_a_monster_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("long"), "x".repeat(20_000)).unwrap();
        fs::write(dir.path().join("monster"), "x".repeat(MAX_ATTR_BYTES + 1)).unwrap();
        let root = Root::new(dir.path());
        assert_eq!(root.attr("long").read().unwrap().len(), 20_000);
        assert_eq!(root.attr("monster").read().unwrap_err().no_data(), NoData::Garbled);
    }

    /// What is logged meanwhile.
    fn logged(work: impl FnOnce()) -> String {
        let said = Arc::new(std::sync::Mutex::new(Vec::new()));
        let writer = tracing_subscriber::fmt::writer::BoxMakeWriter::new({
            let said = Arc::clone(&said);
            move || Said(Arc::clone(&said))
        });
        let subscriber = tracing_subscriber::fmt().with_writer(writer).with_ansi(false).finish();
        tracing::subscriber::with_default(subscriber, work);
        String::from_utf8(said.lock().unwrap().clone()).unwrap()
    }

    struct Said(Arc<std::sync::Mutex<Vec<u8>>>);

    impl io::Write for Said {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_is_no_value_is_logged_once_with_what_the_file_holds() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("temp");
        let mut attr = Root::new(dir.path()).attr("temp");
        let text = logged(|| {
            for text in ["-650788984\n", "-650788984\n", "48312\n", "hot\n"] {
                fs::write(&path, text).unwrap();
                let _ = attr.celsius();
            }
        });
        assert_eq!(text.matches("counts as garbled").count(), 1, "{text}");
        assert!(text.contains("\"-650788984\\n\""), "{text}");
    }

    #[test]
    fn names_come_in_numerical_order() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["zone10", "zone2", "other"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        assert_eq!(Root::new(dir.path()).names("", "zone"), ["zone2", "zone10"]);
        assert!(Root::new(dir.path()).names("nowhere", "zone").is_empty());
    }
}

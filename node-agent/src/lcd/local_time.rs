//! The local time of the day, by the machine's own time zone.
//!
//! Reads `etc/localtime`, a file of the format TZif or a link to one (localtime(5), RFC 9636); where there is none, the zone is
//! UTC, as for the C library. The environment's `TZ` is a shell's and not the machine's, and is left alone.
//!
//! Invariant: a zone that cannot be read makes the local time unknown; it does not become UTC.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use picollect_lcd::rotation::DAY_MINUTES;

use picollect_board::attr::Root;

/// A zone with each change since 1900 in the longest form has less than 4 KiB.
const MAX_ZONE_BYTES: u64 = 64 * 1024;
/// A node that was carried elsewhere is right again after this.
const READ_AGAIN: Duration = Duration::from_secs(600);

/// The machine's time zone.
#[derive(Debug)]
pub struct LocalTime {
    root: Root,
    zone: Option<(Duration, Option<TimeZone>)>,
    complained: bool,
}

/// The zone is not known.
#[derive(Debug, thiserror::Error)]
enum ZoneError {
    #[error("could not read `{path}`")]
    Read { path: PathBuf, source: io::Error },
    #[error("`{path}` is not in the format TZif")]
    Garbled { path: PathBuf, source: jiff::Error },
}

impl LocalTime {
    /// Nothing is read before somebody asks.
    pub fn new(root: &Root) -> Self {
        Self { root: root.clone(), zone: None, complained: false }
    }

    /// The minute of the day at this Unix time in milliseconds; `now` is the agent's time, by which the zone grows old.
    pub fn minute(&mut self, wall_ms: i64, now: Duration) -> Option<u16> {
        if self.zone.as_ref().is_none_or(|(read_at, _)| now.saturating_sub(*read_at) >= READ_AGAIN) {
            let read = zone(&self.root);
            self.note(read.as_ref().err());
            self.zone = Some((now, read.ok()));
        }
        let (_, zone) = self.zone.as_ref()?;
        let time = zone.as_ref()?.to_datetime(Timestamp::from_millisecond(wall_ms).ok()?);
        let minute = u16::try_from(time.hour()).ok()? * 60 + u16::try_from(time.minute()).ok()?;
        (minute < DAY_MINUTES).then_some(minute)
    }

    fn note(&mut self, error: Option<&ZoneError>) {
        if let Some(error) = error.filter(|_| !self.complained) {
            let error = anyhow::format_err!("{error}")
                .context("the local time is unknown, so the panel neither shows it nor is dimmed");
            tracing::warn!(
                remedy = "set the time zone (`timedatectl set-timezone`), install tzdata",
                "{error:#}"
            );
        }
        self.complained = error.is_some();
    }
}

fn zone(root: &Root) -> Result<TimeZone, ZoneError> {
    let link = root.directory().join("etc/localtime");
    let path = match fs::read_link(&link) {
        // The link is the machine's, and so begins at its root.
        Ok(target) => target
            .strip_prefix("/")
            .map_or(link.with_file_name(&target), |below| root.directory().join(below)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(TimeZone::UTC),
        Err(_) => link,
    };
    let mut bytes = Vec::new();
    let read = File::open(&path).and_then(|file| file.take(MAX_ZONE_BYTES).read_to_end(&mut bytes));
    if let Err(source) = read {
        return Err(ZoneError::Read { path, source });
    }
    TimeZone::tzif("local", &bytes).map_err(|source| ZoneError::Garbled { path, source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// A file of version 2 without changes of its own: RFC 9636, section 3.2, says that then the rule in the footer holds,
    /// here the last rule of the European Union's law.
    fn tzif(rule: &str) -> Vec<u8> {
        let header = |version: u8| {
            let mut header = b"TZif".to_vec();
            header.push(version);
            header.extend([0; 15]);
            // Counts: UT and standard indicators, leap seconds, changes; one type of six bytes, and four for its name.
            header.extend([0_u32, 0, 0, 0, 1, 4].into_iter().flat_map(u32::to_be_bytes));
            header
        };
        let block = b"\0\0\x0e\x10\0\0CET\0";
        [header(b'2').as_slice(), block, &header(b'2'), block, format!("\n{rule}\n").as_bytes()].concat()
    }

    const BERLIN: &str = "CET-1CEST,M3.5.0,M10.5.0/3";
    const ZONE: &str = "usr/share/zoneinfo/Europe/Berlin";

    fn root_with(zone: &[u8]) -> (tempfile::TempDir, Root) {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("etc")).unwrap();
        fs::create_dir_all(dir.path().join(ZONE).parent().unwrap()).unwrap();
        fs::write(dir.path().join(ZONE), zone).unwrap();
        let root = Root::new(dir.path());
        (dir, root)
    }

    fn minute(root: &Root, time: &str) -> Option<u16> {
        let wall_ms = time.parse::<Timestamp>().unwrap().as_millisecond();
        LocalTime::new(root).minute(wall_ms, Duration::ZERO)
    }

    #[test]
    fn the_hour_jumps_with_daylight_saving_and_back() {
        let (dir, root) = root_with(&tzif(BERLIN));
        symlink(format!("/{ZONE}"), dir.path().join("etc/localtime")).unwrap();
        let minute = |time| minute(&root, time).unwrap();
        assert_eq!(minute("2026-03-29T00:59:59Z"), 60 + 59);
        assert_eq!(minute("2026-03-29T01:00:00Z"), 3 * 60);
        assert_eq!(minute("2026-10-25T00:59:59Z"), 2 * 60 + 59);
        assert_eq!(minute("2026-10-25T01:00:00Z"), 2 * 60);
        assert_eq!(minute("2051-07-01T22:30:00Z"), 30, "after all changes that a file lists");
    }

    #[test]
    fn a_link_may_be_relative_and_a_copy_is_as_good() {
        let (dir, root) = root_with(&tzif("IST-5:30"));
        let localtime = dir.path().join("etc/localtime");
        symlink(format!("../{ZONE}"), &localtime).unwrap();
        assert_eq!(minute(&root, "2026-01-01T00:00:00Z"), Some(5 * 60 + 30));
        fs::remove_file(&localtime).unwrap();
        fs::write(&localtime, tzif("NST3:30")).unwrap();
        assert_eq!(minute(&root, "2026-01-01T00:00:00Z"), Some(20 * 60 + 30));
    }

    #[test]
    fn without_a_zone_it_is_utc_and_one_that_cannot_be_read_is_unknown() {
        let (dir, root) = root_with(b"");
        assert_eq!(minute(&root, "2026-06-01T12:34:56Z"), Some(12 * 60 + 34));
        symlink("/usr/share/zoneinfo/Europe/Nowhere", dir.path().join("etc/localtime")).unwrap();
        assert_eq!(minute(&root, "2026-06-01T12:34:56Z"), None);
        fs::remove_file(dir.path().join("etc/localtime")).unwrap();
        symlink(format!("/{ZONE}"), dir.path().join("etc/localtime")).unwrap();
        assert_eq!(minute(&root, "2026-06-01T12:34:56Z"), None);
        assert!(zone(&root).unwrap_err().to_string().ends_with("is not in the format TZif"));
    }

    #[test]
    fn another_zone_is_noticed_after_a_while() {
        let (dir, root) = root_with(&tzif(BERLIN));
        symlink(format!("/{ZONE}"), dir.path().join("etc/localtime")).unwrap();
        let mut local = LocalTime::new(&root);
        assert_eq!(local.minute(0, Duration::ZERO), Some(60));
        fs::write(dir.path().join(ZONE), tzif("UTC0")).unwrap();
        assert_eq!(local.minute(0, READ_AGAIN / 2), Some(60));
        assert_eq!(local.minute(0, READ_AGAIN), Some(0));
        assert_eq!(local.minute(-60_000, READ_AGAIN), Some(DAY_MINUTES - 1));
    }
}

//! One-time codes, with which a node gets a token of its own or a browser a session.
//!
//! A code is a file named by its hash, so that using it up is one step of the file system: of two that come
//! at once, from whichever process, one wins. Its text is kept nowhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, ensure};
use picollect_settings::files;
use picollect_settings::introduction::{kept, name, proof};

/// How long a code can be used where nobody says otherwise: long enough to walk to the other node.
pub const VALID_MS: i64 = 15 * 60 * 1000;
/// And at most: a card that is written today is in its board within a week.
pub const LONGEST_VALID_MS: i64 = 7 * 24 * 3600 * 1000;
/// Codes that wait at once; a cluster that is set up in one go has fewer nodes.
const MAX_WAITING: usize = 64;
/// Wrong codes in a minute, from everybody together. At this rate a code of 60 bits is not guessed within its
/// quarter of an hour, nor within a week.
const MAX_WRONG_A_MINUTE: u32 = 10;
const MINUTE_MS: i64 = 60 * 1000;
/// What can be read aloud and typed: no 0 and O, no 1 and I. There are 32, so a byte's low five bits choose
/// one with equal chances.
const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
/// Letters of a code, in groups of [`GROUP`].
const LENGTH: usize = 12;
const GROUP: usize = 4;

/// Why a code does not open anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// There is no such code: it was never made, was used, or has ended.
    #[error(
        "this code is not valid: it works once, and for 15 minutes unless it was made for longer; `picollect token code` on the head node makes another"
    )]
    Unknown,
    /// Too many wrong ones came lately.
    #[error("too many wrong codes; wait a minute")]
    TooMany,
}

/// The codes of a data directory.
#[derive(Debug)]
pub(super) struct Codes {
    directory: PathBuf,
    /// Since when (Unix milliseconds) how many were wrong.
    wrong: Mutex<(i64, u32)>,
}

impl Codes {
    /// With which nodes join.
    pub(super) fn of(data: &Path) -> Self {
        Self { directory: data.join("codes"), wrong: Mutex::default() }
    }

    /// With which browsers log in.
    pub(super) fn of_logins(data: &Path) -> Self {
        Self { directory: data.join("logins"), wrong: Mutex::default() }
    }

    /// Takes the directory out of other users' sight: its names are enough to pass for the collector. Fails if it is
    /// somebody else's.
    pub(super) fn close(&self) -> anyhow::Result<()> {
        if !self.directory.exists() {
            return Ok(());
        }
        let cannot = || format!("cannot take `{}` out of other users' sight", self.directory.display());
        if files::close_to_others(&self.directory).with_context(cannot)? {
            tracing::info!("`{}` could be read by other users; no longer", self.directory.display());
        }
        Ok(())
    }

    /// Makes a code that is valid from `now_ms` for so long, at most [`LONGEST_VALID_MS`].
    pub(super) fn create(&self, now_ms: i64, valid_ms: i64) -> anyhow::Result<String> {
        ensure!((1..=LONGEST_VALID_MS).contains(&valid_ms), "a code is valid for 7 days at most");
        let cannot_write = || format!("cannot write a code to `{}`", self.directory.display());
        files::make_directory(&self.directory).with_context(cannot_write)?;
        self.close()?;
        let mut waiting = 0;
        for entry in fs::read_dir(&self.directory).with_context(cannot_write)? {
            let path = entry.with_context(cannot_write)?.path();
            if valid_until(&path).is_none_or(|until_ms| until_ms < now_ms) {
                // Another process may have been faster.
                let _ = fs::remove_file(path);
            } else {
                waiting += 1;
            }
        }
        ensure!(waiting < MAX_WAITING, "{waiting} codes wait to be used; use some, or wait until they end");
        let mut random = [0; LENGTH];
        getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
        let letter = |byte: &u8| char::from(LETTERS[usize::from(byte % 32)]);
        let text: String = random.iter().map(letter).collect();
        let file = self.directory.join(kept(&text));
        files::create(&file, (now_ms + valid_ms).to_string().as_bytes()).with_context(cannot_write)?;
        let groups = text.as_bytes().chunks(GROUP).map(String::from_utf8_lossy);
        Ok(groups.collect::<Vec<_>>().join("-"))
    }

    /// Uses a code up. Case, dashes and spaces do not matter.
    pub(super) fn redeem(&self, code: &str, now_ms: i64) -> Result<(), CodeError> {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        if !(wrong.0..wrong.0 + MINUTE_MS).contains(&now_ms) {
            *wrong = (now_ms, 0);
        }
        if wrong.1 >= MAX_WRONG_A_MINUTE {
            return Err(CodeError::TooMany);
        }
        let path = self.directory.join(kept(code));
        let valid = valid_until(&path).is_some_and(|until_ms| until_ms >= now_ms);
        // Who removes it has it.
        if fs::remove_file(path).is_ok() && valid {
            return Ok(());
        }
        wrong.1 += 1;
        Err(CodeError::Unknown)
    }

    /// Proves to the node that has the code with this name that the collector's authority (PEM) is this one; `None` if
    /// no such code waits. The code is not used up.
    pub(super) fn vouch(&self, named: &str, authority: &str, now_ms: i64) -> Option<String> {
        let waiting = fs::read_dir(&self.directory).ok()?.flatten();
        let valid =
            waiting.filter(|entry| valid_until(&entry.path()).is_some_and(|until_ms| until_ms >= now_ms));
        let kept = valid
            .filter_map(|entry| entry.file_name().into_string().ok())
            .find(|kept| name(kept) == named)?;
        Some(proof(&kept, authority))
    }
}

/// When the code ends, Unix milliseconds; `None` if its file is gone or garbled.
fn valid_until(path: &Path) -> Option<i64> {
    String::from_utf8(files::read_plain(path).ok()?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes() -> (tempfile::TempDir, Codes) {
        let directory = tempfile::tempdir().unwrap();
        let codes = Codes::of(directory.path());
        (directory, codes)
    }

    #[test]
    fn a_code_works_once_however_it_is_typed_and_its_text_is_kept_nowhere() {
        let (_directory, codes) = codes();
        let code = codes.create(1_000, VALID_MS).unwrap();
        assert_eq!(code.len(), LENGTH + 2, "{code}");
        let kept = fs::read_dir(&codes.directory).unwrap().next().unwrap().unwrap();
        assert!(!kept.file_name().to_string_lossy().contains(&code.replace('-', "")));
        let typed = format!(" {} ", code.to_lowercase().replace('-', " "));
        assert_eq!(codes.redeem(&typed, 2_000), Ok(()));
        assert_eq!(codes.redeem(&code, 2_000), Err(CodeError::Unknown));
    }

    #[test]
    fn codes_are_for_nobody_else_also_where_an_older_version_left_them_open() {
        use std::os::unix::fs::PermissionsExt as _;
        let (_directory, codes) = codes();
        codes.close().unwrap();
        codes.create(0, VALID_MS).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let file = fs::read_dir(&codes.directory).unwrap().next().unwrap().unwrap().path();
        assert_eq!((mode(&codes.directory), mode(&file)), (0o700, 0o600));
        fs::set_permissions(&codes.directory, fs::Permissions::from_mode(0o755)).unwrap();
        codes.close().unwrap();
        assert_eq!(mode(&codes.directory), 0o700);
    }

    #[test]
    fn a_code_ends_after_a_quarter_of_an_hour() {
        let (_directory, codes) = codes();
        let (early, late) = (codes.create(0, VALID_MS).unwrap(), codes.create(0, VALID_MS).unwrap());
        assert_eq!(codes.redeem(&early, VALID_MS), Ok(()));
        assert_eq!(codes.redeem(&late, VALID_MS + 1), Err(CodeError::Unknown));
    }

    #[test]
    fn a_code_for_a_card_lasts_as_long_as_it_is_made_for_and_no_longer_than_a_week() {
        let (_directory, codes) = codes();
        let (early, late) = (codes.create(0, LONGEST_VALID_MS).unwrap(), codes.create(0, 1).unwrap());
        assert_eq!(codes.redeem(&early, LONGEST_VALID_MS), Ok(()));
        assert_eq!(codes.redeem(&late, 2), Err(CodeError::Unknown));
        assert!(codes.create(0, LONGEST_VALID_MS + 1).is_err() && codes.create(0, 0).is_err());
    }

    #[test]
    fn a_waiting_code_vouches_and_one_that_was_used_or_never_made_does_not() {
        let (_directory, codes) = codes();
        let code = codes.create(0, VALID_MS).unwrap();
        let vouched = codes.vouch(&name(&kept(&code)), "PEM", VALID_MS).unwrap();
        assert_eq!(vouched, proof(&kept(&code), "PEM"));
        assert_eq!(codes.vouch(&name(&kept(&code)), "PEM", VALID_MS + 1), None);
        assert_eq!(codes.vouch(&name(&kept("ABCD")), "PEM", 0), None);
        codes.redeem(&code, 0).unwrap();
        assert_eq!(codes.vouch(&name(&kept(&code)), "PEM", 0), None);
    }

    #[test]
    fn guessing_is_slowed_down_for_a_minute() {
        let (_directory, codes) = codes();
        let code = codes.create(0, VALID_MS).unwrap();
        for _ in 0..MAX_WRONG_A_MINUTE {
            assert_eq!(codes.redeem("ABCD-EFGH-JKLM", 0), Err(CodeError::Unknown));
        }
        assert_eq!(
            codes.redeem(&code, MINUTE_MS - 1),
            Err(CodeError::TooMany),
            "the right one has to wait too"
        );
        assert_eq!(codes.redeem(&code, MINUTE_MS), Ok(()));
    }

    #[test]
    fn codes_do_not_pile_up() {
        let (_directory, codes) = codes();
        for _ in 0..MAX_WAITING {
            codes.create(0, VALID_MS).unwrap();
        }
        assert!(codes.create(1, VALID_MS).unwrap_err().to_string().contains("64 codes wait"));
        codes.create(VALID_MS + 1, VALID_MS).unwrap();
        assert_eq!(fs::read_dir(&codes.directory).unwrap().count(), 1, "those that ended are gone");
    }
}

//! A browser's session: what its cookie says, and how any collector that has the tokens' file knows that it is true.
//!
//! The cookie is `1.ID.UNTIL.SEAL`: which token it stands for, when it ends (Unix milliseconds), and a seal on both
//! whose key is what the file keeps of that token. So there is no list of sessions: one ends with its token, also at a
//! collector that has never seen the browser (ADR 38).

use picollect_settings::seal::{is_sealed, seal};

use crate::Scope;
use crate::codes::{CodeError, VALID_MS};
use crate::entry::Entry;
use crate::{Grant, Tokens, add, hash, time};

/// How long a browser stays logged in, milliseconds: 30 days.
pub const SESSION_MS: i64 = 30 * 24 * 3600 * 1000;
/// Longer than any cookie of ours; nothing else is looked at.
const MAX_COOKIE_BYTES: usize = 160;
/// The most sessions by one-time links that live at once; past that the oldest ends.
const MAX_LINKED: usize = 100;

/// A browser that has just logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The cookie's value: letters, digits and dots.
    pub cookie: String,
    /// What it opens.
    pub grant: Grant,
}

/// Why a one-time link did not log in.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// Its code opens nothing.
    #[error(transparent)]
    Code(#[from] CodeError),
    /// The session could not be kept.
    #[error(transparent)]
    Files(#[from] anyhow::Error),
}

impl Tokens {
    /// The session of who has this token; `None` if it is not known here or may not read. Fails if the tokens' file is
    /// there and cannot be read.
    pub fn log_in(&self, token: &str, now_ms: i64) -> anyhow::Result<Option<Session>> {
        let hash = hash(token);
        let entries = self.entries_at(now_ms)?;
        let reads = |entry: &&Entry| entry.has(&hash) && entry.grant().allows(Scope::Read);
        Ok(entries.iter().find(reads).map(|entry| session(entry, now_ms)))
    }

    /// Makes the one-time code of a link that logs a browser in, valid for a quarter of an hour. Fails if it cannot be
    /// kept.
    pub fn login_code(&self) -> anyhow::Result<String> {
        self.logins.create(time::now_ms(), VALID_MS)
    }

    /// Takes such a code back that nobody has seen.
    pub fn forget_login_code(&self, code: &str) -> Result<(), CodeError> {
        self.logins.redeem(code, time::now_ms())
    }

    /// Uses such a code up for a session that may read. A token stands for it, whose text nobody knows: under its name
    /// the session is listed and revoked.
    pub fn log_in_by_code(&self, code: &str, now_ms: i64) -> Result<Session, LoginError> {
        self.logins.redeem(code, now_ms)?;
        let made = self.change(|entries| {
            let linked = |entry: &Entry| entry.until_ms.is_some();
            entries.retain(|entry| !entry.is_over(now_ms));
            while entries.iter().filter(|entry| linked(entry)).count() >= MAX_LINKED {
                let oldest = entries.iter().position(linked);
                oldest.map(|oldest| entries.remove(oldest));
            }
            let name = free_name(entries, &format!("browser {}", time::rfc3339(now_ms)));
            add(entries, &name, &[Scope::Read], None)?;
            let Some(entry) = entries.last_mut() else { anyhow::bail!("the token is not there") };
            entry.until_ms = Some(now_ms.saturating_add(SESSION_MS));
            Ok(session(entry, now_ms))
        })?;
        Ok(made)
    }

    /// What a cookie opens; `None` if it is none of ours, is over, or its token was revoked. Fails if the tokens' file
    /// is there and cannot be read.
    pub fn session(&self, cookie: &str, now_ms: i64) -> anyhow::Result<Option<Grant>> {
        Ok(self.behind(cookie, now_ms)?.map(|entry| entry.grant()).filter(|grant| grant.allows(Scope::Read)))
    }

    /// Ends a session. One that came by a link ends everywhere, together with its token; one that came by a token ends
    /// where the browser forgets its cookie.
    pub fn log_out(&self, cookie: &str, now_ms: i64) -> anyhow::Result<()> {
        match self.behind(cookie, now_ms)? {
            Some(entry) if entry.until_ms.is_some() => self.revoke(&entry.name),
            _ => Ok(()),
        }
    }

    fn behind(&self, cookie: &str, now_ms: i64) -> anyhow::Result<Option<Entry>> {
        let Some((id, until_ms, sealed, seal)) = parts(cookie) else { return Ok(None) };
        if until_ms < now_ms {
            return Ok(None);
        }
        let found = self.entries_at(now_ms)?.into_iter().find(|entry| id_of(entry) == id);
        Ok(found.filter(|entry| is_sealed(entry.sha256.as_bytes(), sealed, seal)))
    }
}

fn session(entry: &Entry, now_ms: i64) -> Session {
    let sealed = format!("1.{}.{}", id_of(entry), now_ms.saturating_add(SESSION_MS));
    let seal = seal(entry.sha256.as_bytes(), &sealed);
    Session { cookie: format!("{sealed}.{seal}"), grant: entry.grant() }
}

/// Names a token in a cookie; nothing of the token or of what the file keeps can be found from it.
fn id_of(entry: &Entry) -> String {
    seal(entry.sha256.as_bytes(), "a session's id")[..32].to_owned()
}

/// The token's id, the end, what is sealed, and the seal.
fn parts(cookie: &str) -> Option<(&str, i64, &str, &str)> {
    if cookie.len() > MAX_COOKIE_BYTES {
        return None;
    }
    let (sealed, seal) = cookie.rsplit_once('.')?;
    let (id, until_ms) = sealed.strip_prefix("1.")?.split_once('.')?;
    Some((id, until_ms.parse().ok()?, sealed, seal))
}

fn free_name(entries: &[Entry], wanted: &str) -> String {
    let is_free = |name: &String| entries.iter().all(|entry| entry.name != *name);
    let numbered = (2..).map(|number| format!("{wanted} ({number})"));
    std::iter::once(wanted.to_owned()).chain(numbered).find(is_free).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_795_443_117_000;

    fn opens(tokens: &Tokens, cookie: &str, now_ms: i64) -> bool {
        tokens.session(cookie, now_ms).unwrap().is_some()
    }

    #[test]
    fn a_session_holds_at_every_collector_with_the_file_and_ends_with_its_token_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let (one, other) = (Tokens::of(directory.path()), Tokens::of(directory.path()));
        let token = one.create("tablet", &[Scope::Read], None).unwrap();
        let session = one.log_in(&token, NOW_MS).unwrap().unwrap();
        assert_eq!(session.grant.name, "tablet");
        assert!(!session.cookie.contains(&token[3..]));
        assert!(opens(&one, &session.cookie, NOW_MS) && opens(&other, &session.cookie, NOW_MS + SESSION_MS));
        assert!(!opens(&one, &session.cookie, NOW_MS + SESSION_MS + 1), "after 30 days");
        other.revoke("tablet").unwrap();
        assert!(!opens(&one, &session.cookie, NOW_MS) && !opens(&other, &session.cookie, NOW_MS));
        one.create("tablet", &[Scope::Read], None).unwrap();
        assert!(!opens(&one, &session.cookie, NOW_MS), "another token under the same name is another one");
    }

    #[test]
    fn nothing_of_a_cookie_can_be_changed() {
        let directory = tempfile::tempdir().unwrap();
        let tokens = Tokens::of(directory.path());
        let token = tokens.create("tablet", &[Scope::Read], None).unwrap();
        let cookie = tokens.log_in(&token, NOW_MS).unwrap().unwrap().cookie;
        for at in 0..cookie.len() {
            let mut bytes = cookie.clone().into_bytes();
            bytes[at] = if bytes[at] == b'7' { b'8' } else { b'7' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(!opens(&tokens, &changed, NOW_MS), "{at}: {changed}");
        }
        for wrong in ["", "1", "1.", "1..", "1.a.b.c", "...", &"1".repeat(10_000)] {
            assert!(!opens(&tokens, wrong, NOW_MS), "{wrong}");
        }
    }

    #[test]
    fn only_who_may_read_is_let_in() {
        let directory = tempfile::tempdir().unwrap();
        let tokens = Tokens::of(directory.path());
        for (scope, lets_in) in
            [(Scope::Write, false), (Scope::Read, true), (Scope::Run, true), (Scope::Admin, true)]
        {
            let token = tokens.create(scope.as_str(), &[scope], None).unwrap();
            assert_eq!(tokens.log_in(&token, NOW_MS).unwrap().is_some(), lets_in, "{scope}");
        }
        assert_eq!(tokens.log_in("pc_0", NOW_MS).unwrap(), None);
    }

    #[test]
    fn a_link_logs_in_once_its_session_is_listed_and_logging_out_ends_it_everywhere() {
        let directory = tempfile::tempdir().unwrap();
        let (one, other) = (Tokens::of(directory.path()), Tokens::of(directory.path()));
        let code = one.login_code().unwrap();
        assert!(one.join(&code, "pi-1").is_err(), "it lets no node in");
        assert!(one.log_in_by_code(&one.code().unwrap(), NOW_MS).is_err(), "and a node's code no browser");
        let now_ms = time::now_ms();
        let session = other.log_in_by_code(&code, now_ms).unwrap();
        assert_eq!(session.grant.scopes, [Scope::Read]);
        assert!(one.log_in_by_code(&code, now_ms).is_err(), "once");
        assert!(opens(&one, &session.cookie, now_ms));
        assert!(one.list().unwrap()[0].grant.name.starts_with("browser 20"));
        one.log_out(&session.cookie, now_ms).unwrap();
        assert!(!opens(&other, &session.cookie, now_ms));
        assert_eq!(other.list().unwrap(), []);
    }

    #[test]
    fn sessions_by_links_do_not_pile_up() {
        let directory = tempfile::tempdir().unwrap();
        let tokens = Tokens::of(directory.path());
        let log_in = |now_ms| tokens.log_in_by_code(&tokens.login_code().unwrap(), now_ms).unwrap();
        let now_ms = time::now_ms();
        let first = log_in(now_ms);
        for _ in 0..MAX_LINKED {
            log_in(now_ms);
        }
        assert_eq!(tokens.list().unwrap().len(), MAX_LINKED);
        assert!(!opens(&tokens, &first.cookie, now_ms));
    }
}

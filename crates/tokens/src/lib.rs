//! Tokens: made once, shown once, kept as a hash in the data directory.
//!
//! The file is read again whenever it has changed, so a token made or revoked while the collector runs is so at once.
//! With a one-time code ([`codes`]) a node gets a token that is bound to it. What a token opens are its [`Scope`]s. A
//! browser has a [`Session`] that stands for a token.
//!
//! ```
//! use picollect_tokens::{Scope, Tokens};
//!
//! let directory = tempfile::tempdir()?;
//! let tokens = Tokens::of(directory.path());
//! let token = tokens.create("tablet", &[Scope::Read], None)?;
//! let session = tokens.log_in(&token, 0)?.expect("it may read");
//! assert!(tokens.session(&session.cookie, 0)?.is_some());
//! tokens.revoke("tablet")?;
//! assert!(tokens.session(&session.cookie, 0)?.is_none());
//! # Ok::<(), anyhow::Error>(())
//! ```

pub mod codes;
mod entry;
mod scope;
mod session;

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use picollect_settings::{files, hex, nearest};
use sha2::{Digest as _, Sha256};

use self::codes::{CodeError, Codes};
use self::entry::Entry;
pub use self::scope::{Grant, Scope, listed};
pub use self::session::{LoginError, SESSION_MS, Session};
use picollect_settings::time;

const FILE: &str = "tokens.json";

/// Inode and time of change: a file that was replaced differs in one of them.
type Version = (u64, i64, i64);

/// A token as it is listed; nobody knows its text any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// What it opens, and its name.
    pub grant: Grant,
    /// When it was made, RFC 3339.
    pub created: String,
    /// Whether a version made it that did not know scopes: if it records runs, then until the next release.
    pub is_older: bool,
}

/// Why a node could not join.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The code opens nothing.
    #[error(transparent)]
    Code(#[from] CodeError),
    /// A node cannot be called that.
    #[error("a node's name has 1 to {MAX_NODE_NAME} bytes and no control characters")]
    Name,
    /// The token could not be kept.
    #[error(transparent)]
    Files(#[from] anyhow::Error),
}

/// Longest name of a node in bytes: that of a host in the DNS.
const MAX_NODE_NAME: usize = 253;

/// Whether a node may have this name: what a host in the DNS may have.
pub fn is_node_name(name: &str) -> bool {
    (1..=MAX_NODE_NAME).contains(&name.len()) && !name.chars().any(char::is_control)
}

/// The tokens of a data directory.
#[derive(Debug)]
pub struct Tokens {
    path: PathBuf,
    /// The entries, and which version of the file they were read from.
    read: Mutex<(Option<Version>, Vec<Entry>)>,
    codes: Codes,
    /// The codes of links that log a browser in.
    logins: Codes,
    /// One change after the other: each reads the file and replaces it. Other processes are kept out by a file's lock.
    changing: Mutex<()>,
}

impl Tokens {
    /// The tokens of this directory, read when first asked for.
    pub fn of(directory: &Path) -> Self {
        Self::at(directory.join(FILE))
    }

    /// The tokens of this file, read when first asked for; the codes lie beside it.
    pub fn at(path: PathBuf) -> Self {
        let beside = path.parent().unwrap_or(Path::new("."));
        let (codes, logins) = (Codes::of(beside), Codes::of_logins(beside));
        Self { path, read: Mutex::new((None, Vec::new())), codes, logins, changing: Mutex::new(()) }
    }

    /// What a collector does with them when it starts: it takes the codes of an older version out of other users'
    /// sight, and says in the log what is different for such a version's tokens. Fails if the tokens cannot be read.
    pub fn begin(&self) -> anyhow::Result<()> {
        if let Err(error) = self.codes.close() {
            tracing::warn!("{error:#}; `picollect token code`, run as root once, puts it right");
        }
        let older: Vec<Grant> =
            self.entries()?.iter().filter(|entry| entry.is_older()).map(Entry::grant).collect();
        let names = |is_meant: &dyn Fn(&Grant) -> bool| {
            let names: Vec<&str> =
                older.iter().filter(|grant| is_meant(grant)).map(|grant| grant.name.as_str()).collect();
            (!names.is_empty()).then(|| names.join(", "))
        };
        if let Some(names) = names(&|grant| grant.node.is_some() && grant.allows(Scope::Write)) {
            tracing::info!("tokens that are bound to a node write its samples, and no longer runs: {names}");
        }
        if let Some(names) = names(&|grant| grant.allows(Scope::Run)) {
            tracing::warn!(
                "tokens of an older version may record runs until the next release: {names}; for what records runs \
                 make one with `picollect token create --scope run`, then `picollect token revoke` these"
            );
        }
        Ok(())
    }

    /// Makes a token and gives its text, which is kept nowhere. With `node`, only that node's samples can be written
    /// with it. A name that is empty or taken is an error, and so is a node without the scope `write` or with `admin`.
    pub fn create(&self, name: &str, scopes: &[Scope], node: Option<&str>) -> anyhow::Result<String> {
        ensure!(!name.is_empty(), "a token needs a name");
        ensure!(!scopes.is_empty(), "a token needs a scope");
        if let Some(node) = node {
            ensure!(is_node_name(node), "a node cannot be called `{}`", node.escape_debug());
            let binds = scopes.contains(&Scope::Write) && !scopes.contains(&Scope::Admin);
            ensure!(
                binds,
                "a node binds what may be written: it goes with the scope `write`, not with `admin`"
            );
        }
        self.change(|entries| {
            ensure!(
                entries.iter().all(|entry| entry.name != name),
                "there is a token named `{name}` already"
            );
            add(entries, name, scopes, node)
        })
    }

    /// The same under a name whose token, if there is one, ends.
    pub fn renew(&self, name: &str, scopes: &[Scope]) -> anyhow::Result<String> {
        self.change(|entries| {
            entries.retain(|entry| entry.name != name);
            add(entries, name, scopes, None)
        })
    }

    /// All tokens, in the order in which they were made. Fails if their file is there and cannot be read.
    pub fn list(&self) -> anyhow::Result<Vec<Listed>> {
        let listed = |entry: &Entry| Listed {
            grant: entry.grant(),
            created: entry.created.clone(),
            is_older: entry.is_older(),
        };
        Ok(self.entries_at(time::now_ms())?.iter().map(listed).collect())
    }

    /// Ends the token of this name, at once and also for a collector that runs. Fails if there is none.
    pub fn revoke(&self, name: &str) -> anyhow::Result<()> {
        self.change(|entries| {
            let before = entries.len();
            entries.retain(|entry| entry.name != name);
            if entries.len() < before {
                return Ok(());
            }
            let near = nearest(name, entries.iter().map(|entry| entry.name.as_str()));
            let near = near.map_or_else(String::new, |near| format!(", did you mean `{near}`?"));
            bail!(
                "there is no token named `{}`{near}; `picollect token list` names them",
                name.escape_debug()
            )
        })
    }

    /// Makes a one-time code, valid for a quarter of an hour. Fails if it cannot be kept.
    pub fn code(&self) -> anyhow::Result<String> {
        self.codes.create(time::now_ms(), codes::VALID_MS)
    }

    /// The same for a card that is written now and is in its board later: valid for so long, 7 days at most.
    pub fn code_for(&self, valid: Duration) -> anyhow::Result<String> {
        self.codes.create(time::now_ms(), time::millis(valid))
    }

    /// Takes a code back that nobody has seen.
    pub fn forget_code(&self, code: &str) -> Result<(), CodeError> {
        self.codes.redeem(code, time::now_ms())
    }

    /// Proves the collector's authority (PEM) to the node that has the code with this name; `None` if none
    /// waits.
    pub fn vouch(&self, code_name: &str, authority: &str) -> Option<String> {
        self.codes.vouch(code_name, authority, time::now_ms())
    }

    /// Uses a code up for a write token that is bound to this node. The token that the node joined with
    /// before ends, so a card that is written anew leaves none behind. If no node can be called
    /// that, the code stays unused.
    pub fn join(&self, code: &str, node: &str) -> Result<String, JoinError> {
        if !is_node_name(node) {
            return Err(JoinError::Name);
        }
        self.codes.redeem(code, time::now_ms())?;
        let name = joined(node);
        Ok(self.change(|entries| {
            entries.retain(|entry| entry.name != name);
            add(entries, &name, &[Scope::Write], Some(node))
        })?)
    }

    /// Gives the tokens that are bound to a node to its new name. If that has joined already, what the old
    /// name joined with ends.
    pub fn rename_node(&self, old: &str, new: &str) -> anyhow::Result<()> {
        if self.entries()?.iter().all(|entry| entry.node.as_deref() != Some(old)) {
            return Ok(());
        }
        let (joined_old, joined_new) = (joined(old), joined(new));
        self.change(|entries| {
            let has_joined = entries.iter().any(|entry| entry.name == joined_new);
            entries.retain(|entry| !(has_joined && entry.name == joined_old));
            for entry in entries.iter_mut().filter(|entry| entry.node.as_deref() == Some(old)) {
                entry.node = Some(new.to_owned());
                if entry.name == joined_old {
                    entry.name.clone_from(&joined_new);
                }
            }
            Ok(())
        })
    }

    /// Whether any token has been made. Fails if their file is there and cannot be read.
    pub fn any(&self) -> anyhow::Result<bool> {
        Ok(!self.entries()?.is_empty())
    }

    /// What this token opens; `None` for one that is not known here. Fails if the tokens' file is there and cannot be
    /// read.
    pub fn grant(&self, token: &str) -> anyhow::Result<Option<Grant>> {
        let hash = hash(token);
        Ok(self.entries_at(time::now_ms())?.iter().find(|entry| entry.has(&hash)).map(Entry::grant))
    }

    /// Those that have not ended by themselves at a moment, Unix milliseconds.
    fn entries_at(&self, now_ms: i64) -> anyhow::Result<Vec<Entry>> {
        let mut entries = self.entries()?;
        entries.retain(|entry| !entry.is_over(now_ms));
        Ok(entries)
    }

    fn entries(&self) -> anyhow::Result<Vec<Entry>> {
        let changed = match fs::metadata(&self.path) {
            Ok(metadata) => Some((metadata.ino(), metadata.ctime(), metadata.ctime_nsec())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error).with_context(|| self.cannot_read()),
        };
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if read.0 != changed {
            let text = files::read_plain(&self.path).with_context(|| self.cannot_read())?;
            *read = (changed, serde_json::from_slice(&text).with_context(|| self.cannot_read())?);
        }
        Ok(read.1.clone())
    }

    fn cannot_read(&self) -> String {
        format!("cannot read the tokens in `{}`", self.path.display())
    }

    /// Changes the entries, one after the other with whoever else does, and replaces the file in one step.
    fn change<T>(&self, change: impl FnOnce(&mut Vec<Entry>) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let cannot_write = || format!("cannot write the tokens in `{}`", self.path.display());
        let _one = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        files::make_directory(self.path.parent().unwrap_or(Path::new("."))).with_context(cannot_write)?;
        let lock = files::open_to_append(&self.path.with_extension("lock")).with_context(cannot_write)?;
        lock.lock().with_context(cannot_write)?;
        let mut entries = self.entries()?;
        let done = change(&mut entries)?;
        files::replace(&self.path, &serde_json::to_vec_pretty(&entries)?).with_context(cannot_write)?;
        self.read.lock().unwrap_or_else(PoisonError::into_inner).0 = None;
        Ok(done)
    }
}

/// Adds a token and gives its text.
fn add(entries: &mut Vec<Entry>, name: &str, scopes: &[Scope], node: Option<&str>) -> anyhow::Result<String> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
    let token = format!("pc_{}", hex(&random));
    let created = time::rfc3339(time::now_ms());
    entries.push(Entry::new(name, scopes, node, hash(&token), created));
    Ok(token)
}

/// What the token is called that a node joined with.
fn joined(node: &str) -> String {
    format!("joined {node}")
}

fn hash(token: &str) -> String {
    hex(&Sha256::digest(token.as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn opens(tokens: &Tokens, token: &str) -> Option<Vec<Scope>> {
        tokens.grant(token).unwrap().map(|grant| grant.scopes)
    }

    #[test]
    fn a_token_opens_its_scopes_and_its_text_is_kept_nowhere() {
        let directory = tempfile::tempdir().unwrap();
        let tokens = Tokens::of(directory.path());
        assert!(!tokens.any().unwrap());
        let token = tokens.create("pi-1", &[Scope::Write, Scope::Run], Some("pi-1")).unwrap();
        let grant = tokens.grant(&token).unwrap().unwrap();
        assert_eq!((grant.name.as_str(), grant.node.as_deref()), ("pi-1", Some("pi-1")));
        assert!(grant.allows(Scope::Write) && grant.allows(Scope::Run) && !grant.allows(Scope::Admin));
        assert_eq!(tokens.grant("pc_0").unwrap(), None);
        let file = fs::read_to_string(directory.path().join(FILE)).unwrap();
        assert!(!file.contains(&token[3..]));
        // The hash of FIPS 180-2's example "abc".
        assert!(hash("abc").starts_with("ba7816bf8f01cfea"));
    }

    #[test]
    fn a_token_made_or_revoked_by_another_process_is_so_at_once_and_a_name_stands_once() {
        let directory = tempfile::tempdir().unwrap();
        let (serving, command) = (Tokens::of(directory.path()), Tokens::of(directory.path()));
        let first = command.create("a", &[Scope::Write], None).unwrap();
        assert_eq!(opens(&serving, &first), Some(vec![Scope::Write]));
        let second = command.create("b", &[Scope::Read], None).unwrap();
        assert_eq!(opens(&serving, &second), Some(vec![Scope::Read]));
        let error = command.create("a", &[Scope::Read], None).unwrap_err().to_string();
        assert!(error.contains("named `a`"), "{error}");
        command.revoke("a").unwrap();
        assert_eq!((opens(&serving, &first), opens(&serving, &second).is_some()), (None, true));
        assert_eq!(serving.list().unwrap().len(), 1);
        let error = command.revoke("a").unwrap_err().to_string();
        assert!(error.contains("no token named `a`"), "{error}");
    }

    #[test]
    fn a_node_binds_what_is_written_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let tokens = Tokens::of(directory.path());
        for scopes in [&[Scope::Run][..], &[Scope::Read], &[Scope::Write, Scope::Admin], &[]] {
            assert!(tokens.create("x", scopes, Some("pi-1")).is_err(), "{scopes:?}");
        }
        assert!(tokens.create("x", &[Scope::Write], Some("a\nb")).is_err());
        assert!(!tokens.any().unwrap());
    }

    #[test]
    fn many_who_change_the_tokens_at_once_lose_none() {
        let directory = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for process in 0..4 {
                let tokens = Tokens::of(directory.path());
                scope.spawn(move || {
                    for n in 0..8 {
                        tokens.create(&format!("{process} {n}"), &[Scope::Write], None).unwrap();
                    }
                });
            }
        });
        assert_eq!(Tokens::of(directory.path()).list().unwrap().len(), 32);
    }

    #[test]
    fn the_file_keeps_its_mode_and_one_that_is_no_file_is_said() {
        let directory = tempfile::tempdir().unwrap();
        let (tokens, file) = (Tokens::of(directory.path()), directory.path().join(FILE));
        tokens.create("a", &[Scope::Read], None).unwrap();
        let mode = || fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        tokens.create("b", &[Scope::Read], None).unwrap();
        assert_eq!(mode(), 0o640);
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        let error = format!("{:#}", tokens.create("c", &[Scope::Read], None).unwrap_err());
        assert!(error.contains("it is no plain file"), "{error}");
    }

    #[test]
    fn who_joins_gets_a_token_for_its_own_node_and_joining_again_ends_the_first() {
        let directory = tempfile::tempdir().unwrap();
        let tokens = Tokens::of(directory.path());
        let first = tokens.join(&tokens.code().unwrap(), "pi-1").unwrap();
        let opened = tokens.grant(&first).unwrap().unwrap();
        assert_eq!((opened.scopes, opened.node.as_deref()), (vec![Scope::Write], Some("pi-1")));
        let second = tokens.join(&tokens.code().unwrap(), "pi-1").unwrap();
        assert_eq!(opens(&tokens, &first), None);
        assert_eq!(opens(&tokens, &second), Some(vec![Scope::Write]));
    }

    #[test]
    fn a_name_that_no_node_has_costs_no_code() {
        let directory = tempfile::tempdir().unwrap();
        let tokens = Tokens::of(directory.path());
        let code = tokens.code().unwrap();
        for wrong in ["", "a\nb", &"x".repeat(MAX_NODE_NAME + 1)] {
            assert!(matches!(tokens.join(&code, wrong), Err(JoinError::Name)), "{wrong:?}");
        }
        tokens.join(&code, "pi-1").unwrap();
    }

    /// What a version without scopes left: `picollect token create` and `picollect-agent join` of 0.1.0 wrote it. Its
    /// tokens are `pc_` and their name.
    const OF_VERSION_0_1: &str = include_str!("of-version-0.1.json");

    #[test]
    fn after_an_upgrade_bound_tokens_record_no_runs_and_unbound_ones_still_do() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(FILE), OF_VERSION_0_1).unwrap();
        let tokens = Tokens::of(directory.path());
        tokens.begin().unwrap();
        let check = |tokens: &Tokens| {
            assert_eq!(opens(tokens, "pc_agents"), Some(vec![Scope::Write, Scope::Run]));
            assert_eq!(opens(tokens, "pc_joined pi-1"), Some(vec![Scope::Write]));
            assert_eq!(tokens.grant("pc_joined pi-1").unwrap().unwrap().node.as_deref(), Some("pi-1"));
            assert_eq!(opens(tokens, "pc_grafana"), Some(vec![Scope::Read]));
        };
        check(&tokens);
        // What is made beside them changes nothing of them.
        let new = tokens.create("new", &[Scope::Write], None).unwrap();
        assert_eq!(opens(&tokens, &new), Some(vec![Scope::Write]));
        check(&Tokens::of(directory.path()));
        let older: Vec<bool> = tokens.list().unwrap().iter().map(|token| token.is_older).collect();
        assert_eq!(older, [true, true, true, false]);
        tokens.rename_node("pi-1", "pi-2").unwrap();
        assert_eq!(
            opens(&tokens, "pc_joined pi-1"),
            Some(vec![Scope::Write]),
            "also when its node is renamed"
        );
    }
}

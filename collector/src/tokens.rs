//! Tokens: made once, shown once, kept as a hash in the data directory.
//!
//! The file is read again whenever it has changed, so a token made while the collector runs works at
//! once. With a one-time code ([`codes`]) a node gets a token that is bound to it.

pub mod codes;

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, ensure};
use picollect_settings::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use self::codes::{CodeError, Codes};
use picollect_settings::time;

const FILE: &str = "tokens.json";

/// What the bearer of a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Push samples
    Write,
    /// Read reports and queries
    Read,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Entry {
    name: String,
    scope: Scope,
    /// The only node whose samples it may push; none means any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    node: Option<String>,
    sha256: String,
    created: String,
}

/// Inode and time of change: a file that was replaced differs in one of them.
type Version = (u64, i64, i64);

/// What a token opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The only node whose samples may be pushed with it; none means any.
    pub node: Option<String>,
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
    /// One joins after the other: each reads the file and replaces it.
    joining: Mutex<()>,
}

impl Tokens {
    /// The tokens of this directory, read when first asked for.
    pub fn of(directory: &Path) -> Self {
        Self::at(directory.join(FILE))
    }

    /// The tokens of this file, read when first asked for; the codes lie beside it.
    pub fn at(path: PathBuf) -> Self {
        let codes = Codes::of(path.parent().unwrap_or(Path::new(".")));
        Self { path, read: Mutex::new((None, Vec::new())), codes, joining: Mutex::new(()) }
    }

    /// Makes a token and gives its text, which is kept nowhere. A name that is empty or taken is an error.
    /// With `node`, only that node's samples can be pushed with it.
    pub fn create(&self, name: &str, scope: Scope, node: Option<&str>) -> anyhow::Result<String> {
        let entries = self.entries()?;
        ensure!(!name.is_empty(), "a token needs a name");
        ensure!(entries.iter().all(|entry| entry.name != name), "there is a token named `{name}` already");
        self.add(entries, name, scope, node)
    }

    /// Makes a one-time code, valid for a quarter of an hour. Fails if it cannot be kept.
    pub fn code(&self) -> anyhow::Result<String> {
        self.codes.create(time::now_ms())
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
        let _one = self.joining.lock().unwrap_or_else(PoisonError::into_inner);
        self.codes.redeem(code, time::now_ms())?;
        let name = joined(node);
        let mut entries = self.entries()?;
        entries.retain(|entry| entry.name != name);
        Ok(self.add(entries, &name, Scope::Write, Some(node))?)
    }

    /// Gives the tokens that are bound to a node to its new name. If that has joined already, what the old
    /// name joined with ends.
    pub fn rename_node(&self, old: &str, new: &str) -> anyhow::Result<()> {
        let (joined_old, joined_new) = (joined(old), joined(new));
        let mut entries = self.entries()?;
        let has_joined = entries.iter().any(|entry| entry.name == joined_new);
        entries.retain(|entry| !(has_joined && entry.name == joined_old));
        for entry in entries.iter_mut().filter(|entry| entry.node.as_deref() == Some(old)) {
            entry.node = Some(new.to_owned());
            if entry.name == joined_old {
                entry.name.clone_from(&joined_new);
            }
        }
        if entries == self.entries()? { Ok(()) } else { self.write(&entries) }
    }

    fn add(
        &self,
        mut entries: Vec<Entry>,
        name: &str,
        scope: Scope,
        node: Option<&str>,
    ) -> anyhow::Result<String> {
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
        let token = format!("pc_{}", hex(&random));
        let created = time::rfc3339(time::now_ms());
        let node = node.map(ToOwned::to_owned);
        entries.push(Entry { name: name.to_owned(), scope, node, sha256: hash(&token), created });
        self.write(&entries)?;
        Ok(token)
    }

    /// Whether any token has been made. Fails if their file is there and cannot be read.
    pub fn any(&self) -> anyhow::Result<bool> {
        Ok(!self.entries()?.is_empty())
    }

    /// What this token opens in that scope, if anything. Fails if the tokens' file is there and cannot be
    /// read.
    pub fn grant(&self, token: &str, scope: Scope) -> anyhow::Result<Option<Grant>> {
        let hash = hash(token);
        let same = |entry: &Entry| bool::from(entry.sha256.as_bytes().ct_eq(hash.as_bytes()));
        let found = self.entries()?.into_iter().find(|entry| same(entry) && entry.scope == scope);
        Ok(found.map(|entry| Grant { node: entry.node }))
    }

    /// Whether this token opens anything at all. Fails as [`grant`](Self::grant) does.
    pub fn known(&self, token: &str) -> anyhow::Result<bool> {
        let scopes = [Scope::Write, Scope::Read];
        scopes.iter().try_fold(false, |known, scope| Ok(known || self.grant(token, *scope)?.is_some()))
    }

    fn entries(&self) -> anyhow::Result<Vec<Entry>> {
        let changed = match fs::metadata(&self.path) {
            Ok(metadata) => Some((metadata.ino(), metadata.ctime(), metadata.ctime_nsec())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error).with_context(|| self.cannot_read()),
        };
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if read.0 != changed {
            let text = fs::read_to_string(&self.path).with_context(|| self.cannot_read())?;
            *read = (changed, serde_json::from_str(&text).with_context(|| self.cannot_read())?);
        }
        Ok(read.1.clone())
    }

    fn cannot_read(&self) -> String {
        format!("cannot read the tokens in `{}`", self.path.display())
    }

    /// Replaces the file in one step; temporary files are made readable by their owner only.
    fn write(&self, entries: &[Entry]) -> anyhow::Result<()> {
        let directory = self.path.parent().unwrap_or(Path::new("."));
        let cannot_write = || format!("cannot write the tokens in `{}`", directory.display());
        fs::create_dir_all(directory).with_context(cannot_write)?;
        let mut file = tempfile::NamedTempFile::new_in(directory).with_context(cannot_write)?;
        file.write_all(&serde_json::to_vec_pretty(entries)?).with_context(cannot_write)?;
        file.persist(&self.path).with_context(cannot_write)?;
        self.read.lock().unwrap_or_else(PoisonError::into_inner).0 = None;
        Ok(())
    }
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
    use super::*;

    #[test]
    fn a_token_opens_its_scope_only_and_its_text_is_kept_nowhere() {
        let directory = tempfile::tempdir().unwrap();
        let tokens = Tokens::of(directory.path());
        assert!(!tokens.any().unwrap());
        let token = tokens.create("pi-1", Scope::Write, Some("pi-1")).unwrap();
        let grant = tokens.grant(&token, Scope::Write).unwrap();
        assert_eq!(grant, Some(Grant { node: Some("pi-1".into()) }));
        assert_eq!(tokens.grant(&token, Scope::Read).unwrap(), None);
        assert_eq!(tokens.grant("pc_0", Scope::Write).unwrap(), None);
        assert!(tokens.known(&token).unwrap() && !tokens.known("pc_0").unwrap());
        let file = fs::read_to_string(directory.path().join(FILE)).unwrap();
        assert!(!file.contains(&token[3..]));
        // The hash of FIPS 180-2's example "abc".
        assert!(hash("abc").starts_with("ba7816bf8f01cfea"));
    }

    #[test]
    fn a_token_made_by_another_process_works_at_once_and_a_name_stands_once() {
        let directory = tempfile::tempdir().unwrap();
        let (serving, command) = (Tokens::of(directory.path()), Tokens::of(directory.path()));
        let first = command.create("a", Scope::Write, None).unwrap();
        assert!(serving.grant(&first, Scope::Write).unwrap().is_some());
        let second = command.create("b", Scope::Write, None).unwrap();
        assert!(serving.grant(&second, Scope::Write).unwrap().is_some());
        assert!(command.create("a", Scope::Read, None).unwrap_err().to_string().contains("named `a`"));
    }

    #[test]
    fn who_joins_gets_a_token_for_its_own_node_and_joining_again_ends_the_first() {
        let directory = tempfile::tempdir().unwrap();
        let tokens = Tokens::of(directory.path());
        let first = tokens.join(&tokens.code().unwrap(), "pi-1").unwrap();
        let opened = tokens.grant(&first, Scope::Write).unwrap();
        assert_eq!(opened, Some(Grant { node: Some("pi-1".into()) }));
        assert_eq!(tokens.grant(&first, Scope::Read).unwrap(), None);
        let second = tokens.join(&tokens.code().unwrap(), "pi-1").unwrap();
        assert_eq!(tokens.grant(&first, Scope::Write).unwrap(), None);
        assert!(tokens.grant(&second, Scope::Write).unwrap().is_some());
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
}

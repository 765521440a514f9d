//! A token as its file has it: a JSON array of these.
//!
//! Versions before the scopes wrote one `scope`, `write` or `read`; now there are `scopes`. What an older version wrote
//! stays as it is, so that the file can be read by collectors of both versions that share it.

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use super::scope::{Grant, Scope};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) name: String,
    /// What an older version said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scope: Option<Scope>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<Scope>,
    /// The only node whose samples it may push; none means any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) node: Option<String>,
    pub(super) sha256: String,
    pub(super) created: String,
    /// When it ends by itself, Unix milliseconds: what stands for a browser that came by a one-time link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) until_ms: Option<i64>,
}

impl Entry {
    pub(super) fn new(
        name: &str,
        scopes: &[Scope],
        node: Option<&str>,
        sha256: String,
        created: String,
    ) -> Self {
        let (scopes, node) = (scopes.to_vec(), node.map(ToOwned::to_owned));
        Self { name: name.to_owned(), scope: None, scopes, node, sha256, created, until_ms: None }
    }

    /// Whether this is what is kept of it. How long it takes says nothing about the right one.
    pub(super) fn has(&self, sha256: &str) -> bool {
        bool::from(self.sha256.as_bytes().ct_eq(sha256.as_bytes()))
    }

    /// Whether it has ended by itself.
    pub(super) fn is_over(&self, now_ms: i64) -> bool {
        self.until_ms.is_some_and(|until_ms| until_ms < now_ms)
    }

    /// Whether an older version made it.
    pub(super) fn is_older(&self) -> bool {
        self.scope.is_some()
    }

    /// What it opens. An older version's token to write that is bound to no node may record runs, as it could, until
    /// the release after this one.
    pub(super) fn grant(&self) -> Grant {
        let scopes = match self.scope {
            None => self.scopes.clone(),
            Some(Scope::Write) if self.node.is_none() => vec![Scope::Write, Scope::Run],
            Some(scope) => vec![scope],
        };
        Grant { name: self.name.clone(), scopes, node: self.node.clone() }
    }
}

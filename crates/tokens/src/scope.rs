//! What the bearer of a token may do.

use std::fmt;

use picollect_telemetry::reserved::{Author, author};
use serde::{Deserialize, Serialize};

/// A thing that a token opens; it may open several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Write samples; of one node only where the token is bound to it
    Write,
    /// Record runs, and read as `read` does
    Run,
    /// Read reports and queries
    Read,
    /// Everything, also what only the collector says: for an import, and to retire a node
    Admin,
}

impl Scope {
    /// Its name on the command line and in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Run => "run",
            Self::Read => "read",
            Self::Admin => "admin",
        }
    }

    /// What it takes to write a measurement, of a host or of none.
    pub fn to_write(measurement: &str, has_host: bool) -> Self {
        match author(measurement, has_host) {
            None => Self::Write,
            Some(Author::Run) => Self::Run,
            Some(Author::Collector) => Self::Admin,
        }
    }

    /// Who records a run may read what came of it.
    fn includes(self, wanted: Self) -> bool {
        self == wanted || self == Self::Admin || (self, wanted) == (Self::Run, Self::Read)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a token opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The token's name, by which it is revoked.
    pub name: String,
    /// Its scopes.
    pub scopes: Vec<Scope>,
    /// The only node whose samples may be written with it; `None` means any.
    pub node: Option<String>,
}

impl Grant {
    /// What a program may that needs no token, because it opens the store itself.
    pub fn everything() -> Self {
        Self { name: "this machine".to_owned(), scopes: vec![Scope::Admin], node: None }
    }

    /// Whether it opens this.
    pub fn allows(&self, scope: Scope) -> bool {
        self.scopes.iter().any(|own| own.includes(scope))
    }
}

/// Scopes as a person writes them: `write, run`.
pub fn listed(scopes: &[Scope]) -> String {
    scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_opens_itself_a_run_reading_too_and_admin_everything() {
        const ALL: [Scope; 4] = [Scope::Write, Scope::Run, Scope::Read, Scope::Admin];
        let opened = |scope| {
            let grant = Grant { scopes: vec![scope], ..Grant::everything() };
            ALL.into_iter().filter(|wanted| grant.allows(*wanted)).collect::<Vec<_>>()
        };
        assert_eq!(opened(Scope::Write), [Scope::Write]);
        assert_eq!(opened(Scope::Run), [Scope::Run, Scope::Read]);
        assert_eq!(opened(Scope::Read), [Scope::Read]);
        assert_eq!(opened(Scope::Admin), ALL);
    }

    #[test]
    fn what_is_reserved_takes_more_than_the_scope_of_a_node() {
        assert_eq!(Scope::to_write("thermal", true), Scope::Write);
        assert_eq!(Scope::to_write("run", false), Scope::Run);
        for reserved in
            ["result", "energy", "health", "resolution", "retirement", "ingest", "store", "alerts"]
        {
            assert_eq!(Scope::to_write(reserved, true), Scope::Admin, "{reserved}");
        }
        // Without a host they are a meter at the wall.
        assert_eq!(["power", "meter"].map(|name| Scope::to_write(name, false)), [Scope::Admin; 2]);
    }
}

//! Whatever the file of tokens holds, a token opens only what an entry with its hash says, and a file that cannot be
//! read is an error and opens nothing.

use std::fs;

use picollect_collector::tokens::{Scope, Tokens};

const TOKEN: &str = "pc_0";
/// SHA-256 of it.
const HASH: &str = "b0d94c7b47e85da11ee2b4efa509e0558c47acec9f98f0b2ec372f347664aa5f";

/// Tries one input; panics if what is promised above does not hold.
pub fn run(text: &[u8]) {
    let directory = tempfile::tempdir().expect("a temporary folder");
    let path = directory.path().join("tokens.json");
    fs::write(&path, text).expect("writable");
    let tokens = Tokens::at(path.clone());
    if let Ok(Some(_)) = tokens.grant(TOKEN) {
        let said = serde_json::from_slice::<serde_json::Value>(text).expect("what opens is JSON").to_string();
        assert!(said.contains(HASH), "nobody gave that token");
    }
    let _listed_or_an_error = tokens.list();
    match tokens.create("fuzz", &[Scope::Read], None) {
        Ok(made) => assert!(
            tokens.grant(&made).expect("it was just written").is_some_and(|grant| grant.allows(Scope::Read))
        ),
        Err(_) => assert_eq!(fs::read(&path).expect("it is still there"), text, "a refusal changes nothing"),
    }
}

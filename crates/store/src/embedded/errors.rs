//! What goes wrong with the SQLite file, as the store says it.

use super::schema::FILE;
use crate::{Cause, StoreError};

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        failed(error)
    }
}

/// SQLite, or something that it holds, failed.
pub(super) fn failed(cause: impl Into<Cause>) -> StoreError {
    StoreError::Engine { message: "the store failed".to_owned(), source: cause.into() }
}

/// A chunk that cannot be read.
pub(super) fn damaged(id: i64, why: impl Into<Cause>) -> StoreError {
    let message = format!("chunk {id} of the store cannot be read; restore {FILE} from a backup");
    StoreError::Engine { message, source: why.into() }
}

//! Why a store could not do what it was asked for.

use std::error::Error;

/// What went wrong inside a back end, in its own words.
pub type Cause = Box<dyn Error + Send + Sync>;

/// The store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store's file cannot be used.
    #[error("cannot open the store `{path}`")]
    Open {
        /// The file as the operator knows it.
        path: String,
        /// Of SQLite, or that the file is of a later version.
        source: Cause,
    },
    /// The data directory cannot be used.
    #[error("cannot use the data directory `{path}`")]
    Directory {
        /// The data directory, or the journal in it.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The engine cannot be used as it is configured, and will not be before somebody changes that.
    #[error("cannot use the store `{location}`: {why}")]
    Unusable {
        /// Its address, without secrets.
        location: String,
        /// What is wrong and what to do.
        why: String,
    },
    /// The engine, or the disk, failed.
    #[error("{message}")]
    Engine {
        /// What it was asked for.
        message: String,
        /// The engine's own error, as far as it can be read.
        source: Cause,
    },
    /// The engine is away, or too busy, and nothing of a batch was acknowledged: the same may work later. The
    /// collector answers 503, and the agents keep their samples.
    #[error("the store `{location}` is not available: {why}")]
    Unavailable {
        /// Its address, without secrets.
        location: String,
        /// What happened when it was asked.
        why: String,
    },
    /// The engine refused the request whole and will refuse it again; of a batch nothing was taken.
    #[error("the store `{location}` refuses: {why}")]
    Refused {
        /// Its address, without secrets.
        location: String,
        /// Its own words, and what to do.
        why: String,
    },
}

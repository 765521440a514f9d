//! Requests asked of the store on this machine or of a collector elsewhere ([`Source`]), and the HTTP client of the
//! latter ([`Client`]).
//!
//! ```
//! use std::sync::Arc;
//!
//! use picollect_analysis::requests::NodesRequest;
//! use picollect_client::Source;
//! use picollect_config::Config;
//!
//! let directory = tempfile::tempdir()?;
//! let store = Arc::new(picollect_store::open(directory.path())?);
//! // `Source::There` with a `Client` asks a collector elsewhere in the same words.
//! let source = Source::Here(store, Box::new(Config::default()));
//! source.write(b"thermal,host=pi-1,zone=0 temp_c=48.3\n")?;
//!
//! let nodes = source.ask(&NodesRequest::default())?;
//! assert_eq!((nodes[0].host.as_str(), nodes[0].temp_c), ("pi-1", Some(48.3)));
//! # Ok::<(), picollect_settings::exit::Failure>(())
//! ```

mod client;
mod source;

pub use client::{Client, ClientError, Target};
pub use source::{Here, NotTaken, Source, SourceOptions, destination_here, is_refused};

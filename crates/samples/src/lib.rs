//! Samples on their way from one store to another: `picollect export` and `picollect import`; out of one for good:
//! `picollect samples delete`; and the logs of wall meters on their way into one.
//!
//! Both ends are streams in order of time, so that moving to another engine is a pipe and a pipe that broke goes on
//! from the time that was reached.
//!
//! ```
//! use picollect_evaluate::Window;
//! use picollect_samples::export::{Wanted, export, write_lines};
//! use picollect_samples::import::import;
//! use picollect_store::{Store as _, open};
//! use picollect_telemetry::line::{Precision, decode};
//!
//! let directories = [tempfile::tempdir()?, tempfile::tempdir()?];
//! let (old, new) = (open(directories[0].path())?, open(directories[1].path())?);
//! old.append(&decode(b"thermal,host=pi-1 temp_c=48.3 1800000000", Precision::Seconds, 0).points)?;
//!
//! let window = Window { start_ms: 1_799_999_999_000, end_ms: 1_800_000_001_000 };
//! let (mut lines, wanted) = (Vec::new(), Wanted { window, nodes: Vec::new(), metrics: Vec::new() });
//! export(&old, &wanted, |point| Ok(write_lines(point, &mut lines)?))?;
//! assert_eq!(lines, b"thermal,host=pi-1 temp_c=48.3 1800000000000000000\n");
//! assert_eq!(import(&new, lines.as_slice(), false)?.samples, 1);
//! # Ok::<(), anyhow::Error>(())
//! ```

pub mod csv;
pub mod delete;
pub mod export;
pub mod import;
pub mod reader;
pub mod wall;

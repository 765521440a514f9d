//! What HPL is given, from what is known of the nodes: the order of its matrix from their memory, its blocks from their
//! processors, its grid from their cores. Nothing here reads a store or a file, and nothing is compiled or run.
//!
//! ```
//! use picollect_hpl::{Machine, Plan, Wanted};
//!
//! let pi = |host: &str| Machine {
//!     host: host.to_owned(),
//!     memory_bytes: Some(4e9),
//!     cores: Some(4.0),
//!     max_hz: Some(1.5e9),
//!     model: Some("Raspberry Pi 4 Model B Rev 1.4".to_owned()),
//! };
//! let machines: Vec<_> = ["pi-1", "pi-2", "pi-3", "pi-4", "pi-5"].map(pi).into();
//! let plan = Plan::of(&machines, &Wanted::default())?;
//! assert_eq!((plan.p, plan.q), (4, 5));
//! assert_eq!(plan.n % u64::from(plan.nbs[0]), 0, "whole blocks");
//! let bytes = 8.0 * (plan.n as f64).powi(2);
//! assert!(bytes <= 0.8 * 5.0 * 4e9 && bytes > 0.78 * 5.0 * 4e9);
//! # Ok::<(), picollect_hpl::PlanError>(())
//! ```

mod blocks;
mod files;
mod plan;

pub use blocks::Blocks;
pub use plan::{Machine, Plan, PlanError, Wanted};

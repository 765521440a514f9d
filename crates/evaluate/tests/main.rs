//! One test program, so that everything is linked once.

mod benchmark_cases;
mod benchmarks;
mod corpus;
mod diagnosis;
mod learnt_power;
mod names;
mod placement;
mod scaling;
mod thermal;
mod wall_log;

//! One test program, so that everything is linked once.

mod benchmarks;
mod corpus;
mod scaling;
mod thermal;

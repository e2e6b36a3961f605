//! Black-box tests: batches over a native state and over witnesses.

mod builder;
mod claims;
mod differential;
mod execution;
mod machine;
mod voids;
mod world;

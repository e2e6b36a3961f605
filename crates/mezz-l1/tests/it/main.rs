//! The port to L1, against the development L1 and against sources that misbehave.

mod nodes;
mod sender;
mod signer;
mod world;

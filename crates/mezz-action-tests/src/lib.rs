//! A whole network in one process, driven step by step: a development L1, the contracts, a sequencing node with all
//! roles, and any number of replicas.
//!
//! A scenario is a list of `act_*` steps. Each does one thing and returns when it is done, time moves only when a step
//! moves it, and nothing sleeps, so that a scenario gives the same chain each time. A step whose failure is not what a
//! scenario is about panics with the reason.
//!
//! A simulation draws such steps from a seed, with crashes, reorganisations and attackers among them.

mod clock;
mod keys;
mod l1;
mod liar;
mod machine;
mod node;
mod outbox;
mod post;
mod sim;
mod token;
mod witness;
mod world;

pub use clock::WorldClock;
pub use keys::{Account, key};
pub use l1::{FINALIZED_DEPTH, L1};
pub use liar::{Fork, Front, Liar, Lie, Manner};
pub use machine::{check_in_machine, claim_over, judge_in_machine, witness_over};
pub use node::TestNode;
pub use outbox::{commitment_fields, withdrawal_proof};
pub use post::BatchEnd;
pub use sim::{Audit, SimFailure, simulate};
pub use token::{TOKEN_GAS, mint_call, token_init_code, transfer_call};
pub use witness::{RerunError, block_witness, check_witnesses, rerun};
pub use world::{ETHER, World, WorldSettings};

//! The state transition as a program: from the digest of a claim without its answer to the answer.
#![no_std]
#![no_main]

extern crate alloc;

mod source;

use mezz_evm::PlainCrypto;
use mezz_guest_runtime::{PreimageKind, entry, halt, input, preimage, set_output};
use mezz_transition::derive_post;
use mezz_types::Claim;
use source::MachineSource;

/// Exit code: the input names no claim.
const NO_CLAIM: u8 = 1;
/// Exit code: the claim's parts do not belong together.
const NOT_A_RANGE: u8 = 2;

fn answer() {
    let words = preimage(PreimageKind::Keccak256, &input());
    let Ok(claim) = Claim::from_words(&words) else { halt(NO_CLAIM) };
    match derive_post(&claim, &MachineSource, &PlainCrypto) {
        Ok(post) => set_output(post.hash().0),
        Err(_) => halt(NOT_A_RANGE),
    }
}

entry!(answer);

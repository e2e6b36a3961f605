//! What a claim names, fetched from the machine by hash.

use alloc::{boxed::Box, vec::Vec};
use core::convert::Infallible;

use alloy_primitives::{B256, Bytes};
use mezz_codec::Blob;
use mezz_guest_runtime::{PANICKED, PreimageKind, halt, preimage};
use mezz_transition::ClaimSource;
use mezz_trie::{NODE_PREIMAGE_BYTES, NodeHash, WitnessSource};

/// The preimages of the machine. It has every one that it is asked for, or it does not go on.
#[derive(Debug)]
pub struct MachineSource;

/// Bytes of a length that the kind of preimage fixes.
fn exact<T: TryFrom<Vec<u8>>>(kind: PreimageKind, hash: &[u8; 32]) -> T {
    T::try_from(preimage(kind, hash)).unwrap_or_else(|_| halt(PANICKED))
}

impl WitnessSource for MachineSource {
    type Error = Infallible;

    fn node(&self, hash: &NodeHash) -> Result<[u8; NODE_PREIMAGE_BYTES], Infallible> {
        Ok(exact(PreimageKind::TrieNode, hash))
    }

    fn value(&self, value_hash: &[u8; 32]) -> Result<Vec<u8>, Infallible> {
        Ok(preimage(PreimageKind::Sha256, value_hash))
    }

    fn code(&self, code_hash: B256) -> Result<Bytes, Infallible> {
        self.keccak(code_hash)
    }
}

impl ClaimSource for MachineSource {
    fn keccak(&self, hash: B256) -> Result<Bytes, Infallible> {
        Ok(preimage(PreimageKind::Keccak256, &hash.0).into())
    }

    fn blob(&self, versioned_hash: B256) -> Result<Blob, Infallible> {
        Ok(Box::new(exact(PreimageKind::Blob, &versioned_hash.0)))
    }
}

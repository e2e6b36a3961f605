//! Signers of many hashes, over all cores.

use std::{
    num::NonZeroUsize,
    sync::LazyLock,
    thread::{self, ScopedJoinHandle},
};

use alloy_primitives::{Address, B256, Signature};
use secp256k1::{
    Message, Secp256k1, VerifyOnly,
    ecdsa::{RecoverableSignature, RecoveryId},
};

/// Fewest signatures that are worth a thread: some milliseconds of work, against some dozen
/// microseconds for the thread.
const MIN_PER_THREAD: usize = 64;

static CONTEXT: LazyLock<Secp256k1<VerifyOnly>> = LazyLock::new(Secp256k1::verification_only);

/// A hash and the signature that somebody made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedHash {
    /// What was signed.
    pub prehash: B256,
    /// The signature; `s` in either half of the order (see [`mezz_evm::Crypto::recover_signer`]).
    pub signature: Signature,
}

/// The signer of each, in order; `None` where nobody can have signed.
///
/// Uses as many threads as the machine runs at once, this one among them.
pub fn recover_many(signed: &[SignedHash]) -> Vec<Option<Address>> {
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let per_thread = signed.len().div_ceil(threads).max(MIN_PER_THREAD);
    let recover_all = |chunk: &[SignedHash]| -> Vec<Option<Address>> {
        chunk.iter().map(|one| recover(&one.prehash, &one.signature)).collect()
    };
    let Some((own, rest)) = signed.split_at_checked(per_thread) else {
        return recover_all(signed);
    };
    thread::scope(|scope| {
        let others: Vec<ScopedJoinHandle<'_, _>> =
            rest.chunks(per_thread).map(|chunk| scope.spawn(move || recover_all(chunk))).collect();
        let mut signers = recover_all(own);
        for other in others {
            signers.extend(other.join().expect("recovery of a signer never panics"));
        }
        signers
    })
}

pub(crate) fn recover(prehash: &B256, signature: &Signature) -> Option<Address> {
    let mut compact = [0; 64];
    compact[..32].copy_from_slice(&signature.r().to_be_bytes::<32>());
    compact[32..].copy_from_slice(&signature.s().to_be_bytes::<32>());
    let parity = RecoveryId::try_from(i32::from(signature.v())).ok()?;
    let signature = RecoverableSignature::from_compact(&compact, parity).ok()?;
    let key = CONTEXT.recover_ecdsa(Message::from_digest(prehash.0), &signature).ok()?;
    // The first byte says that the point is not compressed.
    Some(Address::from_raw_public_key(&key.serialize_uncompressed()[1..]))
}

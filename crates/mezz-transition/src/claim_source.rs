//! Where everything that a claim names comes from.

use alloc::{collections::BTreeMap, vec::Vec};
use alloy_consensus::Header;
use alloy_primitives::{B256, Bytes, keccak256};
use mezz_codec::Blob;
use mezz_trie::{MissingPreimage, NODE_PREIMAGE_BYTES, NodeHash, Witness, WitnessSource};
use mezz_types::{Batch, ChainConfig, Commitment, Message};

/// Opens hashes. Callers hash every answer of [`ClaimSource::keccak`] and of [`WitnessSource`].
pub trait ClaimSource: WitnessSource {
    /// The bytes behind a Keccak-256, at most 96 KiB.
    ///
    /// # Errors
    /// If it has none.
    fn keccak(&self, hash: B256) -> Result<Bytes, Self::Error>;

    /// The blob behind an EIP-4844 versioned hash.
    ///
    /// Obligation of an implementor: it is the blob whose KZG commitment has this versioned hash.
    /// That takes a trusted setup and cannot be checked by hashing, so the caller does not: a node
    /// computes the commitment when it stores the blob, a proof lets L1's point evaluation answer
    /// for each field element.
    ///
    /// # Errors
    /// If it has none.
    fn blob(&self, versioned_hash: B256) -> Result<Blob, Self::Error>;
}

impl<S: ClaimSource> ClaimSource for &S {
    fn keccak(&self, hash: B256) -> Result<Bytes, Self::Error> {
        (**self).keccak(hash)
    }

    fn blob(&self, versioned_hash: B256) -> Result<Blob, Self::Error> {
        (**self).blob(versioned_hash)
    }
}

/// An in-memory source does not hold what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MissingInput {
    /// Part of the state.
    #[error(transparent)]
    State(#[from] MissingPreimage),
    /// A preimage.
    #[error("no preimage of {hash}")]
    Keccak {
        /// Its Keccak-256.
        hash: B256,
    },
    /// A blob.
    #[error("no blob of {versioned_hash}")]
    Blob {
        /// Its versioned hash.
        versioned_hash: B256,
    },
}

/// Everything that one claim needs, in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimWitness {
    /// What the blocks read of the state before the claim.
    pub state: Witness,
    /// All else that is named by its Keccak-256.
    pub preimages: BTreeMap<B256, Bytes>,
    /// Blobs by versioned hash, as [`ClaimSource::blob`] demands.
    pub blobs: BTreeMap<B256, Blob>,
}

impl ClaimWitness {
    /// Adds bytes and gives their hash.
    pub fn add(&mut self, bytes: impl Into<Bytes>) -> B256 {
        let bytes = bytes.into();
        let hash = keccak256(&bytes);
        self.preimages.insert(hash, bytes);
        hash
    }

    /// Adds the configuration.
    pub fn add_config(&mut self, config: &ChainConfig) {
        self.add(config.words().as_bytes().to_vec());
    }

    /// Adds the commitment that the claim starts from, and the header that it names.
    pub fn add_head(&mut self, commitment: &Commitment, header: &Header) {
        self.add(commitment.words().as_bytes().to_vec());
        self.add(alloy_rlp::encode(header));
    }

    /// Adds a message. `accumulator` is the one before it; gives the one after.
    pub fn add_message(&mut self, accumulator: B256, message: &Message) -> B256 {
        self.add(message.data.clone());
        let hash = self.add(message.words().as_bytes().to_vec());
        self.add([accumulator.0, hash.0].concat())
    }

    /// Adds a batch posted as calldata (`bytes`); gives its hash.
    pub fn add_calldata_batch(&mut self, batch: &Batch, bytes: impl Into<Bytes>) -> B256 {
        self.add(bytes);
        self.add(batch.words().as_bytes().to_vec())
    }

    /// Adds a batch posted in blobs; gives its hash.
    pub fn add_blob_batch(&mut self, batch: &Batch, blobs: Vec<(B256, Blob)>) -> B256 {
        let hashes: Vec<u8> = blobs.iter().flat_map(|(hash, _)| hash.0).collect();
        self.add(hashes);
        self.blobs.extend(blobs);
        self.add(batch.words().as_bytes().to_vec())
    }
}

impl WitnessSource for ClaimWitness {
    type Error = MissingInput;

    fn node(&self, hash: &NodeHash) -> Result<[u8; NODE_PREIMAGE_BYTES], MissingInput> {
        Ok(self.state.node(hash)?)
    }

    fn value(&self, value_hash: &[u8; 32]) -> Result<Vec<u8>, MissingInput> {
        Ok(self.state.value(value_hash)?)
    }

    fn code(&self, code_hash: B256) -> Result<Bytes, MissingInput> {
        Ok(self.state.code(code_hash)?)
    }
}

impl ClaimSource for ClaimWitness {
    fn keccak(&self, hash: B256) -> Result<Bytes, MissingInput> {
        self.preimages.get(&hash).cloned().ok_or(MissingInput::Keccak { hash })
    }

    fn blob(&self, versioned_hash: B256) -> Result<Blob, MissingInput> {
        let found = self.blobs.get(&versioned_hash).cloned();
        found.ok_or(MissingInput::Blob { versioned_hash })
    }
}

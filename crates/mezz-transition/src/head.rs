//! The block that a batch stands on.

use alloy_consensus::{Header, Sealed};
use alloy_primitives::{B256, keccak256};
use alloy_rlp::Decodable;
use mezz_evm::SealedBlock;
use mezz_types::Commitment;

/// A header is not the one that a commitment names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// Its hash is another one.
    #[error("header hashes to {got}, the commitment names {expected}")]
    Hash {
        /// Block hash of the commitment.
        expected: B256,
        /// Hash of the header.
        got: B256,
    },
    /// The bytes are no header.
    #[error("{bytes} bytes are no header")]
    Malformed {
        /// How many there are.
        bytes: usize,
    },
}

/// A commitment together with the header that it names: what the next block needs of its parent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainHead {
    commitment: Commitment,
    header: Sealed<Header>,
}

impl ChainHead {
    /// Checks that `header` is the one that `commitment` names.
    ///
    /// # Errors
    /// [`HeadError::Hash`].
    pub fn new(commitment: Commitment, header: Header) -> Result<Self, HeadError> {
        let header = Sealed::new(header);
        let (expected, got) = (commitment.block_hash, header.hash());
        if got != expected {
            return Err(HeadError::Hash { expected, got });
        }
        Ok(Self { commitment, header })
    }

    /// Opens a commitment with the RLP of the header.
    ///
    /// # Errors
    /// [`HeadError`].
    pub fn open(commitment: Commitment, rlp: &[u8]) -> Result<Self, HeadError> {
        let (expected, got) = (commitment.block_hash, keccak256(rlp));
        if got != expected {
            return Err(HeadError::Hash { expected, got });
        }
        let mut rest = rlp;
        let malformed = HeadError::Malformed { bytes: rlp.len() };
        let header = Header::decode(&mut rest).map_err(|_| malformed)?;
        if !rest.is_empty() {
            return Err(malformed);
        }
        Self::new(commitment, header)
    }

    /// What the chain is after the block.
    pub const fn commitment(&self) -> &Commitment {
        &self.commitment
    }

    /// The block's header and hash.
    pub const fn header(&self) -> &Sealed<Header> {
        &self.header
    }
}

impl From<&SealedBlock> for ChainHead {
    fn from(block: &SealedBlock) -> Self {
        Self { commitment: block.commitment(), header: block.header.clone() }
    }
}

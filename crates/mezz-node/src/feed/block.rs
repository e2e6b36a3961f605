//! One signed block.

use alloy::signers::{SignerSync as _, local::PrivateKeySigner};
use alloy_consensus::{Header, Sealed};
use alloy_primitives::{Address, B256, Bytes, Signature, keccak256};
use alloy_rlp::{Decodable as _, Encodable as _};
use mezz_types::BlockNumber;
use serde::{Deserialize, Serialize};

use super::FeedError;
use crate::ChainView;

/// Binds a signature to what it is for.
const DOMAIN: &[u8] = b"mezzanine signed block 1";

/// A block as the sequencer hands it out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedBlock {
    /// Its header, RLP.
    pub header: Bytes,
    /// Its signed transactions, EIP-2718; those that messages from L1 make are left out.
    pub transactions: Vec<Bytes>,
    /// Over `keccak256("mezzanine signed block 1" ‖ configuration hash ‖ block hash)`, 65 bytes: r, s, v.
    pub signature: Bytes,
}

impl SignedBlock {
    /// Signs block `number`; `None` if there is no such block (F1: what can be read is durable).
    ///
    /// # Errors
    /// A failure of the store or of the key.
    pub fn sign(
        view: &ChainView,
        number: BlockNumber,
        signer: &PrivateKeySigner,
    ) -> Result<Option<Self>, FeedError> {
        let Some((hash, header)) = view.reader.header(number)? else { return Ok(None) };
        let Some(body) = view.reader.body(number)? else { return Ok(None) };
        if view.reader.block_hash(number)? != Some(hash) {
            // It was taken back while it was read.
            return Ok(None);
        }
        let from_inbox = usize::try_from(body.from_inbox).unwrap_or(usize::MAX);
        let transactions = body.transactions.get(from_inbox..).unwrap_or_default().to_vec();
        Self::new(&header, transactions, view.config.hash(), signer).map(Some)
    }

    /// Signs a block of the chain with this configuration, whatever is in it.
    ///
    /// # Errors
    /// A failure of the key.
    pub fn new(
        header: &Header,
        transactions: Vec<Bytes>,
        config_hash: B256,
        signer: &PrivateKeySigner,
    ) -> Result<Self, FeedError> {
        let mut encoded = Vec::new();
        header.encode(&mut encoded);
        let signature = signer
            .sign_hash_sync(&digest(config_hash, keccak256(&encoded)))
            .map_err(|error| FeedError::Key { reason: error.to_string() })?;
        let signature = signature.as_bytes().to_vec().into();
        Ok(Self { header: encoded.into(), transactions, signature })
    }

    /// The header, if `sequencer` of the chain with this configuration signed it. The transactions are not
    /// looked at.
    ///
    /// # Errors
    /// [`FeedError::Malformed`], [`FeedError::Signer`].
    pub fn verify(
        &self,
        config_hash: B256,
        sequencer: Address,
    ) -> Result<Sealed<Header>, FeedError> {
        let malformed = |reason: String| FeedError::Malformed { reason };
        let mut rest = self.header.as_ref();
        let header =
            Header::decode(&mut rest).map_err(|error| malformed(format!("header: {error}")))?;
        if !rest.is_empty() {
            return Err(malformed(format!("{} bytes after the header", rest.len())));
        }
        let signature = Signature::from_raw(&self.signature)
            .map_err(|error| malformed(format!("signature: {error}")))?;
        let hash = keccak256(&self.header);
        let number = header.number;
        let signer = signature
            .recover_address_from_prehash(&digest(config_hash, hash))
            .map_err(|error| malformed(format!("signature: {error}")))?;
        if signer != sequencer {
            return Err(FeedError::Signer { number, expected: sequencer, got: signer });
        }
        Ok(Sealed::new_unchecked(header, hash))
    }
}

fn digest(config_hash: B256, block_hash: B256) -> B256 {
    keccak256([DOMAIN, config_hash.as_slice(), block_hash.as_slice()].concat())
}

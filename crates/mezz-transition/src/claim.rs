//! The one statement that a fault proof decides (`docs/formats.md`, section 2).
//!
//! Everything that the claim names is opened down from its hashes: the configuration; the
//! commitment before and the header that it names; the batches from `batch_end` back to
//! `batch_start`; for each batch its bytes, and its messages from its inbox accumulator back to the
//! one of the batch before. What L1 accepted is never an error: it gives the one `post` that the
//! claim is compared with.

use alloc::vec::Vec;
use alloy_primitives::{B256, Bytes, KECCAK256_EMPTY, keccak256};
use mezz_codec::{Blob, unpack_blobs};
use mezz_evm::Crypto;
use mezz_types::{
    Batch, ChainConfig, Claim, Commitment, DataKind, DataVerdict, Message, MessageHead,
    WordsDecodeError,
};

use crate::{
    BatchInput, ChainHead, ClaimSource, HeadError, TransitionError, WitnessState,
    WitnessStateError, apply_batch,
};

/// Whether a claim is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimVerdict {
    /// It is.
    Holds,
    /// It is not.
    Refuted {
        /// What the batches and messages really give.
        post: B256,
    },
}

/// The claim could not be judged: the source lacks or forges something, or the claim's parts do
/// not belong together, which no claim of `Settlement` shows.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError<E> {
    /// The source did not answer.
    #[error("the source failed")]
    Source(#[source] E),
    /// The answer is not the preimage asked for.
    #[error("preimage hashes to {got}, expected {expected}")]
    Mismatch {
        /// Hash asked for.
        expected: B256,
        /// Hash of the answer.
        got: B256,
    },
    /// A hash names another object than it should.
    #[error(transparent)]
    Words(#[from] WordsDecodeError),
    /// The commitment before names no header.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// The inbox accumulators do not meet.
    #[error("inbox accumulator {got}, expected {expected}")]
    InboxAccumulator {
        /// What the claim or the batch before says.
        expected: B256,
        /// What the batches lead to.
        got: B256,
    },
    /// A batch ends before it starts.
    #[error("batch {batch} consumes messages from {start} to {end}")]
    InboxRange {
        /// Hash of the batch.
        batch: B256,
        /// First message.
        start: u64,
        /// One past the last.
        end: u64,
    },
    /// Bytes behind a data hash, or an accumulator, have no such length.
    #[error("{bytes} bytes behind {hash} are not what it names")]
    Length {
        /// The hash.
        hash: B256,
        /// How many bytes there are.
        bytes: usize,
    },
    /// The transition could not run.
    #[error(transparent)]
    Transition(#[from] TransitionError<WitnessStateError<E>>),
}

/// Decides `claim`.
///
/// # Errors
/// [`ClaimError`] if it cannot be judged.
pub fn verify_claim<S: ClaimSource>(
    claim: &Claim,
    source: &S,
    crypto: &dyn Crypto,
) -> Result<ClaimVerdict, ClaimError<S::Error>>
where
    S::Error: core::error::Error + Send + Sync + 'static,
{
    let post = derive_post(claim, source, crypto)?.hash();
    Ok(if post == claim.post { ClaimVerdict::Holds } else { ClaimVerdict::Refuted { post } })
}

/// The commitment that the batches and messages of `claim` give; `claim.post` is not looked at.
///
/// # Errors
/// [`ClaimError`] if it cannot be told.
pub fn derive_post<S: ClaimSource>(
    claim: &Claim,
    source: &S,
    crypto: &dyn Crypto,
) -> Result<Commitment, ClaimError<S::Error>>
where
    S::Error: core::error::Error + Send + Sync + 'static,
{
    let opener = Opener { source };
    let config = ChainConfig::from_words(&opener.keccak(claim.config_hash)?)?;
    let pre = Commitment::from_words(&opener.keccak(claim.pre)?)?;
    let mut head = ChainHead::open(pre, &opener.keccak(pre.block_hash)?)?;
    let mut state = WitnessState::new(pre.state_root, source);
    let mut accumulator = claim.inbox_start;
    for batch in opener.batches(claim)? {
        let messages = opener.messages(accumulator, &batch)?;
        let bytes = opener.batch_bytes(&batch)?;
        let input = BatchInput { batch: &batch, bytes: &bytes, messages: &messages };
        let outcome = apply_batch(&config, &head, &input, &mut state, crypto)?;
        if let Some(last) = outcome.blocks.last() {
            head = last.into();
        }
        accumulator = batch.inbox_accumulator;
    }
    if accumulator != claim.inbox_end {
        let expected = claim.inbox_end;
        return Err(ClaimError::InboxAccumulator { expected, got: accumulator });
    }
    Ok(*head.commitment())
}

struct Opener<'a, S> {
    source: &'a S,
}

impl<S: ClaimSource> Opener<'_, S> {
    /// The preimage of a Keccak-256, checked.
    fn keccak(&self, hash: B256) -> Result<Bytes, ClaimError<S::Error>> {
        if hash == KECCAK256_EMPTY {
            return Ok(Bytes::new());
        }
        let bytes = self.source.keccak(hash).map_err(ClaimError::Source)?;
        let got = keccak256(&bytes);
        if got != hash {
            return Err(ClaimError::Mismatch { expected: hash, got });
        }
        Ok(bytes)
    }

    /// The batches of the claim, first one first. Walking back ends at `batch_start`, or at the
    /// genesis accumulator, whose preimage is no batch.
    fn batches(&self, claim: &Claim) -> Result<Vec<Batch>, ClaimError<S::Error>> {
        let mut batches = Vec::new();
        let mut hash = claim.batch_end;
        while hash != claim.batch_start {
            let batch = Batch::from_words(&self.keccak(hash)?)?;
            if batch.inbox_end < batch.inbox_start {
                let (start, end) = (batch.inbox_start.get(), batch.inbox_end.get());
                return Err(ClaimError::InboxRange { batch: hash, start, end });
            }
            hash = batch.parent;
            batches.push(batch);
        }
        batches.reverse();
        Ok(batches)
    }

    /// The messages of a batch, first one first; `start` is the inbox accumulator before them.
    fn messages(&self, start: B256, batch: &Batch) -> Result<Vec<Message>, ClaimError<S::Error>> {
        let mut messages = Vec::new();
        let mut accumulator = batch.inbox_accumulator;
        for _ in 0..batch.inbox_end.distance_from(batch.inbox_start) {
            let (before, hash) = self.open_accumulator(accumulator)?;
            let head = MessageHead::from_words(&self.keccak(hash)?)?;
            let data = self.keccak(head.data_hash())?;
            messages.push(head.with_data(data)?);
            accumulator = before;
        }
        if accumulator != start {
            return Err(ClaimError::InboxAccumulator { expected: start, got: accumulator });
        }
        messages.reverse();
        Ok(messages)
    }

    /// The accumulator before a message, and the message's hash.
    fn open_accumulator(&self, accumulator: B256) -> Result<(B256, B256), ClaimError<S::Error>> {
        let bytes = self.keccak(accumulator)?;
        let pair = match bytes.as_chunks::<32>() {
            ([before, message], []) => (B256::from(*before), B256::from(*message)),
            _ => return Err(ClaimError::Length { hash: accumulator, bytes: bytes.len() }),
        };
        Ok(pair)
    }

    /// The bytes of a batch; none if L1 says so, or if its blobs were not packed by the rules.
    fn batch_bytes(&self, batch: &Batch) -> Result<Bytes, ClaimError<S::Error>> {
        match (batch.verdict, batch.data_kind) {
            (DataVerdict::Empty, _) => Ok(Bytes::new()),
            (DataVerdict::Available, DataKind::Calldata) => self.keccak(batch.data_hash),
            (DataVerdict::Available, DataKind::Blob) => {
                let blobs = self.blobs(batch.data_hash)?;
                Ok(unpack_blobs(&blobs).unwrap_or_default().into())
            }
        }
    }

    fn blobs(&self, data_hash: B256) -> Result<Vec<Blob>, ClaimError<S::Error>> {
        let list = self.keccak(data_hash)?;
        let (hashes, []) = list.as_chunks::<32>() else {
            return Err(ClaimError::Length { hash: data_hash, bytes: list.len() });
        };
        let blob = |hash: &[u8; 32]| self.source.blob(B256::from(*hash));
        hashes.iter().map(blob).collect::<Result<_, _>>().map_err(ClaimError::Source)
    }
}

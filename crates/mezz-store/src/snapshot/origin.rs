//! What a snapshot rests on: the claim that is final on L1, and what its id is the hash of.

use alloy_primitives::B256;
use mezz_types::{BatchIndex, BlockNumber, Claim, L1BlockNumber, claim_id};

use crate::{
    BatchOutcome, ClaimOutcome, L1Position, StoreError, StoredBatch, StoredClaim,
    codec::{List, encode_list},
    database::Read,
    tables::{BATCHES, CLAIM_BATCHES, CLAIMS, MESSAGES, OUTCOMES},
};

/// The final claim that a snapshot rests on. Everything in the snapshot follows from its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotOrigin {
    /// The claim; its outcome says where L1 made it final.
    pub claim: StoredClaim,
    /// The claim that it follows and that one's last batch; none if it is the first.
    pub parent: Option<(StoredClaim, StoredBatch)>,
    /// Its last batch.
    pub batch: StoredBatch,
    /// What that batch gave: the block of the snapshot.
    pub outcome: BatchOutcome,
    /// L1 block from which on L1 is read again.
    pub resume: L1BlockNumber,
}

fn damaged(what: &'static str) -> StoreError {
    StoreError::SnapshotDamaged { what }
}

fn get<T>(
    value: Option<impl AsRef<[u8]>>,
    missing: StoreError,
    decode: impl Fn(&[u8]) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    decode(value.ok_or(missing)?.as_ref())
}

impl SnapshotOrigin {
    /// The claim that made `block` final, and what belongs to it.
    pub(super) fn find(read: &Read, block: BlockNumber) -> Result<Self, StoreError> {
        let (claim, outcome) = final_claim(read, block)?.ok_or(StoreError::NothingFinal)?;
        let batch = batch(read, claim.batch_end.prev())?;
        let bytes = read.get(CLAIM_BATCHES, &claim.parent.0)?;
        let parent = match bytes.map(|end| end.value()) {
            Some(end) => {
                let key = crate::l1::claim_key(end, claim.parent);
                let bytes = read.get(CLAIMS, &key)?.map(|bytes| bytes.value().to_vec());
                let missing = StoreError::Missing { table: "claims", key: end };
                let parent = get(bytes, missing, StoredClaim::decode)?;
                let batch = self::batch(read, parent.batch_end.prev())?;
                Some((parent, batch))
            }
            None => None,
        };
        let accepted = batch.position.block.number;
        let waiting = read.get(MESSAGES, batch.batch.inbox_end.get())?;
        let waiting =
            waiting.map(|bytes| crate::StoredMessage::decode(bytes.value())).transpose()?;
        let waiting = waiting.map_or(accepted, |message| message.position.block.number);
        Ok(Self { claim, parent, batch, outcome, resume: accepted.min(waiting) })
    }

    /// One past the last batch that it covers.
    pub const fn batch_end(&self) -> BatchIndex {
        self.claim.batch_end
    }

    /// Where L1 made the claim final.
    ///
    /// # Errors
    /// [`StoreError::SnapshotDamaged`] if it does not say so.
    pub fn finalized(&self) -> Result<L1Position, StoreError> {
        match self.claim.outcome {
            Some((ClaimOutcome::Final, position)) => Ok(position),
            _ => Err(damaged("its claim is not final")),
        }
    }

    /// The digest that the claim must have on a chain with this configuration and this hash of the
    /// genesis block's commitment.
    pub fn digest(&self, config_hash: B256, genesis_commitment: B256, genesis_hash: B256) -> B256 {
        let (pre, batch_start, inbox_start) = match &self.parent {
            Some((claim, batch)) => (claim.post, batch.hash, batch.batch.inbox_accumulator),
            None => (genesis_commitment, genesis_hash, B256::ZERO),
        };
        Claim {
            config_hash,
            pre,
            batch_start,
            batch_end: self.batch.hash,
            inbox_start,
            inbox_end: self.batch.batch.inbox_accumulator,
            post: self.outcome.post.hash(),
        }
        .digest()
    }

    /// Checks that its parts belong together; only L1 can tell whether the claim is final.
    pub(super) fn check(&self, identity: B256) -> Result<(), StoreError> {
        let claim = &self.claim;
        if self.outcome.post.hash() != claim.post {
            return Err(damaged("its block is not the one that its claim is about"));
        }
        if claim_id(claim.parent, claim.digest) != claim.id {
            return Err(damaged("its claim has another id"));
        }
        check_batch(&self.batch)?;
        if self.batch.batch.index.next() != claim.batch_end {
            return Err(damaged("its batch is not the last one of its claim"));
        }
        match &self.parent {
            None if claim.parent != identity => Err(damaged("it lacks the parent of its claim")),
            None => Ok(()),
            Some((parent, batch)) => {
                check_batch(batch)?;
                if parent.id != claim.parent || batch.batch.index.next() != parent.batch_end {
                    return Err(damaged("its claim has another parent"));
                }
                Ok(())
            }
        }?;
        if self.resume > self.batch.position.block.number {
            return Err(damaged("it would go on too late on L1"));
        }
        self.finalized().map(|_| ())
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let (parent, parent_batch) = match &self.parent {
            Some((claim, batch)) => (claim.encode(), batch.encode()),
            None => (Vec::new(), Vec::new()),
        };
        let items = [
            self.claim.encode(),
            parent,
            parent_batch,
            self.batch.encode(),
            self.outcome.encode(),
            self.resume.get().to_be_bytes().to_vec(),
        ];
        encode_list(items.iter().map(Vec::as_slice))
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let list = List::parse("snapshot", bytes)?;
        let cut = || damaged("what it rests on is cut short");
        let item = |position| list.get(position)?.ok_or_else(cut);
        let parent = match item(1)? {
            [] => None,
            claim => Some((StoredClaim::decode(claim)?, StoredBatch::decode(item(2)?)?)),
        };
        let resume = item(5)?.try_into().map_err(|_| cut())?;
        Ok(Self {
            claim: StoredClaim::decode(item(0)?)?,
            parent,
            batch: StoredBatch::decode(item(3)?)?,
            outcome: BatchOutcome::decode(item(4)?)?,
            resume: L1BlockNumber::new(u64::from_be_bytes(resume)),
        })
    }
}

/// A batch is what its hash says, and where its facts say.
pub(super) fn check_batch(stored: &StoredBatch) -> Result<(), StoreError> {
    let StoredBatch { batch, hash, position } = stored;
    if batch.hash() != *hash || batch.facts.number != position.block.number {
        return Err(damaged("a batch is not what its hash says"));
    }
    Ok(())
}

fn batch(read: &Read, index: BatchIndex) -> Result<StoredBatch, StoreError> {
    let bytes = read.get(BATCHES, index.get())?.map(|bytes| bytes.value().to_vec());
    let missing = StoreError::Missing { table: "batches", key: index.get() };
    get(bytes, missing, StoredBatch::decode)
}

/// The final claim whose last block is `block`, and what its last batch gave.
fn final_claim(
    read: &Read,
    block: BlockNumber,
) -> Result<Option<(StoredClaim, BatchOutcome)>, StoreError> {
    let Some(claims) = read.table(CLAIMS)? else { return Ok(None) };
    let failed = "reading claims";
    let entries = claims.range::<&[u8; 40]>(..).map_err(StoreError::database(failed))?;
    for entry in entries.rev() {
        let (_, bytes) = entry.map_err(StoreError::database(failed))?;
        let claim = StoredClaim::decode(bytes.value())?;
        if !matches!(claim.outcome, Some((ClaimOutcome::Final, _))) {
            continue;
        }
        let Some(bytes) = read.get(OUTCOMES, claim.batch_end.prev().get())? else { continue };
        let outcome = BatchOutcome::decode(bytes.value())?;
        if outcome.last_block == block && outcome.post.hash() == claim.post {
            return Ok(Some((claim, outcome)));
        }
        if outcome.last_block < block {
            break;
        }
    }
    Ok(None)
}

//! A node that was started from a snapshot: nothing in it is believed until L1 has its claim as final.

use alloy::eips::BlockNumberOrTag;
use alloy_consensus::Header;
use alloy_primitives::B256;
use mezz_l1::{L1BlockRef, L1Client, L1Error, L1Event, Step};
use mezz_store::SnapshotOrigin;
use mezz_types::{
    BlockNumber, ChainConfig, Commitment, InboxIndex, OutboxTree, genesis_batch_accumulator,
};

use super::{Derivation, DerivationError};

/// Asks L1 whether it has the claim that a snapshot rests on as final, and gives the L1 block before the one from
/// which on L1 is read again. `genesis` is the chain's first block as the snapshot has it.
///
/// What L1 says is checked as derivation checks it: a header hashes to its hash, and logs are those that
/// its receipts root demands.
///
/// # Errors
/// [`DerivationError::SnapshotForeign`] and [`DerivationError::SnapshotNotFinal`] say that the snapshot is
/// not to be used; a temporary one is worth another try.
pub async fn check_snapshot(
    client: &L1Client,
    config: &ChainConfig,
    genesis_hash: B256,
    genesis: &Header,
    origin: &SnapshotOrigin,
) -> Result<mezz_store::L1BlockRef, DerivationError> {
    let claim = origin.claim.id;
    let commitment = Commitment {
        block_number: BlockNumber::ZERO,
        block_hash: genesis.hash_slow(),
        timestamp: genesis.timestamp,
        state_root: genesis.state_root,
        outbox_root: OutboxTree::default().root(),
        next_inbox_index: InboxIndex::ZERO,
    };
    let (config_hash, commitment) = (config.hash(), commitment.hash());
    if genesis_batch_accumulator(config_hash, commitment) != genesis_hash
        || origin.digest(config_hash, commitment, genesis_hash) != origin.claim.digest
    {
        return Err(DerivationError::SnapshotForeign { claim });
    }
    let at = origin.finalized()?.block;
    let refused = || DerivationError::SnapshotNotFinal { claim, l1_block: at.number };
    let missing =
        || L1Error::Missing { what: "the block of the snapshot's final claim", hash: at.hash };
    let header = client.header_at(at.number).await?.ok_or_else(missing)?;
    let finalized = client.block_at(BlockNumberOrTag::Finalized).await?;
    if header.at.hash != at.hash || finalized.is_none_or(|it| it.number < at.number) {
        return Err(refused());
    }
    let before = L1BlockRef { number: at.number.prev(), hash: header.parent_hash, timestamp: 0 };
    let Step::Block(block) = client.follow(Some(&before), at.number).await? else {
        return Err(missing().into());
    };
    let says_so = block.events.iter().any(|log| {
        matches!(&log.event, L1Event::ClaimFinalized { id, batch_end, post }
            if (*id, *batch_end, *post) == (claim, origin.batch_end(), origin.claim.post))
    });
    if block.at.hash != at.hash || !says_so {
        return Err(refused());
    }
    let missing = || L1Error::Missing { what: "the block of the snapshot's batch", hash: at.hash };
    let accepted = origin.batch.position.block;
    let there = client.header_at(accepted.number).await?.ok_or_else(missing)?;
    if there.at.hash != accepted.hash {
        return Err(refused());
    }
    let resume = client.header_at(origin.resume).await?.ok_or_else(missing)?;
    // A message that waited when the batch came would be missed if L1 were read from later on.
    if resume.at.timestamp > origin.batch.batch.oldest_unconsumed_timestamp {
        return Err(DerivationError::SnapshotForeign { claim });
    }
    Ok(mezz_store::L1BlockRef { number: origin.resume.prev(), hash: resume.parent_hash })
}

impl Derivation {
    /// Asks L1 about the snapshot that the store was made from, if nobody did yet (D8).
    ///
    /// # Errors
    /// As of [`check_snapshot`].
    pub async fn check_origin(&self) -> Result<(), DerivationError> {
        let view = &self.parts.view;
        let Some(origin) = view.l1.snapshot_origin()? else { return Ok(()) };
        let claim = origin.claim.id;
        let genesis = view.reader.header(BlockNumber::ZERO)?;
        let (_, genesis) = genesis.ok_or(DerivationError::SnapshotForeign { claim })?;
        let genesis_hash = self.parts.settings.genesis_hash;
        let client = &self.parts.client;
        let before = check_snapshot(client, &view.config, genesis_hash, &genesis, &origin).await?;
        view.l1.accept_snapshot(before)?;
        let block = origin.outcome.last_block;
        tracing::info!(%claim, %block, l1_block = %origin.resume, "L1 has the snapshot's claim as final");
        Ok(())
    }
}

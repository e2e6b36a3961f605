//! `mezz_*`: what only a rollup has.

use alloy::eips::BlockId;
use alloy_primitives::{Address, B256, U64, U256};
use jsonrpsee::{RpcModule, core::RegisterMethodError};
use mezz_store::{BatchOutcome, ClaimOutcome, ProofState, StateView, StoredClaim};
use mezz_types::{
    BatchIndex, BlockNumber, INBOX_CLOCK, L1BlockNumber, L1Facts, OutboxIndex, account_key,
    clock_slot, storage_key,
};
use serde_json::{Value, json};

use crate::{
    BlockLabel, ChainStatus, CommitmentFields, WithdrawalStage, WithdrawalStatus,
    context::Context,
    error::RpcError,
    outbox::outbox_path,
    register::{method, method_async},
};

/// Claims looked at: each costs its proposer a bond or extends a line.
const MAX_CLAIMS: usize = 4_096;
/// Keys that one proof may be asked for.
const MAX_PROOF_KEYS: usize = 256;

pub(crate) fn register(module: &mut RpcModule<Context>) -> Result<(), RegisterMethodError> {
    method(module, "mezz_chainInfo", |_: Vec<Value>, context| Ok(json!(context.info)))?;
    method_async(module, "mezz_status", |_: Vec<Value>, context| async move {
        let pool = match &context.pool {
            Some(pool) => pool.status().await,
            None => Default::default(),
        };
        let mut status = status(&context)?;
        status.pool_pending = pool.pending as u64;
        status.pool_queued = pool.queued as u64;
        Ok(json!(status))
    })?;
    method_async(module, "mezz_getWithdrawal", |params: (U64,), context| async move {
        let index = OutboxIndex::new(params.0.to());
        context.run_call(move |context| withdrawal(context, index)).await
    })?;
    method(module, "mezz_getBatch", |params: (U64,), context| {
        batch(context, BatchIndex::new(params.0.to()))
    })?;
    method(module, "mezz_getBlockStatus", |params: (BlockId,), context| {
        block_status(context, params.0)
    })?;
    method(module, "mezz_l1Facts", |params: (Option<BlockId>,), context| {
        let state = context.state(params.0.unwrap_or_default())?;
        Ok(json!(l1_facts(&state)?))
    })?;
    method_async(
        module,
        "mezz_getProof",
        |params: (Address, Option<Vec<U256>>, Option<String>), context| async move {
            context.run_heavy(move |context| proof(context, params)).await
        },
    )
}

/// L1 facts in force in a state, from the clock.
pub(crate) fn l1_facts(state: &StateView) -> Result<L1Facts, RpcError> {
    let slot = |slot| state.storage(INBOX_CLOCK, slot);
    Ok(L1Facts {
        number: L1BlockNumber::new(slot(clock_slot::NUMBER)?.saturating_to()),
        timestamp: slot(clock_slot::TIMESTAMP)?.saturating_to(),
        base_fee: slot(clock_slot::BASE_FEE)?.saturating_to(),
        blob_base_fee: slot(clock_slot::BLOB_BASE_FEE)?.saturating_to(),
    })
}

fn status(context: &Context) -> Result<ChainStatus, RpcError> {
    let view = &context.view;
    let label = |block: Option<mezz_store::BlockRef>| -> Result<BlockLabel, RpcError> {
        let block = block.or(context.genesis()?).ok_or(RpcError::UnknownBlock)?;
        Ok(BlockLabel { number: block.number.get(), hash: block.hash })
    };
    let reader = &view.reader;
    let latest = label(reader.head()?)?;
    let final_claim = view.l1.last_final_claim()?;
    let from = final_claim.as_ref().map_or(BatchIndex::ZERO, |claim| claim.batch_end);
    let alive = living_claims(context, from)?;
    let messages = view.l1.inbox_end()?.0;
    let head = std::sync::Arc::clone(&view.head.borrow());
    let extra = mezz_evm::ExtraData::decode(&head.extra_data).unwrap_or_default();
    Ok(ChainStatus {
        latest,
        safe: label(reader.safe()?)?,
        finalized: label(reader.finalized()?)?,
        batches: view.l1.last_batch()?.map_or(0, |last| last.batch.index.get() + 1),
        derived_batches: view.l1.last_outcome()?.map_or(0, |(last, _)| last.get() + 1),
        claims: alive.len() as u64,
        final_batches: from.get(),
        wrong_final_claim: view.wrong_final_claim()?.map(|wrong| wrong.claim),
        contested: alive.iter().any(|claim| claim.contested.is_some() && claim.outcome.is_none()),
        messages: messages.get(),
        unconsumed_messages: messages.distance_from(extra.next_inbox_index),
        l1_block: view.l1.cursor()?.map_or(0, |at| at.number.get()),
        l1_timestamp: context.l1.borrow().timestamp,
        pool_pending: 0,
        pool_queued: 0,
    })
}

fn living_claims(context: &Context, from: BatchIndex) -> Result<Vec<StoredClaim>, RpcError> {
    let claims = context.view.l1.claims_from(from, MAX_CLAIMS)?;
    Ok(claims
        .into_iter()
        .filter(
            |claim| !matches!(claim.outcome, Some((outcome, _)) if outcome != ClaimOutcome::Final),
        )
        .collect())
}

/// The batch that a block is in, if derivation has seen it. Of a block before the first batch that is known,
/// because the node was started from a snapshot, that one: the claims over it cover the block as well.
fn batch_of(
    context: &Context,
    block: BlockNumber,
) -> Result<Option<(BatchIndex, BatchOutcome)>, RpcError> {
    let l1 = &context.view.l1;
    let Some((last, outcome)) = l1.last_outcome()? else { return Ok(None) };
    if outcome.last_block < block || block == BlockNumber::ZERO {
        return Ok(None);
    }
    let first = l1.first_outcome()?.unwrap_or_default();
    let (mut low, mut high) = (first.get(), last.get());
    while low < high {
        let middle = low + (high - low) / 2;
        match l1.outcome(BatchIndex::new(middle))? {
            Some(outcome) if outcome.last_block < block => low = middle + 1,
            _ => high = middle,
        }
    }
    let index = BatchIndex::new(low);
    Ok(l1.outcome(index)?.map(|outcome| (index, outcome)))
}

/// The batch's index, if the block is in it.
fn named(batch: Option<(BatchIndex, BatchOutcome)>, block: BlockNumber) -> Option<BatchIndex> {
    batch.filter(|(_, outcome)| outcome.first_block <= block).map(|(index, _)| index)
}

/// The first living claim that covers a batch and agrees with this node.
fn claim_of(context: &Context, batch: BatchIndex) -> Result<Option<StoredClaim>, RpcError> {
    for claim in living_claims(context, batch.next())? {
        let outcome = context.view.l1.outcome(claim.batch_end.prev())?;
        if outcome.is_some_and(|outcome| outcome.post.hash() == claim.post) {
            return Ok(Some(claim));
        }
    }
    Ok(None)
}

fn withdrawal(context: &Context, index: OutboxIndex) -> Result<Value, RpcError> {
    let Some(stored) = context.view.reader.withdrawal(index)? else {
        return Err(RpcError::Refused(format!("withdrawal {index} is not in the outbox")));
    };
    let batch = batch_of(context, stored.block)?;
    let claim = match &batch {
        Some((batch, _)) => claim_of(context, *batch)?,
        None => None,
    };
    let (stage, seconds_left) = stage(context, batch.is_some(), claim.as_ref());
    let mut status = WithdrawalStatus {
        index: index.get(),
        kind: stored.withdrawal.kind.to_byte(),
        sender: stored.withdrawal.sender,
        target: stored.withdrawal.target,
        token: stored.withdrawal.token,
        amount: stored.withdrawal.amount,
        data: stored.withdrawal.data,
        block: stored.block.get(),
        batch: named(batch, stored.block).map(BatchIndex::get),
        claim: claim.as_ref().map(|claim| claim.id),
        stage,
        seconds_left,
        commitment: None,
        proof: None,
    };
    if let (WithdrawalStage::Ready, Some(claim)) = (stage, claim) {
        (status.commitment, status.proof) = ready(context, index, &claim)?;
    }
    Ok(json!(status))
}

fn stage(
    context: &Context,
    batched: bool,
    claim: Option<&StoredClaim>,
) -> (WithdrawalStage, Option<u64>) {
    let Some(claim) = claim else {
        let stage = if batched { WithdrawalStage::Batched } else { WithdrawalStage::Sequenced };
        return (stage, None);
    };
    if claim.outcome.is_some() {
        return (WithdrawalStage::Ready, None);
    }
    if claim.contested.is_some() {
        return (WithdrawalStage::Contested, None);
    }
    let now = context.l1.borrow().timestamp;
    match claim.window_end.checked_sub(now) {
        Some(left) if left > 0 => (WithdrawalStage::Claimed, Some(left)),
        _ => (WithdrawalStage::Finalizable, None),
    }
}

type Proof = (Option<CommitmentFields>, Option<Vec<B256>>);

fn ready(context: &Context, index: OutboxIndex, claim: &StoredClaim) -> Result<Proof, RpcError> {
    let outcome = context.view.l1.outcome(claim.batch_end.prev())?;
    let post = outcome.ok_or(RpcError::UnknownBlock)?.post;
    let count = context.view.reader.outbox_count(post.block_number)?;
    let path = outbox_path(&context.view.reader, index, count, context.limits.outbox_leaves)?;
    let commitment = CommitmentFields {
        block_number: post.block_number.get(),
        block_hash: post.block_hash,
        timestamp: post.timestamp,
        state_root: post.state_root,
        outbox_root: post.outbox_root,
        next_inbox_index: post.next_inbox_index.get(),
    };
    Ok((Some(commitment), Some(path)))
}

fn batch(context: &Context, index: BatchIndex) -> Result<Value, RpcError> {
    let Some(stored) = context.view.l1.batch(index)? else { return Ok(Value::Null) };
    let outcome = context.view.l1.outcome(index)?;
    Ok(json!({
        "hash": stored.hash,
        "batch": stored.batch,
        "l1Transaction": stored.position.transaction,
        "l1Block": stored.position.block.number,
        "firstBlock": outcome.as_ref().map(|outcome| outcome.first_block),
        "lastBlock": outcome.as_ref().map(|outcome| outcome.last_block),
        "void": outcome.and_then(|outcome| outcome.void),
    }))
}

fn block_status(context: &Context, id: BlockId) -> Result<Value, RpcError> {
    let Some(block) = context.block(id)? else { return Ok(Value::Null) };
    let batch = batch_of(context, block.number)?;
    let claim = match &batch {
        Some((index, _)) => claim_of(context, *index)?,
        None => None,
    };
    let reader = &context.view.reader;
    let reached = |label: Option<mezz_store::BlockRef>| {
        label.is_some_and(|label| label.number >= block.number)
    };
    let label = if reached(reader.finalized()?) {
        "finalized"
    } else if reached(reader.safe()?) {
        "safe"
    } else {
        "latest"
    };
    Ok(json!({
        "number": block.number,
        "hash": block.hash,
        "label": label,
        "batch": named(batch, block.number),
        "claim": claim.as_ref().map(|claim| claim.id),
        "windowEnd": claim.map(|claim| claim.window_end),
    }))
}

fn proof(
    context: &Context,
    (address, slots, at): (Address, Option<Vec<U256>>, Option<String>),
) -> Result<Value, RpcError> {
    let state = match at.as_deref() {
        None | Some("latest") => ProofState::Head,
        Some("finalized") => ProofState::Final,
        Some(other) => {
            return Err(RpcError::Params(format!(
                "{other}: proofs are kept for \"latest\" and \"finalized\" alone"
            )));
        }
    };
    let slots = slots.unwrap_or_default();
    if slots.len() >= MAX_PROOF_KEYS {
        return Err(RpcError::Limit(format!("at most {MAX_PROOF_KEYS} keys a request")));
    }
    let keys: Vec<_> = std::iter::once(account_key(address))
        .chain(slots.iter().map(|slot| storage_key(address, *slot)))
        .collect();
    let proofs = context.view.reader.prove(state, &keys)?;
    let list: Vec<Value> = proofs
        .proofs
        .iter()
        .map(|proof| {
            let terminal = proof.terminal.as_ref();
            json!({
                "key": B256::from(proof.key),
                "value": proof.value.as_ref().map(|value| alloy_primitives::Bytes::from(value.clone())),
                "terminal": terminal.map(|leaf| json!({
                    "key": B256::from(leaf.key),
                    "valueHash": B256::from(leaf.value_hash),
                })),
                "siblings": proof.siblings.iter().map(|it| B256::from(*it)).collect::<Vec<_>>(),
            })
        })
        .collect();
    Ok(json!({ "block": proofs.block, "stateRoot": proofs.root, "proofs": list }))
}

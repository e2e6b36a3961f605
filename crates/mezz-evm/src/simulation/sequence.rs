//! Calls one after another in a block that is made up.

use alloc::vec::Vec;

use alloy_primitives::{Address, B256, Bloom, Log, U256};
use mezz_types::{BlockNumber, HISTORY_STORAGE, OUTBOX, OUTBOX_ROOT_SLOT};
use revm::context::{BlockEnv as EngineBlock, ContextTr};

use super::{Call, CallOutcome, SimulationError, Simulator, call_outcome};
use crate::{
    BlockEnv, BlockTransaction, ExecutedBlock, ExecutionError, InvalidTransaction, Receipt,
    StateReader,
    overlay::{Overlay, ReadFailed},
};

/// What a made-up block says of itself; `None` leaves what it says anyway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlockChanges {
    /// Height.
    pub number: Option<BlockNumber>,
    /// Seconds since the Unix epoch.
    pub timestamp: Option<u64>,
    /// Gas that the block may use.
    pub gas_limit: Option<u64>,
    /// Wei per gas.
    pub base_fee: Option<u64>,
    /// What `COINBASE` gives; fees go there.
    pub beneficiary: Option<Address>,
    /// What `PREVRANDAO` gives.
    pub prev_randao: Option<B256>,
    /// What `BLOBBASEFEE` gives, wei.
    pub blob_base_fee: Option<u128>,
}

impl BlockChanges {
    pub(crate) fn apply(&self, env: &mut BlockEnv<'_>, block: &mut EngineBlock) {
        if let Some(number) = self.number {
            env.number = number;
            block.number = U256::from(number.get());
        }
        if let Some(timestamp) = self.timestamp {
            env.timestamp = timestamp;
            block.timestamp = U256::from(timestamp);
        }
        if let Some(gas_limit) = self.gas_limit {
            env.gas_limit = gas_limit;
            block.gas_limit = gas_limit;
        }
        if let Some(base_fee) = self.base_fee {
            env.base_fee = base_fee;
            block.basefee = base_fee;
        }
        if let Some(beneficiary) = self.beneficiary {
            block.beneficiary = beneficiary;
        }
        if let Some(prev_randao) = self.prev_randao {
            block.prevrandao = Some(prev_randao);
        }
        let blobs = block.blob_excess_gas_and_price.as_mut();
        if let (Some(fee), Some(blobs)) = (self.blob_base_fee, blobs) {
            blobs.blob_gasprice = fee;
        }
    }
}

/// A call that the next one builds on.
#[derive(Clone, Copy, Debug)]
pub struct NextCall<'c> {
    /// What it asks for.
    pub call: &'c Call,
    /// Its gas limit.
    pub gas_limit: u64,
    /// As a transaction with this nonce, checked and charged like any other; `None` as a call.
    pub nonce: Option<u64>,
}

/// What a call did that the next one builds on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// What it did.
    pub outcome: CallOutcome,
    /// Gas that it had used before refunds.
    pub max_gas_used: u64,
    /// Its logs with transfers of ether among them, if those are traced.
    pub transfers: Option<Vec<Log>>,
}

impl<'a, S: StateReader> Simulator<'a, S> {
    /// The block that the calls are made in.
    pub const fn block(&self) -> &BlockEnv<'a> {
        &self.env
    }

    /// Makes the block say something else of itself.
    pub fn change_block(&mut self, changes: &BlockChanges) {
        changes.apply(&mut self.env, &mut self.engine.ctx.block);
    }

    /// Makes [`Applied::transfers`] say what ether moved: a log of [`crate::TRANSFER_EMITTER`] for each time,
    /// as the execution APIs have it.
    pub const fn trace_transfers(&mut self, traced: bool) {
        self.engine.inspector.on = traced;
    }

    /// Puts the parent's hash where the history contract keeps it (EIP-2935), as a block that is
    /// executed does first. The simulator must stand in the block after its state.
    pub fn open_block(&mut self) {
        let slot = Overlay::<S>::history_slot(self.env.number.get().saturating_sub(1));
        let hash = U256::from_be_bytes(self.env.parent_hash.0);
        self.engine.ctx.db_mut().set_slot(HISTORY_STORAGE, slot, hash);
    }

    /// The next nonce of `address`, after all calls so far.
    ///
    /// # Errors
    /// [`SimulationError::Block`].
    pub fn nonce(&mut self, address: Address) -> Result<u64, SimulationError<S::Error>> {
        let overlay = self.engine.ctx.db_mut();
        match overlay.account(address) {
            Ok(account) => Ok(account.unwrap_or_default().nonce),
            Err(ReadFailed) => Err(SimulationError::Block(overlay.error())),
        }
    }

    /// Runs a call; later ones see what it did.
    ///
    /// # Errors
    /// As of [`Simulator::call`]; after an error nothing has changed.
    pub fn apply(&mut self, next: &NextCall<'_>) -> Result<Applied, SimulationError<S::Error>> {
        let NextCall { call, gas_limit, nonce } = *next;
        let base_fee = self.env.base_fee;
        if nonce.is_some() && call.price().unwrap_or(0) < u128::from(base_fee) {
            let (base_fee, max_fee) = (base_fee.into(), call.price().unwrap_or(0));
            return Err(InvalidTransaction::MaxFeeBelowBaseFee { base_fee, max_fee }.into());
        }
        let (mut tx, mut terms) =
            call.charged(gas_limit, base_fee, self.data_price, self.crypto)?;
        if let Some(nonce) = nonce {
            tx.nonce = nonce;
            terms.sender_checked = true;
        }
        let (result, state) = self.run(tx, terms)?;
        self.engine.ctx.db_mut().commit(state);
        let max_gas_used = result.gas().total_gas_spent().max(result.tx_gas_used());
        let inspector = &mut self.engine.inspector;
        let transfers = inspector.on.then(|| inspector.take());
        Ok(Applied { outcome: call_outcome(result), max_gas_used, transfers })
    }

    /// The block of all calls that were applied, as these transactions with these receipts.
    ///
    /// # Errors
    /// [`SimulationError::Block`].
    pub fn finish_block(
        &mut self,
        transactions: Vec<BlockTransaction>,
        receipts: Vec<Receipt>,
    ) -> Result<ExecutedBlock, SimulationError<S::Error>> {
        let overlay = self.engine.ctx.db_mut();
        let read = overlay
            .l1_facts()
            .and_then(|facts| Ok((facts, overlay.slot(OUTBOX, OUTBOX_ROOT_SLOT)?)))
            .and_then(|(facts, root)| Ok((facts, root, overlay.changes()?)));
        let (l1_facts, outbox_root, changes) = match read {
            Ok(read) => read,
            Err(ReadFailed) => return Err(SimulationError::Block(overlay.error())),
        };
        let mut logs_bloom = Bloom::ZERO;
        for receipt in &receipts {
            logs_bloom.accrue_bloom(receipt.bloom());
        }
        Ok(ExecutedBlock {
            number: self.env.number,
            parent_hash: self.env.parent_hash,
            timestamp: self.env.timestamp,
            gas_limit: self.env.gas_limit,
            base_fee: self.env.base_fee,
            gas_used: receipts.last().map_or(0, Receipt::cumulative_gas_used),
            transactions,
            receipts,
            extras: Vec::new(),
            messages: Vec::new(),
            changes,
            logs_bloom,
            outbox_root: B256::from(outbox_root),
            next_inbox_index: self.env.next_inbox_index(),
            l1_facts,
        })
    }
}

impl<E> From<ExecutionError<E>> for SimulationError<E> {
    fn from(error: ExecutionError<E>) -> Self {
        Self::Block(error)
    }
}

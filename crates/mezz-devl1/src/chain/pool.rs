//! Transactions that wait for a block.

use std::{cmp::Ordering, collections::BinaryHeap, sync::Arc};

use alloy::consensus::Transaction as _;
use alloy_primitives::{Address, B256, U256};
use mezz_evm::ethereum_intrinsic_gas;

use super::transaction::CheckedTransaction;
use crate::state::WorldState;

/// Most transactions that wait.
const MAX_TRANSACTIONS: usize = 10_000;
/// Most transactions of one sender that wait.
const MAX_PER_SENDER: usize = 1_024;
/// Most blobs that wait: 32 MiB.
const MAX_BLOBS: usize = 256;
/// Longest transaction without its blobs, bytes, as Ethereum's nodes have it.
const MAX_BYTES: usize = 128 * 1024;
/// Largest gas limit of one transaction (EIP-7825).
const GAS_CAP: u64 = mezz_evm::TRANSACTION_GAS_CAP;
/// By how much a replacement must raise every fee, percent; for blob transactions the second.
const RAISE: [u128; 2] = [10, 100];

/// Why a transaction may not wait. Worded as in `go-ethereum`, since clients look for its words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// It waits already.
    #[error("already known")]
    AlreadyKnown,
    /// Signed for another chain (EIP-155).
    #[error("invalid chain id for signer: have {got} want {expected}")]
    ChainId {
        /// This chain.
        expected: u64,
        /// What was signed.
        got: u64,
    },
    /// The nonce is used already.
    #[error("nonce too low: next nonce {expected}, tx nonce {got}")]
    NonceTooLow {
        /// The sender's nonce.
        expected: u64,
        /// What was signed.
        got: u64,
    },
    /// EIP-2681.
    #[error("nonce has max value")]
    NonceAtEnd,
    /// The sender cannot pay.
    #[error(
        "insufficient funds for gas * price + value: balance {balance}, tx cost {cost}, overshot {}",
        .cost - .balance
    )]
    Balance {
        /// Wei.
        balance: U256,
        /// Wei at most.
        cost: U256,
    },
    /// Below its intrinsic gas or the floor of EIP-7623.
    #[error("intrinsic gas too low: gas {got}, minimum needed {required}")]
    IntrinsicGas {
        /// The least it must be.
        required: u64,
        /// What it is.
        got: u64,
    },
    /// More than a block has.
    #[error("exceeds block gas limit: tx gas {got}, block gas limit {block}")]
    BlockGasLimit {
        /// Gas of a block.
        block: u64,
        /// What it asks for.
        got: u64,
    },
    /// EIP-7825.
    #[error("transaction gas limit too high (cap: {cap}, tx: {got})")]
    GasCap {
        /// The cap.
        cap: u64,
        /// What it asks for.
        got: u64,
    },
    /// EIP-1559.
    #[error(
        "max priority fee per gas higher than max fee per gas: maxPriorityFeePerGas: {tip}, maxFeePerGas: {max_fee}"
    )]
    TipAboveMaxFee {
        /// Wei per gas.
        tip: u128,
        /// Wei per gas.
        max_fee: u128,
    },
    /// EIP-3860.
    #[error("max initcode size exceeded: code size {got}, limit {max}")]
    InitCode {
        /// The limit, bytes.
        max: usize,
        /// Its length, bytes.
        got: usize,
    },
    /// EIP-3607.
    #[error("sender not an eoa: address {sender}")]
    SenderIsContract {
        /// The sender.
        sender: Address,
    },
    /// EIP-7702.
    #[error("EIP-7702 transaction with empty auth list")]
    NoAuthorizations,
    /// EIP-4844.
    #[error("blobless blob transaction")]
    NoBlobs,
    /// EIP-7594.
    #[error("too many blobs in transaction: have {got}, permitted {max}")]
    TooManyBlobs {
        /// The limit.
        max: u64,
        /// What it carries.
        got: usize,
    },
    /// EIP-4844: the versioned hash is of an unknown version.
    #[error("blob {index} has invalid versioned hash")]
    BlobVersion {
        /// Which one.
        index: usize,
    },
    /// It names blobs that nobody has any more: it was in a block that is older than blobs are kept.
    #[error("missing sidecar: the blobs are not kept any more")]
    BlobsGone,
    /// Longer than nodes relay.
    #[error("oversized data: transaction size {got}, limit {max}")]
    Oversized {
        /// The limit, bytes.
        max: usize,
        /// Its length, bytes.
        got: usize,
    },
    /// One with the same nonce waits and pays as much.
    #[error("replacement transaction underpriced")]
    Underpriced,
    /// One sender has too many waiting.
    #[error("txpool is full for this account: {max} transactions of {sender} are waiting")]
    SenderFull {
        /// The sender.
        sender: Address,
        /// The limit.
        max: usize,
    },
    /// Too many are waiting.
    #[error("txpool is full")]
    Full,
}

/// What the chain demands of a transaction before it may wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Admission {
    pub(crate) chain_id: u64,
    pub(crate) block_gas: u64,
    pub(crate) max_blobs: u64,
}

#[derive(Clone, Debug)]
struct Waiting {
    transaction: Arc<CheckedTransaction>,
    /// Order of arrival: the older wins among equals.
    arrival: u64,
}

/// The pool. A clone is cheap.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pool {
    by_sender: imbl::OrdMap<Address, imbl::OrdMap<u64, Waiting>>,
    by_hash: imbl::HashMap<B256, (Address, u64)>,
    blobs: usize,
    arrivals: u64,
}

impl Pool {
    /// Takes in a transaction, if it could ever be executed after `state`.
    pub(crate) fn add(
        &mut self,
        transaction: Arc<CheckedTransaction>,
        admission: Admission,
        state: &WorldState,
    ) -> Result<(), PoolError> {
        let (hash, sender) = (transaction.hash(), transaction.sender());
        if self.by_hash.contains_key(&hash) {
            return Err(PoolError::AlreadyKnown);
        }
        check_fields(&transaction, admission)?;
        check_sender(&transaction, state)?;
        let nonce = transaction.nonce();
        let queue = self.by_sender.get(&sender);
        let replaced = queue.and_then(|queue| queue.get(&nonce)).cloned();
        match &replaced {
            Some(old) if !raises(&old.transaction, &transaction) => {
                return Err(PoolError::Underpriced);
            }
            Some(_) => {}
            None if self.by_hash.len() >= MAX_TRANSACTIONS => return Err(PoolError::Full),
            None if queue.is_some_and(|queue| queue.len() >= MAX_PER_SENDER) => {
                return Err(PoolError::SenderFull { sender, max: MAX_PER_SENDER });
            }
            None => {}
        }
        if transaction.blob_count() > 0 && self.blobs + transaction.blob_count() > MAX_BLOBS {
            return Err(PoolError::Full);
        }
        if let Some(old) = replaced {
            self.forget(&old.transaction);
        }
        self.blobs += transaction.blob_count();
        self.by_hash.insert(hash, (sender, nonce));
        self.arrivals += 1;
        let waiting = Waiting { transaction, arrival: self.arrivals };
        self.by_sender.entry(sender).or_default().insert(nonce, waiting);
        Ok(())
    }

    /// Takes out one transaction.
    pub(crate) fn remove(&mut self, hash: &B256) -> Option<Arc<CheckedTransaction>> {
        let transaction = self.get(hash)?.clone();
        self.forget(&transaction);
        Some(transaction)
    }

    /// Takes out what can never be executed after `state`.
    pub(crate) fn prune(&mut self, senders: impl Iterator<Item = Address>, state: &WorldState) {
        for sender in senders {
            let nonce = state.account_or_empty(sender).nonce;
            let stale: Vec<_> = self
                .by_sender
                .get(&sender)
                .into_iter()
                .flat_map(|queue| queue.range(..nonce))
                .map(|(_, waiting)| waiting.transaction.clone())
                .collect();
            for transaction in stale {
                self.forget(&transaction);
            }
        }
    }

    pub(crate) fn get(&self, hash: &B256) -> Option<&Arc<CheckedTransaction>> {
        let (sender, nonce) = self.by_hash.get(hash)?;
        self.by_sender.get(sender)?.get(nonce).map(|waiting| &waiting.transaction)
    }

    /// All, by sender and nonce.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<CheckedTransaction>> {
        self.by_sender
            .iter()
            .flat_map(|(_, queue)| queue.iter())
            .map(|(_, waiting)| &waiting.transaction)
    }

    /// The nonce after the last transaction of `sender` that waits without a gap, given its nonce in the state.
    pub(crate) fn next_nonce(&self, sender: Address, state_nonce: u64) -> u64 {
        let Some(queue) = self.by_sender.get(&sender) else { return state_nonce };
        queue.range(state_nonce..).map(|(nonce, _)| *nonce).fold(state_nonce, |next, nonce| {
            if nonce == next { next.saturating_add(1) } else { next }
        })
    }

    /// Goes through what can be executed, best paid first, each sender in the order of nonces.
    pub(crate) fn best(&self, base_fee: u64) -> Best<'_> {
        let mut best = Best { pool: self, base_fee, heap: BinaryHeap::new() };
        for (_, queue) in &self.by_sender {
            if let Some((_, first)) = queue.get_min() {
                best.push(first);
            }
        }
        best
    }

    fn forget(&mut self, transaction: &CheckedTransaction) {
        self.by_hash.remove(&transaction.hash());
        self.blobs = self.blobs.saturating_sub(transaction.blob_count());
        let sender = transaction.sender();
        if let Some(queue) = self.by_sender.get_mut(&sender) {
            queue.remove(&transaction.nonce());
            if queue.is_empty() {
                self.by_sender.remove(&sender);
            }
        }
    }
}

/// The order in which a block takes transactions.
pub(crate) struct Best<'a> {
    pool: &'a Pool,
    base_fee: u64,
    heap: BinaryHeap<Candidate<'a>>,
}

impl<'a> Best<'a> {
    /// The best one now. Its sender's next one follows only when [`Best::included`] is called for it.
    pub(crate) fn next(&mut self) -> Option<&'a Arc<CheckedTransaction>> {
        self.heap.pop().map(|candidate| &candidate.waiting.transaction)
    }

    /// Offers the transaction of the same sender that follows `transaction`.
    pub(crate) fn included(&mut self, transaction: &CheckedTransaction) {
        let next = transaction.nonce().checked_add(1);
        let queue = self.pool.by_sender.get(&transaction.sender());
        if let (Some(next), Some(queue)) = (next, queue)
            && let Some(waiting) = queue.get(&next)
        {
            self.push(waiting);
        }
    }

    fn push(&mut self, waiting: &'a Waiting) {
        let tip = waiting.transaction.signed.effective_tip_per_gas(self.base_fee);
        self.heap.push(Candidate { tip: tip.unwrap_or_default(), waiting });
    }
}

struct Candidate<'a> {
    tip: u128,
    waiting: &'a Waiting,
}

impl Ord for Candidate<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.tip.cmp(&other.tip).then(other.waiting.arrival.cmp(&self.waiting.arrival))
    }
}

impl PartialOrd for Candidate<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Candidate<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Candidate<'_> {}

/// What can be said without a state.
fn check_fields(transaction: &CheckedTransaction, admission: Admission) -> Result<(), PoolError> {
    let signed = transaction.signed.inner();
    let expected = admission.chain_id;
    if let Some(got) = signed.chain_id()
        && got != expected
    {
        return Err(PoolError::ChainId { expected, got });
    }
    let got = alloy::eips::Encodable2718::encode_2718_len(signed);
    if got > MAX_BYTES {
        return Err(PoolError::Oversized { max: MAX_BYTES, got });
    }
    let (got, block) = (signed.gas_limit(), admission.block_gas);
    if got > block {
        return Err(PoolError::BlockGasLimit { block, got });
    }
    if got > GAS_CAP {
        return Err(PoolError::GasCap { cap: GAS_CAP, got });
    }
    let required = ethereum_intrinsic_gas(signed);
    if got < required {
        return Err(PoolError::IntrinsicGas { required, got });
    }
    let max_fee = signed.max_fee_per_gas();
    if let Some(tip) = signed.max_priority_fee_per_gas()
        && tip > max_fee
    {
        return Err(PoolError::TipAboveMaxFee { tip, max_fee });
    }
    let (max, got) = (mezz_evm::MAX_INIT_CODE_BYTES, signed.input().len());
    if signed.is_create() && got > max {
        return Err(PoolError::InitCode { max, got });
    }
    if signed.authorization_list().is_some_and(<[_]>::is_empty) {
        return Err(PoolError::NoAuthorizations);
    }
    if signed.nonce() == u64::MAX {
        return Err(PoolError::NonceAtEnd);
    }
    check_blobs(transaction, admission.max_blobs)
}

fn check_blobs(transaction: &CheckedTransaction, max: u64) -> Result<(), PoolError> {
    let Some(hashes) = transaction.signed.blob_versioned_hashes() else { return Ok(()) };
    let got = hashes.len();
    if got == 0 {
        return Err(PoolError::NoBlobs);
    }
    if u64::try_from(got).is_ok_and(|got| got > max) {
        return Err(PoolError::TooManyBlobs { max, got });
    }
    if let Some(index) = hashes.iter().position(|hash| hash[0] != 1) {
        return Err(PoolError::BlobVersion { index });
    }
    match &transaction.blobs {
        Some(blobs) if blobs.len() == got => Ok(()),
        _ => Err(PoolError::BlobsGone),
    }
}

/// What the state of the head says.
fn check_sender(transaction: &CheckedTransaction, state: &WorldState) -> Result<(), PoolError> {
    let sender = transaction.sender();
    let account = state.account_or_empty(sender);
    let got = transaction.nonce();
    if got < account.nonce {
        return Err(PoolError::NonceTooLow { expected: account.nonce, got });
    }
    let code = state.code_of(sender);
    if !code.is_empty() && !code.starts_with(&[0xef, 0x01, 0x00]) {
        return Err(PoolError::SenderIsContract { sender });
    }
    let cost = cost(transaction);
    if cost > account.balance {
        return Err(PoolError::Balance { balance: account.balance, cost });
    }
    Ok(())
}

/// The most that it can cost its sender, wei.
fn cost(transaction: &CheckedTransaction) -> U256 {
    let signed = &transaction.signed;
    let gas = U256::from(signed.gas_limit()).saturating_mul(U256::from(signed.max_fee_per_gas()));
    let blob_gas = U256::from(signed.blob_gas_used().unwrap_or_default());
    let blob_fee = U256::from(signed.max_fee_per_blob_gas().unwrap_or_default());
    signed.value().saturating_add(gas).saturating_add(blob_gas.saturating_mul(blob_fee))
}

/// Whether `new` pays enough more than `old` to take its place.
fn raises(old: &CheckedTransaction, new: &CheckedTransaction) -> bool {
    let raise = RAISE[usize::from(old.blob_count() > 0)];
    let enough = |old: u128, new: u128| {
        new >= old.saturating_add(old.saturating_mul(raise) / 100) && new > old
    };
    let fees = |transaction: &CheckedTransaction| {
        let signed = &transaction.signed;
        (signed.max_fee_per_gas(), signed.priority_fee_or_price(), signed.max_fee_per_blob_gas())
    };
    let ((old_fee, old_tip, old_blob), (new_fee, new_tip, new_blob)) = (fees(old), fees(new));
    enough(old_fee, new_fee)
        && enough(old_tip, new_tip)
        && match (old_blob, new_blob) {
            (Some(old), Some(new)) => enough(old, new),
            // One kind does not replace the other.
            (Some(_), None) | (None, Some(_)) => false,
            (None, None) => true,
        }
}

//! Block 0.

use alloc::{collections::BTreeMap, vec::Vec};

use alloy_primitives::{Address, B256, Bloom, Bytes, KECCAK256_EMPTY, U256, keccak256};
use mezz_types::{
    Account, BlockNumber, ChainConfig, InboxIndex, L1Facts, OUTBOX, OUTBOX_ROOT_SLOT, OutboxTree,
    StateChanges, account_key, encode_slot, storage_key,
};

use crate::ExecutedBlock;

/// A contract that is there from the start. It has no balance: all ETH on L2 was taken in by the
/// vault on L1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenesisAccount {
    /// Where.
    pub address: Address,
    /// Runtime code.
    pub code: Bytes,
    /// Storage slots that are not zero.
    pub storage: BTreeMap<U256, U256>,
}

/// The genesis block of a chain with `config` and `accounts`: seal it with the root of its
/// [`changes`](ExecutedBlock::changes) over the empty state.
///
/// The root of the empty outbox tree is put into the outbox's storage in any case.
pub fn genesis(config: &ChainConfig, accounts: &[GenesisAccount]) -> ExecutedBlock {
    let empty_outbox = OutboxTree::default().root();
    let mut changes = StateChanges::default();
    let set_slot = |changes: &mut StateChanges, address, slot, value| {
        if let Some(value) = encode_slot(value) {
            changes.leaves.insert(storage_key(address, slot), Some(value.to_vec()));
        }
    };
    for GenesisAccount { address, code, storage } in accounts {
        let code_hash = if code.is_empty() { KECCAK256_EMPTY } else { keccak256(code) };
        if !code.is_empty() {
            changes.codes.insert(code_hash, code.clone());
        }
        // A contract's nonce starts at 1 (EIP-161).
        let account = Account { nonce: 1, balance: U256::ZERO, code_hash };
        changes.leaves.insert(account_key(*address), Some(account.encode().to_vec()));
        for (slot, value) in storage {
            set_slot(&mut changes, *address, *slot, *value);
        }
    }
    set_slot(&mut changes, OUTBOX, OUTBOX_ROOT_SLOT, U256::from_be_bytes(empty_outbox.0));
    ExecutedBlock {
        number: BlockNumber::ZERO,
        parent_hash: B256::ZERO,
        timestamp: config.genesis_timestamp,
        gas_limit: config.limits.block_gas,
        base_fee: config.fees.initial_base_fee,
        transactions: Vec::new(),
        receipts: Vec::new(),
        extras: Vec::new(),
        messages: Vec::new(),
        changes,
        gas_used: 0,
        logs_bloom: Bloom::ZERO,
        outbox_root: empty_outbox,
        next_inbox_index: InboxIndex::ZERO,
        l1_facts: L1Facts::default(),
    }
}

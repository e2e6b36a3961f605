//! Block 0.

use std::{collections::BTreeMap, sync::Arc};

use alloy::{
    consensus::{EMPTY_OMMER_ROOT_HASH, Header, Sealable},
    eips::{
        eip2935::{HISTORY_STORAGE_ADDRESS, HISTORY_STORAGE_CODE},
        eip4788::{BEACON_ROOTS_ADDRESS, BEACON_ROOTS_CODE},
        eip7002::{WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, WITHDRAWAL_REQUEST_PREDEPLOY_CODE},
        eip7251::{CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS, CONSOLIDATION_REQUEST_PREDEPLOY_CODE},
        eip7685::EMPTY_REQUESTS_HASH,
    },
};
use alloy_primitives::{Address, B256, Bytes, U256, bytes, keccak256};
use alloy_rlp::Encodable as _;
use alloy_trie::EMPTY_ROOT_HASH;
use mezz_evm::{EthereumAccountChange, EthereumChanges};
use mezz_types::{Account, CREATE2_DEPLOYER};

use crate::{
    accounts::{DEV_BALANCE, DevAccounts},
    chain::Block,
    config::DevL1Config,
    state::WorldState,
};

/// Runtime code of the deterministic deployment proxy, at the same address on every chain.
const CREATE2_DEPLOYER_CODE: Bytes = bytes!(
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3"
);

/// Block 0 at `timestamp`, and the state after it.
pub(crate) fn genesis(
    config: &DevL1Config,
    accounts: &DevAccounts,
    timestamp: u64,
) -> (Block, WorldState) {
    let changes = changes(config, accounts);
    let mut state = WorldState::default();
    state.apply(&changes);
    let header = Header {
        parent_hash: B256::ZERO,
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        state_root: state.root(),
        transactions_root: EMPTY_ROOT_HASH,
        receipts_root: EMPTY_ROOT_HASH,
        gas_limit: config.gas_limit,
        timestamp,
        extra_data: Bytes::copy_from_slice(&config.chain_id.to_be_bytes()),
        base_fee_per_gas: Some(config.initial_base_fee),
        withdrawals_root: Some(EMPTY_ROOT_HASH),
        blob_gas_used: Some(0),
        excess_blob_gas: Some(0),
        parent_beacon_block_root: Some(B256::ZERO),
        requests_hash: Some(EMPTY_REQUESTS_HASH),
        ..Header::default()
    };
    let size = header.length();
    let block = Block {
        header: header.seal_slow(),
        transactions: Vec::new(),
        receipts: Vec::new(),
        size,
        edits: Arc::default(),
        changes: Arc::new(changes),
    };
    (block, state)
}

fn changes(config: &DevL1Config, accounts: &DevAccounts) -> EthereumChanges {
    let mut changes = EthereumChanges::default();
    let mut put = |address: Address, account: Account| {
        let change = EthereumAccountChange { account: Some(account), slots: BTreeMap::new() };
        changes.accounts.insert(address, change);
    };
    for address in accounts.addresses() {
        put(address, Account { balance: DEV_BALANCE, ..Account::default() });
    }
    for (address, balance) in config.funded.iter().filter(|(_, balance)| *balance > U256::ZERO) {
        put(*address, Account { balance: *balance, ..Account::default() });
    }
    let contracts = [
        (BEACON_ROOTS_ADDRESS, BEACON_ROOTS_CODE.clone()),
        (HISTORY_STORAGE_ADDRESS, HISTORY_STORAGE_CODE.clone()),
        (WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, WITHDRAWAL_REQUEST_PREDEPLOY_CODE.clone()),
        (CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS, CONSOLIDATION_REQUEST_PREDEPLOY_CODE.clone()),
        (CREATE2_DEPLOYER, CREATE2_DEPLOYER_CODE),
    ];
    for (address, code) in contracts {
        let code_hash = keccak256(&code);
        put(address, Account { nonce: 1, code_hash, ..Account::default() });
        changes.codes.insert(code_hash, code);
    }
    changes
}

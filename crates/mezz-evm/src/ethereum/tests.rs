//! Blocks of Ethereum on a small state in memory.

use alloc::{collections::BTreeMap, string::ToString, vec, vec::Vec};
use core::convert::Infallible;

use alloy_consensus::{TxEip1559, TxEip4844};
use alloy_eips::{
    eip2935::HISTORY_STORAGE_CODE,
    eip4788::BEACON_ROOTS_CODE,
    eip7002::{WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, WITHDRAWAL_REQUEST_PREDEPLOY_CODE},
    eip7251::{CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS, CONSOLIDATION_REQUEST_PREDEPLOY_CODE},
};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use mezz_types::{Account, HISTORY_STORAGE};

use super::{
    BlobRules, EthereumBlock, EthereumBlockEnv, EthereumCall,
    EthereumInvalidTransaction as Invalid, EthereumPushError, FinishedEthereumBlock, call_ethereum,
    ethereum_intrinsic_gas,
};
use crate::{PlainCrypto, StateReader};

const SENDER: Address = Address::repeat_byte(0xaa);
const CONTRACT: Address = Address::repeat_byte(0xcc);
const BEACON_ROOTS: Address = alloy_eips::eip4788::BEACON_ROOTS_ADDRESS;

#[derive(Clone, Debug, Default)]
struct Memory {
    accounts: BTreeMap<Address, Account>,
    slots: BTreeMap<(Address, U256), U256>,
    codes: BTreeMap<B256, Bytes>,
}

impl Memory {
    fn genesis() -> Self {
        let mut state = Self::default();
        for (address, code) in [
            (BEACON_ROOTS, &BEACON_ROOTS_CODE),
            (HISTORY_STORAGE, &HISTORY_STORAGE_CODE),
            (WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, &WITHDRAWAL_REQUEST_PREDEPLOY_CODE),
            (CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS, &CONSOLIDATION_REQUEST_PREDEPLOY_CODE),
        ] {
            state.set_code(address, code.clone());
        }
        let balance = U256::from(10).pow(U256::from(18));
        state.accounts.insert(SENDER, Account { balance, ..Account::default() });
        state
    }

    fn set_code(&mut self, address: Address, code: Bytes) {
        let code_hash = keccak256(&code);
        self.codes.insert(code_hash, code);
        self.accounts.insert(address, Account { nonce: 1, code_hash, ..Account::default() });
    }

    fn apply(&mut self, block: &FinishedEthereumBlock) {
        for (address, change) in &block.changes.accounts {
            match change.account {
                Some(account) => self.accounts.insert(*address, account),
                None => self.accounts.remove(address),
            };
            for (slot, value) in &change.slots {
                self.slots.insert((*address, *slot), *value);
            }
        }
        self.codes.extend(block.changes.codes.clone());
    }
}

impl StateReader for Memory {
    type Error = Infallible;

    fn account(&self, address: Address) -> Result<Option<Account>, Infallible> {
        Ok(self.accounts.get(&address).copied())
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, Infallible> {
        Ok(self.slots.get(&(address, slot)).copied().unwrap_or_default())
    }

    fn code(&self, code_hash: B256) -> Result<Bytes, Infallible> {
        Ok(self.codes[&code_hash].clone())
    }
}

fn env(number: u64) -> EthereumBlockEnv {
    EthereumBlockEnv {
        chain_id: 900,
        number,
        timestamp: 1_000 + number,
        beneficiary: Address::repeat_byte(0xfe),
        gas_limit: 30_000_000,
        base_fee: 100,
        prev_randao: B256::repeat_byte(0x11),
        parent_hash: B256::with_last_byte(number as u8),
        parent_beacon_root: B256::repeat_byte(0xbb),
        excess_blob_gas: 0,
        blobs: BlobRules { update_fraction: 5_007_716, max_per_block: 9, max_per_transaction: 6 },
    }
}

fn transaction(nonce: u64, to: TxKind, input: Vec<u8>) -> TxEip1559 {
    TxEip1559 {
        chain_id: 900,
        nonce,
        gas_limit: 1_000_000,
        max_fee_per_gas: 1_000,
        max_priority_fee_per_gas: 7,
        to,
        input: input.into(),
        ..TxEip1559::default()
    }
}

fn blob_transaction(nonce: u64, blobs: usize) -> TxEip4844 {
    TxEip4844 {
        chain_id: 900,
        nonce,
        gas_limit: 100_000,
        max_fee_per_gas: 1_000,
        max_fee_per_blob_gas: 1,
        to: CONTRACT,
        blob_versioned_hashes: (0..blobs)
            .map(|index| {
                let mut hash = B256::with_last_byte(index as u8);
                hash.0[0] = 1;
                hash
            })
            .collect(),
        ..TxEip4844::default()
    }
}

#[test]
fn a_transfer_moves_value_burns_the_base_fee_and_pays_the_tip() {
    let mut block = EthereumBlock::start(env(1), Memory::genesis(), &PlainCrypto).unwrap();
    let mut transfer = transaction(0, TxKind::Call(CONTRACT), vec![]);
    transfer.value = U256::from(5);
    let outcome = block.push(&transfer, SENDER).unwrap();
    assert!(outcome.is_success());
    assert_eq!(outcome.gas_used, 21_000);
    let finished = block.finish().unwrap();
    let balance = |address| finished.changes.accounts[&address].account.unwrap().balance;
    assert_eq!(balance(CONTRACT), U256::from(5));
    assert_eq!(balance(env(1).beneficiary), U256::from(21_000 * 7));
    let spent = U256::from(21_000 * 107 + 5);
    assert_eq!(balance(SENDER), U256::from(10).pow(U256::from(18)) - spent);
    assert_eq!(finished.gas_used, 21_000);
}

#[test]
fn system_contracts_keep_the_parents_hash_and_beacon_root() {
    let block = EthereumBlock::start(env(3), Memory::genesis(), &PlainCrypto).unwrap();
    let finished = block.finish().unwrap();
    let history = &finished.changes.accounts[&HISTORY_STORAGE].slots;
    assert_eq!(history[&U256::from(2)], U256::from(3));
    let beacon = &finished.changes.accounts[&BEACON_ROOTS].slots;
    assert_eq!(beacon[&U256::from(1_003)], U256::from(1_003));
    assert_eq!(beacon[&U256::from(1_003 + 8_191)], U256::from_be_bytes(B256::repeat_byte(0xbb).0));
    assert!(finished.requests.is_empty());
}

#[test]
fn a_block_without_its_system_contracts_is_refused() {
    let mut state = Memory::genesis();
    // INVALID
    state.set_code(WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, Bytes::from_static(&[0xfe]));
    let block = EthereumBlock::start(env(1), state, &PlainCrypto).unwrap();
    let error = block.finish().unwrap_err();
    assert!(error.to_string().contains("did not run"), "{error}");
}

#[test]
fn blockhash_is_the_parents() {
    let mut state = Memory::genesis();
    // sstore(0, blockhash(number() - 1))
    let code = [0x60, 0x01, 0x43, 0x03, 0x40, 0x5f, 0x55, 0x00];
    state.set_code(CONTRACT, code.to_vec().into());
    let mut block = EthereumBlock::start(env(9), state, &PlainCrypto).unwrap();
    block.push(&transaction(0, TxKind::Call(CONTRACT), vec![]), SENDER).unwrap();
    let finished = block.finish().unwrap();
    assert_eq!(finished.changes.accounts[&CONTRACT].slots[&U256::ZERO], U256::from(9));
}

#[test]
fn a_withdrawal_request_leaves_with_the_block() {
    let mut block = EthereumBlock::start(env(2), Memory::genesis(), &PlainCrypto).unwrap();
    let mut request =
        transaction(0, TxKind::Call(WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS), vec![0x77; 56]);
    request.value = U256::from(10);
    assert!(block.push(&request, SENDER).unwrap().is_success());
    let requests = block.finish().unwrap().requests;
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0][0], 0x01);
    assert_eq!(&requests[0][1..21], SENDER.as_slice());
}

#[test]
fn an_invalid_transaction_leaves_no_trace() {
    let mut block = EthereumBlock::start(env(1), Memory::genesis(), &PlainCrypto).unwrap();
    let mut cheap = transaction(0, TxKind::Call(CONTRACT), vec![]);
    cheap.max_fee_per_gas = 99;
    let mut late = transaction(4, TxKind::Call(CONTRACT), vec![]);
    late.value = U256::from(1);
    let mut rich = transaction(0, TxKind::Call(CONTRACT), vec![]);
    rich.value = U256::MAX >> 1;
    let mut greedy = transaction(0, TxKind::Call(CONTRACT), vec![]);
    greedy.gas_limit = (1 << 24) + 1;
    let mut foreign = transaction(0, TxKind::Call(CONTRACT), vec![]);
    foreign.chain_id = 1;
    let refuse = |block: &mut EthereumBlock<'_, Memory>, transaction: &TxEip1559| match block
        .push(transaction, SENDER)
    {
        Err(EthereumPushError::Invalid(error)) => error,
        other => panic!("{other:?}"),
    };
    assert_eq!(refuse(&mut block, &cheap), Invalid::MaxFeeBelowBaseFee { base_fee: 100 });
    assert_eq!(refuse(&mut block, &late), Invalid::NonceTooHigh { expected: 0, got: 4 });
    assert!(matches!(refuse(&mut block, &rich), Invalid::Balance { .. }));
    assert!(matches!(refuse(&mut block, &greedy), Invalid::GasLimitAboveCap { .. }));
    assert_eq!(refuse(&mut block, &foreign), Invalid::ChainId);
    let finished = block.finish().unwrap();
    assert!(!finished.changes.accounts.contains_key(&SENDER));
    assert!(!finished.changes.accounts.contains_key(&CONTRACT));
}

#[test]
fn blobs_are_priced_and_bounded() {
    let mut state = Memory::genesis();
    // sstore(0, blobbasefee()); sstore(1, blobhash(2))
    let code = [0x4a, 0x5f, 0x55, 0x60, 0x02, 0x49, 0x60, 0x01, 0x55, 0x00];
    state.set_code(CONTRACT, code.to_vec().into());
    let mut dear = env(1);
    dear.excess_blob_gas = 20_000_000;
    let mut block = EthereumBlock::start(dear, state.clone(), &PlainCrypto).unwrap();
    let error = block.push(&blob_transaction(0, 1), SENDER).unwrap_err();
    assert!(
        matches!(
            error,
            EthereumPushError::Invalid(Invalid::MaxBlobFeeBelowBlobBaseFee {
                blob_base_fee: 54,
                max_fee: 1
            })
        ),
        "{error:?}"
    );

    let mut block = EthereumBlock::start(env(1), state, &PlainCrypto).unwrap();
    assert!(block.push(&blob_transaction(0, 6), SENDER).unwrap().is_success());
    let error = block.push(&blob_transaction(1, 4), SENDER).unwrap_err();
    assert!(matches!(error, EthereumPushError::BlobsDoNotFit { left: 393_216, .. }), "{error:?}");
    let error = block.push(&blob_transaction(1, 7), SENDER).unwrap_err();
    assert!(matches!(error, EthereumPushError::BlobsDoNotFit { .. }), "{error:?}");
    let finished = block.finish().unwrap();
    assert_eq!(finished.blob_gas_used, 6 << 17);
    let slots = &finished.changes.accounts[&CONTRACT].slots;
    assert_eq!(slots[&U256::ZERO], U256::from(1));
    assert_eq!(slots[&U256::from(1)].byte(0), 2);
}

#[test]
fn a_creation_leaves_code_that_the_next_block_runs() {
    let mut state = Memory::genesis();
    // Returns the runtime code 0x4360005260206000f3: return(number()).
    let runtime = [0x43, 0x60, 0x00, 0x52, 0x60, 0x20, 0x60, 0x00, 0xf3];
    let mut init = vec![0x68];
    init.extend(runtime);
    init.extend([0x5f, 0x52, 0x60, 0x09, 0x60, 0x17, 0xf3]);
    let mut block = EthereumBlock::start(env(1), state.clone(), &PlainCrypto).unwrap();
    let outcome = block.push(&transaction(0, TxKind::Create, init), SENDER).unwrap();
    let created = outcome.created.unwrap();
    assert_eq!(created, SENDER.create(0));
    let finished = block.finish().unwrap();
    assert_eq!(finished.changes.codes[&keccak256(runtime)].as_ref(), runtime);
    state.apply(&finished);

    let call = EthereumCall {
        from: Address::ZERO,
        to: TxKind::Call(created),
        value: U256::ZERO,
        data: Bytes::new(),
        gas_limit: 50_000_000,
        fees: None,
        access_list: None,
        authorizations: vec![],
        blob_hashes: vec![],
    };
    let outcome = call_ethereum(&env(2), state.clone(), &PlainCrypto, call.clone()).unwrap();
    assert_eq!(outcome.output.as_ref(), U256::from(2).to_be_bytes::<32>());
    let unpaid = EthereumCall { value: U256::from(1), ..call };
    let error = call_ethereum(&env(2), state, &PlainCrypto, unpaid).unwrap_err();
    assert!(matches!(error, EthereumPushError::Invalid(Invalid::Balance { .. })), "{error:?}");
}

#[test]
fn a_full_block_takes_no_more() {
    let mut small = env(1);
    small.gas_limit = 1_010_000;
    let mut block = EthereumBlock::start(small, Memory::genesis(), &PlainCrypto).unwrap();
    block.push(&transaction(0, TxKind::Call(CONTRACT), vec![]), SENDER).unwrap();
    let error = block.push(&transaction(1, TxKind::Call(CONTRACT), vec![]), SENDER).unwrap_err();
    assert!(matches!(error, EthereumPushError::GasDoesNotFit { left: 989_000, .. }), "{error:?}");
}

#[test]
fn the_intrinsic_gas_is_the_least_that_is_accepted() {
    for input in [vec![], vec![1; 10], vec![1; 4_000], vec![0; 300]] {
        for to in [TxKind::Call(SENDER), TxKind::Create] {
            let mut transaction = transaction(0, to, input.clone());
            transaction.gas_limit = ethereum_intrinsic_gas(&transaction);
            let mut block = EthereumBlock::start(env(1), Memory::genesis(), &PlainCrypto).unwrap();
            transaction.gas_limit -= 1;
            let error = block.push(&transaction, SENDER).unwrap_err();
            assert!(
                matches!(
                    error,
                    EthereumPushError::Invalid(Invalid::GasLimitBelowIntrinsic { required, .. })
                        if required == transaction.gas_limit + 1
                ),
                "{error:?}"
            );
            transaction.gas_limit += 1;
            block.push(&transaction, SENDER).unwrap();
        }
    }
}

//! Time to execute one block of 10,000 transactions, signatures recovered before, state in memory.
//!
//! `cargo bench -p mezz-evm --bench block`

use std::{collections::HashMap, convert::Infallible, time::Instant};

use alloy_consensus::{
    Header, Sealed, SignableTransaction, TxEip1559, TxEnvelope, transaction::Recovered,
};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, keccak256};
use mezz_evm::{BlockEnv, BlockExecutor, PlainCrypto, SealedBlock, StateReader, genesis};
use mezz_types::{Account, BatchIndex, ChainConfig, Fees, Fork, LedgerKind, Limits, Rules};

const TRANSACTIONS: u32 = 10_000;
const TOKEN: Address = Address::repeat_byte(0x70);

/// Moves 1 from the caller's slot to the slot of the address in the call data, as a token would:
/// both slots are Keccak-256 of the address and a log says so.
const TOKEN_CODE: &str = concat!(
    "335f525f602052",       // caller and 0 into memory
    "60405f20",             // slot of the caller
    "8054600190039055",     // one less there
    "5f355f52",             // the other address into memory
    "60405f20",             // its slot
    "80546001019055",       // one more there
    "6001602052",           // the amount into memory
    "5f353360aa60206020a3", // the log
    "00"
);

#[derive(Default)]
struct Memory {
    accounts: HashMap<Address, Account>,
    slots: HashMap<(Address, U256), U256>,
    codes: HashMap<B256, Bytes>,
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
        Ok(self.codes.get(&code_hash).cloned().unwrap_or_default())
    }
}

fn config() -> ChainConfig {
    ChainConfig {
        l1_chain_id: 1,
        l2_chain_id: 4242,
        ledger: LedgerKind::Evm,
        genesis_timestamp: 0,
        vault: Address::ZERO,
        fee_recipient: Address::ZERO,
        force_delay: 3600,
        limits: Limits {
            block_gas: 4_000_000_000,
            batch_gas: 4_000_000_000,
            message_gas: 10_000_000,
            batch_message_gas: 10_000_000,
            batch_messages: 1024,
            batch_bytes: 2_000_000,
            batch_blocks: 4096,
            batch_transactions: 20_000,
        },
        fees: Fees {
            initial_base_fee: 1_000_000,
            min_base_fee: 1_000_000,
            elasticity: 4,
            change_denominator: 8,
            l1_gas_per_byte_milli: 0,
            blob_gas_per_byte_milli: 1033,
        },
        forks: vec![Fork { from_batch: BatchIndex::ZERO, rules: Rules::Osaka }],
    }
}

fn address(seed: u32) -> Address {
    Address::from_slice(&keccak256(seed.to_be_bytes())[12..])
}

/// A transaction by `sender` whose signature nobody looks at.
fn transaction(sender: Address, nonce: u64, to: Address, data: Bytes) -> Recovered<TxEnvelope> {
    let tx = TxEip1559 {
        chain_id: 4242,
        nonce,
        gas_limit: 100_000,
        max_fee_per_gas: 10_000_000,
        max_priority_fee_per_gas: 1000,
        to: TxKind::Call(to),
        value: U256::from(u64::from(data.is_empty())),
        input: data,
        ..Default::default()
    };
    let signed = tx.into_signed(Signature::new(U256::ONE, U256::ONE, false));
    Recovered::new_unchecked(signed.into(), sender)
}

fn execute(
    config: &ChainConfig,
    parent: &Sealed<Header>,
    state: &Memory,
    transactions: &[Recovered<TxEnvelope>],
) -> SealedBlock {
    let env = BlockEnv::child(config, Rules::Osaka, parent, 1).expect("genesis is a parent");
    let mut executor = BlockExecutor::new(env, state, &PlainCrypto).expect("memory can be read");
    for transaction in transactions {
        let outcome = executor.push_transaction(transaction).expect("it is valid");
        assert!(outcome.result.is_success(), "{:?}", outcome.result);
    }
    executor.finish().expect("memory can be read").seal(B256::ZERO)
}

fn measure(name: &str, run: impl Fn() -> SealedBlock) {
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let start = Instant::now();
        let block = run();
        let seconds = start.elapsed().as_secs_f64();
        assert_eq!(block.block.transactions.len(), TRANSACTIONS as usize);
        best = best.min(seconds);
    }
    let each = best / f64::from(TRANSACTIONS) * 1e6;
    println!("{name:32} {:9.0} transactions/s {each:8.2} µs each", 1e6 / each);
}

fn main() {
    let config = config();
    let parent = genesis(&config, &[]).seal(B256::ZERO).header;
    let mut state = Memory::default();
    let rich = Account { balance: U256::from(10).pow(U256::from(20)), ..Account::default() };
    for seed in 0..1_000_000 {
        state.accounts.insert(address(seed), rich);
    }
    let code = Bytes::from(alloy_primitives::hex::decode(TOKEN_CODE).expect("it is hexadecimal"));
    let code_hash = keccak256(&code);
    state.accounts.insert(TOKEN, Account { nonce: 1, code_hash, ..Account::default() });
    state.codes.insert(code_hash, code);
    for seed in 0..TRANSACTIONS {
        let mut preimage = [0u8; 64];
        preimage[12..32].copy_from_slice(address(seed).as_slice());
        state.slots.insert((TOKEN, keccak256(preimage).into()), U256::from(1000));
    }
    let hot: Vec<_> = (0..TRANSACTIONS)
        .map(|at| {
            transaction(address(at % 100), u64::from(at / 100), address(at % 77), Bytes::new())
        })
        .collect();
    let spread: Vec<_> = (0..TRANSACTIONS)
        .map(|at| transaction(address(at * 97), 0, address(at * 89 + 1), Bytes::new()))
        .collect();
    let tokens: Vec<_> = (0..TRANSACTIONS)
        .map(|at| {
            let data = address(at + 1).into_word();
            transaction(address(at), 0, TOKEN, Bytes::copy_from_slice(data.as_slice()))
        })
        .collect();
    measure("transfers, 100 accounts", || execute(&config, &parent, &state, &hot));
    measure("transfers, 1,000,000 accounts", || execute(&config, &parent, &state, &spread));
    measure("token transfers", || execute(&config, &parent, &state, &tokens));
}

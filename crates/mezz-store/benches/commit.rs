//! How long the state takes at a million accounts: `cargo bench -p mezz-store`.
//!
//! Prints a table for `docs/benchmarks.md`. Every figure is the median over the blocks of a row;
//! accounts are drawn uniformly. `BENCH_ACCOUNTS` changes their number.
#![allow(clippy::print_stdout, reason = "it is what this program is for")]

use std::time::{Duration, Instant};

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use mezz_store::{Block, Receipt, Store, StoreOptions, WitnessKeys};
use mezz_types::{Account, BlockNumber, StateChanges, account_key};

const BLOCKS: usize = 30;

struct Bench {
    store: Store,
    accounts: u64,
    number: u64,
    parent: B256,
    dice: u64,
}

#[derive(Default)]
struct Times {
    read: Vec<Duration>,
    root: Vec<Duration>,
    commit: Vec<Duration>,
}

fn address(number: u64) -> Address {
    Address::from_word(keccak256(number.to_be_bytes()))
}

fn account(nonce: u64) -> Vec<u8> {
    let balance = U256::from(10).pow(U256::from(20)) - U256::from(nonce);
    Account { nonce, balance, ..Account::default() }.encode().to_vec()
}

impl Bench {
    fn draw(&mut self, bound: u64) -> u64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        self.dice % bound
    }

    fn block(&self, transfers: u64, state_root: B256) -> Block {
        let transactions: Vec<_> = (0..transfers)
            .map(|i| {
                let seed = keccak256([self.number.to_be_bytes(), i.to_be_bytes()].concat());
                Bytes::from(seed.0.iter().copied().cycle().take(115).collect::<Vec<_>>())
            })
            .collect();
        let receipt = |i| Receipt {
            kind: 2,
            success: true,
            gas_used: 21_000,
            cumulative_gas_used: 21_000 * (i + 1),
            effective_gas_price: 1_000_000_007,
            l1_data_fee: U256::from(123_456_789),
            from: address(i),
            contract_address: None,
            first_log_index: 0,
            logs: Vec::new(),
        };
        Block {
            header: Header {
                number: self.number,
                parent_hash: self.parent,
                state_root,
                ..Header::default()
            },
            from_inbox: 0,
            transaction_hashes: transactions.iter().map(keccak256).collect(),
            receipts: (0..transfers).map(receipt).collect(),
            transactions,
            withdrawals: Vec::new(),
        }
    }

    /// Commits one block; reads every account first, as execution does.
    fn step(&mut self, transfers: u64, hot: u64, witness: bool, times: &mut Times) {
        let mut changes = StateChanges::default();
        for _ in 0..2 * transfers {
            let key = account_key(address(self.draw(hot)));
            changes.leaves.insert(key, Some(account(self.number)));
        }
        let keys =
            WitnessKeys { keys: changes.leaves.keys().copied().collect(), ..Default::default() };
        let view = self.store.reader().state_at_head().unwrap().unwrap();
        let start = Instant::now();
        for key in changes.leaves.keys() {
            view.value(key).unwrap();
        }
        times.read.push(start.elapsed());
        let start = Instant::now();
        let prepared = self.store.prepare(changes, witness.then_some(&keys)).unwrap();
        times.root.push(start.elapsed());
        let block = self.block(transfers, prepared.root());
        let start = Instant::now();
        self.parent = self.store.commit_block(prepared, &block).unwrap().hash;
        times.commit.push(start.elapsed());
        self.number += 1;
    }

    fn fill(&mut self) {
        let step = 100_000;
        let mut first = 0;
        while first < self.accounts || self.number == 0 {
            let last = self.accounts.min(first + step);
            let mut changes = StateChanges::default();
            for number in first..last {
                changes.leaves.insert(account_key(address(number)), Some(account(0)));
            }
            let prepared = self.store.prepare(changes, None).unwrap();
            let block = self.block(0, prepared.root());
            self.parent = self.store.commit_block(prepared, &block).unwrap().hash;
            self.number += 1;
            first = last;
        }
        self.store.finalize(BlockNumber::new(self.number - 1)).unwrap();
    }

    fn row(&mut self, name: &str, transfers: u64, hot: u64, witness: bool) {
        let mut times = Times::default();
        for _ in 0..BLOCKS {
            self.step(transfers, hot, witness, &mut times);
        }
        println!(
            "| {name} | {:.2} | {:.2} | {:.2} |",
            median(&mut times.read),
            median(&mut times.root),
            median(&mut times.commit)
        );
    }
}

fn median(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e3
}

fn main() {
    let dir = tempfile::tempdir().unwrap();
    let accounts =
        std::env::var("BENCH_ACCOUNTS").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    let store = Store::open(dir.path(), B256::ZERO, StoreOptions::default()).unwrap();
    let mut bench = Bench { store, accounts, number: 0, parent: B256::ZERO, dice: 88_172_645_463 };
    let start = Instant::now();
    bench.fill();
    println!("{accounts} accounts written in {:.1} s", start.elapsed().as_secs_f64());
    println!("| block | reading accounts, ms | state root, ms | durable commit, ms |");
    println!("| --- | --- | --- | --- |");
    bench.row("empty", 0, accounts, false);
    bench.row("1,000 transfers, 100 accounts", 1_000, 100, false);
    bench.row("10,000 transfers, 100 accounts", 10_000, 100, false);
    bench.row("1,000 transfers, all accounts", 1_000, accounts, false);
    bench.row("1,000 transfers, all accounts, with witness", 1_000, accounts, true);
    bench.row("10,000 transfers, all accounts", 10_000, accounts, false);
    let usage = bench.store.reader().usage().unwrap();
    println!("hash table of the head: {} of {} buckets", usage.head_occupied, usage.head_capacity);
}

//! How long it takes to find logs among ten million, by bloom filters alone and by the index:
//! `cargo bench -p mezz-store --bench logs`.
//!
//! Prints a table for `docs/benchmarks.md`. `BENCH_LOG_BLOCKS` changes the number of blocks, each of
//! 200 logs. Half of the logs are of one token, the rest of a thousand; payers and payees are drawn
//! from a million accounts. A search reads the receipts of the blocks that it finds, as a request does,
//! and stops at 20,000 logs.
#![allow(clippy::print_stdout, reason = "it is what this program is for")]

use std::time::Instant;

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bloom, Bytes, Log, LogData, U256, keccak256};
use mezz_store::{Block, LogQuery, Receipt, Store, StoreOptions, StoreReader};
use mezz_types::{BlockNumber, StateChanges};

const TRANSACTIONS: u64 = 20;
const LOGS: u64 = 10;
const ACCOUNTS: u64 = 1_000_000;
const RESULTS: usize = 20_000;
/// One log in so many is of the rare address.
const RARE: u64 = 500_000;

struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

fn word(kind: u8, number: u64) -> B256 {
    keccak256([[kind].as_slice(), &number.to_be_bytes()].concat())
}

fn token(number: u64) -> Address {
    Address::from_word(word(1, number))
}

fn account(number: u64) -> B256 {
    Address::from_word(word(2, number)).into_word()
}

fn log(dice: &mut Dice) -> Log {
    let token = match (dice.below(RARE), dice.below(2)) {
        (0, _) => token(u64::MAX),
        (_, 0) => token(0),
        _ => token(1 + dice.below(1_000)),
    };
    let topics = vec![word(0, 0), account(dice.below(ACCOUNTS)), account(dice.below(ACCOUNTS))];
    let data = LogData::new_unchecked(topics, Bytes::copy_from_slice(word(3, 1).as_slice()));
    Log { address: token, data }
}

fn receipt(index: u64, dice: &mut Dice) -> Receipt {
    Receipt {
        kind: 2,
        success: true,
        gas_used: 400_000,
        cumulative_gas_used: 400_000 * (index + 1),
        effective_gas_price: 1_000_000_007,
        l1_data_fee: U256::from(123_456_789),
        from: token(index),
        contract_address: None,
        first_log_index: index * LOGS,
        logs: (0..LOGS).map(|_| log(dice)).collect(),
    }
}

fn block(number: u64, parent_hash: B256, state_root: B256, dice: &mut Dice) -> Block {
    let receipts: Vec<_> = (0..TRANSACTIONS).map(|index| receipt(index, dice)).collect();
    let mut logs_bloom = Bloom::ZERO;
    receipts.iter().flat_map(|it| &it.logs).for_each(|log| logs_bloom.accrue_log(log));
    let transaction =
        |index| Bytes::copy_from_slice(word(4, number * TRANSACTIONS + index).as_slice());
    let transactions: Vec<_> = (0..TRANSACTIONS).map(transaction).collect();
    Block {
        header: Header { number, parent_hash, state_root, logs_bloom, ..Header::default() },
        from_inbox: 0,
        transaction_hashes: transactions.iter().map(keccak256).collect(),
        transactions,
        receipts,
        withdrawals: Vec::new(),
    }
}

fn fill(store: &mut Store, blocks: u64) {
    let mut dice = Dice(88_172_645_463);
    let mut parent = B256::ZERO;
    for number in 0..blocks {
        let prepared = store.prepare(StateChanges::default(), None).unwrap();
        let block = block(number, parent, prepared.root(), &mut dice);
        parent = store.commit_block(prepared, &block).unwrap().hash;
    }
}

/// Logs found, and blocks read for it.
fn find(reader: &StoreReader, query: &LogQuery, blocks: u64) -> (usize, usize) {
    let (mut at, last) = (BlockNumber::ZERO, BlockNumber::new(blocks - 1));
    let (mut found, mut read) = (0, 0);
    while at <= last && found < RESULTS {
        let step = reader.log_blocks(query, at, last).unwrap();
        for number in step.blocks {
            let receipts = reader.receipts(number).unwrap().unwrap();
            let logs = receipts.iter().flat_map(|receipt| &receipt.logs);
            found += logs.filter(|log| query.matches(log)).count();
            read += 1;
            if found >= RESULTS {
                break;
            }
        }
        at = step.last.next();
    }
    (found, read)
}

fn queries() -> Vec<(&'static str, LogQuery)> {
    let at = |position: usize, topic| {
        let mut topics = vec![Vec::new(); position];
        topics.push(vec![topic]);
        topics
    };
    let of = |address, topics| LogQuery { addresses: vec![address], topics };
    vec![
        ("rare address", of(token(u64::MAX), Vec::new())),
        ("address that never logged", of(token(u64::MAX - 1), Vec::new())),
        ("address of one log in 2,000", of(token(7), Vec::new())),
        ("common address", of(token(0), Vec::new())),
        ("payee, any address", LogQuery { topics: at(2, account(5)), ..LogQuery::default() }),
        ("common address, payer", of(token(0), at(1, account(5)))),
        ("common topic", LogQuery { topics: at(0, word(0, 0)), ..LogQuery::default() }),
        ("all logs", LogQuery::default()),
    ]
}

/// Logs, blocks read, and the median of some runs, ms.
fn measure(
    reader: &StoreReader,
    query: &LogQuery,
    blocks: u64,
    runs: usize,
) -> (usize, usize, f64) {
    let mut times = Vec::new();
    let mut counts = (0, 0);
    for _ in 0..runs {
        let start = Instant::now();
        counts = find(reader, query, blocks);
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    (counts.0, counts.1, times[times.len() / 2])
}

fn main() {
    let dir = tempfile::tempdir().unwrap();
    let blocks = std::env::var("BENCH_LOG_BLOCKS").ok().and_then(|n| n.parse().ok());
    let blocks: u64 = blocks.unwrap_or(50_000);
    let mut store = Store::open(dir.path(), B256::ZERO, StoreOptions::default()).unwrap();
    let start = Instant::now();
    fill(&mut store, blocks);
    let logs = blocks * TRANSACTIONS * LOGS;
    println!("{logs} logs in {blocks} blocks written in {:.0} s", start.elapsed().as_secs_f64());
    let reader = store.reader();
    let queries = queries();
    let before: Vec<_> =
        queries.iter().map(|(_, query)| measure(&reader, query, blocks, 3)).collect();
    let start = Instant::now();
    store.reader().log_indexer().unwrap().advance(|| true).unwrap();
    let size = |name: &str| std::fs::metadata(dir.path().join(name)).unwrap().len() >> 20;
    println!(
        "index made in {:.0} s: {} MiB beside {} MiB of blocks",
        start.elapsed().as_secs_f64(),
        size("logs.redb"),
        size("chain.redb")
    );
    println!("| wanted | logs found | blocks read: blooms | index | ms: blooms | index | ratio |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for ((name, query), (found, read, slow)) in queries.iter().zip(before) {
        let (same, fewer, fast) = measure(&reader, query, blocks, 9);
        assert_eq!(found, same, "the index finds what the filters find");
        println!(
            "| {name} | {found} | {read} | {fewer} | {slow:.1} | {fast:.1} | {:.1} |",
            slow / fast
        );
    }
}

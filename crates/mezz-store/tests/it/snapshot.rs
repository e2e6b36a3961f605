//! Snapshots: what comes out of one is what went in, and one that was changed is refused.

use std::{fs, path::Path};

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use mezz_store::{
    BatchOutcome, BlockRef, ClaimEvent, ClaimOutcome, L1BlockRef, L1Position, L1Update, ProofState,
    SnapshotSummary, Store, StoreError, StoredBatch, StoredClaim, StoredMessage, inspect_snapshot,
    read_snapshot_origin, restore_snapshot,
};
use mezz_types::{
    Account, Batch, BatchIndex, BlockNumber, Commitment, DataKind, DataVerdict, InboxIndex,
    L1BlockNumber, L1Facts, Message, MessageKind, OutboxIndex, OutboxTree, StateChanges, claim_id,
    next_accumulator,
};

use crate::support::{Chain, IDENTITY, key, open, options};

/// Block that the second claim makes final.
const FINAL: usize = 301;
/// L1 block of the last batch that it covers.
const BATCHED: u64 = 9;

fn position(number: u64) -> L1Position {
    let block =
        L1BlockRef { number: L1BlockNumber::new(number), hash: keccak256(number.to_be_bytes()) };
    L1Position { block, transaction: B256::repeat_byte(4), log_index: 5 }
}

fn facts(number: u64) -> L1Facts {
    let number = L1BlockNumber::new(number);
    L1Facts { number, timestamp: 12 * number.get(), base_fee: 1, blob_base_fee: 1 }
}

/// Messages accepted in these L1 blocks.
fn messages(blocks: &[u64]) -> Vec<StoredMessage> {
    let mut accumulator = B256::ZERO;
    let message = |(index, at): (u64, &u64)| {
        let message = Message {
            kind: MessageKind::Call,
            index: InboxIndex::new(index),
            facts: facts(*at),
            sender: Address::repeat_byte(1),
            to: Address::repeat_byte(2),
            refund_to: Address::repeat_byte(3),
            value: U256::MAX,
            gas_limit: 5,
            data: Bytes::from(vec![index as u8; 100]),
        };
        accumulator = next_accumulator(accumulator, message.hash());
        StoredMessage { message, accumulator, position: position(*at) }
    };
    (0..).zip(blocks).map(message).collect()
}

/// Batches: where L1 accepted them, and the messages consumed by then.
fn batches(messages: &[StoredMessage], ends: &[(u64, u64)]) -> Vec<StoredBatch> {
    let (mut parent, mut start) = (IDENTITY, 0);
    let batch = |(index, (at, end)): (u64, &(u64, u64))| {
        let batch = Batch {
            parent,
            index: BatchIndex::new(index),
            data_kind: DataKind::Blob,
            verdict: DataVerdict::Available,
            data_hash: B256::repeat_byte(6),
            facts: facts(*at),
            inbox_start: InboxIndex::new(start),
            inbox_end: InboxIndex::new(*end),
            inbox_accumulator: messages[*end as usize - 1].accumulator,
            oldest_unconsumed_timestamp: 8,
            poster: Address::repeat_byte(9),
        };
        (parent, start) = (batch.hash(), *end);
        StoredBatch { hash: batch.hash(), batch, position: position(*at) }
    };
    (0..).zip(ends).map(batch).collect()
}

fn commitment(chain: &Chain, number: usize, next: u64) -> Commitment {
    let (at, block) = &chain.blocks[number];
    let mut outbox = OutboxTree::default();
    for (_, block) in &chain.blocks[..=number] {
        for withdrawal in &block.withdrawals {
            outbox.push(withdrawal.leaf()).unwrap();
        }
    }
    Commitment {
        block_number: at.number,
        block_hash: at.hash,
        timestamp: block.header.timestamp,
        state_root: block.header.state_root,
        outbox_root: outbox.root(),
        next_inbox_index: InboxIndex::new(next),
    }
}

fn outcome(chain: &Chain, (first, last): (usize, usize), next: u64) -> BatchOutcome {
    BatchOutcome {
        first_block: BlockNumber::new(first as u64),
        last_block: BlockNumber::new(last as u64),
        post: commitment(chain, last, next),
        void: None,
    }
}

fn claim(parent: B256, batch_end: u64, post: B256, at: u64) -> [ClaimEvent; 2] {
    let digest = keccak256(post);
    let id = claim_id(parent, digest);
    let claim = StoredClaim {
        id,
        parent,
        digest,
        post,
        batch_end: BatchIndex::new(batch_end),
        line: 1,
        proposer: Address::repeat_byte(0x82),
        window_end: 99,
        proposed: position(at),
        contested: None,
        outcome: None,
    };
    let position = position(at + 5);
    let ended = ClaimEvent::Ended { id, outcome: ClaimOutcome::Final, position };
    [ClaimEvent::Proposed(Box::new(claim)), ended]
}

/// A chain whose block [`FINAL`] is final by the second of two claims, with more blocks, messages, batches
/// and codes after it.
fn settled(dir: &Path) -> Chain {
    let mut chain = Chain::new(dir, 71);
    chain.grow(FINAL - 1);
    let mut changes = StateChanges::default();
    let code = Bytes::from_static(&[0x60, 0x01]);
    let account = Account { nonce: 1, code_hash: keccak256(&code), ..Account::default() };
    changes.leaves.insert(key(5_000), Some(account.encode().to_vec()));
    changes.codes.insert(account.code_hash, code);
    chain.append(changes, None).unwrap();
    chain.grow(20);
    let l1 = chain.store.l1();
    let messages = messages(&[1, 2, 5, 7, 7, 8, 10]);
    let batches = batches(&messages, &[(3, 2), (6, 3), (BATCHED, 5), (BATCHED, 5), (12, 7)]);
    l1.apply(&L1Update {
        blocks: (1..=30).map(|number| position(number).block).collect(),
        messages,
        batches,
        ..L1Update::default()
    })
    .unwrap();
    let ends = [(1, 100, 2), (101, 200, 3), (201, 250, 5), (251, FINAL, 5), (FINAL + 1, 310, 7)];
    for (index, (first, last, next)) in (0..).zip(ends) {
        let outcome = outcome(&chain, (first, last), next);
        l1.set_outcome(BatchIndex::new(index), &outcome).unwrap();
    }
    let first = commitment(&chain, 100, 2).hash();
    let second = commitment(&chain, FINAL, 5).hash();
    let [one, final_one] = claim(IDENTITY, 1, first, 10);
    let parent = claim_id(IDENTITY, keccak256(first));
    let [two, final_two] = claim(parent, 4, second, 14);
    let claims = vec![one, final_one, two, final_two];
    l1.apply(&L1Update { claims, ..L1Update::default() }).unwrap();
    chain.store.finalize(BlockNumber::new(FINAL as u64)).unwrap();
    chain
}

/// A snapshot of such a chain.
fn snapshot(dir: &Path) -> (Chain, std::path::PathBuf, SnapshotSummary) {
    let chain = settled(&dir.join("store"));
    let file = dir.join("snapshot");
    let summary = chain.reader().write_snapshot(&file).unwrap();
    (chain, file, summary)
}

#[test]
fn what_is_restored_is_the_chain_as_of_its_last_final_block() {
    let dir = tempfile::tempdir().unwrap();
    let (chain, file, summary) = snapshot(dir.path());
    let (block, _) = chain.blocks[FINAL];
    assert_eq!((summary.block, summary.batch_end.get()), (block, 4));
    // Message 5 was waiting since L1 block 8 when the batch came.
    assert_eq!((summary.resume.get(), summary.finalized), (8, position(19)));
    assert_eq!((summary.headers_from.get(), summary.headers), (FINAL as u64 - 256, 258));
    // From message 4 and batch 1 on: the last ones before L1 block 8.
    assert_eq!((summary.messages, summary.batches), (1, 3));
    assert_eq!(summary.leaves as usize, chain.states[FINAL].len());
    assert_eq!(summary.withdrawals, FINAL as u64 + 1);
    assert_eq!(inspect_snapshot(&file).unwrap(), summary);
    let new = dir.path().join("new");
    assert_eq!(restore_snapshot(&file, &new, Some(IDENTITY), options()).unwrap(), summary);

    let mut store = open(&new);
    let reader = store.reader();
    for label in [reader.head(), reader.safe(), reader.finalized()] {
        assert_eq!(label.unwrap(), Some(block));
    }
    let view = reader.state_at_head().unwrap().unwrap();
    for number in (0..200).chain([5_000]) {
        let expected = chain.states[FINAL].get(&key(number)).cloned();
        assert_eq!(view.value(&key(number)).unwrap(), expected);
    }
    assert_eq!(view.code(keccak256([0x60, 0x01])).unwrap().as_ref(), [0x60, 0x01]);
    let proofs = reader.prove(ProofState::Final, &[key(5_000)]).unwrap();
    assert_eq!((proofs.block, proofs.root), (block.number, summary.state_root));
    assert_eq!(
        reader.withdrawal(OutboxIndex::new(0)).unwrap(),
        chain.reader().withdrawal(OutboxIndex::new(0)).unwrap()
    );
    assert_eq!(reader.withdrawal(OutboxIndex::new(FINAL as u64 + 1)).unwrap(), None);
    check_l1(&store, &chain);
    check_history(&store, &chain);

    // It goes on, and may be written down again once L1 was asked about it.
    let number = FINAL + 1;
    let changes = StateChanges {
        leaves: chain.reader().changes(BlockNumber::new(number as u64)).unwrap().unwrap().leaves,
        codes: Default::default(),
    };
    let prepared = store.prepare(changes, None).unwrap();
    let next = store.commit_block(prepared, &chain.blocks[number].1).unwrap();
    assert_eq!(next, chain.blocks[number].0);
    drop((view, reader));
    drop(store);
    assert_eq!(open(&new).reader().head().unwrap(), Some(next));
}

/// L1 is read again from where something waited; until then nothing of it is known.
fn check_l1(store: &Store, chain: &Chain) {
    let (restored, l1) = (store.l1(), chain.store.l1());
    let origin = restored.snapshot_origin().unwrap().unwrap();
    assert_eq!(origin.finalized().unwrap(), position(19));
    let before = position(7).block;
    assert_eq!((restored.cursor().unwrap(), origin.resume), (None, before.number.next()));
    assert_eq!(restored.last_batch().unwrap(), l1.batch(BatchIndex::new(1)).unwrap());
    let last = BatchIndex::new(3);
    let outcome = l1.outcome(last).unwrap().unwrap();
    assert_eq!(restored.last_outcome().unwrap(), Some((last, outcome)));
    let message = l1.message(InboxIndex::new(4)).unwrap().unwrap();
    assert_eq!(restored.inbox_end().unwrap(), (InboxIndex::new(5), message.accumulator));
    restored.accept_snapshot(before).unwrap();
    assert_eq!(restored.snapshot_origin().unwrap(), None);
    assert_eq!(restored.cursor().unwrap(), Some(before));
    assert_eq!(restored.l1_block(before.number).unwrap(), Some(before));
}

/// Blocks before the snapshot are there by their headers, the last 256 of them, and genesis.
fn check_history(store: &Store, chain: &Chain) {
    let reader = store.reader();
    let first = FINAL as u64 - 256;
    for number in [0, first, FINAL as u64] {
        let (at, _) = chain.blocks[number as usize];
        assert_eq!(reader.block_hash(at.number).unwrap(), Some(at.hash));
        assert_eq!(reader.block_number(at.hash).unwrap(), Some(at.number));
    }
    let pruned = |error: StoreError| {
        assert!(matches!(error, StoreError::Pruned { .. }), "{error}");
        assert!(error.to_string().starts_with("pruned history unavailable"), "{error}");
    };
    let gone = BlockNumber::new(first - 1);
    pruned(reader.header(gone).unwrap_err());
    pruned(reader.block_hash(gone).unwrap_err());
    let (last, before) = (BlockNumber::new(FINAL as u64), BlockNumber::new(FINAL as u64 - 1));
    let transactions = &chain.blocks[FINAL].1.transactions;
    assert_eq!(&reader.body(last).unwrap().unwrap().transactions, transactions);
    assert_eq!(reader.transaction_at(last, 0).unwrap().as_ref(), transactions.first());
    assert_eq!(reader.transaction_at(last, 9).unwrap(), None);
    pruned(reader.body(before).unwrap_err());
    pruned(reader.transaction_at(before, 0).unwrap_err());
    for number in [BlockNumber::new(1), last] {
        pruned(reader.receipts(number).unwrap_err());
        pruned(reader.log_blocks(&Default::default(), number, number).unwrap_err());
    }
    assert_eq!(reader.receipts(BlockNumber::ZERO).unwrap(), Some(Vec::new()));
    assert_eq!(reader.history_from().unwrap().get(), FINAL as u64 + 1);
}

#[test]
fn the_chain_goes_on_while_a_snapshot_is_written_and_is_not_final_further() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = settled(&dir.path().join("store"));
    let reader = chain.reader();
    let file = dir.path().join("snapshot");
    let summary = std::thread::scope(|scope| {
        let writing = scope.spawn(|| reader.write_snapshot(&file).unwrap());
        while !writing.is_finished() {
            chain.grow(1);
            chain.store.finalize(BlockNumber::new(310)).unwrap();
            // Once it is written, finality goes on: the snapshot is of what was final before.
        }
        writing.join().unwrap()
    });
    assert!([FINAL as u64, 310].contains(&summary.block.number.get()));
    chain.store.finalize(BlockNumber::new(310)).unwrap();
    assert_eq!(chain.reader().finalized().unwrap(), Some(chain.blocks[310].0));
    let new = dir.path().join("new");
    restore_snapshot(&file, &new, Some(IDENTITY), options()).unwrap();
}

#[test]
fn nothing_is_written_without_a_final_claim_or_over_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::new(&dir.path().join("store"), 72);
    let file = dir.path().join("snapshot");
    let none = |chain: &Chain| {
        let error = chain.reader().write_snapshot(&file).unwrap_err();
        assert!(matches!(error, StoreError::NothingFinal), "{error}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    };
    none(&chain);
    chain.grow(3);
    chain.store.finalize(BlockNumber::new(2)).unwrap();
    none(&chain);
    fs::write(&file, "precious").unwrap();
    let error = chain.reader().write_snapshot(&file).unwrap_err();
    assert!(matches!(error, StoreError::File { .. }), "{error}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
}

/// The records of a snapshot: kind and payload.
fn records(bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut rest = &bytes[44..bytes.len() - 41];
    let mut records = Vec::new();
    while let [kind, a, b, c, d, tail @ ..] = rest {
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        records.push((*kind, tail[..length].to_vec()));
        rest = &tail[length..];
    }
    records
}

/// A snapshot of these records, with the right checksum.
fn sealed(identity: B256, records: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = b"mezzsnap\0\0\0\x02".to_vec();
    bytes.extend_from_slice(identity.as_slice());
    for (kind, payload) in records {
        bytes.push(*kind);
        bytes.extend_from_slice(&(payload.len() as u32).to_be_bytes());
        bytes.extend_from_slice(payload);
    }
    bytes.push(0xff);
    bytes.extend_from_slice(&(records.len() as u64).to_be_bytes());
    let checksum = keccak256(&bytes);
    bytes.extend_from_slice(checksum.as_slice());
    bytes
}

/// Restores what `bytes` say; nothing is left if that is refused.
fn restored(bytes: &[u8]) -> Result<SnapshotSummary, StoreError> {
    let dir = tempfile::tempdir().unwrap();
    let (file, new) = (dir.path().join("file"), dir.path().join("new"));
    fs::write(&file, bytes).unwrap();
    let result = restore_snapshot(&file, &new, Some(IDENTITY), options());
    if result.is_err() {
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing but the file is left");
    }
    result
}

#[test]
fn a_snapshot_that_was_changed_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (_, file, summary) = snapshot(dir.path());
    let good = fs::read(&file).unwrap();
    let all = records(&good);
    assert_eq!(sealed(IDENTITY, &all), good);
    assert_eq!(restored(&good).unwrap(), summary);

    // Of each kind, the last byte of the first, the middle and the last record, with the checksum of it.
    let kinds = [(1, "origin"), (2, "header"), (4, "withdrawal"), (5, "batch"), (7, "message")];
    for (kind, name) in kinds.into_iter().chain([(3, "code"), (8, "leaf"), (9, "body")]) {
        let places: Vec<usize> = (0..all.len()).filter(|place| all[*place].0 == kind).collect();
        let code = keccak256([0x60, 0x01]);
        for place in [places[0], places[places.len() / 2], places[places.len() - 1]] {
            let mut changed = all.clone();
            let named = kind != 3 || keccak256(&changed[place].1) == code;
            // The end of what it rests on is where to go on, which L1 is asked about.
            let end = if kind == 1 { 40 } else { changed[place].1.len() - 1 };
            changed[place].1[end] ^= 1;
            let result = restored(&sealed(IDENTITY, &changed));
            // A code that no account has changes nothing; a message's last byte is its place on L1.
            assert!(result.is_err() || !named || kind == 5 || kind == 7, "{name} {place}");
        }
        let mut missing = all.clone();
        missing.retain(|(it, payload)| *it != kind || (kind == 3 && keccak256(payload) != code));
        assert!(restored(&sealed(IDENTITY, &missing)).is_err(), "no {name}");
    }
    let code = all.iter().position(|(kind, code)| *kind == 3 && code == &[0x60, 0x01]).unwrap();
    let mut changed = all.clone();
    changed[code].1[1] ^= 1;
    let error = restored(&sealed(IDENTITY, &changed)).unwrap_err();
    assert!(error.to_string().contains("code of an account"), "{error}");
    let mut changed = all.clone();
    changed.iter_mut().rfind(|(kind, _)| *kind == 8).unwrap().1[40] ^= 1;
    let error = restored(&sealed(IDENTITY, &changed)).unwrap_err();
    assert!(matches!(error, StoreError::WrongRoot { .. }), "{error}");
}

#[test]
fn a_file_that_is_not_whole_or_of_another_chain_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (_, file, _) = snapshot(dir.path());
    let good = fs::read(&file).unwrap();
    for length in [0, 7, 43, 44, 50, good.len() / 2, good.len() - 33, good.len() - 1] {
        let error = restored(&good[..length]).unwrap_err();
        assert!(matches!(error, StoreError::SnapshotDamaged { .. }), "{length}: {error}");
    }
    for place in [0, 45, good.len() / 3, good.len() - 1] {
        let mut changed = good.clone();
        changed[place] ^= 1;
        assert!(restored(&changed).is_err(), "{place}");
    }
    assert!(restored(&[good.as_slice(), b"\0"].concat()).is_err());
    let mut newer = good.clone();
    newer[11] = 3;
    let error = restored(&newer).unwrap_err();
    assert!(matches!(error, StoreError::SnapshotVersion { expected: 2, got: 3 }), "{error}");
    let error = restored(&sealed(B256::ZERO, &records(&good))).unwrap_err();
    assert!(matches!(error, StoreError::SnapshotChain { .. }), "{error}");
}

#[test]
fn a_restore_takes_an_empty_directory_and_starts_anew_after_an_interruption() {
    let dir = tempfile::tempdir().unwrap();
    let (chain, file, summary) = snapshot(dir.path());
    let (identity, origin, genesis) = read_snapshot_origin(&file).unwrap();
    assert_eq!((identity, origin.claim.id), (IDENTITY, summary.claim));
    assert_eq!(genesis, chain.blocks[0].1.header);
    let new = dir.path().join("new");
    fs::create_dir(&new).unwrap();
    fs::write(new.join("precious"), "").unwrap();
    let error = restore_snapshot(&file, &new, None, options()).unwrap_err();
    assert!(matches!(error, StoreError::NotEmpty { .. }), "{error}");
    fs::remove_file(new.join("precious")).unwrap();
    // What an interrupted one leaves is no store, and goes.
    let making = dir.path().join("new.restoring");
    fs::create_dir(&making).unwrap();
    fs::write(making.join("chain.redb"), "half of it").unwrap();
    restore_snapshot(&file, &new, None, options()).unwrap();
    assert!(!making.exists());
    let head: Option<BlockRef> = open(&new).reader().head().unwrap();
    assert_eq!(head, Some(summary.block));
}

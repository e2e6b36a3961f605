//! What a snapshot must be, record by record: everything in it follows from the id of its claim.

use alloy_consensus::{Header, proofs::ordered_trie_root_with_encoder};
use alloy_primitives::{B256, Bytes, keccak256};
use mezz_types::{BlockNumber, InboxIndex, OutboxTree, StateKey, next_accumulator};

use super::{
    SnapshotOrigin,
    format::{Kind, Record},
    origin::check_batch,
};
use crate::{
    BlockRef, StoreError, StoredBatch, StoredMessage,
    block::{StoredWithdrawal, decode_header},
    blocks,
};

/// A record that is what it must be. What the state is made of shows only at its end, by its root.
pub(super) enum Item {
    Origin(Box<SnapshotOrigin>),
    Header(BlockRef, Box<Header>),
    Code(B256, Bytes),
    Withdrawal(StoredWithdrawal),
    Batch(StoredBatch),
    Message(StoredMessage),
    Leaf(StateKey, Vec<u8>),
    /// Transactions of the last block, as they are stored.
    Body(Vec<u8>),
    /// Of the inbox, before the first message.
    Accumulator(B256),
}

/// How far a snapshot was read.
#[derive(Default)]
pub(super) struct Checker {
    identity: B256,
    origin: Option<Box<SnapshotOrigin>>,
    header: Option<BlockRef>,
    transactions_root: B256,
    body: bool,
    outbox: OutboxTree,
    batch: Option<StoredBatch>,
    accumulator: B256,
    message: Option<InboxIndex>,
    leaf: Option<StateKey>,
}

const fn damaged(what: &'static str) -> StoreError {
    StoreError::SnapshotDamaged { what }
}

impl Checker {
    pub(super) fn new(identity: B256) -> Self {
        Self { identity, ..Self::default() }
    }

    /// Takes the next record.
    pub(super) fn take(&mut self, record: Record) -> Result<Item, StoreError> {
        let Record { kind, payload } = record;
        if kind != Kind::Origin && self.origin.is_none() {
            return Err(damaged("it does not say what it rests on"));
        }
        match kind {
            Kind::Origin => self.origin(&payload),
            Kind::Header => self.header(&payload),
            Kind::Code => Ok(Item::Code(keccak256(&payload), payload.into())),
            Kind::Withdrawal => self.withdrawal(&payload),
            Kind::Batch => self.batch(&payload),
            Kind::Accumulator => {
                let bytes = payload.as_slice().try_into();
                let accumulator: [u8; 32] = bytes.map_err(|_| damaged("no accumulator"))?;
                self.accumulator = accumulator.into();
                Ok(Item::Accumulator(self.accumulator))
            }
            Kind::Message => self.message(&payload),
            Kind::Leaf => self.leaf(payload),
            Kind::Body => self.body(payload),
        }
    }

    fn origin(&mut self, payload: &[u8]) -> Result<Item, StoreError> {
        if self.origin.is_some() {
            return Err(damaged("it says twice what it rests on"));
        }
        let origin = SnapshotOrigin::decode(payload)?;
        origin.check(self.identity)?;
        self.origin = Some(Box::new(origin.clone()));
        Ok(Item::Origin(Box::new(origin)))
    }

    /// Genesis, and then a chain that ends with the block of the snapshot.
    fn header(&mut self, payload: &[u8]) -> Result<Item, StoreError> {
        let (hash, header) = decode_header(payload)?;
        let number = BlockNumber::new(header.number);
        if header.hash_slow() != hash {
            return Err(damaged("a header is not what its hash says"));
        }
        let follows = match self.header {
            None => number == BlockNumber::ZERO,
            Some(before) if before.number == BlockNumber::ZERO && number > before.number.next() => {
                true
            }
            Some(before) => number == before.number.next() && header.parent_hash == before.hash,
        };
        if !follows {
            return Err(damaged("its headers do not follow each other"));
        }
        let block = BlockRef { number, hash };
        self.header = Some(block);
        self.transactions_root = header.transactions_root;
        Ok(Item::Header(block, Box::new(header)))
    }

    fn withdrawal(&mut self, payload: &[u8]) -> Result<Item, StoreError> {
        let stored = StoredWithdrawal::decode(payload)?;
        let index = self.outbox.push(stored.withdrawal.leaf());
        if index.ok() != Some(stored.withdrawal.index) {
            return Err(damaged("its withdrawals do not follow each other"));
        }
        Ok(Item::Withdrawal(stored))
    }

    fn batch(&mut self, payload: &[u8]) -> Result<Item, StoreError> {
        let stored = StoredBatch::decode(payload)?;
        check_batch(&stored)?;
        let follows = match &self.batch {
            Some(before) => {
                stored.batch.index == before.batch.index.next()
                    && stored.batch.parent == before.hash
            }
            None => true,
        };
        if !follows {
            return Err(damaged("its batches do not follow each other"));
        }
        self.batch = Some(stored.clone());
        Ok(Item::Batch(stored))
    }

    fn message(&mut self, payload: &[u8]) -> Result<Item, StoreError> {
        let stored = StoredMessage::decode(payload)?;
        let StoredMessage { message, accumulator, position } = &stored;
        let begins = self.message.is_none();
        let expected = self.message.unwrap_or(message.index);
        let next = next_accumulator(self.accumulator, message.hash());
        let genesis = begins && message.index == InboxIndex::ZERO;
        if message.index != expected
            || next != *accumulator
            || message.facts.number != position.block.number
            || (genesis && self.accumulator != B256::ZERO)
        {
            return Err(damaged("its messages do not follow each other"));
        }
        self.accumulator = next;
        self.message = Some(message.index.next());
        Ok(Item::Message(stored))
    }

    fn leaf(&mut self, mut payload: Vec<u8>) -> Result<Item, StoreError> {
        let Some((key, _)) = payload.split_first_chunk::<32>() else {
            return Err(damaged("a leaf is cut short"));
        };
        let key = *key;
        if self.leaf.is_some_and(|before| before >= key) {
            return Err(damaged("its leaves are out of order"));
        }
        self.leaf = Some(key);
        payload.drain(..32);
        Ok(Item::Leaf(key, payload))
    }

    /// The transactions of the block of the snapshot, so that who asks for it is answered.
    fn body(&mut self, payload: Vec<u8>) -> Result<Item, StoreError> {
        let body = blocks::decode_body(&payload)?;
        let root = ordered_trie_root_with_encoder(&body.transactions, |transaction, out| {
            out.extend_from_slice(transaction);
        });
        let from_inbox = usize::try_from(body.from_inbox).unwrap_or(usize::MAX);
        if root != self.transactions_root || from_inbox > body.transactions.len() {
            return Err(damaged("the transactions of its block are not those of the header"));
        }
        self.body = true;
        Ok(Item::Body(payload))
    }

    /// After the last record: whether all of it was there.
    pub(super) fn finish(&self) -> Result<&SnapshotOrigin, StoreError> {
        let origin = self.origin.as_ref().ok_or(damaged("it is empty"))?;
        let post = &origin.outcome.post;
        let block = BlockRef { number: post.block_number, hash: post.block_hash };
        if self.header != Some(block) {
            return Err(damaged("its headers do not end with its block"));
        }
        if !self.body {
            return Err(damaged("the transactions of its block are missing"));
        }
        if self.outbox.root() != post.outbox_root {
            return Err(damaged("its withdrawals are not those of its block"));
        }
        if self.batch.as_ref() != Some(&origin.batch) {
            return Err(damaged("its batches do not end with that of its claim"));
        }
        let inbox_end = (&origin.batch.batch.inbox_end, &origin.batch.batch.inbox_accumulator);
        if (&self.message.unwrap_or_default(), &self.accumulator) != inbox_end {
            return Err(damaged("its messages do not end with those of its batch"));
        }
        Ok(origin)
    }
}

//! An inbox on L1, and the chain that follows from it, in memory.
//!
//! The native state computes its roots with the reference trie of NOMT, so that it shares no code
//! with the trie of the witness.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
};

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, keccak256};
use k256::ecdsa::SigningKey;
use mezz_codec::{BatchBlock, Blob, encode, pack_blobs, unpack_blobs};
use mezz_evm::{GenesisAccount, PlainCrypto, Recording, State, StateReader, genesis};
use mezz_transition::{BatchInput, BatchOutcome, ChainHead, ClaimWitness, apply_batch};
use mezz_trie::{NODE_PREIMAGE_BYTES, NodeHash, NodeKind, Terminal, Witness, hash_value};
use mezz_types::{
    Account, Batch, BatchIndex, ChainConfig, Claim, DataKind, DataVerdict, FEE_VAULT, Fees, Fork,
    HISTORY_STORAGE, INBOX_CLOCK, InboxIndex, L1BlockNumber, L1Facts, LedgerKind, Limits, Message,
    MessageKind, OUTBOX, Rules, StateChanges, StateKey, account_key, genesis_batch_accumulator,
    next_accumulator, storage_key,
};
use nomt_core::{
    hasher::Sha2Hasher,
    update::{WriteNode, build_trie},
};

pub(crate) const ETHER: u128 = 1_000_000_000_000_000_000;
pub(crate) const GENESIS_TIME: u64 = 1_700_000_000;
pub(crate) const FORCE_DELAY: u64 = 3_600;

/// A whole state by its leaves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Native {
    pub(crate) leaves: BTreeMap<StateKey, Vec<u8>>,
    pub(crate) codes: BTreeMap<B256, Bytes>,
}

impl Native {
    fn build(&self, visit: impl FnMut(WriteNode<'_>)) -> B256 {
        let leaves = self.leaves.iter().map(|(key, value)| (*key, hash_value(value)));
        build_trie::<Sha2Hasher>(0, leaves.collect::<Vec<_>>(), visit).into()
    }

    pub(crate) fn root(&self) -> B256 {
        self.build(|_| {})
    }

    /// Every preimage of the state.
    pub(crate) fn whole(&self) -> Witness {
        let mut witness = Witness::default();
        self.build(|write| {
            let (node, preimage) = match write {
                WriteNode::Leaf { leaf_data, node, .. } => {
                    (node, [leaf_data.key_path, leaf_data.value_hash].concat())
                }
                WriteNode::Internal { internal_data, node } => {
                    (node, [internal_data.left, internal_data.right].concat())
                }
                WriteNode::Terminator => return,
            };
            let preimage: [u8; NODE_PREIMAGE_BYTES] = preimage.try_into().expect("two hashes");
            witness.nodes.insert(node, preimage);
        });
        let values = self.leaves.values().map(|value| (hash_value(value), value.clone()));
        witness.values.extend(values);
        witness.codes = self.codes.clone();
        witness
    }
}

impl StateReader for Native {
    type Error = Infallible;

    fn account(&self, address: Address) -> Result<Option<Account>, Infallible> {
        let leaf = self.leaves.get(&account_key(address));
        Ok(leaf.map(|leaf| Account::decode(leaf).expect("an account")))
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, Infallible> {
        let leaf = self.leaves.get(&storage_key(address, slot));
        Ok(leaf.map_or(U256::ZERO, |leaf| U256::from_be_slice(leaf)))
    }

    fn code(&self, code_hash: B256) -> Result<Bytes, Infallible> {
        Ok(self.codes[&code_hash].clone())
    }
}

impl State for Native {
    fn commit(&mut self, changes: &StateChanges) -> Result<B256, Infallible> {
        for (key, value) in &changes.leaves {
            match value {
                Some(value) => self.leaves.insert(*key, value.clone()),
                None => self.leaves.remove(key),
            };
        }
        self.codes.extend(changes.codes.clone());
        Ok(self.root())
    }
}

/// A key pair.
pub(crate) struct Key(SigningKey);

impl Key {
    pub(crate) fn new(seed: u8) -> Self {
        Self(SigningKey::from_slice(&[seed; 32]).expect("below the order"))
    }

    pub(crate) fn address(&self) -> Address {
        Address::from_public_key(self.0.verifying_key())
    }

    pub(crate) fn sign<T: SignableTransaction<Signature>>(&self, tx: T) -> TxEnvelope
    where
        TxEnvelope: From<alloy_consensus::Signed<T>>,
    {
        let hash = tx.signature_hash();
        let signed = self.0.sign_prehash_recoverable(hash.as_slice()).expect("a hash");
        tx.into_signed(Signature::from(signed)).into()
    }
}

pub(crate) fn config() -> ChainConfig {
    ChainConfig {
        l1_chain_id: 31_337,
        l2_chain_id: 4_242,
        ledger: LedgerKind::Evm,
        genesis_timestamp: GENESIS_TIME,
        vault: Address::repeat_byte(0xd1),
        fee_recipient: Address::repeat_byte(0xd2),
        force_delay: FORCE_DELAY,
        limits: Limits {
            block_gas: 30_000_000,
            batch_gas: 60_000_000,
            message_gas: 10_000_000,
            batch_message_gas: 20_000_000,
            batch_messages: 64,
            batch_bytes: 500_000,
            batch_blocks: 64,
            batch_transactions: 1_000,
        },
        fees: Fees {
            initial_base_fee: 1_000_000_000,
            min_base_fee: 1_000_000,
            elasticity: 4,
            change_denominator: 8,
            l1_gas_per_byte_milli: 2_000,
            blob_gas_per_byte_milli: 1_033,
        },
        forks: vec![Fork { from_batch: BatchIndex::ZERO, rules: Rules::Osaka }],
    }
}

/// A batch that L1 accepted.
#[derive(Clone, Debug)]
pub(crate) struct Posted {
    pub(crate) batch: Batch,
    /// Calldata, or what the blobs carry.
    pub(crate) bytes: Vec<u8>,
    pub(crate) blobs: Vec<(B256, Blob)>,
}

/// How a batch is posted.
pub(crate) enum Data {
    Calldata(Vec<u8>),
    Blobs(Vec<Blob>),
}

/// L1's inbox and the chain up to its last batch.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) config: ChainConfig,
    pub(crate) l1: L1Facts,
    pub(crate) inbox: Vec<Message>,
    /// One more than messages.
    pub(crate) accumulators: Vec<B256>,
    pub(crate) batches: Vec<Posted>,
    pub(crate) state: Native,
    pub(crate) head: ChainHead,
    genesis: B256,
}

impl World {
    /// A chain whose genesis also holds `accounts`; L1 is ten seconds past it.
    pub(crate) fn new(accounts: &[(Address, &[u8])]) -> Self {
        let config = config();
        let predeploys = [OUTBOX, INBOX_CLOCK, FEE_VAULT, HISTORY_STORAGE];
        let predeploys = predeploys.map(|address| (address, &[0u8][..]));
        let accounts: Vec<_> = predeploys
            .iter()
            .chain(accounts)
            .map(|(address, code)| GenesisAccount {
                address: *address,
                code: Bytes::copy_from_slice(code),
                storage: BTreeMap::new(),
            })
            .collect();
        let block = genesis(&config, &accounts);
        let mut state = Native::default();
        let root = state.commit(&block.changes).expect("infallible");
        let head = ChainHead::from(&block.seal(root));
        let genesis = genesis_batch_accumulator(config.hash(), head.commitment().hash());
        let l1 = L1Facts {
            number: L1BlockNumber::new(100),
            timestamp: GENESIS_TIME + 10,
            base_fee: 7,
            blob_base_fee: 3,
        };
        let mut world = Self {
            config,
            l1,
            inbox: Vec::new(),
            accumulators: vec![B256::ZERO],
            batches: Vec::new(),
            state,
            head,
            genesis,
        };
        world.enqueue(|_| {});
        world
    }

    /// L1 moves on, with other fees.
    pub(crate) fn pass(&mut self, seconds: u64) {
        self.l1.number = self.l1.number.next();
        self.l1.timestamp += seconds;
        self.l1.base_fee += 2;
        self.l1.blob_base_fee += 1;
    }

    /// Appends a marker, or what `change` makes of it.
    pub(crate) fn enqueue(&mut self, change: impl FnOnce(&mut Message)) {
        let mut message = Message {
            kind: MessageKind::Marker,
            index: InboxIndex::new(self.inbox.len() as u64),
            facts: self.l1,
            sender: Address::ZERO,
            to: Address::ZERO,
            refund_to: Address::ZERO,
            value: U256::ZERO,
            gas_limit: 0,
            data: Bytes::new(),
        };
        change(&mut message);
        let last = self.accumulators[self.inbox.len()];
        self.accumulators.push(next_accumulator(last, message.hash()));
        self.inbox.push(message);
    }

    pub(crate) fn deposit(&mut self, to: Address, wei: u128) {
        self.enqueue(|message| {
            message.kind = MessageKind::Call;
            message.sender = Address::repeat_byte(0xaa);
            message.refund_to = Address::repeat_byte(0xbb);
            message.to = to;
            message.value = U256::from(wei);
            message.gas_limit = 100_000;
        });
    }

    pub(crate) fn force(&mut self, gas_limit: u64, data: Vec<u8>) {
        self.enqueue(|message| {
            message.kind = MessageKind::Forced;
            message.gas_limit = gas_limit;
            message.data = data.into();
        });
    }

    pub(crate) fn next_message(&self) -> usize {
        self.head.commitment().next_inbox_index.get() as usize
    }

    /// Messages not consumed yet.
    pub(crate) fn pending(&self) -> u64 {
        (self.inbox.len() - self.next_message()) as u64
    }

    /// L1 accepts a batch that consumes `messages`, as the contract would; `change` bends it.
    pub(crate) fn post(
        &self,
        messages: u64,
        data: Data,
        change: impl FnOnce(&mut Batch),
    ) -> Posted {
        let start = self.next_message();
        let end = start + messages as usize;
        let (data_kind, data_hash, bytes, blobs) = match data {
            Data::Calldata(bytes) => (DataKind::Calldata, keccak256(&bytes), bytes, vec![]),
            Data::Blobs(blobs) => {
                let bytes = unpack_blobs(&blobs).unwrap_or_default();
                // A KZG commitment would take a trusted setup: any name of the blob will do.
                let versioned = |blob: &Blob| {
                    let mut hash = keccak256(&blob[..]);
                    hash[0] = 1;
                    hash
                };
                let blobs: Vec<_> = blobs.into_iter().map(|b| (versioned(&b), b)).collect();
                let hashes: Vec<u8> = blobs.iter().flat_map(|(hash, _)| hash.0).collect();
                (DataKind::Blob, keccak256(hashes), bytes, blobs)
            }
        };
        let oldest = self.inbox.get(end).map_or(self.l1.timestamp, |next| next.facts.timestamp);
        let mut batch = Batch {
            parent: self.batch_accumulator(self.batches.len()),
            index: BatchIndex::new(self.batches.len() as u64),
            data_kind,
            verdict: DataVerdict::Available,
            data_hash,
            facts: self.l1,
            inbox_start: InboxIndex::new(start as u64),
            inbox_end: InboxIndex::new(end as u64),
            inbox_accumulator: self.accumulators[end],
            oldest_unconsumed_timestamp: oldest,
            poster: Address::repeat_byte(0x99),
        };
        change(&mut batch);
        Posted { batch, bytes, blobs }
    }

    /// Posts `blocks`, which consume all that they say, as calldata, and takes them in.
    pub(crate) fn batch(&mut self, blocks: &[BatchBlock]) -> BatchOutcome {
        let messages = blocks.iter().map(|block| block.message_count).sum();
        let bytes = encode(blocks).expect("no blob transactions");
        let posted = self.post(messages, Data::Calldata(bytes), |_| {});
        self.accept(posted)
    }

    /// The same in blobs.
    pub(crate) fn blob_batch(&mut self, blocks: &[BatchBlock]) -> BatchOutcome {
        let messages = blocks.iter().map(|block| block.message_count).sum();
        let bytes = encode(blocks).expect("no blob transactions");
        let blobs = pack_blobs(&bytes).expect("small");
        let posted = self.post(messages, Data::Blobs(blobs), |_| {});
        self.accept(posted)
    }

    pub(crate) fn messages_of(&self, batch: &Batch) -> &[Message] {
        &self.inbox[batch.inbox_start.get() as usize..batch.inbox_end.get() as usize]
    }

    /// Executes a posted batch natively without taking it in.
    pub(crate) fn apply<S: State>(&self, posted: &Posted, state: &mut S) -> BatchOutcome {
        let bytes = match posted.batch.verdict {
            DataVerdict::Available => &posted.bytes[..],
            DataVerdict::Empty => &[],
        };
        let messages = self.messages_of(&posted.batch);
        let input = BatchInput { batch: &posted.batch, bytes, messages };
        apply_batch(&self.config, &self.head, &input, state, &PlainCrypto).expect("it belongs here")
    }

    /// Executes a posted batch natively and takes it in; L1 appends its marker.
    pub(crate) fn accept(&mut self, posted: Posted) -> BatchOutcome {
        let mut state = self.state.clone();
        let outcome = self.apply(&posted, &mut state);
        self.state = state;
        self.head = outcome.blocks.last().expect("at least one").into();
        assert_eq!(outcome.post, *self.head.commitment());
        assert_eq!(outcome.post.state_root, self.state.root());
        self.batches.push(posted);
        self.enqueue(|_| {});
        outcome
    }

    pub(crate) fn batch_accumulator(&self, at: usize) -> B256 {
        at.checked_sub(1).map_or(self.genesis, |last| self.batches[last].batch.hash())
    }

    fn inbox_accumulator(&self, at: usize) -> B256 {
        at.checked_sub(1).map_or(B256::ZERO, |last| self.batches[last].batch.inbox_accumulator)
    }

    /// The true claim over the batches that were accepted since `before`.
    pub(crate) fn claim_since(&self, before: &Self) -> Claim {
        let (from, to) = (before.batches.len(), self.batches.len());
        Claim {
            config_hash: self.config.hash(),
            pre: before.head.commitment().hash(),
            batch_start: self.batch_accumulator(from),
            batch_end: self.batch_accumulator(to),
            inbox_start: self.inbox_accumulator(from),
            inbox_end: self.inbox_accumulator(to),
            post: self.head.commitment().hash(),
        }
    }

    /// All that is needed to judge that claim: the paths of what the batches read, as a store
    /// makes them of its proofs, and everything that the claim names.
    pub(crate) fn witness_since(&self, before: &Self) -> ClaimWitness {
        let mut witness = ClaimWitness { state: self.paths_since(before), ..Default::default() };
        witness.add_config(&self.config);
        witness.add_head(before.head.commitment(), before.head.header());
        for posted in &self.batches[before.batches.len()..] {
            match posted.batch.data_kind {
                DataKind::Calldata => {
                    witness.add_calldata_batch(&posted.batch, posted.bytes.clone());
                }
                DataKind::Blob => {
                    witness.add_blob_batch(&posted.batch, posted.blobs.clone());
                }
            }
            for message in self.messages_of(&posted.batch) {
                witness.add_message(self.accumulators[message.index.get() as usize], message);
            }
        }
        witness
    }

    fn paths_since(&self, before: &Self) -> Witness {
        let mut replay = before.clone();
        let mut state = Recording::new(before.state.clone());
        for posted in &self.batches[before.batches.len()..] {
            replay.inbox.clone_from(&self.inbox);
            let outcome = replay.apply(posted, &mut state);
            replay.head = outcome.blocks.last().expect("at least one").into();
        }
        let (_, reads) = state.into_parts();
        let whole = before.state.whole();
        let mut witness = Witness::default();
        for key in reads.keys() {
            let (siblings, terminal) = path(before.state.root().0, &whole, &key);
            let value = before.state.leaves.get(&key).cloned();
            let root = witness.add_path(&key, &siblings, terminal, value).expect("a path");
            assert_eq!(root, before.state.root().0);
        }
        let known = |code: &B256| before.state.codes.get(code).cloned();
        for code in reads.codes.iter().filter_map(known).collect::<BTreeSet<_>>() {
            witness.add_code(code);
        }
        witness
    }
}

fn path(root: NodeHash, whole: &Witness, key: &StateKey) -> (Vec<NodeHash>, Option<Terminal>) {
    let (mut node, mut siblings) = (root, Vec::new());
    loop {
        if NodeKind::of(&node) == NodeKind::Empty {
            return (siblings, None);
        }
        let (first, second) = whole.nodes[&node].split_at(32);
        let first: [u8; 32] = first.try_into().expect("half");
        let second: [u8; 32] = second.try_into().expect("half");
        if NodeKind::of(&node) == NodeKind::Leaf {
            return (siblings, Some(Terminal { key: first, value_hash: second }));
        }
        let depth = siblings.len();
        let goes_right = key[depth / 8] & (0x80 >> (depth % 8)) != 0;
        siblings.push(if goes_right { first } else { second });
        node = if goes_right { second } else { first };
    }
}

/// A block without transactions.
pub(crate) fn block(timestamp: u64, message_count: u64) -> BatchBlock {
    BatchBlock { timestamp, message_count, transactions: Vec::new() }
}

/// A transaction that pays well.
pub(crate) fn transaction(nonce: u64, to: TxKind, wei: u128, input: &[u8]) -> TxEip1559 {
    TxEip1559 {
        chain_id: 4_242,
        nonce,
        gas_limit: 300_000,
        max_fee_per_gas: 100_000_000_000,
        max_priority_fee_per_gas: 1_000_000_000,
        to,
        value: U256::from(wei),
        access_list: Default::default(),
        input: Bytes::copy_from_slice(input),
    }
}

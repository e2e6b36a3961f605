//! A chain in memory: a configuration, the leaves of its state, its last block.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use alloy_consensus::{
    Header, Sealed, SignableTransaction, TxEip1559, TxEip2930, TxEip7702, TxEnvelope, TxLegacy,
    transaction::Recovered,
};
use alloy_eips::eip7702::{Authorization, SignedAuthorization};
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, Signature, TxKind, U256, keccak256};
use k256::ecdsa::SigningKey;
use mezz_evm::{
    BlockEnv, BlockExecutor, ExecutionError, GenesisAccount, PlainCrypto, PushError, SealedBlock,
    StateReader, TransactionOutcome, genesis, recover,
};
use mezz_types::{
    Account, BatchIndex, ChainConfig, FEE_VAULT, Fees, Fork, HISTORY_STORAGE, INBOX_CLOCK,
    InboxIndex, L1BlockNumber, L1Facts, LedgerKind, Limits, Message, MessageKind, OUTBOX, Rules,
    StateChanges, StateKey, account_key, storage_key,
};

pub(crate) const GWEI: u128 = 1_000_000_000;
pub(crate) const ETHER: u128 = 1_000_000_000_000_000_000;

/// What a [`Leaves`] says when it is asked for too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unknown {
    Leaf(StateKey),
    Code(B256),
    Planned,
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for Unknown {}

/// A state by its leaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Leaves {
    pub(crate) leaves: BTreeMap<StateKey, Vec<u8>>,
    pub(crate) codes: BTreeMap<B256, Bytes>,
    /// The only keys that the state knows; all of them if `None`.
    pub(crate) known: Option<BTreeSet<StateKey>>,
    /// Reads until one fails; never if `None`.
    pub(crate) reads_left: Cell<Option<u64>>,
}

impl Leaves {
    fn read(&self, key: StateKey) -> Result<Option<&Vec<u8>>, Unknown> {
        self.count()?;
        if self.known.as_ref().is_some_and(|known| !known.contains(&key)) {
            return Err(Unknown::Leaf(key));
        }
        Ok(self.leaves.get(&key))
    }

    fn count(&self) -> Result<(), Unknown> {
        match self.reads_left.get() {
            None => Ok(()),
            Some(0) => Err(Unknown::Planned),
            Some(left) => {
                self.reads_left.set(Some(left - 1));
                Ok(())
            }
        }
    }

    pub(crate) fn apply(&mut self, changes: &StateChanges) {
        for (key, value) in &changes.leaves {
            match value {
                Some(value) => self.leaves.insert(*key, value.clone()),
                None => self.leaves.remove(key),
            };
        }
        self.codes.extend(changes.codes.clone());
    }

    /// Wei of all accounts: leaves of 72 bytes; slots have 32.
    pub(crate) fn supply(&self) -> U256 {
        let accounts = self.leaves.values().filter(|leaf| leaf.len() == Account::ENCODED_BYTES);
        accounts.fold(U256::ZERO, |sum, leaf| sum + Account::decode(leaf).unwrap().balance)
    }

    /// Stands for the trie's root.
    pub(crate) fn root(&self) -> B256 {
        let mut bytes = Vec::new();
        for (key, value) in &self.leaves {
            bytes.extend_from_slice(key);
            bytes.extend_from_slice(value);
        }
        keccak256(bytes)
    }
}

impl StateReader for Leaves {
    type Error = Unknown;

    fn account(&self, address: Address) -> Result<Option<Account>, Unknown> {
        Ok(self.read(account_key(address))?.map(|leaf| Account::decode(leaf).unwrap()))
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, Unknown> {
        let leaf = self.read(storage_key(address, slot))?;
        Ok(leaf.map_or(U256::ZERO, |leaf| U256::from_be_slice(leaf)))
    }

    fn code(&self, code_hash: B256) -> Result<Bytes, Unknown> {
        self.count()?;
        self.codes.get(&code_hash).cloned().ok_or(Unknown::Code(code_hash))
    }
}

/// A key pair.
#[derive(Clone, Debug)]
pub(crate) struct Key(SigningKey);

impl Key {
    pub(crate) fn new(seed: u8) -> Self {
        Self(SigningKey::from_slice(&[seed; 32]).unwrap())
    }

    pub(crate) fn address(&self) -> Address {
        Address::from_public_key(self.0.verifying_key())
    }

    pub(crate) fn sign_hash(&self, hash: B256) -> Signature {
        let (signature, recovery) = self.0.sign_prehash_recoverable(hash.as_slice()).unwrap();
        Signature::from((signature, recovery))
    }

    pub(crate) fn sign<T: SignableTransaction<Signature>>(&self, tx: T) -> Recovered<TxEnvelope>
    where
        TxEnvelope: From<alloy_consensus::Signed<T>>,
    {
        let signature = self.sign_hash(tx.signature_hash());
        recover(tx.into_signed(signature).into(), &PlainCrypto).unwrap()
    }

    pub(crate) fn authorize(&self, authorization: Authorization) -> SignedAuthorization {
        let signature = self.sign_hash(authorization.signature_hash());
        authorization.into_signed(signature)
    }
}

pub(crate) fn config() -> ChainConfig {
    ChainConfig {
        l1_chain_id: 31337,
        l2_chain_id: 4242,
        ledger: LedgerKind::Evm,
        genesis_timestamp: 1_700_000_000,
        vault: Address::repeat_byte(0xd1),
        fee_recipient: Address::repeat_byte(0xd2),
        force_delay: 3600,
        limits: Limits {
            block_gas: 100_000_000,
            batch_gas: 400_000_000,
            message_gas: 20_000_000,
            batch_message_gas: 40_000_000,
            batch_messages: 1024,
            batch_bytes: 2_000_000,
            batch_blocks: 4096,
            batch_transactions: 20_000,
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

pub(crate) fn facts(number: u64) -> L1Facts {
    L1Facts {
        number: L1BlockNumber::new(number),
        timestamp: 1_700_000_000 + number,
        base_fee: 7 * GWEI + u128::from(number),
        blob_base_fee: 3 * GWEI + u128::from(number),
    }
}

/// What became of the transactions pushed into a block, and the block.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) pushed: Vec<Result<TransactionOutcome, PushError<Unknown>>>,
    pub(crate) sealed: SealedBlock,
}

#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) config: ChainConfig,
    pub(crate) state: Leaves,
    pub(crate) head: Sealed<Header>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with_config(config())
    }

    pub(crate) fn with_config(config: ChainConfig) -> Self {
        let accounts = [OUTBOX, INBOX_CLOCK, FEE_VAULT, HISTORY_STORAGE].map(|address| {
            // STOP: these tests are not about the predeploys' code.
            GenesisAccount { address, code: Bytes::from_static(&[0]), storage: BTreeMap::new() }
        });
        let block = genesis(&config, &accounts);
        let mut state = Leaves::default();
        state.apply(&block.changes);
        let head = block.seal(state.root()).header;
        Self { config, state, head }
    }

    pub(crate) fn set_account(&mut self, address: Address, account: Account) {
        self.state.leaves.insert(account_key(address), account.encode().to_vec());
    }

    pub(crate) fn fund(&mut self, address: Address, wei: u128) {
        let account = Account { balance: U256::from(wei), ..self.account(address) };
        self.set_account(address, account);
    }

    pub(crate) fn install(&mut self, address: Address, code: &[u8]) {
        let code_hash = keccak256(code);
        self.state.codes.insert(code_hash, Bytes::copy_from_slice(code));
        self.set_account(address, Account { nonce: 1, code_hash, ..self.account(address) });
    }

    pub(crate) fn set_slot(&mut self, address: Address, slot: u64, value: u64) {
        let key = storage_key(address, U256::from(slot));
        self.state.leaves.insert(key, U256::from(value).to_be_bytes_vec());
    }

    pub(crate) fn account(&self, address: Address) -> Account {
        self.state.account(address).unwrap().unwrap_or_default()
    }

    pub(crate) fn exists(&self, address: Address) -> bool {
        self.state.account(address).unwrap().is_some()
    }

    pub(crate) fn balance(&self, address: Address) -> U256 {
        self.account(address).balance
    }

    pub(crate) fn slot(&self, address: Address, slot: u64) -> U256 {
        self.state.storage(address, U256::from(slot)).unwrap()
    }

    pub(crate) fn code(&self, address: Address) -> Bytes {
        match self.account(address).code_hash {
            KECCAK256_EMPTY => Bytes::new(),
            hash => self.state.code(hash).unwrap(),
        }
    }

    pub(crate) fn env(&self) -> BlockEnv<'_> {
        BlockEnv::child(&self.config, Rules::Osaka, &self.head, self.head.timestamp + 1).unwrap()
    }

    /// The environment of the last block.
    pub(crate) fn here(&self) -> BlockEnv<'_> {
        BlockEnv::of(&self.config, Rules::Osaka, &self.head).unwrap()
    }

    /// Executes the next block without taking it in.
    pub(crate) fn execute_on<S: StateReader<Error = Unknown>>(
        &self,
        state: S,
        messages: &[Message],
        transactions: &[Recovered<TxEnvelope>],
    ) -> Result<Built, ExecutionError<Unknown>> {
        let mut executor = BlockExecutor::new(self.env(), state, &PlainCrypto)?;
        executor.consume_messages(messages)?;
        let mut pushed = Vec::new();
        for transaction in transactions {
            match executor.push_transaction(transaction) {
                Err(PushError::Block(error)) => return Err(error),
                outcome => pushed.push(outcome),
            }
        }
        let block = executor.finish()?;
        let mut after = self.state.clone();
        after.apply(&block.changes);
        Ok(Built { pushed, sealed: block.seal(after.root()) })
    }

    /// Executes the next block and takes it in.
    pub(crate) fn block(
        &mut self,
        messages: &[Message],
        transactions: &[Recovered<TxEnvelope>],
    ) -> Built {
        let built = self.execute_on(&self.state, messages, transactions).unwrap();
        self.state.apply(&built.sealed.block.changes);
        self.head = built.sealed.header.clone();
        built
    }

    /// A block of one transaction, which must be in it.
    pub(crate) fn run(&mut self, transaction: &Recovered<TxEnvelope>) -> TransactionOutcome {
        let mut built = self.block(&[], std::slice::from_ref(transaction));
        built.pushed.remove(0).unwrap()
    }

    pub(crate) fn next_index(&self) -> InboxIndex {
        self.here().next_inbox_index()
    }

    /// A message that calls `to` on behalf of `sender`.
    pub(crate) fn call_message(&self, sender: Address, to: Address, wei: u128) -> Message {
        Message {
            kind: MessageKind::Call,
            index: self.next_index(),
            facts: facts(10 + self.next_index().get()),
            sender,
            to,
            refund_to: Address::repeat_byte(0xfe),
            value: U256::from(wei),
            gas_limit: 100_000,
            data: Bytes::new(),
        }
    }

    pub(crate) fn marker(&self) -> Message {
        Message {
            kind: MessageKind::Marker,
            sender: Address::ZERO,
            refund_to: Address::ZERO,
            gas_limit: 0,
            ..self.call_message(Address::ZERO, Address::ZERO, 0)
        }
    }

    pub(crate) fn forced_message(&self, gas_limit: u64, data: Vec<u8>) -> Message {
        Message {
            kind: MessageKind::Forced,
            sender: Address::ZERO,
            refund_to: Address::ZERO,
            gas_limit,
            data: data.into(),
            ..self.call_message(Address::ZERO, Address::ZERO, 0)
        }
    }

    pub(crate) fn nonce(&self, key: &Key) -> u64 {
        self.account(key.address()).nonce
    }

    /// A type 2 transaction that pays well for everything.
    pub(crate) fn eip1559(&self, key: &Key, to: TxKind, data: &[u8]) -> TxEip1559 {
        TxEip1559 {
            chain_id: self.config.l2_chain_id,
            nonce: self.nonce(key),
            gas_limit: 1_000_000,
            max_fee_per_gas: 100 * GWEI,
            max_priority_fee_per_gas: GWEI,
            to,
            value: U256::ZERO,
            access_list: Default::default(),
            input: Bytes::copy_from_slice(data),
        }
    }

    pub(crate) fn legacy(&self, key: &Key, to: Address) -> TxLegacy {
        TxLegacy {
            chain_id: Some(self.config.l2_chain_id),
            nonce: self.nonce(key),
            gas_price: 20 * GWEI,
            gas_limit: 100_000,
            to: to.into(),
            value: U256::from(5),
            input: Bytes::new(),
        }
    }

    pub(crate) fn eip2930(&self, key: &Key, to: Address) -> TxEip2930 {
        TxEip2930 {
            chain_id: self.config.l2_chain_id,
            nonce: self.nonce(key),
            gas_price: 20 * GWEI,
            gas_limit: 100_000,
            to: to.into(),
            value: U256::from(5),
            access_list: Default::default(),
            input: Bytes::new(),
        }
    }

    pub(crate) fn eip7702(
        &self,
        key: &Key,
        to: Address,
        authorization_list: Vec<SignedAuthorization>,
    ) -> TxEip7702 {
        TxEip7702 {
            chain_id: self.config.l2_chain_id,
            nonce: self.nonce(key),
            gas_limit: 500_000,
            max_fee_per_gas: 100 * GWEI,
            max_priority_fee_per_gas: GWEI,
            to,
            value: U256::ZERO,
            access_list: Default::default(),
            authorization_list,
            input: Bytes::new(),
        }
    }

    /// Calls `to` with `data` from a funded key, as the only transaction of a block.
    pub(crate) fn call(&mut self, key: &Key, to: Address, data: &[u8]) -> TransactionOutcome {
        self.run(&key.sign(self.eip1559(key, to.into(), data)))
    }
}

/// Code that stores what `opcodes` leave on the stack in slot 0.
pub(crate) fn store(opcodes: &[u8]) -> Vec<u8> {
    // PUSH1 0, SSTORE
    [opcodes, &[0x60, 0x00, 0x55]].concat()
}

/// Init code that deploys `runtime`, of at most 255 bytes.
pub(crate) fn deploying(runtime: &[u8]) -> Vec<u8> {
    let length = u8::try_from(runtime.len()).unwrap();
    // PUSH1 length, DUP1, PUSH1 11, PUSH1 0, CODECOPY, PUSH1 0, RETURN: 11 bytes before the runtime
    let copy = [0x60, length, 0x80, 0x60, 0x0b, 0x60, 0x00, 0x39, 0x60, 0x00, 0xf3];
    [&copy, runtime].concat()
}

/// PUSH20 of an address.
pub(crate) fn push(address: Address) -> Vec<u8> {
    [&[0x73], address.as_slice()].concat()
}

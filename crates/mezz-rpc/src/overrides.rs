//! A state and a block that say something else of themselves: overrides of a call.

use std::collections::{BTreeMap, BTreeSet};

use alloy::rpc::types::{
    BlockOverrides,
    state::{AccountOverride, StateOverride},
};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use mezz_evm::{BlockChanges, StateReader};
use mezz_store::{StateView, StoreError};
use mezz_types::{
    Account, BlockNumber, HISTORY_STORAGE, StateChanges, StateKey, account_key, decode_slot,
    encode_slot, storage_key,
};

use crate::{error::RpcError, eth::roots::Writes};

/// Blocks whose hashes the history contract keeps (EIP-2935, `HISTORY_SERVE_WINDOW`).
const HISTORY_WINDOW: u64 = 8_191;

/// What a call wants to be different.
#[derive(Debug, Default)]
pub(crate) struct Overrides {
    pub(crate) state: Option<StateOverride>,
    pub(crate) block: Option<BlockOverrides>,
}

impl Overrides {
    /// Puts a layer on `state`; what the block is to say of itself.
    pub(crate) fn apply(self, state: &mut Layered) -> Result<BlockChanges, RpcError> {
        let mut layer = Layer::default();
        for (address, account) in self.state.unwrap_or_default() {
            layer.set_account(state, address, account)?;
        }
        let changes = self.block.map_or(Ok(BlockChanges::default()), |block| {
            for (number, hash) in block.block_hash.iter().flatten() {
                let slot = U256::from(number % HISTORY_WINDOW);
                layer.set_slot(HISTORY_STORAGE, slot, U256::from_be_bytes(hash.0));
            }
            block_changes(&block)
        });
        state.layers.push(layer);
        changes
    }
}

fn block_changes(block: &BlockOverrides) -> Result<BlockChanges, RpcError> {
    fn small<T: TryFrom<U256>>(name: &str, value: Option<U256>) -> Result<Option<T>, RpcError> {
        let convert = |value| {
            T::try_from(value)
                .map_err(|_| RpcError::Params(format!("block override {name} is too large")))
        };
        value.map(convert).transpose()
    }
    Ok(BlockChanges {
        number: small::<u64>("number", block.number)?.map(BlockNumber::new),
        timestamp: block.time,
        gas_limit: block.gas_limit,
        base_fee: small("baseFeePerGas", block.base_fee)?,
        beneficiary: block.coinbase,
        prev_randao: block.random,
        blob_base_fee: small("blobBaseFee", block.blob_base_fee)?,
    })
}

/// A state with layers of changes on top, the last one first.
pub(crate) struct Layered {
    view: StateView,
    layers: Vec<Layer>,
}

#[derive(Default)]
struct Layer {
    leaves: BTreeMap<StateKey, Option<Vec<u8>>>,
    codes: BTreeMap<B256, Bytes>,
    /// Accounts none of whose slots below this layer count.
    cleared: BTreeSet<Address>,
}

impl Layer {
    fn set_slot(&mut self, address: Address, slot: U256, value: U256) {
        let leaf = encode_slot(value).map(|value| value.to_vec());
        self.leaves.insert(storage_key(address, slot), leaf);
    }

    fn set_account(
        &mut self,
        below: &Layered,
        address: Address,
        wanted: AccountOverride,
    ) -> Result<(), RpcError> {
        if wanted.move_precompile_to.is_some() {
            let text = "movePrecompileToAddress is not supported: precompiles stay where they are";
            return Err(RpcError::Params(text.into()));
        }
        if wanted.state.is_some() && wanted.state_diff.is_some() {
            let text = format!("account {address} has both 'state' and 'stateDiff'");
            return Err(RpcError::Params(text));
        }
        let mut account = below.account(address)?.unwrap_or_default();
        account.balance = wanted.balance.unwrap_or(account.balance);
        account.nonce = wanted.nonce.unwrap_or(account.nonce);
        if let Some(code) = wanted.code {
            account.code_hash = keccak256(&code);
            self.codes.insert(account.code_hash, code);
        }
        let leaf = (!account.is_empty()).then(|| account.encode().to_vec());
        self.leaves.insert(account_key(address), leaf);
        if wanted.state.is_some() {
            self.cleared.insert(address);
        }
        for (slot, value) in wanted.state.or(wanted.state_diff).unwrap_or_default() {
            self.set_slot(address, slot.into(), value.into());
        }
        Ok(())
    }
}

impl Layered {
    pub(crate) const fn new(view: StateView) -> Self {
        Self { view, layers: Vec::new() }
    }

    /// Puts what a block did on top.
    pub(crate) fn push(&mut self, changes: StateChanges) {
        let StateChanges { leaves, codes } = changes;
        self.layers.push(Layer { leaves, codes, cleared: BTreeSet::new() });
    }

    /// How many layers there are.
    pub(crate) const fn depth(&self) -> usize {
        self.layers.len()
    }

    /// What the layers above the first `below` write; `None` if one forgets slots that it does not name.
    pub(crate) fn writes(&self, below: usize) -> Option<Writes> {
        let mut writes = Writes::new();
        for layer in self.layers.iter().skip(below) {
            if !layer.cleared.is_empty() {
                return None;
            }
            writes.extend(layer.leaves.iter().map(|(key, leaf)| (*key, leaf.clone())));
        }
        Some(writes)
    }

    /// The leaf at `key` in the layers; `None` if they do not say.
    fn leaf(&self, key: &StateKey) -> Option<Option<&[u8]>> {
        let found = self.layers.iter().rev().find_map(|layer| layer.leaves.get(key));
        found.map(|leaf| leaf.as_deref())
    }
}

impl StateReader for Layered {
    type Error = StoreError;

    fn account(&self, address: Address) -> Result<Option<Account>, StoreError> {
        let wrong = |_| StoreError::Corrupt { table: "state", reason: "not an account" };
        match self.leaf(&account_key(address)) {
            Some(leaf) => leaf.map(Account::decode).transpose().map_err(wrong),
            None => self.view.account(address),
        }
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, StoreError> {
        let key = storage_key(address, slot);
        let reason = "not a storage slot";
        for layer in self.layers.iter().rev() {
            match layer.leaves.get(&key) {
                Some(None) => return Ok(U256::ZERO),
                Some(Some(value)) => {
                    return decode_slot(value)
                        .ok_or(StoreError::Corrupt { table: "state", reason });
                }
                None if layer.cleared.contains(&address) => return Ok(U256::ZERO),
                None => {}
            }
        }
        self.view.storage(address, slot)
    }

    fn code(&self, code_hash: B256) -> Result<Bytes, StoreError> {
        let found = self.layers.iter().rev().find_map(|layer| layer.codes.get(&code_hash));
        found.map_or_else(|| self.view.code(code_hash), |code| Ok(code.clone()))
    }
}

//! The state of the development L1: accounts, their storage, and code.

mod trie;

#[cfg(test)]
mod tests;

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rlp::Encodable;
use alloy_trie::TrieAccount;
use mezz_evm::{EthereumChanges, StateReader};
use mezz_types::Account;

use trie::{Trie, TrieValue};

/// One version of the state. Versions share what they have in common; a clone is cheap.
#[derive(Clone, Debug, Default)]
pub(crate) struct WorldState {
    accounts: Trie<StoredAccount>,
    codes: imbl::HashMap<B256, Bytes>,
}

#[derive(Clone, Debug, Default)]
struct StoredAccount {
    account: Account,
    storage: Trie<U256>,
}

impl TrieValue for U256 {
    fn leaf(&self) -> Vec<u8> {
        alloy_rlp::encode(self)
    }
}

impl TrieValue for StoredAccount {
    fn leaf(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(110);
        self.for_trie().encode(&mut out);
        out
    }
}

impl StoredAccount {
    fn for_trie(&self) -> TrieAccount {
        TrieAccount {
            nonce: self.account.nonce,
            balance: self.account.balance,
            storage_root: self.storage.root(),
            code_hash: self.account.code_hash,
        }
    }
}

/// Why the state could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StateError {
    /// An account names code that is not there.
    #[error("the code {code_hash} is missing")]
    CodeMissing {
        /// Keccak-256 of it.
        code_hash: B256,
    },
}

/// An account with proofs against the state root (EIP-1186).
#[derive(Clone, Debug)]
pub(crate) struct AccountProof {
    pub(crate) account: Account,
    pub(crate) storage_root: B256,
    pub(crate) proof: Vec<Bytes>,
    pub(crate) slots: Vec<SlotProof>,
}

/// A slot with a proof against the storage root.
#[derive(Clone, Debug)]
pub(crate) struct SlotProof {
    pub(crate) value: U256,
    pub(crate) proof: Vec<Bytes>,
}

impl WorldState {
    /// The state root, as the header has it.
    pub(crate) fn root(&self) -> B256 {
        self.accounts.root()
    }

    /// Takes in what a block, or a hand of the operator, did.
    pub(crate) fn apply(&mut self, changes: &EthereumChanges) {
        for (address, change) in &changes.accounts {
            let key = keccak256(address);
            let Some(account) = change.account else {
                self.accounts.remove(&key);
                continue;
            };
            let mut stored = self.accounts.get(&key).cloned().unwrap_or_default();
            stored.account = account;
            for (slot, value) in &change.slots {
                let slot = keccak256(slot.to_be_bytes::<32>());
                if value.is_zero() {
                    stored.storage.remove(&slot);
                } else {
                    stored.storage.insert(&slot, *value);
                }
            }
            self.accounts.insert(&key, stored);
        }
        for (hash, code) in &changes.codes {
            self.codes.insert(*hash, code.clone());
        }
    }

    /// The account at `address`; an empty one if there is none.
    pub(crate) fn account_or_empty(&self, address: Address) -> Account {
        self.stored(address).map(|stored| stored.account).unwrap_or_default()
    }

    /// A storage slot; zero if it was never written.
    pub(crate) fn slot(&self, address: Address, slot: U256) -> U256 {
        let key = keccak256(slot.to_be_bytes::<32>());
        self.stored(address)
            .and_then(|stored| stored.storage.get(&key))
            .copied()
            .unwrap_or_default()
    }

    /// The code of `address`; empty if it has none.
    pub(crate) fn code_of(&self, address: Address) -> Bytes {
        let hash = self.account_or_empty(address).code_hash;
        self.codes.get(&hash).cloned().unwrap_or_default()
    }

    /// Proofs of an account and slots of it, there or not.
    pub(crate) fn prove(&self, address: Address, slots: &[U256]) -> AccountProof {
        let key = keccak256(address);
        let stored = self.accounts.get(&key).cloned().unwrap_or_default();
        let slots = slots
            .iter()
            .map(|slot| {
                let key = keccak256(slot.to_be_bytes::<32>());
                SlotProof {
                    value: stored.storage.get(&key).copied().unwrap_or_default(),
                    proof: stored.storage.proof(&key),
                }
            })
            .collect();
        AccountProof {
            account: stored.account,
            storage_root: stored.storage.root(),
            proof: self.accounts.proof(&key),
            slots,
        }
    }

    fn stored(&self, address: Address) -> Option<&StoredAccount> {
        self.accounts.get(&keccak256(address))
    }
}

impl StateReader for WorldState {
    type Error = StateError;

    fn account(&self, address: Address) -> Result<Option<Account>, Self::Error> {
        Ok(self.stored(address).map(|stored| stored.account))
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, Self::Error> {
        Ok(self.slot(address, slot))
    }

    fn code(&self, code_hash: B256) -> Result<Bytes, Self::Error> {
        self.codes.get(&code_hash).cloned().ok_or(StateError::CodeMissing { code_hash })
    }
}

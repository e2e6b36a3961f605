//! What the executor asks of a state, and what it leaves behind.

use alloy_primitives::{Address, B256, Bytes, U256};
use mezz_types::{Account, StateChanges};

/// A state to execute on: a database, a witness, or a layer over one.
///
/// Obligations of an implementor: the answers are those of one fixed state, however often and in
/// whatever order they are asked for. `Ok(None)` and zero mean that the state is known to hold
/// nothing there; what is *not known* (a node that a witness lacks) is an error.
pub trait StateReader {
    /// Why the state could not be read.
    type Error: core::error::Error + Send + Sync + 'static;

    /// The account at `address`; `None` if there is none.
    ///
    /// # Errors
    /// If the state does not know.
    fn account(&self, address: Address) -> Result<Option<Account>, Self::Error>;

    /// The value of a storage slot; zero if it was never written.
    ///
    /// # Errors
    /// If the state does not know.
    fn storage(&self, address: Address, slot: U256) -> Result<U256, Self::Error>;

    /// The code with this Keccak-256. Asked only for hashes that [`StateReader::account`] gave.
    ///
    /// # Errors
    /// If the state does not know it.
    fn code(&self, code_hash: B256) -> Result<Bytes, Self::Error>;
}

impl<S: StateReader + ?Sized> StateReader for &S {
    type Error = S::Error;

    fn account(&self, address: Address) -> Result<Option<Account>, Self::Error> {
        (**self).account(address)
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, Self::Error> {
        (**self).storage(address, slot)
    }

    fn code(&self, code_hash: B256) -> Result<Bytes, Self::Error> {
        (**self).code(code_hash)
    }
}

/// A state that can take in what a block did.
pub trait State: StateReader {
    /// Applies `changes` and returns the root of the new state.
    ///
    /// # Errors
    /// If the state does not know enough to compute it. The state is then not to be used again.
    fn commit(&mut self, changes: &StateChanges) -> Result<B256, Self::Error>;
}

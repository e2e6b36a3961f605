//! How a transaction of this chain is checked against its sender and paid for.
//!
//! The frames, their gas and their refunds are the engine's (`MainnetHandler`); the rules of money are here:
//!
//! | who | before the code runs | after it |
//! | --- | --- | --- |
//! | signed | `gas limit × price + data fee` leaves the sender, who must own `value + gas limit × maximum fee` | unused gas returns at `price`; used gas and data fee go to the fee vault |
//! | system | `value` appears at the sender; the price is 0 | |
//! | simulated | nothing, or as signed | nothing, or as signed |

use alloc::string::{String, ToString};
use core::marker::PhantomData;

use alloy_primitives::{Address, U256};
use revm::{
    context::{
        Block, ContextTr, JournalTr, Transaction,
        journaled_state::account::JournaledAccountTr,
        result::{FromStringError, HaltReason, InvalidHeader},
    },
    context_interface::context::ContextError,
    handler::{EvmTr, FrameResult, Handler},
    inspector::{Inspector, InspectorHandler},
    interpreter::{InitialAndFloorGas, interpreter::EthInterpreter},
    state::AccountInfo,
};

use crate::{
    InvalidTransaction, StateReader,
    engine::{Context, Engine},
    overlay::ReadFailed,
};

/// How one transaction is checked and paid for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// What the sender must own besides the value: `gas limit × maximum fee`, as authorised.
    pub(crate) authorised: U256,
    /// What is taken for data on L1.
    pub(crate) data_fee: U256,
    /// What appears at the sender first.
    pub(crate) minted: U256,
    /// Whether gas is paid for at all.
    pub(crate) gas_charged: bool,
    /// Whether nonce and code (EIP-3607) of the sender matter.
    pub(crate) sender_checked: bool,
}

/// Why a transaction did not run.
#[derive(Debug)]
pub(crate) enum RunError {
    Invalid(InvalidTransaction),
    State(ReadFailed),
    Engine(String),
}

impl From<InvalidTransaction> for RunError {
    fn from(invalid: InvalidTransaction) -> Self {
        Self::Invalid(invalid)
    }
}

impl From<revm::context::result::InvalidTransaction> for RunError {
    fn from(invalid: revm::context::result::InvalidTransaction) -> Self {
        use revm::context::result::InvalidTransaction as Engine;
        match invalid {
            Engine::CallGasCostMoreThanGasLimit { initial_gas: required, gas_limit: got }
            | Engine::GasFloorMoreThanGasLimit { gas_floor: required, gas_limit: got } => {
                Self::Invalid(InvalidTransaction::GasLimitBelowIntrinsic { required, got })
            }
            // Everything else is checked before the engine sees the transaction.
            other => Self::Engine(other.to_string()),
        }
    }
}

impl From<InvalidHeader> for RunError {
    fn from(invalid: InvalidHeader) -> Self {
        Self::Engine(invalid.to_string())
    }
}

impl From<ReadFailed> for RunError {
    fn from(failed: ReadFailed) -> Self {
        Self::State(failed)
    }
}

impl From<ContextError<ReadFailed>> for RunError {
    fn from(error: ContextError<ReadFailed>) -> Self {
        match error {
            ContextError::Db(failed) => Self::State(failed),
            ContextError::Custom(reason) => Self::Engine(reason),
        }
    }
}

impl FromStringError for RunError {
    fn from_string(reason: String) -> Self {
        Self::Engine(reason)
    }
}

/// Runs one transaction on its [`Terms`].
pub(crate) struct TransactionHandler<'a, S, I> {
    terms: Terms,
    types: PhantomData<(&'a (), S, I)>,
}

impl<S, I> TransactionHandler<'_, S, I> {
    pub(crate) const fn new(terms: Terms) -> Self {
        Self { terms, types: PhantomData }
    }
}

impl<S: StateReader, I> TransactionHandler<'_, S, I> {
    fn check_sender(
        &self,
        sender: Address,
        account: &AccountInfo,
        nonce: u64,
    ) -> Result<(), InvalidTransaction> {
        if !self.terms.sender_checked {
            return Ok(());
        }
        let is_contract =
            account.code.as_ref().is_some_and(|code| !code.is_empty() && !code.is_eip7702());
        if is_contract {
            return Err(InvalidTransaction::SenderIsContract { sender });
        }
        let (expected, got) = (account.nonce, nonce);
        match got.cmp(&expected) {
            core::cmp::Ordering::Less => Err(InvalidTransaction::NonceTooLow { expected, got }),
            core::cmp::Ordering::Greater => Err(InvalidTransaction::NonceTooHigh { expected, got }),
            core::cmp::Ordering::Equal => Ok(()),
        }
    }

    /// Wei that a unit of gas costs.
    fn price(&self, block: &impl Block, tx: &impl Transaction) -> U256 {
        if self.terms.gas_charged {
            U256::from(tx.effective_gas_price(u128::from(block.basefee())))
        } else {
            U256::ZERO
        }
    }

    /// Checks the sender, takes what the transaction may cost at most, and counts its nonce. (A
    /// creation's nonce is counted by its first frame.)
    fn charge_sender(&self, context: &mut Context<S>) -> Result<(), RunError> {
        let (block, tx, _, journal, _, _) = context.all_mut();
        let mut sender = journal.load_account_with_code_mut(tx.caller())?.data;
        self.check_sender(tx.caller(), &sender.account().info, tx.nonce())?;
        let balance = sender.balance().saturating_add(self.terms.minted);
        let required = self.terms.authorised.checked_add(tx.value()).unwrap_or(U256::MAX);
        if balance < required {
            return Err(InvalidTransaction::Balance { balance, required }.into());
        }
        let price = self.price(block, tx);
        let gas = price.saturating_mul(U256::from(tx.gas_limit()));
        let taken = gas.saturating_add(self.terms.data_fee);
        sender.set_balance(balance.saturating_sub(taken));
        if tx.kind().is_call() {
            sender.bump_nonce();
        }
        Ok(())
    }
}

impl<'a, S: StateReader, I> Handler for TransactionHandler<'a, S, I> {
    type Evm = Engine<'a, S, I>;
    type Error = RunError;
    type HaltReason = HaltReason;

    fn validate(&self, evm: &mut Self::Evm) -> Result<InitialAndFloorGas, RunError> {
        let gas = self.validate_initial_tx_gas(evm)?;
        self.charge_sender(evm.ctx_mut())?;
        Ok(gas)
    }

    fn reimburse_caller(
        &self,
        evm: &mut Self::Evm,
        result: &mut FrameResult,
    ) -> Result<(), RunError> {
        let gas = result.gas();
        let refunded = u64::try_from(gas.refunded()).unwrap_or(0);
        let unused = gas.remaining().saturating_add(gas.reservoir()).saturating_add(refunded);
        let (block, tx, _, journal, _, _) = evm.ctx_mut().all_mut();
        let price = self.price(block, tx);
        let back = price.saturating_mul(U256::from(unused));
        journal.load_account_mut(tx.caller())?.data.incr_balance(back);
        Ok(())
    }

    fn reward_beneficiary(
        &self,
        evm: &mut Self::Evm,
        result: &mut FrameResult,
    ) -> Result<(), RunError> {
        let gas = result.gas();
        let used = gas.used().saturating_sub(gas.reservoir());
        let (block, tx, _, journal, _, _) = evm.ctx_mut().all_mut();
        let price = self.price(block, tx);
        let fee = price.saturating_mul(U256::from(used)).saturating_add(self.terms.data_fee);
        // Nothing is burned: base fee, tip and data fee have one destination.
        journal.load_account_mut(block.beneficiary())?.data.incr_balance(fee);
        Ok(())
    }
}

impl<'a, S: StateReader, I: Inspector<Context<S>, EthInterpreter>> InspectorHandler
    for TransactionHandler<'a, S, I>
{
    type IT = EthInterpreter;
}

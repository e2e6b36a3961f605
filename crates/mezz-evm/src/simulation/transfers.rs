//! Ether that moves, as logs among the logs of contracts: `traceTransfers` of `eth_simulateV1`.

use alloc::{vec, vec::Vec};

use alloy_primitives::{Address, B256, Bytes, Log, U256, address, b256};
use revm::{
    inspector::Inspector,
    interpreter::{CallInputs, CallOutcome, CallScheme, CreateInputs, CreateOutcome},
};

use crate::{StateReader, engine::Context};

/// Who a transfer of ether is said to be logged by, in the execution APIs: nobody can have this address.
pub const TRANSFER_EMITTER: Address = address!("eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee");
/// `Transfer(address,address,uint256)`, as of ERC-20.
const TRANSFER: B256 = b256!("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");

/// Takes down logs and transfers in the order in which they come.
#[derive(Debug, Default)]
pub(crate) struct Transfers {
    /// Whether anything is taken down.
    pub(crate) on: bool,
    /// What was seen in each open frame, the outermost one last; below them, what stays.
    frames: Vec<Vec<Log>>,
}

impl Transfers {
    pub(crate) fn begin(&mut self) {
        self.frames = vec![Vec::new()];
    }

    /// What was taken down since it began.
    pub(crate) fn take(&mut self) -> Vec<Log> {
        core::mem::take(&mut self.frames).into_iter().next().unwrap_or_default()
    }

    fn seen(&mut self, log: Log) {
        if let Some(frame) = self.frames.last_mut() {
            frame.push(log);
        }
    }

    fn open(&mut self, from: Address, to: Address, value: U256) {
        self.frames.push(Vec::new());
        if !value.is_zero() {
            self.seen(transfer(from, to, value));
        }
    }

    /// What a frame that fails did is undone.
    fn close(&mut self, succeeded: bool) {
        let Some(frame) = self.frames.pop() else { return };
        if succeeded && let Some(outer) = self.frames.last_mut() {
            outer.extend(frame);
        }
    }
}

fn transfer(from: Address, to: Address, value: U256) -> Log {
    let topics = vec![TRANSFER, from.into_word(), to.into_word()];
    let data = Bytes::from(value.to_be_bytes_vec());
    Log::new_unchecked(TRANSFER_EMITTER, topics, data)
}

impl<S: StateReader> Inspector<Context<S>> for Transfers {
    fn log(&mut self, _: &mut Context<S>, log: Log) {
        self.seen(log);
    }

    fn call(&mut self, _: &mut Context<S>, inputs: &mut CallInputs) -> Option<CallOutcome> {
        // With CALLCODE an account pays itself: nothing moves.
        let moved = (inputs.scheme != CallScheme::CallCode).then(|| inputs.transfer_value());
        self.open(inputs.caller, inputs.target_address, moved.flatten().unwrap_or_default());
        None
    }

    fn call_end(&mut self, _: &mut Context<S>, _: &CallInputs, outcome: &mut CallOutcome) {
        self.close(outcome.result.result.is_ok());
    }

    fn create(&mut self, _: &mut Context<S>, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        // Whom it creates is known at its end.
        self.open(inputs.caller(), Address::ZERO, inputs.value());
        None
    }

    fn create_end(
        &mut self,
        _: &mut Context<S>,
        inputs: &CreateInputs,
        outcome: &mut CreateOutcome,
    ) {
        if !inputs.value().is_zero()
            && let (Some(created), Some(first)) =
                (outcome.address, self.frames.last_mut().and_then(|frame| frame.first_mut()))
        {
            *first = transfer(inputs.caller(), created, inputs.value());
        }
        self.close(outcome.result.result.is_ok());
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, value: U256) {
        if contract != target && !value.is_zero() {
            self.seen(transfer(contract, target, value));
        }
    }
}

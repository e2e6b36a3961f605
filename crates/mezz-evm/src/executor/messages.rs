//! The messages of a block: the clock, calls and creations, forced transactions.

use alloc::vec::Vec;

use alloy_consensus::Transaction;
use alloy_primitives::U256;
use mezz_types::{
    INBOX_CLOCK, L1Facts, Message, MessageKind, SYSTEM_TRANSACTION_TYPE, SystemTransaction,
    clock_slot,
};
use revm::context::{ContextTr, TxEnv};

use super::{BlockExecutor, DataFee, Stopped};
use crate::{
    BlockTransaction, DataPrice, ExecutionError, MAX_INIT_CODE_BYTES, MessageOutcome, PushError,
    SkipReason, StateReader, TransactionExtras, decode_transaction, handler::Terms,
    overlay::ReadFailed, recover,
};

impl<S: StateReader> BlockExecutor<'_, S> {
    /// Consumes `messages`, all that the block consumes, before its transactions.
    ///
    /// # Errors
    /// [`ExecutionError::MessageOrder`] if they are not the next ones of the inbox,
    /// [`ExecutionError::MessagesLate`] if messages or transactions came before, and
    /// [`ExecutionError::State`].
    pub fn consume_messages(
        &mut self,
        messages: &[Message],
    ) -> Result<(), ExecutionError<S::Error>> {
        self.check_alive()?;
        if self.messages_done {
            return Err(ExecutionError::MessagesLate);
        }
        let mut next = self.next_inbox_index;
        for message in messages {
            if message.index != next {
                return Err(ExecutionError::MessageOrder { expected: next, got: message.index });
            }
            next = next.next();
        }
        self.messages_done = true;
        let Some(last) = messages.last() else { return Ok(()) };
        self.next_inbox_index = next;
        self.set_clock(last.facts);
        for message in messages {
            let outcome = self.consume(message)?;
            self.messages.push(outcome);
        }
        Ok(())
    }

    fn set_clock(&mut self, facts: L1Facts) {
        self.l1_facts = facts;
        self.data_price = DataPrice::new(&self.env.config.fees, &facts);
        let next = self.next_inbox_index.get();
        let overlay = self.engine.ctx.db_mut();
        for (slot, value) in [
            (clock_slot::NUMBER, U256::from(facts.number.get())),
            (clock_slot::TIMESTAMP, U256::from(facts.timestamp)),
            (clock_slot::BASE_FEE, U256::from(facts.base_fee)),
            (clock_slot::BLOB_BASE_FEE, U256::from(facts.blob_base_fee)),
            (clock_slot::NEXT_INBOX_INDEX, U256::from(next)),
        ] {
            overlay.set_slot(INBOX_CLOCK, slot, value);
        }
    }

    fn consume(&mut self, message: &Message) -> Result<MessageOutcome, ExecutionError<S::Error>> {
        if message.kind == MessageKind::Forced {
            return self.force(message);
        }
        let Some(system) = SystemTransaction::from_message(message) else {
            return Ok(MessageOutcome::Marker);
        };
        let position = self.transactions.len();
        self.run_system(system)?;
        Ok(MessageOutcome::Executed { position })
    }

    fn force(&mut self, message: &Message) -> Result<MessageOutcome, ExecutionError<S::Error>> {
        let skipped = |reason| Ok(MessageOutcome::Skipped { reason });
        let transaction = match decode_transaction(&message.data) {
            Ok(transaction) => transaction,
            Err(error) => return skipped(SkipReason::Decode(error)),
        };
        let (paid, asked) = (message.gas_limit, transaction.gas_limit());
        if asked > paid {
            return skipped(SkipReason::GasNotPaid { paid, asked });
        }
        let transaction = match recover(transaction, self.crypto) {
            Ok(transaction) => transaction,
            Err(invalid) => return skipped(SkipReason::Invalid(invalid)),
        };
        let position = self.transactions.len();
        match self.push_signed(&transaction, DataFee::PaidOnL1) {
            Ok(_) => Ok(MessageOutcome::Executed { position }),
            Err(PushError::Invalid(invalid)) => skipped(SkipReason::Invalid(invalid)),
            Err(PushError::DoesNotFit { gas_limit, left }) => {
                skipped(SkipReason::DoesNotFit { gas_limit, left })
            }
            Err(PushError::Block(error)) => Err(error),
        }
    }

    /// Whether the bounds that L1 keeps hold for `system`.
    fn can_run(&self, system: &SystemTransaction) -> bool {
        system.gas_limit <= self.env.config.limits.message_gas
            && system.gas_limit <= self.gas_left()
            && system.data.len() <= MAX_INIT_CODE_BYTES
    }

    fn run_system(&mut self, system: SystemTransaction) -> Result<(), ExecutionError<S::Error>> {
        if !self.can_run(&system) {
            return self.fail_unrun(system);
        }
        let tx = TxEnv {
            tx_type: SYSTEM_TRANSACTION_TYPE,
            caller: system.from,
            gas_limit: system.gas_limit,
            gas_price: 0,
            kind: system.to,
            value: system.value,
            data: system.data.clone(),
            nonce: 0,
            chain_id: None,
            access_list: Default::default(),
            gas_priority_fee: None,
            blob_hashes: Vec::new(),
            max_fee_per_blob_gas: 0,
            authorization_list: Vec::new(),
        };
        let terms = Terms {
            authorised: U256::ZERO,
            data_fee: U256::ZERO,
            minted: system.value,
            gas_charged: false,
            sender_checked: false,
        };
        let result = match self.run(tx, terms) {
            Ok(result) => result,
            // Too little gas for its own data: the one thing that can be invalid about it.
            Err(Stopped::Invalid(_)) => return self.fail_unrun(system),
            Err(Stopped::Block(error)) => return Err(error),
        };
        if !result.is_success() {
            let overlay = self.engine.ctx.db_mut();
            let moved = overlay.transfer(system.from, system.refund_to, system.value);
            moved.map_err(|failed| self.stop_block(failed))?;
        }
        self.record(BlockTransaction::System(system), result, 0, U256::ZERO);
        Ok(())
    }

    /// A message that cannot run fails without using gas: its sender's nonce is counted, its value
    /// goes to `refundTo`.
    fn fail_unrun(&mut self, system: SystemTransaction) -> Result<(), ExecutionError<S::Error>> {
        let overlay = self.engine.ctx.db_mut();
        let refunded = overlay
            .bump_nonce(system.from)
            .and_then(|()| overlay.credit(system.refund_to, system.value));
        refunded.map_err(|failed| self.stop_block(failed))?;
        let extras = TransactionExtras::default();
        self.append(BlockTransaction::System(system), false, extras, Vec::new());
        Ok(())
    }

    fn stop_block(&mut self, failed: ReadFailed) -> ExecutionError<S::Error> {
        match self.stop(failed) {
            Stopped::Block(error) => error,
            Stopped::Invalid(_) => ExecutionError::GivenUp,
        }
    }
}

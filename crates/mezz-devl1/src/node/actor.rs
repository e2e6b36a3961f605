//! The node's loop: one thread, one message at a time.
//!
//! | before | after |
//! | --- | --- |
//! | a message changes the chain | what it changed is written to disk |
//! | it is on disk | readers get the new version |
//! | readers have it | the sender of the message gets its answer |
//!
//! If the disk fails, the loop ends: nothing may be built on what could be lost.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::{
    ingress::{Message, Reply},
    published::Published,
    state::ChainState,
};
use crate::{clock::Clock, config::Mining, log::LogError};
use mezz_evm::Crypto;

/// The node's loop.
#[derive(Debug)]
pub(crate) struct Actor {
    pub(crate) chain: ChainState,
    pub(crate) mailbox: mpsc::Receiver<Message>,
    pub(crate) versions: watch::Sender<Arc<Published>>,
    /// Told to the one who keeps time for blocks.
    pub(crate) mining: watch::Sender<Mining>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) crypto: Arc<dyn Crypto>,
}

/// An answer that is given when what it says is on disk.
type Answer = Box<dyn FnOnce() + Send>;

/// Whether to go on.
enum Next {
    Go(Answer),
    Stop(Answer),
}

impl Actor {
    /// Runs until it is told to stop, nobody is left to tell it, or the disk fails.
    pub(crate) fn run(mut self) {
        while let Some(message) = self.mailbox.blocking_recv() {
            let next = self.handle(message);
            if let Err(error) = self.publish() {
                tracing::error!(%error, "the chain cannot be kept; stopping");
                return;
            }
            match next {
                Next::Go(answer) => answer(),
                Next::Stop(answer) => {
                    // The log is closed before anybody hears that it is.
                    drop(self);
                    return answer();
                }
            }
        }
    }

    fn publish(&mut self) -> Result<(), LogError> {
        self.chain.save()?;
        let view = self.chain.view().clone();
        let version = Published::new(view, self.clock.clone(), self.crypto.clone());
        self.versions.send_replace(Arc::new(version));
        Ok(())
    }

    fn handle(&mut self, message: Message) -> Next {
        let chain = &mut self.chain;
        Next::Go(match message {
            Message::Submit { transaction, reply } => {
                let result = chain.submit(*transaction);
                if result.is_ok() && *self.mining.borrow() == Mining::OnTransaction {
                    self.mine_one();
                }
                answer(reply, result)
            }
            Message::Tick => {
                self.mine_one();
                Box::new(|| {})
            }
            Message::Mine { count, interval_secs, reply } => {
                answer(reply, chain.mine(count, interval_secs))
            }
            Message::IncreaseTime { secs, reply } => answer(reply, chain.increase_time(secs)),
            Message::SetTime { timestamp, reply } => answer(reply, chain.set_time(timestamp)),
            Message::SetNextTimestamp { timestamp, reply } => {
                answer(reply, chain.set_next_timestamp(timestamp))
            }
            Message::SetNextBaseFee { base_fee, reply } => {
                chain.set_next_base_fee(base_fee);
                answer(reply, ())
            }
            Message::SetMining { mining, reply } => {
                self.mining.send_replace(mining);
                answer(reply, ())
            }
            Message::Reorg { reorg, reply } => answer(reply, chain.reorg(reorg)),
            Message::ReorgWith { depth, transactions, reply } => {
                answer(reply, chain.reorg_with(depth, transactions))
            }
            Message::Rollback { depth, reply } => answer(reply, chain.rollback(depth)),
            Message::Snapshot { reply } => answer(reply, chain.snapshot()),
            Message::Revert { id, reply } => answer(reply, chain.revert(id)),
            Message::Edit { address, edit, reply } => {
                chain.edit(address, edit);
                answer(reply, ())
            }
            Message::Impersonate { address, on, reply } => {
                chain.impersonate(address, on);
                answer(reply, ())
            }
            Message::DropTransaction { hash, reply } => answer(reply, chain.drop_transaction(hash)),
            Message::DropAllTransactions { reply } => {
                chain.drop_all_transactions();
                answer(reply, ())
            }
            Message::Stop { reply } => return Next::Stop(answer(reply, ())),
        })
    }

    fn mine_one(&mut self) {
        if let Err(error) = self.chain.mine(1, None) {
            tracing::error!(%error, "no block was made");
        }
    }
}

fn answer<T: Send + 'static>(reply: Reply<T>, value: T) -> Answer {
    Box::new(move || {
        // Whoever asked may be gone; then nobody misses the answer.
        let _ = reply.send(value);
    })
}

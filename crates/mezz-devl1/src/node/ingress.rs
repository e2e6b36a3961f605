//! How others speak to the node.

use std::sync::Arc;

use alloy_primitives::{Address, B256};
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    published::Published,
    state::{Edit, Reorg},
};
use crate::{
    chain::{CheckedTransaction, PoolError},
    config::Mining,
    error::{ControlError, DevL1Error},
    log::LogError,
};

/// Most messages that wait for the node. A sender waits when there are as many: nothing is dropped, and an RPC client
/// that floods the node slows down itself.
pub(crate) const MAILBOX: usize = 1_024;

/// Where an answer goes.
pub(crate) type Reply<T> = oneshot::Sender<T>;

/// What the node is asked to do.
#[derive(Debug)]
pub(crate) enum Message {
    Submit {
        transaction: Box<CheckedTransaction>,
        reply: Reply<Result<B256, PoolError>>,
    },
    /// A block is due.
    Tick,
    Mine {
        count: u64,
        interval_secs: Option<u64>,
        reply: Reply<Result<Vec<B256>, ControlError>>,
    },
    IncreaseTime {
        secs: u64,
        reply: Reply<Result<i64, ControlError>>,
    },
    SetTime {
        timestamp: u64,
        reply: Reply<Result<(), ControlError>>,
    },
    SetNextTimestamp {
        timestamp: u64,
        reply: Reply<Result<(), ControlError>>,
    },
    SetNextBaseFee {
        base_fee: u64,
        reply: Reply<()>,
    },
    SetMining {
        mining: Mining,
        reply: Reply<()>,
    },
    Reorg {
        reorg: Reorg,
        reply: Reply<Result<B256, ControlError>>,
    },
    ReorgWith {
        depth: u64,
        transactions: Vec<(CheckedTransaction, u64)>,
        reply: Reply<Result<B256, ControlError>>,
    },
    Rollback {
        depth: u64,
        reply: Reply<Result<(), ControlError>>,
    },
    Snapshot {
        reply: Reply<Result<u64, ControlError>>,
    },
    Revert {
        id: u64,
        reply: Reply<Result<bool, LogError>>,
    },
    Edit {
        address: Address,
        edit: Edit,
        reply: Reply<()>,
    },
    Impersonate {
        address: Address,
        on: bool,
        reply: Reply<()>,
    },
    DropTransaction {
        hash: B256,
        reply: Reply<bool>,
    },
    DropAllTransactions {
        reply: Reply<()>,
    },
    Stop {
        reply: Reply<()>,
    },
}

/// The node's address: messages in, versions of the chain out.
#[derive(Clone, Debug)]
pub(crate) struct Mailbox {
    sender: mpsc::Sender<Message>,
    versions: watch::Receiver<Arc<Published>>,
}

impl Mailbox {
    pub(crate) fn new(
        sender: mpsc::Sender<Message>,
        versions: watch::Receiver<Arc<Published>>,
    ) -> Self {
        Self { sender, versions }
    }

    /// The chain as it is now.
    pub(crate) fn version(&self) -> Arc<Published> {
        self.versions.borrow().clone()
    }

    /// Notices of new versions.
    pub(crate) fn versions(&self) -> watch::Receiver<Arc<Published>> {
        self.versions.clone()
    }

    /// Sends a message and waits for its answer.
    ///
    /// # Errors
    /// [`DevL1Error::Stopped`] if the node is gone.
    pub(crate) async fn ask<T>(
        &self,
        message: impl FnOnce(Reply<T>) -> Message,
    ) -> Result<T, DevL1Error> {
        let (reply, answer) = oneshot::channel();
        self.sender.send(message(reply)).await.map_err(|_| DevL1Error::Stopped)?;
        answer.await.map_err(|_| DevL1Error::Stopped)
    }

    /// Says that a block is due; does nothing if the node is so busy that its mailbox is full.
    pub(crate) fn tick(&self) -> Result<(), DevL1Error> {
        match self.sender.try_send(Message::Tick) {
            Ok(()) | Err(mpsc::error::TrySendError::Full(_)) => Ok(()),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(DevL1Error::Stopped),
        }
    }
}

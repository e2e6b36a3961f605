//! The engine's mailbox.
//!
//! Overflow policy: everybody waits for a place; the callers are this node's own services, and
//! each has one request under way at a time.

use alloy_primitives::{B256, Bytes};
use mezz_store::L1BlockRef;
use mezz_types::{Batch, BlockNumber, InboxIndex, Message};
use tokio::sync::{mpsc, oneshot};

use super::{AnnouncedBlock, BuildRequest, BuiltBlock, DerivedBatch, EngineError};
use crate::SharedTransaction;

pub(super) type Reply<T> = oneshot::Sender<Result<T, EngineError>>;

pub(super) enum EngineRequest {
    Build(BuildRequest, Reply<BuiltBlock>),
    Follow(Box<AnnouncedBlock>, Reply<Option<B256>>),
    Derive(Box<Batch>, Bytes, Vec<Message>, Reply<DerivedBatch>),
    Rewind(InboxIndex, L1BlockRef, Reply<Vec<SharedTransaction>>),
    TakeBack(BlockNumber, Reply<Vec<SharedTransaction>>),
    Finalize(BlockNumber, Reply<()>),
}

/// Speaks to the engine.
#[derive(Clone, Debug)]
pub struct EngineHandle {
    pub(super) mailbox: mpsc::Sender<EngineRequest>,
}

impl EngineHandle {
    async fn ask<T>(
        &self,
        request: impl FnOnce(Reply<T>) -> EngineRequest,
    ) -> Result<T, EngineError> {
        let (reply, answer) = oneshot::channel();
        self.mailbox.send(request(reply)).await.map_err(|_| EngineError::Stopped)?;
        answer.await.map_err(|_| EngineError::Stopped)?
    }

    /// Builds a block on the head.
    ///
    /// # Errors
    /// As of [`EngineState::build`](super::EngineState::build).
    pub async fn build(&self, request: BuildRequest) -> Result<BuiltBlock, EngineError> {
        self.ask(|reply| EngineRequest::Build(request, reply)).await
    }

    /// Takes a block that the sequencer announced.
    ///
    /// # Errors
    /// As of [`EngineState::follow`](super::EngineState::follow).
    pub async fn follow(&self, block: AnnouncedBlock) -> Result<Option<B256>, EngineError> {
        self.ask(|reply| EngineRequest::Follow(Box::new(block), reply)).await
    }

    /// Takes over the next batch.
    ///
    /// # Errors
    /// As of [`EngineState::derive`](super::EngineState::derive).
    pub async fn derive(
        &self,
        batch: Batch,
        bytes: Bytes,
        messages: Vec<Message>,
    ) -> Result<DerivedBatch, EngineError> {
        self.ask(|reply| EngineRequest::Derive(Box::new(batch), bytes, messages, reply)).await
    }

    /// Follows L1 back to `ancestor`, where it has the messages before `kept`. It is one request, so
    /// that no block in between consumes a message that goes, and none goes for another reason.
    ///
    /// # Errors
    /// As of [`EngineState::rewind`](super::EngineState::rewind).
    pub async fn rewind(
        &self,
        kept: InboxIndex,
        ancestor: L1BlockRef,
    ) -> Result<Vec<SharedTransaction>, EngineError> {
        self.ask(|reply| EngineRequest::Rewind(kept, ancestor, reply)).await
    }

    /// Takes back the blocks after `posted` that are in no batch.
    ///
    /// # Errors
    /// As of [`EngineState::take_back_unposted`](super::EngineState::take_back_unposted).
    pub async fn take_back_unposted(
        &self,
        posted: BlockNumber,
    ) -> Result<Vec<SharedTransaction>, EngineError> {
        self.ask(|reply| EngineRequest::TakeBack(posted, reply)).await
    }

    /// Makes `block` final.
    ///
    /// # Errors
    /// As of [`EngineState::finalize`](super::EngineState::finalize).
    pub async fn finalize(&self, block: BlockNumber) -> Result<(), EngineError> {
        self.ask(|reply| EngineRequest::Finalize(block, reply)).await
    }
}

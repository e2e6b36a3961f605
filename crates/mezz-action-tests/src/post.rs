//! Batches posted by hand.

use alloy::{
    rpc::types::TransactionReceipt, signers::local::PrivateKeySigner, sol_types::SolCall as _,
};
use alloy_primitives::{B256, Bytes};
use mezz_contracts::Inbox;
use mezz_l1::{Blob, L1Call, L1Error};

use crate::World;

/// Gas of a batch posted by hand, so that L1 and not the estimate decides.
const BATCH_GAS: u64 = 5_000_000;

/// Where the next batch starts on L1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchEnd {
    /// How many batches there are.
    pub batches: u64,
    /// Batch accumulator after them.
    pub accumulator: B256,
    /// First message that the next one consumes.
    pub inbox_end: u64,
    /// How many messages there are.
    pub messages: u64,
}

impl World {
    /// Where the next batch starts, as L1 says.
    pub async fn batch_end(&self) -> BatchEnd {
        let inbox = self.chain.contracts.inbox;
        let batches = self.l1.view(inbox, Inbox::batchCountCall {}).await;
        BatchEnd {
            batches,
            accumulator: self
                .l1
                .view(inbox, Inbox::batchAccumulatorAtCall { index: batches })
                .await,
            inbox_end: self.l1.view(inbox, Inbox::nextInboxIndexCall {}).await,
            messages: self.l1.view(inbox, Inbox::messageCountCall {}).await,
        }
    }

    /// The input of a batch that consumes the messages before `inbox_end`.
    pub async fn batch_input(&self, inbox_end: u64) -> Inbox::BatchInput {
        let call = Inbox::accumulatorAtCall { index: inbox_end };
        Inbox::BatchInput {
            parent: self.batch_end().await.accumulator,
            inboxEnd: inbox_end,
            inboxAccumulator: self.l1.view(self.chain.contracts.inbox, call).await,
            notBefore: 0,
        }
    }

    /// Posts any bytes as calldata, consuming the messages before `inbox_end`.
    ///
    /// # Errors
    /// What L1 says.
    pub async fn try_post(
        &mut self,
        poster: &PrivateKeySigner,
        inbox_end: u64,
        bytes: Vec<u8>,
    ) -> Result<TransactionReceipt, L1Error> {
        let input = self.batch_input(inbox_end).await;
        let data = Inbox::postBatchCall { input, data: Bytes::from(bytes) }.abi_encode();
        let call = L1Call {
            to: Some(self.chain.contracts.inbox),
            data: data.into(),
            gas_limit: Some(BATCH_GAS),
            ..L1Call::default()
        };
        self.l1.send(poster, call).await
    }

    /// Posts any blobs, consuming the messages before `inbox_end`.
    ///
    /// # Errors
    /// What L1 says.
    pub async fn try_post_blobs(
        &mut self,
        poster: &PrivateKeySigner,
        inbox_end: u64,
        blobs: Vec<Blob>,
    ) -> Result<TransactionReceipt, L1Error> {
        let input = self.batch_input(inbox_end).await;
        let call = L1Call {
            to: Some(self.chain.contracts.inbox),
            data: Inbox::postBatchBlobsCall { input }.abi_encode().into(),
            blobs,
            gas_limit: Some(BATCH_GAS),
            ..L1Call::default()
        };
        self.l1.send(poster, call).await
    }
}

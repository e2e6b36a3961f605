//! `mezz_signedBlocks`: the sequencer's blocks, signed, for replicas.

use std::{sync::Arc, time::Duration};

use alloy_primitives::U64;
use jsonrpsee::{RpcModule, core::RegisterMethodError};
use mezz_node::{FeedError, SignedBlock};
use mezz_types::BlockNumber;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{context::Context, error::RpcError, register::method_async};

/// Blocks in one answer.
const BLOCKS: usize = 256;
/// Bytes of transactions after which no further block is added to an answer.
const BYTES: usize = 4 << 20;
/// Longest wait for the next block.
const WAIT: Duration = Duration::from_secs(20);

pub(crate) fn register(module: &mut RpcModule<Context>) -> Result<(), RegisterMethodError> {
    method_async(module, "mezz_signedBlocks", |params: (U64, Option<U64>), context| async move {
        if context.feed_signer.is_none() {
            return Err(RpcError::Refused(
                "this node signs no blocks: ask the sequencer, started with a key".into(),
            ));
        }
        let from = BlockNumber::new(params.0.to());
        let wait = Duration::from_millis(params.1.unwrap_or_default().to()).min(WAIT);
        let mut head = context.view.head.clone();
        let blocks = signed(&context, from).await?;
        if !blocks.is_empty() || wait.is_zero() {
            return Ok(json!(blocks));
        }
        // When the time is over, or the node stops, there is none: that is an answer too.
        let _ = timeout(wait, head.wait_for(|head| head.number >= from.get())).await;
        Ok::<Value, RpcError>(json!(signed(&context, from).await?))
    })
}

/// Blocks from `from` on. Who asks for more than the next block has blocks that this chain took back, and is
/// given the last one to see it by.
async fn signed(context: &Arc<Context>, from: BlockNumber) -> Result<Vec<SignedBlock>, RpcError> {
    context
        .run_call(move |context| {
            let head = BlockNumber::new(context.view.head.borrow().number);
            let mut at = if from > head.next() { head } else { from };
            let (mut blocks, mut bytes) = (Vec::new(), 0usize);
            while at <= head && blocks.len() < BLOCKS && bytes < BYTES {
                let Some(block) = sign(context, at)? else { break };
                bytes =
                    block.transactions.iter().fold(bytes, |sum, it| sum.saturating_add(it.len()));
                blocks.push(block);
                at = at.next();
            }
            Ok(blocks)
        })
        .await
}

fn sign(context: &Context, number: BlockNumber) -> Result<Option<SignedBlock>, RpcError> {
    let Some(signer) = &context.feed_signer else { return Ok(None) };
    SignedBlock::sign(&context.view, number, signer).map_err(|error| match error {
        FeedError::Store(error) => error.into(),
        other => RpcError::Internal(other.to_string()),
    })
}

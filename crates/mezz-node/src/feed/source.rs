//! Where signed blocks come from.

use std::{future::Future, pin::Pin, time::Duration};

use alloy::{
    primitives::U64,
    providers::{DynProvider, Provider as _},
};
use mezz_l1::Endpoint;
use mezz_types::BlockNumber;

use super::{FeedError, SignedBlock};

/// Hands out signed blocks.
pub trait BlockFeed: Send + Sync + 'static {
    /// Blocks from `from` on, as many as the feed likes to give at once, in order; if it has none yet, it
    /// may wait this long for one. Obligation of the caller: nothing in them is checked.
    fn blocks(
        &self,
        from: BlockNumber,
        wait: Duration,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<SignedBlock>, FeedError>> + Send + '_>>;
}

/// The RPC of a sequencer that signs its blocks.
#[derive(Clone, Debug)]
pub struct RpcFeed {
    place: String,
    provider: DynProvider,
}

impl RpcFeed {
    /// Asks `mezz_signedBlocks` there.
    pub fn new(endpoint: &Endpoint) -> Self {
        Self { place: format!("{endpoint:?}"), provider: endpoint.connect() }
    }
}

impl BlockFeed for RpcFeed {
    fn blocks(
        &self,
        from: BlockNumber,
        wait: Duration,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<SignedBlock>, FeedError>> + Send + '_>> {
        let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        let params = (U64::from(from.get()), U64::from(millis));
        Box::pin(async move {
            let blocks = self.provider.raw_request("mezz_signedBlocks".into(), params).await;
            blocks.map_err(|error| FeedError::Source {
                place: self.place.clone(),
                reason: error.to_string(),
            })
        })
    }
}

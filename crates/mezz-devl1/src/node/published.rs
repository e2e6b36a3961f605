//! A version of the chain, and the block that would follow it.

use std::sync::{Arc, OnceLock};

use mezz_evm::Crypto;

use crate::{
    chain::{Attributes, BuildError, Built, View},
    clock::Clock,
};

/// What readers get. The pending block is made when somebody asks for it, once for each version.
#[derive(Debug)]
pub(crate) struct Published {
    view: View,
    clock: Arc<dyn Clock>,
    crypto: Arc<dyn Crypto>,
    pending: OnceLock<Result<Arc<Built>, String>>,
}

impl Published {
    pub(crate) fn new(view: View, clock: Arc<dyn Clock>, crypto: Arc<dyn Crypto>) -> Self {
        Self { view, clock, crypto, pending: OnceLock::new() }
    }

    pub(crate) fn view(&self) -> &View {
        &self.view
    }

    /// What the next block would be if it were made now. Executes it at the first call.
    pub(crate) fn pending(&self) -> Result<Arc<Built>, String> {
        self.pending
            .get_or_init(|| {
                let attributes = self.next_attributes();
                let built = self.view.build_next(&*self.crypto, attributes, &self.view.pool);
                built.map(Arc::new).map_err(|error: BuildError| error.to_string())
            })
            .clone()
    }

    /// What the next block is going to have, if it is made now.
    pub(crate) fn next_attributes(&self) -> Attributes {
        Attributes {
            timestamp: self.view.next_timestamp(self.clock.unix_secs()),
            base_fee: self.view.next.base_fee,
            fork: self.view.fork,
        }
    }
}

//! A node whose parts a scenario moves one by one.

use alloy_primitives::{Address, B256, U256};
use mezz_node::{DerivationError, NodeConfig, NodeParts, Progress};
use mezz_types::BlockNumber;

/// Steps of derivation after which a scenario is stuck.
const MAX_STEPS: usize = 100_000;

/// A node, open or closed.
pub struct TestNode {
    /// What it is made of.
    pub config: NodeConfig,
    parts: Option<NodeParts>,
}

impl TestNode {
    /// Opens its store.
    pub fn open(config: NodeConfig) -> Self {
        let parts = NodeParts::open(&config).expect("the node opens its store");
        Self { config, parts: Some(parts) }
    }

    /// Its parts.
    pub fn parts(&self) -> &NodeParts {
        self.parts.as_ref().expect("the node is open")
    }

    /// Its parts, to be moved.
    pub fn parts_mut(&mut self) -> &mut NodeParts {
        self.parts.as_mut().expect("the node is open")
    }

    /// Closes the store, and returns when that is done.
    pub fn close(&mut self) {
        let Some(parts) = self.parts.take() else { return };
        let NodeParts {
            view,
            engine,
            thread,
            log_indexer,
            history_pruner,
            derivation,
            l1,
            pool,
            sequencer,
            batcher,
            proposer,
            follower,
            blobs,
        } = parts;
        drop((view, blobs, engine, log_indexer, history_pruner, derivation, l1, pool));
        drop((sequencer, batcher, proposer, follower));
        thread.join().expect("the engine did not panic");
    }

    /// Closes it, and opens it on what is on disk.
    pub fn restart(&mut self) {
        self.close();
        self.parts = Some(NodeParts::open(&self.config).expect("the node opens its store again"));
    }

    /// Follows L1 until nothing is new: what was done.
    ///
    /// # Errors
    /// The first one.
    pub async fn derive_all(&mut self) -> Result<Vec<Progress>, DerivationError> {
        let mut done = Vec::new();
        while done.len() < MAX_STEPS {
            match self.parts_mut().derivation.step().await? {
                Progress::Idle => return Ok(done),
                progress => done.push(progress),
            }
        }
        panic!("derivation does not come to rest");
    }

    /// Number and hash of the last block.
    pub fn head(&self) -> (u64, B256) {
        let head = self.parts().view.head.borrow().clone();
        (head.number, head.hash())
    }

    /// Number of the last block whose batch is on L1.
    pub fn safe(&self) -> u64 {
        let safe = self.parts().view.reader.safe().expect("the store reads");
        safe.map_or(0, |safe| safe.number.get())
    }

    /// Number of the last final block.
    pub fn finalized(&self) -> u64 {
        let finalized = self.parts().view.reader.finalized().expect("the store reads");
        finalized.map_or(0, |finalized| finalized.number.get())
    }

    /// Hash of a block.
    pub fn block_hash(&self, number: u64) -> Option<B256> {
        self.parts().view.reader.block_hash(BlockNumber::new(number)).expect("the store reads")
    }

    /// Wei of an account at the head.
    pub fn balance(&self, address: Address) -> U256 {
        self.account(address).map_or(U256::ZERO, |account| account.balance)
    }

    /// Nonce of an account at the head.
    pub fn nonce(&self, address: Address) -> u64 {
        self.account(address).map_or(0, |account| account.nonce)
    }

    /// A storage slot at the head.
    pub fn slot(&self, address: Address, slot: U256) -> U256 {
        let state = self.parts().view.reader.state_at_head().expect("the store reads");
        state.expect("there is a head").storage(address, slot).expect("the store reads")
    }

    fn account(&self, address: Address) -> Option<mezz_types::Account> {
        let state = self.parts().view.reader.state_at_head().expect("the store reads");
        state.expect("there is a head").account(address).expect("the store reads")
    }

    /// Whether a transaction is in a block, and whether it succeeded.
    pub fn included(&self, hash: B256) -> Option<bool> {
        let receipt = self.parts().view.reader.receipt(hash).expect("the store reads");
        receipt.map(|(_, receipt)| receipt.success)
    }
}

impl Drop for TestNode {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.close();
        }
    }
}

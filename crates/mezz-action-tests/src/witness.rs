//! The blocks of a scenario, once more, from their witnesses.

use alloy::consensus::{Header, Sealed};
use alloy_primitives::B256;
use mezz_codec::BatchBlock;
use mezz_evm::{BlockEnv, ExecutionError, ExtraData, State as _};
use mezz_node::ChainView;
use mezz_transition::{WitnessState, WitnessStateError, execute_block};
use mezz_trie::{MissingPreimage, Witness};
use mezz_types::{BatchIndex, BlockNumber, InboxIndex, Message};

use crate::TestNode;

/// Why a block cannot be run from a witness.
pub type RerunError = ExecutionError<WitnessStateError<MissingPreimage>>;

/// The witness that the node kept of a block; none below the last final one.
pub fn block_witness(node: &TestNode, number: u64) -> Option<Witness> {
    node.parts().view.reader.witness(BlockNumber::new(number)).expect("the store reads")
}

/// Runs a block from `witness` and nothing else of the state: its hash.
///
/// # Errors
/// What the witness lacks.
pub fn rerun(node: &TestNode, number: u64, witness: &Witness) -> Result<B256, RerunError> {
    let view = &node.parts().view;
    let parent = header(view, number - 1);
    let block_header = header(view, number);
    let (block, messages) = contents(view, &parent, &block_header);
    let rules = view.config.rules_at(BatchIndex::ZERO).expect("a chain has rules");
    let env = BlockEnv::child(&view.config, rules, &parent, block_header.timestamp)
        .map_err(ExecutionError::Parent)?;
    let mut state = WitnessState::new(parent.state_root, witness);
    let executed = execute_block(env, &block, &messages, &state, view.crypto.as_ref())?;
    let root = state.commit(&executed.changes).map_err(ExecutionError::State)?;
    Ok(executed.seal(root).header.hash())
}

/// Runs every block that the node has a witness of: how many there were. All blocks that are not final have one.
pub fn check_witnesses(node: &TestNode) -> u64 {
    let (head, _) = node.head();
    let mut checked = 0;
    for number in 1..=head {
        let Some(witness) = block_witness(node, number) else {
            assert!(number <= node.finalized(), "block {number} has no witness");
            continue;
        };
        let got = rerun(node, number, &witness);
        let got = got.unwrap_or_else(|error| panic!("block {number} from its witness: {error:?}"));
        assert_eq!(Some(got), node.block_hash(number), "block {number} from its witness");
        checked += 1;
    }
    checked
}

fn header(view: &ChainView, number: u64) -> Sealed<Header> {
    let found = view.reader.header(BlockNumber::new(number)).expect("the store reads");
    let (hash, header) = found.expect("the block is there");
    Sealed::new_unchecked(header, hash)
}

fn next_message(header: &Header) -> InboxIndex {
    ExtraData::decode(&header.extra_data).expect("the node made it").next_inbox_index
}

fn contents(view: &ChainView, parent: &Header, header: &Header) -> (BatchBlock, Vec<Message>) {
    let (start, end) = (next_message(parent), next_message(header));
    let stored = view.l1.messages(start, end).expect("the store reads");
    let messages: Vec<Message> = stored.into_iter().map(|stored| stored.message).collect();
    let body = view.reader.body(BlockNumber::new(header.number)).expect("the store reads");
    let body = body.expect("the block is there");
    let own = &body.transactions[usize::try_from(body.from_inbox).expect("fits")..];
    let decode = |bytes: &alloy_primitives::Bytes| {
        mezz_evm::decode_transaction(bytes).expect("the node included it")
    };
    let block = BatchBlock {
        timestamp: header.timestamp,
        message_count: end.distance_from(start),
        transactions: own.iter().map(decode).collect(),
    };
    (block, messages)
}

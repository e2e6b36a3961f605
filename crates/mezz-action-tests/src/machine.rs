//! Batches of a scenario, judged by the guest in the RV64IM machine.

use std::ops::Range;

use alloy_primitives::{B256, Bytes};
use mezz_codec::Blob;
use mezz_l1::{BatchData, BeaconClient, L1Client};
use mezz_machine::{PreimageMap, run};
use mezz_transition::ClaimWitness;
use mezz_types::{BatchIndex, BlockNumber, Claim, Commitment, InboxIndex};

use crate::{TestNode, World, block_witness};

const GUEST: &[u8] = include_bytes!("../../../guest/artifacts/mezz-guest.elf");
const MAX_STEPS: u64 = 20_000_000_000;

/// The claim over one batch that the node took over.
pub fn claim_over(node: &TestNode, batch: u64) -> Claim {
    let view = &node.parts().view;
    let index = BatchIndex::new(batch);
    let stored = view.l1.batch(index).expect("the store reads").expect("the batch is there");
    let outcome = view.l1.outcome(index).expect("the store reads").expect("it was taken over");
    Claim {
        config_hash: view.config.hash(),
        pre: commitment_before(node, outcome.first_block).hash(),
        batch_start: stored.batch.parent,
        batch_end: stored.hash,
        inbox_start: accumulator(node, stored.batch.inbox_start),
        inbox_end: stored.batch.inbox_accumulator,
        post: outcome.post.hash(),
    }
}

/// Everything that opens [`claim_over`].
pub async fn witness_over(world: &World, node: &TestNode, batch: u64) -> ClaimWitness {
    let view = &node.parts().view;
    let index = BatchIndex::new(batch);
    let stored = view.l1.batch(index).expect("the store reads").expect("the batch is there");
    let outcome = view.l1.outcome(index).expect("the store reads").expect("it was taken over");
    let mut witness = ClaimWitness::default();
    witness.add_config(&view.config);
    let before = commitment_before(node, outcome.first_block);
    let header = view.reader.header(before.block_number).expect("the store reads");
    witness.add_head(&before, &header.expect("the block is there").1);
    let (start, end) = (stored.batch.inbox_start, stored.batch.inbox_end);
    let mut at = accumulator(node, start);
    for message in view.l1.messages(start, end).expect("the store reads") {
        at = witness.add_message(at, &message.message);
    }
    let beacon = BeaconClient::new(vec![world.l1.beacon.clone()]);
    let client = L1Client::new(&world.l1.endpoint, beacon, world.chain.contracts);
    let at = &stored.position;
    let data = client.batch_data(&stored.batch, at.transaction, at.block.hash).await;
    match data.expect("L1 has the data") {
        BatchData::Calldata(bytes) => witness.add_calldata_batch(&stored.batch, Bytes::from(bytes)),
        BatchData::Blobs(blobs) => {
            let named = blobs.iter().map(|blob| {
                let hash = mezz_crypto::blob_versioned_hash(blob).expect("L1 took it as a blob");
                (hash, Blob::from(Box::new(blob.0)))
            });
            witness.add_blob_batch(&stored.batch, named.collect())
        }
    };
    for block in outcome.first_block.get()..=outcome.last_block.get() {
        let kept = block_witness(node, block).expect("the batch is not final");
        witness.state.merge(kept);
    }
    witness
}

/// Judges the claims over `batches` of the node in the machine: each is found true. Their witnesses must be kept still.
pub async fn check_in_machine(world: &World, node: &TestNode, batches: Range<u64>) {
    assert!(!batches.is_empty(), "there is something to check");
    for batch in batches {
        let claim = claim_over(node, batch);
        let witness = witness_over(world, node, batch).await;
        let (post, steps) = judge_in_machine(&claim, &witness);
        assert_eq!(post, Some(claim.post), "batch {batch} in the machine, {steps} steps");
    }
}

/// What the guest answers to a claim: the hash of the commitment after, and the steps that it took.
pub fn judge_in_machine(claim: &Claim, witness: &ClaimWitness) -> (Option<B256>, u64) {
    let mut host = PreimageMap::default();
    witness.state.nodes.values().for_each(|node| host.insert_trie_node(node));
    for value in witness.state.values.values() {
        host.insert_sha256(value.clone());
    }
    for bytes in witness.state.codes.values().chain(witness.preimages.values()) {
        host.insert_keccak256(bytes.to_vec());
    }
    for (hash, blob) in &witness.blobs {
        host.insert_blob(hash.0, blob.to_vec());
    }
    let input = host.insert_keccak256(claim.question().words().as_bytes().to_vec());
    let output = run(GUEST, input, &mut host, MAX_STEPS).expect("all preimages are there");
    (output.result().map(B256::from), output.steps)
}

fn commitment_before(node: &TestNode, first_block: BlockNumber) -> Commitment {
    node.parts().view.commitment(first_block.prev()).expect("the block is in the history")
}

fn accumulator(node: &TestNode, index: InboxIndex) -> B256 {
    if index == InboxIndex::ZERO {
        return B256::ZERO;
    }
    let before = node.parts().view.l1.message(index.prev()).expect("the store reads");
    before.expect("the message is there").accumulator
}

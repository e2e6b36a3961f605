//! Following L1 block by block, and fetching what batches point to.

use alloy::{
    consensus::{Transaction as _, proofs::calculate_receipt_root},
    eips::{BlockId, BlockNumberOrTag},
    providers::{DynProvider, Provider},
    rpc::types::{Block, Log, Transaction},
};
use alloy_primitives::{Address, B256, BloomInput, keccak256};
use mezz_contracts::posted_bytes;
use mezz_types::{Batch, DataKind, L1BlockNumber, L1Facts};
use serde::{Deserialize, Serialize};

use crate::{BeaconClient, Blob, Endpoint, L1Error, L1Log, events::decode_logs};

/// Addresses of a chain's contracts on L1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct L1Contracts {
    /// Messages and batches.
    pub inbox: Address,
    /// Claims.
    pub settlement: Address,
    /// Money.
    pub vault: Address,
    /// Calls on users' behalf.
    pub messenger: Address,
    /// Who may post.
    pub operators: Address,
    /// What decides disputes; nothing on a chain that was deployed without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disputes: Option<DisputeContracts>,
}

/// Addresses of a chain's fault proof on L1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DisputeContracts {
    /// Who stays in.
    pub tournament: Address,
    /// One step of the machine.
    pub machine_step: Address,
    /// What the machine asks for.
    pub oracle: Address,
}

/// Names one L1 block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct L1BlockRef {
    /// Height.
    pub number: L1BlockNumber,
    /// Hash.
    pub hash: B256,
    /// Timestamp, seconds.
    pub timestamp: u64,
}

/// One L1 block's place in the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct L1Header {
    /// Which block.
    pub at: L1BlockRef,
    /// Its parent.
    pub parent_hash: B256,
}

/// One L1 block and what happened to this chain in it.
#[derive(Clone, Debug)]
pub struct L1Block {
    /// Which block.
    pub at: L1BlockRef,
    /// Its parent.
    pub parent_hash: B256,
    /// What messages and batches of this block must carry (the blob base fee is not compared).
    pub facts: L1Facts,
    /// What happened, in order.
    pub events: Vec<L1Log>,
}

/// What follows a position.
#[derive(Clone, Debug)]
pub enum Step {
    /// The next block.
    Block(Box<L1Block>),
    /// There is none yet.
    AtHead,
    /// The block at the position is no longer part of L1.
    Reorged,
}

/// The bytes that a batch points to, as L1 has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchData {
    /// From the input of the posting transaction.
    Calldata(Vec<u8>),
    /// From blobs, in order.
    Blobs(Vec<Blob>),
}

/// Speaks to L1 on behalf of one chain.
#[derive(Clone, Debug)]
pub struct L1Client {
    endpoint: Endpoint,
    provider: DynProvider,
    beacon: BeaconClient,
    contracts: L1Contracts,
}

impl L1Client {
    /// Speaks to `endpoint`; blobs come from `beacon`.
    pub fn new(endpoint: &Endpoint, beacon: BeaconClient, contracts: L1Contracts) -> Self {
        Self { endpoint: endpoint.clone(), provider: endpoint.connect(), beacon, contracts }
    }

    /// The provider underneath.
    pub const fn provider(&self) -> &DynProvider {
        &self.provider
    }

    /// Where blobs are kept, if they are.
    pub const fn blob_archive(&self) -> Option<&crate::BlobArchive> {
        self.beacon.archive()
    }

    /// The chain's contracts.
    pub const fn contracts(&self) -> &L1Contracts {
        &self.contracts
    }

    /// The block at a label.
    ///
    /// # Errors
    /// [`L1Error`], temporary.
    pub async fn block_at(&self, tag: BlockNumberOrTag) -> Result<Option<L1BlockRef>, L1Error> {
        Ok(self.checked_block(tag).await?.map(|(at, ..)| at))
    }

    /// The header of the block at a height.
    ///
    /// # Errors
    /// [`L1Error`], temporary.
    pub async fn header_at(&self, number: L1BlockNumber) -> Result<Option<L1Header>, L1Error> {
        let block = self.checked_block(BlockNumberOrTag::Number(number.get())).await?;
        Ok(block.map(|(at, _, block)| L1Header { at, parent_hash: block.header.parent_hash }))
    }

    /// The block at a label, if its header hashes to its hash and it stands where it was asked for.
    /// With several nodes, another one is asked from now on if not.
    async fn checked_block(
        &self,
        tag: BlockNumberOrTag,
    ) -> Result<Option<(L1BlockRef, L1Facts, Block)>, L1Error> {
        let Some(block) = self.provider.get_block(BlockId::Number(tag)).await? else {
            return Ok(None);
        };
        let (at, facts) = checked(&block, tag).inspect_err(|_| self.endpoint.pass_over())?;
        Ok(Some((at, facts, block)))
    }

    /// The block after `position`, or the block `start` if there is no position yet.
    ///
    /// # Errors
    /// [`L1Error`], temporary.
    pub async fn follow(
        &self,
        position: Option<&L1BlockRef>,
        start: L1BlockNumber,
    ) -> Result<Step, L1Error> {
        let next = position.map_or(start, |at| at.number.next());
        let tag = BlockNumberOrTag::Number(next.get());
        let Some((at, facts, block)) = self.checked_block(tag).await? else {
            return match position {
                Some(at) if !self.is_canonical(at).await? => Ok(Step::Reorged),
                _ => Ok(Step::AtHead),
            };
        };
        let parent_hash = block.header.parent_hash;
        if position.is_some_and(|position| position.hash != parent_hash) {
            return Ok(Step::Reorged);
        }
        let events = self.events(&at, &block).await?;
        Ok(Step::Block(Box::new(L1Block { at, parent_hash, facts, events })))
    }

    /// What was shown contradicts itself, and no block can be named for it. With several nodes, another one is asked
    /// from now on.
    pub fn doubt(&self) {
        self.endpoint.pass_over();
    }

    /// The error for a block that is there while the next one has another parent. With several nodes,
    /// another one is asked from now on.
    pub fn contradiction(&self, number: L1BlockNumber) -> L1Error {
        self.endpoint.pass_over();
        L1Error::Contradiction { number: number.get() }
    }

    /// Whether a block is (still) part of L1.
    ///
    /// # Errors
    /// [`L1Error`], temporary.
    pub async fn is_canonical(&self, at: &L1BlockRef) -> Result<bool, L1Error> {
        let block = self.header_at(at.number).await?;
        Ok(block.is_some_and(|block| block.at.hash == at.hash))
    }

    async fn events(&self, at: &L1BlockRef, block: &Block) -> Result<Vec<L1Log>, L1Error> {
        let L1Contracts { inbox, settlement, vault, .. } = self.contracts;
        let addresses = [inbox, settlement, vault];
        // A bloom has false positives only, and the header's hash vouches for it.
        let bloom = block.header.logs_bloom;
        if !addresses
            .iter()
            .any(|address| bloom.contains_input(BloomInput::Raw(address.as_slice())))
        {
            return Ok(Vec::new());
        }
        let logs = self.logs(at, block.header.receipts_root).await;
        let events = logs.and_then(|logs| {
            let ours = logs.into_iter().filter(|log| addresses.contains(&log.inner.address));
            decode_logs(&self.contracts, ours.collect())
        });
        if matches!(&events, Err(L1Error::ReceiptsRoot { .. } | L1Error::Event { .. })) {
            self.endpoint.pass_over();
        }
        events
    }

    /// All logs of a block: none is missing, made up, changed or out of place, or the receipts would have
    /// another root than the header says.
    async fn logs(&self, at: &L1BlockRef, expected: B256) -> Result<Vec<Log>, L1Error> {
        let receipts = self.provider.get_block_receipts(BlockId::hash(at.hash)).await?;
        let missing = L1Error::Missing { what: "the receipts of block", hash: at.hash };
        let receipts = receipts.ok_or(missing)?;
        let places: Vec<B256> = receipts.iter().map(|receipt| receipt.transaction_hash).collect();
        let receipts: Vec<_> =
            receipts.into_iter().map(|receipt| receipt.into_primitives_receipt().inner).collect();
        let got = calculate_receipt_root(&receipts);
        if got != expected {
            return Err(L1Error::ReceiptsRoot { number: at.number.get(), expected, got });
        }
        let logs = places.iter().zip(&receipts).flat_map(|(transaction, receipt)| {
            receipt.logs().iter().map(|log| (*transaction, log.clone()))
        });
        let placed = (0..).zip(logs).map(|(index, (transaction, inner))| Log {
            inner,
            transaction_hash: Some(transaction),
            log_index: Some(index),
            ..Log::default()
        });
        Ok(placed.collect())
    }

    /// The bytes of a batch that was accepted in the block `in_block`, checked against its data hash.
    ///
    /// A receipt's transaction hash is not in the receipts root: if `transaction` has other bytes, the
    /// block's other transactions are looked through.
    ///
    /// # Errors
    /// [`L1Error::Data`] if no source has what the hash demands; temporary.
    pub async fn batch_data(
        &self,
        batch: &Batch,
        transaction: B256,
        in_block: B256,
    ) -> Result<BatchData, L1Error> {
        let data = match self.posted(batch, transaction, in_block).await {
            Ok(Posted::Calldata(bytes)) => Ok(BatchData::Calldata(bytes)),
            Ok(Posted::Blobs(hashes)) => {
                self.beacon.blobs(batch, &hashes).await.map(BatchData::Blobs)
            }
            Err(error) => Err(error),
        };
        if matches!(&data, Err(L1Error::Data { .. } | L1Error::Missing { .. })) {
            self.endpoint.pass_over();
        }
        data
    }

    async fn posted(
        &self,
        batch: &Batch,
        transaction: B256,
        in_block: B256,
    ) -> Result<Posted, L1Error> {
        let named = self.provider.get_transaction_by_hash(transaction).await?;
        if let Some(posted) = named.and_then(|named| posted(batch, &named)) {
            return Ok(posted);
        }
        let block = self.provider.get_block(BlockId::hash(in_block)).full().await?;
        let block = block.ok_or(L1Error::Missing { what: "block", hash: in_block })?;
        let mut all = block.transactions.as_transactions().unwrap_or_default().iter();
        all.find_map(|transaction| posted(batch, transaction)).ok_or_else(|| L1Error::Data {
            batch: batch.index,
            reason: "no transaction of its block has what its data hash demands".into(),
        })
    }
}

/// What a transaction says of a batch's bytes.
enum Posted {
    Calldata(Vec<u8>),
    Blobs(Vec<B256>),
}

/// What this transaction posted, if the batch's data hash says so.
fn posted(batch: &Batch, transaction: &Transaction) -> Option<Posted> {
    match batch.data_kind {
        DataKind::Calldata => {
            let bytes = posted_bytes(transaction.input())?;
            (keccak256(bytes) == batch.data_hash).then(|| Posted::Calldata(bytes.to_vec()))
        }
        DataKind::Blob => {
            let hashes = transaction.blob_versioned_hashes()?;
            let all: Vec<u8> = hashes.iter().flat_map(|hash| hash.0).collect();
            (keccak256(all) == batch.data_hash).then(|| Posted::Blobs(hashes.to_vec()))
        }
    }
}

/// The block's reference and facts, if its header hashes to its hash and it is the one asked for.
fn checked(block: &Block, tag: BlockNumberOrTag) -> Result<(L1BlockRef, L1Facts), L1Error> {
    let header = &block.header;
    let (expected, got) = (header.hash, header.inner.hash_slow());
    if expected != got {
        return Err(L1Error::HeaderHash { number: header.number, expected, got });
    }
    if let BlockNumberOrTag::Number(expected) = tag
        && expected != header.number
    {
        return Err(L1Error::OtherBlock { expected, got: header.number });
    }
    let number = L1BlockNumber::new(header.number);
    let at = L1BlockRef { number, hash: got, timestamp: header.timestamp };
    let facts = L1Facts {
        number,
        timestamp: header.timestamp,
        base_fee: header.base_fee_per_gas.unwrap_or_default().into(),
        blob_base_fee: 0,
    };
    Ok((at, facts))
}

//! Events of the chain's contracts.

use alloy::{rpc::types::Log, sol_types::SolEvent};
use alloy_primitives::{Address, B256};
use mezz_contracts::{Inbox, Settlement, Vault};
use mezz_types::{Batch, BatchIndex, ClaimId, Message, OutboxIndex};

use crate::{L1Contracts, L1Error};

/// A claim as it was posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProposedClaim {
    /// Its place in the tree.
    pub id: ClaimId,
    /// Its parent's.
    pub parent: ClaimId,
    /// Who posted it.
    pub proposer: Address,
    /// One past the last batch that it covers.
    pub batch_end: BatchIndex,
    /// Hash of the commitment that it claims.
    pub post: B256,
    /// What a proof system is asked about.
    pub digest: B256,
    /// The line that its bond belongs to.
    pub line: u64,
    /// When its window ends, seconds.
    pub window_end: u64,
}

/// Something that happened, and where in its block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct L1Log {
    /// What.
    pub event: L1Event,
    /// The transaction.
    pub transaction: B256,
    /// Position of the log in the block.
    pub log_index: u64,
}

/// What happened on L1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum L1Event {
    /// A message entered the inbox.
    Message {
        /// The message.
        message: Message,
        /// The accumulator after it, as the event says.
        accumulator: B256,
    },
    /// A batch was accepted.
    Batch {
        /// Its header.
        batch: Batch,
        /// Its hash, as the event says.
        hash: B256,
    },
    /// A claim was posted.
    ClaimProposed(ProposedClaim),
    /// A second claim stands on the same range: the range is frozen.
    RangeContested {
        /// Parent of both.
        parent: ClaimId,
        /// End of the range.
        batch_end: BatchIndex,
        /// The later one.
        rival: ClaimId,
    },
    /// A claim lost its range.
    ClaimLost {
        /// Which.
        id: ClaimId,
    },
    /// A claim is final.
    ClaimFinalized {
        /// Which.
        id: ClaimId,
        /// One past the last batch that it covers.
        batch_end: BatchIndex,
        /// Hash of its commitment.
        post: B256,
    },
    /// A claim is dead: another branch is final.
    ClaimSuperseded {
        /// Which.
        id: ClaimId,
    },
    /// The vault paid a withdrawal.
    Withdrawn {
        /// Which.
        index: OutboxIndex,
    },
}

pub(crate) fn decode_logs(contracts: &L1Contracts, logs: Vec<Log>) -> Result<Vec<L1Log>, L1Error> {
    logs.into_iter().filter_map(|log| place_log(contracts, &log).transpose()).collect()
}

fn place_log(contracts: &L1Contracts, log: &Log) -> Result<Option<L1Log>, L1Error> {
    let Some(event) = decode_log(contracts, log)? else { return Ok(None) };
    let unplaced = || L1Error::Event { event: "placed", reason: "it has no position".into() };
    let transaction = log.transaction_hash.ok_or_else(unplaced)?;
    let log_index = log.log_index.ok_or_else(unplaced)?;
    Ok(Some(L1Log { event, transaction, log_index }))
}

fn decode_log(contracts: &L1Contracts, log: &Log) -> Result<Option<L1Event>, L1Error> {
    let Some(topic) = log.topic0() else { return Ok(None) };
    let address = log.address();
    if address == contracts.inbox {
        decode_inbox(log, *topic)
    } else if address == contracts.settlement {
        decode_settlement(log, *topic)
    } else if address == contracts.vault {
        decode_vault(log, *topic)
    } else {
        Ok(None)
    }
}

fn decode<E: SolEvent>(log: &Log, event: &'static str) -> Result<E, L1Error> {
    E::decode_log(&log.inner)
        .map(|decoded| decoded.data)
        .map_err(|error| L1Error::Event { event, reason: error.to_string() })
}

fn decode_inbox(log: &Log, topic: B256) -> Result<Option<L1Event>, L1Error> {
    match topic {
        Inbox::MessageEnqueued::SIGNATURE_HASH => {
            let name = "MessageEnqueued";
            let event: Inbox::MessageEnqueued = decode(log, name)?;
            let message =
                event.message.try_into().map_err(|error: mezz_contracts::ConvertError| {
                    L1Error::Event { event: name, reason: error.to_string() }
                })?;
            Ok(Some(L1Event::Message { message, accumulator: event.accumulator }))
        }
        Inbox::BatchAccepted::SIGNATURE_HASH => {
            let name = "BatchAccepted";
            let event: Inbox::BatchAccepted = decode(log, name)?;
            let batch = event.batch.try_into().map_err(|error: mezz_contracts::ConvertError| {
                L1Error::Event { event: name, reason: error.to_string() }
            })?;
            Ok(Some(L1Event::Batch { batch, hash: event.hash }))
        }
        _ => Ok(None),
    }
}

fn decode_settlement(log: &Log, topic: B256) -> Result<Option<L1Event>, L1Error> {
    let event = match topic {
        Settlement::ClaimProposed::SIGNATURE_HASH => {
            let event: Settlement::ClaimProposed = decode(log, "ClaimProposed")?;
            L1Event::ClaimProposed(ProposedClaim {
                id: event.id,
                parent: event.parent,
                proposer: event.proposer,
                batch_end: BatchIndex::new(event.batchEnd),
                post: event.post,
                digest: event.digest,
                line: event.line,
                window_end: event.windowEnd,
            })
        }
        Settlement::RangeContested::SIGNATURE_HASH => {
            let event: Settlement::RangeContested = decode(log, "RangeContested")?;
            L1Event::RangeContested {
                parent: event.parent,
                batch_end: BatchIndex::new(event.batchEnd),
                rival: event.rival,
            }
        }
        Settlement::ClaimLost::SIGNATURE_HASH => {
            let event: Settlement::ClaimLost = decode(log, "ClaimLost")?;
            L1Event::ClaimLost { id: event.id }
        }
        Settlement::ClaimSuperseded::SIGNATURE_HASH => {
            let event: Settlement::ClaimSuperseded = decode(log, "ClaimSuperseded")?;
            L1Event::ClaimSuperseded { id: event.id }
        }
        Settlement::ClaimFinalized::SIGNATURE_HASH => {
            let event: Settlement::ClaimFinalized = decode(log, "ClaimFinalized")?;
            L1Event::ClaimFinalized {
                id: event.id,
                batch_end: BatchIndex::new(event.batchEnd),
                post: event.post,
            }
        }
        _ => return Ok(None),
    };
    Ok(Some(event))
}

fn decode_vault(log: &Log, topic: B256) -> Result<Option<L1Event>, L1Error> {
    if topic != Vault::WithdrawalPaid::SIGNATURE_HASH {
        return Ok(None);
    }
    let name = "WithdrawalPaid";
    let event: Vault::WithdrawalPaid = decode(log, name)?;
    Ok(Some(L1Event::Withdrawn { index: OutboxIndex::new(event.index) }))
}

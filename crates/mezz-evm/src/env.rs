//! What a block is before anything runs in it.

use alloy_consensus::{Header, Sealed};
use alloy_primitives::{B256, Bytes};
use mezz_types::{BlockNumber, ChainConfig, InboxIndex, L1BlockNumber, Rules};

use crate::{ParentError, next_base_fee};

/// `extraData` of a header: `1 ‖ L1 origin (8, BE) ‖ next inbox index (8, BE) ‖ signer epoch (8, BE)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExtraData {
    /// L1 block number of the last message consumed.
    pub l1_origin: L1BlockNumber,
    /// First inbox message not consumed yet.
    pub next_inbox_index: InboxIndex,
    /// Epoch of the operator set that signs; 0 with one operator.
    pub signer_epoch: u64,
}

impl ExtraData {
    /// Length, bytes.
    pub const BYTES: usize = 25;
    const VERSION: u8 = 1;

    /// The bytes of the header field.
    pub fn encode(&self) -> Bytes {
        let words = [self.l1_origin.get(), self.next_inbox_index.get(), self.signer_epoch];
        core::iter::once(Self::VERSION)
            .chain(words.into_iter().flat_map(u64::to_be_bytes))
            .collect()
    }

    /// Reads what [`ExtraData::encode`] wrote; `None` for anything else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (&version, words) = bytes.split_first()?;
        let (words, []) = words.as_chunks::<8>() else { return None };
        let [origin, next, epoch] = words else { return None };
        (version == Self::VERSION).then_some(Self {
            l1_origin: L1BlockNumber::new(u64::from_be_bytes(*origin)),
            next_inbox_index: InboxIndex::new(u64::from_be_bytes(*next)),
            signer_epoch: u64::from_be_bytes(*epoch),
        })
    }
}

/// A block's place in the chain and everything that its opcodes can see of it.
#[derive(Clone, Copy, Debug)]
pub struct BlockEnv<'a> {
    pub(crate) config: &'a ChainConfig,
    pub(crate) rules: Rules,
    pub(crate) number: BlockNumber,
    pub(crate) parent_hash: B256,
    pub(crate) timestamp: u64,
    pub(crate) base_fee: u64,
    pub(crate) gas_limit: u64,
    /// What the parent says of the inbox.
    pub(crate) inbox: ExtraData,
}

impl<'a> BlockEnv<'a> {
    /// The block after `parent`, at `timestamp` seconds, under `rules` (of the batch that it is in:
    /// [`ChainConfig::rules_at`]).
    ///
    /// # Errors
    /// [`ParentError`] if `parent` is no block of such a chain, or is later than `timestamp`.
    pub fn child(
        config: &'a ChainConfig,
        rules: Rules,
        parent: &Sealed<Header>,
        timestamp: u64,
    ) -> Result<Self, ParentError> {
        let at = parent.number;
        let number = at.checked_add(1).ok_or(ParentError::LastNumber { number: at })?;
        let inbox =
            ExtraData::decode(&parent.extra_data).ok_or(ParentError::ExtraData { number: at })?;
        let base_fee = parent.base_fee_per_gas.ok_or(ParentError::NoBaseFee { number: at })?;
        if timestamp < parent.timestamp {
            return Err(ParentError::Timestamp { parent: parent.timestamp, got: timestamp });
        }
        Ok(Self {
            config,
            rules,
            number: BlockNumber::new(number),
            parent_hash: parent.hash(),
            timestamp,
            base_fee: next_base_fee(&config.fees, parent.gas_limit, parent.gas_used, base_fee),
            gas_limit: config.limits.block_gas,
            inbox,
        })
    }

    /// The block with `header` itself: what a call «at block n» sees, on the state after it.
    ///
    /// # Errors
    /// [`ParentError`] if it is no block of such a chain.
    pub fn of(config: &'a ChainConfig, rules: Rules, header: &Header) -> Result<Self, ParentError> {
        let number = header.number;
        Ok(Self {
            config,
            rules,
            number: BlockNumber::new(number),
            parent_hash: header.parent_hash,
            timestamp: header.timestamp,
            base_fee: header.base_fee_per_gas.ok_or(ParentError::NoBaseFee { number })?,
            gas_limit: header.gas_limit,
            inbox: ExtraData::decode(&header.extra_data)
                .ok_or(ParentError::ExtraData { number })?,
        })
    }

    /// Its height.
    pub const fn number(&self) -> BlockNumber {
        self.number
    }

    /// Hash of its parent.
    pub const fn parent_hash(&self) -> B256 {
        self.parent_hash
    }

    /// Seconds since the Unix epoch.
    pub const fn timestamp(&self) -> u64 {
        self.timestamp
    }

    /// Wei per gas.
    pub const fn base_fee(&self) -> u64 {
        self.base_fee
    }

    /// Gas that it may use.
    pub const fn gas_limit(&self) -> u64 {
        self.gas_limit
    }

    /// First inbox message that the chain before this block has not consumed.
    pub const fn next_inbox_index(&self) -> InboxIndex {
        self.inbox.next_inbox_index
    }

    /// The configuration of the chain.
    pub const fn config(&self) -> &'a ChainConfig {
        self.config
    }
}

//! When to build a block, and with which time and messages. Pure: the actor asks and obeys.
//!
//! # Rules
//! - S1 Time follows L1: the timestamp of the L1 block last processed, plus what has passed since,
//!   at most [`SequencerSettings::max_drift_secs`]. It never decreases.
//! - S2 A block takes the oldest messages first, as many as one default block could hold.
//! - S3 No block is later than the oldest message left over, plus `force_delay` (formats, V5).
//! - S4 Without transactions and messages a block is built only every
//!   [`SequencerSettings::heartbeat_secs`]; markers alone wait for one of those.
//! - S5 While L1 is behind what the head has consumed (a reorg in progress), nothing is built.
//! - S6 Before L1 was read to its end once since the start, nothing is built: the blocks of batches that this node
//!   has lost, or never had, come first.
//! - S7 Blocks that were not posted in time, so that L1 would take no batch of them for want of a message that is
//!   due, are taken back. Their transactions wait again.

use mezz_types::{ChainConfig, InboxIndex, Message, MessageKind};

/// How a sequencer paces itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequencerSettings {
    /// Milliseconds between blocks.
    pub block_time_ms: u64,
    /// Seconds after which an empty block is built.
    pub heartbeat_secs: u64,
    /// Seconds that L2 time may run ahead of the L1 block last processed.
    pub max_drift_secs: u64,
}

impl Default for SequencerSettings {
    fn default() -> Self {
        Self { block_time_ms: 1_000, heartbeat_secs: 12, max_drift_secs: 60 }
    }
}

/// What derivation knows of L1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct L1View {
    /// Timestamp of the L1 block last processed, seconds.
    pub timestamp: u64,
    /// When it was processed, by this machine's clock, milliseconds.
    pub seen_at_ms: u64,
    /// One past the last message that is deep enough in L1 to be consumed.
    pub consumable_end: InboxIndex,
    /// Whether, since the start, L1 was read to its end once, and every batch on it taken over.
    pub caught_up: bool,
}

/// The head to build on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadView {
    /// Its timestamp, seconds.
    pub timestamp: u64,
    /// First message that it has not consumed.
    pub next_inbox_index: InboxIndex,
}

/// A block to be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// Its timestamp, seconds.
    pub timestamp: u64,
    /// How many of the offered messages it consumes.
    pub messages: usize,
}

/// Decides on the next block. `messages` are those from the head's next index on that may be
/// consumed, in order; `waiting` says whether transactions wait.
pub fn propose(
    settings: &SequencerSettings,
    config: &ChainConfig,
    now_ms: u64,
    l1: &L1View,
    head: &HeadView,
    messages: &[Message],
    waiting: bool,
) -> Option<Proposal> {
    if !l1.caught_up || l1.consumable_end < head.next_inbox_index {
        return None;
    }
    let taken = take_messages(config, messages);
    let (consumed, left) = messages.split_at(taken);
    let passed = now_ms.saturating_sub(l1.seen_at_ms) / 1_000;
    let l1_time = l1.timestamp.saturating_add(passed.min(settings.max_drift_secs));
    let mut timestamp = head.timestamp.max(l1_time);
    let work = waiting || consumed.iter().any(|message| message.kind != MessageKind::Marker);
    if !work && timestamp < head.timestamp.saturating_add(settings.heartbeat_secs) {
        return None;
    }
    if let Some(oldest) = left.first() {
        let latest = oldest.facts.timestamp.saturating_add(config.force_delay);
        timestamp = timestamp.min(latest);
    }
    (timestamp >= head.timestamp).then_some(Proposal { timestamp, messages: taken })
}

/// S2: how many of `messages` one default block could hold.
fn take_messages(config: &ChainConfig, messages: &[Message]) -> usize {
    let count = usize::try_from(config.limits.batch_messages).unwrap_or(usize::MAX);
    let mut gas = config.limits.batch_message_gas;
    messages
        .iter()
        .take(count)
        .take_while(|message| match gas.checked_sub(message.gas_limit) {
            Some(left) => {
                gas = left;
                true
            }
            None => false,
        })
        .count()
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{Address, Bytes, U256};
    use mezz_types::{BatchIndex, Fees, Fork, L1Facts, LedgerKind, Limits, Rules};

    use super::*;

    fn config() -> ChainConfig {
        ChainConfig {
            l1_chain_id: 1,
            l2_chain_id: 2,
            ledger: LedgerKind::Evm,
            genesis_timestamp: 0,
            vault: Address::ZERO,
            fee_recipient: Address::ZERO,
            force_delay: 100,
            limits: Limits {
                block_gas: 1_000,
                batch_gas: 4_000,
                message_gas: 100,
                batch_message_gas: 250,
                batch_messages: 4,
                batch_bytes: 1_000,
                batch_blocks: 10,
                batch_transactions: 10,
            },
            fees: Fees {
                initial_base_fee: 1,
                min_base_fee: 1,
                elasticity: 2,
                change_denominator: 8,
                l1_gas_per_byte_milli: 0,
                blob_gas_per_byte_milli: 0,
            },
            forks: vec![Fork { from_batch: BatchIndex::ZERO, rules: Rules::Osaka }],
        }
    }

    fn message(index: u64, kind: MessageKind, timestamp: u64) -> Message {
        Message {
            kind,
            index: InboxIndex::new(index),
            facts: L1Facts { timestamp, ..L1Facts::default() },
            sender: Address::ZERO,
            to: Address::ZERO,
            refund_to: Address::ZERO,
            value: U256::ZERO,
            gas_limit: if kind == MessageKind::Marker { 0 } else { 100 },
            data: Bytes::new(),
        }
    }

    const HEAD: HeadView = HeadView { timestamp: 1_000, next_inbox_index: InboxIndex::new(5) };

    fn l1(timestamp: u64) -> L1View {
        L1View {
            timestamp,
            seen_at_ms: 50_000,
            consumable_end: InboxIndex::new(9),
            caught_up: true,
        }
    }

    fn decide(now_ms: u64, l1: L1View, messages: &[Message], waiting: bool) -> Option<Proposal> {
        propose(&SequencerSettings::default(), &config(), now_ms, &l1, &HEAD, messages, waiting)
    }

    #[test]
    fn time_follows_l1_within_the_drift() {
        let at = |now, l1_time| decide(now, l1(l1_time), &[], true).map(|block| block.timestamp);
        assert_eq!(at(53_000, 1_010), Some(1_013));
        assert_eq!(at(500_000, 1_010), Some(1_070));
        // S1: never backwards, even if L1 is behind.
        assert_eq!(at(53_000, 900), Some(1_000));
    }

    #[test]
    fn an_idle_chain_only_beats() {
        let marker = [message(5, MessageKind::Marker, 1_001)];
        assert_eq!(decide(50_000, l1(1_011), &marker, false), None);
        assert_eq!(
            decide(50_000, l1(1_012), &marker, false),
            Some(Proposal { timestamp: 1_012, messages: 1 })
        );
        let call = [message(5, MessageKind::Call, 1_001)];
        assert!(decide(50_000, l1(1_001), &call, false).is_some());
    }

    #[test]
    fn a_block_takes_what_a_default_block_could() {
        let calls: Vec<_> = (5..9).map(|index| message(index, MessageKind::Call, 1_001)).collect();
        assert_eq!(decide(50_000, l1(1_001), &calls, false).map(|block| block.messages), Some(2));
        let markers: Vec<_> =
            (5..15).map(|index| message(index, MessageKind::Marker, 1_001)).collect();
        assert_eq!(decide(50_000, l1(1_001), &markers, true).map(|block| block.messages), Some(4));
    }

    #[test]
    fn a_message_left_over_holds_time_back() {
        let calls: Vec<_> = (5..9).map(|index| message(index, MessageKind::Call, 950)).collect();
        // Two are left over, and the oldest of them is due at 1,050.
        assert_eq!(
            decide(50_000, l1(1_200), &calls, false).map(|block| block.timestamp),
            Some(1_050)
        );
        let stale: Vec<_> = (5..9).map(|index| message(index, MessageKind::Call, 800)).collect();
        assert_eq!(decide(50_000, l1(1_200), &stale, true), None);
    }

    #[test]
    fn nothing_is_built_before_l1_was_read_to_its_end() {
        let started = L1View { caught_up: false, ..l1(1_200) };
        assert_eq!(decide(50_000, started, &[], true), None);
        assert!(decide(50_000, l1(1_200), &[], true).is_some());
    }

    #[test]
    fn nothing_is_built_while_l1_is_behind_the_head() {
        let behind = L1View { consumable_end: InboxIndex::new(4), ..l1(1_200) };
        assert_eq!(decide(50_000, behind, &[], true), None);
    }
}

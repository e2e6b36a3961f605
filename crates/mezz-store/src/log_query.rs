//! What a search for logs wants, and how the index names it.

use alloy_primitives::{Address, B256, Bloom, BloomInput, Log, keccak256};

/// Logs wanted: from any of the addresses, and with any of the values at each position. An empty list
/// wants all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogQuery {
    /// Addresses that log.
    pub addresses: Vec<Address>,
    /// Values of the topics, by position.
    pub topics: Vec<Vec<B256>>,
}

impl LogQuery {
    /// Whether a log is wanted.
    pub fn matches(&self, log: &Log) -> bool {
        (self.addresses.is_empty() || self.addresses.contains(&log.address))
            && self.topics.iter().enumerate().all(|(position, wanted)| {
                wanted.is_empty()
                    || log.topics().get(position).is_some_and(|topic| wanted.contains(topic))
            })
    }

    /// Whether a block with this filter over its logs may have a wanted one.
    pub(crate) fn may_match(&self, bloom: &Bloom) -> bool {
        let has = |bytes: &[u8]| bloom.contains_input(BloomInput::Raw(bytes));
        (self.addresses.is_empty() || self.addresses.iter().any(|it| has(it.as_slice())))
            && self
                .topics
                .iter()
                .all(|wanted| wanted.is_empty() || wanted.iter().any(|topic| has(topic.as_slice())))
    }

    /// The names of what is wanted: of each list that is not empty, any one.
    pub(crate) fn names(&self) -> Vec<Vec<LogName>> {
        let addresses = self.addresses.iter().map(|address| LogName::of_address(*address));
        let topics = self.topics.iter().enumerate().map(|(position, wanted)| {
            wanted.iter().map(|topic| LogName::of_topic(position, *topic)).collect()
        });
        let mut names: Vec<Vec<_>> = std::iter::once(addresses.collect()).chain(topics).collect();
        names.retain(|any| !any.is_empty());
        for any in &mut names {
            any.sort_unstable();
        }
        names
    }
}

/// Short for an address, or a topic at its position: the first 6 bytes of
/// `keccak256(0 ‖ address)` or `keccak256(1 + position ‖ topic)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LogName(u64);

impl LogName {
    fn new(kind: u8, value: &[u8]) -> Self {
        let mut bytes = [0; 33];
        bytes[0] = kind;
        bytes[1..=value.len()].copy_from_slice(value);
        let hash = keccak256(&bytes[..=value.len()]);
        let (head, _) = hash.0.split_first_chunk::<8>().expect("a hash has 32 bytes");
        Self(u64::from_be_bytes(*head) >> 16)
    }

    pub(crate) fn of_address(address: Address) -> Self {
        Self::new(0, address.as_slice())
    }

    pub(crate) fn of_topic(position: usize, topic: B256) -> Self {
        let kind = u8::try_from(position + 1).expect("a log has four topics");
        Self::new(kind, topic.as_slice())
    }

    /// Of everything that a log can be found by.
    pub(crate) fn of_log(log: &Log) -> impl Iterator<Item = Self> {
        let topics = log.topics().iter().enumerate();
        std::iter::once(Self::of_address(log.address))
            .chain(topics.map(|(position, topic)| Self::of_topic(position, *topic)))
    }
}

/// `name (6) ‖ place of the block in its section (2)` as a number: what the index is a sorted list of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LogEntry(pub(crate) u64);

impl LogEntry {
    pub(crate) fn new(name: LogName, place: usize) -> Self {
        Self(name.0 << 16 | place as u64 & 0xffff)
    }

    /// The first and the last entry that a name can have.
    pub(crate) fn range(name: LogName) -> (Self, Self) {
        (Self(name.0 << 16), Self(name.0 << 16 | 0xffff))
    }

    pub(crate) const fn name(self) -> LogName {
        LogName(self.0 >> 16)
    }

    pub(crate) const fn place(self) -> usize {
        (self.0 & 0xffff) as usize
    }
}

//! Which blocks of the window wrote a key: one small filter per block, held in memory.
//!
//! A state key is a SHA-256, so its bytes serve as the hashes of a Bloom filter. All bits of a key
//! lie in one line of 64 bytes, so that a look-up touches memory once.

use mezz_types::StateKey;

use crate::StoreError;

/// Bytes of a line: a cache line.
const LINE: usize = 64;
/// Bits that each key takes up, which makes one look-up in a hundred a false alarm.
const BITS_PER_KEY: usize = 12;
/// Bits set by a key.
const PROBES: u32 = 4;

/// A filter over a set of keys: it may name a key that is not in the set, and never misses one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filter(Box<[u8]>);

impl Filter {
    /// The filter over `keys`.
    pub(crate) fn new<'a>(keys: impl ExactSizeIterator<Item = &'a StateKey>) -> Self {
        let lines = (keys.len() * BITS_PER_KEY).div_ceil(LINE * 8).max(1);
        let mut bytes = vec![0u8; lines * LINE].into_boxed_slice();
        for key in keys {
            let (line, bits) = place(key, lines);
            for bit in probes(bits) {
                bytes[line * LINE + bit / 8] |= 1 << (bit % 8);
            }
        }
        Self(bytes)
    }

    /// Whether `key` may be in the set.
    pub(crate) fn may_contain(&self, key: &StateKey) -> bool {
        let (line, bits) = place(key, self.0.len() / LINE);
        probes(bits).all(|bit| self.0[line * LINE + bit / 8] & (1 << (bit % 8)) != 0)
    }

    /// Its bytes: whole lines.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads what [`Filter::as_bytes`] gave.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, StoreError> {
        if bytes.is_empty() || !bytes.len().is_multiple_of(LINE) {
            return Err(StoreError::Corrupt { table: "filters", reason: "not whole lines" });
        }
        Ok(Self(bytes.into()))
    }
}

/// The line of a key, and the bytes that choose its bits.
fn place(key: &StateKey, lines: usize) -> (usize, u64) {
    let [a, b, c, d, rest @ ..] = key;
    let spread = u64::from(u32::from_be_bytes([*a, *b, *c, *d]));
    let line = (spread * lines as u64) >> 32;
    let bits = rest.first_chunk::<8>().map_or(0, |bits| u64::from_be_bytes(*bits));
    (line as usize, bits)
}

/// Positions within a line: nine bits each.
fn probes(bits: u64) -> impl Iterator<Item = usize> {
    (0..PROBES).map(move |probe| (bits >> (9 * probe)) as usize % (LINE * 8))
}

#[cfg(test)]
mod tests {
    use alloy_primitives::keccak256;

    use super::*;

    fn keys(count: u32, salt: u8) -> Vec<StateKey> {
        (0..count).map(|i| keccak256([i.to_be_bytes().as_slice(), &[salt]].concat()).0).collect()
    }

    #[test]
    fn no_key_is_missed_and_false_alarms_are_rare() {
        for count in [0, 1, 10, 1000, 30_000] {
            let inside = keys(count, 1);
            let filter = Filter::new(inside.iter());
            assert!(inside.iter().all(|key| filter.may_contain(key)));
            let alarms = keys(10_000, 2).iter().filter(|key| filter.may_contain(key)).count();
            assert!(alarms < 300, "{alarms} false alarms in 10,000 over {count} keys");
            assert_eq!(Filter::from_bytes(filter.as_bytes()).unwrap(), filter);
        }
    }

    #[test]
    fn broken_filters_are_refused() {
        assert!(Filter::from_bytes(&[]).is_err());
        assert!(Filter::from_bytes(&[0; 63]).is_err());
    }
}

//! A witness held in memory, and its bytes (`docs/formats.md`, section 8).

use alloc::{collections::BTreeMap, vec::Vec};
use alloy_primitives::{B256, Bytes, keccak256};
use mezz_types::StateKey;

use crate::{
    EMPTY_SUBTREE, MAX_DEPTH, MAX_PREIMAGE_BYTES, MissingPreimage, NODE_PREIMAGE_BYTES, NodeHash,
    NodeKind, PathError, PreimageKind, WitnessDecodeError, WitnessSource, hash_internal, hash_leaf,
    hash_value,
    node::{bit, concat, halves, shared_bits},
    source::missing,
};

const VERSION: u8 = 1;

/// Preimages by hash: what a run over the state reads of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Witness {
    /// Nodes by node hash.
    pub nodes: BTreeMap<NodeHash, [u8; NODE_PREIMAGE_BYTES]>,
    /// Values by SHA-256.
    pub values: BTreeMap<[u8; 32], Vec<u8>>,
    /// Codes by Keccak-256.
    pub codes: BTreeMap<B256, Bytes>,
}

/// The leaf where a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terminal {
    /// Its key, which may be another one than was looked up.
    pub key: StateKey,
    /// SHA-256 of its value.
    pub value_hash: [u8; 32],
}

impl Witness {
    /// Adds the nodes on the path of `key`, and its value if that is read.
    ///
    /// `siblings` go from the root down, as in a proof of NOMT; `terminal` is the leaf at the end,
    /// `None` if the subtree there is empty. Gives the root that the path leads to, for the caller
    /// to compare.
    ///
    /// # Errors
    /// [`PathError`] if no trie has such a path; nothing is added then.
    pub fn add_path(
        &mut self,
        key: &StateKey,
        siblings: &[NodeHash],
        terminal: Option<Terminal>,
        value: Option<Vec<u8>>,
    ) -> Result<NodeHash, PathError> {
        let depth = siblings.len();
        if depth > MAX_DEPTH {
            return Err(PathError::TooManySiblings { got: depth, limit: MAX_DEPTH });
        }
        if let Some(terminal) = terminal {
            let shared = shared_bits(&terminal.key, key);
            if shared < depth {
                return Err(PathError::TerminalOffPath { shared, depth });
            }
        }
        if let Some(value) = value {
            let got = hash_value(&value);
            let expected = terminal.filter(|leaf| leaf.key == *key).map(|leaf| leaf.value_hash);
            if expected != Some(got) {
                return Err(PathError::ValueMismatch { expected, got });
            }
            self.values.insert(got, value);
        }
        let mut node = match terminal {
            None => EMPTY_SUBTREE,
            Some(leaf) => {
                let hash = hash_leaf(&leaf.key, &leaf.value_hash);
                self.nodes.insert(hash, concat(&leaf.key, &leaf.value_hash));
                hash
            }
        };
        for (level, sibling) in siblings.iter().enumerate().rev() {
            let (left, right) = if bit(key, level) { (*sibling, node) } else { (node, *sibling) };
            node = hash_internal(&left, &right);
            self.nodes.insert(node, concat(&left, &right));
        }
        Ok(node)
    }

    /// Adds a contract's code and gives its hash.
    pub fn add_code(&mut self, code: Bytes) -> B256 {
        let hash = keccak256(&code);
        self.codes.insert(hash, code);
        hash
    }

    /// Adds all that another witness holds.
    pub fn merge(&mut self, other: Self) {
        self.nodes.extend(other.nodes);
        self.values.extend(other.values);
        self.codes.extend(other.codes);
    }

    /// The bytes of section 8.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.push(VERSION);
        for kind in [NodeKind::Internal, NodeKind::Leaf] {
            let of_kind = || self.nodes.iter().filter(move |(hash, _)| NodeKind::of(hash) == kind);
            put_length(&mut out, of_kind().count());
            of_kind().for_each(|(_, preimage)| out.extend_from_slice(preimage));
        }
        put_length(&mut out, self.values.len());
        self.values.values().for_each(|value| put_bytes(&mut out, value));
        put_length(&mut out, self.codes.len());
        self.codes.values().for_each(|code| put_bytes(&mut out, code));
        out
    }

    /// Reads what [`Witness::encode`] wrote. Every preimage is hashed here, so the result holds
    /// no entry under a wrong hash.
    ///
    /// # Errors
    /// The first [`WitnessDecodeError`] found. Memory is bounded by the length of `bytes`.
    pub fn decode(bytes: &[u8]) -> Result<Self, WitnessDecodeError> {
        let mut reader = Reader { left: bytes };
        let version = reader.byte()?;
        if version != VERSION {
            return Err(WitnessDecodeError::Version { got: version, expected: VERSION });
        }
        let mut witness = Self::default();
        reader.list(&mut witness.nodes, |reader| {
            let preimage = reader.array::<NODE_PREIMAGE_BYTES>()?;
            let (left, right) = halves(&preimage);
            Ok((hash_internal(&left, &right), preimage))
        })?;
        let mut leaves = BTreeMap::new();
        reader.list(&mut leaves, |reader| {
            let preimage = reader.array::<NODE_PREIMAGE_BYTES>()?;
            let (key, value_hash) = halves(&preimage);
            Ok((hash_leaf(&key, &value_hash), preimage))
        })?;
        witness.nodes.append(&mut leaves);
        reader.list(&mut witness.values, |reader| {
            let value = reader.bytes()?;
            Ok((hash_value(value), value.to_vec()))
        })?;
        reader.list(&mut witness.codes, |reader| {
            let code = reader.bytes()?;
            Ok((keccak256(code), Bytes::copy_from_slice(code)))
        })?;
        match reader.left.len() {
            0 => Ok(witness),
            left => Err(WitnessDecodeError::Trailing { left }),
        }
    }
}

impl WitnessSource for Witness {
    type Error = MissingPreimage;

    fn node(&self, hash: &NodeHash) -> Result<[u8; NODE_PREIMAGE_BYTES], MissingPreimage> {
        missing(self.nodes.get(hash).copied(), PreimageKind::Node, hash)
    }

    fn value(&self, value_hash: &[u8; 32]) -> Result<Vec<u8>, MissingPreimage> {
        missing(self.values.get(value_hash).cloned(), PreimageKind::Value, value_hash)
    }

    fn code(&self, code_hash: B256) -> Result<Bytes, MissingPreimage> {
        missing(self.codes.get(&code_hash).cloned(), PreimageKind::Code, &code_hash.0)
    }
}

/// Writes a count or a length. No list of preimages in memory reaches 2^32 entries.
fn put_length(out: &mut Vec<u8>, length: usize) {
    out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_length(out, bytes.len());
    out.extend_from_slice(bytes);
}

struct Reader<'a> {
    left: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, needed: usize) -> Result<&'a [u8], WitnessDecodeError> {
        let truncated = WitnessDecodeError::Truncated { needed, left: self.left.len() };
        let (taken, left) = self.left.split_at_checked(needed).ok_or(truncated)?;
        self.left = left;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], WitnessDecodeError> {
        let truncated = WitnessDecodeError::Truncated { needed: N, left: self.left.len() };
        <[u8; N]>::try_from(self.take(N)?).map_err(|_| truncated)
    }

    fn byte(&mut self) -> Result<u8, WitnessDecodeError> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn length(&mut self) -> Result<u32, WitnessDecodeError> {
        self.array::<4>().map(u32::from_be_bytes)
    }

    fn bytes(&mut self) -> Result<&'a [u8], WitnessDecodeError> {
        let got = usize::try_from(self.length()?).unwrap_or(usize::MAX);
        if got > MAX_PREIMAGE_BYTES {
            return Err(WitnessDecodeError::PreimageTooLarge { got, limit: MAX_PREIMAGE_BYTES });
        }
        self.take(got)
    }

    /// Reads a counted list in ascending order of hash. Each entry takes bytes, so that the count
    /// alone costs nothing.
    fn list<K: Ord, V>(
        &mut self,
        into: &mut BTreeMap<K, V>,
        entry: impl Fn(&mut Self) -> Result<(K, V), WitnessDecodeError>,
    ) -> Result<(), WitnessDecodeError> {
        for position in 0..self.length()? {
            let (hash, preimage) = entry(self)?;
            if into.last_key_value().is_some_and(|(last, _)| *last >= hash) {
                return Err(WitnessDecodeError::Order { position });
            }
            into.insert(hash, preimage);
        }
        Ok(())
    }
}

//! Data that a program fetches by hash.

use alloc::{collections::BTreeMap, vec::Vec};

use alloy_primitives::keccak256;
use sha2::{Digest, Sha256};

use crate::Host;

/// No preimage is larger, so that one L1 transaction can hold it: 96 KiB. A blob is, but its leaves have
/// proofs of their own.
pub const MAX_PREIMAGE_BYTES: usize = 98_304;

/// Length of a blob (EIP-4844), bytes.
pub const BLOB_BYTES: usize = 131_072;

/// How a key comes from a preimage. The number is the `kind` of the system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum PreimageKind {
    /// `keccak256(bytes)`.
    Keccak256 = 1,
    /// `sha256(bytes)`.
    Sha256 = 2,
    /// 64 bytes of a node of the state trie: `sha256(bytes)` with any most significant bit
    /// (`docs/formats.md`, section 3).
    TrieNode = 3,
    /// The answer of an L1 precompile, `success (1) ‖ returned bytes`; the key is `keccak256(address (20) ‖ input)`.
    Precompile = 4,
    /// The 4,096 field elements of a blob, 32 bytes each; the key is its versioned hash (EIP-4844).
    Blob = 5,
}

impl PreimageKind {
    /// The kind of a number in a register.
    pub const fn from_number(number: u64) -> Option<Self> {
        match number {
            1 => Some(Self::Keccak256),
            2 => Some(Self::Sha256),
            3 => Some(Self::TrieNode),
            4 => Some(Self::Precompile),
            5 => Some(Self::Blob),
            _ => None,
        }
    }

    /// The number of a kind.
    pub const fn number(self) -> u64 {
        match self {
            Self::Keccak256 => 1,
            Self::Sha256 => 2,
            Self::TrieNode => 3,
            Self::Precompile => 4,
            Self::Blob => 5,
        }
    }
}

/// What a preimage is asked for by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PreimageKey {
    /// How the hash comes from the bytes.
    pub kind: PreimageKind,
    /// The hash.
    pub hash: [u8; 32],
}

impl PreimageKey {
    /// Whether `bytes` can be the preimage. Of a precompile's answer and of a blob, only the form is judged.
    pub fn admits(&self, bytes: &[u8]) -> bool {
        let fits = bytes.len() <= MAX_PREIMAGE_BYTES;
        match self.kind {
            PreimageKind::Keccak256 => fits && keccak256(bytes).0 == self.hash,
            PreimageKind::Sha256 => fits && sha256(bytes) == self.hash,
            PreimageKind::TrieNode => {
                bytes.len() == 64 && without_top_bit(sha256(bytes)) == without_top_bit(self.hash)
            }
            PreimageKind::Precompile => fits && matches!(bytes, [0 | 1, ..]),
            PreimageKind::Blob => bytes.len() == BLOB_BYTES,
        }
    }

    /// The same for both hashes of one trie node.
    fn canonical(self) -> Self {
        match self.kind {
            PreimageKind::TrieNode => Self { hash: without_top_bit(self.hash), ..self },
            _ => self,
        }
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn without_top_bit(mut hash: [u8; 32]) -> [u8; 32] {
    let [first, ..] = &mut hash;
    *first &= 0x7f;
    hash
}

/// A host that knows a fixed set of preimages and ignores hints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PreimageMap {
    entries: BTreeMap<PreimageKey, Vec<u8>>,
}

impl PreimageMap {
    /// Adds bytes by their Keccak-256 and gives that.
    pub fn insert_keccak256(&mut self, bytes: Vec<u8>) -> [u8; 32] {
        let hash = keccak256(&bytes).0;
        self.entries.insert(PreimageKey { kind: PreimageKind::Keccak256, hash }, bytes);
        hash
    }

    /// Adds bytes by their SHA-256 and gives that.
    pub fn insert_sha256(&mut self, bytes: Vec<u8>) -> [u8; 32] {
        let hash = sha256(&bytes);
        self.entries.insert(PreimageKey { kind: PreimageKind::Sha256, hash }, bytes);
        hash
    }

    /// Adds a node of the state trie, as a leaf and as an internal node.
    pub fn insert_trie_node(&mut self, preimage: &[u8; 64]) {
        let key = PreimageKey { kind: PreimageKind::TrieNode, hash: sha256(preimage) };
        self.entries.insert(key.canonical(), preimage.to_vec());
    }

    /// Adds the answer of the precompile at `address` to `input`; `None` for a call that failed.
    pub fn insert_precompile(&mut self, address: &[u8; 20], input: &[u8], answer: Option<&[u8]>) {
        let hash = keccak256([address, input].concat()).0;
        let bytes = match answer {
            Some(returned) => [&[1], returned].concat(),
            None => Vec::from([0]),
        };
        self.entries.insert(PreimageKey { kind: PreimageKind::Precompile, hash }, bytes);
    }

    /// Adds a blob by its versioned hash, which is not checked.
    pub fn insert_blob(&mut self, versioned_hash: [u8; 32], blob: Vec<u8>) {
        let key = PreimageKey { kind: PreimageKind::Blob, hash: versioned_hash };
        self.entries.insert(key, blob);
    }

    /// Takes a preimage out.
    pub fn remove(&mut self, key: &PreimageKey) -> Option<Vec<u8>> {
        self.entries.remove(&key.canonical())
    }

    /// The keys of all preimages; for trie nodes with the top bit cleared.
    pub fn keys(&self) -> impl Iterator<Item = &PreimageKey> {
        self.entries.keys()
    }
}

impl Host for PreimageMap {
    fn preimage(&mut self, key: &PreimageKey) -> Option<Vec<u8>> {
        self.entries.get(&key.canonical()).cloned()
    }

    fn hint(&mut self, _hint: &[u8]) {}
}

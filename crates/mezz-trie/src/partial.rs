//! A trie of which only the visited part is in memory.
//!
//! Rules:
//! - A node is known by its hash until a walk needs what is below; then its preimage is fetched
//!   and checked.
//! - In memory, nothing ever moves: a removed leaf leaves its branches standing, and only hashing
//!   lifts a lone leaf to where it belongs ([`join`]). So a walk for a key visits the nodes that
//!   it would have visited in the trie as it was at first, whatever was removed before, and the
//!   paths of the touched keys in that first trie are all that a witness needs.

use alloc::{boxed::Box, vec::Vec};
use core::mem;
use mezz_types::StateKey;

use crate::{
    EMPTY_SUBTREE, MAX_DEPTH, NodeHash, NodeKind, PreimageKind, TrieError, WitnessSource,
    checked_value, hash_internal, hash_leaf, hash_value,
    node::{bit, collapses, halves, join, shared_bits},
};

/// A trie known by its root and resolved where it is visited.
#[derive(Clone, Debug)]
pub struct PartialTrie {
    root: Node,
}

#[derive(Clone, Debug)]
enum Node {
    Empty,
    /// Not visited yet; never the empty hash.
    Hash(NodeHash),
    Leaf(Box<Leaf>),
    Internal(Box<Internal>),
}

#[derive(Clone, Debug)]
struct Leaf {
    key: StateKey,
    hash: NodeHash,
    value_hash: [u8; 32],
    /// `None` until it is read.
    value: Option<Vec<u8>>,
}

impl Leaf {
    fn new(key: StateKey, value: &[u8]) -> Self {
        let value_hash = hash_value(value);
        Self { key, hash: hash_leaf(&key, &value_hash), value_hash, value: Some(value.to_vec()) }
    }
}

#[derive(Clone, Debug)]
struct Internal {
    left: Node,
    right: Node,
    /// `None` after something below was written.
    hash: Option<NodeHash>,
}

impl Internal {
    fn child(&mut self, right: bool) -> &mut Node {
        if right { &mut self.right } else { &mut self.left }
    }
}

impl From<NodeHash> for Node {
    fn from(hash: NodeHash) -> Self {
        match NodeKind::of(&hash) {
            NodeKind::Empty => Self::Empty,
            NodeKind::Leaf | NodeKind::Internal => Self::Hash(hash),
        }
    }
}

impl PartialTrie {
    /// The trie with this root, nothing of it visited.
    pub fn new(root: NodeHash) -> Self {
        Self { root: root.into() }
    }

    /// The value at `key`; `None` if it has no leaf.
    ///
    /// # Errors
    /// [`TrieError`] if the source lacks or forges a preimage on the way.
    pub fn get<S: WitnessSource>(
        &mut self,
        source: &S,
        key: &StateKey,
    ) -> Result<Option<Vec<u8>>, TrieError<S::Error>> {
        let (node, _) = self.descend(source, key, Walk::Read)?;
        match node {
            Node::Leaf(leaf) if leaf.key == *key => {
                if leaf.value.is_none() {
                    leaf.value = Some(checked_value(source, &leaf.value_hash)?);
                }
                Ok(leaf.value.clone())
            }
            _ => Ok(None),
        }
    }

    /// Writes every change (`None` removes a leaf) and gives the new root.
    ///
    /// # Errors
    /// [`TrieError`] if the source lacks or forges a preimage on the way. Changes before the
    /// failing one stay written: the trie is then of no further use.
    pub fn update<'a, S: WitnessSource>(
        &mut self,
        source: &S,
        changes: impl IntoIterator<Item = (&'a StateKey, &'a Option<Vec<u8>>)>,
    ) -> Result<NodeHash, TrieError<S::Error>> {
        for (key, value) in changes {
            let (node, depth) = self.descend(source, key, Walk::Write)?;
            match value {
                Some(value) => put(node, depth, Leaf::new(*key, value)),
                None => remove(node, key),
            }
        }
        Ok(self.root())
    }

    /// The root as it is now.
    pub fn root(&mut self) -> NodeHash {
        hash_of(&mut self.root)
    }

    /// Walks to where `key` ends: a leaf, or an empty subtree. Gives its depth too.
    fn descend<S: WitnessSource>(
        &mut self,
        source: &S,
        key: &StateKey,
        walk: Walk,
    ) -> Result<(&mut Node, usize), TrieError<S::Error>> {
        let mut node = &mut self.root;
        let mut depth = 0usize;
        loop {
            resolve(node, source, key, depth)?;
            match node {
                Node::Internal(internal) => {
                    if matches!(walk, Walk::Write) {
                        internal.hash = None;
                    }
                    node = internal.child(bit(key, depth));
                    depth = depth.saturating_add(1);
                }
                end => return Ok((end, depth)),
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Walk {
    Read,
    Write,
}

/// Replaces a hash by what is behind it. `key` is one that leads here.
fn resolve<S: WitnessSource>(
    node: &mut Node,
    source: &S,
    key: &StateKey,
    depth: usize,
) -> Result<(), TrieError<S::Error>> {
    let Node::Hash(hash) = *node else { return Ok(()) };
    let preimage = source.node(&hash).map_err(TrieError::Source)?;
    let (first, second) = halves(&preimage);
    let check = |got: NodeHash| {
        let kind = PreimageKind::Node;
        if got == hash { Ok(()) } else { Err(TrieError::Mismatch { kind, expected: hash, got }) }
    };
    if NodeKind::of(&hash) == NodeKind::Leaf {
        check(hash_leaf(&first, &second))?;
        if shared_bits(&first, key) < depth {
            return Err(TrieError::MisplacedLeaf { depth, key: first });
        }
        let leaf = Leaf { key: first, hash, value_hash: second, value: None };
        *node = Node::Leaf(Box::new(leaf));
    } else {
        check(hash_internal(&first, &second))?;
        if collapses(&first, &second) {
            return Err(TrieError::Degenerate { hash });
        }
        if depth >= MAX_DEPTH {
            return Err(TrieError::TooDeep { hash });
        }
        let internal = Internal { left: first.into(), right: second.into(), hash: Some(hash) };
        *node = Node::Internal(Box::new(internal));
    }
    Ok(())
}

/// Puts a leaf where its walk ended, branching off from the leaf of another key.
fn put(end: &mut Node, depth: usize, leaf: Leaf) {
    let old = match mem::replace(end, Node::Empty) {
        Node::Leaf(old) if old.key != leaf.key => old,
        _ => {
            *end = Node::Leaf(Box::new(leaf));
            return;
        }
    };
    let fork = shared_bits(&old.key, &leaf.key);
    let mut node = end;
    for level in depth..fork {
        let below = Internal { left: Node::Empty, right: Node::Empty, hash: None };
        *node = Node::Internal(Box::new(below));
        let Node::Internal(internal) = node else { return };
        node = internal.child(bit(&leaf.key, level));
    }
    let goes_right = bit(&leaf.key, fork);
    let (new, old) = (Node::Leaf(Box::new(leaf)), Node::Leaf(old));
    let (left, right) = if goes_right { (old, new) } else { (new, old) };
    *node = Node::Internal(Box::new(Internal { left, right, hash: None }));
}

/// Takes away the leaf where the walk for `key` ended, if it is the key's own.
fn remove(end: &mut Node, key: &StateKey) {
    if matches!(end, Node::Leaf(leaf) if leaf.key == *key) {
        *end = Node::Empty;
    }
}

/// Hashes what was written. Recursion is at most [`MAX_DEPTH`] deep, since no walk goes deeper.
fn hash_of(node: &mut Node) -> NodeHash {
    match node {
        Node::Empty => EMPTY_SUBTREE,
        Node::Hash(hash) => *hash,
        Node::Leaf(leaf) => leaf.hash,
        Node::Internal(internal) => match internal.hash {
            Some(hash) => hash,
            None => {
                let hash = join(&hash_of(&mut internal.left), &hash_of(&mut internal.right));
                internal.hash = Some(hash);
                hash
            }
        },
    }
}

//! A Merkle Patricia trie of Ethereum whose versions share what they have in common.
//!
//! Cloning is cheap, so that every block keeps the state after it, and a reorganisation is going back to an older
//! version. Hashes are computed when a root or a proof is asked for, once for each node.

use std::sync::{Arc, OnceLock};

use alloy_primitives::{B256, Bytes, keccak256};
use alloy_trie::{
    EMPTY_ROOT_HASH, Nibbles, TrieMask,
    nodes::{BranchNodeRef, ExtensionNodeRef, LeafNodeRef, RlpNode},
};

/// What a trie holds: something with an RLP encoding.
pub(crate) trait TrieValue: Clone {
    /// The bytes that stand in the leaf.
    fn leaf(&self) -> Vec<u8>;
}

/// A trie over keys of 32 bytes, which are hashes.
#[derive(Clone, Debug)]
pub(crate) struct Trie<V> {
    root: Option<Arc<Node<V>>>,
}

impl<V> Default for Trie<V> {
    fn default() -> Self {
        Self { root: None }
    }
}

#[derive(Debug)]
struct Node<V> {
    kind: Kind<V>,
    encoded: OnceLock<RlpNode>,
}

#[derive(Debug)]
enum Kind<V> {
    Leaf {
        path: Nibbles,
        value: V,
    },
    /// Always over a branch, its path never empty.
    Extension {
        path: Nibbles,
        child: Arc<Node<V>>,
    },
    /// At least two children; never a value, since all keys have one length.
    Branch {
        children: Box<Children<V>>,
    },
}

type Children<V> = [Option<Arc<Node<V>>>; 16];

impl<V: TrieValue> Trie<V> {
    /// The value at `key`.
    pub(crate) fn get(&self, key: &B256) -> Option<&V> {
        let mut path = Nibbles::unpack(key);
        let mut node = self.root.as_ref()?;
        loop {
            match &node.kind {
                Kind::Leaf { path: rest, value } => return (*rest == path).then_some(value),
                Kind::Extension { path: part, child } => {
                    if !path.starts_with(part) {
                        return None;
                    }
                    path = path.slice(part.len()..);
                    node = child;
                }
                Kind::Branch { children } => {
                    node = children[usize::from(path.first()?)].as_ref()?;
                    path = path.slice(1..);
                }
            }
        }
    }

    /// Puts `value` at `key`.
    pub(crate) fn insert(&mut self, key: &B256, value: V) {
        let path = Nibbles::unpack(key);
        self.root = Some(match self.root.take() {
            None => leaf(path, value),
            Some(node) => insert(&node, path, value),
        });
    }

    /// Takes away what is at `key`.
    pub(crate) fn remove(&mut self, key: &B256) {
        if let Some(node) = self.root.take() {
            self.root = match remove(&node, Nibbles::unpack(key)) {
                Removal::Absent => Some(node),
                Removal::Rest(rest) => rest,
            };
        }
    }

    /// Root hash.
    pub(crate) fn root(&self) -> B256 {
        let Some(root) = &self.root else { return EMPTY_ROOT_HASH };
        let encoded = root.reference();
        encoded.as_hash().unwrap_or_else(|| keccak256(encoded.as_slice()))
    }

    /// The nodes on the way to `key`, root first: a proof of what is there, or that nothing is.
    pub(crate) fn proof(&self, key: &B256) -> Vec<Bytes> {
        let mut path = Nibbles::unpack(key);
        let mut proof = Vec::new();
        let mut next = self.root.as_ref();
        while let Some(node) = next {
            let rlp = node.rlp();
            // A node shorter than a hash stands inside its parent.
            if proof.is_empty() || rlp.len() >= 32 {
                proof.push(rlp.into());
            }
            next = match &node.kind {
                Kind::Leaf { .. } => None,
                Kind::Extension { path: part, child } => path.starts_with(part).then(|| {
                    path = path.slice(part.len()..);
                    child
                }),
                Kind::Branch { children } => path.first().and_then(|nibble| {
                    path = path.slice(1..);
                    children[usize::from(nibble)].as_ref()
                }),
            };
        }
        proof
    }
}

impl<V: TrieValue> Node<V> {
    fn new(kind: Kind<V>) -> Arc<Self> {
        Arc::new(Self { kind, encoded: OnceLock::new() })
    }

    /// What the parent holds of it: its hash, or itself if it is short.
    fn reference(&self) -> &RlpNode {
        self.encoded.get_or_init(|| RlpNode::from_rlp(&self.rlp()))
    }

    fn rlp(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        match &self.kind {
            Kind::Leaf { path, value } => {
                LeafNodeRef::new(path, &value.leaf()).rlp(&mut out);
            }
            Kind::Extension { path, child } => {
                ExtensionNodeRef::new(path, child.reference()).rlp(&mut out);
            }
            Kind::Branch { children } => {
                let mut mask = TrieMask::default();
                let mut stack = Vec::with_capacity(16);
                for (nibble, child) in (0u8..).zip(children.iter()) {
                    if let Some(child) = child {
                        mask.set_bit(nibble);
                        stack.push(child.reference().clone());
                    }
                }
                BranchNodeRef::new(&stack, mask).rlp(&mut out);
            }
        }
        out
    }
}

fn leaf<V: TrieValue>(path: Nibbles, value: V) -> Arc<Node<V>> {
    Node::new(Kind::Leaf { path, value })
}

/// `child` under `path`, which may be empty.
fn extend<V: TrieValue>(path: Nibbles, child: Arc<Node<V>>) -> Arc<Node<V>> {
    if path.is_empty() {
        return child;
    }
    match &child.kind {
        Kind::Leaf { path: rest, value } => leaf(path.join(rest), value.clone()),
        Kind::Extension { path: rest, child } => {
            Node::new(Kind::Extension { path: path.join(rest), child: child.clone() })
        }
        Kind::Branch { .. } => Node::new(Kind::Extension { path, child }),
    }
}

fn nibble(path: &Nibbles, at: usize) -> usize {
    usize::from(path.get(at).expect("keys have one length, so a path never ends above a leaf"))
}

/// A branch over a new leaf and what was there, which part after `common` nibbles.
fn split<V: TrieValue>(
    common: usize,
    path: Nibbles,
    value: V,
    old_path: Nibbles,
    old: impl FnOnce(Nibbles) -> Arc<Node<V>>,
) -> Arc<Node<V>> {
    let mut children: Box<Children<V>> = Box::default();
    children[nibble(&path, common)] = Some(leaf(path.slice(common + 1..), value));
    children[nibble(&old_path, common)] = Some(old(old_path.slice(common + 1..)));
    extend(path.slice(..common), Node::new(Kind::Branch { children }))
}

fn insert<V: TrieValue>(node: &Arc<Node<V>>, path: Nibbles, value: V) -> Arc<Node<V>> {
    match &node.kind {
        Kind::Leaf { path: old_path, value: old } => {
            let common = path.common_prefix_length(old_path);
            if common == path.len() {
                return leaf(path, value);
            }
            split(common, path, value, *old_path, |rest| leaf(rest, old.clone()))
        }
        Kind::Extension { path: part, child } => {
            let common = path.common_prefix_length(part);
            if common == part.len() {
                return extend(*part, insert(child, path.slice(common..), value));
            }
            split(common, path, value, *part, |rest| extend(rest, child.clone()))
        }
        Kind::Branch { children } => {
            let at = nibble(&path, 0);
            let rest = path.slice(1..);
            let mut children = children.clone();
            children[at] = Some(match children[at].take() {
                Some(child) => insert(&child, rest, value),
                None => leaf(rest, value),
            });
            Node::new(Kind::Branch { children })
        }
    }
}

enum Removal<V> {
    /// The key was not there.
    Absent,
    /// What is left.
    Rest(Option<Arc<Node<V>>>),
}

fn remove<V: TrieValue>(node: &Arc<Node<V>>, path: Nibbles) -> Removal<V> {
    match &node.kind {
        Kind::Leaf { path: rest, .. } => {
            if *rest == path {
                Removal::Rest(None)
            } else {
                Removal::Absent
            }
        }
        Kind::Extension { path: part, child } => {
            if !path.starts_with(part) {
                return Removal::Absent;
            }
            match remove(child, path.slice(part.len()..)) {
                Removal::Absent => Removal::Absent,
                Removal::Rest(rest) => Removal::Rest(rest.map(|child| extend(*part, child))),
            }
        }
        Kind::Branch { children } => {
            let at = nibble(&path, 0);
            let Some(child) = &children[at] else { return Removal::Absent };
            let Removal::Rest(rest) = remove(child, path.slice(1..)) else {
                return Removal::Absent;
            };
            let mut children = children.clone();
            children[at] = rest;
            Removal::Rest(Some(without_lone_child(children)))
        }
    }
}

/// A branch, or its child alone if it has but one.
fn without_lone_child<V: TrieValue>(mut children: Box<Children<V>>) -> Arc<Node<V>> {
    let mut present = (0u8..).zip(children.iter()).filter(|(_, child)| child.is_some());
    let (first, second) = (present.next().map(|(at, _)| at), present.next());
    if let (Some(at), None) = (first, second)
        && let Some(child) = children[usize::from(at)].take()
    {
        return extend(Nibbles::from_nibbles([at]), child);
    }
    Node::new(Kind::Branch { children })
}

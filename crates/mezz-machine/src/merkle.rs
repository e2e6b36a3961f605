//! Keccak-256 Merkle trees over leaves of 32 bytes: that of memory, and that of the text.
//!
//! A leaf is its own hash; a node is `keccak256(left ‖ right)`. Heights are fixed, so that no leaf passes for a
//! node.

use alloc::{collections::BTreeMap, vec, vec::Vec};

use alloy_primitives::Keccak256;

use crate::{
    LEAF_BYTES, Leaf, PAGE_BYTES, Program,
    memory::{Memory, PAGES},
};

/// Levels of the tree of memory above its leaves: 2^32 bytes are 2^27 leaves.
pub const MEMORY_HEIGHT: u32 = 27;
/// Levels of it within a page.
const PAGE_HEIGHT: u32 = 7;

/// A leaf with the nodes beside its way to the root, from the lowest up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeafProof {
    /// The leaf.
    pub leaf: Leaf,
    /// The siblings; as many as the tree is high.
    pub siblings: Vec<Leaf>,
}

impl LeafProof {
    /// The root of the tree that has `leaf` at `index`, and is otherwise that of this proof.
    pub(crate) fn root_with(&self, index: u64, leaf: &Leaf) -> Leaf {
        let mut index = index;
        let mut node = *leaf;
        for sibling in &self.siblings {
            node = match index & 1 {
                0 => parent(&node, sibling),
                _ => parent(sibling, &node),
            };
            index >>= 1;
        }
        node
    }

    /// Whether the tree of `height` with this `root` has the leaf at `index`.
    pub(crate) fn opens(&self, root: &Leaf, height: u32, index: u64) -> bool {
        let whole = u32::try_from(self.siblings.len()) == Ok(height);
        whole && index.checked_shr(height) == Some(0) && self.root_with(index, &self.leaf) == *root
    }
}

pub(crate) fn parent(left: &Leaf, right: &Leaf) -> Leaf {
    let mut hasher = Keccak256::new();
    hasher.update(left);
    hasher.update(right);
    hasher.finalize().0
}

/// All nodes of a small tree of a fixed height. The root is node 1; below node `i` are `2 i` and `2 i + 1`.
#[derive(Clone, Debug)]
struct Nodes {
    nodes: Vec<Leaf>,
    height: u32,
}

impl Nodes {
    /// These leaves from the left on, then zeros.
    fn of(height: u32, leaves: impl Iterator<Item = Leaf>) -> Self {
        let first = 1usize.wrapping_shl(height);
        let mut all = Self { nodes: vec![Leaf::default(); first.saturating_mul(2)], height };
        for (node, leaf) in all.nodes.iter_mut().skip(first).zip(leaves) {
            *node = leaf;
        }
        for at in (1..first).rev() {
            let left = at.saturating_mul(2);
            let value = parent(&all.node(left), &all.node(left.saturating_add(1)));
            if let Some(node) = all.nodes.get_mut(at) {
                *node = value;
            }
        }
        all
    }

    fn node(&self, at: usize) -> Leaf {
        self.nodes.get(at).copied().unwrap_or_default()
    }

    fn root(&self) -> Leaf {
        self.node(1)
    }

    /// A leaf with its siblings.
    fn proof(&self, leaf: usize) -> LeafProof {
        let mut at = 1usize.wrapping_shl(self.height).saturating_add(leaf);
        let mut proof = LeafProof { leaf: self.node(at), siblings: Vec::new() };
        while at > 1 {
            proof.siblings.push(self.node(at ^ 1));
            at >>= 1;
        }
        proof
    }
}

/// The nodes of the tree of memory from the roots of its pages up, numbered as in [`Nodes`]; those over zeros are not kept.
#[derive(Clone, Debug)]
struct Upper {
    nodes: BTreeMap<usize, Leaf>,
    /// The root over zeros alone, by height above the pages.
    zeros: Vec<Leaf>,
}

impl Upper {
    fn new() -> Self {
        let mut zero = Nodes::of(PAGE_HEIGHT, core::iter::empty()).root();
        let mut zeros = vec![zero];
        for _ in PAGE_HEIGHT..MEMORY_HEIGHT {
            zero = parent(&zero, &zero);
            zeros.push(zero);
        }
        Self { nodes: BTreeMap::new(), zeros }
    }

    fn node(&self, at: usize, height: usize) -> Leaf {
        let kept = self.nodes.get(&at).copied();
        kept.or_else(|| self.zeros.get(height).copied()).unwrap_or_default()
    }

    fn height(&self) -> usize {
        self.zeros.len().saturating_sub(1)
    }

    fn root(&self) -> Leaf {
        self.node(1, self.height())
    }

    /// Sets the roots of pages and every node above them.
    fn set(&mut self, pages: impl Iterator<Item = (usize, Leaf)>) {
        let mut touched = Vec::new();
        for (page, root) in pages {
            let at = PAGES.saturating_add(page);
            self.nodes.insert(at, root);
            touched.push(at >> 1);
        }
        touched.sort_unstable();
        for below in 0..self.height() {
            touched.dedup();
            for at in &mut touched {
                let left = at.saturating_mul(2);
                let right = self.node(left.saturating_add(1), below);
                self.nodes.insert(*at, parent(&self.node(left, below), &right));
                *at >>= 1;
            }
        }
    }

    /// The siblings of a page's root, from the lowest up.
    fn siblings(&self, page: usize, out: &mut Vec<Leaf>) {
        let mut at = PAGES.saturating_add(page);
        for height in 0..self.height() {
            out.push(self.node(at ^ 1, height));
            at >>= 1;
        }
    }
}

/// The tree of a memory, kept as it changes.
#[derive(Clone, Debug)]
pub(crate) struct MemoryTree {
    upper: Upper,
}

impl MemoryTree {
    /// The tree of a memory.
    pub(crate) fn new(memory: &mut Memory) -> Self {
        let mut tree = Self { upper: Upper::new() };
        memory.mark_all_changed();
        tree.follow(memory);
        tree
    }

    /// Takes in what changed since the last time, and gives the root.
    pub(crate) fn follow(&mut self, memory: &mut Memory) -> Leaf {
        let pages = memory.take_changed();
        self.upper.set(pages.iter().map(|page| (*page, page_nodes(memory, *page).root())));
        self.upper.root()
    }

    /// The leaf at `address`, in a memory of which nothing changed since it was followed.
    pub(crate) fn proof(&self, memory: &Memory, address: u64) -> LeafProof {
        let page = usize::try_from(address / PAGE_BYTES).unwrap_or(PAGES);
        let leaf = usize::try_from((address % PAGE_BYTES) / LEAF_BYTES).unwrap_or(0);
        let mut proof = page_nodes(memory, page).proof(leaf);
        self.upper.siblings(page, &mut proof.siblings);
        proof
    }
}

fn page_nodes(memory: &Memory, page: usize) -> Nodes {
    Nodes::of(PAGE_HEIGHT, memory.page_leaves(page))
}

/// What a contract has to know of a program's text to run one of its instructions.
///
/// Text does not change, so that instructions are fetched from a tree of their own, which is lower than that of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextCommitment {
    /// Address of the first instruction; starts a page.
    pub start: u64,
    /// Length, bytes; a multiple of 4.
    pub bytes: u64,
    /// Root of the tree of its leaves, zeros after the last instruction.
    pub root: Leaf,
    /// Height of that tree: the least that holds all leaves.
    pub height: u32,
}

impl TextCommitment {
    /// The number of the leaf that holds the instruction at `pc`, if that is in the text.
    pub(crate) fn leaf_of(&self, pc: u64) -> Option<u64> {
        let offset = pc.wrapping_sub(self.start);
        (offset < self.bytes).then_some(offset / LEAF_BYTES)
    }

    /// Whether stores to `address` trap for the sake of the program.
    pub(crate) fn guards(&self, address: u64) -> bool {
        let pages = self.bytes.checked_next_multiple_of(PAGE_BYTES).unwrap_or(u64::MAX);
        address.wrapping_sub(self.start) < pages
    }
}

/// The tree of a program's text.
#[derive(Clone, Debug)]
pub(crate) struct TextTree {
    nodes: Nodes,
    pub(crate) commitment: TextCommitment,
}

impl TextTree {
    pub(crate) fn new(program: &Program) -> Self {
        let text = program.text();
        let (whole, rest) = text.bytes.as_chunks::<32>();
        let mut last = Leaf::default();
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        let leaves = whole.len().saturating_add(usize::from(!rest.is_empty()));
        let height = leaves.next_power_of_two().trailing_zeros();
        let nodes = Nodes::of(height, whole.iter().copied().chain([last]).take(leaves));
        let root = nodes.root();
        let commitment =
            TextCommitment { start: text.address, bytes: text.memory_bytes, root, height };
        Self { nodes, commitment }
    }

    pub(crate) fn proof(&self, leaf: u64) -> LeafProof {
        self.nodes.proof(usize::try_from(leaf).unwrap_or(0))
    }
}

//! Against the reference of NOMT, and against sources that lie.

use alloc::{collections::BTreeMap, vec, vec::Vec};
use alloy_primitives::{Address, B256, Bytes, U256, b256, keccak256};
use core::cell::Cell;
use mezz_types::{Account, StateKey, account_key, encode_slot, storage_key};
use nomt_core::{
    hasher::Sha2Hasher,
    proof::{PathProof, PathProofTerminal, PathUpdate, verify_update},
    trie::LeafData,
    trie_pos::TriePosition,
    update::{WriteNode, build_trie},
};
use proptest::{
    collection::{btree_map, vec as vec_of},
    option,
    prelude::*,
};

use crate::{
    node::{bit, concat, halves},
    *,
};

type Leaves = BTreeMap<StateKey, Vec<u8>>;
type Changes = BTreeMap<StateKey, Option<Vec<u8>>>;

/// Root and every preimage of the whole trie, by the reference.
fn reference(leaves: &Leaves) -> (NodeHash, Witness) {
    let mut witness = Witness::default();
    let ops: Vec<_> = leaves.iter().map(|(key, value)| (*key, hash_value(value))).collect();
    let root = build_trie::<Sha2Hasher>(0, ops, |write| match write {
        WriteNode::Leaf { leaf_data, node, .. } => {
            witness.nodes.insert(node, concat(&leaf_data.key_path, &leaf_data.value_hash));
        }
        WriteNode::Internal { internal_data, node } => {
            witness.nodes.insert(node, concat(&internal_data.left, &internal_data.right));
        }
        WriteNode::Terminator => {}
    });
    for value in leaves.values() {
        witness.values.insert(hash_value(value), value.clone());
    }
    (root, witness)
}

fn apply(leaves: &mut Leaves, changes: &Changes) {
    for (key, value) in changes {
        match value {
            Some(value) => leaves.insert(*key, value.clone()),
            None => leaves.remove(key),
        };
    }
}

/// The path of a key as a proof of NOMT carries it: siblings from the root, and the terminal.
fn path(root: NodeHash, whole: &Witness, key: &StateKey) -> (Vec<NodeHash>, Option<Terminal>) {
    let (mut node, mut siblings) = (root, Vec::new());
    loop {
        match NodeKind::of(&node) {
            NodeKind::Empty => return (siblings, None),
            NodeKind::Leaf => {
                let (key, value_hash) = halves(&whole.nodes[&node]);
                return (siblings, Some(Terminal { key, value_hash }));
            }
            NodeKind::Internal => {
                let (left, right) = halves(&whole.nodes[&node]);
                let goes_right = bit(key, siblings.len());
                siblings.push(if goes_right { left } else { right });
                node = if goes_right { right } else { left };
            }
        }
    }
}

/// Keys that share long prefixes, and often coincide.
fn key() -> impl Strategy<Value = StateKey> {
    (0usize..=255, 0u8..4, any::<u8>()).prop_map(|(position, low, noise)| {
        let mut key = [0u8; 32];
        key[position / 8] ^= 0x80 >> (position % 8);
        key[31] ^= low;
        if noise < 64 {
            key[1] = noise;
        }
        key
    })
}

fn leaves() -> impl Strategy<Value = Leaves> {
    btree_map(key(), vec_of(any::<u8>(), 0..4), 0..16)
}

/// Half of the changes hit keys that exist.
fn rounds(leaves: &Leaves) -> impl Strategy<Value = Vec<Changes>> + use<> {
    let present: Vec<StateKey> = leaves.keys().copied().chain([[0; 32]]).collect();
    let key = prop_oneof![key(), proptest::sample::select(present)];
    let change = option::weighted(0.5, vec_of(any::<u8>(), 0..4));
    vec_of(btree_map(key, change, 0..8), 1..5)
}

fn start_and_rounds() -> impl Strategy<Value = (Leaves, Vec<Changes>)> {
    leaves().prop_flat_map(|leaves| {
        let rounds = rounds(&leaves);
        (Just(leaves), rounds)
    })
}

/// What each key held before a round, and the root after it.
type Round = (Vec<Option<Vec<u8>>>, NodeHash);

/// Reads every key of a round, then writes it; gives the root after each round.
fn run<S: WitnessSource>(
    source: &S,
    root: NodeHash,
    rounds: &[Changes],
) -> Result<Vec<Round>, TrieError<S::Error>> {
    let mut trie = PartialTrie::new(root);
    let mut seen = Vec::new();
    for changes in rounds {
        let reads = changes.keys().map(|key| trie.get(source, key)).collect::<Result<_, _>>()?;
        seen.push((reads, trie.update(source, changes)?));
    }
    Ok(seen)
}

fn witness_of_paths(root: NodeHash, whole: &Witness, start: &Leaves, keys: &[StateKey]) -> Witness {
    let mut witness = Witness::default();
    for key in keys {
        let (siblings, terminal) = path(root, whole, key);
        let reached = witness.add_path(key, &siblings, terminal, start.get(key).cloned());
        assert_eq!(reached, Ok(root));
    }
    witness
}

/// What NOMT's own proof verifier says the root is after one round.
fn reference_update(root: NodeHash, whole: &Witness, changes: &Changes) -> NodeHash {
    let mut updates: BTreeMap<Vec<bool>, PathUpdate> = BTreeMap::new();
    for (key, value) in changes {
        let (siblings, terminal) = path(root, whole, key);
        let bits = TriePosition::from_path_and_depth(*key, 256);
        let place: Vec<bool> = (0..siblings.len()).map(|depth| bit(key, depth)).collect();
        let proof = PathProof {
            terminal: match terminal {
                Some(Terminal { key, value_hash }) => {
                    PathProofTerminal::Leaf(LeafData { key_path: key, value_hash })
                }
                None => PathProofTerminal::Terminator(bits.clone()),
            },
            siblings,
        };
        let op = (*key, value.as_deref().map(hash_value));
        let inner = proof.verify::<Sha2Hasher>(bits.path(), root).expect("path of the trie");
        let update = PathUpdate { inner, ops: Vec::new() };
        updates.entry(place).or_insert(update).ops.push(op);
    }
    let updates: Vec<_> = updates.into_values().collect();
    verify_update::<Sha2Hasher>(root, &updates).expect("updates in order")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn roots_and_values_are_those_of_nomt((start, rounds) in start_and_rounds()) {
        let (root, whole) = reference(&start);
        let seen = run(&whole, root, &rounds).expect("the whole trie is there");
        let mut leaves = start;
        for (changes, (reads, root)) in rounds.iter().zip(seen) {
            let expected: Vec<_> = changes.keys().map(|key| leaves.get(key).cloned()).collect();
            prop_assert_eq!(reads, expected);
            apply(&mut leaves, changes);
            prop_assert_eq!(root, reference(&leaves).0);
        }
    }

    #[test]
    fn one_update_is_that_of_nomts_proof_verifier((start, rounds) in start_and_rounds()) {
        let (root, whole) = reference(&start);
        let mut trie = PartialTrie::new(root);
        let ours = trie.update(&whole, &rounds[0]).expect("the whole trie is there");
        prop_assert_eq!(ours, reference_update(root, &whole, &rounds[0]));
    }

    /// The paths of the touched keys in the trie as it was at first are enough for all rounds, and
    /// nothing of them is too much.
    #[test]
    fn paths_before_are_enough_and_needed((start, rounds) in start_and_rounds()) {
        let (root, whole) = reference(&start);
        let keys: Vec<_> = rounds.iter().flat_map(|changes| changes.keys().copied()).collect();
        let witness = witness_of_paths(root, &whole, &start, &keys);
        let recorder = Recorder::new(&whole);
        let expected = run(&recorder, root, &rounds).expect("the whole trie is there");
        prop_assert_eq!(&recorder.into_witness(), &witness);
        prop_assert_eq!(run(&witness, root, &rounds), Ok(expected));
        for hash in witness.nodes.keys() {
            let mut less = witness.clone();
            less.nodes.remove(hash);
            let missing = MissingPreimage { kind: PreimageKind::Node, hash: *hash };
            prop_assert_eq!(run(&less, root, &rounds), Err(TrieError::Source(missing)));
        }
        for hash in witness.values.keys() {
            let mut less = witness.clone();
            less.values.remove(hash);
            let missing = MissingPreimage { kind: PreimageKind::Value, hash: *hash };
            prop_assert_eq!(run(&less, root, &rounds), Err(TrieError::Source(missing)));
        }
    }

    #[test]
    fn witness_bytes_come_back(start in leaves(), code in vec_of(any::<u8>(), 0..40)) {
        let (_, mut witness) = reference(&start);
        witness.add_code(code.into());
        let bytes = witness.encode();
        prop_assert_eq!(Witness::decode(&bytes), Ok(witness));
        for end in (0..bytes.len()).rev().step_by(bytes.len() / 16 + 1) {
            let cut = Witness::decode(&bytes[..end]);
            prop_assert!(matches!(cut, Err(WitnessDecodeError::Truncated { .. })), "{cut:?}");
        }
    }

    /// What decodes is the encoding of what it decodes to.
    #[test]
    fn altered_witness_bytes_are_total(start in leaves(), at in any::<usize>(), flip in 1u8..) {
        let mut bytes = reference(&start).1.encode();
        let at = at % bytes.len();
        bytes[at] ^= flip;
        if let Ok(witness) = Witness::decode(&bytes) {
            prop_assert_eq!(witness.encode(), bytes);
        }
    }

    #[test]
    fn random_witness_bytes_are_total(bytes in vec_of(any::<u8>(), 0..300)) {
        if let Ok(witness) = Witness::decode(&bytes) {
            prop_assert_eq!(witness.encode(), bytes);
        }
    }
}

fn golden_leaves() -> Leaves {
    let mut leaves = Leaves::new();
    for byte in 1..=9u8 {
        let address = Address::repeat_byte(byte);
        let account = Account { nonce: byte.into(), balance: U256::from(7), ..Account::default() };
        leaves.insert(account_key(address), account.encode().to_vec());
        let value = encode_slot(U256::from(byte)).expect("not zero");
        leaves.insert(storage_key(address, U256::from(3)), value.to_vec());
    }
    leaves
}

#[test]
fn golden_root() {
    let leaves = golden_leaves();
    let changes: Changes = leaves.iter().map(|(key, value)| (*key, Some(value.clone()))).collect();
    let mut trie = PartialTrie::new(EMPTY_SUBTREE);
    let root = trie.update(&Witness::default(), &changes).expect("nothing to fetch");
    assert_eq!(
        B256::from(root),
        b256!("601ea2980d710c13b73775b3977af6d5f8125c338607f63c4e4e3d3c3fe3770d")
    );
    assert_eq!(root, reference(&leaves).0);
}

#[test]
fn golden_witness_bytes() {
    let (_, mut witness) = reference(&golden_leaves());
    witness.add_code(Bytes::from_static(&[0x60, 0x00]));
    assert_eq!(
        keccak256(witness.encode()),
        b256!("1dd884aade67054425fcad56dc779f647ec6da2ee567c49e2012979a8ac1f4fa")
    );
}

/// Removing every leaf again leaves the empty trie.
#[test]
fn all_removed_is_empty() {
    let (root, whole) = reference(&golden_leaves());
    let changes: Changes = golden_leaves().into_keys().map(|key| (key, None)).collect();
    let mut trie = PartialTrie::new(root);
    assert_eq!(trie.update(&whole, &changes), Ok(EMPTY_SUBTREE));
}

/// Answers one hash wrongly.
struct Liar {
    honest: Witness,
    about: [u8; 32],
    asked: Cell<bool>,
}

impl Liar {
    fn bend(&self, hash: &[u8; 32], answer: &mut [u8]) {
        if *hash == self.about {
            self.asked.set(true);
            answer[0] ^= 1;
        }
    }
}

impl WitnessSource for Liar {
    type Error = MissingPreimage;

    fn node(&self, hash: &NodeHash) -> Result<[u8; NODE_PREIMAGE_BYTES], MissingPreimage> {
        let mut answer = self.honest.node(hash)?;
        self.bend(hash, &mut answer);
        Ok(answer)
    }

    fn value(&self, hash: &[u8; 32]) -> Result<Vec<u8>, MissingPreimage> {
        let mut answer = self.honest.value(hash)?;
        self.bend(hash, &mut answer);
        Ok(answer)
    }

    fn code(&self, hash: B256) -> Result<Bytes, MissingPreimage> {
        let mut answer = self.honest.code(hash)?.to_vec();
        self.bend(&hash.0, &mut answer);
        Ok(answer.into())
    }
}

#[test]
fn every_lie_is_caught() {
    let leaves = golden_leaves();
    let (root, mut honest) = reference(&leaves);
    let code = honest.add_code(Bytes::from_static(&[0x60, 0x00]));
    let lies: Vec<[u8; 32]> =
        honest.nodes.keys().chain(honest.values.keys()).copied().chain([code.0]).collect();
    for about in lies {
        let liar = Liar { honest: honest.clone(), about, asked: Cell::new(false) };
        let mut trie = PartialTrie::new(root);
        let read = leaves.keys().try_for_each(|key| trie.get(&liar, key).map(drop));
        let read = read.and_then(|()| checked_code(&liar, code).map(drop));
        assert!(liar.asked.get());
        assert!(
            matches!(read, Err(TrieError::Mismatch { expected, .. }) if expected == about),
            "{read:?}"
        );
    }
}

/// A witness whose root is no trie's: such a root can be named, but nothing follows from it.
fn planted(preimages: &[([u8; 32], [u8; 32])], leaf: ([u8; 32], [u8; 32])) -> (NodeHash, Witness) {
    let mut witness = Witness::default();
    let mut root = hash_leaf(&leaf.0, &leaf.1);
    witness.nodes.insert(root, concat(&leaf.0, &leaf.1));
    for (left, right) in preimages {
        let left = if *left == [0xff; 32] { root } else { *left };
        let right = if *right == [0xff; 32] { root } else { *right };
        root = hash_internal(&left, &right);
        witness.nodes.insert(root, concat(&left, &right));
    }
    (root, witness)
}

const BELOW: [u8; 32] = [0xff; 32];
const SOME_LEAF: NodeHash = [0x80; 32];

#[test]
fn a_leaf_off_its_path_is_refused() {
    // The key's first bit is 1, the leaf hangs on the left.
    let (root, witness) = planted(&[(BELOW, SOME_LEAF)], ([0x90; 32], [1; 32]));
    let read = PartialTrie::new(root).get(&witness, &[0; 32]);
    assert_eq!(read, Err(TrieError::MisplacedLeaf { depth: 1, key: [0x90; 32] }));
}

#[test]
fn a_lone_leaf_under_an_internal_node_is_refused() {
    for pair in [(BELOW, EMPTY_SUBTREE), (EMPTY_SUBTREE, BELOW), (EMPTY_SUBTREE, EMPTY_SUBTREE)] {
        let (root, witness) = planted(&[pair], ([0; 32], [1; 32]));
        let read = PartialTrie::new(root).get(&witness, &[0; 32]);
        assert_eq!(read, Err(TrieError::Degenerate { hash: root }));
    }
}

#[test]
fn a_path_longer_than_a_key_is_refused() {
    let levels = vec![(BELOW, SOME_LEAF); MAX_DEPTH];
    let (root, witness) = planted(&levels, ([0; 32], hash_value(&[5])));
    let mut trie = PartialTrie::new(root);
    let mut with_value = witness;
    with_value.values.insert(hash_value(&[5]), vec![5]);
    assert_eq!(trie.get(&with_value, &[0; 32]), Ok(Some(vec![5])));

    let levels = vec![(BELOW, SOME_LEAF); MAX_DEPTH + 1];
    let (root, witness) = planted(&levels, ([0; 32], [1; 32]));
    let read = PartialTrie::new(root).get(&witness, &[0; 32]);
    assert!(matches!(read, Err(TrieError::TooDeep { .. })), "{read:?}");
}

#[test]
fn impossible_paths_are_not_added() {
    let key = [0; 32];
    let mut witness = Witness::default();
    let terminal = Terminal { key: [0x20; 32], value_hash: hash_value(&[1]) };
    assert_eq!(
        witness.add_path(&key, &[SOME_LEAF; 257], None, None),
        Err(PathError::TooManySiblings { got: 257, limit: 256 })
    );
    assert_eq!(
        witness.add_path(&key, &[SOME_LEAF; 3], Some(terminal), None),
        Err(PathError::TerminalOffPath { shared: 2, depth: 3 })
    );
    let got = hash_value(&[1]);
    assert_eq!(
        witness.add_path(&key, &[SOME_LEAF; 2], Some(terminal), Some(vec![1])),
        Err(PathError::ValueMismatch { expected: None, got })
    );
    assert_eq!(witness, Witness::default());
}

#[test]
fn witness_lists_are_bounded_and_ordered() {
    let huge = [&[1][..], &u32::MAX.to_be_bytes()].concat();
    assert_eq!(Witness::decode(&huge), Err(WitnessDecodeError::Truncated { needed: 64, left: 0 }));
    assert_eq!(Witness::decode(&[2]), Err(WitnessDecodeError::Version { got: 2, expected: 1 }));
    let mut twice = vec![1, 0, 0, 0, 2];
    twice.extend_from_slice(&[7; 128]);
    assert_eq!(Witness::decode(&twice), Err(WitnessDecodeError::Order { position: 1 }));
    let mut large = vec![1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    large.extend_from_slice(&98_305u32.to_be_bytes());
    large.extend_from_slice(&[0; 98_305]);
    let limit = MAX_PREIMAGE_BYTES;
    assert_eq!(
        Witness::decode(&large),
        Err(WitnessDecodeError::PreimageTooLarge { got: 98_305, limit })
    );
    let trailing = [Witness::default().encode(), vec![0]].concat();
    assert_eq!(Witness::decode(&trailing), Err(WitnessDecodeError::Trailing { left: 1 }));
}

/// Kinds of nodes are read off hashes as NOMT reads them.
#[test]
fn kinds_are_those_of_nomt() {
    use nomt_core::trie;
    for hash in [EMPTY_SUBTREE, SOME_LEAF, [0x7f; 32], [0xff; 32], b256_last(1)] {
        assert_eq!(
            NodeKind::of(&hash) == NodeKind::Empty,
            trie::is_terminator::<Sha2Hasher>(&hash)
        );
        assert_eq!(NodeKind::of(&hash) == NodeKind::Leaf, trie::is_leaf::<Sha2Hasher>(&hash));
        assert_eq!(
            NodeKind::of(&hash) == NodeKind::Internal,
            trie::is_internal::<Sha2Hasher>(&hash)
        );
    }
}

fn b256_last(byte: u8) -> [u8; 32] {
    B256::with_last_byte(byte).0
}

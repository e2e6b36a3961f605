//! Random batches: a native state and a witness give the same commitments.

use alloy_consensus::TxLegacy;
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, Bytes, TxKind, U256};
use mezz_codec::BatchBlock;
use mezz_evm::{PlainCrypto, StateReader};
use mezz_transition::{BatchInput, ClaimVerdict, WitnessState, apply_batch, verify_claim};
use mezz_trie::{Recorder, Witness};
use mezz_types::storage_key;
use proptest::{collection::vec as vec_of, prelude::*};

use crate::world::{Data, ETHER, Key, World, block, transaction};

/// Stores the second word of its input at the slot of the first one; zero clears it.
const WRITER: Address = Address::repeat_byte(0x31);
const WRITER_CODE: [u8; 8] = [0x60, 0x20, 0x35, 0x5f, 0x35, 0x55, 0x00, 0x00];
/// Destroys itself in favour of its caller: the account stays, its balance goes (EIP-6780).
const QUITTER: Address = Address::repeat_byte(0x32);
const QUITTER_CODE: [u8; 2] = [0x33, 0xff];

/// One thing that somebody does.
#[derive(Clone, Debug)]
enum Act {
    Transfer {
        from: u8,
        to: u8,
        wei: u16,
    },
    Write {
        from: u8,
        slot: u8,
        value: u8,
    },
    Quit {
        from: u8,
        wei: u16,
    },
    /// Deploys the writer's code anew and calls what was deployed last time.
    Deploy {
        from: u8,
    },
    Unprotected {
        from: u8,
    },
    WrongNonce {
        from: u8,
    },
}

#[derive(Clone, Debug)]
enum Arrival {
    Marker,
    Deposit {
        to: u8,
        wei: u16,
    },
    /// To a contract that cannot take it: refunded.
    Failing {
        wei: u16,
    },
    Forced {
        from: u8,
        wei: u16,
    },
    Garbage,
}

#[derive(Clone, Debug)]
struct Round {
    arrivals: Vec<Arrival>,
    /// Messages of each block out of those that wait, and what is in it.
    blocks: Vec<(u8, Vec<Act>)>,
    garbled: bool,
    in_blobs: bool,
}

fn act() -> impl Strategy<Value = Act> {
    let who = 0u8..4;
    prop_oneof![
        (who.clone(), 0u8..8, any::<u16>()).prop_map(|(from, to, wei)| Act::Transfer {
            from,
            to,
            wei
        }),
        (who.clone(), 0u8..6, 0u8..3).prop_map(|(from, slot, value)| Act::Write {
            from,
            slot,
            value
        }),
        (who.clone(), any::<u16>()).prop_map(|(from, wei)| Act::Quit { from, wei }),
        who.clone().prop_map(|from| Act::Deploy { from }),
        who.clone().prop_map(|from| Act::Unprotected { from }),
        who.prop_map(|from| Act::WrongNonce { from }),
    ]
}

fn arrival() -> impl Strategy<Value = Arrival> {
    prop_oneof![
        Just(Arrival::Marker),
        (0u8..8, any::<u16>()).prop_map(|(to, wei)| Arrival::Deposit { to, wei }),
        any::<u16>().prop_map(|wei| Arrival::Failing { wei }),
        (0u8..4, any::<u16>()).prop_map(|(from, wei)| Arrival::Forced { from, wei }),
        Just(Arrival::Garbage),
    ]
}

fn round() -> impl Strategy<Value = Round> {
    let blocks = vec_of((0u8..4, vec_of(act(), 0..4)), 1..4);
    (vec_of(arrival(), 0..4), blocks, prop::bool::weighted(0.1), any::<bool>()).prop_map(
        |(arrivals, blocks, garbled, in_blobs)| Round { arrivals, blocks, garbled, in_blobs },
    )
}

/// Keeps the nonces that the batch's author expects.
struct Actors {
    nonces: [u64; 4],
    deployed: Address,
}

impl Actors {
    fn key(who: u8) -> Key {
        Key::new(who + 1)
    }

    fn address(who: u8) -> Address {
        if who < 4 { Self::key(who).address() } else { Address::repeat_byte(who) }
    }

    fn next(&mut self, who: u8) -> u64 {
        let nonce = &mut self.nonces[who as usize];
        *nonce += 1;
        *nonce - 1
    }

    fn arrive(&mut self, world: &mut World, arrival: &Arrival) {
        match arrival {
            Arrival::Marker => world.enqueue(|_| {}),
            Arrival::Deposit { to, wei } => world.deposit(Self::address(*to), u128::from(*wei)),
            Arrival::Failing { wei } => {
                world.deposit(WRITER, u128::from(*wei));
                let last = world.inbox.pop().expect("just appended");
                world.accumulators.pop();
                // Too little gas to write.
                world.enqueue(|message| {
                    *message = mezz_types::Message {
                        gas_limit: 22_000,
                        data: Bytes::from(vec![1; 64]),
                        ..last
                    }
                });
            }
            Arrival::Forced { from, wei } => {
                let to = TxKind::Call(Self::address(7));
                let tx = transaction(self.next(*from), to, u128::from(*wei), &[]);
                world.force(300_000, Self::key(*from).sign(tx).encoded_2718());
            }
            Arrival::Garbage => world.force(50_000, vec![2, 0xc0]),
        }
        world.pass(1);
    }

    fn act(&mut self, block: &mut BatchBlock, act: &Act) {
        let push = |block: &mut BatchBlock, from: u8, tx: alloy_consensus::TxEip1559| {
            block.transactions.push(Self::key(from).sign(tx));
        };
        match *act {
            Act::Transfer { from, to, wei } => {
                let to = TxKind::Call(Self::address(to));
                let tx = transaction(self.next(from), to, wei.into(), &[]);
                push(block, from, tx);
            }
            Act::Write { from, slot, value } => {
                let mut data = [0; 64];
                (data[31], data[63]) = (slot, value);
                let tx = transaction(self.next(from), TxKind::Call(WRITER), 0, &data);
                push(block, from, tx);
            }
            Act::Quit { from, wei } => {
                let tx = transaction(self.next(from), TxKind::Call(QUITTER), wei.into(), &[]);
                push(block, from, tx);
            }
            Act::Deploy { from } => {
                let nonce = self.next(from);
                // Copies the eight bytes after itself: PUSH1 8, DUP1, PUSH1 9, PUSH0, CODECOPY,
                // PUSH0, RETURN.
                let init = [0x60, 8, 0x80, 0x60, 9, 0x5f, 0x39, 0x5f, 0xf3];
                let data = [&init[..], &WRITER_CODE].concat();
                push(block, from, transaction(nonce, TxKind::Create, 0, &data));
                let to = TxKind::Call(self.deployed);
                self.deployed = Self::address(from).create(nonce);
                let tx = transaction(self.next(from), to, 0, &[7; 64]);
                push(block, from, tx);
            }
            Act::Unprotected { from } => {
                let tx = TxLegacy {
                    chain_id: None,
                    nonce: self.next(from),
                    gas_price: 100_000_000_000,
                    gas_limit: 50_000,
                    to: TxKind::Call(Self::address(5)),
                    value: U256::from(1),
                    input: Bytes::new(),
                };
                block.transactions.push(Self::key(from).sign(tx));
            }
            Act::WrongNonce { from } => {
                let tx = transaction(self.nonces[from as usize] + 9, TxKind::Create, 0, &[]);
                push(block, from, tx);
            }
        }
    }
}

/// A chain with four rich accounts, and `rounds` of batches on it.
fn play(rounds: &[Round]) -> Vec<World> {
    let mut world = World::new(&[(WRITER, &WRITER_CODE), (QUITTER, &QUITTER_CODE)]);
    for who in 0..4 {
        world.deposit(Actors::address(who), ETHER);
    }
    world.batch(&[block(world.l1.timestamp, 5)]);
    let mut actors = Actors { nonces: [0; 4], deployed: WRITER };
    let mut worlds = vec![world.clone()];
    for round in rounds {
        world.pass(5);
        round.arrivals.iter().for_each(|arrival| actors.arrive(&mut world, arrival));
        let mut waiting = world.pending();
        let mut blocks = Vec::new();
        for (position, (messages, acts)) in round.blocks.iter().enumerate() {
            let is_last = position + 1 == round.blocks.len();
            let count = if is_last { waiting } else { waiting.min(u64::from(*messages)) };
            waiting -= count;
            let mut next = block(world.l1.timestamp, count);
            acts.iter().for_each(|act| actors.act(&mut next, act));
            blocks.push(next);
        }
        if round.garbled {
            let posted = world.post(world.pending(), Data::Calldata(vec![1; 20]), |_| {});
            world.accept(posted);
        } else if round.in_blobs {
            world.blob_batch(&blocks);
        } else {
            world.batch(&blocks);
        }
        worlds.push(world.clone());
    }
    worlds
}

/// What a run from `before` to `after` asks of the state, as the witness state asks it.
fn recorded(before: &World, after: &World) -> Witness {
    let recorder = Recorder::new(before.state.whole());
    let mut state = WitnessState::new(before.head.commitment().state_root, recorder);
    let mut head = before.head.clone();
    for posted in &after.batches[before.batches.len()..] {
        let messages = after.messages_of(&posted.batch);
        let input = BatchInput { batch: &posted.batch, bytes: &posted.bytes, messages };
        let outcome = apply_batch(&after.config, &head, &input, &mut state, &PlainCrypto);
        head = outcome.expect("the whole state is there").blocks.last().expect("one").into();
    }
    assert_eq!(head, after.head);
    state.into_source().into_witness()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn native_and_witness_agree(rounds in vec_of(round(), 1..4)) {
        let worlds = play(&rounds);
        let last = worlds.last().expect("at least one");
        for before in &worlds {
            let claim = last.claim_since(before);
            let witness = last.witness_since(before);
            let verdict = verify_claim(&claim, &witness, &PlainCrypto).expect("all is there");
            prop_assert_eq!(verdict, ClaimVerdict::Holds);
            let recorded = recorded(before, last);
            prop_assert_eq!(&witness.state.nodes, &recorded.nodes);
            prop_assert_eq!(&witness.state.values, &recorded.values);
            prop_assert!(recorded.codes.keys().all(|code| witness.state.codes.contains_key(code)));
        }
    }

    /// Every node, value and code that was asked for is needed.
    #[test]
    fn less_than_the_witness_is_not_enough(rounds in vec_of(round(), 1..3)) {
        let worlds = play(&rounds);
        let (before, last) = (&worlds[0], worlds.last().expect("at least one"));
        let claim = last.claim_since(before);
        let mut witness = last.witness_since(before);
        witness.state = recorded(before, last);
        let holds = verify_claim(&claim, &witness, &PlainCrypto).expect("all is there");
        prop_assert_eq!(holds, ClaimVerdict::Holds);
        let state = witness.state.clone();
        let fails = |state: Witness| {
            let less = mezz_transition::ClaimWitness { state, ..witness.clone() };
            verify_claim(&claim, &less, &PlainCrypto).is_err()
        };
        for hash in state.nodes.keys() {
            let mut less = state.clone();
            less.nodes.remove(hash);
            prop_assert!(fails(less), "node");
        }
        for hash in state.values.keys() {
            let mut less = state.clone();
            less.values.remove(hash);
            prop_assert!(fails(less), "value");
        }
        for hash in state.codes.keys() {
            let mut less = state.clone();
            less.codes.remove(hash);
            prop_assert!(fails(less), "code");
        }
    }
}

/// The rounds above do what they say.
#[test]
fn every_act_has_an_effect() {
    let acts = vec![
        Act::Transfer { from: 0, to: 6, wei: 9 },
        Act::Write { from: 1, slot: 2, value: 1 },
        Act::Quit { from: 2, wei: 4 },
        Act::Deploy { from: 3 },
        Act::Deploy { from: 3 },
        Act::Unprotected { from: 0 },
        Act::WrongNonce { from: 1 },
    ];
    let arrivals = vec![
        Arrival::Deposit { to: 6, wei: 5 },
        Arrival::Failing { wei: 3 },
        Arrival::Forced { from: 0, wei: 8 },
        Arrival::Garbage,
    ];
    let clear = vec![Act::Write { from: 1, slot: 2, value: 0 }];
    let round = |arrivals, acts| Round {
        arrivals,
        blocks: vec![(1, acts)],
        garbled: false,
        in_blobs: false,
    };
    let worlds = play(&[round(arrivals, acts), round(vec![], clear)]);
    let slot = storage_key(WRITER, U256::from(2));
    assert!(worlds[1].state.leaves.contains_key(&slot));
    assert!(!worlds[2].state.leaves.contains_key(&slot));
    let balance = |who| worlds[1].state.account(who).expect("infallible").map(|a| a.balance);
    assert_eq!(balance(Actors::address(6)), Some(U256::from(14)));
    assert_eq!(balance(Actors::address(7)), Some(U256::from(8)));
    assert_eq!(balance(Actors::address(5)), Some(U256::from(1)));
    assert_eq!(balance(Address::repeat_byte(0xbb)), Some(U256::from(3)), "refunded");
    let first = Actors::address(3).create(0);
    let written = U256::from_be_bytes([7; 32]);
    assert_eq!(worlds[1].state.storage(first, written), Ok(written), "called after deployment");
}

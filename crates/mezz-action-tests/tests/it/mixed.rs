//! Ten thousand transactions of all kinds, and a node that learns them from L1 alone.

use alloy::consensus::TxEnvelope;
use alloy_primitives::{Address, Bytes, TxKind, U256};
use mezz_action_tests::{
    Account, ETHER, TOKEN_GAS, World, WorldSettings, check_in_machine, check_witnesses, key,
    mint_call, token_init_code, transfer_call,
};
use mezz_types::{BlockNumber, DataKind};

/// Signed transactions and messages that must be in blocks in the end.
const TOTAL: usize = 10_000;
const SENDERS: usize = 100;
const PER_BLOCK: usize = 300;
/// Blocks between batches.
const BLOCKS_PER_BATCH: usize = 6;

/// A sequence that is the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).expect("it is below a count")
    }
}

struct Mix {
    world: World,
    senders: Vec<Account>,
    tokens: Vec<Address>,
    /// Signs what goes through the inbox, so that its nonces meet nobody else's.
    forcer: Account,
    dice: Dice,
    /// Wei that the depositor has on L2 when all failed deposits went back to it.
    refunded: U256,
}

impl Mix {
    async fn new() -> Self {
        let settings = WorldSettings { data: DataKind::Blob, ..WorldSettings::default() };
        let mut world = World::new(settings).await;
        let senders: Vec<_> =
            (0..SENDERS).map(|index| world.account(&format!("sender {index}"))).collect();
        let forcer = world.account("forcer");
        let (mut bank, l1) = (world.account("alice"), key("bob"));
        world.act_deposit(&l1, bank.address(), ETHER * U256::from(100_000)).await;
        world.act_deposit(&l1, forcer.address(), ETHER * U256::from(100)).await;
        world.act_derive_all().await;
        world.act_l2_build().await.expect("deposits are work");
        for sender in &senders {
            let transfer = bank.transfer(sender.address(), ETHER * U256::from(100));
            world.act_send_l2(transfer).await;
        }
        world.act_l2_build().await.expect("transfers are work");
        let (dice, tokens) = (Dice(0x9e37_79b9_7f4a_7c15), Vec::new());
        let mut mix = Self { world, senders, tokens, forcer, dice, refunded: U256::ZERO };
        mix.deploy_tokens().await;
        mix
    }

    async fn deploy_tokens(&mut self) {
        for index in 0..5 {
            let owner = &mut self.senders[index];
            self.tokens.push(owner.address().create(owner.nonce));
            let deploy = owner.sign(TxKind::Create, U256::ZERO, token_init_code(), 200_000);
            self.world.act_send_l2(deploy).await;
        }
        self.world.act_l2_build().await.expect("creations are work");
        for index in 0..SENDERS {
            let token = self.tokens[index % self.tokens.len()];
            let mint = mint_call(1_000_000);
            let sender = &mut self.senders[index];
            let mint = sender.sign(TxKind::Call(token), U256::ZERO, mint, TOKEN_GAS);
            self.world.act_send_l2(mint).await;
        }
        self.world.act_l2_build().await.expect("calls are work");
    }

    /// The next transaction: transfers, calls of tokens, calls that fail, creations.
    fn next(&mut self) -> TxEnvelope {
        let index = self.dice.below(SENDERS);
        let to = self.senders[self.dice.below(SENDERS)].address();
        let fresh = Address::from_word(alloy_primitives::keccak256(self.dice.0.to_be_bytes()));
        let token = self.tokens[index % self.tokens.len()];
        let roll = self.dice.below(100);
        let sender = &mut self.senders[index];
        sender.tip = 1_000_000 + u128::from(self.dice.0 % 1_000);
        let nothing = U256::ZERO;
        match roll {
            0..50 => sender.transfer(to, U256::from(1 + roll)),
            50..60 => sender.transfer(fresh, U256::from(1 + roll)),
            60..88 => {
                let call = transfer_call(to, 1 + self.dice.0 % 10);
                sender.sign(TxKind::Call(token), nothing, call, TOKEN_GAS)
            }
            88..93 => {
                // More than anybody has: it reverts and pays.
                let call = transfer_call(to, u64::MAX);
                sender.sign(TxKind::Call(token), nothing, call, TOKEN_GAS)
            }
            93..95 => sender.sign(TxKind::Call(token), nothing, mint_call(5), TOKEN_GAS),
            95..98 => sender.sign(TxKind::Create, nothing, token_init_code(), 200_000),
            // A creation whose code fails.
            _ => sender.sign(TxKind::Create, nothing, Bytes::from_static(&[0xfe]), 100_000),
        }
    }

    /// Deposits, deposits that fail, forced transactions, and forced bytes that are none.
    async fn messages(&mut self) {
        let l1 = key("carol");
        let to = self.senders[self.dice.below(SENDERS)].address();
        self.world.act_deposit(&l1, to, ETHER).await;
        let forced = self.forcer.transfer(to, U256::from(3));
        self.world.act_force(&l1, 50_000, &forced).await;
        self.world.act_force(&l1, 50_000, &forced).await;
        let junk = Bytes::from_static(&[0x02, 0xc0]);
        self.world.try_force(&l1, 50_000, junk).await.expect("the inbox takes any bytes");
        // The token reverts, and the depositor gets the ether on L2.
        let (before, call) = (self.world.node.balance(l1.address()), transfer_call(to, 1));
        self.world.act_deposit_call(&l1, self.tokens[0], ETHER, call).await;
        self.refunded = before + ETHER;
        self.world.act_derive_all().await;
    }

    async fn block(&mut self) -> usize {
        for _ in 0..PER_BLOCK {
            let transaction = self.next();
            self.world.act_send_l2(transaction).await;
        }
        self.world.act_l2_build().await.expect("transactions are work").transactions
    }
}

/// Transactions in blocks, those that failed, and those that came through the inbox.
fn count(world: &World) -> (usize, usize, usize) {
    let reader = &world.node.parts().view.reader;
    let mut counts = (0, 0, 0);
    for number in 1..=world.node.head().0 {
        let number = BlockNumber::new(number);
        let receipts = reader.receipts(number).unwrap().unwrap();
        counts.0 += receipts.len();
        counts.1 += receipts.iter().filter(|receipt| !receipt.success).count();
        let body = reader.body(number).unwrap().unwrap();
        counts.2 += usize::try_from(body.from_inbox).unwrap();
    }
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_with_nothing_but_l1_ends_on_the_same_block() {
    let mut mix = Mix::new().await;
    let mut blocks = 0;
    while count(&mix.world).0 < TOTAL {
        if blocks % 3 == 0 {
            mix.messages().await;
        }
        assert!(mix.block().await >= PER_BLOCK);
        blocks += 1;
        if blocks % BLOCKS_PER_BATCH == 0 {
            assert!(!mix.world.act_batch_all().await.is_empty());
        }
        if blocks == BLOCKS_PER_BATCH * 2 {
            mix.world.act_restart_node();
            mix.world.act_derive_all().await;
        }
    }
    mix.world.act_batch_all().await;
    assert_eq!(mix.world.node.balance(key("carol").address()), mix.refunded);
    let mut world = mix.world;
    let (all, failed, from_inbox) = count(&world);
    println!("{all} transactions, {failed} failed, {from_inbox} through the inbox");
    assert!(all >= TOTAL && failed > TOTAL / 50 && from_inbox > TOTAL / 500);
    let (head, hash) = world.node.head();
    assert_eq!(world.node.safe(), head);
    assert_eq!(check_witnesses(&world.node), head);
    world.node.close();

    let mut replica = world.replica();
    replica.derive_all().await.expect("the replica follows L1");
    assert_eq!(replica.head(), (head, hash));
    let last = world.batch_end().await.batches - 1;
    check_in_machine(&world, &replica, last..last + 1).await;
}

//! Steps: how they are drawn and what they do.

use alloy::eips::Encodable2718 as _;
use alloy::sol_types::SolCall as _;
use alloy_primitives::{Bytes, TxKind, U256};
use mezz_contracts::Outbox;
use mezz_types::OUTBOX;

use super::{
    dice::Dice,
    feed::Heard,
    link::Accident,
    member::Who,
    network::{Network, TARGETS, sink, target},
};
use crate::{TOKEN_GAS, mint_call, transfer_call};

/// L2 gas of a withdrawal.
const WITHDRAW_GAS: u64 = 300_000;

/// What a node does by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Build,
    Derive(Who),
    Follow(Who),
    Post,
    Claim,
    /// All that the node does, one after the other, as its loops would.
    Turn(Who),
}

impl Act {
    const fn who(self) -> Who {
        match self {
            Self::Build => Who::Sequencer,
            Self::Derive(who) | Self::Follow(who) | Self::Turn(who) => who,
            Self::Post => Who::Batcher,
            Self::Claim => Who::Proposer,
        }
    }
}

/// One step.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Transfer {
        from: usize,
        to: usize,
        wei: u64,
    },
    Token {
        from: usize,
        to: usize,
        units: u64,
    },
    Withdraw {
        from: usize,
        to: u8,
        wei: u64,
    },
    Deposit {
        to: usize,
        wei: u64,
    },
    Bounce {
        wei: u64,
    },
    Force {
        wei: u64,
    },
    Node(Act),
    /// A node does something, and something happens to its line to L1 after so many requests.
    Mishap {
        act: Act,
        after: u64,
        accident: Accident,
    },
    /// The sequencer's power fails when a block is in its database and not in its state.
    Tear,
    /// A node follows L1 for some steps only.
    Partly {
        who: Who,
        steps: usize,
    },
    Pay,
    Mine(u64),
    Pass(u64),
    /// L1 makes no block for a transaction, until somebody else sends one.
    Hold,
    Restart(Who),
    Kill(Who),
    Stop(Who),
    Start(Who),
    Cut(Who),
    Heal(Who),
}

/// How much of what a seed brings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weights {
    users: u64,
    nodes: u64,
    l1: u64,
    crashes: u64,
    lines: u64,
}

impl Weights {
    pub(super) fn draw(dice: &mut Dice) -> Self {
        let mut some = |choices: &[(u64, u64)]| dice.weighted(choices);
        Self {
            users: some(&[(1, 10), (3, 25), (1, 50)]),
            nodes: some(&[(1, 30), (3, 60)]),
            l1: some(&[(1, 3), (3, 8), (1, 16)]),
            crashes: some(&[(2, 0), (3, 4), (3, 10), (1, 25)]),
            lines: some(&[(3, 0), (3, 3), (1, 8)]),
        }
    }
}

fn anybody(dice: &mut Dice) -> Who {
    Who::ALL[dice.place(Who::ALL.len())]
}

fn act(dice: &mut Dice) -> Act {
    let one = anybody(dice);
    let follower = if dice.percent(50) { Who::Batcher } else { Who::Replica };
    dice.weighted(&[
        (5, Act::Turn(Who::Sequencer)),
        (5, Act::Turn(Who::Batcher)),
        (5, Act::Turn(Who::Proposer)),
        (3, Act::Turn(one)),
        (3, Act::Build),
        (3, Act::Derive(one)),
        (2, Act::Follow(follower)),
        (2, Act::Post),
        (1, Act::Claim),
    ])
}

impl Step {
    /// The next one.
    pub(super) fn draw(dice: &mut Dice, weights: &Weights, users: usize) -> Self {
        let kind = dice.weighted(&[
            (weights.users, 0u8),
            (weights.nodes, 1),
            (weights.l1, 2),
            (weights.crashes, 3),
            (weights.lines, 4),
        ]);
        match kind {
            0 => Self::of_a_user(dice, users),
            1 if dice.percent(8) => Self::Partly { who: anybody(dice), steps: 1 + dice.place(4) },
            1 => Self::Node(act(dice)),
            2 => match dice.below(10) {
                0..5 => Self::Mine(dice.between(1, 4)),
                5..7 => Self::Pass(dice.between(1, 40)),
                7 => Self::Pass(dice.between(40, 700)),
                8 => Self::Hold,
                _ => Self::Mine(dice.between(4, 20)),
            },
            3 => Self::of_a_crash(dice),
            _ => {
                let who = anybody(dice);
                if dice.percent(50) { Self::Cut(who) } else { Self::Heal(who) }
            }
        }
    }

    fn of_a_user(dice: &mut Dice, users: usize) -> Self {
        let (from, to) = (dice.place(users), dice.place(users));
        let wei = dice.between(1, 1_000_000_000_000_000);
        match dice.below(20) {
            0..8 => Self::Transfer { from, to, wei },
            8..11 => Self::Token { from, to, units: dice.below(50) },
            11..13 => Self::Withdraw { from, to: u8::try_from(to).unwrap_or(0) % TARGETS, wei },
            13..16 => Self::Deposit { to, wei },
            16 => Self::Bounce { wei },
            17..19 => Self::Force { wei },
            _ => Self::Pay,
        }
    }

    fn of_a_crash(dice: &mut Dice) -> Self {
        match dice.below(10) {
            0..2 => Self::Restart(anybody(dice)),
            2..4 => Self::Kill(anybody(dice)),
            4 => Self::Stop(anybody(dice)),
            5 => Self::Start(anybody(dice)),
            6 => Self::Tear,
            _ => {
                let accident = dice.weighted(&[
                    (3, Accident::DiesBefore),
                    (4, Accident::DiesAfter),
                    (2, Accident::AnswerLost),
                ]);
                Self::Mishap { act: act(dice), after: dice.below(12), accident }
            }
        }
    }

    /// The node that must run for it.
    pub(super) const fn needs(&self) -> Option<Who> {
        match self {
            Self::Transfer { .. } | Self::Token { .. } | Self::Withdraw { .. } => {
                Some(Who::Sequencer)
            }
            Self::Force { .. } | Self::Tear => Some(Who::Sequencer),
            Self::Node(act) | Self::Mishap { act, .. } => Some(act.who()),
            Self::Partly { who, .. } | Self::Restart(who) | Self::Kill(who) | Self::Stop(who) => {
                Some(*who)
            }
            Self::Pay => Some(Who::Proposer),
            _ => None,
        }
    }
}

impl Network {
    /// Takes a step: what came of it.
    pub(super) async fn take(&mut self, step: &Step) -> Result<String, String> {
        if let Some(who) = step.needs()
            && !self.member(who).open
        {
            return Ok("not running".into());
        }
        match *step {
            Step::Transfer { from, to, wei } => {
                let to = self.users[to].address();
                self.send_as(from, TxKind::Call(to), wei, Bytes::new(), 21_000).await
            }
            Step::Token { from, to, units } => {
                let to = self.users[to].address();
                let data = if units % 3 == 0 { mint_call(units) } else { transfer_call(to, units) };
                self.send_as(from, TxKind::Call(self.token), 0, data, TOKEN_GAS).await
            }
            Step::Withdraw { from, to, wei } => {
                let data = Outbox::withdrawEtherCall { target: target(to) }.abi_encode();
                self.send_as(from, TxKind::Call(OUTBOX), wei, data.into(), WITHDRAW_GAS).await
            }
            Step::Pay => Ok(self.pay().await?.unwrap_or_else(|| "nothing to pay".into())),
            Step::Node(act) => self.act(act).await,
            Step::Mishap { act, after, accident } => self.mishap(act, after, accident).await,
            Step::Tear => self.tear().await,
            Step::Partly { who, steps } => self.derive(who, steps).await,
            Step::Deposit { .. } | Step::Bounce { .. } | Step::Force { .. } => {
                Ok(self.message(step).await)
            }
            Step::Mine(_) | Step::Pass(_) | Step::Hold => Ok(self.l1_step(step).await),
            Step::Restart(_) | Step::Kill(_) | Step::Stop(_) | Step::Start(_) => {
                self.crash_step(step)
            }
            Step::Cut(who) => {
                self.member(who).feed.say(Heard::Nothing);
                self.member(who).l1.tell(crate::Lie::Errors);
                Ok("cut off".into())
            }
            Step::Heal(who) => {
                self.heal(who);
                Ok("healed".into())
            }
        }
    }

    pub(super) fn heal(&mut self, who: Who) {
        let member = self.member(who);
        member.link.clear();
        member.feed.say(Heard::Everything);
        member.l1.tell(crate::Lie::Nothing);
    }

    async fn send_as(
        &mut self,
        from: usize,
        to: TxKind,
        wei: u64,
        data: Bytes,
        gas: u64,
    ) -> Result<String, String> {
        let nonce = self.next_nonce(self.users[from].address()).await;
        self.users[from].nonce = nonce;
        let signed = self.users[from].sign(to, U256::from(wei), data, gas);
        Ok(self.offer(signed, true).await)
    }

    async fn message(&mut self, step: &Step) -> String {
        let sent = match *step {
            Step::Deposit { to, wei } => {
                let to = self.users[to].address();
                self.deposit("bob", to, U256::from(wei), Bytes::new()).await
            }
            Step::Bounce { wei } => {
                let call = transfer_call(sink(0), u64::MAX);
                self.deposit("carol", self.token, U256::from(wei), call).await
            }
            Step::Force { wei } => {
                let mut forcer = self.world.account("forcer");
                forcer.nonce = self.member(Who::Sequencer).node.nonce(forcer.address());
                let signed = forcer.transfer(sink(1), U256::from(wei));
                self.force("anybody", signed.encoded_2718().into()).await
            }
            _ => unreachable!("no message: {step:?}"),
        };
        match sent {
            Ok(receipt) => format!("in L1 block {:?}", receipt.block_number),
            Err(error) => format!("not sent: {error}"),
        }
    }

    async fn l1_step(&mut self, step: &Step) -> String {
        match *step {
            Step::Mine(count) => self.world.l1.mine(count).await,
            Step::Pass(secs) => self.world.act_time_travel(secs).await,
            _ => self.world.l1.mine_on_demand(true).await,
        }
        format!("L1 is at {}", self.world.l1.head())
    }

    pub(super) async fn act(&mut self, act: Act) -> Result<String, String> {
        match act {
            Act::Build => self.build().await,
            Act::Derive(who) => self.derive(who, usize::MAX).await,
            Act::Follow(who) if who.follows() => self.follow(who).await,
            Act::Follow(_) => Ok("it follows nobody".into()),
            Act::Post => self.post(false).await,
            Act::Claim => self.claim().await,
            Act::Turn(who) => self.turn(who).await,
        }
    }

    async fn turn(&mut self, who: Who) -> Result<String, String> {
        let derived = self.derive(who, usize::MAX).await?;
        let done = match who {
            Who::Sequencer => self.build().await?,
            Who::Batcher => {
                let followed = self.follow(who).await?;
                format!("{followed}; {}", self.post(false).await?)
            }
            Who::Proposer => self.claim().await?,
            Who::Replica => self.follow(who).await?,
            Who::Derived => return Ok(derived),
        };
        Ok(format!("{derived}; {done}"))
    }

    async fn mishap(&mut self, act: Act, after: u64, accident: Accident) -> Result<String, String> {
        let who = act.who();
        let link = std::sync::Arc::clone(&self.member(who).link);
        link.plan(after, accident);
        let done = tokio::select! {
            biased;
            () = link.died() => None,
            done = self.act(act) => Some(done),
        };
        link.clear();
        if let Some(done) = done {
            return done;
        }
        self.member_mut(who).kill().map_err(|error| error.to_string())?;
        Ok("died half-way and came back".into())
    }

    async fn tear(&mut self) -> Result<String, String> {
        let text = |error: std::io::Error| error.to_string();
        self.member(Who::Sequencer).keep_state().map_err(text)?;
        let built = self.build().await?;
        let sequencer = self.member_mut(Who::Sequencer);
        let before = sequencer.node.head();
        sequencer.tear().map_err(text)?;
        let after = sequencer.node.head();
        if before != after {
            return Err(format!("the power failed at {before:?}, and {after:?} was left"));
        }
        Ok(format!("{built}; the power failed"))
    }

    fn crash_step(&mut self, step: &Step) -> Result<String, String> {
        let (Step::Restart(who) | Step::Kill(who) | Step::Stop(who) | Step::Start(who)) = *step
        else {
            unreachable!("no crash: {step:?}");
        };
        let member = self.member_mut(who);
        let before = member.open.then(|| member.node.head());
        match step {
            Step::Restart(_) => {
                member.stop();
                member.start();
            }
            Step::Kill(_) => member.kill().map_err(|error| error.to_string())?,
            Step::Stop(_) => member.stop(),
            _ if member.open => return Ok("it runs".into()),
            _ => member.start(),
        }
        let after = member.open.then(|| member.node.head());
        if let (Some(before), Some(after)) = (before, after)
            && before != after
        {
            return Err(format!("{who:?} was at {before:?} and came back at {after:?}"));
        }
        Ok(format!("{who:?} at {after:?}"))
    }
}

//! Several L1 nodes, asked as one.
//!
//! # Rules
//! - Q1 Which block stands at a height, and how far a label has come, no hash can tell: that many nodes
//!   as the quorum must say the same.
//! - Q2 Everything else is checked against hashes by whoever asks for it. It is asked of one node, and of
//!   the next one if that fails, does not answer in time, or does not have it.
//! - Q3 A node that fails rests: for as long as it asks for, or two seconds, and twice as long each time it
//!   fails again. One whose answer turned out wrong rests longer than anybody waits before asking again. Who
//!   rests is asked last.
//! - Q4 A signed transaction goes to every node.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use alloy::{
    rpc::{
        json_rpc::{
            Request, RequestPacket, Response, ResponsePacket, ResponsePayload, SerializedRequest,
        },
        types::Block,
    },
    transports::{RpcError, TransportError, TransportErrorKind},
};
use alloy_primitives::B256;
use tokio::task::JoinSet;

use crate::{Timer, endpoint::Link};

/// How long a node has for an answer before the next one is asked.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a node rests at most, unless it asks for more.
const MAX_REST_SECS: u64 = 64;
/// How long a node rests that said something wrong.
const LIAR_REST: Duration = Duration::from_secs(60);

/// The nodes, and how they have behaved.
pub(crate) struct Sources {
    links: Vec<Link>,
    quorum: usize,
    timer: Arc<dyn Timer>,
    health: Mutex<Vec<Health>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Health {
    failures: u32,
    rests_until: Duration,
}

/// Too few nodes say the same.
#[derive(Debug, thiserror::Error)]
#[error("the L1 nodes do not agree on {what}: {needed} of {asked} must say the same")]
struct NoQuorum {
    what: String,
    needed: usize,
    asked: usize,
}

/// A node did not answer in time.
#[derive(Debug, thiserror::Error)]
#[error("no answer within {secs} s")]
struct TooSlow {
    secs: u64,
}

/// A header does not hash to the hash that came with it.
#[derive(Debug, thiserror::Error)]
#[error("block {number} does not hash to its hash")]
struct FalseHash {
    number: u64,
}

type Answer = Result<ResponsePacket, TransportError>;

impl Sources {
    pub(crate) fn new(links: Vec<Link>, quorum: usize, timer: Arc<dyn Timer>) -> Self {
        let health = Mutex::new(vec![Health::default(); links.len()]);
        Self { links, quorum, timer, health }
    }

    pub(crate) fn links(&self) -> &[Link] {
        &self.links
    }

    pub(crate) const fn len(&self) -> usize {
        self.links.len()
    }

    pub(crate) const fn quorum(&self) -> usize {
        self.quorum
    }

    /// Answers a request as one node would.
    pub(crate) async fn ask(self: Arc<Self>, packet: RequestPacket) -> Answer {
        let RequestPacket::Single(request) = &packet else { return self.ask_one(packet).await };
        match request.method() {
            "eth_sendRawTransaction" => self.ask_everyone(packet).await,
            "eth_getBlockByNumber" if self.quorum > 1 => match first_param(request) {
                Some(tag) if ["latest", "safe", "finalized"].contains(&tag.as_str()) => {
                    self.agree_on_label(request.clone(), &tag).await
                }
                Some(tag) if tag.starts_with("0x") => self.agree(packet, &tag).await,
                _ => self.ask_one(packet).await,
            },
            _ => self.ask_one(packet).await,
        }
    }

    /// The node that is asked first has said something that is not so (Q3).
    pub(crate) fn pass_over(&self) {
        if let Some(first) = self.order().first() {
            self.rest(*first, Some(LIAR_REST));
        }
    }

    /// Nodes in the order in which they are asked: those that rest last, the one that has rested longest
    /// first among them.
    fn order(&self) -> Vec<usize> {
        let now = self.timer.now();
        let health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        let mut order: Vec<usize> = (0..health.len()).collect();
        let rest = |index: &usize| {
            let until = health.get(*index).map_or(Duration::ZERO, |health| health.rests_until);
            if until > now { until } else { Duration::ZERO }
        };
        order.sort_by_key(rest);
        order
    }

    fn rests(&self, index: usize) -> bool {
        let health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        health.get(index).is_some_and(|health| health.rests_until > self.timer.now())
    }

    fn rest(&self, index: usize, asked_for: Option<Duration>) {
        let now = self.timer.now();
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(health) = health.get_mut(index) else { return };
        health.failures = health.failures.saturating_add(1);
        let backoff = Duration::from_secs(MAX_REST_SECS.min(1 << health.failures.min(6)));
        health.rests_until = now + asked_for.unwrap_or(backoff);
        tracing::warn!(node = index, failures = health.failures, "L1 node passed over for a while");
    }

    fn recovered(&self, index: usize) {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(health) = health.get_mut(index) {
            *health = Health::default();
        }
    }

    /// Asks one node, and makes it rest if it does not answer.
    async fn ask_node(self: Arc<Self>, index: usize, packet: RequestPacket) -> Answer {
        let Some(link) = self.links.get(index).cloned() else {
            return Err(TransportErrorKind::backend_gone());
        };
        let answer = tokio::select! {
            biased;
            answer = link.ask(packet) => answer,
            () = self.timer.pause(PATIENCE) => {
                Err(TransportErrorKind::custom(TooSlow { secs: PATIENCE.as_secs() }))
            }
        };
        if let Err(error) = &answer {
            let asked_for = match error {
                RpcError::Transport(kind) => kind.retry_after(),
                _ => None,
            };
            tracing::debug!(%error, node = index, "L1 node does not answer");
            self.rest(index, asked_for);
        } else if !self.rests(index) {
            self.recovered(index);
        }
        answer
    }

    /// Q2.
    async fn ask_one(self: Arc<Self>, packet: RequestPacket) -> Answer {
        let mut kept: Option<Answer> = None;
        for index in self.order() {
            let answer = Arc::clone(&self).ask_node(index, packet.clone()).await;
            match &answer {
                Ok(found) if is_final(found) => return answer,
                // «I do not have it» says more than «I cannot say», and that more than silence.
                Ok(found) => {
                    let better = match &kept {
                        Some(Ok(kept)) => kept.is_error() && !found.is_error(),
                        Some(Err(_)) | None => true,
                    };
                    if better {
                        kept = Some(answer);
                    }
                }
                Err(_) => kept = kept.or(Some(answer)),
            }
        }
        kept.unwrap_or_else(|| Err(TransportErrorKind::backend_gone()))
    }

    /// Q4. One that takes it is enough.
    async fn ask_everyone(self: Arc<Self>, packet: RequestPacket) -> Answer {
        let mut answers = self.start(&packet, &self.order());
        let mut kept: Option<Answer> = None;
        while let Some((_, answer)) = next(&mut answers).await {
            let rank = |answer: &Answer| match answer {
                Ok(found) if found.is_success() => 2,
                Ok(_) => 1,
                Err(_) => 0,
            };
            if kept.as_ref().is_none_or(|kept| rank(kept) < rank(&answer)) {
                kept = Some(answer);
            }
        }
        kept.unwrap_or_else(|| Err(TransportErrorKind::backend_gone()))
    }

    /// Q1, for the block at a height.
    async fn agree(self: Arc<Self>, packet: RequestPacket, what: &str) -> Answer {
        let mut answers = self.start(&packet, &self.voters());
        let mut votes: Vec<(Option<B256>, ResponsePacket)> = Vec::new();
        while let Some((index, answer)) = next(&mut answers).await {
            let Ok(answer) = answer else { continue };
            let vote = match block_of(&answer) {
                Ok(block) => block.map(|block| block.header.hash),
                Err(error) => {
                    tracing::warn!(%error, node = index, "L1 node lies or is broken");
                    self.rest(index, Some(LIAR_REST));
                    continue;
                }
            };
            votes.push((vote, answer));
            let same = votes.iter().filter(|(other, _)| *other == vote).count();
            if same >= self.quorum
                && let Some((_, answer)) = votes.pop()
            {
                return Ok(answer);
            }
        }
        Err(self.no_quorum(format!("block {what}")))
    }

    /// Q1, for a label: the highest block that a quorum has reached, as a quorum has it.
    async fn agree_on_label(self: Arc<Self>, request: SerializedRequest, label: &str) -> Answer {
        let packet = RequestPacket::Single(request.clone());
        let mut answers = self.start(&packet, &self.voters());
        let (mut numbers, mut none) = (Vec::new(), None);
        while let Some((index, answer)) = next(&mut answers).await {
            let Ok(answer) = answer else { continue };
            match block_of(&answer) {
                Ok(Some(block)) => numbers.push(block.header.number),
                Ok(None) => none = Some(answer),
                Err(error) => {
                    tracing::warn!(%error, node = index, "L1 node lies or is broken");
                    self.rest(index, Some(LIAR_REST));
                }
            }
        }
        numbers.sort_unstable_by(|a, b| b.cmp(a));
        let Some(number) = numbers.get(self.quorum.saturating_sub(1)) else {
            return none.map_or_else(|| Err(self.no_quorum(format!("the {label} block"))), Ok);
        };
        let tag = format!("{number:#x}");
        let id = request.id().clone();
        let at = Request::new("eth_getBlockByNumber", id, (tag.clone(), false))
            .serialize()
            .map_err(TransportError::ser_err)?;
        self.agree(RequestPacket::Single(at), &tag).await
    }

    fn no_quorum(&self, what: String) -> TransportError {
        TransportErrorKind::custom(NoQuorum { what, needed: self.quorum, asked: self.links.len() })
    }

    /// Those that do not rest; if they are too few, those whose rest ends first as well.
    fn voters(&self) -> Vec<usize> {
        let mut order = self.order();
        let awake = order.iter().filter(|index| !self.rests(**index)).count();
        order.truncate(awake.max(self.quorum));
        order
    }

    fn start(
        self: &Arc<Self>,
        packet: &RequestPacket,
        nodes: &[usize],
    ) -> JoinSet<(usize, Answer)> {
        let mut answers = JoinSet::new();
        for index in nodes.iter().copied() {
            let asking = Arc::clone(self).ask_node(index, packet.clone());
            answers.spawn(async move { (index, asking.await) });
        }
        answers
    }
}

/// The next answer; a node whose task failed did not answer.
async fn next(answers: &mut JoinSet<(usize, Answer)>) -> Option<(usize, Answer)> {
    loop {
        if let Ok(answer) = answers.join_next().await? {
            return Some(answer);
        }
    }
}

fn first_param(request: &SerializedRequest) -> Option<String> {
    let params: Vec<serde_json::Value> = serde_json::from_str(request.params()?.get()).ok()?;
    params.first()?.as_str().map(ToOwned::to_owned)
}

/// Whether another node could say more: not after a result, nor after a call that reverts.
fn is_final(answer: &ResponsePacket) -> bool {
    match answer {
        ResponsePacket::Single(Response { payload: ResponsePayload::Success(result), .. }) => {
            result.get() != "null"
        }
        ResponsePacket::Single(Response { payload: ResponsePayload::Failure(error), .. }) => {
            error.code == 3 || error.as_revert_data().is_some()
        }
        ResponsePacket::Batch(_) => true,
    }
}

/// The block in an answer, if its header hashes to its hash; `None` if the node has none.
fn block_of(answer: &ResponsePacket) -> Result<Option<Block>, TransportError> {
    let ResponsePacket::Single(Response { payload, .. }) = answer else {
        return Err(TransportErrorKind::custom_str("a batch for an answer"));
    };
    let result = match payload {
        ResponsePayload::Success(result) => result.get(),
        ResponsePayload::Failure(error) => return Err(RpcError::ErrorResp(error.clone())),
    };
    let block: Option<Block> = serde_json::from_str(result).map_err(|error| {
        TransportError::deser_err(error, crate::http::excerpt(result.as_bytes()))
    })?;
    match block {
        Some(block) if block.header.inner.hash_slow() != block.header.hash => {
            let number = block.header.number;
            Err(TransportErrorKind::custom(FalseHash { number }))
        }
        block => Ok(block),
    }
}

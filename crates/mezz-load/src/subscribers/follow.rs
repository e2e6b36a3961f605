//! One subscriber, which writes down what it gets.

use serde_json::{Value, json};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use super::socket::Socket;

/// What is subscribed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Heads,
    Logs,
}

impl Kind {
    pub(super) fn params(self) -> Value {
        match self {
            Self::Heads => json!(["newHeads"]),
            Self::Logs => json!(["logs", {}]),
        }
    }
}

/// One notification: its block, and of a log its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) block: u64,
    pub(super) index: u64,
}

impl Seen {
    /// `None` if it is no notification with a result.
    pub(super) fn of(kind: Kind, news: &Value) -> Option<Self> {
        let number =
            |value: &Value| u64::from_str_radix(value.as_str()?.strip_prefix("0x")?, 16).ok();
        let result = news.get("params")?.get("result")?;
        match kind {
            Kind::Heads => Some(Self { block: number(result.get("number")?)?, index: 0 }),
            Kind::Logs => Some(Self {
                block: number(result.get("blockNumber")?)?,
                index: number(result.get("logIndex")?)?,
            }),
        }
    }
}

/// What is to be delivered: everything of the blocks after `start` up to `block`.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) start: u64,
    pub(super) block: u64,
    /// Logs of these blocks.
    pub(super) logs: u64,
    /// When nobody waits any longer.
    pub(super) at: Instant,
}

impl End {
    pub(super) const fn covers(&self, block: u64) -> bool {
        self.start < block && block <= self.block
    }

    fn is_reached(&self, kind: Kind, seen: &[Seen]) -> bool {
        match kind {
            Kind::Heads => {
                self.block <= self.start || seen.last().is_some_and(|it| it.block >= self.block)
            }
            Kind::Logs => {
                seen.iter().filter(|it| self.covers(it.block)).count() as u64 >= self.logs
            }
        }
    }
}

/// What one subscriber got.
#[derive(Debug)]
pub(super) struct Followed {
    pub(super) kind: Kind,
    pub(super) seen: Vec<Seen>,
    /// Whether the node closed the subscription or the connection.
    pub(super) closed: bool,
}

/// Follows until everything is there, or the node closes, or the time is over.
pub(super) async fn follow(
    kind: Kind,
    mut socket: Socket,
    mut told: watch::Receiver<Option<End>>,
) -> Followed {
    let mut seen = Vec::new();
    let mut end: Option<End> = None;
    let closed = loop {
        if end.is_some_and(|end| end.is_reached(kind, &seen)) {
            break false;
        }
        let news = match end {
            Some(end) => tokio::select! {
                news = socket.next() => news,
                () = sleep_until(end.at) => break false,
            },
            None => tokio::select! {
                news = socket.next() => news,
                changed = told.changed() => {
                    if changed.is_err() {
                        break false;
                    }
                    end = *told.borrow_and_update();
                    continue;
                }
            },
        };
        match news.ok().and_then(|news| Seen::of(kind, &news)) {
            Some(it) => seen.push(it),
            None => break true,
        }
    };
    Followed { kind, seen, closed }
}

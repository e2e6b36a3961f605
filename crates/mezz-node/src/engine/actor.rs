//! The engine's thread.

use std::{sync::Arc, thread::JoinHandle};

use alloy_consensus::{Header, Sealed};
use mezz_types::BlockNumber;
use tokio::sync::{broadcast, mpsc, watch};

use super::{BlockTiming, EngineError, EngineHandle, EngineState, ingress::EngineRequest};
use crate::{ChainEvent, ChainView};

/// Requests that may wait: one for each service, and room.
const MAILBOX: usize = 32;
/// News that a subscriber may lag behind.
const EVENTS: usize = 1_024;

/// Gives the engine a thread of its own, since execution and commits block. It ends when the last
/// handle is dropped; joining it then closes the store.
pub fn start_engine(
    engine: EngineState,
    contracts: mezz_l1::L1Contracts,
) -> (EngineHandle, ChainView, JoinHandle<()>) {
    let (mailbox, requests) = mpsc::channel(MAILBOX);
    let (events, _) = broadcast::channel(EVENTS);
    let (timings, _) = broadcast::channel(EVENTS);
    let (head, head_seen) = watch::channel(Arc::new(engine.head().clone()));
    let view = ChainView {
        reader: engine.reader().clone(),
        l1: engine.l1(),
        config: Arc::clone(&engine.config),
        contracts,
        crypto: Arc::clone(&engine.crypto),
        head: head_seen,
        events: events.clone(),
        timings: timings.clone(),
    };
    let actor = Actor { engine, head, events, timings };
    let thread = std::thread::Builder::new()
        .name("engine".into())
        .spawn(move || actor.run(requests))
        .expect("a thread can be started while the node starts");
    (EngineHandle { mailbox }, view, thread)
}

struct Actor {
    engine: EngineState,
    head: watch::Sender<Arc<Sealed<Header>>>,
    events: broadcast::Sender<ChainEvent>,
    timings: broadcast::Sender<BlockTiming>,
}

impl Actor {
    fn run(mut self, mut requests: mpsc::Receiver<EngineRequest>) {
        while let Some(request) = requests.blocking_recv() {
            self.handle(request);
        }
    }

    /// Answers one request. A caller that no longer listens is not an error.
    fn handle(&mut self, request: EngineRequest) {
        match request {
            EngineRequest::Build(request, reply) => {
                let built = self.engine.build(&request);
                if let Ok(built) = &built {
                    self.publish(Arc::clone(&built.header));
                    let _ = self.timings.send(built.timing);
                }
                let _ = reply.send(built);
            }
            EngineRequest::Follow(block, reply) => {
                let before = self.engine.head().clone();
                let followed = self.engine.follow(&block);
                self.publish_followed(&before, block.header.number);
                let _ = reply.send(followed);
            }
            EngineRequest::Derive(batch, bytes, messages, reply) => {
                let before = self.engine.head().number;
                let derived = self.engine.derive(&batch, &bytes, &messages);
                self.publish_derived(&derived, before);
                let _ = reply.send(derived);
            }
            EngineRequest::Rewind(kept, ancestor, reply) => {
                let before = self.engine.head().number;
                let returned = self.engine.rewind(kept, ancestor);
                // Blocks may have been taken back before it failed.
                let head = BlockNumber::new(self.engine.head().number);
                if head.get() < before {
                    self.taken_back(head.next());
                }
                let _ = reply.send(returned);
            }
            EngineRequest::Finalize(block, reply) => {
                let _ = reply.send(self.engine.finalize(block));
            }
        }
    }

    /// Block `number` was announced when `before` was the head.
    fn publish_followed(&self, before: &Sealed<Header>, number: u64) {
        let head = self.engine.head();
        if head.hash() == before.hash() {
            return;
        }
        if before.number >= number {
            self.taken_back(BlockNumber::new(number));
        }
        if head.number == number {
            self.publish(Arc::new(head.clone()));
        }
    }

    fn publish_derived(&self, derived: &Result<super::DerivedBatch, EngineError>, before: u64) {
        match derived {
            Ok(derived) => {
                if let Some(first) = derived.taken_back {
                    self.taken_back(first);
                }
                for header in &derived.headers {
                    self.publish(Arc::clone(header));
                }
            }
            // Blocks may have been taken back before it failed.
            Err(_) if self.engine.head().number < before => {
                self.taken_back(BlockNumber::new(self.engine.head().number).next());
            }
            Err(_) => {}
        }
    }

    fn publish(&self, header: Arc<Sealed<Header>>) {
        self.head.send_replace(Arc::clone(&header));
        let _ = self.events.send(ChainEvent::Block(header));
    }

    fn taken_back(&self, first: BlockNumber) {
        self.head.send_replace(Arc::new(self.engine.head().clone()));
        let _ = self.events.send(ChainEvent::TakenBack(first));
    }
}

//! The engine's thread.

use std::{sync::Arc, thread::JoinHandle};

use alloy_consensus::{Header, Sealed};
use tokio::sync::{broadcast, mpsc, watch};

use super::{BlockTiming, EngineHandle, EngineState, ingress::EngineRequest};
use crate::ChainView;

/// Requests that may wait: one for each service, and room.
const MAILBOX: usize = 32;
/// Timings that a subscriber may lag behind.
const TIMINGS: usize = 1_024;

/// Gives the engine a thread of its own, since execution and commits block. It ends when the last
/// handle is dropped; joining it then closes the store.
pub fn start_engine(
    engine: EngineState,
    contracts: mezz_l1::L1Contracts,
) -> (EngineHandle, ChainView, JoinHandle<()>) {
    let (mailbox, requests) = mpsc::channel(MAILBOX);
    let (timings, _) = broadcast::channel(TIMINGS);
    let (head, head_seen) = watch::channel(Arc::new(engine.head().clone()));
    let view = ChainView {
        reader: engine.reader().clone(),
        l1: engine.l1(),
        config: Arc::clone(&engine.config),
        contracts,
        crypto: Arc::clone(&engine.crypto),
        head: head_seen,
        events: engine.events.clone(),
        timings: timings.clone(),
    };
    let actor = Actor { engine, head, timings };
    let thread = std::thread::Builder::new()
        .name("engine".into())
        .spawn(move || actor.run(requests))
        .expect("a thread can be started while the node starts");
    (EngineHandle { mailbox }, view, thread)
}

struct Actor {
    engine: EngineState,
    head: watch::Sender<Arc<Sealed<Header>>>,
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
                self.publish();
                if let Ok(built) = &built {
                    let _ = self.timings.send(built.timing);
                }
                let _ = reply.send(built);
            }
            EngineRequest::Follow(block, reply) => {
                let followed = self.engine.follow(&block);
                self.publish();
                let _ = reply.send(followed);
            }
            EngineRequest::Derive(batch, bytes, messages, reply) => {
                let derived = self.engine.derive(&batch, &bytes, &messages);
                self.publish();
                let _ = reply.send(derived);
            }
            EngineRequest::Rewind(kept, ancestor, reply) => {
                let returned = self.engine.rewind(kept, ancestor);
                // Blocks may have been taken back before it failed.
                self.publish();
                let _ = reply.send(returned);
            }
            EngineRequest::TakeBack(posted, reply) => {
                let returned = self.engine.take_back_unposted(posted);
                self.publish();
                let _ = reply.send(returned);
            }
            EngineRequest::Finalize(block, reply) => {
                let _ = reply.send(self.engine.finalize(block));
            }
        }
    }

    /// Those who wait for a head see the last one; what was in between is among the news.
    fn publish(&self) {
        let head = self.engine.head();
        if self.head.borrow().hash() != head.hash() {
            self.head.send_replace(Arc::new(head.clone()));
        }
    }
}

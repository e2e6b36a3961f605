//! The line from a node to L1: it can lose an answer, and the node can die while it waits for one.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
};

use mezz_l1::JsonRpcHandler;
use tokio::sync::Notify;

/// What happens at a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Accident {
    /// The node dies before L1 has the request.
    DiesBefore,
    /// L1 does what it was asked to, and the node dies before it hears of it.
    DiesAfter,
    /// L1 does what it was asked to, and the answer is lost.
    AnswerLost,
}

#[derive(Clone, Copy, Debug)]
struct Planned {
    /// Requests until then.
    left: u64,
    accident: Accident,
}

pub(super) struct Link {
    far_end: Arc<dyn JsonRpcHandler>,
    planned: Mutex<Option<Planned>>,
    died: Notify,
}

impl Link {
    pub(super) fn new(far_end: Arc<dyn JsonRpcHandler>) -> Arc<Self> {
        Arc::new(Self { far_end, planned: Mutex::default(), died: Notify::new() })
    }

    /// Plans an accident at the request after the next `left`.
    pub(super) fn plan(&self, left: u64, accident: Accident) {
        *self.planned.lock().expect("no holder of the lock panics") =
            Some(Planned { left, accident });
    }

    /// Nothing is planned any more.
    pub(super) fn clear(&self) {
        *self.planned.lock().expect("no holder of the lock panics") = None;
    }

    /// Returns when the node has died of an accident.
    pub(super) async fn died(&self) {
        self.died.notified().await;
    }

    fn accident(&self) -> Option<Accident> {
        let mut planned = self.planned.lock().expect("no holder of the lock panics");
        let Planned { left, accident } = planned.as_mut()?;
        if let Some(fewer) = left.checked_sub(1) {
            *left = fewer;
            return None;
        }
        let accident = *accident;
        *planned = None;
        Some(accident)
    }
}

impl JsonRpcHandler for Link {
    fn handle(&self, request: String) -> Pin<Box<dyn Future<Output = String> + Send + '_>> {
        let accident = self.accident();
        Box::pin(async move {
            if accident == Some(Accident::DiesBefore) {
                self.died.notify_one();
                return std::future::pending().await;
            }
            let answer = self.far_end.handle(request).await;
            match accident {
                Some(Accident::AnswerLost) => String::new(),
                Some(Accident::DiesAfter) => {
                    self.died.notify_one();
                    std::future::pending().await
                }
                _ => answer,
            }
        })
    }
}

//! Subscriptions whose names are on their way to their clients.
//!
//! The server's library tells a client the name of its subscription before it can end it by that name: who
//! ends it at once would be told that there is no such subscription, and be sent news for as long as it stays.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jsonrpsee::{
    core::server::ConnectionId,
    types::{Request, SubscriptionId},
};
use tokio::sync::watch;

/// A subscription: names are told apart by connection.
type Key = (ConnectionId, SubscriptionId<'static>);

/// Which these are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Accepting(Arc<Mutex<HashMap<Key, watch::Receiver<()>>>>);

/// One of them, until it is dropped.
pub(crate) struct Accepted {
    all: Accepting,
    key: Key,
    _until: watch::Sender<()>,
}

impl Accepting {
    /// From now on whoever ends this one waits.
    pub(crate) fn start(
        &self,
        connection: ConnectionId,
        name: SubscriptionId<'static>,
    ) -> Accepted {
        let (until, over) = watch::channel(());
        let key = (connection, name);
        self.lock().insert(key.clone(), over);
        Accepted { all: self.clone(), key, _until: until }
    }

    /// Waits, if the request ends a subscription whose name is on its way.
    pub(crate) fn wait(
        &self,
        request: &Request<'_>,
    ) -> Option<impl Future<Output = ()> + Send + use<>> {
        let connection = *request.extensions().get::<ConnectionId>()?;
        let [name] = request.params().parse::<[String; 1]>().ok()?;
        let mut over = self.lock().get(&(connection, SubscriptionId::Str(name.into()))).cloned()?;
        Some(async move {
            // Nothing is sent: it ends when the other side is dropped.
            let _ = over.changed().await;
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, watch::Receiver<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Accepted {
    fn drop(&mut self) {
        self.all.lock().remove(&self.key);
    }
}

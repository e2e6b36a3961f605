//! Starting, steering and stopping a development L1.

use std::{net::SocketAddr, sync::Arc, thread::JoinHandle, time::Duration};

use alloy_primitives::B256;
use http::StatusCode;
use jsonrpsee::{Methods, server::ServerHandle};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use crate::{
    accounts::DevAccounts,
    chain::View,
    config::{DevL1Config, Mining},
    error::DevL1Error,
    node::{Actor, ChainState, MAILBOX, Mailbox, Message, Published, Reorg},
    rpc::{self, Rpc},
    server::{self, Listening, beacon},
};

/// Most requests of one batch in [`DevL1Handle::handle_request`].
const MAX_BATCH: usize = 1_000;

/// A development L1.
#[derive(Clone, Copy, Debug)]
pub struct DevL1;

impl DevL1 {
    /// Starts a chain, or goes on with the one in the data directory. Needs a Tokio runtime.
    ///
    /// # Errors
    /// [`DevL1Error`] if the data directory holds another chain or is damaged or in use, or the address cannot be
    /// listened on.
    pub async fn start(config: DevL1Config) -> Result<DevL1Handle, DevL1Error> {
        let accounts = DevAccounts::derive();
        let chain = ChainState::open(&config, &accounts)?;
        let first = publish(chain.view(), &config);
        let (versions, versions_seen) = watch::channel(first);
        let (mining, mining_seen) = watch::channel(config.mining);
        let (sender, mailbox) = mpsc::channel(MAILBOX);
        let actor = Actor {
            chain,
            mailbox,
            versions,
            mining,
            clock: config.clock.clone(),
            crypto: config.crypto.clone(),
        };
        let thread = std::thread::Builder::new()
            .name("devl1".to_owned())
            .spawn(move || actor.run())
            .map_err(|source| DevL1Error::Thread { source })?;
        let node = Mailbox::new(sender, versions_seen);
        let rpc = Rpc::new(node.clone(), accounts, config.clock.clone(), config.crypto.clone());
        let module = rpc::module(rpc).expect("the names of the methods are constants that differ");
        let methods: Methods = module.clone();
        let server = match config.listen {
            Some(address) => Some(server::listen(address, module, node.clone()).await?),
            None => None,
        };
        let timer = tokio::spawn(keep_time(node.clone(), mining_seen));
        Ok(DevL1Handle { node, methods, server, timer: Some(timer), thread: Some(thread) })
    }
}

fn publish(view: &View, config: &DevL1Config) -> Arc<Published> {
    let (clock, crypto) = (config.clock.clone(), config.crypto.clone());
    Arc::new(Published::new(view.clone(), clock, crypto))
}

/// Says when blocks are due, until the node is gone.
async fn keep_time(node: Mailbox, mut mining: watch::Receiver<Mining>) {
    loop {
        let now = *mining.borrow_and_update();
        let changed = match now {
            Mining::Interval(secs) => {
                let wait = tokio::time::timeout(Duration::from_secs(secs.get()), mining.changed());
                match wait.await {
                    Ok(changed) => changed.map_err(|_| DevL1Error::Stopped),
                    Err(_elapsed) => node.tick(),
                }
            }
            Mining::OnTransaction | Mining::Manual => {
                mining.changed().await.map_err(|_| DevL1Error::Stopped)
            }
        };
        if changed.is_err() {
            return;
        }
    }
}

/// A running development L1. Dropped without [`DevL1Handle::shutdown`], it stops when it notices; nothing is lost.
#[derive(Debug)]
pub struct DevL1Handle {
    node: Mailbox,
    methods: Methods,
    server: Option<Listening>,
    timer: Option<tokio::task::JoinHandle<()>>,
    thread: Option<JoinHandle<()>>,
}

impl DevL1Handle {
    /// Where it listens; `None` without a socket.
    pub fn address(&self) -> Option<SocketAddr> {
        self.server.as_ref().map(|server| server.address)
    }

    /// Where JSON-RPC is, over HTTP.
    pub fn http_url(&self) -> Option<String> {
        self.address().map(|address| format!("http://{address}"))
    }

    /// Where JSON-RPC is, over WebSocket.
    pub fn ws_url(&self) -> Option<String> {
        self.address().map(|address| format!("ws://{address}"))
    }

    /// Where the beacon API is: the same port.
    pub fn beacon_url(&self) -> Option<String> {
        self.http_url()
    }

    /// Number of the head.
    pub fn block_number(&self) -> u64 {
        self.node.version().view().number()
    }

    /// Hash of the head.
    pub fn block_hash(&self) -> B256 {
        self.node.version().view().head().hash()
    }

    /// Timestamp of the head, seconds.
    pub fn block_timestamp(&self) -> u64 {
        self.node.version().view().head().header.timestamp
    }

    /// Makes one block; returns its hash.
    ///
    /// # Errors
    /// [`DevL1Error::Stopped`] if it has stopped.
    pub async fn mine(&self) -> Result<B256, DevL1Error> {
        self.mine_many(1).await?;
        Ok(self.block_hash())
    }

    /// Makes several blocks; returns their hashes.
    ///
    /// # Errors
    /// [`DevL1Error`] if they are too many, or it has stopped.
    pub async fn mine_many(&self, count: u64) -> Result<Vec<B256>, DevL1Error> {
        let mine = |reply| Message::Mine { count, interval_secs: None, reply };
        Ok(self.node.ask(mine).await??)
    }

    /// Replaces the last blocks; returns the hash of the new head.
    ///
    /// # Errors
    /// [`DevL1Error`] if they are not all there, or one is finalized.
    pub async fn reorg(&self, reorg: Reorg) -> Result<B256, DevL1Error> {
        Ok(self.node.ask(|reply| Message::Reorg { reorg, reply }).await??)
    }

    /// Moves the chain's time ahead of the clock.
    ///
    /// # Errors
    /// [`DevL1Error`] if it is too far, or it has stopped.
    pub async fn increase_time(&self, secs: u64) -> Result<(), DevL1Error> {
        self.node.ask(|reply| Message::IncreaseTime { secs, reply }).await??;
        Ok(())
    }

    /// Chooses when blocks are made from now on.
    ///
    /// # Errors
    /// [`DevL1Error::Stopped`] if it has stopped.
    pub async fn set_mining(&self, mining: Mining) -> Result<(), DevL1Error> {
        self.node.ask(|reply| Message::SetMining { mining, reply }).await
    }

    /// Answers a JSON-RPC request, or a batch of them, without a socket. What is no request gets JSON-RPC's answer to
    /// that. Subscriptions have no meaning here.
    pub async fn handle_request(&self, request: Value) -> Value {
        match request {
            Value::Array(requests) if (1..=MAX_BATCH).contains(&requests.len()) => {
                let mut answers = Vec::with_capacity(requests.len());
                for request in requests {
                    answers.push(self.handle_one(&request).await);
                }
                Value::Array(answers)
            }
            request => self.handle_one(&request).await,
        }
    }

    async fn handle_one(&self, request: &Value) -> Value {
        let answer = self.methods.raw_json_request(&request.to_string(), 1).await;
        let answer = answer.and_then(|(answer, _)| serde_json::from_str(answer.get()));
        answer.unwrap_or_else(|error| {
            let error = json!({ "code": -32600, "message": format!("Invalid request: {error}") });
            json!({ "jsonrpc": "2.0", "id": null, "error": error })
        })
    }

    /// Answers a `GET` request of the beacon API without a socket: path and query in, status and body out.
    pub fn handle_beacon_request(&self, path_and_query: &str) -> (u16, Value) {
        let (path, query) = match path_and_query.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path_and_query, None),
        };
        let answer = beacon::answer(self.node.version().view(), path, query);
        let (status, body) = answer.unwrap_or((StatusCode::NOT_FOUND, None));
        (status.as_u16(), body.unwrap_or_default())
    }

    /// Stops it, and returns when the socket and the data directory are free again.
    pub async fn shutdown(mut self) {
        if let Some(Listening { handle, .. }) = self.server.take() {
            stop_server(handle).await;
        }
        if let Some(timer) = self.timer.take() {
            timer.abort();
        }
        // It may have stopped by itself.
        let _ = self.node.ask(|reply| Message::Stop { reply }).await;
        if let Some(thread) = self.thread.take() {
            let joined = tokio::task::spawn_blocking(move || thread.join()).await;
            if !matches!(joined, Ok(Ok(()))) {
                tracing::error!("the development L1 did not stop cleanly");
            }
        }
    }
}

impl Drop for DevL1Handle {
    fn drop(&mut self) {
        // The timer holds the node's address, which would keep it alive.
        if let Some(timer) = &self.timer {
            timer.abort();
        }
        if let Some(server) = &self.server {
            // Fails if it has stopped already.
            let _ = server.handle.stop();
        }
    }
}

async fn stop_server(handle: ServerHandle) {
    // Fails if it has stopped already.
    let _ = handle.stop();
    handle.stopped().await;
}

#[cfg(test)]
mod tests;

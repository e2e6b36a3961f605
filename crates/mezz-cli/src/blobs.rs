//! Kept blobs for other nodes, as a beacon node gives them (Beacon API, `getBlobs`), found by versioned hash
//! alone: whoever gets one can check that it is the right one.

use std::net::SocketAddr;

use alloy_primitives::{B256, hex};
use eyre::WrapErr as _;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
};
use mezz_l1::BlobArchive;
use serde_json::json;
use tokio::{net::TcpListener, task::JoinSet};

use crate::http::{PLAIN, accept, response};

/// Most blobs of one answer: as many as an L1 block has.
const MAX_HASHES: usize = 21;
const JSON: &str = "application/json";
const PATH: &str = "/eth/v1/beacon/blobs/";

/// A running server; it ends when this is dropped.
pub(crate) struct BlobServer {
    /// Where it listens.
    pub(crate) addr: SocketAddr,
    _task: JoinSet<()>,
}

/// Serves what is in the archive.
pub(crate) async fn serve(addr: SocketAddr, archive: BlobArchive) -> eyre::Result<BlobServer> {
    let listener = TcpListener::bind(addr)
        .await
        .wrap_err_with(|| format!("serving blobs at {addr}: name a free one with --serve-blobs"))?;
    let addr = listener.local_addr()?;
    let mut task = JoinSet::new();
    task.spawn(accept(listener, move |request| answer(request, archive.clone())));
    Ok(BlobServer { addr, _task: task })
}

async fn answer(request: Request<Incoming>, archive: BlobArchive) -> Response<Full<Bytes>> {
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        return response(StatusCode::METHOD_NOT_ALLOWED, PLAIN, "ask with GET\n".into());
    }
    // Which slot does not matter: a hash says more.
    if !request.uri().path().starts_with(PATH) {
        let known = format!("ask for {PATH}SLOT?versioned_hashes=HASH,HASH\n");
        return response(StatusCode::NOT_FOUND, PLAIN, known);
    }
    let hashes = match versioned_hashes(request.uri().query().unwrap_or_default()) {
        Ok(hashes) => hashes,
        Err(reason) => return response(StatusCode::BAD_REQUEST, PLAIN, reason),
    };
    let read = tokio::task::spawn_blocking(move || {
        let blobs = hashes.into_iter().map(|hash| archive.get(hash));
        blobs.filter_map(Result::transpose).collect::<std::io::Result<Vec<_>>>()
    });
    match read.await.map_err(std::io::Error::other).flatten() {
        Ok(blobs) => {
            let data: Vec<String> =
                blobs.iter().map(|blob| hex::encode_prefixed(blob.as_slice())).collect();
            let answer = json!({ "execution_optimistic": false, "finalized": false, "data": data });
            response(StatusCode::OK, JSON, answer.to_string())
        }
        Err(error) => {
            tracing::warn!(%error, "the blob archive cannot be read");
            response(StatusCode::INTERNAL_SERVER_ERROR, PLAIN, format!("{error}\n"))
        }
    }
}

/// `versioned_hashes=HASH,HASH`, or the name once for each.
fn versioned_hashes(query: &str) -> Result<Vec<B256>, String> {
    let values = query.split('&').filter_map(|pair| pair.strip_prefix("versioned_hashes="));
    let hashes = values.flat_map(|value| value.split(',')).take(MAX_HASHES + 1);
    let hashes = hashes.map(|text| {
        text.parse::<B256>().map_err(|error| format!("versioned_hashes: {text:.80}: {error}\n"))
    });
    let hashes: Vec<B256> = hashes.collect::<Result<_, _>>()?;
    match hashes.len() {
        0 => Err("name what is wanted: ?versioned_hashes=HASH,HASH\n".into()),
        1..=MAX_HASHES => Ok(hashes),
        _ => Err(format!("at most {MAX_HASHES} versioned hashes at once\n")),
    }
}

#[cfg(test)]
mod tests;

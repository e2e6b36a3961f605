//! The beacon API, as far as those who fetch blobs need it. The same as Anvil's, so that one client does for both.
//!
//! | path | answer |
//! | --- | --- |
//! | `GET /eth/v1/beacon/genesis` | genesis time |
//! | `GET /eth/v1/beacon/blobs/{block_id}?versioned_hashes=…` | the blobs of a block, those with the given hashes or all |
//! | `GET /eth/v1/beacon/blob_sidecars/{block_id}` | 410, as in newer beacon nodes |
//! | `GET /eth/v1/config/spec` | 404: there are no slots |
//!
//! **There are no slots: a `block_id` is the number of a block of this chain**, its hash, or `head`, `latest`, `safe`,
//! `finalized`, `genesis`, `earliest`. A client learns so from the 404 for `/eth/v1/config/spec`; where that path
//! answers, a block's slot is `(timestamp − genesis_time) / SECONDS_PER_SLOT`.

use alloy_primitives::{B256, hex};
use http::StatusCode;
use serde_json::{Value, json};

use crate::{
    blobs::pad,
    chain::{Block, View},
    log::LogError,
};

/// Most hashes of one request: more than a block can have blobs.
const MAX_HASHES: usize = 128;

/// An answer: status, and a JSON body unless it is empty.
pub(crate) type Answer = (StatusCode, Option<Value>);

/// Answers a request, if its path is the beacon API's.
pub(crate) fn answer(view: &View, path: &str, query: Option<&str>) -> Option<Answer> {
    let path = path.strip_prefix("/eth/")?;
    Some(match path.trim_end_matches('/').split('/').collect::<Vec<_>>().as_slice() {
        ["v1", "beacon", "genesis"] => genesis(view),
        ["v1", "beacon", "blobs", id] => blobs(view, id, query.unwrap_or_default()),
        ["v1", "beacon", "blob_sidecars", _] => failure(
            StatusCode::GONE,
            "This endpoint is deprecated. Use `GET /eth/v1/beacon/blobs/{block_id}` instead.",
        ),
        _ => (StatusCode::NOT_FOUND, None),
    })
}

fn failure(status: StatusCode, message: &str) -> Answer {
    (status, Some(json!({ "code": status.as_u16(), "message": message })))
}

fn unreadable(error: &LogError) -> Answer {
    failure(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string())
}

fn genesis(view: &View) -> Answer {
    let time = match view.block(0) {
        Ok(block) => block.map_or(0, |block| block.header.timestamp),
        Err(error) => return unreadable(&error),
    };
    let data = json!({
        "genesis_time": time.to_string(),
        "genesis_validators_root": B256::ZERO,
        "genesis_fork_version": "0x00000000",
    });
    (StatusCode::OK, Some(json!({ "data": data })))
}

fn blobs(view: &View, id: &str, query: &str) -> Answer {
    let block = match id {
        "head" | "latest" => Ok(Some(view.head().clone())),
        "safe" => view.block(view.safe()),
        "finalized" => view.block(view.finalized()),
        "genesis" | "earliest" => view.block(0),
        _ => match (id.parse::<u64>(), id.parse::<B256>()) {
            (Ok(number), _) => view.block(number),
            (_, Ok(hash)) => view.block_by_hash(&hash),
            _ => {
                return failure(StatusCode::BAD_REQUEST, &format!("Invalid block ID: {id}"));
            }
        },
    };
    let wanted = match wanted(query) {
        Ok(wanted) => wanted,
        Err(wrong) => {
            let message = format!("Invalid versioned hash: {wrong}");
            return failure(StatusCode::BAD_REQUEST, &message);
        }
    };
    let block = match block {
        Ok(Some(block)) => block,
        Ok(None) => return failure(StatusCode::NOT_FOUND, "Block not found"),
        Err(error) => return unreadable(&error),
    };
    if gone(&block) {
        let message = format!("The blobs of block {} are not kept any more", block.number());
        return failure(StatusCode::NOT_FOUND, &message);
    }
    let blobs = block.transactions.iter().filter_map(|transaction| transaction.blobs.as_ref());
    let data: Vec<Value> = blobs
        .flat_map(|blobs| blobs.trimmed())
        .filter(|(hash, _)| wanted.as_ref().is_none_or(|wanted| wanted.contains(hash)))
        .map(|(_, trimmed)| Value::String(hex::encode_prefixed(pad(trimmed))))
        .collect();
    let finalized = block.number() <= view.finalized();
    let answer = json!({ "execution_optimistic": false, "finalized": finalized, "data": data });
    (StatusCode::OK, Some(answer))
}

/// Whether blobs of the block have been dropped for their age.
fn gone(block: &Block) -> bool {
    block.transactions.iter().any(|tx| tx.blob_count() > 0 && tx.blobs.is_none())
}

/// The hashes that a query asks for, as repeated or comma-separated values; `None` if it asks for all.
fn wanted(query: &str) -> Result<Option<Vec<B256>>, String> {
    let values = query.split('&').filter_map(|pair| pair.strip_prefix("versioned_hashes="));
    let hashes: Vec<B256> = values
        .flat_map(|value| value.split(','))
        .take(MAX_HASHES)
        .map(|value| value.parse().map_err(|_| value.chars().take(80).collect::<String>()))
        .collect::<Result<_, _>>()?;
    Ok((!hashes.is_empty()).then_some(hashes))
}

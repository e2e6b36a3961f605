//! Blobs, from a beacon node's API, checked against their versioned hashes.

use alloy_primitives::{B256, FixedBytes, hex};
use mezz_types::Batch;
use serde::Deserialize;
use url::Url;

use crate::{
    BlobArchive, L1Error,
    background::run_in_background,
    http::{BodyError, http_client, read_body},
};

/// One EIP-4844 blob, 131,072 bytes.
pub type Blob = Box<FixedBytes<131_072>>;

/// Largest answer taken, bytes: the hex of 21 blobs, and room for the rest.
const MAX_ANSWER_BYTES: usize = 21 * 2 * 131_072 + 65_536;
/// Seconds a slot takes where the node does not say (Ethereum's consensus specification).
const DEFAULT_SECONDS_PER_SLOT: u64 = 12;

/// Asks beacon nodes for blobs, one after the other until one has what the hashes demand.
#[derive(Clone, Debug)]
pub struct BeaconClient {
    urls: Vec<Url>,
    http: reqwest::Client,
    archive: Option<BlobArchive>,
}

#[derive(Deserialize)]
struct Answer<T> {
    data: T,
}

#[derive(Deserialize)]
struct Genesis {
    genesis_time: String,
}

#[derive(Deserialize)]
struct Spec {
    #[serde(rename = "SECONDS_PER_SLOT")]
    seconds_per_slot: String,
}

impl BeaconClient {
    /// Asks these nodes, in this order.
    pub fn new(urls: Vec<Url>) -> Self {
        Self { urls, http: http_client(), archive: None }
    }

    /// Looks into `archive` first, and keeps there what beacon nodes gave.
    #[must_use]
    pub fn with_archive(self, archive: BlobArchive) -> Self {
        Self { archive: Some(archive), ..self }
    }

    /// Where blobs are kept, if they are.
    pub const fn archive(&self) -> Option<&BlobArchive> {
        self.archive.as_ref()
    }

    /// The blobs with these versioned hashes, in their order, from the slot of `batch`.
    ///
    /// # Errors
    /// [`L1Error::Data`] if no node has them; temporary.
    pub async fn blobs(&self, batch: &Batch, hashes: &[B256]) -> Result<Vec<Blob>, L1Error> {
        if let Some(blobs) = self.kept(hashes).await {
            return Ok(blobs);
        }
        let mut reason = String::from("no beacon URL is configured");
        for url in &self.urls {
            for slot in self.slots(url, batch).await {
                match self.blobs_of_slot(url, slot, hashes).await {
                    Ok(Some(blobs)) => {
                        self.keep(batch, hashes, &blobs).await;
                        return Ok(blobs);
                    }
                    Ok(None) => reason = format!("slot {slot} lacks a blob that was announced"),
                    Err(error) => reason = error.to_string(),
                }
            }
        }
        Err(L1Error::Data { batch: batch.index, reason })
    }

    /// All of the blobs from the archive. One that is not what its name says is asked for again.
    async fn kept(&self, hashes: &[B256]) -> Option<Vec<Blob>> {
        let archive = self.archive.clone()?;
        let wanted = hashes.to_vec();
        let read = move || {
            let blobs = wanted.iter().map(|hash| archive.get(*hash)).collect::<Result<Vec<_>, _>>();
            blobs.map(|blobs| match_blobs(&wanted, blobs.into_iter().flatten().collect()))
        };
        match run_in_background("blob-archive", read).await? {
            Ok(matched) => matched.ok().flatten(),
            Err(error) => {
                tracing::warn!(%error, "the blob archive cannot be read");
                None
            }
        }
    }

    /// A chain that cannot be archived is followed all the same.
    async fn keep(&self, batch: &Batch, hashes: &[B256], blobs: &[Blob]) {
        let Some(archive) = self.archive.clone() else { return };
        let index = batch.index;
        let named: Vec<(B256, Blob)> = hashes.iter().copied().zip(blobs.iter().cloned()).collect();
        let write =
            move || named.iter().try_for_each(|(hash, blob)| archive.put(index, *hash, blob));
        if let Some(Err(error)) = run_in_background("blob-archive", write).await {
            tracing::warn!(batch = index.get(), %error, "a batch's blobs are not archived");
        }
    }

    /// Slots to look in: by time, as the consensus layer counts; then by block number, as
    /// development nodes do.
    async fn slots(&self, url: &Url, batch: &Batch) -> Vec<u64> {
        let number = batch.facts.number.get();
        let genesis = self.get::<Genesis>(url, "eth/v1/beacon/genesis").await;
        let Some(genesis) = genesis.ok().and_then(|it| it.genesis_time.parse::<u64>().ok()) else {
            return vec![number];
        };
        let seconds = self.get::<Spec>(url, "eth/v1/config/spec").await.ok();
        let seconds = seconds
            .and_then(|spec| spec.seconds_per_slot.parse::<u64>().ok())
            .filter(|seconds| *seconds > 0)
            .unwrap_or(DEFAULT_SECONDS_PER_SLOT);
        let by_time = batch.facts.timestamp.saturating_sub(genesis) / seconds;
        vec![by_time, number]
    }

    async fn blobs_of_slot(
        &self,
        url: &Url,
        slot: u64,
        hashes: &[B256],
    ) -> Result<Option<Vec<Blob>>, L1Error> {
        let list = hashes.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let path = format!("eth/v1/beacon/blobs/{slot}?versioned_hashes={list}");
        let hexes: Vec<String> = self.get(url, &path).await?;
        let blobs: Vec<Blob> = hexes.iter().filter_map(|text| parse_blob(text)).collect();
        // Hashing a blob takes tens of milliseconds: not on the threads that serve others.
        let wanted = hashes.to_vec();
        let matched = run_in_background("blob-hashes", move || match_blobs(&wanted, blobs)).await;
        matched.ok_or_else(|| L1Error::Kzg { reason: "its thread did not end well".into() })?
    }

    async fn get<T: for<'de> Deserialize<'de>>(&self, url: &Url, path: &str) -> Result<T, L1Error> {
        let bad = |reason: String| L1Error::BeaconAnswer { path: path.to_owned(), reason };
        let target = format!("{}/{path}", url.as_str().trim_end_matches('/'));
        let answer = self.http.get(target).send().await.and_then(|it| it.error_for_status());
        let answer = answer.map_err(reqwest::Error::without_url)?;
        let bytes = match read_body(answer, MAX_ANSWER_BYTES).await {
            Ok(bytes) => bytes,
            Err(BodyError::Http(error)) => return Err(error.into()),
            Err(error @ BodyError::TooLarge { .. }) => return Err(bad(error.to_string())),
        };
        let answer: Answer<T> =
            serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))?;
        Ok(answer.data)
    }
}

fn parse_blob(text: &str) -> Option<Blob> {
    let bytes = hex::decode(text).ok()?;
    let bytes: Box<[u8; 131_072]> = bytes.into_boxed_slice().try_into().ok()?;
    Some(Box::new(FixedBytes(*bytes)))
}

/// Picks from `blobs` the one for each hash, whatever order the node answered in.
fn match_blobs(hashes: &[B256], blobs: Vec<Blob>) -> Result<Option<Vec<Blob>>, L1Error> {
    let mut named = Vec::with_capacity(blobs.len());
    for blob in blobs {
        let hash = mezz_crypto::blob_versioned_hash(&blob)
            .map_err(|error| L1Error::Kzg { reason: error.to_string() });
        // A node may serve anything: what is no blob is left out, not an error.
        if let Ok(hash) = hash {
            named.push((hash, blob));
        }
    }
    let find = |hash: &B256| named.iter().find(|(name, _)| name == hash).map(|(_, blob)| blob);
    Ok(hashes.iter().map(|hash| find(hash).cloned()).collect())
}

//! `mezz snapshot`: backup, restore, and what is in a file.

use std::{path::Path, sync::Arc};

use alloy::eips::BlockNumberOrTag;
use alloy_primitives::B256;
use eyre::{WrapErr as _, bail, eyre};
use mezz_deploy::{BLOB_RETENTION_SECS, ChainFile};
use mezz_l1::{BeaconClient, Endpoint, L1Client, SystemTimer};
use mezz_node::check_snapshot;
use mezz_store::{
    Holding, SnapshotSummary, Store, StoreOptions, inspect, inspect_snapshot, read_snapshot_origin,
    restore_snapshot,
};
use mezz_types::DataKind;
use serde::{Deserialize, Serialize};

use crate::{
    admin::ask_for_snapshot,
    args::{RestoreArgs, SnapshotCommand},
    output::Output,
};

/// What is in a snapshot, as it is printed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SnapshotText {
    chain: B256,
    block: u64,
    block_hash: B256,
    timestamp: u64,
    state_root: B256,
    claim: B256,
    batches_covered: u64,
    l1_final_block: u64,
    l1_final_hash: B256,
    l1_resume_block: u64,
    headers: u64,
    headers_from: u64,
    leaves: u64,
    codes: u64,
    withdrawals: u64,
    batches: u64,
    messages: u64,
    bytes: u64,
    checksum: B256,
}

impl From<&SnapshotSummary> for SnapshotText {
    fn from(summary: &SnapshotSummary) -> Self {
        Self {
            chain: summary.identity,
            block: summary.block.number.get(),
            block_hash: summary.block.hash,
            timestamp: summary.timestamp,
            state_root: summary.state_root,
            claim: summary.claim,
            batches_covered: summary.batch_end.get(),
            l1_final_block: summary.finalized.block.number.get(),
            l1_final_hash: summary.finalized.block.hash,
            l1_resume_block: summary.resume.get(),
            headers: summary.headers,
            headers_from: summary.headers_from.get(),
            leaves: summary.leaves,
            codes: summary.codes,
            withdrawals: summary.withdrawals,
            batches: summary.batches,
            messages: summary.messages,
            bytes: summary.bytes,
            checksum: summary.checksum,
        }
    }
}

impl SnapshotText {
    fn text(&self) -> String {
        format!(
            "chain      {}\n\
             block      {} {}\n\
             timestamp  {}\n\
             state      {} leaves, root {}\n\
             claim      {}, {} batches, final in L1 block {}\n\
             resumes    at L1 block {}\n\
             holds      {} codes, {} withdrawals, {} headers from block {}, {} batches, {} messages\n\
             size       {} bytes, checksum {}",
            self.chain,
            self.block,
            self.block_hash,
            self.timestamp,
            self.leaves,
            self.state_root,
            self.claim,
            self.batches_covered,
            self.l1_final_block,
            self.l1_resume_block,
            self.codes,
            self.withdrawals,
            self.headers,
            self.headers_from,
            self.batches,
            self.messages,
            self.bytes,
            self.checksum,
        )
    }
}

/// Runs one of the commands.
pub(crate) async fn run(command: &SnapshotCommand, out: Output) -> eyre::Result<()> {
    match command {
        SnapshotCommand::Create { data, out: file } => create(data, file, out).await,
        SnapshotCommand::Restore(args) => restore(args, out).await,
        SnapshotCommand::Inspect { file } => {
            let summary = SnapshotText::from(&inspect_snapshot(file)?);
            out.emit("snapshot", &summary, summary.text());
            Ok(())
        }
    }
}

async fn create(data: &Path, file: &Path, out: Output) -> eyre::Result<()> {
    let dir = data.join("chain");
    // The node that writes it may be in another directory.
    let file = std::path::absolute(file)?;
    let summary = match inspect(&dir)? {
        Holding::Nothing => bail!("{} holds no chain: name one with --data", dir.display()),
        Holding::Unclean => bail!(
            "{} was not closed: start the node and ask it, or start and stop it once",
            dir.display()
        ),
        Holding::InUse => ask_for_snapshot(&dir, &file).await?,
        Holding::Chain { identity } => {
            let store = Store::open(&dir, identity, StoreOptions::default())?;
            SnapshotText::from(&store.reader().write_snapshot(&file)?)
        }
    };
    let text = format!("{}\nwritten to {}", summary.text(), file.display());
    out.emit("snapshot", &summary, text);
    Ok(())
}

async fn restore(args: &RestoreArgs, out: Output) -> eyre::Result<()> {
    let chain = args.chain.as_deref().map(ChainFile::read).transpose()?;
    if !args.l1.is_empty() {
        let chain = chain.as_ref().ok_or_else(|| eyre!("name the chain with --chain"))?;
        let warning = ask_l1(args, chain).await?;
        out.say("L1 has the snapshot's claim as final.");
        if let Some(warning) = warning {
            out.say(warning);
        }
    }
    let dir = args.data.join("chain");
    if let Some(parent) = dir.parent() {
        std::fs::create_dir_all(parent).wrap_err_with(|| parent.display().to_string())?;
    }
    let identity = chain.as_ref().map(|chain| chain.genesis_hash);
    let summary = restore_snapshot(&args.from, &dir, identity, StoreOptions::default())?;
    let summary = SnapshotText::from(&summary);
    let text = format!(
        "{}\nrestored to {}; the node asks L1 about the claim when it starts: mezz node --data {} …",
        summary.text(),
        dir.display(),
        args.data.display()
    );
    out.emit("restored", &summary, text);
    Ok(())
}

/// Whether L1 has the claim as final that the snapshot rests on; what its node will lack, if anything.
async fn ask_l1(args: &RestoreArgs, chain: &ChainFile) -> eyre::Result<Option<String>> {
    let (identity, origin, genesis) = read_snapshot_origin(&args.from)?;
    if identity != chain.genesis_hash {
        bail!("the snapshot is of the chain {identity}, not of {}", chain.genesis_hash);
    }
    let l1 = args.l1.iter().map(|url| Endpoint::parse(url)).collect::<Result<_, _>>()?;
    let l1 = Endpoint::several(l1, None, Arc::new(SystemTimer))?;
    // No blob is asked for.
    let client = L1Client::new(&l1, BeaconClient::new(Vec::new()), chain.contracts);
    check_snapshot(&client, &chain.config, identity, &genesis, &origin).await?;
    let head = client.block_at(BlockNumberOrTag::Latest).await?;
    Ok(head.and_then(|head| {
        let last = &origin.batch.batch;
        blobs_gone(last.data_kind, last.facts.timestamp, head.timestamp)
    }))
}

/// Says so if the blobs of the next batches may be gone from L1.
fn blobs_gone(kind: DataKind, accepted_at: u64, now: u64) -> Option<String> {
    let age = now.saturating_sub(accepted_at);
    (kind == DataKind::Blob && age > BLOB_RETENTION_SECS).then(|| {
        format!(
            "Its last batch is {} days old, and beacon nodes keep blobs for 18: the node needs those of the next \
             batches from an archive, with --beacon (another node with --keep-blobs and --serve-blobs is one).",
            age / 86_400
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_restores_learns_that_blobs_are_gone() {
        assert_eq!(blobs_gone(DataKind::Blob, 1_000_000, 1_000_000 + BLOB_RETENTION_SECS), None);
        let warning =
            blobs_gone(DataKind::Blob, 1_000_000, 1_000_001 + BLOB_RETENTION_SECS).unwrap();
        assert!(warning.starts_with("Its last batch is 18 days old"), "{warning}");
        assert_eq!(blobs_gone(DataKind::Calldata, 0, u64::MAX), None);
    }
}

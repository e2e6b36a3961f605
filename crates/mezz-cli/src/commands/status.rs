//! `mezz status`: where a chain stands.

use crate::{args::StatusArgs, client::Client, output::Output};

/// Shows where a running chain stands.
pub(crate) async fn run(args: &StatusArgs, out: Output) -> eyre::Result<()> {
    let client = Client::connect(&args.chain).await?;
    let status = client.status().await?;
    let text = format!(
        "chain {} on L1 {}\n\
         latest     {:>9}  sequenced\n\
         safe       {:>9}  batch on L1\n\
         finalized  {:>9}  claim final\n\
         batches    {:>9}  {} derived, {} under final claims\n\
         claims     {:>9}  alive{}\n\
         messages   {:>9}  {} not consumed yet\n\
         pool       {:>9}  ready, {} waiting\n\
         L1 block   {:>9}",
        client.info.config.l2_chain_id,
        client.info.config.l1_chain_id,
        status.latest.number,
        status.safe.number,
        status.finalized.number,
        status.batches,
        status.derived_batches,
        status.final_batches,
        status.claims,
        if status.wrong_final_claim.is_some() {
            "; the last final one is WRONG by what this node derived: see docs/runbook/WrongClaimFinal.md"
        } else if status.contested {
            "; one is CONTESTED: settlement is frozen"
        } else {
            ""
        },
        status.messages,
        status.unconsumed_messages,
        status.pool_pending,
        status.pool_queued,
        status.l1_block,
    );
    out.emit("status", &status, text);
    Ok(())
}

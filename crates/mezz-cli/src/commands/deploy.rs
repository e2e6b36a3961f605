//! `mezz deploy`: a chain's contracts on an L1.

use std::sync::Arc;

use alloy::providers::Provider as _;
use eyre::{WrapErr as _, eyre};
use mezz_deploy::{CHAIN_FILE, DeployEvent, Settings, deploy};
use mezz_l1::{Endpoint, NoJournal, SenderSettings, TxSender};
use serde_json::json;

use crate::{args::DeployArgs, keys::signer, output::Output};

/// Deploys, or goes on where an interrupted deployment stopped.
pub(crate) async fn run(args: &DeployArgs, out: Output) -> eyre::Result<()> {
    let settings = match &args.config {
        Some(path) => {
            let text =
                std::fs::read_to_string(path).wrap_err_with(|| path.display().to_string())?;
            Settings::parse(&text)?
        }
        None => Settings::default(),
    };
    settings.validate()?;
    if args.print {
        let text = toml::to_string(&settings)?;
        out.emit("settings", &settings, text.trim_end());
        return Ok(());
    }
    let url = args.l1.as_ref().ok_or_else(|| eyre!("name the L1 with --l1 URL"))?;
    let provider = Endpoint::parse(url)?.connect();
    let key = signer(&args.key, provider.get_chain_id().await?)?;
    let sender =
        TxSender::new(provider.clone(), key, SenderSettings::default(), Arc::new(NoJournal));
    let waiting = out.wait("Deploying; an interrupted deployment goes on when run again");
    let chain = deploy(&args.data, &settings, &provider, &sender, |event| {
        waiting.suspend(|| tell(&event, out));
    })
    .await;
    waiting.finish_and_clear();
    let chain = chain?;
    let path = args.data.join(CHAIN_FILE);
    let text = format!(
        "chain {} is deployed on L1 {}: {} describes it\nstart it: mezz node --chain {} --l1 {url} \
         --roles sequencer,batcher,proposer --key-file …",
        chain.config.l2_chain_id,
        chain.config.l1_chain_id,
        path.display(),
        path.display(),
    );
    out.emit("chain", &json!({ "file": path, "chain": chain }), text);
    Ok(())
}

fn tell(event: &DeployEvent, out: Output) {
    match event {
        DeployEvent::Resumed => {
            out.emit("resumed", &json!({}), "going on with an unfinished deployment");
        }
        DeployEvent::Created { contract, address, gas_used } => {
            let value = json!({ "contract": contract, "address": address, "gasUsed": gas_used });
            out.emit("deployed", &value, format!("{contract:<12} {address}  {gas_used} gas"));
        }
        DeployEvent::Found { contract, address } => {
            let value = json!({ "contract": contract, "address": address });
            out.emit("found", &value, format!("{contract:<12} {address}  (there already)"));
        }
        DeployEvent::Verified => {
            out.emit("verified", &json!({}), "every argument was read back and is as planned");
        }
    }
}

//! Talking to a running chain and its L1, as any user does.

use std::{sync::Arc, time::Duration};

use alloy::providers::{DynProvider, Provider as _};
use alloy_primitives::U64;
use eyre::{WrapErr as _, bail};
use mezz_l1::{Endpoint, L1Signer, NoJournal, SenderSettings, TxSender};
use mezz_rpc::{ChainInfo, ChainStatus, WithdrawalStatus};

use crate::{
    args::{ChainArgs, KeyArgs},
    keys::signer,
};

/// How often a running chain is asked while something is waited for.
pub(crate) const POLL: Duration = Duration::from_millis(250);

/// A chain and its L1, by their RPC.
pub(crate) struct Client {
    /// The chain.
    pub(crate) l2: DynProvider,
    /// Its L1.
    pub(crate) l1: DynProvider,
    /// What the chain says of itself.
    pub(crate) info: ChainInfo,
}

impl Client {
    /// Connects, and checks that the two belong together.
    pub(crate) async fn connect(args: &ChainArgs) -> eyre::Result<Self> {
        let l2 = Endpoint::parse(&args.rpc)?.connect();
        let info: Result<ChainInfo, _> = l2.raw_request("mezz_chainInfo".into(), ()).await;
        let info = info.wrap_err_with(|| {
            format!(
                "no chain answers at {}: start one with `mezz up`, or name it with --rpc",
                args.rpc
            )
        })?;
        let l1 = Endpoint::parse(&args.l1)?.connect();
        let chain_id = l1
            .get_chain_id()
            .await
            .wrap_err_with(|| format!("no L1 answers at {}: name it with --l1", args.l1))?;
        if chain_id != info.config.l1_chain_id {
            bail!(
                "the L1 at {} is chain {chain_id}, but chain {} settles on {}: name its L1 with --l1",
                args.l1,
                info.config.l2_chain_id,
                info.config.l1_chain_id
            );
        }
        Ok(Self { l2, l1, info })
    }

    /// Who signs for the arguments.
    pub(crate) fn signer(&self, args: &KeyArgs) -> eyre::Result<L1Signer> {
        signer(args, self.info.config.l1_chain_id)
    }

    /// Sends on L1 with this key.
    pub(crate) fn l1_sender(&self, key: impl Into<L1Signer>) -> TxSender {
        TxSender::new(self.l1.clone(), key, SenderSettings::default(), Arc::new(NoJournal))
    }

    /// Sends on L2 with this key.
    pub(crate) fn l2_sender(&self, key: impl Into<L1Signer>) -> TxSender {
        TxSender::new(self.l2.clone(), key, SenderSettings::default(), Arc::new(NoJournal))
    }

    /// Where the chain stands.
    pub(crate) async fn status(&self) -> eyre::Result<ChainStatus> {
        Ok(self.l2.raw_request("mezz_status".into(), ()).await?)
    }

    /// Where a withdrawal stands.
    pub(crate) async fn withdrawal(&self, index: u64) -> eyre::Result<WithdrawalStatus> {
        let answer = self.l2.raw_request("mezz_getWithdrawal".into(), (U64::from(index),)).await;
        answer.wrap_err_with(|| format!("withdrawal {index}"))
    }
}

/// A duration as a person says it.
pub(crate) fn duration(secs: u64) -> String {
    let (days, hours, minutes) = (secs / 86_400, secs / 3_600 % 24, secs / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{secs} s"),
        (0, 0, minutes) => format!("{minutes} min {} s", secs % 60),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn durations_read_well() {
        for (secs, text) in
            [(59, "59 s"), (61, "1 min 1 s"), (3_660, "1 h 1 min"), (90_000, "1 d 1 h")]
        {
            assert_eq!(duration(secs), text);
        }
    }
}

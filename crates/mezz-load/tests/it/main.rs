//! Loads against the embedded L1.

use std::{num::NonZeroU64, time::Duration};

use alloy::signers::local::{MnemonicBuilder, PrivateKeySigner, coins_bip39::English};
use mezz_devl1::{DEV_MNEMONIC, DevL1, DevL1Config, DevL1Handle};
use mezz_load::{Event, LoadError, LoadSettings, Recipients, Workload, chain_id, run};

async fn chain() -> DevL1Handle {
    let listen = Some("127.0.0.1:0".parse().unwrap());
    DevL1::start(DevL1Config { listen, ..DevL1Config::default() }).await.unwrap()
}

fn funder() -> PrivateKeySigner {
    MnemonicBuilder::<English>::default().phrase(DEV_MNEMONIC).build().unwrap()
}

fn settings(chain: &DevL1Handle) -> LoadSettings {
    LoadSettings {
        url: chain.http_url().unwrap().parse().unwrap(),
        funder: funder(),
        rate: None,
        count: 40,
        workload: Workload::Ether,
        senders: 3,
        recipients: Recipients::Uniform(1_000),
        batch: 7,
        in_flight: 2,
        patience: Duration::from_secs(60),
        seed: 1,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_transaction_is_sent_and_seen() {
    let chain = chain().await;
    let first = settings(&chain);
    assert_eq!(chain_id(first.url.clone()).await.unwrap(), DevL1Config::CHAIN_ID);
    let mut events = Vec::new();
    let report = run(&first, |event| events.push(event)).await.unwrap();
    assert_eq!(events, [Event::Funding, Event::Signing, Event::Sending, Event::Draining]);
    assert_eq!((report.sent, report.accepted, report.included), (40, 40, 40));
    assert_eq!(report.refusals, []);
    assert!(report.blocks >= 1 && report.largest_block >= 40 / report.blocks);
    assert!(report.include_ms.max >= report.include_ms.p50 && report.include_ms.p50 > 0.0);

    // The same senders go on where they were, at a rate, each by itself.
    let rate = NonZeroU64::new(1_000);
    let again = LoadSettings { rate, batch: 1, recipients: Recipients::Senders, ..first };
    let report = run(&again, |_| {}).await.unwrap();
    assert_eq!((report.accepted, report.included), (40, 40));
    chain.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_move_and_are_swapped() {
    let chain = chain().await;
    for workload in [Workload::Token, Workload::Swap] {
        let load = LoadSettings { workload, ..settings(&chain) };
        let report = run(&load, |_| {}).await.unwrap();
        assert_eq!((report.included, report.refusals), (40, vec![]), "{workload:?}");
        assert_eq!(report.reverted, 0, "{workload:?}");
    }
    chain.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poor_funder_is_told_how_much_is_missing() {
    let chain = chain().await;
    let poor = LoadSettings { funder: PrivateKeySigner::random(), ..settings(&chain) };
    let error = run(&poor, |_| {}).await.unwrap_err();
    let LoadError::Funds { account, balance, needed } = error else { panic!("{error}") };
    assert_eq!((account, balance.is_zero()), (poor.funder.address(), true));
    assert!(!needed.is_zero());
    let nothing = LoadSettings { count: 0, ..settings(&chain) };
    assert!(matches!(run(&nothing, |_| {}).await, Err(LoadError::Nothing { what: "count" })));
    chain.shutdown().await;
}

//! What gas cost.

use serde_json::{Value, json};

use crate::served::Served;

fn wei(value: &Value) -> u128 {
    let digits = value.as_str().and_then(|text| text.strip_prefix("0x")).expect("a quantity");
    u128::from_str_radix(digits, 16).expect("a quantity")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_ends_with_the_base_fee_of_the_next_block() {
    let served = Served::new().await;
    let history = |params| served.ask("eth_feeHistory", params);
    let all = history(json!(["0x400", "latest"])).await.unwrap();
    assert_eq!(all["oldestBlock"], "0x0");
    assert_eq!(all.get("reward"), None);
    let lengths = ["baseFeePerGas", "baseFeePerBlobGas", "gasUsedRatio", "blobGasUsedRatio"]
        .map(|name| all[name].as_array().expect("a list").len());
    assert_eq!(lengths, [5, 5, 4, 4]);
    for number in 0..4 {
        let id = format!("{number:#x}");
        let block = served.ask("eth_getBlockByNumber", json!([id, false])).await.unwrap();
        assert_eq!(all["baseFeePerGas"][number], block["baseFeePerGas"]);
        let ratio = wei(&block["gasUsed"]) as f64 / wei(&block["gasLimit"]) as f64;
        assert_eq!(all["gasUsedRatio"][number], json!(ratio));
    }
    // The next base fee of an old block is that of the block after it.
    let old = history(json!(["0x2", "0x2", []])).await.unwrap();
    assert_eq!(old["oldestBlock"], "0x1");
    for at in 0..3 {
        assert_eq!(old["baseFeePerGas"][at], all["baseFeePerGas"][at + 1]);
    }
    let none = history(json!(["0x0", "latest", [50]])).await.unwrap();
    assert_eq!(none, json!({ "oldestBlock": "0x0", "baseFeePerGas": [], "gasUsedRatio": [] }));
}

#[tokio::test(flavor = "multi_thread")]
async fn rewards_are_tips_that_were_paid_and_carry_a_transfer() {
    let served = Served::new().await;
    let least = wei(&served.ask("eth_maxPriorityFeePerGas", json!([])).await.unwrap());
    let params = json!(["0x4", "latest", [0, 50, 100]]);
    let history = served.ask("eth_feeHistory", params).await.unwrap();
    for number in 0..4 {
        let id = format!("{number:#x}");
        let receipts = served.ask("eth_getBlockReceipts", json!([id])).await.unwrap();
        let mut tips: Vec<u128> = receipts
            .as_array()
            .expect("a list")
            .iter()
            .filter(|receipt| receipt["type"] != "0x7d")
            .map(|receipt| {
                wei(&receipt["effectiveGasPrice"]) - wei(&history["baseFeePerGas"][number])
            })
            .collect();
        tips.sort_unstable();
        let rewards = &history["reward"][number];
        let edge = |tip: Option<&u128>| tip.copied().unwrap_or(0).max(least);
        assert_eq!(wei(&rewards[0]), edge(tips.first()), "{history}");
        assert_eq!(wei(&rewards[2]), edge(tips.last()), "{history}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_of_what_is_to_come_is_refused() {
    let served = Served::new().await;
    let beyond = served.refused("eth_feeHistory", json!(["0x1", "0x5"])).await;
    assert_eq!(beyond, (-32000, "request beyond head block: requested 5, head 3".into()));
    let unordered = served.refused("eth_feeHistory", json!(["0x1", "latest", [50, 20]])).await;
    assert_eq!(
        unordered,
        (-32602, "invalid params: invalid reward percentile: 50 comes before 20".into())
    );
}

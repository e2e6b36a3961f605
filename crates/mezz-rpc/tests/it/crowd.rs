//! Many subscribers, slow ones among them, and heavy requests meanwhile.

use alloy_primitives::{Address, U256};
use futures_util::future::join_all;
use mezz_rpc::Limits;
use serde_json::{Value, json};
use tokio::net::TcpSocket;

use crate::{
    client::{Socket, ask, post},
    served::Served,
    subscriptions::next_of,
};

/// Blocks of a run, with a transfer each.
const BLOCKS: u64 = 12;

async fn blocks(served: &mut Served, count: u64) {
    for _ in 0..count {
        let transfer = served.alice.transfer(Address::repeat_byte(0x70), U256::from(1));
        served.world.act_send_l2(transfer).await;
        served.world.act_l2_build().await.expect("a transaction is work");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_subscribers_get_every_head_once_while_heavy_requests_run() {
    let limits = Limits { heavy: 2, heavy_queue: 4, ..Limits::default() };
    let mut served = Served::with(limits).await;
    let addr = served.addr();
    let mut sockets = Vec::new();
    for _ in 0..200 {
        let mut socket = Socket::open(addr).await;
        let name = socket.ask("eth_subscribe", json!(["newHeads"])).await["result"].clone();
        sockets.push((socket, name));
    }
    assert_eq!(served.rpc.load().subscriptions, 200);
    let flood = tokio::spawn(join_all((0..64).map(|index| async move {
        let traced = json!(["0x3", { "tracer": "callTracer" }]);
        let logs = json!([{ "fromBlock": "0x0", "toBlock": "latest" }]);
        match index % 2 {
            0 => ask(addr, "debug_traceBlockByNumber", traced).await,
            _ => ask(addr, "eth_getLogs", logs).await,
        }
    })));
    blocks(&mut served, BLOCKS).await;
    for (socket, name) in &mut sockets {
        for number in 4..4 + BLOCKS {
            let head = next_of(socket, name).await;
            assert_eq!(head["number"], json!(format!("{number:#x}")));
            assert_eq!(head["hash"], json!(served.world.node.block_hash(number)));
        }
        // Nothing comes twice: the next message is the answer.
        assert_eq!(socket.ask("eth_chainId", json!([])).await["id"], 7);
    }
    for answer in flood.await.unwrap() {
        // Whoever is refused is told why.
        if let Err(error) = answer {
            assert_eq!(error["code"], -32005, "{error}");
            assert!(error["message"].as_str().unwrap().starts_with("too busy: 2 "), "{error}");
        }
    }
    drop(sockets);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_that_does_not_read_is_told_that_it_missed_something() {
    let limits = Limits { news_bytes: 1 << 20, messages: 1, ..Limits::default() };
    let mut served = Served::with(limits).await;
    let mut quick = Socket::open(served.addr()).await;
    let by_quick = quick.ask("eth_subscribe", json!(["newHeads"])).await["result"].clone();
    let narrow = TcpSocket::new_v4().expect("there are sockets");
    narrow.set_recv_buffer_size(1 << 11).expect("it is an option");
    let mut slow = Socket::over(narrow.connect(served.addr()).await.expect("it listens")).await;
    let by_slow = slow.ask("eth_subscribe", json!(["newPendingTransactions", true])).await;
    let by_slow = by_slow["result"].clone();
    // Each is seen by who reads, before the next one: only the other one falls behind.
    let mut sent = 0;
    while served.rpc.load().subscriptions_closed == 0 {
        large(&mut served).await;
        let head = next_of(&mut quick, &by_quick).await;
        assert_eq!(head["number"], json!(format!("{:#x}", 4 + sent)));
        sent += 1;
        assert!(sent < 2_000, "nothing ends it");
    }
    let mut got = 0;
    let ended = loop {
        let news = slow.next().await;
        assert_eq!(news["params"]["subscription"], by_slow);
        match news["params"].get("error") {
            Some(error) => break error.clone(),
            None => got += 1,
        }
    };
    assert!(got < sent, "{got} of {sent}");
    assert!(ended.to_string().contains("this client reads too slowly"), "{ended}");
    assert_eq!(served.rpc.load().subscriptions_closed, 1);
    // Its connection goes on, and it may subscribe again.
    let again: Value = slow.ask("eth_subscribe", json!(["newHeads"])).await;
    assert!(again["result"].is_string(), "{again}");
}

/// A block with one large transaction.
async fn large(served: &mut Served) {
    let to = alloy_primitives::TxKind::Call(Address::repeat_byte(0x71));
    let large = served.alice.sign(to, U256::ZERO, vec![0; 60_000].into(), 1_000_000);
    served.world.act_send_l2(large).await;
    served.world.act_l2_build().await.expect("a transaction is work");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_nothing_for_long_is_cut_off() {
    let limits = Limits { news_bytes: 1 << 20, messages: 1, ..Limits::default() };
    let limits = Limits { connections: 1, unread_secs: 1, ..limits };
    let mut served = Served::with(limits).await;
    let narrow = TcpSocket::new_v4().expect("there are sockets");
    narrow.set_recv_buffer_size(1 << 11).expect("it is an option");
    let mut dead = Socket::over(narrow.connect(served.addr()).await.expect("it listens")).await;
    dead.ask("eth_subscribe", json!(["newPendingTransactions", true])).await;
    let mut sent = 0;
    while served.rpc.load().subscriptions_closed == 0 {
        large(&mut served).await;
        sent += 1;
        assert!(sent < 2_000, "nothing ends it");
    }
    // Its place is the only one.
    let ask =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": [] }).to_string();
    while post(served.addr(), ask.as_bytes()).await.0 != 200 {}
    drop(dead);
}

//! `mezz tour`: what a running `mezz up` can do, with the L1 gas of each step.

use std::time::{Duration, Instant};

use alloy::{
    consensus::{SignableTransaction as _, TxEip1559, TxEnvelope},
    eips::Encodable2718 as _,
    network::TxSignerSync as _,
    providers::Provider as _,
    signers::local::PrivateKeySigner,
    sol_types::SolCall,
};
use alloy_primitives::{Address, Bytes, TxKind, U256, hex, utils::format_ether};
use eyre::{WrapErr as _, bail, ensure};
use mezz_contracts::Inbox;
use mezz_l1::L1Call;
use mezz_rpc::WithdrawalStage;
use serde_json::json;

use crate::{
    args::TourArgs,
    client::{Client, POLL},
    commands::{
        deposit::{send, wait_for},
        withdraw::{ether_call, finish, start},
    },
    deposit::{deposit_ether, message_fee},
    keys::dev_account,
    output::Output,
};

/// The account that walks: one that no role of `mezz up` uses.
const WALKER: u32 = 6;
const ONE_ETHER: u128 = 1_000_000_000_000_000_000;
/// L2 gas that the forced transaction may use.
const FORCED_GAS: u64 = 100_000;
/// Longest that the tour waits for one thing.
const PATIENCE: Duration = Duration::from_secs(180);
/// Init code of a contract whose only function answers 42.
const ANSWER: [u8; 19] = hex!("69602a60005260206000f3600052600a6016f3");

struct Tour {
    client: Client,
    key: PrivateKeySigner,
    out: Output,
    l1_gas: u64,
    step: u32,
}

/// Walks through every step; fails at the first that does not do what it should.
pub(crate) async fn run(args: &TourArgs, out: Output) -> eyre::Result<()> {
    let client = Client::connect(&args.chain).await?;
    let mut tour = Tour { client, key: dev_account(WALKER)?, out, l1_gas: 0, step: 0 };
    let began = Instant::now();
    tour.deposit().await.wrap_err("deposit")?;
    tour.deploy().await.wrap_err("contract deployment")?;
    tour.transfers(args.transfers).await.wrap_err("transfers")?;
    tour.forced().await.wrap_err("forced transaction")?;
    tour.withdrawal().await.wrap_err("withdrawal")?;
    let secs = began.elapsed().as_secs_f64();
    let value = json!({ "steps": tour.step, "l1GasUsed": tour.l1_gas, "secs": secs });
    out.emit("tour", &value, format!("All of it worked: {} L1 gas in {secs:.0} s.", tour.l1_gas));
    Ok(())
}

impl Tour {
    fn done(&mut self, name: &str, gas: u64, began: Instant, text: &str) {
        self.step += 1;
        self.l1_gas += gas;
        let secs = began.elapsed().as_secs_f64();
        let value = json!({ "step": self.step, "name": name, "l1GasUsed": gas, "secs": secs });
        let line = format!("{}. {name:<22} {gas:>9} L1 gas  {secs:>5.1} s  {text}", self.step);
        self.out.emit("step", &value, line);
    }

    async fn deposit(&mut self) -> eyre::Result<()> {
        let began = Instant::now();
        let (me, amount) = (self.key.address(), U256::from(3 * ONE_ETHER));
        let before = self.client.l2.get_balance(me).await?;
        let contracts = &self.client.info.contracts;
        let call = deposit_ether(&self.client.l1, contracts, me, amount, None).await?;
        let enqueued = send(&self.client.l1_sender(self.key.clone()), call).await?;
        ensure!(self.wait(enqueued.l2_transaction).await?, "the deposit failed on L2");
        let got = self.client.l2.get_balance(me).await? - before;
        ensure!(got == amount, "{} ETH arrived instead of 3", format_ether(got));
        self.done("deposit", enqueued.gas_used, began, "3 ETH from L1 to L2");
        Ok(())
    }

    async fn wait(&self, transaction: alloy_primitives::B256) -> eyre::Result<bool> {
        tokio::time::timeout(PATIENCE, wait_for(&self.client, transaction))
            .await
            .wrap_err("L2 did not execute it in time")?
    }

    async fn deploy(&mut self) -> eyre::Result<()> {
        let began = Instant::now();
        let sender = self.client.l2_sender(self.key.clone());
        let data = Bytes::from_static(&ANSWER);
        let receipt = sender.send(L1Call { data, ..L1Call::default() }).await?;
        let Some(address) = receipt.contract_address else {
            bail!("the receipt names no contract");
        };
        let request = alloy::rpc::types::TransactionRequest::default().to(address);
        let answer = self.client.l2.call(request).await?;
        ensure!(U256::from_be_slice(&answer) == U256::from(42), "the contract answers {answer}");
        self.done("contract deployment", 0, began, &format!("{address} on L2"));
        Ok(())
    }

    /// Signs all transfers first, so that what is timed is the chain.
    async fn transfers(&mut self, count: u32) -> eyre::Result<()> {
        let began = Instant::now();
        let me = self.key.address();
        let first = self.client.l2.get_transaction_count(me).await?;
        let to = Address::with_last_byte(0x77);
        let before = self.client.l2.get_balance(to).await?;
        let price = self.client.l2.get_gas_price().await?;
        let mut last = None;
        for offset in 0..u64::from(count) {
            let signed = self.transfer(first + offset, to, U256::from(1), price)?;
            let raw = signed.encoded_2718();
            last = Some(*self.client.l2.send_raw_transaction(&raw).await?.tx_hash());
        }
        if let Some(last) = last {
            ensure!(self.wait(last).await?, "the last transfer failed");
        }
        let got = self.client.l2.get_balance(to).await? - before;
        ensure!(got == U256::from(count), "{got} of {count} transfers arrived");
        let on_l2 = began.elapsed().as_secs_f64();
        let (bytes, gas) = self.batch_with_head().await?;
        let text = format!(
            "{count} transfers on L2 after {on_l2:.1} s; their batch takes {bytes} bytes on L1"
        );
        self.done("transfers", gas, began, &text);
        Ok(())
    }

    fn transfer(
        &self,
        nonce: u64,
        to: Address,
        value: U256,
        price: u128,
    ) -> eyre::Result<TxEnvelope> {
        let mut transaction = TxEip1559 {
            chain_id: self.client.info.config.l2_chain_id,
            nonce,
            gas_limit: 21_000,
            max_fee_per_gas: price.saturating_mul(3),
            max_priority_fee_per_gas: price.saturating_mul(3),
            to: TxKind::Call(to),
            value,
            ..Default::default()
        };
        let signature = self.key.sign_transaction_sync(&mut transaction)?;
        Ok(transaction.into_signed(signature).into())
    }

    /// Waits until the head of now is on L1: bytes and L1 gas of its batch.
    async fn batch_with_head(&self) -> eyre::Result<(u64, u64)> {
        let head = self.client.l2.get_block_number().await?;
        let began = Instant::now();
        loop {
            let status: serde_json::Value = self
                .client
                .l2
                .raw_request("mezz_getBlockStatus".into(), (alloy_primitives::U64::from(head),))
                .await?;
            if let Some(batch) = status.get("batch").and_then(serde_json::Value::as_u64) {
                return self.batch_cost(batch).await;
            }
            ensure!(began.elapsed() < PATIENCE, "the batch of block {head} did not reach L1");
            tokio::time::sleep(POLL).await;
        }
    }

    async fn batch_cost(&self, batch: u64) -> eyre::Result<(u64, u64)> {
        let batch: serde_json::Value = self
            .client
            .l2
            .raw_request("mezz_getBatch".into(), (alloy_primitives::U64::from(batch),))
            .await?;
        let hash = batch.get("l1Transaction").cloned().unwrap_or_default();
        let hash: alloy_primitives::B256 = serde_json::from_value(hash)?;
        let receipt = self.client.l1.get_transaction_receipt(hash).await?;
        let receipt = receipt.ok_or_else(|| eyre::eyre!("L1 has no receipt of the batch"))?;
        let blobs = receipt.blob_gas_used.unwrap_or_default();
        let transaction = self.client.l1.get_transaction_by_hash(hash).await?;
        let input = transaction
            .map(|it| alloy::consensus::Transaction::input(&it).len())
            .unwrap_or_default();
        let bytes = if blobs > 0 { blobs } else { input as u64 };
        Ok((bytes, receipt.gas_used))
    }

    async fn forced(&mut self) -> eyre::Result<()> {
        let began = Instant::now();
        let nonce = self.client.l2.get_transaction_count(self.key.address()).await?;
        let price = self.client.l2.get_gas_price().await?;
        let to = Address::with_last_byte(0x78);
        let before = self.client.l2.get_balance(to).await?;
        let signed = self.transfer(nonce, to, U256::from(7), price)?;
        let contracts = &self.client.info.contracts;
        let fee = message_fee(&self.client.l1, contracts, FORCED_GAS).await?;
        let data = Inbox::sendForcedCall {
            gasLimit: FORCED_GAS,
            signedTransaction: signed.encoded_2718().into(),
        };
        let call = L1Call {
            to: Some(contracts.inbox),
            value: fee,
            data: data.abi_encode().into(),
            ..L1Call::default()
        };
        let enqueued = send(&self.client.l1_sender(self.key.clone()), call).await?;
        ensure!(self.wait(*signed.tx_hash()).await?, "the forced transaction failed on L2");
        let got = self.client.l2.get_balance(to).await? - before;
        ensure!(got == U256::from(7), "the forced transfer moved {got} wei instead of 7");
        self.done("forced transaction", enqueued.gas_used, began, "signed for L2, put in on L1");
        Ok(())
    }

    async fn withdrawal(&mut self) -> eyre::Result<()> {
        let began = Instant::now();
        let amount = U256::from(ONE_ETHER);
        let sender = self.client.l2_sender(self.key.clone());
        // An address that nobody has used: its balance is what the vault pays.
        let nonce = self.client.l2.get_transaction_count(self.key.address()).await?;
        let target = self.key.address().create(nonce);
        let (index, _) = start(&sender, ether_call(target, amount)).await?;
        let window = self.client.info.window_secs;
        let mut travelled = false;
        let status = loop {
            let status = self.client.withdrawal(index).await?;
            match status.stage {
                WithdrawalStage::Ready => break status,
                WithdrawalStage::Contested => bail!("a rival contests the claim"),
                WithdrawalStage::Claimed if !travelled => {
                    self.travel(window).await?;
                    travelled = true;
                }
                _ => {}
            }
            ensure!(began.elapsed() < PATIENCE, "still {:?} after {PATIENCE:?}", status.stage);
            tokio::time::sleep(POLL).await;
        };
        let l1 = self.client.l1_sender(self.key.clone());
        let (_, gas) = finish(&self.client, &l1, &status).await?;
        let got = self.client.l1.get_balance(target).await?;
        ensure!(got == amount, "{} ETH arrived instead of 1", format_ether(got));
        let again = finish(&self.client, &l1, &status).await;
        ensure!(again.is_err(), "the vault paid the same withdrawal twice");
        let text = format!("1 ETH to {target}, once, after {window} s of L1 time");
        self.done("withdrawal", gas, began, &text);
        Ok(())
    }

    /// Moves the development L1's clock past the window, as nobody can on a real one.
    async fn travel(&self, secs: u64) -> eyre::Result<()> {
        let l1 = &self.client.l1;
        let moved: Result<serde_json::Value, _> =
            l1.raw_request("evm_increaseTime".into(), (secs + 1,)).await;
        moved.wrap_err_with(|| {
            format!("this L1 does not travel in time: wait {secs} s and use `mezz withdraw finish`")
        })?;
        let _: serde_json::Value = l1.raw_request("evm_mine".into(), ()).await?;
        Ok(())
    }
}

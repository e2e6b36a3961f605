//! Keys that everybody can derive, and transactions signed with them.

use alloy::{
    consensus::{SignableTransaction as _, TxEip1559, TxEnvelope},
    network::TxSignerSync as _,
    signers::local::PrivateKeySigner,
};
use alloy_primitives::{Address, Bytes, TxKind, U256, keccak256};

/// Fee cap of L2 transactions, wei per gas: above every base fee and surcharge of a scenario.
const MAX_FEE: u128 = 100_000_000_000;

/// The key of this name.
pub fn key(name: &str) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&keccak256(name)).expect("a hash is below the group order")
}

/// A key on L2, with the nonce of its next transaction.
#[derive(Clone, Debug)]
pub struct Account {
    /// Signs.
    pub signer: PrivateKeySigner,
    /// Of the next transaction.
    pub nonce: u64,
    /// EIP-155.
    pub chain_id: u64,
    /// Wei per gas for the fee recipient: its order in a block.
    pub tip: u128,
}

impl Account {
    /// The account of this name, before its first transaction.
    pub fn new(name: &str, chain_id: u64) -> Self {
        Self { signer: key(name), nonce: 0, chain_id, tip: 1_000_000 }
    }

    /// Its address, on both layers.
    pub fn address(&self) -> Address {
        self.signer.address()
    }

    /// Signs the next transaction.
    pub fn sign(&mut self, to: TxKind, value: U256, data: Bytes, gas_limit: u64) -> TxEnvelope {
        let mut transaction = TxEip1559 {
            chain_id: self.chain_id,
            nonce: self.nonce,
            gas_limit,
            max_fee_per_gas: MAX_FEE,
            max_priority_fee_per_gas: self.tip,
            to,
            value,
            input: data,
            ..Default::default()
        };
        self.nonce += 1;
        let signature = self
            .signer
            .sign_transaction_sync(&mut transaction)
            .expect("a key in memory signs everything");
        transaction.into_signed(signature).into()
    }

    /// Signs a transfer of ether.
    pub fn transfer(&mut self, to: Address, value: U256) -> TxEnvelope {
        self.sign(TxKind::Call(to), value, Bytes::new(), 21_000)
    }
}

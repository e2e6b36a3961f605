//! What accounts hold.

use alloy::{
    rpc::types::{BlockId, EIP1186AccountProofResponse, EIP1186StorageProof},
    serde::JsonStorageKey,
};
use alloy_primitives::{Address, B256, U64, U256};
use jsonrpsee::RpcModule;

use super::{Registered, Rpc, args::Args, error::RpcError, heavy, quick, select};

/// Most slots of one proof.
const MAX_PROOF_SLOTS: usize = 1_024;

pub(super) fn register(module: &mut RpcModule<Rpc>) -> Registered {
    quick(module, "eth_accounts", |rpc, _| Ok(rpc.accounts.addresses().collect::<Vec<_>>()))?;
    heavy(module, "eth_getBalance", |rpc, mut args| {
        let address: Address = args.next("address")?;
        let at = select::state(&rpc.version(), args.optional()?)?;
        Ok(at.state.account_or_empty(address).balance)
    })?;
    heavy(module, "eth_getCode", |rpc, mut args| {
        let address: Address = args.next("address")?;
        let at = select::state(&rpc.version(), args.optional()?)?;
        Ok(at.state.code_of(address))
    })?;
    heavy(module, "eth_getStorageAt", |rpc, mut args| {
        let address: Address = args.next("address")?;
        let slot: JsonStorageKey = args.next("slot")?;
        let at = select::state(&rpc.version(), args.optional()?)?;
        let slot = U256::from_be_bytes(slot.as_b256().0);
        Ok(B256::from(at.state.slot(address, slot)))
    })?;
    heavy(module, "eth_getTransactionCount", transaction_count)?;
    heavy(module, "eth_getProof", proof)
}

fn transaction_count(rpc: &Rpc, mut args: Args<'_>) -> Result<U64, RpcError> {
    let address: Address = args.next("address")?;
    let id: Option<BlockId> = args.optional()?;
    let version = rpc.version();
    if id.is_some_and(|id| id.is_pending()) {
        let view = version.view();
        let nonce = view.state().account_or_empty(address).nonce;
        return Ok(U64::from(view.pool.next_nonce(address, nonce)));
    }
    let at = select::state(&version, id)?;
    Ok(U64::from(at.state.account_or_empty(address).nonce))
}

fn proof(rpc: &Rpc, mut args: Args<'_>) -> Result<EIP1186AccountProofResponse, RpcError> {
    let address: Address = args.next("address")?;
    let keys: Vec<JsonStorageKey> = args.next("slots")?;
    if keys.len() > MAX_PROOF_SLOTS {
        return Err(RpcError::TooManyResults { max: MAX_PROOF_SLOTS });
    }
    let at = select::state(&rpc.version(), args.optional()?)?;
    let slots: Vec<_> = keys.iter().map(|key| U256::from_be_bytes(key.as_b256().0)).collect();
    let proof = at.state.prove(address, &slots);
    let storage_proof = keys.into_iter().zip(proof.slots).map(|(key, slot)| EIP1186StorageProof {
        key,
        value: slot.value,
        proof: slot.proof,
    });
    Ok(EIP1186AccountProofResponse {
        address,
        balance: proof.account.balance,
        code_hash: proof.account.code_hash,
        nonce: proof.account.nonce,
        storage_hash: proof.storage_root,
        account_proof: proof.proof,
        storage_proof: storage_proof.collect(),
    })
}

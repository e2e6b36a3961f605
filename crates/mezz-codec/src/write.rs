//! Blocks to columns. The order of columns is drawn in `docs/formats.md`, section 6.

use alloc::vec::Vec;
use alloy_consensus::{Transaction as _, TxEnvelope, Typed2718 as _};
use alloy_eips::{eip2930::AccessListItem, eip7702::SignedAuthorization};
use alloy_primitives::U256;

use crate::{
    BatchBlock, CodecError,
    columns::{AddressWriter, KIND_UNPROTECTED, put_amounts, put_length, put_varint},
};

pub(crate) fn write_payload(blocks: &[BatchBlock]) -> Result<Vec<u8>, CodecError> {
    let transactions: Vec<&TxEnvelope> =
        blocks.iter().flat_map(|block| &block.transactions).collect();
    let mut out = Vec::new();
    write_blocks(&mut out, blocks);
    write_scalars(&mut out, &transactions)?;
    let mut addresses = AddressWriter::default();
    transactions.iter().copied().for_each(|transaction| addresses.put(&mut out, transaction.to()));
    put_amounts(&mut out, transactions.iter().copied().map(|transaction| transaction.value()));
    for &transaction in &transactions {
        put_length(&mut out, transaction.input().len());
    }
    write_lists(&mut out, &mut addresses, &transactions);
    write_parities(&mut out, &transactions);
    for key in access_entries(&transactions).flat_map(|entry| &entry.storage_keys) {
        out.extend_from_slice(key.as_slice());
    }
    for &transaction in &transactions {
        out.extend_from_slice(transaction.input());
    }
    for address in &addresses.new {
        out.extend_from_slice(address.as_slice());
    }
    for authorization in authorizations(&transactions) {
        out.extend_from_slice(&authorization.r().to_be_bytes::<32>());
        out.extend_from_slice(&authorization.s().to_be_bytes::<32>());
    }
    for &transaction in &transactions {
        out.extend_from_slice(&transaction.signature().r().to_be_bytes::<32>());
        out.extend_from_slice(&transaction.signature().s().to_be_bytes::<32>());
    }
    Ok(out)
}

fn write_blocks(out: &mut Vec<u8>, blocks: &[BatchBlock]) {
    put_length(out, blocks.len());
    let mut previous = 0u64;
    for block in blocks {
        put_varint(out, block.timestamp.wrapping_sub(previous));
        previous = block.timestamp;
    }
    blocks.iter().for_each(|block| put_varint(out, block.message_count));
    blocks.iter().for_each(|block| put_length(out, block.transactions.len()));
}

fn write_scalars(out: &mut Vec<u8>, transactions: &[&TxEnvelope]) -> Result<(), CodecError> {
    for &transaction in transactions {
        out.push(match transaction {
            TxEnvelope::Legacy(signed) if signed.tx().chain_id.is_none() => KIND_UNPROTECTED,
            TxEnvelope::Legacy(_)
            | TxEnvelope::Eip2930(_)
            | TxEnvelope::Eip1559(_)
            | TxEnvelope::Eip7702(_) => transaction.ty(),
            TxEnvelope::Eip4844(_) => return Err(CodecError::Kind { got: transaction.ty() }),
        });
    }
    let mut previous = 0u64;
    for chain_id in transactions.iter().copied().filter_map(|transaction| transaction.chain_id()) {
        put_varint(out, chain_id.wrapping_sub(previous));
        previous = chain_id;
    }
    transactions.iter().copied().for_each(|transaction| put_varint(out, transaction.nonce()));
    transactions.iter().copied().for_each(|transaction| put_varint(out, transaction.gas_limit()));
    let max_fees = transactions.iter().copied().map(|transaction| transaction.max_fee_per_gas());
    put_amounts(out, max_fees.map(U256::from));
    let tips = transactions.iter().copied().filter_map(|tx| tx.max_priority_fee_per_gas());
    put_amounts(out, tips.map(U256::from));
    Ok(())
}

fn write_lists(out: &mut Vec<u8>, addresses: &mut AddressWriter, transactions: &[&TxEnvelope]) {
    for access_list in
        transactions.iter().copied().filter_map(|transaction| transaction.access_list())
    {
        put_length(out, access_list.len());
    }
    for list in
        transactions.iter().copied().filter_map(|transaction| transaction.authorization_list())
    {
        put_length(out, list.len());
    }
    for entry in access_entries(transactions) {
        addresses.put(out, Some(entry.address));
    }
    for entry in access_entries(transactions) {
        put_length(out, entry.storage_keys.len());
    }
    for authorization in authorizations(transactions) {
        addresses.put(out, Some(*authorization.address()));
    }
    put_amounts(out, authorizations(transactions).map(|entry| *entry.chain_id()));
    authorizations(transactions).for_each(|entry| put_varint(out, entry.nonce()));
    out.extend(authorizations(transactions).map(SignedAuthorization::y_parity));
}

/// One bit for each transaction, lowest first.
fn write_parities(out: &mut Vec<u8>, transactions: &[&TxEnvelope]) {
    for eight in transactions.chunks(8) {
        let byte = eight.iter().rev().fold(0u8, |byte, &transaction| {
            byte.wrapping_shl(1) | u8::from(transaction.signature().v())
        });
        out.push(byte);
    }
}

fn access_entries<'a>(
    transactions: &'a [&'a TxEnvelope],
) -> impl Iterator<Item = &'a AccessListItem> {
    transactions
        .iter()
        .copied()
        .filter_map(|transaction| transaction.access_list())
        .flat_map(|list| &list.0)
}

fn authorizations<'a>(
    transactions: &'a [&'a TxEnvelope],
) -> impl Iterator<Item = &'a SignedAuthorization> {
    transactions
        .iter()
        .copied()
        .filter_map(|transaction| transaction.authorization_list())
        .flatten()
}

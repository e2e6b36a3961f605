//! Blocks in the database: writing, taking back, reading.

use alloy_consensus::Header;
use alloy_primitives::{B256, Bytes, keccak256};
use mezz_types::BlockNumber;
use redb::ReadableTable as _;

use crate::{
    Block, BlockRef, Body, Receipt, StoreError,
    block::{StoredWithdrawal, decode_header, decode_header_hash, encode_header},
    codec::{List, encode_list},
    database::{Read, Write},
    tables::{
        BLOOMS, BODIES, ByNumber, FILTERS, FORWARD, HEADERS, NUMBERS, OUTBOX_ROOTS, RECEIPTS,
        REVERSE, TRANSACTIONS, WITHDRAWALS, WITNESSES,
    },
};

/// Writes everything of a block but its state.
pub(crate) fn write(write: &Write, at: BlockRef, block: &Block) -> Result<(), StoreError> {
    let number = at.number.get();
    write.put(HEADERS, number, encode_header(at.hash, &block.header).as_slice())?;
    write.put(NUMBERS, &at.hash.0, number)?;
    write.put(BODIES, number, encode_body(block).as_slice())?;
    let receipts: Vec<_> = block.receipts.iter().map(Receipt::encode).collect();
    write.put(RECEIPTS, number, encode_list(receipts.iter().map(Vec::as_slice)).as_slice())?;
    if !block.header.logs_bloom.is_zero() {
        write.put(BLOOMS, number, &block.header.logs_bloom.0.0)?;
    }
    // Neighbours in the tree are written one after the other: a page is touched once.
    let mut hashes: Vec<_> = block.transaction_hashes.iter().zip(0u32..).collect();
    hashes.sort_unstable();
    let mut table = write.table(TRANSACTIONS)?;
    for (hash, index) in hashes {
        table
            .insert(&hash.0, (number, index))
            .map_err(StoreError::database("indexing a transaction"))?;
    }
    for withdrawal in &block.withdrawals {
        let bytes = StoredWithdrawal::encode(at.number, withdrawal);
        write.put(WITHDRAWALS, withdrawal.index.get(), bytes.as_slice())?;
    }
    Ok(())
}

/// `from inbox (4, BE) ‖ list of transactions`.
fn encode_body(block: &Block) -> Vec<u8> {
    let list = encode_list(block.transactions.iter().map(AsRef::as_ref));
    [block.from_inbox.to_be_bytes().as_slice(), &list].concat()
}

fn parse_body(bytes: &[u8]) -> Result<(u32, List<'_>), StoreError> {
    let cut = StoreError::Corrupt { table: "bodies", reason: "cut short" };
    let (from_inbox, list) = bytes.split_first_chunk::<4>().ok_or(cut)?;
    Ok((u32::from_be_bytes(*from_inbox), List::parse("bodies", list)?))
}

/// Takes back every block after `target`: all of it that is in the database.
pub(crate) fn remove_after(
    read: &Read,
    write: &Write,
    target: BlockNumber,
    head: BlockNumber,
) -> Result<(), StoreError> {
    let mut number = head;
    while number > target {
        if let Some(hash) = hash(read, number)? {
            write.remove(NUMBERS, &hash.0)?;
        }
        if let Some(bytes) = read.get(BODIES, number.get())? {
            let mut table = write.table(TRANSACTIONS)?;
            for transaction in parse_body(bytes.value())?.1.iter() {
                table
                    .remove(&keccak256(transaction?).0)
                    .map_err(StoreError::database("removing an entry"))?;
            }
        }
        for table in [HEADERS, BODIES, RECEIPTS, FORWARD, REVERSE, FILTERS, WITNESSES] {
            write.remove(table, number.get())?;
        }
        write.remove(BLOOMS, number.get())?;
        write.remove(OUTBOX_ROOTS, number.get())?;
        number = number.prev();
    }
    remove_withdrawals_after(write, target)
}

fn remove_withdrawals_after(write: &Write, target: BlockNumber) -> Result<(), StoreError> {
    let mut table = write.table(WITHDRAWALS)?;
    loop {
        let last = table.last().map_err(StoreError::database("reading a withdrawal"))?;
        let Some((index, block)) = last
            .map(|(index, bytes)| {
                Ok((index.value(), StoredWithdrawal::decode(bytes.value())?.block))
            })
            .transpose()?
        else {
            return Ok(());
        };
        if block <= target {
            return Ok(());
        }
        table.remove(index).map_err(StoreError::database("removing an entry"))?;
    }
}

/// Removes the entries of a table up to `last`, oldest first, at most `limit` of them.
pub(crate) fn prune(
    write: &Write,
    table: ByNumber,
    last: BlockNumber,
    limit: usize,
) -> Result<(), StoreError> {
    let mut table = write.table(table)?;
    for _ in 0..limit {
        let first = table.first().map_err(StoreError::database("reading an entry"))?;
        match first.map(|(number, _)| number.value()) {
            Some(number) if number <= last.get() => {
                table.remove(number).map_err(StoreError::database("removing an entry"))?;
            }
            _ => break,
        }
    }
    Ok(())
}

/// Hash of the block at `number`.
pub(crate) fn hash(read: &Read, number: BlockNumber) -> Result<Option<B256>, StoreError> {
    let bytes = read.get(HEADERS, number.get())?;
    bytes.map(|bytes| decode_header_hash(bytes.value())).transpose()
}

/// Hash and header of the block at `number`.
pub(crate) fn header(
    read: &Read,
    number: BlockNumber,
) -> Result<Option<(B256, Header)>, StoreError> {
    let bytes = read.get(HEADERS, number.get())?;
    bytes.map(|bytes| decode_header(bytes.value())).transpose()
}

/// Header of a block that must be there.
pub(crate) fn known_header(read: &Read, number: BlockNumber) -> Result<Header, StoreError> {
    let missing = StoreError::Missing { table: "headers", key: number.get() };
    Ok(header(read, number)?.ok_or(missing)?.1)
}

/// Transactions of the block at `number`.
pub(crate) fn body(read: &Read, number: BlockNumber) -> Result<Option<Body>, StoreError> {
    let bytes = read.get(BODIES, number.get())?;
    bytes.map(|bytes| decode_body(bytes.value())).transpose()
}

/// What [`encode_body`] made.
pub(crate) fn decode_body(bytes: &[u8]) -> Result<Body, StoreError> {
    let (from_inbox, list) = parse_body(bytes)?;
    let transactions: Result<_, _> = list.iter().map(|item| item.map(to_bytes)).collect();
    Ok(Body { from_inbox, transactions: transactions? })
}

/// One transaction of the block at `number`.
pub(crate) fn transaction(
    read: &Read,
    number: BlockNumber,
    index: u32,
) -> Result<Option<Bytes>, StoreError> {
    let Some(bytes) = read.get(BODIES, number.get())? else { return Ok(None) };
    let (_, list) = parse_body(bytes.value())?;
    Ok(list.get(index as usize)?.map(to_bytes))
}

/// Receipts of the block at `number`.
pub(crate) fn receipts(
    read: &Read,
    number: BlockNumber,
) -> Result<Option<Vec<Receipt>>, StoreError> {
    let Some(bytes) = read.get(RECEIPTS, number.get())? else { return Ok(None) };
    let list = List::parse("receipts", bytes.value())?;
    list.iter().map(|item| Receipt::decode(item?)).collect::<Result<_, _>>().map(Some)
}

/// One receipt of the block at `number`.
pub(crate) fn receipt(
    read: &Read,
    number: BlockNumber,
    index: u32,
) -> Result<Option<Receipt>, StoreError> {
    let Some(bytes) = read.get(RECEIPTS, number.get())? else { return Ok(None) };
    let item = List::parse("receipts", bytes.value())?.get(index as usize)?;
    item.map(Receipt::decode).transpose()
}

fn to_bytes(item: &[u8]) -> Bytes {
    Bytes::copy_from_slice(item)
}

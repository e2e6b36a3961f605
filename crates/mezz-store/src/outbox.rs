//! The outbox after any block, however old: claims are proven against for longer than states are kept.

use alloy_primitives::B256;
use mezz_types::{BlockNumber, OUTBOX, OUTBOX_ROOT_SLOT, StateChanges, decode_slot, storage_key};
use redb::ReadableTableMetadata as _;

use crate::{
    StoreError,
    block::StoredWithdrawal,
    database::{Read, Write},
    tables::{OUTBOX_ROOTS, WITHDRAWALS},
};

/// Writes the root after a block that changed it.
pub(crate) fn write_root(
    write: &Write,
    block: BlockNumber,
    changes: &StateChanges,
) -> Result<(), StoreError> {
    let slot = storage_key(OUTBOX, OUTBOX_ROOT_SLOT);
    let Some(value) = changes.leaves.get(&slot).and_then(Option::as_deref) else { return Ok(()) };
    let reason = "not a storage slot";
    let root = decode_slot(value).ok_or(StoreError::Corrupt { table: "state", reason })?;
    put_root(write, block, root.into())
}

/// Writes the root after a block.
pub(crate) fn put_root(write: &Write, block: BlockNumber, root: B256) -> Result<(), StoreError> {
    write.put(OUTBOX_ROOTS, block.get(), &root.0)
}

/// The root after `block`; `None` if the directory was made by a program that kept none.
pub(crate) fn root_at(read: &Read, block: BlockNumber) -> Result<Option<B256>, StoreError> {
    let Some(table) = read.table(OUTBOX_ROOTS)? else { return Ok(None) };
    let failed = "reading an outbox root";
    let mut range = table.range(..=block.get()).map_err(StoreError::database(failed))?;
    let Some(entry) = range.next_back() else { return Ok(None) };
    let (_, root) = entry.map_err(StoreError::database(failed))?;
    Ok(Some(B256::new(*root.value())))
}

/// How many withdrawals there are after `block`: they lie in the order of their blocks.
pub(crate) fn count_at(read: &Read, block: BlockNumber) -> Result<u64, StoreError> {
    let Some(table) = read.table(WITHDRAWALS)? else { return Ok(0) };
    let failed = "reading a withdrawal";
    let (mut from, mut to) = (0, table.len().map_err(StoreError::database(failed))?);
    while from < to {
        let middle = from.midpoint(to);
        let missing = StoreError::Missing { table: "withdrawals", key: middle };
        let bytes = table.get(middle).map_err(StoreError::database(failed))?.ok_or(missing)?;
        if StoredWithdrawal::decode(bytes.value())?.block <= block {
            from = middle.saturating_add(1);
        } else {
            to = middle;
        }
    }
    Ok(from)
}

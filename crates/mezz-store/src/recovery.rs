//! What a crash may leave behind, and how it is finished.
//!
//! | written down | state instance | what opening does |
//! | --- | --- | --- |
//! | block `n` | head at `n − 1` | applies the changes of `n` to the head |
//! | rollback to `t` | head at the last block | takes the head back to `t`, removes the blocks |
//! | rollback to `t` | head at `t` | removes the blocks |
//! | final on the way to `f` | final before `f` | nothing: finality is said again by the caller |
//! | final on the way to `f` | final at `f` | writes down that it arrived |
//!
//! Where an instance stands is told by its root, which a header has.

use alloy_primitives::B256;
use mezz_types::BlockNumber;

use crate::{
    BlockRef, StoreError, blocks,
    database::Read,
    history::History,
    shared::{Shared, final_block, last_block},
    store::{collect, prune_history},
    tables::{FORWARD, REVERSE, WITNESSES, meta},
    trie::Writes,
};

/// Leaves that one commit of the head holds at most when it catches up, except within one block.
const LEAVES_PER_STEP: usize = 20_000;

/// Brings both state instances to where the database says that they are.
pub(crate) fn recover(shared: &Shared) -> Result<(), StoreError> {
    let read = shared.database.read()?;
    let Some(last) = last_block(&read)? else {
        return check_empty(shared);
    };
    recover_final(shared, &read)?;
    let head = match read.meta_block(meta::ROLLBACK_TARGET)? {
        Some(target) => {
            finish_rollback(shared, target)?;
            let missing = StoreError::Missing { table: "headers", key: target.get() };
            let hash = blocks::hash(&read, target)?.ok_or(missing)?;
            BlockRef { number: target, hash }
        }
        None => {
            recover_head(shared, &read, last.number)?;
            last
        }
    };
    let read = shared.database.read()?;
    let window = shared.options.history_window.max(1);
    *shared.history.write().map_err(|_| StoreError::Poisoned)? =
        History::load(&read, head.number, window)?;
    shared.set_tip(Some(head))?;
    if final_block(&read)?.is_none() {
        // Genesis was stored, and nothing after it.
        finalize_genesis(shared, &read)?;
    }
    Ok(())
}

fn check_empty(shared: &Shared) -> Result<(), StoreError> {
    for (instance, trie) in [("head", &shared.head), ("final", &shared.finalized)] {
        let got = trie.root()?;
        if got != B256::ZERO {
            return Err(StoreError::Diverged { instance, got });
        }
    }
    Ok(())
}

/// The last block up to `from` whose state has `root`; 0 stands for the empty state before genesis.
fn find_root(
    read: &Read,
    root: B256,
    from: BlockNumber,
    oldest: BlockNumber,
) -> Result<Option<BlockNumber>, StoreError> {
    let mut number = from;
    loop {
        if blocks::known_header(read, number)?.state_root == root {
            return Ok(Some(number));
        }
        if number <= oldest {
            return Ok(None);
        }
        number = number.prev();
    }
}

/// Applies the changes that the head instance lacks.
fn recover_head(shared: &Shared, read: &Read, last: BlockNumber) -> Result<(), StoreError> {
    let root = shared.head.root()?;
    let finalized = final_block(read)?;
    let at = find_root(read, root, last, finalized.unwrap_or_default())?;
    let mut next = match at {
        Some(at) if at == last => return Ok(()),
        Some(at) => at.next(),
        None if root == B256::ZERO && finalized.is_none() => BlockNumber::ZERO,
        None => return Err(StoreError::Diverged { instance: "head", got: root }),
    };
    tracing::info!(from = %next, to = %last, "applying blocks that the state lacks");
    while next <= last {
        let mut writes = Writes::new();
        let mut to = next;
        collect(read, (FORWARD, "forward"), to, &mut writes)?;
        while to < last && writes.len() < LEAVES_PER_STEP {
            to = to.next();
            collect(read, (FORWARD, "forward"), to, &mut writes)?;
        }
        apply_checked(shared, read, to, &writes)?;
        next = to.next();
    }
    Ok(())
}

/// Writes to the head instance, if that leads to the state of block `to`.
fn apply_checked(
    shared: &Shared,
    read: &Read,
    to: BlockNumber,
    writes: &Writes,
) -> Result<(), StoreError> {
    let prepared = shared.head.prepare(writes, None)?;
    let expected = blocks::known_header(read, to)?.state_root;
    let got = prepared.root();
    if got != expected {
        return Err(StoreError::WrongRoot { block: to, expected, got });
    }
    shared.head.commit(prepared)
}

/// Writes down where a rollback goes.
pub(crate) fn begin_rollback(shared: &Shared, target: BlockNumber) -> Result<(), StoreError> {
    let write = shared.database.write()?;
    write.set_meta_block(meta::ROLLBACK_TARGET, target)?;
    write.commit()
}

/// Takes the head instance back, then removes the blocks. May be repeated at any point.
pub(crate) fn finish_rollback(shared: &Shared, target: BlockNumber) -> Result<(), StoreError> {
    rollback_state(shared, target)?;
    rollback_blocks(shared, target)
}

/// Takes the head instance back to the state after `target`.
pub(crate) fn rollback_state(shared: &Shared, target: BlockNumber) -> Result<(), StoreError> {
    let read = shared.database.read()?;
    let last = last_block(&read)?.map_or(target, |last| last.number);
    let root = shared.head.root()?;
    let at = find_root(&read, root, last, target)?
        .ok_or(StoreError::Diverged { instance: "head", got: root })?;
    let mut number = at;
    let mut writes = Writes::new();
    while number > target {
        // The values that the earliest block replaced are written last, and stay.
        collect(&read, (REVERSE, "reverse"), number, &mut writes)?;
        number = number.prev();
    }
    if at == target { Ok(()) } else { apply_checked(shared, &read, target, &writes) }
}

/// Removes the blocks after `target`, and with them what says that a rollback is under way.
fn rollback_blocks(shared: &Shared, target: BlockNumber) -> Result<(), StoreError> {
    let read = shared.database.read()?;
    let last = last_block(&read)?.map_or(target, |last| last.number);
    let write = shared.database.write()?;
    blocks::remove_after(&read, &write, target, last)?;
    if write.meta_block(meta::SAFE)?.is_some_and(|safe| safe > target) {
        write.set_meta_block(meta::SAFE, target)?;
    }
    write.remove_meta(meta::ROLLBACK_TARGET)?;
    write.commit()
}

/// Writes down where the final instance goes.
pub(crate) fn begin_finality(shared: &Shared, target: BlockNumber) -> Result<(), StoreError> {
    let write = shared.database.write()?;
    write.set_meta_block(meta::FINAL_TARGET, target)?;
    write.commit()
}

/// Writes down that the final instance arrived, and removes what only unfinal blocks need.
pub(crate) fn finish_finality(shared: &Shared, target: BlockNumber) -> Result<(), StoreError> {
    let read = shared.database.read()?;
    let expected = blocks::known_header(&read, target)?.state_root;
    let got = shared.finalized.root()?;
    if got != expected {
        return Err(StoreError::WrongRoot { block: target, expected, got });
    }
    let head = last_block(&read)?.map_or(target, |last| last.number);
    let write = shared.database.write()?;
    write.set_meta_block(meta::FINAL, target)?;
    write.remove_meta(meta::FINAL_TARGET)?;
    if write.meta_block(meta::SAFE)?.is_none_or(|safe| safe < target) {
        write.set_meta_block(meta::SAFE, target)?;
    }
    for table in [FORWARD, WITNESSES] {
        blocks::prune(&write, table, target, usize::MAX)?;
    }
    let kept = head.get().saturating_sub(shared.options.history_window);
    prune_history(&write, BlockNumber::new(kept).prev())?;
    write.commit()
}

/// Finishes a move of the final instance that was written down and carried out.
fn recover_final(shared: &Shared, read: &Read) -> Result<(), StoreError> {
    let root = shared.finalized.root()?;
    let at = match final_block(read)? {
        Some(at) => blocks::known_header(read, at)?.state_root,
        None => B256::ZERO,
    };
    if root == at {
        return Ok(());
    }
    let diverged = StoreError::Diverged { instance: "final", got: root };
    let Some(target) = read.meta_block(meta::FINAL_TARGET)? else { return Err(diverged) };
    if blocks::known_header(read, target)?.state_root != root {
        return Err(diverged);
    }
    finish_finality(shared, target)
}

fn finalize_genesis(shared: &Shared, read: &Read) -> Result<(), StoreError> {
    let mut writes = Writes::new();
    collect(read, (FORWARD, "forward"), BlockNumber::ZERO, &mut writes)?;
    begin_finality(shared, BlockNumber::ZERO)?;
    shared.finalized.apply(&writes)?;
    finish_finality(shared, BlockNumber::ZERO)
}

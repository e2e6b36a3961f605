//! Accounts before and after a transaction.

use alloc::{collections::BTreeMap, vec::Vec};

use alloy_primitives::{Address, B256, Bytes, U256};
use mezz_types::Account;
use revm::{Database as _, state::EvmState};

use super::StateOptions;
use crate::{
    StateReader,
    overlay::{Overlay, ReadFailed},
};

/// Facts of an account; `None` where there is nothing to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountFacts {
    /// Wei.
    pub balance: Option<U256>,
    /// Transactions sent, or contracts created.
    pub nonce: Option<u64>,
    /// Code.
    pub code: Option<Bytes>,
    /// Slots.
    pub storage: BTreeMap<U256, U256>,
}

impl AccountFacts {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// About how many bytes it holds.
    pub(super) fn size(&self) -> usize {
        let slots = self.storage.len().saturating_mul(size_of::<(U256, U256)>());
        let code = self.code.as_ref().map_or(0, |code| code.len());
        size_of::<Self>().saturating_add(slots).saturating_add(code)
    }
}

/// Accounts before a transaction, and after it if only changes were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateTrace {
    /// Before: everything that was looked at, or what is different after.
    pub pre: BTreeMap<Address, AccountFacts>,
    /// After: what is different.
    pub post: Option<BTreeMap<Address, AccountFacts>>,
}

impl StateTrace {
    /// About how many bytes it holds.
    pub(super) fn size(&self) -> usize {
        let post = self.post.iter().flat_map(BTreeMap::values);
        self.pre.values().chain(post).fold(0, |sum, facts| sum.saturating_add(facts.size()))
    }
}

/// One account around a transaction.
struct Change {
    address: Address,
    before: Option<Account>,
    after: Option<Account>,
    /// Slot, before, after.
    slots: Vec<(U256, U256, U256)>,
}

/// The record of what a transaction loaded, before the overlay takes it in.
pub(super) fn of_transaction<S: StateReader>(
    overlay: &mut Overlay<S>,
    state: &EvmState,
    options: StateOptions,
) -> Result<StateTrace, ReadFailed> {
    let mut trace = empty(options);
    for (address, account) in state {
        let before = overlay.account(*address)?;
        let gone = account.is_selfdestructed();
        let info = &account.info;
        let now = Account { nonce: info.nonce, balance: info.balance, code_hash: info.code_hash };
        let after = match account.is_touched() {
            true => (!gone && !now.is_empty()).then_some(now),
            false => before,
        };
        let mut slots = Vec::new();
        for (slot, value) in &account.storage {
            let after = if gone { U256::ZERO } else { value.present_value };
            slots.push((*slot, overlay.slot(*address, *slot)?, after));
        }
        let new_code = info.code.as_ref().map(|code| code.original_bytes());
        let change = Change { address: *address, before, after, slots };
        add(&mut trace, overlay, &change, new_code, options)?;
    }
    Ok(trace)
}

/// The record of a message that could not run: two accounts, as they were `before`, and as they are.
pub(super) fn of_accounts<S: StateReader>(
    overlay: &mut Overlay<S>,
    before: &BTreeMap<Address, Option<Account>>,
    options: StateOptions,
) -> Result<StateTrace, ReadFailed> {
    let mut trace = empty(options);
    for (address, before) in before {
        let after = overlay.account(*address)?;
        let change = Change { address: *address, before: *before, after, slots: Vec::new() };
        add(&mut trace, overlay, &change, None, options)?;
    }
    Ok(trace)
}

fn empty(options: StateOptions) -> StateTrace {
    StateTrace { pre: BTreeMap::new(), post: options.diff.then(BTreeMap::new) }
}

fn add<S: StateReader>(
    trace: &mut StateTrace,
    overlay: &mut Overlay<S>,
    change: &Change,
    new_code: Option<Bytes>,
    options: StateOptions,
) -> Result<(), ReadFailed> {
    let Change { address, before, after, slots } = change;
    let code = match before {
        Some(account) if !options.without_code => code(overlay, account.code_hash)?,
        _ => None,
    };
    let old = before.unwrap_or_default();
    let mut pre = AccountFacts {
        balance: Some(old.balance),
        nonce: Some(old.nonce).filter(|nonce| *nonce != 0),
        code,
        storage: BTreeMap::new(),
    };
    let Some(post) = &mut trace.post else {
        if !options.without_storage {
            pre.storage.extend(slots.iter().map(|(slot, before, _)| (*slot, *before)));
        }
        trace.pre.insert(*address, pre);
        return Ok(());
    };
    let changed = slots.iter().filter(|(_, before, after)| before != after);
    let changed: Vec<_> = changed.filter(|_| !options.without_storage).collect();
    if before == after && changed.is_empty() {
        return Ok(());
    }
    let there = |value: &U256| !value.is_zero();
    let old_slots = changed.iter().map(|(slot, before, _)| (*slot, *before));
    pre.storage.extend(old_slots.filter(|(_, value)| there(value)));
    if before.is_some() {
        trace.pre.insert(*address, pre);
    }
    let Some(new) = after else { return Ok(()) };
    let mut facts = AccountFacts {
        balance: (new.balance != old.balance).then_some(new.balance),
        nonce: (new.nonce != old.nonce).then_some(new.nonce),
        code: new_code.filter(|_| new.code_hash != old.code_hash && !options.without_code),
        storage: BTreeMap::new(),
    };
    let new_slots = changed.iter().map(|(slot, _, after)| (*slot, *after));
    facts.storage.extend(new_slots.filter(|(_, value)| there(value)));
    if !facts.is_empty() || before.is_none() {
        post.insert(*address, facts);
    }
    Ok(())
}

fn code<S: StateReader>(
    overlay: &mut Overlay<S>,
    code_hash: B256,
) -> Result<Option<Bytes>, ReadFailed> {
    if code_hash == mezz_types::code_hash_of_empty() {
        return Ok(None);
    }
    Ok(Some(overlay.code_by_hash(code_hash)?.original_bytes()))
}

//! A contract like a small ERC-20, in the few instructions that a scenario needs.

use alloy_primitives::{Address, Bytes, U256, hex};

/// Gas that any of its calls is content with.
pub const TOKEN_GAS: u64 = 100_000;

/// Creation code. Balances are at the slot of the owner's address. Called with one word, it mints so much to the
/// caller; with two, it moves the second one's amount from the caller to the first one's address, with a log, or
/// reverts if the caller has less.
pub fn token_init_code() -> Bytes {
    let mut code = hex!("60398060093d393df3").to_vec();
    // calldatasize == 32 → mint; balance < amount → fail
    code.extend(hex!("36602014602a57 6020353354 818110603457"));
    // balances[caller] = balance - amount; balances[to] += amount
    code.extend(hex!("8190033355 600035805482019055"));
    // log1(amount, caller); stop
    code.extend(hex!("600052336020 6000a100"));
    // mint: balances[caller] += amount; fail: revert
    code.extend(hex!("5b600035335401335500 5b600080fd"));
    code.into()
}

/// Call data that mints.
pub fn mint_call(amount: u64) -> Bytes {
    U256::from(amount).to_be_bytes::<32>().to_vec().into()
}

/// Call data that transfers.
pub fn transfer_call(to: Address, amount: u64) -> Bytes {
    [to.into_word().0, U256::from(amount).to_be_bytes::<32>()].concat().into()
}

//! Addresses and storage slots that the protocol itself knows.

use alloy_primitives::{Address, U256, address};

/// Caller of the protocol's own calls (EIP-4788, EIP-2935).
pub const SYSTEM_ADDRESS: Address = address!("fffffffffffffffffffffffffffffffffffffffe");

/// The outbox: L2 contract that records withdrawals.
pub const OUTBOX: Address = address!("4d5a000000000000000000000000000000000001");
/// The inbox clock: L1 facts of the last message consumed.
pub const INBOX_CLOCK: Address = address!("4d5a000000000000000000000000000000000002");
/// Beneficiary of every block: base fee, tips and data fees.
pub const FEE_VAULT: Address = address!("4d5a000000000000000000000000000000000003");
/// The token bridge and factory of bridged tokens.
pub const TOKEN_BRIDGE: Address = address!("4d5a000000000000000000000000000000000004");
/// Block hashes in state (EIP-2935).
pub const HISTORY_STORAGE: Address = address!("0000f90827f1c53a10cb7a02335b175320002935");
/// The deterministic deployment proxy that Foundry and others expect.
pub const CREATE2_DEPLOYER: Address = address!("4e59b44847b379578588920ca78fbf26c0b4956c");

/// Slot of [`OUTBOX`] that holds the root of the tree.
pub const OUTBOX_ROOT_SLOT: U256 = U256::ZERO;
/// Slot of [`OUTBOX`] that holds the number of leaves.
pub const OUTBOX_COUNT_SLOT: U256 = U256::ONE;

/// Slots of [`INBOX_CLOCK`], written by the transition before the messages of a block run.
pub mod clock_slot {
    use alloy_primitives::U256;

    /// L1 block number of the last message consumed.
    pub const NUMBER: U256 = U256::from_limbs([0, 0, 0, 0]);
    /// Its L1 timestamp: the clock for every deadline on L2.
    pub const TIMESTAMP: U256 = U256::from_limbs([1, 0, 0, 0]);
    /// Its L1 base fee.
    pub const BASE_FEE: U256 = U256::from_limbs([2, 0, 0, 0]);
    /// Its L1 blob base fee.
    pub const BLOB_BASE_FEE: U256 = U256::from_limbs([3, 0, 0, 0]);
    /// First message not consumed yet.
    pub const NEXT_INBOX_INDEX: U256 = U256::from_limbs([4, 0, 0, 0]);
}

/// Added to the address of an L1 contract, modulo 2^160, to give its address as a sender on L2.
pub const ALIAS_OFFSET: Address = address!("1111000000000000000000000000000000001111");

/// The L2 sender that stands for an L1 contract.
pub fn alias(contract: Address) -> Address {
    let sum = U256::from_be_bytes(contract.into_word().0)
        .wrapping_add(U256::from_be_bytes(ALIAS_OFFSET.into_word().0));
    Address::from_word(sum.to_be_bytes().into())
}

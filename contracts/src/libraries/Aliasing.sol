// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Who an L1 sender is on L2
/// @notice A contract appears on L2 at another address than on L1: the same address there may hold
/// other code, by another author. An account that a key controls is the same on both.
library Aliasing {
    /// @dev Added modulo 2^160.
    uint160 internal constant OFFSET = uint160(0x1111000000000000000000000000000000001111);
    /// @dev Length of an EIP-7702 delegation designator: `0xef0100 ‖ address`.
    uint256 private constant DELEGATION_LENGTH = 23;
    bytes3 private constant DELEGATION_PREFIX = 0xef0100;

    /// @notice The L2 sender that `account` is, as the caller of the running code.
    /// @dev A contract under construction has no code either, but it is no transaction's origin.
    function l2Sender(address account) internal view returns (address) {
        // INVARIANT: only a key's holder acts on L2 under an address that is not an alias.
        return account == tx.origin || isDelegated(account) ? account : aliasOf(account);
    }

    /// @notice The L2 sender that stands for an L1 contract.
    function aliasOf(address account) internal pure returns (address) {
        // Unchecked: the sum is modulo 2^160 by definition.
        unchecked {
            return address(uint160(account) + OFFSET);
        }
    }

    /// @notice Whether the account's code is an EIP-7702 delegation, hence set by its key.
    /// @dev No contract's code starts with 0xef (EIP-3541).
    function isDelegated(address account) internal view returns (bool) {
        return account.code.length == DELEGATION_LENGTH && bytes3(account.code) == DELEGATION_PREFIX;
    }
}

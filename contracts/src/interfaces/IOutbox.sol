// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Withdrawal} from "../types/Protocol.sol";

/// @title Withdrawals (L2)
/// @notice Records withdrawals as leaves of an append-only Merkle tree whose root is part of every
/// commitment. Ether sent here leaves circulation: the vault on L1 pays it instead.
interface IOutbox {
    /// @notice A withdrawal was recorded.
    event WithdrawalRecorded(uint64 indexed index, Withdrawal withdrawal);

    /// @notice Nothing to withdraw.
    error Outbox_NothingSent();
    /// @notice Nobody to receive it.
    error Outbox_ZeroTarget();
    /// @notice Only the token bridge withdraws tokens.
    error Outbox_NotTokenBridge(address caller);
    /// @notice More call data than a withdrawal may have.
    error Outbox_DataTooLong(uint256 length, uint256 max);
    /// @notice The tree holds 2^32 withdrawals.
    error Outbox_Full();

    /// @notice Withdraws the ether sent along to `target` on L1.
    function withdrawEther(address target) external payable returns (uint64 index);

    /// @notice Has the messenger call `target` on L1 with the ether sent along and `data`.
    function call(address target, bytes calldata data) external payable returns (uint64 index);

    /// @notice Withdraws tokens that the token bridge has burnt.
    function withdrawToken(address sender, address target, address token, uint256 amount)
        external
        returns (uint64 index);

    /// @notice The root of the tree.
    function root() external view returns (bytes32);

    /// @notice How many withdrawals there are.
    function count() external view returns (uint64);
}

// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Calls from L2 to L1
/// @notice Executes calls of withdrawals. It owns nothing and no contract should grant it anything:
/// whoever withdraws can make it call anything. A target asks `sender()` who is behind the call.
interface IMessenger {
    /// @notice A call was made for `sender` on L2.
    event CallExecuted(address indexed sender, address indexed target, uint256 value);

    /// @notice Only the vault has calls made.
    error Messenger_NotVault(address caller);
    /// @notice No call is being made.
    error Messenger_NoCall();
    /// @notice The target failed without saying why.
    error Messenger_CallFailed(address target);

    /// @notice Calls `target` with the value sent along and `data`, on behalf of `l2Sender`.
    /// @dev Reverts with what the target reverts with.
    function execute(address l2Sender, address target, bytes calldata data) external payable;

    /// @notice Who on L2 is behind the call that is being made.
    function sender() external view returns (address);

    /// @notice The vault.
    function vault() external view returns (address);
}

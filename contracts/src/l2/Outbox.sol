// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IOutbox} from "../interfaces/IOutbox.sol";
import {Hashing} from "../libraries/Hashing.sol";
import {OutboxTree} from "../libraries/OutboxTree.sol";
import {Predeploys} from "../libraries/Predeploys.sol";
import {Withdrawal, WithdrawalKind} from "../types/Protocol.sol";

/// @title Withdrawals (L2)
/// @dev A predeploy: no constructor runs; genesis sets slot 0 to the root of the empty tree.
contract Outbox is IOutbox {
    using OutboxTree for OutboxTree.State;

    /// @dev As much as a message from L1 may carry.
    uint256 private constant MAX_DATA_BYTES = 49_152;

    /// @dev Slot 0: root; slot 1: number of leaves; slots 2–33: right edge.
    OutboxTree.State private _tree;

    /// @inheritdoc IOutbox
    function withdrawEther(address target) external payable returns (uint64) {
        if (msg.value == 0) revert Outbox_NothingSent();
        return _record(WithdrawalKind.Ether, msg.sender, target, address(0), msg.value, "");
    }

    /// @inheritdoc IOutbox
    function call(address target, bytes calldata data) external payable returns (uint64) {
        if (data.length > MAX_DATA_BYTES) revert Outbox_DataTooLong(data.length, MAX_DATA_BYTES);
        return _record(WithdrawalKind.Call, msg.sender, target, address(0), msg.value, data);
    }

    /// @inheritdoc IOutbox
    function withdrawToken(address sender, address target, address token, uint256 amount)
        external
        returns (uint64)
    {
        // INVARIANT: a token withdrawal stands for tokens that were burnt.
        if (msg.sender != Predeploys.TOKEN_BRIDGE) revert Outbox_NotTokenBridge(msg.sender);
        return _record(WithdrawalKind.Token, sender, target, token, amount, "");
    }

    /// @inheritdoc IOutbox
    function root() external view returns (bytes32) {
        return _tree.root;
    }

    /// @inheritdoc IOutbox
    function count() external view returns (uint64) {
        return uint64(_tree.count);
    }

    function _record(
        WithdrawalKind kind,
        address sender,
        address target,
        address token,
        uint256 amount,
        bytes memory data
    ) private returns (uint64 index) {
        if (target == address(0)) revert Outbox_ZeroTarget();
        if (_tree.isFull()) revert Outbox_Full();
        index = uint64(_tree.count);
        Withdrawal memory withdrawal = Withdrawal({
            index: index,
            kind: kind,
            sender: sender,
            target: target,
            token: token,
            amount: amount,
            data: data
        });
        _tree.push(Hashing.withdrawal(withdrawal));
        emit WithdrawalRecorded(index, withdrawal);
    }
}

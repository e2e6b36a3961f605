// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IMessenger} from "../interfaces/IMessenger.sol";

/// @title Calls from L2 to L1
/// @dev The vault makes one call at a time: its guard keeps a target from having another made.
contract Messenger is IMessenger {
    /// @inheritdoc IMessenger
    address public immutable vault;

    /// @dev The L2 sender behind the call that is being made.
    address private transient _sender;

    constructor(address vault_) {
        vault = vault_;
    }

    /// @inheritdoc IMessenger
    function execute(address l2Sender, address target, bytes calldata data) external payable {
        // INVARIANT: `sender()` names whom a proven withdrawal names.
        if (msg.sender != vault) revert Messenger_NotVault(msg.sender);
        _sender = l2Sender;
        (bool success, bytes memory returned) = target.call{value: msg.value}(data);
        // INVARIANT: the value arrives or stays in the vault.
        if (!success) _revertWith(target, returned);
        _sender = address(0);
        emit CallExecuted(l2Sender, target, msg.value);
    }

    /// @inheritdoc IMessenger
    function sender() external view returns (address l2Sender) {
        l2Sender = _sender;
        if (l2Sender == address(0)) revert Messenger_NoCall();
    }

    function _revertWith(address target, bytes memory returned) private pure {
        if (returned.length == 0) revert Messenger_CallFailed(target);
        assembly ("memory-safe") {
            revert(add(returned, 32), mload(returned))
        }
    }
}

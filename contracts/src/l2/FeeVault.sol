// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IFeeVault} from "../interfaces/IFeeVault.sol";
import {IOutbox} from "../interfaces/IOutbox.sol";
import {Predeploys} from "../libraries/Predeploys.sol";

/// @title Fees of the chain (L2)
/// @dev A predeploy: no constructor runs; genesis sets slot 0. The balance grows without a call.
contract FeeVault is IFeeVault {
    /// @inheritdoc IFeeVault
    address public feeRecipient;

    /// @inheritdoc IFeeVault
    function withdraw() external returns (uint64 outboxIndex) {
        uint256 amount = address(this).balance;
        address recipient = feeRecipient;
        outboxIndex = IOutbox(Predeploys.OUTBOX).withdrawEther{value: amount}(recipient);
        emit FeesWithdrawn(outboxIndex, recipient, amount);
    }
}

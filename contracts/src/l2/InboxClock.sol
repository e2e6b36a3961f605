// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IInboxClock} from "../interfaces/IInboxClock.sol";
import {L1Facts} from "../types/Protocol.sol";
import {Timestamp} from "../types/Time.sol";

/// @title L1 as far as this chain has consumed it (L2)
/// @dev A predeploy whose slots the protocol itself writes; nothing here can.
contract InboxClock is IInboxClock {
    /// @dev Slots 0–4, one each.
    uint256 private _number;
    uint256 private _timestamp;
    uint256 private _baseFee;
    uint256 private _blobBaseFee;
    uint256 private _nextInboxIndex;

    /// @inheritdoc IInboxClock
    function facts() external view returns (L1Facts memory) {
        return L1Facts({
            number: number(), timestamp: timestamp(), baseFee: baseFee(), blobBaseFee: blobBaseFee()
        });
    }

    /// @inheritdoc IInboxClock
    function number() public view returns (uint64) {
        return uint64(_number);
    }

    /// @inheritdoc IInboxClock
    function timestamp() public view returns (Timestamp) {
        return Timestamp.wrap(uint64(_timestamp));
    }

    /// @inheritdoc IInboxClock
    function baseFee() public view returns (uint128) {
        return uint128(_baseFee);
    }

    /// @inheritdoc IInboxClock
    function blobBaseFee() public view returns (uint128) {
        return uint128(_blobBaseFee);
    }

    /// @inheritdoc IInboxClock
    function nextInboxIndex() external view returns (uint64) {
        return uint64(_nextInboxIndex);
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IOperators} from "../interfaces/IOperators.sol";
import {Duration, Timestamp, currentTime} from "../types/Time.sol";

/// @title Who may post batches
contract Operators is IOperators {
    /// @inheritdoc IOperators
    address public immutable inbox;
    /// @inheritdoc IOperators
    address payable public immutable feeRecipient;
    /// @inheritdoc IOperators
    Duration public immutable livenessTimeout;

    /// @inheritdoc IOperators
    address public operator;
    /// @inheritdoc IOperators
    Timestamp public lastSeen;
    /// @inheritdoc IOperators
    address public candidate;

    constructor(
        address inbox_,
        address operator_,
        address payable feeRecipient_,
        Duration livenessTimeout_
    ) {
        inbox = inbox_;
        operator = operator_;
        feeRecipient = feeRecipient_;
        livenessTimeout = livenessTimeout_;
        lastSeen = currentTime();
        emit OperatorChanged(address(0), operator_);
    }

    /// @inheritdoc IOperators
    function proposeOperator(address candidate_) external {
        if (msg.sender != operator) revert Operators_NotOperator(msg.sender);
        candidate = candidate_;
        emit OperatorProposed(msg.sender, candidate_);
    }

    /// @inheritdoc IOperators
    function acceptOperator() external {
        if (msg.sender != candidate) revert Operators_NotCandidate(msg.sender);
        address previous = operator;
        operator = msg.sender;
        delete candidate;
        emit OperatorChanged(previous, msg.sender);
    }

    /// @inheritdoc IOperators
    function onBatch(address poster) external {
        if (msg.sender != inbox) revert Operators_NotInbox(msg.sender);
        if (poster == operator) {
            Timestamp time = currentTime();
            lastSeen = time;
            emit OperatorSeen(poster, time);
        } else if (!mayPost(poster)) {
            revert Operators_NotAllowed(poster);
        }
    }

    /// @inheritdoc IOperators
    function mayPost(address poster) public view returns (bool) {
        // INVARIANT: a silent operator cannot keep others from posting.
        return poster == operator || lastSeen.plus(livenessTimeout) <= currentTime();
    }
}

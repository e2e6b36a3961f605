// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Duration, Timestamp} from "../types/Time.sol";

/// @title Who may post batches
/// @notice One operator. When it has been silent for `livenessTimeout`, anyone may post until it
/// posts again. The operator hands its place on itself, in two steps; nobody else can move it, so
/// that a lost key ends in the chain being open to all, never in somebody's hands.
interface IOperators {
    /// @notice The operator named `candidate`, who must accept.
    event OperatorProposed(address indexed operator, address indexed candidate);
    /// @notice `operator` took the place of `previous`.
    event OperatorChanged(address indexed previous, address indexed operator);
    /// @notice The operator posted a batch.
    event OperatorSeen(address indexed operator, Timestamp time);

    /// @notice `poster` may not post at this time.
    error Operators_NotAllowed(address poster);
    /// @notice Only the inbox reports batches.
    error Operators_NotInbox(address caller);
    /// @notice Only the operator names its successor.
    error Operators_NotOperator(address caller);
    /// @notice Only the named successor accepts.
    error Operators_NotCandidate(address caller);

    /// @notice Names the next operator; zero takes the last naming back.
    function proposeOperator(address candidate) external;

    /// @notice Takes the place of the operator, as its named successor.
    function acceptOperator() external;

    /// @notice Called by the inbox for every batch.
    /// @dev Reverts unless `poster` may post now.
    function onBatch(address poster) external;

    /// @notice Whether `poster` may post a batch now.
    function mayPost(address poster) external view returns (bool);

    /// @notice The operator in office.
    function operator() external view returns (address);

    /// @notice Who may accept; zero if nobody was named.
    function candidate() external view returns (address);

    /// @notice When the operator last posted a batch; at first, when this contract was created.
    function lastSeen() external view returns (Timestamp);

    /// @notice Silence after which anyone may post.
    function livenessTimeout() external view returns (Duration);

    /// @notice Who receives the fees of messages.
    function feeRecipient() external view returns (address payable);

    /// @notice The inbox that reports batches.
    function inbox() external view returns (address);
}

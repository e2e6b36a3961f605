// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @notice What a proof system has found out about a claim.
enum Verdict {
    /// Nothing yet.
    Unknown,
    /// The claim holds.
    Valid,
    /// The claim does not hold.
    Invalid
}

/// @title The port of proof systems
/// @notice A tournament and a validity proof are two implementations of the same question.
interface IVerifier {
    /// @notice The verdict over the claim that gives the answer `post` to `question`, which is the
    /// claim's digest with `post` zero. A verdict other than `Unknown` never changes, and of the
    /// answers to one question at most one is `Valid`.
    function verify(bytes32 question, bytes32 post) external view returns (Verdict);
}

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
    /// @notice The verdict over the claim with this digest. A verdict other than `Unknown` never
    /// changes, and of two claims that differ in `post` alone at most one is `Valid`.
    function verify(bytes32 claimDigest) external view returns (Verdict);
}

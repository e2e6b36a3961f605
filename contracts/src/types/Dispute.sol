// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @dev A bracket: the contest of commitments to one run of the machine (docs/disputes.md,
/// section 2). Level 0's is the hash of its question and round, an inner one's the key of the match
/// that it decides.
type BracketId is bytes32;

/// @dev A match: the hash of its bracket and of the roots of its two sides.
type MatchKey is bytes32;

/// @notice Names a match: `one` waited in the bracket when `two` came.
struct Pair {
    BracketId bracket;
    /// Root of the side that moves first.
    bytes32 one;
    /// Root of the other side.
    bytes32 two;
}

/// @notice Two nodes of a tree of states, the left one first.
struct Children {
    bytes32 left;
    bytes32 right;
}

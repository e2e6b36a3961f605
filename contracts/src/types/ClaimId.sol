// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @dev Place of a claim in the tree; the root's is the genesis hash.
type ClaimId is bytes32;

/// @dev A proposer's line of claims, counted from 1; 0 is the root's.
type LineId is uint64;

using {isSameClaim as ==, isOtherClaim as !=} for ClaimId global;
using {isSameLine as ==} for LineId global;

function isSameClaim(ClaimId a, ClaimId b) pure returns (bool) {
    return ClaimId.unwrap(a) == ClaimId.unwrap(b);
}

function isOtherClaim(ClaimId a, ClaimId b) pure returns (bool) {
    return ClaimId.unwrap(a) != ClaimId.unwrap(b);
}

function isSameLine(LineId a, LineId b) pure returns (bool) {
    return LineId.unwrap(a) == LineId.unwrap(b);
}

// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Where an argument stands in the input
library CalldataPosition {
    /// @notice Byte of the input at which the contents of `data` start.
    function offsetOf(bytes calldata data) internal pure returns (uint256 position) {
        assembly ("memory-safe") {
            position := data.offset
        }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title The blobs of the running transaction
library Blobs {
    /// @notice How many there are, and the Keccak-256 of their versioned hashes, concatenated.
    /// @dev L1 bounds how many a transaction has.
    function current() internal view returns (uint256 count, bytes32 hash) {
        bytes memory hashes;
        for (bytes32 next = blobhash(0); next != 0; next = blobhash(count)) {
            hashes = bytes.concat(hashes, next);
            ++count;
        }
        hash = keccak256(hashes);
    }
}

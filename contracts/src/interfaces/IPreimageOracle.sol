// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Where steps read preimages
interface IPreimageOracle {
    /// @notice 32 bytes of a preimage (docs/machine.md, section 3) from `offset` on, zeros past its
    /// end, and the length of the whole. Reverts if nobody has put them there.
    function part(uint256 kind, bytes32 key, uint256 offset)
        external
        view
        returns (uint256 length, bytes32 leaf);
}

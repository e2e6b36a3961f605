// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Children} from "../types/Dispute.sol";

/// @title Trees of machine states (docs/disputes.md, section 2)
library StateTree {
    /// @notice Steps of the whole run, as a power of two: 18 + 12 + 12.
    uint8 internal constant LEVELS = 3;

    /// @notice Height of a level's trees.
    function heightOf(uint8 level) internal pure returns (uint8) {
        return level == 0 ? 18 : 12;
    }

    function parent(Children calldata self) internal pure returns (bytes32) {
        return join(self.left, self.right);
    }

    /// @notice The root over `leaf` at `index`, which has `siblings` from the lowest up.
    function rootOf(bytes32 leaf, uint256 index, bytes32[] calldata siblings)
        internal
        pure
        returns (bytes32 node)
    {
        node = leaf;
        for (uint256 i = 0; i < siblings.length; ++i) {
            bytes32 sibling = siblings[i];
            node = (index >> i) & 1 == 0 ? join(node, sibling) : join(sibling, node);
        }
    }

    function join(bytes32 left, bytes32 right) internal pure returns (bytes32) {
        return keccak256(abi.encode(left, right));
    }
}

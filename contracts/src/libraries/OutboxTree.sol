// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title The append-only Merkle tree of withdrawals
/// @notice Depth 32, `keccak256(left ‖ right)`, empty leaves zero. It is kept as its right edge: at
/// each height, the last left child that was complete.
library OutboxTree {
    uint256 internal constant DEPTH = 32;

    /// @notice The tree. The protocol reads `root` and `count` where they stand: slots 0 and 1.
    struct State {
        bytes32 root;
        uint256 count;
        bytes32[DEPTH] edge;
    }

    /// @notice Whether there is no room for another leaf.
    function isFull(State storage self) internal view returns (bool) {
        return self.count >> DEPTH != 0;
    }

    /// @notice Appends a leaf at `self.count`. The caller has checked that there is room.
    function push(State storage self, bytes32 leaf) internal {
        uint256 index = self.count;
        bytes32 node = leaf;
        bytes32 empty;
        bool isOnEdge = true;
        for (uint256 height = 0; height < DEPTH; ++height) {
            if ((index >> height) & 1 == 1) {
                node = hashPair(self.edge[height], node);
            } else {
                // The lowest left child on the path is complete, or becomes so with this leaf.
                if (isOnEdge) self.edge[height] = node;
                isOnEdge = false;
                node = hashPair(node, empty);
            }
            empty = hashPair(empty, empty);
        }
        self.count = index + 1;
        self.root = node;
    }

    /// @notice The root that `proof` leads to from `leaf` at `index`.
    function rootFrom(bytes32 leaf, uint64 index, bytes32[DEPTH] calldata proof)
        internal
        pure
        returns (bytes32 node)
    {
        node = leaf;
        for (uint256 height = 0; height < DEPTH; ++height) {
            bytes32 sibling = proof[height];
            node = (index >> height) & 1 == 1 ? hashPair(sibling, node) : hashPair(node, sibling);
        }
    }

    function hashPair(bytes32 left, bytes32 right) internal pure returns (bytes32) {
        return keccak256(abi.encode(left, right));
    }
}

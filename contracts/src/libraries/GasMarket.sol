// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";

/// @title The price of L2 gas for messages
/// @notice EIP-4844's rule: the price is an exponential of the gas used above the target so far.
///
/// | L1 block | effect on `excess` |
/// | --- | --- |
/// | at twice the target | + target: the price grows by 13 % |
/// | at the target | none |
/// | empty | − target: the price falls by 12 % |
library GasMarket {
    /// @dev One eighth of the target more gas multiplies the price by e^(1/64).
    uint256 private constant SMOOTHING = 8;
    /// @dev Price growth stops at e^64 ≈ 6·10^27 times the lowest price, which nobody can pay.
    uint256 private constant MAX_EXPONENT = 64;

    /// @notice The market as of some L1 block.
    struct State {
        uint64 blockNumber;
        /// Gas of messages in that block so far.
        uint64 used;
        /// Gas above the target in the blocks before.
        uint64 excess;
    }

    /// @notice The market as of L1 block `number`, given how it was before.
    function rolledTo(State memory self, uint64 number, uint64 target)
        internal
        pure
        returns (State memory)
    {
        if (number == self.blockNumber) return self;
        uint256 spent = uint256(self.excess) + self.used;
        uint256 recovered = uint256(target) * (number - self.blockNumber);
        uint256 max = MAX_EXPONENT * SMOOTHING * target;
        uint256 excess = FixedPointMathLib.zeroFloorSub(spent, recovered);
        return
            State({
                blockNumber: number, used: 0, excess: uint64(FixedPointMathLib.min(excess, max))
            });
    }

    /// @notice Wei per L2 gas: `minPrice × e^(excess / (8 × target))`.
    function price(State memory self, uint64 target, uint128 minPrice)
        internal
        pure
        returns (uint256)
    {
        int256 exponent = int256(uint256(self.excess) * 1e18 / (SMOOTHING * target));
        uint256 factor = uint256(FixedPointMathLib.expWad(exponent));
        return FixedPointMathLib.fullMulDiv(minPrice, factor, 1e18);
    }
}

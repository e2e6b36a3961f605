// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

/// @title Pair of a load (any chain)
/// @notice Swaps two tokens at a constant product, less 0.3 %: what a swap on a decentralized exchange
/// costs a chain. `mezz load` deploys it; nobody can take the liquidity out.
contract LoadPair {
    using SafeERC20 for IERC20;

    /// @notice The tokens.
    IERC20 public immutable token0;
    IERC20 public immutable token1;
    /// @notice What the pair holds of each, as it knows.
    uint128 public reserve0;
    uint128 public reserve1;

    /// @notice A swap: of token 0 into token 1 if `forward`.
    event Swapped(address indexed trader, bool forward, uint256 amountIn, uint256 amountOut);

    error LoadPair_TooLittle(uint256 amountOut, uint256 minimum);

    constructor(IERC20 token0_, IERC20 token1_) {
        token0 = token0_;
        token1 = token1_;
    }

    /// @notice Takes what it holds as its reserves.
    function sync() public {
        reserve0 = uint128(token0.balanceOf(address(this)));
        reserve1 = uint128(token1.balanceOf(address(this)));
    }

    /// @notice Takes `amountIn` of one token from the caller, gives the other.
    function swap(bool forward, uint256 amountIn, uint256 minimum)
        external
        returns (uint256 amountOut)
    {
        (IERC20 from, IERC20 to) = forward ? (token0, token1) : (token1, token0);
        (uint256 reserveIn, uint256 reserveOut) =
            forward ? (reserve0, reserve1) : (reserve1, reserve0);
        uint256 paid = amountIn * 997;
        amountOut = paid * reserveOut / (reserveIn * 1000 + paid);
        if (amountOut < minimum) revert LoadPair_TooLittle(amountOut, minimum);
        from.safeTransferFrom(msg.sender, address(this), amountIn);
        to.safeTransfer(msg.sender, amountOut);
        sync();
        emit Swapped(msg.sender, forward, amountIn, amountOut);
    }
}

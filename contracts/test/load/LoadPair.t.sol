// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {LoadPair} from "../../src/load/LoadPair.sol";
import {LoadToken} from "../../src/load/LoadToken.sol";
import {Test} from "../support/Test.sol";

contract LoadPairTest is Test {
    uint256 private constant LIQUIDITY = 1e24;

    LoadToken private token0;
    LoadToken private token1;
    LoadPair private pair;

    function setUp() public {
        token0 = new LoadToken();
        token1 = new LoadToken();
        pair = new LoadPair(token0, token1);
        address[] memory holders = new address[](2);
        (holders[0], holders[1]) = (address(pair), address(this));
        token0.mint(holders, LIQUIDITY);
        token1.mint(holders, LIQUIDITY);
        token0.approve(address(pair), type(uint256).max);
        token1.approve(address(pair), type(uint256).max);
        pair.sync();
    }

    function test_swap_givesWhatTheCurveSays() public {
        // 997·1e24·1e21 / (1e24·1000 + 997·1e21), rounded down.
        vm.assertEq(pair.swap(true, 1e21, 0), 996006981039903216493, "out");
        vm.assertEq(token0.balanceOf(address(pair)), LIQUIDITY + 1e21, "in");
        vm.assertEq(token1.balanceOf(address(this)), LIQUIDITY + 996006981039903216493, "given");
        vm.assertEq(pair.reserve0(), LIQUIDITY + 1e21, "reserve in");
        vm.assertEq(pair.reserve1(), LIQUIDITY - 996006981039903216493, "reserve out");
    }

    function test_swap_tooLittle_reverts() public {
        vm.expectRevert(
            abi.encodeWithSelector(
                LoadPair.LoadPair_TooLittle.selector, 996006981039903216493, 996006981039903216494
            )
        );
        pair.swap(true, 1e21, 996006981039903216494);
    }

    function testFuzz_swap_productNeverFalls(bool forward, uint256 amount) public {
        uint256 before = uint256(pair.reserve0()) * pair.reserve1();
        pair.swap(forward, bound(amount, 0, LIQUIDITY), 0);
        vm.assertGe(uint256(pair.reserve0()) * pair.reserve1(), before, "product");
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IERC5267} from "@openzeppelin/contracts/interfaces/IERC5267.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

import {IBridgedToken} from "../../src/interfaces/IBridgedToken.sol";
import {ITokenBridge} from "../../src/interfaces/ITokenBridge.sol";
import {Aliasing} from "../../src/libraries/Aliasing.sol";
import {Message, WithdrawalKind} from "../../src/types/Protocol.sol";
import {PlainToken} from "../mocks/Tokens.sol";
import {L2World} from "../support/L2World.sol";

contract TokenBridgeTest is L2World {
    uint256 private constant KEY = 0xa11ce5;

    PlainToken private token;

    function setUp() public override {
        super.setUp();
        token = newToken("Plain", "PLN");
    }

    function newToken(string memory name, string memory symbol) private returns (PlainToken made) {
        made = new PlainToken(name, symbol, 6);
        made.give(ALICE, 1e30);
        vm.prank(ALICE, ALICE);
        made.approve(address(vault), type(uint256).max);
    }

    function deposit(PlainToken what, address to, uint256 amount)
        private
        returns (Message memory message)
    {
        pass(12);
        uint256 fee = inbox.quote(vault.tokenDepositGas(address(what)));
        vm.recordLogs();
        vm.prank(ALICE, ALICE);
        vault.depositToken{value: fee}(address(what), to, amount);
        return lastMessage();
    }

    function bridged(PlainToken what) private view returns (IBridgedToken) {
        return IBridgedToken(bridge.tokenOf(address(what)));
    }

    function test_deposit_first_createsTheToken() public {
        Message memory message = deposit(token, BOB, 400);
        vm.expectEmit(address(bridge));
        emit ITokenBridge.TokenCreated(address(token), bridge.tokenOf(address(token)));
        vm.assertTrue(run(message), "runs");
        IBridgedToken l2 = bridged(token);
        vm.assertEq(l2.name(), "Plain", "name");
        vm.assertEq(l2.symbol(), "PLN", "symbol");
        vm.assertEq(l2.decimals(), 6, "decimals");
        vm.assertEq(l2.l1Token(), address(token), "L1 token");
        vm.assertEq(l2.bridge(), address(bridge), "bridge");
        vm.assertEq(l2.balanceOf(BOB), 400, "balance");
        vm.assertEq(l2.totalSupply(), 400, "supply");
        vm.assertEq(bridge.parameters().name, "", "nothing is left behind");
    }

    function test_deposit_later_mintsMore() public {
        run(deposit(token, BOB, 400));
        vm.assertTrue(run(deposit(token, ALICE, 100)), "runs");
        vm.assertEq(bridged(token).balanceOf(ALICE), 100, "balance");
        vm.assertEq(bridged(token).totalSupply(), 500, "supply");
        vm.assertEq(bridged(token).name(), "Plain", "name stays");
    }

    /// @dev The gas that the vault pays for suffices twice, for any description and balance.
    function test_deposit_anyDescription_neverRunsOutOfGas() public {
        string memory long = "0123456789012345678901234567890123456789012345678901234567890123";
        PlainToken loud = newToken(long, long);
        for (uint256 i = 0; i < 3; ++i) {
            Message memory message = deposit(loud, address(uint160(0x99 + i)), 1);
            // The bridge and the token on L2 are as cold as they can be: a fresh call.
            uint256 before = gasleft();
            vm.assertTrue(run(message), "runs");
            uint256 used = before - gasleft() + intrinsic(message.data);
            vm.assertLe(used * 2, message.gasLimit, "twice");
        }
        vm.assertEq(bridged(loud).name(), long, "whole name");
        (, string memory domain,,,,,) = IERC5267(address(bridged(loud))).eip712Domain();
        vm.assertEq(domain, "0123456789012345678901234567890", "domain");
    }

    function test_deposit_anyAmountUpToTheMost_neverFails() public {
        token.give(ALICE, type(uint128).max);
        vm.assertTrue(run(deposit(token, BOB, type(uint128).max)), "the most");
        vm.assertEq(bridged(token).balanceOf(BOB), type(uint128).max, "balance");
    }

    function test_deposit_toTheTokenItself_neverFails() public {
        address l2 = bridge.tokenOf(address(token));
        vm.assertTrue(run(deposit(token, l2, 5)), "runs");
        vm.assertTrue(run(deposit(token, address(bridge), 5)), "runs");
    }

    function test_finalizeDeposit_notFromTheVault_reverts() public {
        ITokenBridge.TokenParameters memory p;
        p.l1Token = address(token);
        address[3] memory callers = [LIAR, address(vault), address(bridge)];
        for (uint256 i = 0; i < callers.length; ++i) {
            vm.prank(callers[i], callers[i]);
            vm.expectRevert(
                abi.encodeWithSelector(ITokenBridge.TokenBridge_NotVault.selector, callers[i])
            );
            bridge.finalizeDeposit(p, LIAR, LIAR, 1e18);
        }
        // The alias of the vault is believed.
        vm.prank(Aliasing.aliasOf(address(vault)));
        bridge.finalizeDeposit(p, LIAR, LIAR, 1);
    }

    function test_withdraw_always_burnsAndRecords() public {
        run(deposit(token, BOB, 400));
        vm.recordLogs();
        vm.prank(BOB, BOB);
        uint64 index = bridge.withdraw(address(token), ALICE, 150);
        collect();
        vm.assertEq(index, 0, "index");
        vm.assertTrue(recorded[0].kind == WithdrawalKind.Token, "kind");
        vm.assertEq(recorded[0].sender, BOB, "sender");
        vm.assertEq(recorded[0].target, ALICE, "target");
        vm.assertEq(recorded[0].token, address(token), "L1 token");
        vm.assertEq(recorded[0].amount, 150, "amount");
        vm.assertEq(bridged(token).balanceOf(BOB), 250, "balance");
        vm.assertEq(bridged(token).totalSupply(), 250, "supply");
    }

    function test_roundTrip_always_paysOnL1() public {
        run(deposit(token, BOB, 400));
        vm.recordLogs();
        vm.prank(BOB, BOB);
        bridge.withdraw(address(token), BOB, 400);
        collect();
        settle();
        vm.assertEq(finalCommitment.outboxRoot, outbox.root(), "one tree");
        pay(recorded[0]);
        vm.assertEq(token.balanceOf(BOB), 400, "paid on L1");
        vm.assertEq(vault.deposited(address(token)), 0, "nothing left");
    }

    function test_withdraw_moreThanTheBalance_reverts() public {
        run(deposit(token, BOB, 400));
        vm.prank(BOB, BOB);
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, BOB, 400, 401)
        );
        bridge.withdraw(address(token), BOB, 401);
    }

    function test_withdraw_unknownToken_reverts() public {
        vm.expectRevert(
            abi.encodeWithSelector(ITokenBridge.TokenBridge_UnknownToken.selector, address(0x77))
        );
        bridge.withdraw(address(0x77), BOB, 1);
    }

    function test_withdraw_nothingOrNobody_reverts() public {
        run(deposit(token, BOB, 400));
        vm.expectRevert(ITokenBridge.TokenBridge_ZeroAmount.selector);
        bridge.withdraw(address(token), BOB, 0);
        vm.expectRevert(ITokenBridge.TokenBridge_ZeroRecipient.selector);
        bridge.withdraw(address(token), address(0), 1);
    }

    // The token.

    function test_mintAndBurn_notByTheBridge_revert() public {
        run(deposit(token, BOB, 400));
        IBridgedToken l2 = bridged(token);
        vm.prank(LIAR, LIAR);
        vm.expectRevert(abi.encodeWithSelector(IBridgedToken.BridgedToken_NotBridge.selector, LIAR));
        l2.mint(LIAR, 1);
        vm.prank(LIAR, LIAR);
        vm.expectRevert(abi.encodeWithSelector(IBridgedToken.BridgedToken_NotBridge.selector, LIAR));
        l2.burn(BOB, 1);
    }

    function test_balances_always_areAtSlotZero() public {
        run(deposit(token, BOB, 400));
        bytes32 slot = keccak256(abi.encode(BOB, uint256(0)));
        vm.assertEq(uint256(vm.load(address(bridged(token)), slot)), 400, "balance");
    }

    function test_tokenOf_always_isWhatL1Computes() public view {
        vm.assertEq(
            bridge.tokenOf(address(token)), vault.bridgedToken(address(token)), "one address"
        );
    }

    function test_permit_signed_allows() public {
        address owner = vm.addr(KEY);
        run(deposit(token, owner, 400));
        IBridgedToken l2 = bridged(token);
        uint256 deadline = block.timestamp + 60;
        bytes32 typeHash = keccak256(
            "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
        );
        bytes32 what = keccak256(abi.encode(typeHash, owner, BOB, 7, 0, deadline));
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", l2.DOMAIN_SEPARATOR(), what));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(KEY, digest);
        l2.permit(owner, BOB, 7, deadline, v, r, s);
        vm.assertEq(l2.allowance(owner, BOB), 7, "allowance");
        vm.assertEq(l2.nonces(owner), 1, "nonce");
        vm.expectRevert();
        l2.permit(owner, BOB, 7, deadline, v, r, s);
    }
}

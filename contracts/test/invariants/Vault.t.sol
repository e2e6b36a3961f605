// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {Withdrawal, WithdrawalKind} from "../../src/types/Protocol.sol";
import {Target} from "../mocks/Targets.sol";
import {MuteToken, PlainToken, TaxedToken} from "../mocks/Tokens.sol";
import {Withdrawals} from "../support/Withdrawals.sol";

/// @title Depositors and withdrawers who do anything
/// @dev L2 is as hostile as can be: it records withdrawals of anything by anyone.
contract VaultInvariantTest is Withdrawals {
    address[4] private tokens;
    Target private callee;

    mapping(address token => uint256) private takenIn;
    mapping(address token => uint256) private paidOut;
    mapping(uint64 index => uint256) private timesPaid;
    uint256 private settled;

    function setUp() public override {
        super.setUp();
        callee = new Target();
        tokens[1] = address(new PlainToken("Plain", "PLN", 18));
        tokens[2] = address(new TaxedToken());
        tokens[3] = address(new MuteToken());
        for (uint256 i = 1; i < 4; ++i) {
            PlainToken(tokens[i]).give(ALICE, 1e24);
        }
        vm.startPrank(ALICE, ALICE);
        PlainToken(tokens[1]).approve(address(vault), type(uint256).max);
        TaxedToken(tokens[2]).approve(address(vault), type(uint256).max);
        vm.stopPrank();
        target(address(this));
    }

    /// @dev Forge reads it: what an invariant run calls here.
    function targetSelectors() external view returns (FuzzSelector[] memory chosen) {
        bytes4[] memory selectors = new bytes4[](6);
        selectors[0] = this.actDepositEther.selector;
        selectors[1] = this.actDepositToken.selector;
        selectors[2] = this.actRecord.selector;
        selectors[3] = this.actSettle.selector;
        selectors[4] = this.actPay.selector;
        selectors[5] = this.actPayAltered.selector;
        chosen = new FuzzSelector[](1);
        chosen[0] = FuzzSelector({addr: address(this), selectors: selectors});
    }

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function actDepositEther(uint256 amount) external {
        pass(12);
        amount = bound(amount, 0, 1 ether);
        vm.deal(ALICE, 10 ether);
        uint256 fee = inbox.quote(50_000);
        vm.prank(ALICE, ALICE);
        vault.depositEther{value: amount + fee}(BOB, amount, 50_000, "");
        takenIn[address(0)] += amount;
    }

    function actDepositToken(uint256 which, uint256 amount) external {
        pass(12);
        address token = tokens[1 + which % 3];
        amount = bound(amount, 1000, 1e18);
        vm.deal(ALICE, 10 ether);
        uint256 fee = inbox.quote(vault.tokenDepositGas(token));
        vm.prank(ALICE, ALICE);
        (, uint256 received) = vault.depositToken{value: fee}(token, BOB, amount);
        takenIn[token] += received;
    }

    function actRecord(uint256 kind, uint256 which, uint256 amount) external {
        if (recorded.length > 40) return;
        address token = tokens[1 + which % 3];
        amount = bound(amount, 0, 2 ether);
        if (kind % 3 == 0) record(WithdrawalKind.Ether, BOB, address(0), amount);
        if (kind % 3 == 1) record(WithdrawalKind.Token, BOB, token, amount);
        if (kind % 3 == 2) record(WithdrawalKind.Call, address(callee), address(0), amount, "x");
    }

    function actSettle() external {
        if (recorded.length == settled) return;
        settle();
        settled = recorded.length;
    }

    function actPay(uint256 which) external {
        if (settled == 0) return;
        Withdrawal memory withdrawal = recorded[which % settled];
        bool isToken = withdrawal.kind == WithdrawalKind.Token;
        address token = isToken ? withdrawal.token : address(0);
        if (settled != recorded.length) return;
        try vault.withdraw(finalCommitment, withdrawal, proofOf(withdrawal.index)) {
            ++timesPaid[withdrawal.index];
            paidOut[token] += withdrawal.amount;
        } catch {}
    }

    function actPayAltered(uint256 which, uint256 field, uint256 noise) external {
        if (settled == 0 || settled != recorded.length) return;
        Withdrawal memory altered = recorded[which % settled];
        bytes32[32] memory proof = proofOf(altered.index);
        bytes32 before = keccak256(abi.encode(altered, proof));
        if (field % 6 == 0) altered.amount ^= noise;
        if (field % 6 == 1) altered.target = address(uint160(noise));
        if (field % 6 == 2) altered.index ^= uint64(noise);
        if (field % 6 == 3) altered.token = tokens[noise % 4];
        if (field % 6 == 4) altered.kind = WithdrawalKind(noise % 3);
        if (field % 6 == 5) proof[noise % 32] ^= bytes32(noise);
        if (keccak256(abi.encode(altered, proof)) == before) return;
        try vault.withdraw(finalCommitment, altered, proof) {
            revert("an altered withdrawal was paid");
        } catch {}
    }

    /// @dev What the chain counts is there.
    function invariant_vault_neverOwesMoreThanItHolds() public view {
        for (uint256 i = 0; i < 4; ++i) {
            uint256 holds =
                i == 0 ? address(vault).balance : IERC20(tokens[i]).balanceOf(address(vault));
            vm.assertGe(holds, vault.deposited(tokens[i]), "holds");
            vm.assertEq(
                vault.deposited(tokens[i]), takenIn[tokens[i]] - paidOut[tokens[i]], "in less out"
            );
        }
    }

    function invariant_withdrawals_arePaidAtMostOnce() public view {
        for (uint64 i = 0; i < recorded.length; ++i) {
            vm.assertLe(timesPaid[i], 1, "once");
            vm.assertEq(vault.isPaid(i), timesPaid[i] == 1, "marked");
        }
    }

    function invariant_messenger_ownsNothing() public view {
        vm.assertEq(address(messenger).balance, 0, "ether");
    }
}

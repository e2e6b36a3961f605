// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {IMessenger} from "../../src/interfaces/IMessenger.sol";
import {IVault} from "../../src/interfaces/IVault.sol";
import {Hashing} from "../../src/libraries/Hashing.sol";
import {Commitment, Withdrawal, WithdrawalKind} from "../../src/types/Protocol.sol";
import {Timestamp} from "../../src/types/Time.sol";
import {Reentrant, Silent, Target} from "../mocks/Targets.sol";
import {LyingToken, MuteToken, PlainToken, ReentrantToken, TaxedToken} from "../mocks/Tokens.sol";
import {Withdrawals} from "../support/Withdrawals.sol";

contract VaultWithdrawTest is Withdrawals {
    address private constant CAROL = address(0xca401);

    function withdraw(
        Commitment calldata commitment,
        Withdrawal calldata withdrawal,
        bytes32[32] calldata proof
    ) external {
        vault.withdraw(commitment, withdrawal, proof);
    }

    function test_withdraw_ether_paysOnce() public {
        giveVaultEther(5 ether);
        Withdrawal memory withdrawal = record(WithdrawalKind.Ether, CAROL, address(0), 2 ether);
        settle();
        vm.prank(LIAR);
        pay(withdrawal);
        vm.assertEq(CAROL.balance, 2 ether, "paid");
        vm.assertEq(vault.deposited(address(0)), 3 ether, "counted");
        vm.assertTrue(vault.isPaid(0), "marked");
        expectPayReverts(
            withdrawal, abi.encodeWithSelector(IVault.Vault_AlreadyPaid.selector, uint64(0))
        );
    }

    function test_withdraw_underALaterCommitment_doesNotPayAgain() public {
        giveVaultEther(5 ether);
        Withdrawal memory withdrawal = record(WithdrawalKind.Ether, CAROL, address(0), 2 ether);
        settle();
        pay(withdrawal);
        record(WithdrawalKind.Ether, BOB, address(0), 1 ether);
        settle();
        expectPayReverts(
            withdrawal, abi.encodeWithSelector(IVault.Vault_AlreadyPaid.selector, uint64(0))
        );
        pay(recorded[1]);
    }

    function test_withdraw_token_pays() public {
        PlainToken token = new PlainToken("Plain", "PLN", 6);
        token.give(ALICE, 100);
        depositToken(address(token), 100);
        Withdrawal memory withdrawal = record(WithdrawalKind.Token, CAROL, address(token), 60);
        settle();
        pay(withdrawal);
        vm.assertEq(token.balanceOf(CAROL), 60, "paid");
        vm.assertEq(vault.deposited(address(token)), 40, "counted");
    }

    function test_withdraw_hostileTokens_onlyTouchThemselves() public {
        giveVaultEther(1 ether);
        MuteToken mute = new MuteToken();
        TaxedToken taxed = new TaxedToken();
        mute.give(ALICE, 100);
        taxed.give(ALICE, 100);
        vm.prank(ALICE);
        taxed.approve(address(vault), 100);
        depositToken(address(mute), 100);
        depositToken(address(taxed), 100);
        record(WithdrawalKind.Token, CAROL, address(mute), 100);
        record(WithdrawalKind.Token, CAROL, address(taxed), 99);
        settle();
        pay(recorded[0]);
        pay(recorded[1]);
        vm.assertEq(mute.balanceOf(CAROL), 100, "mute");
        vm.assertEq(taxed.balanceOf(CAROL), 99, "taxed");
        vm.assertEq(vault.deposited(address(taxed)), 0, "all of it");
    }

    function test_withdraw_moreThanCameIn_reverts() public {
        giveVaultEther(1 ether);
        vm.deal(address(vault), 50 ether);
        Withdrawal memory withdrawal = record(WithdrawalKind.Ether, CAROL, address(0), 1 ether + 1);
        settle();
        expectPayReverts(
            withdrawal,
            abi.encodeWithSelector(
                IVault.Vault_NotDeposited.selector, address(0), 1 ether + 1, 1 ether
            )
        );
    }

    function test_withdraw_moreTokensThanCameIn_reverts() public {
        LyingToken lying = new LyingToken();
        depositToken(address(lying), 100);
        lying.lie(1e30);
        Withdrawal memory withdrawal = record(WithdrawalKind.Token, CAROL, address(lying), 101);
        settle();
        expectPayReverts(
            withdrawal,
            abi.encodeWithSelector(IVault.Vault_NotDeposited.selector, address(lying), 101, 100)
        );
    }

    /// @dev The counter of ether stands under the zero address: no token withdrawal may touch it.
    function test_withdraw_tokenAtTheZeroAddress_reverts() public {
        giveVaultEther(5 ether);
        Withdrawal memory withdrawal = record(WithdrawalKind.Token, CAROL, address(0), 1 ether);
        settle();
        expectPayReverts(
            withdrawal,
            abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(0))
        );
        vm.assertEq(vault.deposited(address(0)), 5 ether, "untouched");
    }

    // Proofs.

    function test_withdraw_notFinal_reverts() public {
        giveVaultEther(5 ether);
        Withdrawal memory withdrawal = record(WithdrawalKind.Ether, CAROL, address(0), 1 ether);
        finalCommitment = commitmentOf("never claimed");
        finalCommitment.outboxRoot = node(32, 0);
        expectPayReverts(
            withdrawal,
            abi.encodeWithSelector(
                IVault.Vault_NotFinal.selector, Hashing.commitment(finalCommitment)
            )
        );
    }

    function test_withdraw_everyFieldAltered_reverts() public {
        giveVaultEther(50 ether);
        PlainToken token = new PlainToken("Plain", "PLN", 6);
        token.give(ALICE, 100);
        depositToken(address(token), 100);
        record(WithdrawalKind.Ether, BOB, address(0), 1 ether);
        record(WithdrawalKind.Call, CAROL, address(0), 1 ether, hex"0102");
        record(WithdrawalKind.Ether, BOB, address(0), 3 ether);
        settle();
        for (uint256 field = 0; field < 8; ++field) {
            Withdrawal memory altered = recorded[1];
            if (field == 0) altered.index = 0;
            if (field == 1) altered.kind = WithdrawalKind.Ether;
            if (field == 2) altered.sender = LIAR;
            if (field == 3) altered.target = LIAR;
            if (field == 4) altered.token = address(token);
            if (field == 5) altered.amount = 1 ether + 1;
            if (field == 6) altered.data = hex"0103";
            if (field == 7) altered.index = 2;
            expectBadProof(altered, proofOf(altered.index));
            expectBadProof(altered, proofOf(1));
        }
        pay(recorded[1]);
    }

    function test_withdraw_everySiblingAltered_reverts() public {
        giveVaultEther(50 ether);
        record(WithdrawalKind.Ether, BOB, address(0), 1 ether);
        record(WithdrawalKind.Ether, CAROL, address(0), 1 ether);
        settle();
        for (uint256 height = 0; height < 32; ++height) {
            bytes32[32] memory proof = proofOf(1);
            proof[height] ^= bytes32(uint256(1));
            expectBadProof(recorded[1], proof);
        }
    }

    function test_withdraw_everyCommitmentFieldAltered_reverts() public {
        giveVaultEther(50 ether);
        record(WithdrawalKind.Ether, CAROL, address(0), 1 ether);
        settle();
        for (uint256 field = 0; field < 6; ++field) {
            Commitment memory altered = finalCommitment;
            if (field == 0) ++altered.blockNumber;
            if (field == 1) altered.blockHash = keccak256("x");
            if (field == 2) altered.timestamp = Timestamp.wrap(1);
            if (field == 3) altered.stateRoot = keccak256("x");
            if (field == 4) altered.outboxRoot = keccak256("x");
            if (field == 5) ++altered.nextInboxIndex;
            vm.expectRevert(
                abi.encodeWithSelector(IVault.Vault_NotFinal.selector, Hashing.commitment(altered))
            );
            this.withdraw(altered, recorded[0], proofOf(0));
        }
    }

    /// @dev Index 2^32 has the path of index 0; its leaf would have to say so, and must not.
    function test_withdraw_indexOutsideTheTree_reverts() public {
        giveVaultEther(50 ether);
        record(WithdrawalKind.Ether, CAROL, address(0), 1 ether);
        recorded[0].index = 1 << 32;
        settle();
        vm.expectRevert(abi.encodeWithSelector(IVault.Vault_BadIndex.selector, uint64(1) << 32));
        this.withdraw(finalCommitment, recorded[0], proofOf(0));
    }

    function test_withdraw_anInnerNodeAsLeaf_reverts() public {
        giveVaultEther(50 ether);
        record(WithdrawalKind.Ether, BOB, address(0), 1 ether);
        record(WithdrawalKind.Ether, CAROL, address(0), 1 ether);
        settle();
        // One level up: a leaf that hashes to the parent of both cannot be found, so any fails.
        bytes32[32] memory proof = proofOf(0);
        for (uint256 height = 0; height < 31; ++height) {
            proof[height] = proof[height + 1];
        }
        expectBadProof(recorded[0], proof);
    }

    function testFuzz_withdraw_anyTree_paysExactlyItsLeaves(uint8 count, uint8 pick) public {
        uint256 total = 1 + count % 20;
        giveVaultEther(100 ether);
        for (uint256 i = 0; i < total; ++i) {
            record(WithdrawalKind.Ether, address(uint160(0x10000 + i)), address(0), 1 + i);
        }
        settle();
        uint256 index = pick % total;
        pay(recorded[index]);
        vm.assertEq(address(uint160(0x10000 + index)).balance, 1 + index, "paid");
        vm.assertTrue(vault.isPaid(uint64(index)), "marked");
        vm.assertEq(vault.deposited(address(0)), 100 ether - 1 - index, "counted");
    }

    // Failures that can be tried again.

    function test_withdraw_targetRefuses_canBeTriedAgain() public {
        giveVaultEther(5 ether);
        Target target = new Target();
        target.set(true);
        Withdrawal memory withdrawal =
            record(WithdrawalKind.Ether, address(target), address(0), 1 ether);
        settle();
        expectPayReverts(
            withdrawal, abi.encodeWithSelector(IVault.Vault_PaymentFailed.selector, address(target))
        );
        vm.assertTrue(!vault.isPaid(0), "not marked");
        vm.etch(address(target), "");
        pay(withdrawal);
        vm.assertEq(address(target).balance, 1 ether, "paid");
    }

    function test_withdraw_call_reachesItsTarget() public {
        giveVaultEther(5 ether);
        Target target = new Target();
        Withdrawal memory withdrawal =
            record(WithdrawalKind.Call, address(target), address(0), 1 ether, hex"c0ffee");
        settle();
        pay(withdrawal);
        vm.assertEq(target.sender(), address(0x5e4d), "who is behind it");
        vm.assertEq(target.value(), 1 ether, "value");
        vm.assertEq(target.data(), hex"c0ffee", "data");
        vm.assertEq(address(messenger).balance, 0, "nothing stays with the messenger");
        vm.expectRevert(IMessenger.Messenger_NoCall.selector);
        messenger.sender();
    }

    function test_withdraw_callFails_saysWhyAndCanBeTriedAgain() public {
        giveVaultEther(5 ether);
        Target target = new Target();
        target.set(true);
        Withdrawal memory withdrawal =
            record(WithdrawalKind.Call, address(target), address(0), 1 ether, hex"c0ffee");
        settle();
        expectPayReverts(withdrawal, abi.encodeWithSelector(Target.Target_Closed.selector, 7));
        vm.assertEq(address(vault).balance, 5 ether, "the value stays");
        target.set(false);
        pay(withdrawal);
        vm.assertEq(target.value(), 1 ether, "value");
    }

    function test_withdraw_callFailsSilently_reverts() public {
        giveVaultEther(5 ether);
        Silent silent = new Silent();
        Withdrawal memory withdrawal =
            record(WithdrawalKind.Call, address(silent), address(0), 1 ether, hex"c0ffee");
        settle();
        expectPayReverts(
            withdrawal,
            abi.encodeWithSelector(IMessenger.Messenger_CallFailed.selector, address(silent))
        );
    }

    // Reentrancy.

    function test_withdraw_etherReentrant_isRefusedInside() public {
        giveVaultEther(5 ether);
        Reentrant thief = new Reentrant();
        record(WithdrawalKind.Ether, address(thief), address(0), 1 ether);
        record(WithdrawalKind.Ether, address(thief), address(0), 1 ether);
        settle();
        for (uint256 inner = 0; inner < 2; ++inner) {
            thief.arm(
                address(vault),
                abi.encodeCall(IVault.withdraw, (finalCommitment, recorded[inner], proofOf(inner)))
            );
            uint256 snapshot = vm.snapshotState();
            pay(recorded[0]);
            vm.assertTrue(!thief.succeeded(), "inner withdrawal refused");
            vm.assertEq(address(thief).balance, 1 ether, "paid once");
            vm.revertToState(snapshot);
        }
    }

    function test_withdraw_callReentrant_cannotHaveAnotherCallMade() public {
        giveVaultEther(5 ether);
        Reentrant thief = new Reentrant();
        record(WithdrawalKind.Call, address(thief), address(0), 1 ether, "");
        record(WithdrawalKind.Call, address(thief), address(0), 1 ether, "");
        settle();
        thief.arm(
            address(vault),
            abi.encodeCall(IVault.withdraw, (finalCommitment, recorded[1], proofOf(1)))
        );
        pay(recorded[0]);
        vm.assertTrue(!thief.succeeded(), "inner withdrawal refused");
        thief.arm(
            address(messenger), abi.encodeCall(IMessenger.execute, (LIAR, address(thief), ""))
        );
        pay(recorded[1]);
        vm.assertTrue(!thief.succeeded(), "the messenger hears the vault alone");
    }

    function test_withdraw_tokenReentrant_isRefusedInside() public {
        giveVaultEther(5 ether);
        ReentrantToken re = new ReentrantToken();
        re.give(ALICE, 100);
        vm.prank(ALICE);
        re.approve(address(vault), 100);
        depositToken(address(re), 100);
        Reentrant thief = new Reentrant();
        record(WithdrawalKind.Token, address(thief), address(re), 10);
        settle();
        re.arm(abi.encodeCall(IVault.withdraw, (finalCommitment, recorded[0], proofOf(0))));
        pay(recorded[0]);
        vm.assertTrue(!re.succeeded(), "inner withdrawal refused");
        vm.assertEq(re.balanceOf(address(thief)), 10, "paid once");
    }

    function test_withdraw_callIntoTheVault_isRefused() public {
        giveVaultEther(5 ether);
        bytes memory data = abi.encodeCall(IVault.depositEther, (LIAR, 1 ether, 100_000, ""));
        Withdrawal memory withdrawal =
            record(WithdrawalKind.Call, address(vault), address(0), 2 ether, data);
        settle();
        vm.expectRevert();
        this.withdraw(finalCommitment, withdrawal, proofOf(0));
    }

    function test_execute_notFromTheVault_reverts() public {
        vm.prank(LIAR);
        vm.expectRevert(abi.encodeWithSelector(IMessenger.Messenger_NotVault.selector, LIAR));
        messenger.execute(LIAR, LIAR, "");
    }

    function test_receive_messenger_takesNoEther() public {
        vm.prank(ALICE);
        (bool success,) = address(messenger).call{value: 1}("");
        vm.assertTrue(!success, "nothing can be stuck there");
    }

    function depositToken(address token, uint256 amount) private {
        uint256 fee = inbox.quote(vault.tokenDepositGas(token));
        vm.startPrank(ALICE, ALICE);
        try PlainToken(token).approve(address(vault), amount) {} catch {}
        vault.depositToken{value: fee}(token, ALICE, amount);
        vm.stopPrank();
    }

    function expectPayReverts(Withdrawal memory withdrawal, bytes memory why) private {
        bytes32[32] memory proof = proofOf(withdrawal.index);
        vm.expectRevert(why);
        this.withdraw(finalCommitment, withdrawal, proof);
    }

    function expectBadProof(Withdrawal memory altered, bytes32[32] memory proof) private {
        vm.expectRevert(IVault.Vault_BadProof.selector);
        this.withdrawOrSelector(altered, proof);
    }

    /// @dev Keeps the selector alone of what the vault reverts with: the root found is any hash.
    function withdrawOrSelector(Withdrawal calldata withdrawal, bytes32[32] calldata proof)
        external
    {
        try vault.withdraw(finalCommitment, withdrawal, proof) {}
        catch (bytes memory why) {
            bytes4 selector = bytes4(why);
            assembly ("memory-safe") {
                mstore(0, selector)
                revert(0, 4)
            }
        }
    }
}

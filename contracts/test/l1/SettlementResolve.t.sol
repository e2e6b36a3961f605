// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ISettlement} from "../../src/interfaces/ISettlement.sol";
import {Verdict} from "../../src/interfaces/IVerifier.sol";
import {ClaimId, LineId} from "../../src/types/ClaimId.sol";
import {World} from "../support/World.sol";

contract SettlementResolveTest is World {
    bytes32 private constant TRUTH = keccak256("true");
    bytes32 private constant LIE = keccak256("false");
    address private constant WATCHER = address(0x3a7c4e);

    function setUp() public override {
        super.setUp();
        vm.deal(WATCHER, 10 ether);
        for (uint256 i = 0; i < 6; ++i) {
            pass(12);
            post();
        }
    }

    function judge(ClaimId id, Verdict verdict) private {
        verifier.set(settlement.question(id), settlement.claim(id).post, verdict);
        settlement.resolve(id);
    }

    function prune(ClaimId id) private {
        ClaimId[] memory ids = new ClaimId[](1);
        ids[0] = id;
        settlement.prune(ids);
    }

    function assertStatus(ClaimId id, ISettlement.ClaimStatus status) private view {
        vm.assertTrue(settlement.claim(id).status == status, "status");
    }

    // Finality.

    function test_finalize_alone_isFinalAtTheEndOfTheWindow() public {
        ClaimId id = propose(OPERATOR, root(), 3, TRUTH, BOND);
        uint64 end = uint64(block.timestamp) + WINDOW;
        pass(WINDOW - 1);
        vm.assertTrue(!settlement.isFinalizable(id), "not yet");
        vm.expectRevert(abi.encodeWithSelector(ISettlement.Settlement_WindowOpen.selector, end));
        settlement.finalize(id);
        pass(1);
        vm.assertTrue(settlement.isFinalizable(id), "now");
        settlement.finalize(id);
        assertStatus(id, ISettlement.ClaimStatus.Final);
        vm.assertTrue(settlement.isFinalCommitment(TRUTH), "commitment");
    }

    function test_finalize_unknown_reverts() public {
        ClaimId id = ClaimId.wrap(keccak256("nothing"));
        vm.expectRevert(abi.encodeWithSelector(ISettlement.Settlement_UnknownClaim.selector, id));
        settlement.finalize(id);
        vm.assertTrue(!settlement.isFinalizable(id), "view");
    }

    function test_finalize_twice_reverts() public {
        ClaimId id = propose(OPERATOR, root(), 3, TRUTH, BOND);
        pass(WINDOW);
        settlement.finalize(id);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.Settlement_NotOpen.selector, id));
        settlement.finalize(id);
    }

    function test_finalize_beforeItsParent_reverts() public {
        ClaimId first = propose(OPERATOR, root(), 3, TRUTH, BOND);
        ClaimId second = propose(OPERATOR, first, 5, LIE, 0);
        pass(WINDOW);
        vm.expectRevert(
            abi.encodeWithSelector(ISettlement.Settlement_ParentNotFinal.selector, first)
        );
        settlement.finalize(second);
    }

    function test_finalize_secondChildOfAFinalClaim_reverts() public {
        ClaimId slow = propose(LIAR, root(), 4, LIE, BOND);
        ClaimId id = propose(OPERATOR, root(), 3, TRUTH, BOND);
        pass(WINDOW);
        settlement.finalize(id);
        vm.expectRevert(
            abi.encodeWithSelector(ISettlement.Settlement_ParentNotFinal.selector, root())
        );
        settlement.finalize(slow);
    }

    // Contested ranges.

    function test_finalize_contested_staysFrozenForEver() public {
        ClaimId lie = propose(LIAR, root(), 3, LIE, BOND);
        ClaimId truth = propose(WATCHER, root(), 3, TRUTH, BOND);
        pass(365 days);
        ClaimId[2] memory ids = [lie, truth];
        for (uint256 i = 0; i < 2; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(ISettlement.Settlement_RangeFrozen.selector, ids[i])
            );
            settlement.finalize(ids[i]);
        }
    }

    function test_resolve_noVerdict_reverts() public {
        ClaimId id = propose(OPERATOR, root(), 3, TRUTH, BOND);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.Settlement_NoVerdict.selector, id));
        settlement.resolve(id);
    }

    function test_resolve_noProofSystem_reverts() public {
        deploy(address(0));
        post();
        ClaimId lie = propose(LIAR, root(), 1, LIE, BOND);
        ClaimId truth = propose(WATCHER, root(), 1, TRUTH, BOND);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.Settlement_NoVerdict.selector, truth));
        settlement.resolve(truth);
        pass(WINDOW);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.Settlement_RangeFrozen.selector, lie));
        settlement.finalize(lie);
    }

    function test_resolve_valid_winsTheRange() public {
        ClaimId lie = propose(LIAR, root(), 3, LIE, BOND);
        ClaimId truth = propose(WATCHER, root(), 3, TRUTH, BOND);
        judge(truth, Verdict.Valid);
        pass(WINDOW);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.Settlement_RangeDecided.selector, truth));
        settlement.finalize(lie);
        settlement.finalize(truth);
        vm.assertTrue(settlement.isFinalCommitment(TRUTH), "truth");
        vm.assertTrue(!settlement.isFinalCommitment(LIE), "lie");
    }

    function test_resolve_valid_doesNotShortenTheWindow() public {
        ClaimId truth = propose(WATCHER, root(), 3, TRUTH, BOND);
        judge(truth, Verdict.Valid);
        vm.assertTrue(!settlement.isFinalizable(truth), "the window is open");
    }

    function test_resolve_secondValid_reverts() public {
        ClaimId lie = propose(LIAR, root(), 3, LIE, BOND);
        ClaimId truth = propose(WATCHER, root(), 3, TRUTH, BOND);
        judge(truth, Verdict.Valid);
        verifier.set(settlement.question(lie), settlement.claim(lie).post, Verdict.Valid);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.Settlement_RangeDecided.selector, truth));
        settlement.resolve(lie);
    }

    function test_resolve_invalid_leavesTheOtherAlone() public {
        ClaimId lie = propose(LIAR, root(), 3, LIE, BOND);
        ClaimId truth = propose(WATCHER, root(), 3, TRUTH, BOND);
        judge(lie, Verdict.Invalid);
        assertStatus(lie, ISettlement.ClaimStatus.Lost);
        pass(WINDOW);
        settlement.finalize(truth);
        vm.assertTrue(settlement.isFinalCommitment(TRUTH), "truth");
    }

    function test_resolve_lost_reverts() public {
        ClaimId lie = propose(LIAR, root(), 3, LIE, BOND);
        judge(lie, Verdict.Invalid);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.Settlement_NotOpen.selector, lie));
        settlement.resolve(lie);
    }

    function test_finalize_descendantsOfALoser_neverFinal() public {
        ClaimId lie = propose(LIAR, root(), 3, LIE, BOND);
        ClaimId child = propose(LIAR, lie, 4, keccak256("more lies"), 0);
        ClaimId truth = propose(WATCHER, root(), 3, TRUTH, BOND);
        judge(truth, Verdict.Valid);
        pass(WINDOW);
        settlement.finalize(truth);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.Settlement_ParentNotFinal.selector, lie));
        settlement.finalize(child);
        ClaimId[] memory ids = new ClaimId[](2);
        (ids[0], ids[1]) = (lie, child);
        settlement.prune(ids);
        assertStatus(lie, ISettlement.ClaimStatus.Lost);
        assertStatus(child, ISettlement.ClaimStatus.Superseded);
    }

    // Pruning.

    function test_prune_living_reverts() public {
        ClaimId id = propose(OPERATOR, root(), 3, TRUTH, BOND);
        ClaimId child = propose(OPERATOR, id, 4, LIE, 0);
        ClaimId[2] memory living = [id, child];
        for (uint256 i = 0; i < 2; ++i) {
            ClaimId[] memory ids = new ClaimId[](1);
            ids[0] = living[i];
            vm.expectRevert(
                abi.encodeWithSelector(ISettlement.Settlement_NotDead.selector, living[i])
            );
            settlement.prune(ids);
        }
    }

    function test_prune_childBeforeItsParent_reverts() public {
        ClaimId lie = propose(LIAR, root(), 4, LIE, BOND);
        ClaimId child = propose(LIAR, lie, 5, keccak256("more lies"), 0);
        ClaimId truth = propose(OPERATOR, root(), 3, TRUTH, BOND);
        pass(WINDOW);
        settlement.finalize(truth);
        ClaimId[] memory ids = new ClaimId[](2);
        (ids[0], ids[1]) = (child, lie);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.Settlement_NotDead.selector, child));
        settlement.prune(ids);
        (ids[0], ids[1]) = (lie, child);
        settlement.prune(ids);
        assertStatus(child, ISettlement.ClaimStatus.Superseded);
        // Again: nothing to record.
        settlement.prune(ids);
    }

    // Bonds.

    function test_withdrawBond_tipFinal_paysOnce() public {
        ClaimId id = propose(BOB, root(), 3, TRUTH, BOND);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.Settlement_TipPending.selector, id));
        settlement.withdrawBond(LineId.wrap(1));
        pass(WINDOW);
        settlement.finalize(id);
        uint256 before = BOB.balance;
        vm.prank(LIAR);
        settlement.withdrawBond(LineId.wrap(1));
        vm.assertEq(BOB.balance - before, BOND, "paid to the owner");
        vm.expectRevert(abi.encodeWithSelector(ISettlement.Settlement_NoBond.selector, 1));
        settlement.withdrawBond(LineId.wrap(1));
    }

    function test_withdrawBond_noSuchLine_reverts() public {
        for (uint64 id = 0; id < 2; ++id) {
            vm.expectRevert(abi.encodeWithSelector(ISettlement.Settlement_UnknownLine.selector, id));
            settlement.withdrawBond(LineId.wrap(id));
        }
    }

    function test_withdrawBond_superseded_paysTheBondBack() public {
        ClaimId slow = propose(BOB, root(), 4, TRUTH, BOND);
        ClaimId id = propose(OPERATOR, root(), 3, TRUTH, BOND);
        pass(WINDOW);
        settlement.finalize(id);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.Settlement_TipPending.selector, slow));
        settlement.withdrawBond(LineId.wrap(1));
        prune(slow);
        uint256 before = BOB.balance;
        settlement.withdrawBond(LineId.wrap(1));
        vm.assertEq(BOB.balance - before, BOND, "paid");
    }

    function test_withdrawBond_ownerRefuses_reverts() public {
        ClaimId id = propose(BOB, root(), 3, TRUTH, BOND);
        pass(WINDOW);
        settlement.finalize(id);
        vm.etch(BOB, hex"5f5ffd");
        vm.expectRevert(abi.encodeWithSelector(ISettlement.Settlement_PaymentFailed.selector, BOB));
        settlement.withdrawBond(LineId.wrap(1));
    }

    function test_resolve_invalid_forfeitsTheBondOfTheWholeLine() public {
        ClaimId lie = propose(LIAR, root(), 3, LIE, BOND);
        ClaimId child = propose(LIAR, lie, 4, keccak256("more lies"), 0);
        judge(lie, Verdict.Invalid);
        prune(child);
        assertStatus(child, ISettlement.ClaimStatus.Superseded);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.Settlement_NoBond.selector, 1));
        settlement.withdrawBond(LineId.wrap(1));
        vm.assertEq(settlement.range(root(), 3).pot, BOND / 2, "half waits");
    }

    function test_finalize_overALie_rewardsTheProposerOfTheTruth() public {
        ClaimId lie = propose(LIAR, root(), 3, LIE, BOND);
        ClaimId truth = propose(WATCHER, root(), 3, TRUTH, BOND);
        judge(lie, Verdict.Invalid);
        vm.assertEq(settlement.rewardOf(WATCHER), 0, "not before the claim is final");
        pass(WINDOW);
        settlement.finalize(truth);
        vm.assertEq(settlement.rewardOf(WATCHER), BOND / 2, "half of the bond");
        uint256 before = WATCHER.balance;
        settlement.withdrawReward(WATCHER);
        settlement.withdrawBond(LineId.wrap(2));
        vm.assertEq(WATCHER.balance - before, BOND / 2 + BOND, "reward and bond");
        vm.assertEq(address(settlement).balance, BOND / 2, "half is out of reach");
        vm.expectRevert(abi.encodeWithSelector(ISettlement.Settlement_NoReward.selector, WATCHER));
        settlement.withdrawReward(WATCHER);
    }

    function test_prune_loserAfterTheWinnerIsFinal_rewardsAtOnce() public {
        ClaimId lie = propose(LIAR, root(), 3, LIE, BOND);
        ClaimId truth = propose(WATCHER, root(), 3, TRUTH, BOND);
        judge(truth, Verdict.Valid);
        pass(WINDOW);
        settlement.finalize(truth);
        vm.assertEq(settlement.rewardOf(WATCHER), 0, "nothing is recorded yet");
        prune(lie);
        assertStatus(lie, ISettlement.ClaimStatus.Lost);
        vm.assertEq(settlement.rewardOf(WATCHER), BOND / 2, "half of the bond");
    }

    /// @dev Both claims are one person's: half a bond is what the delay costs.
    function test_contest_oneself_costsHalfABond() public {
        uint256 before = LIAR.balance;
        ClaimId lie = propose(LIAR, root(), 3, LIE, BOND);
        ClaimId truth = propose(LIAR, root(), 3, TRUTH, BOND);
        judge(truth, Verdict.Valid);
        prune(lie);
        pass(WINDOW);
        settlement.finalize(truth);
        settlement.withdrawReward(LIAR);
        settlement.withdrawBond(LineId.wrap(2));
        vm.assertEq(before - LIAR.balance, BOND / 2, "cost");
    }

    function test_resolve_winnerUnderADeadBranch_doesNotRewardBeforeFinality() public {
        // A lie with two children of which one is true, given the lie.
        ClaimId lie = propose(LIAR, root(), 3, LIE, BOND);
        ClaimId one = propose(LIAR, lie, 4, keccak256("one"), 0);
        ClaimId other = propose(BOB, lie, 4, keccak256("other"), BOND);
        ClaimId truth = propose(WATCHER, root(), 3, TRUTH, BOND);
        judge(other, Verdict.Valid);
        judge(lie, Verdict.Invalid);
        prune(one);
        assertStatus(one, ISettlement.ClaimStatus.Lost);
        prune(other);
        assertStatus(other, ISettlement.ClaimStatus.Superseded);
        vm.assertEq(settlement.rewardOf(BOB), 0, "no reward under a dead branch");
        pass(WINDOW);
        settlement.finalize(truth);
        vm.assertEq(settlement.rewardOf(WATCHER), BOND / 2, "one bond, forfeited once");
        uint256 before = BOB.balance;
        settlement.withdrawBond(LineId.wrap(2));
        vm.assertEq(BOB.balance - before, BOND, "superseded, not judged invalid");
    }
}

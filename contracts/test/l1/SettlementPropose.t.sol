// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IInbox} from "../../src/interfaces/IInbox.sol";
import {ISettlement} from "../../src/interfaces/ISettlement.sol";
import {Verdict} from "../../src/interfaces/IVerifier.sol";
import {Hashing} from "../../src/libraries/Hashing.sol";
import {ClaimId, LineId} from "../../src/types/ClaimId.sol";
import {Duration, Timestamp} from "../../src/types/Time.sol";
import {World} from "../support/World.sol";

contract SettlementProposeTest is World {
    bytes32 private constant POST = keccak256("a state");

    function setUp() public override {
        super.setUp();
        for (uint256 i = 0; i < 12; ++i) {
            send(ALICE, 100_000, "");
            pass(12);
            post();
        }
    }

    function proposeAs(address from, ISettlement.ProposeInput calldata input, uint256 bond)
        external
        returns (ClaimId)
    {
        vm.prank(from, from);
        return settlement.propose{value: bond}(input);
    }

    function test_constructor_always_plantsTheRoot() public view {
        (ClaimId id, ISettlement.Claim memory claim) = settlement.latestFinal();
        vm.assertEq(ClaimId.unwrap(id), ClaimId.unwrap(root()), "root");
        vm.assertEq(claim.post, genesisCommitmentHash(), "post");
        vm.assertEq(claim.batchEnd, 0, "batch end");
        vm.assertTrue(claim.status == ISettlement.ClaimStatus.Final, "final");
        vm.assertTrue(settlement.isFinalCommitment(genesisCommitmentHash()), "commitment");
    }

    function test_constructor_unsoundConfig_reverts() public {
        for (uint256 flaw = 0; flaw < 5; ++flaw) {
            ISettlement.Config memory config = settlementConfig(address(0));
            if (flaw == 0) config.window = Duration.wrap(0);
            if (flaw == 1) config.bond = 0;
            if (flaw == 2) config.maxBatchesPerClaim = 0;
            if (flaw == 3) config.configHash = keccak256("another chain");
            if (flaw == 4) config.genesisCommitmentHash = keccak256("another genesis");
            vm.expectRevert(ISettlement.Settlement_BadConfig.selector);
            this.createSettlement(config);
        }
        this.createSettlement(settlementConfig(address(0)));
    }

    function createSettlement(ISettlement.Config calldata config) external {
        create("Settlement", abi.encode(config));
    }

    function test_propose_good_bindsEverything() public {
        ClaimId first = propose(OPERATOR, root(), 3, keccak256("first"), BOND);
        ClaimId id = propose(OPERATOR, first, 5, POST, 0);
        IInbox.BatchEnd memory start = inbox.batchEndAt(3);
        IInbox.BatchEnd memory end = inbox.batchEndAt(5);
        bytes32 digest = Hashing.claim(
            CONFIG_HASH,
            Hashing.ClaimTerms({
                pre: keccak256("first"),
                batchStart: start.batchAccumulator,
                batchEnd: end.batchAccumulator,
                inboxStart: start.inboxAccumulator,
                inboxEnd: end.inboxAccumulator,
                post: POST
            })
        );
        vm.assertEq(ClaimId.unwrap(id), ClaimId.unwrap(Hashing.claimId(first, digest)), "id");
        vm.assertEq(settlement.claimDigest(id), digest, "digest");
        ISettlement.Claim memory claim = settlement.claim(id);
        vm.assertEq(ClaimId.unwrap(claim.parent), ClaimId.unwrap(first), "parent");
        vm.assertEq(claim.post, POST, "post");
        vm.assertEq(claim.batchEnd, 5, "batch end");
        vm.assertTrue(claim.status == ISettlement.ClaimStatus.Open, "open");
        vm.assertTrue(!settlement.isFinalCommitment(POST), "not final");
    }

    // Expectations.

    function test_propose_unknownParent_reverts() public {
        ClaimId unknown = ClaimId.wrap(keccak256("nothing"));
        ISettlement.ProposeInput memory input = proposal(unknown, 3, POST);
        vm.expectRevert(
            abi.encodeWithSelector(ISettlement.Settlement_UnknownClaim.selector, unknown)
        );
        this.proposeAs(LIAR, input, BOND);
    }

    function test_propose_parentThatEndsLater_reverts() public {
        ClaimId first = propose(OPERATOR, root(), 3, keccak256("first"), BOND);
        for (uint64 end = 2; end <= 3; ++end) {
            ISettlement.ProposeInput memory input = proposal(first, end, POST);
            vm.expectRevert(
                abi.encodeWithSelector(
                    ISettlement.Settlement_BadRange.selector, 3, end, MAX_BATCHES
                )
            );
            this.proposeAs(LIAR, input, BOND);
        }
    }

    function test_propose_tooManyBatches_reverts() public {
        ISettlement.ProposeInput memory input = proposal(root(), MAX_BATCHES + 1, POST);
        vm.expectRevert(
            abi.encodeWithSelector(
                ISettlement.Settlement_BadRange.selector, 0, MAX_BATCHES + 1, MAX_BATCHES
            )
        );
        this.proposeAs(LIAR, input, BOND);
        propose(OPERATOR, root(), MAX_BATCHES, POST, BOND);
    }

    function test_propose_batchNotThereYet_reverts() public {
        ClaimId first = propose(OPERATOR, root(), 8, keccak256("first"), BOND);
        ISettlement.ProposeInput memory input = proposal(first, 12, POST);
        input.batchEnd = 13;
        vm.expectRevert(abi.encodeWithSelector(IInbox.Inbox_UnknownBatch.selector, 13));
        this.proposeAs(LIAR, input, BOND);
    }

    function test_propose_otherBatches_reverts() public {
        ISettlement.ProposeInput memory input = proposal(root(), 3, POST);
        bytes32 actual = input.batchAccumulator;
        input.batchAccumulator = keccak256("before the reorganisation");
        vm.expectRevert(
            abi.encodeWithSelector(
                ISettlement.Settlement_WrongBatchAccumulator.selector,
                input.batchAccumulator,
                actual
            )
        );
        this.proposeAs(LIAR, input, BOND);
    }

    function test_propose_otherMessages_reverts() public {
        ISettlement.ProposeInput memory input = proposal(root(), 3, POST);
        bytes32 actual = input.inboxAccumulator;
        input.inboxAccumulator = keccak256("before the reorganisation");
        vm.expectRevert(
            abi.encodeWithSelector(
                ISettlement.Settlement_WrongInboxAccumulator.selector,
                input.inboxAccumulator,
                actual
            )
        );
        this.proposeAs(LIAR, input, BOND);
    }

    function test_propose_twice_reverts() public {
        ClaimId id = propose(OPERATOR, root(), 3, POST, BOND);
        ISettlement.ProposeInput memory input = proposal(root(), 3, POST);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.Settlement_DuplicateClaim.selector, id));
        this.proposeAs(LIAR, input, BOND);
    }

    // Dead parents.

    function test_propose_underALostClaim_reverts() public {
        ClaimId lost = propose(LIAR, root(), 3, POST, BOND);
        verifier.set(settlement.question(lost), settlement.claim(lost).post, Verdict.Invalid);
        settlement.resolve(lost);
        expectDeadParent(lost);
    }

    function test_propose_underTheLoserOfADecidedRange_reverts() public {
        ClaimId loser = propose(LIAR, root(), 3, POST, BOND);
        ClaimId winner = propose(OPERATOR, root(), 3, keccak256("true"), BOND);
        verifier.set(settlement.question(winner), settlement.claim(winner).post, Verdict.Valid);
        settlement.resolve(winner);
        // Nobody has recorded that it is dead.
        vm.assertTrue(
            settlement.claim(loser).status == ISettlement.ClaimStatus.Open, "not recorded"
        );
        expectDeadParent(loser);
    }

    function test_propose_underAFinalClaimWithAFinalChild_reverts() public {
        ClaimId id = propose(OPERATOR, root(), 3, POST, BOND);
        pass(WINDOW);
        settlement.finalize(id);
        expectDeadParent(root());
        propose(OPERATOR, id, 5, keccak256("next"), 0);
    }

    function test_propose_underASupersededClaim_reverts() public {
        ClaimId slow = propose(LIAR, root(), 4, POST, BOND);
        ClaimId id = propose(OPERATOR, root(), 3, POST, BOND);
        pass(WINDOW);
        settlement.finalize(id);
        ClaimId[] memory ids = new ClaimId[](1);
        ids[0] = slow;
        settlement.prune(ids);
        expectDeadParent(slow);
    }

    function expectDeadParent(ClaimId parent) private {
        ISettlement.ProposeInput memory input = proposal(parent, 6, keccak256("child"));
        vm.expectRevert(abi.encodeWithSelector(ISettlement.Settlement_DeadParent.selector, parent));
        this.proposeAs(LIAR, input, BOND);
    }

    // Bonds.

    function test_propose_ownTip_movesTheBond() public {
        ClaimId first = propose(OPERATOR, root(), 3, keccak256("first"), BOND);
        ClaimId second = propose(OPERATOR, first, 5, POST, 0);
        vm.assertEq(settlement.lineCount(), 1, "one line");
        ISettlement.Line memory line = settlement.line(LineId.wrap(1));
        vm.assertEq(line.owner, OPERATOR, "owner");
        vm.assertEq(ClaimId.unwrap(line.tip), ClaimId.unwrap(second), "tip");
        vm.assertEq(address(settlement).balance, BOND, "one bond");
    }

    function test_propose_ownTipWithABond_reverts() public {
        ClaimId first = propose(OPERATOR, root(), 3, keccak256("first"), BOND);
        ISettlement.ProposeInput memory input = proposal(first, 5, POST);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.Settlement_WrongBond.selector, BOND, 0));
        this.proposeAs(OPERATOR, input, BOND);
    }

    function test_propose_wrongBond_reverts() public {
        ISettlement.ProposeInput memory input = proposal(root(), 3, POST);
        uint256[3] memory wrong = [uint256(0), BOND - 1, BOND + 1];
        for (uint256 i = 0; i < wrong.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(ISettlement.Settlement_WrongBond.selector, wrong[i], BOND)
            );
            this.proposeAs(BOB, input, wrong[i]);
        }
    }

    function test_propose_othersTip_opensALine() public {
        ClaimId first = propose(OPERATOR, root(), 3, keccak256("first"), BOND);
        propose(BOB, first, 5, POST, BOND);
        vm.assertEq(settlement.lineCount(), 2, "two lines");
    }

    function test_propose_branchOfTheOwnLine_opensALine() public {
        ClaimId first = propose(OPERATOR, root(), 3, keccak256("first"), BOND);
        propose(OPERATOR, first, 5, POST, 0);
        // The first claim is no tip any more: one bond cannot stand for two branches.
        propose(OPERATOR, first, 6, POST, BOND);
        vm.assertEq(settlement.lineCount(), 2, "two lines");
    }

    function test_propose_ownTipAfterTheBondIsGone_opensALine() public {
        ClaimId first = propose(OPERATOR, root(), 3, keccak256("first"), BOND);
        pass(WINDOW);
        settlement.finalize(first);
        settlement.withdrawBond(LineId.wrap(1));
        propose(OPERATOR, first, 5, POST, BOND);
        vm.assertEq(settlement.lineCount(), 2, "two lines");
    }

    // Windows.

    function test_propose_rivalInTheWindow_contests() public {
        ClaimId id = propose(LIAR, root(), 3, POST, BOND);
        pass(WINDOW - 1);
        vm.expectEmit(address(settlement));
        bytes32 truth = keccak256("true");
        emit ISettlement.RangeContested(root(), 3, rivalId(truth));
        propose(OPERATOR, root(), 3, truth, BOND);
        vm.assertEq(settlement.range(root(), 3).alive, 2, "two claims");
        vm.assertTrue(!settlement.isFinalizable(id), "frozen");
    }

    function rivalId(bytes32 post_) private view returns (ClaimId) {
        IInbox.BatchEnd memory start = inbox.batchEndAt(0);
        IInbox.BatchEnd memory end = inbox.batchEndAt(3);
        Hashing.ClaimTerms memory terms = Hashing.ClaimTerms({
            pre: genesisCommitmentHash(),
            batchStart: start.batchAccumulator,
            batchEnd: end.batchAccumulator,
            inboxStart: start.inboxAccumulator,
            inboxEnd: end.inboxAccumulator,
            post: post_
        });
        return Hashing.claimId(root(), Hashing.claim(CONFIG_HASH, terms));
    }

    function test_propose_rivalAfterTheWindow_reverts() public {
        propose(OPERATOR, root(), 3, POST, BOND);
        uint64 end = uint64(block.timestamp) + WINDOW;
        pass(WINDOW);
        ISettlement.ProposeInput memory input = proposal(root(), 3, keccak256("late"));
        vm.expectRevert(abi.encodeWithSelector(ISettlement.Settlement_WindowOver.selector, end));
        this.proposeAs(LIAR, input, BOND);
    }

    function test_propose_rival_doesNotProlongTheWindow() public {
        propose(LIAR, root(), 3, POST, BOND);
        uint64 end = uint64(block.timestamp) + WINDOW;
        pass(WINDOW / 2);
        propose(OPERATOR, root(), 3, keccak256("true"), BOND);
        vm.assertEq(Timestamp.unwrap(settlement.range(root(), 3).windowEnd), end, "window");
    }

    function test_propose_inADecidedRange_reverts() public {
        ClaimId winner = propose(OPERATOR, root(), 3, POST, BOND);
        verifier.set(settlement.question(winner), settlement.claim(winner).post, Verdict.Valid);
        settlement.resolve(winner);
        ISettlement.ProposeInput memory input = proposal(root(), 3, keccak256("late"));
        vm.expectRevert(
            abi.encodeWithSelector(ISettlement.Settlement_RangeDecided.selector, winner)
        );
        this.proposeAs(LIAR, input, BOND);
    }

    function test_propose_afterAllWereRejected_startsTheWindowAnew() public {
        ClaimId lie = propose(LIAR, root(), 3, POST, BOND);
        pass(WINDOW);
        verifier.set(settlement.question(lie), settlement.claim(lie).post, Verdict.Invalid);
        settlement.resolve(lie);
        propose(OPERATOR, root(), 3, keccak256("true"), BOND);
        uint64 end = uint64(block.timestamp) + WINDOW;
        vm.assertEq(Timestamp.unwrap(settlement.range(root(), 3).windowEnd), end, "window");
    }

    function test_propose_descendants_haveWindowsInParallel() public {
        ClaimId first = propose(OPERATOR, root(), 3, keccak256("first"), BOND);
        ClaimId second = propose(OPERATOR, first, 5, POST, 0);
        pass(WINDOW);
        settlement.finalize(first);
        settlement.finalize(second);
        vm.assertTrue(settlement.isFinalCommitment(POST), "both in one window");
    }
}

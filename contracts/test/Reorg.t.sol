// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IInbox} from "../src/interfaces/IInbox.sol";
import {ISettlement} from "../src/interfaces/ISettlement.sol";
import {Hashing} from "../src/libraries/Hashing.sol";
import {ClaimId} from "../src/types/ClaimId.sol";
import {Batch} from "../src/types/Protocol.sol";
import {Timestamp} from "../src/types/Time.sol";
import {InboxLogs} from "./support/InboxLogs.sol";

/// @title One transaction on two histories of L1
/// @dev An honest author looks at history A and signs. L1 reorganises to history B, where the same
/// transaction lands. It must fail there, or say exactly what its author said.
contract ReorgTest is InboxLogs {
    bytes32 private constant POST = keccak256("what the author computed");

    function setUp() public override {
        super.setUp();
        send(ALICE, 100_000, "before the fork");
        pass(12);
        post();
    }

    /// @dev Up to eight things that happen on L1, chosen by `seed`.
    function history(uint256 seed) private {
        uint256 length = 1 + seed % 8;
        for (uint256 i = 0; i < length; ++i) {
            uint256 what = uint256(keccak256(abi.encode(seed >> 8, i)));
            if (what % 5 == 0) send(ALICE, 100_000, abi.encode(what % 2));
            if (what % 5 == 1) pass(12);
            if (what % 5 == 2) post();
            if (what % 5 == 3) post(inbox.nextInboxIndex());
            if (what % 5 == 4) claimSomething(what);
        }
    }

    function claimSomething(uint256 what) private {
        uint64 count = inbox.batchCount();
        ClaimId tip = root();
        uint64 end = count > MAX_BATCHES ? MAX_BATCHES : count;
        ISettlement.ProposeInput memory input =
            proposal(tip, end, keccak256(abi.encode("history", what % 3)));
        vm.prank(BOB, BOB);
        try settlement.propose{value: BOND}(input) {} catch {}
    }

    function testFuzz_propose_afterAReorganisation_saysTheSameOrFails(
        uint256 seedA,
        uint256 seedB,
        bool onOwnClaim
    ) public {
        uint256 fork = vm.snapshotState();
        history(seedA);
        ClaimId parent = root();
        uint64 batches = inbox.batchCount();
        vm.assume(batches <= MAX_BATCHES && batches > 1);
        uint256 bond = BOND;
        if (onOwnClaim) {
            parent = propose(OPERATOR, root(), 1, keccak256("own"), BOND);
            bond = 0;
        }
        ISettlement.ProposeInput memory input = proposal(parent, batches, POST);
        vm.prank(OPERATOR, OPERATOR);
        ClaimId meant = settlement.propose{value: bond}(input);
        bytes32 meantDigest = settlement.claimDigest(meant);

        vm.revertToState(fork);
        history(seedB);
        vm.prank(OPERATOR, OPERATOR);
        try settlement.propose{value: bond}(input) returns (ClaimId said) {
            vm.assertEq(ClaimId.unwrap(said), ClaimId.unwrap(meant), "another claim");
            vm.assertEq(settlement.claimDigest(said), meantDigest, "another statement");
        } catch {
            vm.assertTrue(seedA != seedB || onOwnClaim, "the same history takes it");
        }
    }

    function testFuzz_postBatch_afterAReorganisation_isTheSameOrFails(uint256 seedA, uint256 seedB)
        public
    {
        uint256 fork = vm.snapshotState();
        history(seedA);
        IInbox.BatchInput memory input = batchInput(inbox.messageCount());
        uint64 time = Timestamp.unwrap(input.notBefore);

        vm.revertToState(fork);
        history(seedB);
        vm.recordLogs();
        vm.prank(OPERATOR, OPERATOR);
        try inbox.postBatch(input, "blocks") {
            (, Batch memory batch) = lastBatch();
            vm.assertEq(batch.parent, input.parent, "parent");
            vm.assertEq(batch.inboxEnd, input.inboxEnd, "end");
            vm.assertEq(batch.inboxAccumulator, input.inboxAccumulator, "messages");
            vm.assertGe(Timestamp.unwrap(batch.facts.timestamp), time, "never void by time");
        } catch {
            vm.assertTrue(seedA != seedB, "the same history takes it");
        }
    }

    function test_propose_oneMessageDiffers_reverts() public {
        uint256 fork = vm.snapshotState();
        send(ALICE, 100_000, "A");
        post();
        ISettlement.ProposeInput memory input = proposal(root(), 2, POST);
        vm.revertToState(fork);
        send(ALICE, 100_000, "B");
        post();
        vm.expectRevert(
            abi.encodeWithSelector(
                ISettlement.Settlement_WrongBatchAccumulator.selector,
                input.batchAccumulator,
                inbox.batchAccumulatorAt(2)
            )
        );
        settlement.propose{value: BOND}(input);
    }

    function test_propose_onlyTheL1BlockDiffers_reverts() public {
        uint256 fork = vm.snapshotState();
        pass(12);
        post();
        ISettlement.ProposeInput memory input = proposal(root(), 2, POST);
        vm.revertToState(fork);
        vm.roll(block.number + 1);
        pass(12);
        post();
        vm.expectRevert(
            abi.encodeWithSelector(
                ISettlement.Settlement_WrongBatchAccumulator.selector,
                input.batchAccumulator,
                inbox.batchAccumulatorAt(2)
            )
        );
        settlement.propose{value: BOND}(input);
    }

    function test_propose_parentGone_reverts() public {
        uint256 fork = vm.snapshotState();
        post();
        ClaimId parent = propose(BOB, root(), 1, keccak256("parent"), BOND);
        ISettlement.ProposeInput memory input = proposal(parent, 2, POST);
        vm.revertToState(fork);
        post();
        vm.expectRevert(
            abi.encodeWithSelector(ISettlement.Settlement_UnknownClaim.selector, parent)
        );
        settlement.propose{value: BOND}(input);
    }

    function test_propose_sameHistory_isTheSameClaim() public {
        uint256 fork = vm.snapshotState();
        pass(12);
        post();
        ClaimId meant = propose(OPERATOR, root(), 2, POST, BOND);
        vm.revertToState(fork);
        pass(12);
        post();
        ClaimId said = propose(OPERATOR, root(), 2, POST, BOND);
        vm.assertEq(ClaimId.unwrap(said), ClaimId.unwrap(meant), "one claim");
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IInbox} from "../../src/interfaces/IInbox.sol";
import {ISettlement} from "../../src/interfaces/ISettlement.sol";
import {Verdict} from "../../src/interfaces/IVerifier.sol";
import {ClaimId, LineId} from "../../src/types/ClaimId.sol";
import {MockVerifier} from "../mocks/MockVerifier.sol";
import {Test} from "../support/Test.sol";
import {World} from "../support/World.sol";

/// @title Proposers, liars and judges who do anything
/// @dev One answer is true for every parent and batch end; the proof system knows it.
contract SettlementHandler is Test {
    ISettlement public immutable settlement;
    IInbox public immutable inbox;
    MockVerifier public immutable verifier;
    uint256 public immutable bond;

    ClaimId[] public claims;
    address[] public people;
    ClaimId public finalTip;
    uint256 public finalCount;
    uint256 public paidIn;
    uint256 public paidOut;
    mapping(ClaimId id => bool) public isTrue;
    mapping(ClaimId id => bool) public rejected;
    mapping(ClaimId id => bool) public accepted;
    mapping(LineId id => uint256) public bondsPaid;

    constructor(ISettlement settlement_, IInbox inbox_, MockVerifier verifier_, uint256 bond_) {
        (settlement, inbox, verifier, bond) = (settlement_, inbox_, verifier_, bond_);
        (finalTip,) = settlement_.latestFinal();
        claims.push(finalTip);
        isTrue[finalTip] = true;
        for (uint160 i = 1; i <= 3; ++i) {
            people.push(address(0x9e00 + i));
            vm.deal(people[i - 1], 1e6 ether);
        }
    }

    function propose(uint256 who, uint256 on, uint64 length, uint256 answer) external {
        ClaimId parent = claims[on % claims.length];
        ISettlement.Claim memory parentClaim = settlement.claim(parent);
        uint64 end = parentClaim.batchEnd + uint64(bound(length, 1, 2));
        if (end > inbox.batchCount()) return;
        bytes32 truth = keccak256(abi.encode(parentClaim.post, end));
        bool honest = answer % 3 != 0;
        ISettlement.ProposeInput memory input = proposal(parent, end);
        input.post = honest ? truth : keccak256(abi.encode(truth, answer % 7));
        address from = people[who % people.length];
        ISettlement.Line memory line = settlement.line(parentClaim.line);
        bool extends_ = line.owner == from && line.bonded && same(line.tip, parent);
        uint256 due = extends_ ? 0 : bond;
        vm.prank(from, from);
        try settlement.propose{value: due}(input) returns (ClaimId id) {
            vm.assertTrue(!rejected[parent], "built on a rejected claim");
            claims.push(id);
            isTrue[id] = honest;
            paidIn += due;
        } catch {}
    }

    /// @dev The proof system never errs.
    function resolve(uint256 which) external {
        ClaimId id = claims[which % claims.length];
        verifier.set(
            settlement.question(id),
            settlement.claim(id).post,
            isTrue[id] ? Verdict.Valid : Verdict.Invalid
        );
        try settlement.resolve(id) {
            if (isTrue[id]) accepted[id] = true;
            else rejected[id] = true;
        } catch {}
    }

    function finalize(uint256 which) external {
        ClaimId id = claims[which % claims.length];
        bool expected = settlement.isFinalizable(id);
        ISettlement.Claim memory claim = settlement.claim(id);
        uint64 alive = settlement.range(claim.parent, claim.batchEnd).alive;
        try settlement.finalize(id) {
            vm.assertTrue(expected, "the view said no");
            vm.assertTrue(same(claim.parent, finalTip), "the final claims are one chain");
            vm.assertTrue(alive == 1 || accepted[id], "decided without a verdict");
            finalTip = id;
            ++finalCount;
        } catch {
            vm.assertTrue(!expected, "the view said yes");
        }
    }

    function prune(uint256 which) external {
        ClaimId[] memory ids = new ClaimId[](1);
        ids[0] = claims[which % claims.length];
        try settlement.prune(ids) {} catch {}
    }

    function withdrawBond(uint64 which) external {
        LineId id = LineId.wrap(which % (settlement.lineCount() + 1));
        try settlement.withdrawBond(id) {
            ++bondsPaid[id];
            paidOut += bond;
        } catch {}
    }

    function withdrawReward(uint256 who) external {
        address owner = people[who % people.length];
        uint256 reward = settlement.rewardOf(owner);
        try settlement.withdrawReward(owner) {
            paidOut += reward;
        } catch {}
    }

    function pass(uint64 time) external {
        vm.warp(block.timestamp + bound(time, 1 hours, 4 days));
    }

    function claimCount() external view returns (uint256) {
        return claims.length;
    }

    function peopleCount() external view returns (uint256) {
        return people.length;
    }

    function proposal(ClaimId parent, uint64 end)
        private
        view
        returns (ISettlement.ProposeInput memory input)
    {
        IInbox.BatchEnd memory batchEnd = inbox.batchEndAt(end);
        input.parent = parent;
        input.batchEnd = end;
        input.batchAccumulator = batchEnd.batchAccumulator;
        input.inboxAccumulator = batchEnd.inboxAccumulator;
    }

    function same(ClaimId a, ClaimId b) private pure returns (bool) {
        return ClaimId.unwrap(a) == ClaimId.unwrap(b);
    }
}

contract SettlementInvariantTest is World {
    SettlementHandler private handler;

    function setUp() public override {
        super.setUp();
        for (uint256 i = 0; i < 10; ++i) {
            pass(12);
            post();
        }
        handler = new SettlementHandler(settlement, inbox, verifier, BOND);
        target(address(handler));
    }

    /// @dev The settlement holds every bond, pot and reward that it owes; the rest is burnt.
    function invariant_balance_coversWhatIsOwed() public view {
        uint256 owed = 0;
        for (uint64 i = 1; i <= settlement.lineCount(); ++i) {
            if (settlement.line(LineId.wrap(i)).bonded) owed += BOND;
            vm.assertLe(handler.bondsPaid(LineId.wrap(i)), 1, "a bond is paid back once");
        }
        for (uint256 i = 0; i < handler.peopleCount(); ++i) {
            owed += settlement.rewardOf(handler.people(i));
        }
        uint256 balance = address(settlement).balance;
        vm.assertGe(balance, owed, "balance");
        vm.assertEq(balance, handler.paidIn() - handler.paidOut(), "nothing else moves ether");
    }

    /// @dev Nothing rejected, and nothing below it, is ever final.
    function invariant_finalClaims_areOneChainWithoutLies() public view {
        (ClaimId id, ISettlement.Claim memory claim) = settlement.latestFinal();
        vm.assertEq(ClaimId.unwrap(id), ClaimId.unwrap(handler.finalTip()), "tip");
        uint256 length = 0;
        while (claim.batchEnd != 0) {
            vm.assertTrue(claim.status == ISettlement.ClaimStatus.Final, "final");
            vm.assertTrue(!handler.rejected(id), "never rejected");
            vm.assertTrue(settlement.isFinalCommitment(claim.post), "commitment");
            id = claim.parent;
            claim = settlement.claim(id);
            ++length;
        }
        vm.assertEq(length, handler.finalCount(), "every final claim is on the chain");
    }

    /// @dev A lie is final only where nobody contested or judged it.
    function invariant_lostClaims_stayLost() public view {
        for (uint256 i = 0; i < handler.claimCount(); ++i) {
            ClaimId id = handler.claims(i);
            if (!handler.rejected(id)) continue;
            bool isLost = settlement.claim(id).status == ISettlement.ClaimStatus.Lost;
            vm.assertTrue(isLost, "lost");
        }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ISettlement} from "../interfaces/ISettlement.sol";
import {Verdict} from "../interfaces/IVerifier.sol";
import {ClaimId, LineId} from "../types/ClaimId.sol";
import {Duration, Timestamp, currentTime} from "../types/Time.sol";

/// @title The rules of the claim tree
///
/// A claim's **range** is its parent and its batch end; claims of one range are **rivals**. The
/// final claims are one chain from the root; its last one is the **final tip**.
///
/// | from | to | when |
/// | --- | --- | --- |
/// | | Open | T1 the parent is open or the final tip; the range has no winner; the range has no living claim, or its window is open |
/// | Open | Final | T2 the parent is the final tip; the window is over; it is the range's winner, or lives alone in it |
/// | Open | Lost | T3 the verdict is Invalid, or the range has another winner |
/// | Open | Superseded | T4 not T3, and the parent is lost, superseded, or final but not the final tip |
///
/// - W1 The window of a range starts with its first claim, and anew with the first claim after all
///   were rejected. A verdict Valid makes the claim the range's winner; so does becoming final.
/// - B1 A claim extends the line of its parent for nothing if the parent is the tip of a bonded
///   line of the same owner; otherwise it opens a line, which puts up one bond.
/// - B2 A lost claim forfeits the bond of its line, once: half is burnt, half goes to the range's
///   pot, and from there to the owner of the claim that becomes final in the range.
/// - B3 The bond of a line goes back when its tip is final or superseded.
library ClaimTree {
    /// @notice The tree.
    struct State {
        ClaimId finalTip;
        uint64 lineCount;
        mapping(ClaimId id => ISettlement.Claim) claims;
        mapping(bytes32 rangeKey => ISettlement.Range) ranges;
        mapping(LineId id => ISettlement.Line) lines;
        mapping(bytes32 commitmentHash => bool) finalCommitments;
        mapping(address owner => uint256) rewards;
    }

    /// @notice A claim that is to be opened.
    struct Proposal {
        ClaimId id;
        bytes32 digest;
        Duration window;
        uint256 bond;
    }

    /// @notice Plants the root.
    function plant(State storage self, ClaimId root, bytes32 commitmentHash) internal {
        ISettlement.Claim storage claim = self.claims[root];
        claim.post = commitmentHash;
        claim.proposedAt = currentTime();
        claim.status = ISettlement.ClaimStatus.Final;
        self.finalTip = root;
        self.finalCommitments[commitmentHash] = true;
        emit ISettlement.ClaimFinalized(root, 0, commitmentHash);
    }

    /// @notice The claim `id`, if another may follow it.
    function requireParent(State storage self, ClaimId id)
        internal
        view
        returns (ISettlement.Claim storage parent)
    {
        parent = requireKnown(self, id);
        ISettlement.ClaimStatus status = parent.status;
        bool isTip = id == self.finalTip;
        // INVARIANT (T1): nothing is built on a branch that is known to be dead.
        if (status != ISettlement.ClaimStatus.Open && !isTip) {
            revert ISettlement.Settlement_DeadParent(id);
        }
        if (!isTip) {
            ClaimId winner = rangeOf(self, parent).winner;
            if (isSome(winner) && winner != id) revert ISettlement.Settlement_DeadParent(id);
        }
    }

    /// @notice Opens a claim (T1, W1, B1).
    /// @return due Wei that the caller puts up.
    function open(
        State storage self,
        ISettlement.ProposeInput calldata input,
        Proposal memory proposal
    ) internal returns (uint256 due) {
        ISettlement.Claim storage claim = self.claims[proposal.id];
        if (claim.status != ISettlement.ClaimStatus.None) {
            revert ISettlement.Settlement_DuplicateClaim(proposal.id);
        }
        ISettlement.Range storage range = self.ranges[rangeKey(input.parent, input.batchEnd)];
        join(range, input, proposal);
        LineId line;
        (line, due) = chooseLine(self, input.parent, proposal);
        claim.parent = input.parent;
        claim.post = input.post;
        claim.batchEnd = input.batchEnd;
        claim.line = line;
        claim.proposedAt = currentTime();
        claim.status = ISettlement.ClaimStatus.Open;
        emit ISettlement.ClaimProposed(
            proposal.id,
            input.parent,
            msg.sender,
            input.batchEnd,
            input.post,
            proposal.digest,
            line,
            range.windowEnd
        );
    }

    function join(
        ISettlement.Range storage range,
        ISettlement.ProposeInput calldata input,
        Proposal memory proposal
    ) private {
        if (isSome(range.winner)) {
            revert ISettlement.Settlement_RangeDecided(range.winner);
        }
        uint64 alive = range.alive;
        if (alive == 0) {
            range.windowEnd = currentTime().plus(proposal.window);
        } else {
            // INVARIANT: who has waited for the window to end cannot be contested afterwards.
            if (range.windowEnd <= currentTime()) {
                revert ISettlement.Settlement_WindowOver(range.windowEnd);
            }
            emit ISettlement.RangeContested(input.parent, input.batchEnd, proposal.id);
        }
        range.alive = alive + 1;
    }

    function chooseLine(State storage self, ClaimId parent, Proposal memory proposal)
        private
        returns (LineId id, uint256 due)
    {
        id = self.claims[parent].line;
        ISettlement.Line storage line = self.lines[id];
        if (line.owner == msg.sender && line.bonded && line.tip == parent) {
            line.tip = proposal.id;
            emit ISettlement.BondMoved(id, parent, proposal.id);
            return (id, 0);
        }
        self.lineCount += 1;
        id = LineId.wrap(self.lineCount);
        self.lines[id] = ISettlement.Line({owner: msg.sender, bonded: true, tip: proposal.id});
        emit ISettlement.BondPosted(id, msg.sender, proposal.bond);
        return (id, proposal.bond);
    }

    /// @notice Records what the proof system says of an open claim (T3, W1).
    function judge(State storage self, ClaimId id, Verdict verdict, uint256 bond) internal {
        ISettlement.Claim storage claim = requireOpen(self, id);
        ISettlement.Range storage range = rangeOf(self, claim);
        if (verdict == Verdict.Unknown) revert ISettlement.Settlement_NoVerdict(id);
        emit ISettlement.ClaimResolved(id, verdict);
        if (verdict == Verdict.Invalid) {
            lose(self, id, bond);
        } else if (isSome(range.winner)) {
            revert ISettlement.Settlement_RangeDecided(range.winner);
        } else {
            range.winner = id;
        }
    }

    /// @notice Makes a claim final (T2, W1, B2).
    function finalize(State storage self, ClaimId id) internal {
        ISettlement.Claim storage claim = requireOpen(self, id);
        ISettlement.Range storage range = rangeOf(self, claim);
        // INVARIANT: the final claims are one chain.
        if (claim.parent != self.finalTip) {
            revert ISettlement.Settlement_ParentNotFinal(claim.parent);
        }
        if (currentTime() < range.windowEnd) {
            revert ISettlement.Settlement_WindowOpen(range.windowEnd);
        }
        ClaimId winner = range.winner;
        if (isSome(winner)) {
            if (winner != id) revert ISettlement.Settlement_RangeDecided(winner);
        } else {
            // INVARIANT: without a verdict a disputed range decides nothing.
            if (range.alive != 1) revert ISettlement.Settlement_RangeFrozen(id);
            range.winner = id;
        }
        claim.status = ISettlement.ClaimStatus.Final;
        self.finalTip = id;
        self.finalCommitments[claim.post] = true;
        emit ISettlement.ClaimFinalized(id, claim.batchEnd, claim.post);
        uint256 pot = range.pot;
        if (pot != 0) {
            range.pot = 0;
            credit(self, self.lines[claim.line].owner, pot);
        }
    }

    /// @notice Whether `finalize` would succeed.
    function isFinalizable(State storage self, ClaimId id) internal view returns (bool) {
        ISettlement.Claim storage claim = self.claims[id];
        ISettlement.Range storage range = rangeOf(self, claim);
        bool isChosen = isSome(range.winner) ? range.winner == id : range.alive == 1;
        return claim.status == ISettlement.ClaimStatus.Open && claim.parent == self.finalTip
            && range.windowEnd <= currentTime() && isChosen;
    }

    /// @notice Whether an open claim has a living rival, and no verdict chose one of them.
    function isContested(State storage self, ClaimId id) internal view returns (bool) {
        ISettlement.Claim storage claim = self.claims[id];
        ISettlement.Range storage range = rangeOf(self, claim);
        return
            claim.status == ISettlement.ClaimStatus.Open && range.alive > 1 && !isSome(range.winner);
    }

    /// @notice Records that a claim is dead (T3, T4); does nothing if it is recorded already.
    function prune(State storage self, ClaimId id, uint256 bond) internal {
        ISettlement.Claim storage claim = requireKnown(self, id);
        if (claim.status != ISettlement.ClaimStatus.Open) return;
        ClaimId winner = rangeOf(self, claim).winner;
        if (isSome(winner) && winner != id) {
            lose(self, id, bond);
            return;
        }
        ISettlement.ClaimStatus parentStatus = self.claims[claim.parent].status;
        bool isAlive = parentStatus == ISettlement.ClaimStatus.Open || claim.parent == self.finalTip;
        if (isAlive) revert ISettlement.Settlement_NotDead(id);
        claim.status = ISettlement.ClaimStatus.Superseded;
        emit ISettlement.ClaimSuperseded(id);
    }

    /// @dev B2, T3.
    function lose(State storage self, ClaimId id, uint256 bond) private {
        ISettlement.Claim storage claim = self.claims[id];
        ISettlement.Range storage range = rangeOf(self, claim);
        claim.status = ISettlement.ClaimStatus.Lost;
        range.alive -= 1;
        emit ISettlement.ClaimLost(id);
        ISettlement.Line storage line = self.lines[claim.line];
        if (!line.bonded) return;
        line.bonded = false;
        uint256 pot = bond / 2;
        // INVARIANT: who contests himself loses the half that is burnt.
        emit ISettlement.BondForfeited(claim.line, id, bond - pot, pot);
        ISettlement.Claim storage winner = self.claims[range.winner];
        if (winner.status == ISettlement.ClaimStatus.Final) {
            credit(self, self.lines[winner.line].owner, pot);
        } else {
            range.pot += pot;
        }
    }

    /// @notice Releases the bond of a line (B3).
    function release(State storage self, LineId id, uint256 bond) internal returns (address owner) {
        ISettlement.Line storage line = self.lines[id];
        owner = line.owner;
        if (owner == address(0)) revert ISettlement.Settlement_UnknownLine(id);
        // INVARIANT: a bond is paid back at most once, and never after it was forfeited.
        if (!line.bonded) revert ISettlement.Settlement_NoBond(id);
        ISettlement.ClaimStatus status = self.claims[line.tip].status;
        if (status != ISettlement.ClaimStatus.Final && status != ISettlement.ClaimStatus.Superseded)
        {
            revert ISettlement.Settlement_TipPending(line.tip);
        }
        line.bonded = false;
        emit ISettlement.BondWithdrawn(id, owner, bond);
    }

    /// @notice Takes the rewards of `owner`.
    function takeReward(State storage self, address owner) internal returns (uint256 amount) {
        amount = self.rewards[owner];
        if (amount == 0) revert ISettlement.Settlement_NoReward(owner);
        self.rewards[owner] = 0;
        emit ISettlement.RewardWithdrawn(owner, amount);
    }

    function credit(State storage self, address owner, uint256 amount) private {
        self.rewards[owner] += amount;
        emit ISettlement.RewardCredited(owner, amount);
    }

    function requireKnown(State storage self, ClaimId id)
        internal
        view
        returns (ISettlement.Claim storage claim)
    {
        claim = self.claims[id];
        if (claim.status == ISettlement.ClaimStatus.None) {
            revert ISettlement.Settlement_UnknownClaim(id);
        }
    }

    function requireOpen(State storage self, ClaimId id)
        private
        view
        returns (ISettlement.Claim storage claim)
    {
        claim = requireKnown(self, id);
        if (claim.status != ISettlement.ClaimStatus.Open) {
            revert ISettlement.Settlement_NotOpen(id);
        }
    }

    function rangeOf(State storage self, ISettlement.Claim storage claim)
        private
        view
        returns (ISettlement.Range storage)
    {
        return self.ranges[rangeKey(claim.parent, claim.batchEnd)];
    }

    /// @notice Key of a range.
    function rangeKey(ClaimId parent, uint64 batchEnd) internal pure returns (bytes32) {
        return keccak256(abi.encode(parent, batchEnd));
    }

    function isSome(ClaimId id) private pure returns (bool) {
        return ClaimId.unwrap(id) != 0;
    }
}

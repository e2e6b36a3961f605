// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ITournament} from "../interfaces/ITournament.sol";
import {BracketId, Children, MatchKey, Pair} from "../types/Dispute.sol";
import {Duration, Timestamp, currentTime} from "../types/Time.sol";
import {StateTree} from "./StateTree.sol";

/// @title Who stays in a bracket (docs/disputes.md, sections 2 and 3)
/// @notice Money is not here: the caller is told who lost.
library Brackets {
    using StateTree for Children;

    /// @notice All brackets of a tournament.
    struct State {
        mapping(BracketId bracket => ITournament.Bracket) brackets;
        mapping(BracketId bracket => mapping(bytes32 root => ITournament.Seat)) seats;
        mapping(MatchKey key => ITournament.Match) matches;
    }

    /// @notice The clock's settings.
    struct Clock {
        uint64 allowance;
        uint64 grace;
    }

    // Brackets.

    /// @notice The bracket `id`, if it is open for entry.
    function requireEntry(State storage self, BracketId id, Clock memory clock)
        internal
        view
        returns (ITournament.Bracket storage bracket)
    {
        bracket = requireKnown(self, id);
        // INVARIANT: who is in when entry ends knows all that it has to beat.
        if (!isEntryOpen(bracket, clock)) revert ITournament.Tournament_EntryOver(id);
    }

    function requireKnown(State storage self, BracketId id)
        internal
        view
        returns (ITournament.Bracket storage bracket)
    {
        bracket = self.brackets[id];
        if (Timestamp.unwrap(bracket.openedAt) == 0) {
            revert ITournament.Tournament_UnknownBracket(id);
        }
    }

    function isEntryOpen(ITournament.Bracket storage bracket, Clock memory clock)
        private
        view
        returns (bool)
    {
        return elapsedSince(bracket.openedAt) < clock.allowance;
    }

    /// @notice Whether nobody can enter any more and no match is open.
    function isOver(ITournament.Bracket storage bracket, Clock memory clock)
        internal
        view
        returns (bool)
    {
        return Timestamp.unwrap(bracket.openedAt) != 0 && bracket.matches == 0
            && !isEntryOpen(bracket, clock);
    }

    /// @notice Gives `root` a seat, whose clock has run since the bracket opened.
    function seat(State storage self, BracketId id, bytes32 root, Clock memory clock)
        internal
        returns (ITournament.Seat storage taken)
    {
        taken = self.seats[id][root];
        // INVARIANT: a root that lost does not come back.
        if (taken.owner != address(0)) revert ITournament.Tournament_AlreadyEntered(id, root);
        taken.owner = msg.sender;
        taken.isBonded = true;
        // Entry is open: less than the allowance has passed.
        taken.remaining = Duration.wrap(clock.allowance - elapsedSince(self.brackets[id].openedAt));
    }

    /// @notice `root` waits, or is side two against the one that waits.
    function pairUp(State storage self, BracketId id, bytes32 root, Children calldata children)
        internal
    {
        ITournament.Bracket storage bracket = self.brackets[id];
        bytes32 one = bracket.waiting;
        if (one == 0) {
            bracket.waiting = root;
            return;
        }
        // INVARIANT: what side one compares itself with is side two's.
        if (children.parent() != root) revert ITournament.Tournament_WrongChildren(root);
        bracket.waiting = 0;
        bracket.matches += 1;
        ITournament.Match storage m = self.matches[keyOf(Pair(id, one, root))];
        m.node = one;
        m.left = children.left;
        m.right = children.right;
        m.since = currentTime();
        m.index = 0;
        m.height = StateTree.heightOf(bracket.level);
        m.isTurnOfTwo = false;
        m.phase = ITournament.Phase.Bisecting;
        emit ITournament.Matched(id, one, root, children);
    }

    // Matches.

    function keyOf(Pair memory pair) internal pure returns (MatchKey) {
        return MatchKey.wrap(keccak256(abi.encode(pair.bracket, pair.one, pair.two)));
    }

    /// @notice The match of `pair`, if it is in `phase`.
    function requirePhase(State storage self, Pair calldata pair, ITournament.Phase phase)
        internal
        view
        returns (ITournament.Match storage m)
    {
        MatchKey key = keyOf(pair);
        m = self.matches[key];
        if (m.phase != phase) revert ITournament.Tournament_WrongPhase(key, m.phase);
    }

    /// @notice One level down, to the first child about which the sides differ.
    /// @return mover Root of the side that moved.
    function advance(
        State storage self,
        Pair calldata pair,
        Children calldata children,
        Children calldata next,
        Clock memory clock
    ) internal returns (bytes32 mover) {
        ITournament.Match storage m = requirePhase(self, pair, ITournament.Phase.Bisecting);
        uint8 height = m.height;
        if (height < 2) revert ITournament.Tournament_WrongHeight(height);
        mover = punch(self, pair, m, clock);
        // INVARIANT: only nodes under the committed root.
        if (children.parent() != m.node) revert ITournament.Tournament_WrongChildren(m.node);
        bool isRight = children.left == m.left;
        bytes32 mine = isRight ? children.right : children.left;
        if (next.parent() != mine) revert ITournament.Tournament_WrongChildren(mine);
        m.node = isRight ? m.right : m.left;
        m.left = next.left;
        m.right = next.right;
        height -= 1;
        uint32 index = m.index * 2 + (isRight ? 1 : 0);
        m.since = currentTime();
        m.index = index;
        m.height = height;
        m.isTurnOfTwo = !m.isTurnOfTwo;
        emit ITournament.Advanced(keyOf(pair), height, index, children, next);
    }

    /// @notice Finds the first leaf about which the sides differ, and the one before it.
    /// @return mover Root of the side that moved.
    function seal(
        State storage self,
        Pair calldata pair,
        ITournament.Seal calldata input,
        Clock memory clock
    ) internal returns (bytes32 mover) {
        ITournament.Match storage m = requirePhase(self, pair, ITournament.Phase.Bisecting);
        if (m.height != 1) revert ITournament.Tournament_WrongHeight(m.height);
        mover = punch(self, pair, m, clock);
        if (input.leaves.parent() != m.node) {
            revert ITournament.Tournament_WrongChildren(m.node);
        }
        bool isRight = input.leaves.left == m.left;
        bytes32 mine = isRight ? input.leaves.right : input.leaves.left;
        bytes32 theirs = isRight ? m.right : m.left;
        uint32 index = m.index * 2 + (isRight ? 1 : 0);
        bytes32 before =
            isRight ? input.leaves.left : leafBefore(self, pair.bracket, mover, input, index);
        m.node = before;
        (m.left, m.right) = m.isTurnOfTwo ? (theirs, mine) : (mine, theirs);
        m.since = currentTime();
        m.index = index;
        m.phase = ITournament.Phase.Sealed;
        emit ITournament.Sealed(keyOf(pair), index, before, m.left, m.right);
    }

    /// @dev Of a leaf with an even index, whose predecessor is not its sibling.
    function leafBefore(
        State storage self,
        BracketId id,
        bytes32 mover,
        ITournament.Seal calldata input,
        uint32 index
    ) private view returns (bytes32) {
        ITournament.Bracket storage bracket = self.brackets[id];
        if (index == 0) return bracket.initial;
        // INVARIANT: both sides agree about it, since the first difference is right of it.
        requireLeaf(mover, input.before, index - 1, input.siblings, bracket.level);
        return input.before;
    }

    /// @notice Reverts unless `leaf` is at `index` of the level's tree with `root`.
    function requireLeaf(
        bytes32 root,
        bytes32 leaf,
        uint256 index,
        bytes32[] calldata siblings,
        uint8 level
    ) internal pure {
        // INVARIANT: a node is never taken for a leaf.
        bool isAtBottom = siblings.length == StateTree.heightOf(level);
        if (!isAtBottom || StateTree.rootOf(leaf, index, siblings) != root) {
            revert ITournament.Tournament_WrongLeaf(root);
        }
    }

    /// @notice Opens the bracket that decides a sealed match.
    function openInner(State storage self, Pair calldata pair) internal {
        ITournament.Match storage m = self.matches[keyOf(pair)];
        ITournament.Bracket storage outer = self.brackets[pair.bracket];
        BracketId id = BracketId.wrap(MatchKey.unwrap(keyOf(pair)));
        ITournament.Bracket storage inner = self.brackets[id];
        inner.question = outer.question;
        inner.initial = m.node;
        inner.lastOfOne = m.left;
        inner.lastOfTwo = m.right;
        inner.openedAt = currentTime();
        inner.level = outer.level + 1;
        emit ITournament.BracketOpened(id, outer.question, inner.level, 0, m.node);
    }

    /// @notice Ends a match for one of its sides, which goes on.
    /// @return win_ The number of this win of the side, counted from 0.
    function win(State storage self, Pair calldata pair, bool isTwo, Children calldata children)
        internal
        returns (uint16 win_)
    {
        bytes32 winner = isTwo ? pair.two : pair.one;
        bytes32 loser = isTwo ? pair.one : pair.two;
        close(self, pair);
        self.seats[pair.bracket][loser].isBonded = false;
        win_ = self.seats[pair.bracket][winner].wins;
        self.seats[pair.bracket][winner].wins = win_ + 1;
        emit ITournament.Won(pair.bracket, keyOf(pair), winner, loser);
        pairUp(self, pair.bracket, winner, children);
    }

    /// @notice Ends a match that both sides lost.
    function annul(State storage self, Pair calldata pair) internal {
        close(self, pair);
        self.seats[pair.bracket][pair.one].isBonded = false;
        self.seats[pair.bracket][pair.two].isBonded = false;
        emit ITournament.Voided(pair.bracket, keyOf(pair), pair.one, pair.two);
    }

    function close(State storage self, Pair calldata pair) private {
        delete self.matches[keyOf(pair)];
        self.brackets[pair.bracket].matches -= 1;
    }

    // Clocks.

    /// @dev Takes the time of a turn from the clock of the side that moves, which is returned.
    function punch(
        State storage self,
        Pair calldata pair,
        ITournament.Match storage m,
        Clock memory clock
    ) private returns (bytes32 mover) {
        mover = m.isTurnOfTwo ? pair.two : pair.one;
        ITournament.Seat storage moving = self.seats[pair.bracket][mover];
        uint64 elapsed = elapsedSince(m.since);
        if (elapsed <= clock.grace) return mover;
        uint64 used = elapsed - clock.grace;
        uint64 remaining = Duration.unwrap(moving.remaining);
        // INVARIANT: no side holds a match up for longer than its clock.
        if (used > remaining) revert ITournament.Tournament_TimeOver(keyOf(pair));
        moving.remaining = Duration.wrap(remaining - used);
    }

    /// @notice Reverts unless a turn that began at `since` is over for a clock with `remaining`.
    function requireExpired(Timestamp since, uint64 remaining, Clock memory clock) internal view {
        uint64 until = Timestamp.unwrap(since) + clock.grace + remaining;
        if (Timestamp.unwrap(currentTime()) <= until) {
            revert ITournament.Tournament_TimeLeft(Timestamp.wrap(until));
        }
    }

    function elapsedSince(Timestamp time) private view returns (uint64) {
        return Timestamp.unwrap(currentTime()) - Timestamp.unwrap(time);
    }
}

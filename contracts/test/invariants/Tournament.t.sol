// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ITournament} from "../../src/interfaces/ITournament.sol";
import {Verdict} from "../../src/interfaces/IVerifier.sol";
import {BracketId, Pair} from "../../src/types/Dispute.sol";
import {Duration, Timestamp} from "../../src/types/Time.sol";
import {DisputeWorld} from "../support/DisputeWorld.sol";
import {Vm} from "../support/Vm.sol";

/// @title Liars who do what they like, and one player who answers within the grace
contract Liars is DisputeWorld {
    uint256 internal constant LIARS = 7;

    struct Fight {
        Pair pair;
        uint8 level;
    }

    Fight[] private fights;
    BracketId[] private brackets;
    mapping(BracketId bracket => mapping(bytes32 root => uint256)) private numbers;
    mapping(BracketId bracket => bytes32[]) private roots;
    Timestamp public beginning;
    /// Commitments of liars, in all brackets.
    uint256 public lies;
    /// @dev Forge calls everybody's functions; the end is not for it.
    address private immutable CREATOR = msg.sender;

    constructor() {
        super.setUp();
        vm.recordLogs();
        play();
    }

    function setUp() public override {}

    // What liars do.

    function act_enter(uint256 seed) external {
        uint256 number = bound(seed, 1, LIARS);
        Run memory run = runOf(number);
        bytes32 root = rootOf(treeOf(run, 0, 0));
        if (numbers[top0()][root] != 0 || !isOpen(top0())) return;
        enter(MALLORY, run);
        enlist(top0(), root, number);
        play();
    }

    function act_move(uint256 seed) external {
        if (fights.length == 0) return;
        Fight memory fight = fights[seed % fights.length];
        ITournament.Match memory m = tournament.matchOf(fight.pair);
        if (m.phase != ITournament.Phase.Bisecting) return;
        uint256 number = mover(fight.pair, m);
        if (number == 0 || isLate(fight.pair, m)) return;
        move(MALLORY, fight.pair, tree(number, fight.level));
        play();
    }

    function act_refine(uint256 seed) external {
        if (brackets.length < 2) return;
        BracketId id = brackets[1 + seed % (brackets.length - 1)];
        refineFor(MALLORY, id, 1 + (seed >> 8) % LIARS);
        play();
    }

    function act_end(uint256 seed) external {
        if (fights.length == 0) return;
        endIfDue(MALLORY, fights[seed % fights.length], true);
        play();
    }

    function act_wait(uint256 seed) external {
        pass(uint64(bound(seed, 1, GRACE)));
        play();
    }

    /// @dev An hour of nothing from liars; the player looks once in a grace.
    function act_rest() external {
        for (uint256 i = 0; i < 12; ++i) {
            pass(GRACE);
            play();
        }
    }

    // What the player does: everything that is due, at once.

    function play() public {
        if (Timestamp.unwrap(beginning) == 0) {
            bytes32 root = enter(HONEST, truth());
            brackets.push(top0());
            enlist(top0(), root, 0);
            beginning = Timestamp.wrap(uint64(block.timestamp));
        }
        harvest();
        bool moved = true;
        while (moved) {
            moved = false;
            for (uint256 i = 0; i < fights.length; ++i) {
                if (playIn(fights[i])) moved = true;
                harvest();
            }
        }
    }

    function playIn(Fight memory fight) private returns (bool) {
        ITournament.Match memory m = tournament.matchOf(fight.pair);
        if (m.phase == ITournament.Phase.None) return false;
        bool isMine = isHonest(fight.pair, fight.pair.one) || isHonest(fight.pair, fight.pair.two);
        if (m.phase == ITournament.Phase.Bisecting) {
            if (isMine && mover(fight.pair, m) == 0) {
                move(HONEST, fight.pair, tree(0, fight.level));
                return true;
            }
        } else if (isMine && fight.level < 2) {
            if (refineFor(HONEST, innerOf(fight.pair), 0)) return true;
        }
        return endIfDue(HONEST, fight, isMine);
    }

    function endIfDue(address who, Fight memory fight, bool proves) private returns (bool) {
        Pair memory pair = fight.pair;
        ITournament.Match memory m = tournament.matchOf(pair);
        if (m.phase == ITournament.Phase.None) return false;
        if (m.phase == ITournament.Phase.Bisecting) {
            if (!isLate(pair, m)) return false;
            bytes32 winner = m.isTurnOfTwo ? pair.one : pair.two;
            Tree memory winning = tree(numbers[pair.bracket][winner] - 1, fight.level);
            vm.prank(who, who);
            tournament.expire(pair, top(winning));
        } else if (fight.level < 2) {
            BracketId inner = innerOf(pair);
            if (!tournament.isOver(inner)) return false;
            bytes32 root = tournament.bracket(inner).waiting;
            bool isOne = tournament.seat(inner, root).flag;
            Tree memory winning =
                tree(numbers[pair.bracket][isOne ? pair.one : pair.two] - 1, fight.level);
            vm.prank(who, who);
            tournament.conclude(pair, top(winning));
        } else if (proves) {
            uint256 at = base(2) + m.index;
            bool isOne = m.left == leafAt(truth(), at + 1);
            Tree memory winning = tree(numbers[pair.bracket][isOne ? pair.one : pair.two] - 1, 2);
            prove(who, pair, truth(), at, winning);
        } else {
            uint64 one = Duration.unwrap(tournament.seat(pair.bracket, pair.one).remaining);
            uint64 two = Duration.unwrap(tournament.seat(pair.bracket, pair.two).remaining);
            uint64 until = Timestamp.unwrap(m.since) + GRACE + (one > two ? one : two);
            if (block.timestamp <= until) return false;
            vm.prank(who, who);
            tournament.expire(pair, top(tree(0, 2)));
        }
        return true;
    }

    function refineFor(address who, BracketId id, uint256 number) private returns (bool) {
        if (!isOpen(id)) return false;
        ITournament.Bracket memory bracket = tournament.bracket(id);
        Tree memory mine = tree(number, bracket.level);
        bytes32 last = lastOf(mine);
        if (last != bracket.lastOfOne && last != bracket.lastOfTwo) return false;
        if (numbers[id][rootOf(mine)] != 0) return false;
        bytes32 root = refine(who, id, runOf(number), bracket.level, base(bracket.level));
        enlist(id, root, number);
        return true;
    }

    // What both know.

    /// @dev All lies begin in the last interval of level 1, so all runs have one way down.
    function runOf(uint256 number) private pure returns (Run memory) {
        return number == 0 ? truth() : lie(number, LENGTH - 3 * number);
    }

    function base(uint8 level) private pure returns (uint256) {
        return level == 0 ? 0 : level == 1 ? 2 * 2 ** 24 : 2 * 2 ** 24 + 9 * 2 ** 12;
    }

    function tree(uint256 number, uint8 level) private view returns (Tree memory) {
        return treeOf(runOf(number), level, base(level));
    }

    function enlist(BracketId id, bytes32 root, uint256 number) private {
        numbers[id][root] = number + 1;
        roots[id].push(root);
        if (number != 0) ++lies;
        harvest();
    }

    function harvest() private {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] == ITournament.Matched.selector) {
                BracketId id = BracketId.wrap(logs[i].topics[1]);
                Pair memory pair = Pair(id, logs[i].topics[2], logs[i].topics[3]);
                fights.push(Fight(pair, tournament.bracket(id).level));
            } else if (logs[i].topics[0] == ITournament.BracketOpened.selector) {
                BracketId id = BracketId.wrap(logs[i].topics[1]);
                if (tournament.bracket(id).level != 0) brackets.push(id);
            }
        }
    }

    function isHonest(Pair memory pair, bytes32 root) private view returns (bool) {
        return numbers[pair.bracket][root] == 1;
    }

    function mover(Pair memory pair, ITournament.Match memory m) private view returns (uint256) {
        return numbers[pair.bracket][m.isTurnOfTwo ? pair.two : pair.one] - 1;
    }

    function isLate(Pair memory pair, ITournament.Match memory m) private view returns (bool) {
        bytes32 root = m.isTurnOfTwo ? pair.two : pair.one;
        uint64 remaining = Duration.unwrap(tournament.seat(pair.bracket, root).remaining);
        return block.timestamp > Timestamp.unwrap(m.since) + GRACE + remaining;
    }

    function isOpen(BracketId id) private view returns (bool) {
        uint256 openedAt = Timestamp.unwrap(tournament.bracket(id).openedAt);
        return openedAt != 0 && block.timestamp < openedAt + ALLOWANCE;
    }

    // What must hold.

    /// @dev The honest commitment is in, or won, wherever it entered; its inner ones with it.
    function requireHonestIn() external view {
        BracketId id = brackets[0];
        bytes32 root = rootOf(tree(0, 0));
        vm.assertTrue(tournament.seat(id, root).isBonded, "the honest commitment is in");
        for (uint256 i = 0; i < fights.length; ++i) {
            ITournament.Match memory m = tournament.matchOf(fights[i].pair);
            if (m.phase != ITournament.Phase.Bisecting) continue;
            vm.assertTrue(mover(fights[i].pair, m) != 0, "nothing waits for the honest player");
        }
    }

    /// @dev Every wei is a bond, in the pot, credited, or the gas of a side's moves.
    function requireMoney() external view {
        uint256 owed =
            tournament.potOf(question) + tournament.creditOf(HONEST) + tournament.creditOf(MALLORY);
        for (uint256 i = 0; i < brackets.length; ++i) {
            BracketId id = brackets[i];
            uint256 bond = tournament.bondOf(tournament.bracket(id).level);
            for (uint256 j = 0; j < roots[id].length; ++j) {
                bytes32 root = roots[id][j];
                ITournament.Seat memory seat = tournament.seat(id, root);
                if (seat.isBonded) owed += bond;
                for (uint16 win = 0; win < seat.wins; ++win) {
                    owed += tournament.spent(id, root, win, HONEST)
                    + tournament.spent(id, root, win, MALLORY);
                }
            }
        }
        vm.assertEq(owed, address(tournament).balance, "every wei is somebody's");
    }

    /// @dev Lets the dispute end; the verdict, and how long it took at most.
    function finish() external {
        if (msg.sender != CREATOR) return;
        BracketId id = brackets[0];
        while (!tournament.isOver(id)) {
            pass(GRACE);
            play();
        }
        (Verdict ofTruth, Verdict ofLie) = verdicts();
        vm.assertTrue(ofTruth == Verdict.Valid && ofLie == Verdict.Invalid, "the truth wins");
        uint256 took = block.timestamp - Timestamp.unwrap(beginning);
        vm.assertLe(took, longest(0, lies), "no later than the formula says");
    }

    /// @dev docs/disputes.md, section 5.
    function longest(uint8 level, uint256 liars) internal pure returns (uint256 most) {
        most = ALLOWANCE + GRACE;
        for (uint256 r = 1; 2 ** r - 1 <= liars; ++r) {
            uint256 turns = (level == 0 ? 18 : 12) + 2;
            uint256 own = r * (ALLOWANCE + turns * GRACE);
            uint256 rest = liars - (2 ** r - 1);
            uint256 inner = level == 2 ? 0 : spread(level + 1, rest, r);
            if (own + inner > most) most = own + inner;
        }
    }

    /// @dev The most that `parts` inner brackets take with so many liars in all.
    function spread(uint8 level, uint256 liars, uint256 parts) private pure returns (uint256 most) {
        if (parts == 0) return 0;
        for (uint256 k = 0; k <= liars; ++k) {
            uint256 sum = longest(level, k) + spread(level, liars - k, parts - 1);
            if (sum > most) most = sum;
        }
    }
}

/// @title What no sequence of moves changes
contract TournamentInvariants is DisputeWorld {
    Liars private liars;

    function setUp() public override {
        liars = new Liars();
        target(address(liars));
    }

    function invariant_honestStaysIn() external view {
        liars.requireHonestIn();
    }

    function invariant_everyWeiIsSomebodys() external view {
        liars.requireMoney();
    }

    function afterInvariant() external {
        liars.finish();
        liars.requireMoney();
    }
}

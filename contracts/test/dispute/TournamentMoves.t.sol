// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ITournament} from "../../src/interfaces/ITournament.sol";
import {Verdict} from "../../src/interfaces/IVerifier.sol";
import {MachineState} from "../../src/libraries/MachineState.sol";
import {BracketId, Children, Pair} from "../../src/types/Dispute.sol";
import {Duration, Timestamp} from "../../src/types/Time.sol";
import {DisputeWorld} from "../support/DisputeWorld.sol";

/// @title Which moves are legal, and when
contract TournamentMovesTest is DisputeWorld {
    using MachineState for bytes;

    /// @dev HONEST against a liar who is wrong from the last step on.
    function start() private returns (Pair memory) {
        bytes32 one = enter(HONEST, truth());
        return Pair(top0(), one, enter(MALLORY, bad()));
    }

    function bad() private pure returns (Run memory) {
        return lie(1, LENGTH);
    }

    function mine() private view returns (Tree memory) {
        return treeOf(truth(), 0, 0);
    }

    function theirs() private view returns (Tree memory) {
        return treeOf(bad(), 0, 0);
    }

    // Entering.

    function expectEnter(ITournament.Answer memory answer, bytes memory error) private {
        uint256 bond = tournament.bondOf(0);
        vm.expectRevert(error);
        tournament.enter{value: bond}(answer);
    }

    function test_enter_wrongBond_reverts() external {
        ITournament.Answer memory answer = answerOf(truth());
        uint256 bond = tournament.bondOf(0);
        vm.expectRevert(
            abi.encodeWithSelector(ITournament.Tournament_WrongBond.selector, bond - 1, bond)
        );
        tournament.enter{value: bond - 1}(answer);
        vm.expectRevert(
            abi.encodeWithSelector(ITournament.Tournament_WrongBond.selector, bond + 1, bond)
        );
        tournament.enter{value: bond + 1}(answer);
    }

    function test_enter_anotherFinalState_reverts() external {
        ITournament.Answer memory answer = answerOf(truth());
        answer.finalState = stateAt(bad(), LENGTH);
        expectEnter(
            answer,
            abi.encodeWithSelector(ITournament.Tournament_WrongLeaf.selector, rootOf(mine()))
        );
    }

    function test_enter_shortState_reverts() external {
        ITournament.Answer memory answer = answerOf(truth());
        answer.finalState = new bytes(361);
        expectEnter(answer, abi.encodeWithSelector(ITournament.Tournament_WrongState.selector, 361));
    }

    /// @dev Who gains: a liar who shows a node as a leaf could answer anything later.
    function test_enter_nodeAsLeaf_reverts() external {
        ITournament.Answer memory answer = answerOf(truth());
        bytes32[] memory fewer = new bytes32[](17);
        for (uint256 i = 0; i < 17; ++i) {
            fewer[i] = answer.siblings[i + 1];
        }
        answer.siblings = fewer;
        expectEnter(
            answer,
            abi.encodeWithSelector(ITournament.Tournament_WrongLeaf.selector, rootOf(mine()))
        );
    }

    function test_enter_twice_reverts() external {
        bytes32 one = enter(HONEST, truth());
        expectEnter(
            answerOf(truth()),
            abi.encodeWithSelector(ITournament.Tournament_AlreadyEntered.selector, top0(), one)
        );
    }

    /// @dev Who gains: a liar whose losing root came back would hold the bracket up for ever.
    function test_enter_afterLosing_reverts() external {
        Pair memory pair = start();
        pass(ALLOWANCE / 2);
        move(HONEST, pair, mine());
        pass(ALLOWANCE / 2 - 1);
        ITournament.Answer memory answer = answerOf(lie(2, LENGTH));
        uint256 bond = tournament.bondOf(0);
        tournament.enter{value: bond}(answer);
        vm.expectRevert(
            abi.encodeWithSelector(
                ITournament.Tournament_AlreadyEntered.selector, pair.bracket, pair.two
            )
        );
        tournament.enter{value: bond}(answerOf(bad()));
    }

    function test_enter_late_startsWithLess() external {
        bytes32 one = enter(HONEST, truth());
        pass(ALLOWANCE - 1);
        bytes32 two = enter(MALLORY, bad());
        BracketId id = top0();
        vm.assertEq(Duration.unwrap(tournament.seat(id, one).remaining), ALLOWANCE, "first");
        vm.assertEq(Duration.unwrap(tournament.seat(id, two).remaining), 1, "late");
    }

    function test_enter_noAnswer_isNotValid() external {
        // The machine stopped with a trap, says the liar.
        Run memory trapped = bad();
        ITournament.Answer memory answer = trappedAnswer(trapped);
        uint256 bond = tournament.bondOf(0);
        tournament.enter{value: bond}(answer);
        pass(ALLOWANCE);
        (Verdict ofTruth, Verdict ofLie) = verdicts();
        vm.assertTrue(ofTruth == Verdict.Invalid && ofLie == Verdict.Invalid, "no answer holds");
        vm.assertTrue(
            tournament.verify(question, trapped.post) == Verdict.Invalid, "nor that output"
        );
    }

    /// @dev A tree of one state, which has exited with a trap and an output.
    function trappedAnswer(Run memory run) private view returns (ITournament.Answer memory) {
        bytes memory state = stateAt(run, LENGTH);
        state.setExit(258);
        bytes32[] memory siblings = new bytes32[](18);
        siblings[0] = state.hash();
        for (uint256 h = 1; h < 18; ++h) {
            siblings[h] = keccak256(abi.encode(siblings[h - 1], siblings[h - 1]));
        }
        return ITournament.Answer({
            claim: truthful,
            children: Children(siblings[17], siblings[17]),
            finalState: state,
            siblings: siblings
        });
    }

    function test_refine_foreignLeaf_reverts() external {
        (Pair memory pair, uint256 at) = sealedTop();
        ITournament.Refinement memory input = refinementOf(innerOf(pair), lie(2, LENGTH), 1, at);
        uint256 bond = tournament.bondOf(1);
        vm.expectRevert(
            abi.encodeWithSelector(ITournament.Tournament_ForeignLeaf.selector, input.last)
        );
        tournament.refine{value: bond}(input);
    }

    function test_refine_wrongSiblings_reverts() external {
        (Pair memory pair, uint256 at) = sealedTop();
        ITournament.Refinement memory input = refinementOf(innerOf(pair), truth(), 1, at);
        input.siblings[3] = bytes32(uint256(1));
        uint256 bond = tournament.bondOf(1);
        bytes32 root_ = rootOf(treeOf(truth(), 1, at));
        vm.expectRevert(abi.encodeWithSelector(ITournament.Tournament_WrongLeaf.selector, root_));
        tournament.refine{value: bond}(input);
    }

    function test_refine_topOrUnknown_reverts() external {
        Pair memory pair = start();
        ITournament.Refinement memory input = refinementOf(pair.bracket, truth(), 1, 0);
        vm.expectRevert(abi.encodeWithSelector(ITournament.Tournament_WrongLevel.selector, 0));
        tournament.refine(input);
        input.bracket = BracketId.wrap(bytes32(uint256(7)));
        vm.expectRevert(
            abi.encodeWithSelector(ITournament.Tournament_UnknownBracket.selector, input.bracket)
        );
        tournament.refine(input);
    }

    function test_refine_late_reverts() external {
        (Pair memory pair, uint256 at) = sealedTop();
        pass(ALLOWANCE);
        ITournament.Refinement memory input = refinementOf(innerOf(pair), truth(), 1, at);
        uint256 bond = tournament.bondOf(1);
        vm.expectRevert(
            abi.encodeWithSelector(ITournament.Tournament_EntryOver.selector, innerOf(pair))
        );
        tournament.refine{value: bond}(input);
    }

    function sealedTop() private returns (Pair memory pair, uint256 at) {
        pair = start();
        at = bisect(pair, mine(), theirs(), 0);
    }

    // Bisecting.

    /// @dev Who gains: a side that may show other nodes than it committed to never loses.
    function test_advance_foreignChildren_reverts() external {
        Pair memory pair = start();
        (Children memory children, Children memory next) = advanceOf(pair, theirs());
        vm.expectRevert(
            abi.encodeWithSelector(ITournament.Tournament_WrongChildren.selector, pair.one)
        );
        tournament.advance(pair, children, next);
    }

    function test_advance_foreignGrandchildren_reverts() external {
        Pair memory pair = start();
        (Children memory children, Children memory next) = advanceOf(pair, mine());
        next.right = bytes32(uint256(1));
        vm.expectRevert(
            abi.encodeWithSelector(ITournament.Tournament_WrongChildren.selector, children.left)
        );
        tournament.advance(pair, children, next);
    }

    function test_advance_twice_reverts() external {
        Pair memory pair = start();
        (Children memory children, Children memory next) = advanceOf(pair, mine());
        tournament.advance(pair, children, next);
        // It is the other's turn, whose node is another.
        vm.expectRevert(
            abi.encodeWithSelector(
                ITournament.Tournament_WrongChildren.selector, tournament.matchOf(pair).node
            )
        );
        tournament.advance(pair, children, next);
    }

    function test_advance_noMatch_reverts() external {
        Pair memory pair = start();
        (Children memory children, Children memory next) = advanceOf(pair, mine());
        (pair.one, pair.two) = (pair.two, pair.one);
        vm.expectRevert(
            abi.encodeWithSelector(
                ITournament.Tournament_WrongPhase.selector, keyOf(pair), ITournament.Phase.None
            )
        );
        tournament.advance(pair, children, next);
    }

    function test_seal_aboveTheLeaves_reverts() external {
        Pair memory pair = start();
        ITournament.Seal memory input;
        vm.expectRevert(abi.encodeWithSelector(ITournament.Tournament_WrongHeight.selector, 18));
        tournament.seal(pair, input);
    }

    function test_advance_atTheLeaves_reverts() external {
        Pair memory pair = atTheLeaves();
        Children memory children = childrenOf(theirs(), 1, 1);
        vm.expectRevert(abi.encodeWithSelector(ITournament.Tournament_WrongHeight.selector, 1));
        tournament.advance(pair, children, children);
    }

    /// @dev Seventeen moves later; it is the turn of two.
    function atTheLeaves() private returns (Pair memory pair) {
        pair = start();
        for (uint256 i = 0; i < 17; ++i) {
            move(HONEST, pair, i % 2 == 0 ? mine() : theirs());
        }
    }

    function test_seal_foreignLeaves_reverts() external {
        Pair memory pair = atTheLeaves();
        ITournament.Seal memory input = sealOf(pair, mine());
        vm.expectRevert(
            abi.encodeWithSelector(
                ITournament.Tournament_WrongChildren.selector, tournament.matchOf(pair).node
            )
        );
        tournament.seal(pair, input);
    }

    /// @dev Who gains: a liar who chooses where the step begins makes any step lead where it likes.
    function test_seal_wrongLeafBefore_reverts() external {
        Pair memory pair = atTheLeaves();
        ITournament.Seal memory input = sealOf(pair, theirs());
        vm.assertTrue(input.siblings.length == 18, "the leaf before has another parent");
        input.before = bytes32(uint256(1));
        vm.expectRevert(abi.encodeWithSelector(ITournament.Tournament_WrongLeaf.selector, pair.two));
        tournament.seal(pair, input);
    }

    function test_seal_anotherLeafBefore_reverts() external {
        Pair memory pair = atTheLeaves();
        ITournament.Seal memory input = sealOf(pair, theirs());
        input.before = node(theirs(), 0, 0);
        input.siblings = siblingsOf(theirs(), 0);
        vm.expectRevert(abi.encodeWithSelector(ITournament.Tournament_WrongLeaf.selector, pair.two));
        tournament.seal(pair, input);
    }

    function test_seal_keepsWhatIsAgreed() external {
        Pair memory pair = atTheLeaves();
        move(MALLORY, pair, theirs());
        ITournament.Match memory m = tournament.matchOf(pair);
        vm.assertEq(m.node, stateAt(truth(), 2 * 2 ** 24).hash(), "before");
        vm.assertEq(m.left, stateAt(truth(), LENGTH).hash(), "of one");
        vm.assertEq(m.right, stateAt(bad(), LENGTH).hash(), "of two");
        ITournament.Bracket memory inner = tournament.bracket(innerOf(pair));
        vm.assertEq(inner.initial, m.node, "the inner run begins there");
        vm.assertEq(uint256(inner.level), 1, "one level down");
        vm.assertEq(Timestamp.unwrap(inner.openedAt), block.timestamp, "now");
    }

    // The last step.

    /// @dev A match of level 2 that is sealed, and the step before it.
    function sealedBottom() private returns (Pair memory pair, uint256 at) {
        (pair, at) = sealedTop();
        for (uint8 level = 1; level < 3; ++level) {
            BracketId inner = innerOf(pair);
            bytes32 one = refine(HONEST, inner, truth(), level, at);
            pair = Pair(inner, one, refine(MALLORY, inner, bad(), level, at));
            at = bisect(pair, treeOf(truth(), level, at), treeOf(bad(), level, at), at);
        }
        vm.assertEq(at, LENGTH - 1, "the step about which they differ");
    }

    function test_prove_anotherStep_reverts() external {
        (Pair memory pair, uint256 at) = sealedBottom();
        bytes memory witness = stateAt(truth(), at - 1);
        Children memory children = top(treeOf(truth(), 2, at - 39));
        vm.expectRevert(
            abi.encodeWithSelector(
                ITournament.Tournament_WrongStep.selector, stateAt(truth(), at - 1).hash()
            )
        );
        tournament.prove(pair, witness, "", children);
    }

    function test_prove_byAnybody_endsTheMatch() external {
        (Pair memory pair, uint256 at) = sealedBottom();
        prove(PASSER, pair, truth(), at, treeOf(truth(), 2, at - 39));
        vm.assertTrue(tournament.matchOf(pair).phase == ITournament.Phase.None, "over");
        vm.assertEq(tournament.bracket(pair.bracket).waiting, pair.one, "the truth");
        vm.assertTrue(!tournament.seat(pair.bracket, pair.two).isBonded, "the liar's bond");
    }

    function test_prove_badOracleCall_reverts() external {
        (Pair memory pair, uint256 at) = sealedBottom();
        bytes memory witness = stateAt(truth(), at);
        Children memory children = top(treeOf(truth(), 2, at - 39));
        vm.expectRevert(ITournament.Tournament_OracleFailed.selector);
        tournament.prove(pair, witness, hex"deadbeef", children);
    }

    function test_prove_aboveTheLastLevel_reverts() external {
        (Pair memory pair, uint256 at) = sealedTop();
        bytes memory witness = stateAt(truth(), at);
        Children memory children = top(mine());
        vm.expectRevert(abi.encodeWithSelector(ITournament.Tournament_WrongLevel.selector, 0));
        tournament.prove(pair, witness, "", children);
    }

    function test_conclude_onTheLastLevel_reverts() external {
        (Pair memory pair, uint256 at) = sealedBottom();
        Children memory children = top(treeOf(truth(), 2, at - 39));
        vm.expectRevert(abi.encodeWithSelector(ITournament.Tournament_WrongLevel.selector, 2));
        tournament.conclude(pair, children);
    }

    function test_prove_neitherIsRight_voidsTheMatch() external {
        Run memory one = lie(1, LENGTH);
        Run memory two = lie(2, LENGTH);
        Pair memory pair = Pair(BracketId.wrap(0), enter(MALLORY, one), enter(TRUDY, two));
        pair.bracket = top0();
        uint256 at = bisect(pair, treeOf(one, 0, 0), treeOf(two, 0, 0), 0);
        for (uint8 level = 1; level < 3; ++level) {
            BracketId inner = innerOf(pair);
            bytes32 first = refine(MALLORY, inner, one, level, at);
            pair = Pair(inner, first, refine(TRUDY, inner, two, level, at));
            at = bisect(pair, treeOf(one, level, at), treeOf(two, level, at), at);
        }
        vm.txGasPrice(5 gwei);
        bytes memory witness = stateAt(truth(), at);
        Children memory children;
        vm.prank(PASSER, PASSER);
        tournament.prove(pair, witness, "", children);
        vm.assertEq(tournament.bracket(pair.bracket).waiting, bytes32(0), "nobody is left");
        uint256 credit = tournament.creditOf(PASSER);
        vm.assertTrue(credit != 0, "who ended it is repaid");
        vm.assertEq(tournament.potOf(question), 2 * tournament.bondOf(2) - credit, "the rest");
    }

    function test_conclude_tooEarly_reverts() external {
        (Pair memory pair,) = sealedTop();
        Children memory children = top(mine());
        vm.expectRevert(
            abi.encodeWithSelector(ITournament.Tournament_NotOver.selector, innerOf(pair))
        );
        tournament.conclude(pair, children);
    }

    function test_conclude_bisecting_reverts() external {
        Pair memory pair = start();
        Children memory children = top(mine());
        vm.expectRevert(
            abi.encodeWithSelector(
                ITournament.Tournament_WrongPhase.selector, keyOf(pair), ITournament.Phase.Bisecting
            )
        );
        tournament.conclude(pair, children);
    }

    function test_conclude_forTwo_letsTwoWin() external {
        Pair memory pair = Pair(BracketId.wrap(0), enter(MALLORY, bad()), enter(HONEST, truth()));
        pair.bracket = top0();
        uint256 at = bisect(pair, theirs(), mine(), 0);
        refine(HONEST, innerOf(pair), truth(), 1, at);
        pass(ALLOWANCE);
        tournament.conclude(pair, top(mine()));
        vm.assertEq(tournament.bracket(pair.bracket).waiting, pair.two, "two");
        vm.assertEq(tournament.creditOf(HONEST), tournament.bondOf(1), "its inner bond is back");
    }

    /// @dev Who gains: a liar who sets what the next match compares with.
    function test_conclude_wrongChildren_revertsIfSomebodyWaits() external {
        Pair memory pair = Pair(BracketId.wrap(0), enter(MALLORY, bad()), enter(HONEST, truth()));
        pair.bracket = top0();
        enter(TRUDY, lie(2, LENGTH));
        uint256 at = bisect(pair, theirs(), mine(), 0);
        refine(HONEST, innerOf(pair), truth(), 1, at);
        pass(ALLOWANCE);
        Children memory wrong = top(theirs());
        vm.expectRevert(
            abi.encodeWithSelector(ITournament.Tournament_WrongChildren.selector, pair.two)
        );
        tournament.conclude(pair, wrong);
    }

    // Time.

    function test_advance_withinAllowanceAndGrace_isLegal() external {
        Pair memory pair = start();
        pass(ALLOWANCE + GRACE);
        move(HONEST, pair, mine());
        vm.assertEq(
            Duration.unwrap(tournament.seat(pair.bracket, pair.one).remaining), 0, "all used"
        );
        // The grace is there for every turn.
        move(MALLORY, pair, theirs());
        pass(GRACE);
        move(HONEST, pair, mine());
    }

    function test_advance_tooLate_reverts() external {
        Pair memory pair = start();
        pass(ALLOWANCE + GRACE + 1);
        (Children memory children, Children memory next) = advanceOf(pair, mine());
        vm.expectRevert(
            abi.encodeWithSelector(ITournament.Tournament_TimeOver.selector, keyOf(pair))
        );
        tournament.advance(pair, children, next);
    }

    function test_advance_withinGrace_isFree() external {
        Pair memory pair = start();
        pass(GRACE);
        move(HONEST, pair, mine());
        vm.assertEq(
            Duration.unwrap(tournament.seat(pair.bracket, pair.one).remaining),
            ALLOWANCE,
            "nothing used"
        );
        pass(GRACE + 7);
        move(MALLORY, pair, theirs());
        vm.assertEq(
            Duration.unwrap(tournament.seat(pair.bracket, pair.two).remaining),
            ALLOWANCE - 7,
            "seven seconds used"
        );
    }

    function test_expire_early_reverts() external {
        Pair memory pair = start();
        uint64 until = uint64(block.timestamp) + ALLOWANCE + GRACE;
        pass(ALLOWANCE + GRACE);
        Children memory children = top(theirs());
        vm.expectRevert(
            abi.encodeWithSelector(ITournament.Tournament_TimeLeft.selector, Timestamp.wrap(until))
        );
        tournament.expire(pair, children);
    }

    function test_expire_whoseTurnItIs_loses() external {
        Pair memory pair = start();
        move(HONEST, pair, mine());
        pass(ALLOWANCE + GRACE + 1);
        tournament.expire(pair, top(mine()));
        vm.assertEq(tournament.bracket(pair.bracket).waiting, pair.one, "one");
        vm.assertTrue(!tournament.seat(pair.bracket, pair.two).isBonded, "two is out");
    }

    function test_expire_whileTheInnerBracketRuns_reverts() external {
        (Pair memory pair,) = sealedTop();
        pass(10 * ALLOWANCE);
        Children memory children = top(theirs());
        vm.expectRevert(abi.encodeWithSelector(ITournament.Tournament_WrongLevel.selector, 0));
        tournament.expire(pair, children);
    }

    function test_expire_unprovenStep_voidsTheMatch() external {
        (Pair memory pair,) = sealedBottom();
        Children memory children;
        uint64 until = uint64(block.timestamp) + ALLOWANCE + GRACE;
        pass(ALLOWANCE + GRACE);
        vm.expectRevert(
            abi.encodeWithSelector(ITournament.Tournament_TimeLeft.selector, Timestamp.wrap(until))
        );
        tournament.expire(pair, children);
        pass(1);
        tournament.expire(pair, children);
        vm.assertEq(tournament.bracket(pair.bracket).waiting, bytes32(0), "both are out");
        vm.assertEq(uint256(tournament.bracket(pair.bracket).matches), 0, "no match is open");
    }

    function test_expire_noMatch_reverts() external {
        Pair memory pair;
        Children memory children;
        vm.expectRevert(
            abi.encodeWithSelector(
                ITournament.Tournament_WrongPhase.selector, keyOf(pair), ITournament.Phase.None
            )
        );
        tournament.expire(pair, children);
    }

    // What it is created with.

    function test_bondOf_coversEveryMove() external view {
        uint256 sum = tournament.bondOf(0) + tournament.bondOf(1) + tournament.bondOf(2);
        vm.assertLe(sum, 0.1 ether, "the target at 10 gwei");
        vm.assertEq(tournament.bondOf(0), 1_860_000 * uint256(GAS_PRICE), "level 0");
        vm.assertEq(tournament.bondOf(1), 1_500_000 * uint256(GAS_PRICE), "level 1");
        vm.assertEq(tournament.bondOf(2), 5_900_000 * uint256(GAS_PRICE), "level 2");
    }

    function test_bondOf_noLevel_reverts() external {
        vm.expectRevert(abi.encodeWithSelector(ITournament.Tournament_WrongLevel.selector, 3));
        tournament.bondOf(3);
    }

    function test_constructor_badConfig_reverts() external {
        ITournament.Config memory good = tournament.config();
        for (uint256 i = 0; i < 5; ++i) {
            ITournament.Config memory config = tournament.config();
            if (i == 0) config.settlement = address(0);
            if (i == 1) config.machineStep = address(0);
            if (i == 2) config.oracle = address(0);
            if (i == 3) config.allowance = Duration.wrap(0);
            if (i == 4) config.gasPrice = 0;
            try this.make(config) {
                vm.assertTrue(false, "created");
            } catch (bytes memory reason) {
                vm.assertEq(
                    reason,
                    abi.encodeWithSelector(ITournament.Tournament_BadConfig.selector),
                    "which"
                );
            }
        }
        this.make(good);
    }

    function make(ITournament.Config memory config) external {
        create("Tournament", abi.encode(config));
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ITournament} from "../../src/interfaces/ITournament.sol";
import {ISettlement} from "../../src/interfaces/ISettlement.sol";
import {Verdict} from "../../src/interfaces/IVerifier.sol";
import {BracketId, Children, Pair} from "../../src/types/Dispute.sol";
import {DisputeWorld} from "../support/DisputeWorld.sol";

/// @title Whole disputes, and who gets what
contract TournamentTest is DisputeWorld {
    /// @dev One honest, one liar, down to a step; the honest side's claim ends final.
    function dispute(uint256 from) private returns (Pair memory pair) {
        Run memory good = truth();
        Run memory bad = lie(1, from);
        bytes32 one = enter(HONEST, good);
        bytes32 two = enter(MALLORY, bad);
        pair = Pair(top0(), one, two);
        defeat(pair, good, bad, 0, 0);
    }

    function check(uint256 from) private {
        uint256 state = vm.snapshotState();
        dispute(from);
        (Verdict ofTruth, Verdict ofLie) = verdicts();
        vm.assertTrue(ofTruth == Verdict.Valid, "the truth wins");
        vm.assertTrue(ofLie == Verdict.Invalid, "the lie loses");
        vm.revertToState(state);
    }

    function test_dispute_atTheFirstStep_truthWins() external {
        check(1);
    }

    function test_dispute_atTheLastStep_truthWins() external {
        check(LENGTH);
    }

    function test_dispute_atEndsOfIntervals_truthWins() external {
        check(2 ** 24);
        check(2 ** 24 + 1);
        check(2 * 2 ** 24 + 2 ** 12);
        check(2 * 2 ** 24 + 2 ** 12 + 1);
    }

    function test_dispute_atEachOfTheLastSteps_truthWins() external {
        for (uint256 i = 1; i < 40; i += 3) {
            check(LENGTH - i);
        }
    }

    function test_resolve_afterDispute_makesTruthFinal() external {
        dispute(LENGTH);
        settlement.resolve(lying);
        settlement.resolve(truthful);
        pass(WINDOW);
        settlement.finalize(truthful);
        vm.assertTrue(settlement.claim(truthful).status == ISettlement.ClaimStatus.Final, "final");
        vm.assertTrue(settlement.claim(lying).status == ISettlement.ClaimStatus.Lost, "lost");
    }

    function test_enter_uncontested_reverts() external {
        settlementDecides();
        ITournament.Answer memory answer = answerOf(truth());
        uint256 bond = tournament.bondOf(0);
        vm.expectRevert(
            abi.encodeWithSelector(ITournament.Tournament_NotContested.selector, truthful)
        );
        tournament.enter{value: bond}(answer);
    }

    /// @dev A second chain of contracts whose range has one claim only.
    function settlementDecides() private {
        deploy(address(0));
        create("Tournament", abi.encode(tournamentConfig(address(settlement), address(0x04ac1e))));
        post();
        truthful = propose(HONEST, root(), 1, truthPost(), BOND);
        ITournament.Config memory config =
            tournamentConfig(address(settlement), tournament.config().oracle);
        tournament = ITournament(create("Tournament", abi.encode(config)));
    }

    // Money.

    function test_money_afterDispute_isAllSomebodys() external {
        vm.txGasPrice(8 gwei);
        uint256 before = HONEST.balance;
        Pair memory pair = dispute(LENGTH - 3);
        uint256 bonds = tournament.bondOf(0) + tournament.bondOf(1) + tournament.bondOf(2);
        vm.assertEq(address(tournament).balance, 2 * bonds, "all bonds are here");
        tournament.release(pair.bracket);
        // The winners of the inner brackets got their bonds with the ends of the matches.
        vm.assertEq(tournament.creditOf(HONEST), bonds, "the winner's bonds");
        uint256 repaid = collectAll(pair, truth(), LENGTH - 3, HONEST);
        vm.assertTrue(repaid > 0, "the winner's gas");
        vm.assertEq(tournament.potOf(question), bonds - repaid, "the rest waits");
        vm.expectRevert(abi.encodeWithSelector(ITournament.Tournament_NotFinal.selector, truthful));
        tournament.reward(pair.bracket, truthful);
        finish();
        vm.expectRevert(abi.encodeWithSelector(ITournament.Tournament_NotFinal.selector, lying));
        tournament.reward(pair.bracket, lying);
        tournament.reward(pair.bracket, truthful);
        tournament.withdraw(HONEST);
        vm.assertEq(HONEST.balance, before + bonds, "what the liar lost");
        vm.assertEq(address(tournament).balance, 0, "nothing is left");
        vm.assertEq(tournament.creditOf(MALLORY), 0, "nothing for the liar");
    }

    function finish() private {
        settlement.resolve(lying);
        settlement.resolve(truthful);
        pass(WINDOW);
        settlement.finalize(truthful);
    }

    /// @dev Collects a mover's gas of the three matches that a side won.
    function collectAll(Pair memory pair, Run memory run, uint256 from, address mover)
        private
        returns (uint256 repaid)
    {
        uint256 at = (from - 1) / 2 ** 24 * 2 ** 24;
        BracketId inner = innerOf(pair);
        Pair memory second =
            Pair(inner, rootOf(treeOf(run, 1, at)), rootOf(treeOf(lie(1, from), 1, at)));
        at = (from - 1) / 2 ** 12 * 2 ** 12;
        bytes32[3] memory roots = [pair.one, second.one, rootOf(treeOf(run, 2, at))];
        BracketId[3] memory brackets = [pair.bracket, inner, innerOf(second)];
        for (uint256 i = 0; i < 3; ++i) {
            uint256 spent = tournament.spent(brackets[i], roots[i], 0, mover);
            if (spent == 0) continue;
            tournament.collect(brackets[i], roots[i], 0, mover);
            repaid += spent;
            vm.assertEq(tournament.spent(brackets[i], roots[i], 0, mover), 0, "once");
            vm.expectRevert(abi.encodeWithSelector(ITournament.Tournament_Nothing.selector, mover));
            tournament.collect(brackets[i], roots[i], 0, mover);
        }
    }

    function test_collect_beforeTheWin_reverts() external {
        vm.txGasPrice(8 gwei);
        bytes32 one = enter(HONEST, truth());
        vm.assertTrue(tournament.spent(top0(), one, 0, HONEST) > 0, "recorded");
        BracketId id = top0();
        vm.expectRevert(abi.encodeWithSelector(ITournament.Tournament_Nothing.selector, HONEST));
        tournament.collect(id, one, 0, HONEST);
    }

    function test_collect_ofALoser_reverts() external {
        vm.txGasPrice(8 gwei);
        Pair memory pair = dispute(LENGTH);
        vm.assertTrue(tournament.spent(pair.bracket, pair.two, 0, MALLORY) > 0, "recorded");
        vm.expectRevert(abi.encodeWithSelector(ITournament.Tournament_Nothing.selector, MALLORY));
        tournament.collect(pair.bracket, pair.two, 0, MALLORY);
    }

    function test_advance_byAnother_repaysTheMover() external {
        vm.txGasPrice(9 gwei);
        Run memory bad = lie(1, LENGTH);
        bytes32 one = enter(HONEST, truth());
        Pair memory pair = Pair(top0(), one, enter(MALLORY, bad));
        move(PASSER, pair, treeOf(truth(), 0, 0));
        uint256 spent = tournament.spent(pair.bracket, one, 0, PASSER);
        vm.assertTrue(spent > 30_000 * 9 gwei && spent <= 120_000 * 9 gwei, "its gas");
        pass(ALLOWANCE + GRACE + 1);
        tournament.expire(pair, top(treeOf(truth(), 0, 0)));
        tournament.collect(pair.bracket, one, 0, PASSER);
        vm.assertEq(tournament.creditOf(PASSER), spent, "credited");
    }

    function test_cost_aboveTheStatedPrice_isCapped() external {
        vm.txGasPrice(1000 gwei);
        bytes32 one = enter(HONEST, truth());
        uint256 dear = tournament.spent(top0(), one, 0, HONEST);
        vm.assertLe(dear, 400_000 * uint256(GAS_PRICE), "at most the figure at the stated price");
        vm.assertTrue(dear > 100_000 * uint256(GAS_PRICE), "all of it");
    }

    function test_cost_ofAContract_countsNoInput() external {
        vm.txGasPrice(10 gwei);
        bytes32 one = enter(HONEST, truth());
        Pair memory pair = Pair(top0(), one, enter(MALLORY, lie(1, LENGTH)));
        uint256 state = vm.snapshotState();
        move(PASSER, pair, treeOf(truth(), 0, 0));
        uint256 direct = tournament.spent(pair.bracket, one, 0, PASSER);
        vm.revertToState(state);
        (Children memory children, Children memory next) = advanceOf(pair, treeOf(truth(), 0, 0));
        vm.prank(PASSER, HONEST);
        tournament.advance(pair, children, next);
        uint256 indirect = tournament.spent(pair.bracket, one, 0, PASSER);
        vm.assertTrue(indirect + 21_000 * 10 gwei < direct, "no transaction, no input");
    }

    function test_withdraw_twice_reverts() external {
        Pair memory pair = dispute(LENGTH);
        tournament.release(pair.bracket);
        tournament.withdraw(HONEST);
        vm.expectRevert(abi.encodeWithSelector(ITournament.Tournament_Nothing.selector, HONEST));
        tournament.withdraw(HONEST);
    }

    function test_release_twice_reverts() external {
        Pair memory pair = dispute(LENGTH);
        tournament.release(pair.bracket);
        vm.expectRevert(abi.encodeWithSelector(ITournament.Tournament_Nothing.selector, HONEST));
        tournament.release(pair.bracket);
    }

    function test_release_beforeTheEnd_reverts() external {
        enter(HONEST, truth());
        BracketId id = top0();
        vm.expectRevert(abi.encodeWithSelector(ITournament.Tournament_NotOver.selector, id));
        tournament.release(id);
    }

    function test_reward_twice_reverts() external {
        Pair memory pair = dispute(LENGTH);
        finish();
        tournament.reward(pair.bracket, truthful);
        vm.expectRevert(abi.encodeWithSelector(ITournament.Tournament_Nothing.selector, HONEST));
        tournament.reward(pair.bracket, truthful);
    }

    // More than two.

    function test_bracket_ofFour_endsWithTheTruth() external {
        Run memory good = truth();
        bytes32 one = enter(MALLORY, lie(1, LENGTH));
        bytes32 two = enter(MALLORY, lie(2, LENGTH));
        bytes32 three = enter(MALLORY, lie(3, LENGTH));
        bytes32 mine = enter(HONEST, good);
        BracketId id = top0();
        // Nobody moves for the liars in their match: the one whose turn it is not goes on.
        pass(ALLOWANCE + GRACE + 1);
        tournament.expire(Pair(id, one, two), top(treeOf(lie(2, LENGTH), 0, 0)));
        tournament.expire(Pair(id, three, mine), top(treeOf(good, 0, 0)));
        vm.assertTrue(!tournament.isOver(id), "a match is open");
        // The winner that came second is side two, and waits for the other to move.
        pass(ALLOWANCE + GRACE + 1);
        tournament.expire(Pair(id, two, mine), top(treeOf(good, 0, 0)));
        (Verdict ofTruth,) = verdicts();
        vm.assertTrue(ofTruth == Verdict.Valid, "the truth wins");
        vm.assertEq(uint256(tournament.seat(id, mine).wins), 2, "two wins");
    }

    function test_enter_afterAVoidRound_opensAnother() external {
        Run memory garbage = lie(1, 1);
        Run memory other = lie(2, 1);
        bytes32 one = enter(MALLORY, garbage);
        bytes32 two = enter(TRUDY, other);
        Pair memory pair = Pair(top0(), one, two);
        bisect(pair, treeOf(garbage, 0, 0), treeOf(other, 0, 0), 0);
        pass(ALLOWANCE);
        // Nobody cared for the inner bracket.
        tournament.conclude(pair, top(treeOf(garbage, 0, 0)));
        (Verdict ofTruth, Verdict ofLie) = verdicts();
        vm.assertTrue(ofTruth == Verdict.Unknown && ofLie == Verdict.Unknown, "no verdict");
        uint256 pot = tournament.potOf(question);
        vm.assertEq(
            pot + tournament.creditOf(address(this)), 2 * tournament.bondOf(0), "both bonds"
        );
        vm.assertTrue(tournament.creditOf(address(this)) != 0, "who ended it is repaid");
        enter(HONEST, truth());
        vm.assertTrue(BracketId.unwrap(top0()) != BracketId.unwrap(pair.bracket), "another round");
        pass(ALLOWANCE);
        (ofTruth,) = verdicts();
        vm.assertTrue(ofTruth == Verdict.Valid, "the truth stands alone");
        finish();
        BracketId id = top0();
        tournament.reward(id, truthful);
        vm.assertEq(tournament.creditOf(HONEST), pot, "the pot of all rounds");
    }

    function test_enter_afterTheVerdict_reverts() external {
        enter(HONEST, truth());
        pass(ALLOWANCE);
        ITournament.Answer memory answer = answerOf(lie(1, 1));
        uint256 bond = tournament.bondOf(0);
        BracketId id = top0();
        vm.expectRevert(abi.encodeWithSelector(ITournament.Tournament_EntryOver.selector, id));
        tournament.enter{value: bond}(answer);
    }

    function test_verify_beforeTheEnd_isUnknown() external {
        enter(HONEST, truth());
        pass(ALLOWANCE - 1);
        (Verdict ofTruth, Verdict ofLie) = verdicts();
        vm.assertTrue(ofTruth == Verdict.Unknown && ofLie == Verdict.Unknown, "entry is open");
        pass(1);
        (ofTruth, ofLie) = verdicts();
        vm.assertTrue(ofTruth == Verdict.Valid && ofLie == Verdict.Invalid, "over");
    }

    function test_verify_whileAMatchIsOpen_isUnknown() external {
        enter(HONEST, truth());
        enter(MALLORY, lie(1, LENGTH));
        pass(ALLOWANCE);
        (Verdict ofTruth, Verdict ofLie) = verdicts();
        vm.assertTrue(ofTruth == Verdict.Unknown && ofLie == Verdict.Unknown, "a match is open");
    }
}

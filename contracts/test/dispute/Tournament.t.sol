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
}

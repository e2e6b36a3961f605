// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IOperators} from "../../src/interfaces/IOperators.sol";
import {Timestamp} from "../../src/types/Time.sol";
import {World} from "../support/World.sol";

contract OperatorsTest is World {
    function test_mayPost_atFirst_onlyTheOperator() public view {
        vm.assertTrue(operators.mayPost(OPERATOR), "operator");
        vm.assertTrue(!operators.mayPost(BOB), "others");
    }

    function test_mayPost_silence_opensAtTheTimeout() public {
        pass(LIVENESS_TIMEOUT - 1);
        vm.assertTrue(!operators.mayPost(BOB), "before");
        pass(1);
        vm.assertTrue(operators.mayPost(BOB), "at the timeout");
        vm.assertTrue(operators.mayPost(OPERATOR), "the operator still");
    }

    function test_onBatch_byTheOperator_endsTheSilence() public {
        pass(LIVENESS_TIMEOUT);
        post();
        vm.assertTrue(!operators.mayPost(BOB), "closed again");
        vm.assertEq(Timestamp.unwrap(operators.lastSeen()), block.timestamp, "seen");
    }

    function test_onBatch_byAnother_doesNotEndTheSilence() public {
        pass(LIVENESS_TIMEOUT);
        vm.prank(address(inbox));
        operators.onBatch(BOB);
        vm.assertEq(Timestamp.unwrap(operators.lastSeen()), START_TIME, "not seen");
        vm.assertTrue(operators.mayPost(LIAR), "still open");
    }

    function test_onBatch_notFromTheInbox_reverts() public {
        vm.prank(OPERATOR);
        vm.expectRevert(abi.encodeWithSelector(IOperators.Operators_NotInbox.selector, OPERATOR));
        operators.onBatch(OPERATOR);
    }

    function test_rotation_twoSteps_movesTheOffice() public {
        vm.prank(OPERATOR);
        operators.proposeOperator(BOB);
        vm.assertEq(operators.operator(), OPERATOR, "not yet");
        vm.assertTrue(!operators.mayPost(BOB), "not yet");
        vm.prank(BOB);
        operators.acceptOperator();
        vm.assertEq(operators.operator(), BOB, "moved");
        vm.assertEq(operators.candidate(), address(0), "no candidate left");
        vm.assertTrue(!operators.mayPost(OPERATOR), "the old one may not");
    }

    function test_proposeOperator_byOthers_reverts() public {
        vm.prank(LIAR);
        vm.expectRevert(abi.encodeWithSelector(IOperators.Operators_NotOperator.selector, LIAR));
        operators.proposeOperator(LIAR);
    }

    function test_acceptOperator_byOthers_reverts() public {
        vm.prank(OPERATOR);
        operators.proposeOperator(BOB);
        vm.prank(LIAR);
        vm.expectRevert(abi.encodeWithSelector(IOperators.Operators_NotCandidate.selector, LIAR));
        operators.acceptOperator();
    }

    function test_acceptOperator_takenBack_reverts() public {
        vm.prank(OPERATOR);
        operators.proposeOperator(BOB);
        vm.prank(OPERATOR);
        operators.proposeOperator(address(0));
        vm.prank(BOB);
        vm.expectRevert(abi.encodeWithSelector(IOperators.Operators_NotCandidate.selector, BOB));
        operators.acceptOperator();
    }
}

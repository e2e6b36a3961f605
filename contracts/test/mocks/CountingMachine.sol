// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IMachineStep} from "../../src/interfaces/IMachineStep.sol";
import {MachineState} from "../../src/libraries/MachineState.sol";

/// @title A machine whose program counts, and halts with an answer
/// @dev Its states are those of the real machine, so a step costs a test one hash.
contract CountingMachine is IMachineStep {
    using MachineState for bytes;

    uint64 private immutable LENGTH;
    bytes32 private immutable ANSWER;

    constructor(uint64 length, bytes32 answer) {
        LENGTH = length;
        ANSWER = answer;
    }

    function step(bytes calldata witness) external view returns (bytes32 from, bytes32 to) {
        bytes memory state = witness;
        from = state.hash();
        if (state.exit() == MachineState.RUNNING) {
            state.countStep();
            if (steps(state) == LENGTH) {
                state.setExit(0);
                state.setOutput(ANSWER);
            }
        }
        to = state.hash();
    }

    function steps(bytes memory state) private pure returns (uint64 count) {
        assembly ("memory-safe") {
            count := shr(192, mload(add(state, 320)))
        }
    }
}

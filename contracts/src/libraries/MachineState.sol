// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title The state of a machine as 362 bytes in memory (docs/machine.md, section 6)
library MachineState {
    uint256 internal constant BYTES = 362;
    /// In place of an exit code while the machine runs.
    uint256 internal constant RUNNING = 0xffff;

    uint256 private constant REGISTERS_AT = 32;
    uint256 private constant PC_AT = 280;
    uint256 private constant STEPS_AT = 288;
    uint256 private constant INPUT_AT = 296;
    uint256 private constant OUTPUT_AT = 328;
    uint256 private constant EXIT_AT = 360;

    /// @notice The state of a machine before its first step.
    function fresh(bytes32 memoryRoot_, uint64 entry, bytes32 input_)
        internal
        pure
        returns (bytes memory self)
    {
        self = new bytes(BYTES);
        setMemoryRoot(self, memoryRoot_);
        setPc(self, entry);
        setWord(self, INPUT_AT, input_);
        setExit(self, RUNNING);
    }

    function hash(bytes memory self) internal pure returns (bytes32) {
        return keccak256(self);
    }

    function memoryRoot(bytes memory self) internal pure returns (bytes32) {
        return word(self, 0);
    }

    function setMemoryRoot(bytes memory self, bytes32 root) internal pure {
        setWord(self, 0, root);
    }

    function input(bytes memory self) internal pure returns (bytes32) {
        return word(self, INPUT_AT);
    }

    function output(bytes memory self) internal pure returns (bytes32) {
        return word(self, OUTPUT_AT);
    }

    function setOutput(bytes memory self, bytes32 output) internal pure {
        setWord(self, OUTPUT_AT, output);
    }

    function pc(bytes memory self) internal pure returns (uint256) {
        return uint64At(self, PC_AT);
    }

    function setPc(bytes memory self, uint256 value) internal pure {
        setUint64(self, PC_AT, value);
    }

    /// @notice Counts a step; the last number stays.
    function countStep(bytes memory self) internal pure {
        uint256 steps = uint64At(self, STEPS_AT);
        if (steps != type(uint64).max) setUint64(self, STEPS_AT, steps + 1);
    }

    function exit(bytes memory self) internal pure returns (uint256) {
        return uint256(word(self, EXIT_AT - 30)) & 0xffff;
    }

    function setExit(bytes memory self, uint256 code) internal pure {
        bytes32 before = word(self, EXIT_AT - 30);
        setWord(self, EXIT_AT - 30, bytes32((uint256(before) & ~uint256(0xffff)) | code));
    }

    /// @notice Register `x0` to `x31`.
    function register(bytes memory self, uint256 number) internal pure returns (uint256) {
        return number == 0 ? 0 : uint64At(self, REGISTERS_AT + 8 * number - 8);
    }

    /// @notice Sets a register to 64 bits; `x0` stays zero.
    function setRegister(bytes memory self, uint256 number, uint256 value) internal pure {
        if (number != 0) setUint64(self, REGISTERS_AT + 8 * number - 8, value);
    }

    function uint64At(bytes memory self, uint256 offset) private pure returns (uint256) {
        return uint256(word(self, offset)) >> 192;
    }

    function setUint64(bytes memory self, uint256 offset, uint256 value) private pure {
        uint256 rest = uint256(word(self, offset)) & (type(uint256).max >> 64);
        setWord(self, offset, bytes32((value << 192) | rest));
    }

    /// @dev Every `offset` above leaves 32 bytes in the state: the places are constants, and registers
    /// are below 32.
    function word(bytes memory self, uint256 offset) private pure returns (bytes32 value) {
        assembly ("memory-safe") {
            value := mload(add(add(self, 32), offset))
        }
    }

    function setWord(bytes memory self, uint256 offset, bytes32 value) private pure {
        assembly ("memory-safe") {
            mstore(add(add(self, 32), offset), value)
        }
    }
}

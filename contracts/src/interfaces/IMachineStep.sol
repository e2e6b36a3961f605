// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title One step of the machine, for the end of a dispute
interface IMachineStep {
    /// @notice The witness ends before the step has all that it touches.
    error MachineStep_WitnessTooShort();
    /// @notice The witness holds more than the step touches.
    error MachineStep_WitnessTooLong();
    /// @notice A leaf is not in its tree at the place that the step touches.
    error MachineStep_WrongLeaf(uint256 index);

    /// @notice The hashes of the state in `witness` (docs/machine.md, section 6) and of the state
    /// after its next step.
    function step(bytes calldata witness) external view returns (bytes32 from, bytes32 to);
}

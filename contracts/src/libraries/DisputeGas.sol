// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {StateTree} from "./StateTree.sol";

/// @title What moves of a dispute may cost, and the bonds that cover them (docs/disputes.md,
/// section 4)
library DisputeGas {
    uint256 internal constant ENTER = 400_000;
    uint256 internal constant ADVANCE = 120_000;
    uint256 internal constant SEAL = 300_000;
    uint256 internal constant END = 200_000;
    uint256 internal constant PROVE = 4_600_000;

    uint256 private constant TRANSACTION = 21_000;
    uint256 private constant INPUT_BYTE = 16;
    /// EIP-7623.
    uint256 private constant FLOOR_BYTE = 40;
    /// What follows the measurement: two slots written, events.
    uint256 private constant AFTERWARDS = 50_000;

    /// @notice The bond of one commitment: all that its side of one match can cost, in wei.
    function bondOf(uint8 level, uint256 gasPrice) internal pure returns (uint256) {
        uint256 turns = StateTree.heightOf(level) / 2;
        uint256 last = level == StateTree.LEVELS - 1 ? PROVE : END;
        return (ENTER + (turns - 1) * ADVANCE + SEAL + last) * gasPrice;
    }

    /// @notice What the transaction cost that had `gasBefore` when its call began, in wei; at least
    /// one wei for each unit, so that nothing is written at one price that was not at another.
    function cost(uint256 cap, uint256 gasBefore, uint256 gasPrice)
        internal
        view
        returns (uint256)
    {
        uint256 gas = gasBefore - gasleft() + AFTERWARDS;
        // INVARIANT: a contract that calls is not repaid for an input which no transaction had.
        if (msg.sender == tx.origin) {
            gas += TRANSACTION + INPUT_BYTE * msg.data.length;
            uint256 floor = TRANSACTION + FLOOR_BYTE * msg.data.length;
            if (gas < floor) gas = floor;
        }
        // INVARIANT: what is repaid is covered by the bond.
        if (gas > cap) gas = cap;
        uint256 price = tx.gasprice < gasPrice ? tx.gasprice : gasPrice;
        return gas * (price == 0 ? 1 : price);
    }
}

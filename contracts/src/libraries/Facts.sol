// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {L1Facts} from "../types/Protocol.sol";
import {currentTime} from "../types/Time.sol";

/// @title What L1 is like now
library Facts {
    /// @dev Neither fee can reach 2^128: there is not as much wei.
    function current() internal view returns (L1Facts memory) {
        return L1Facts({
            number: uint64(block.number),
            timestamp: currentTime(),
            baseFee: uint128(block.basefee),
            blobBaseFee: uint128(block.blobbasefee)
        });
    }
}

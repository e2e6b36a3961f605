// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {L1Facts} from "../types/Protocol.sol";
import {Timestamp} from "../types/Time.sol";

/// @title L1 as far as this chain has consumed it (L2)
/// @notice The protocol writes it before the messages of a block run. Deadlines on this chain use
/// this clock: it stands still while the sequencer does.
interface IInboxClock {
    /// @notice L1 facts of the last message consumed.
    function facts() external view returns (L1Facts memory);

    /// @notice L1 block number of the last message consumed.
    function number() external view returns (uint64);

    /// @notice Its L1 timestamp.
    function timestamp() external view returns (Timestamp);

    /// @notice Its L1 base fee, wei per gas.
    function baseFee() external view returns (uint128);

    /// @notice Its L1 blob base fee, wei per blob gas.
    function blobBaseFee() external view returns (uint128);

    /// @notice The first message not consumed yet.
    function nextInboxIndex() external view returns (uint64);
}

// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IInbox} from "../interfaces/IInbox.sol";
import {L1Facts, Message, MessageKind} from "../types/Protocol.sol";
import {Timestamp} from "../types/Time.sol";
import {Facts} from "./Facts.sol";
import {GasMarket} from "./GasMarket.sol";
import {Hashing} from "./Hashing.sol";

/// @title The rules of the message queue
///
/// - Messages are appended, never changed and never taken out.
/// - `acc[0] = 0`, `acc[n + 1] = keccak256(acc[n] ‖ hash(message n))`.
/// - A message but a marker pays for its gas limit, which lies between what it costs before it does
///   anything and `messageGas`; the gas limits of one L1 block sum to at most `blockMessageGas`.
/// - Timestamps never decrease, so the oldest message not consumed is the one next in line.
library MessageQueue {
    using GasMarket for GasMarket.State;

    /// @dev The largest init code of EIP-3860.
    uint256 internal constant MAX_DATA_BYTES = 49_152;
    /// @dev What a transaction costs before it does anything.
    uint64 internal constant MIN_GAS = 21_000;
    /// @dev The floor of EIP-7623 for bytes that are not zero; more than their intrinsic cost.
    uint256 private constant GAS_PER_BYTE = 40;
    uint256 private constant CREATE_GAS = 32_000;
    /// @dev EIP-3860.
    uint256 private constant GAS_PER_INIT_CODE_WORD = 2;

    /// @notice What is kept of a message: two slots.
    struct Entry {
        /// Accumulator after it.
        bytes32 accumulator;
        /// Gas limits up to and including it, summed.
        uint128 cumulativeGas;
        Timestamp timestamp;
        MessageKind kind;
    }

    /// @notice The queue; everything but the entries in one slot, so the market's fields stand here.
    struct State {
        uint64 count;
        /// `GasMarket.State`, field by field.
        uint64 marketBlock;
        uint64 marketUsed;
        uint64 marketExcess;
        mapping(uint64 index => Entry) entries;
    }

    /// @notice Appends a message that pays; `self.index` and `self.facts` are filled in.
    /// @return fee Wei that it costs.
    function enqueue(State storage self, IInbox.Config memory config, Message memory message)
        internal
        returns (uint256 fee)
    {
        uint64 gasLimit = message.gasLimit;
        // INVARIANT: no message is larger than what a block of L2 has room for.
        if (message.data.length > MAX_DATA_BYTES) {
            revert IInbox.Inbox_DataTooLong(message.data.length, MAX_DATA_BYTES);
        }
        uint64 min = minGasLimit(message.kind, message.data.length);
        if (gasLimit < min) revert IInbox.Inbox_GasLimitTooLow(gasLimit, min);
        if (gasLimit > config.messageGas) {
            revert IInbox.Inbox_GasLimitTooHigh(gasLimit, config.messageGas);
        }
        GasMarket.State memory market = currentMarket(self, config);
        uint64 left = config.blockMessageGas - market.used;
        // INVARIANT: messages come no faster than batches can consume them.
        if (gasLimit > left) revert IInbox.Inbox_BlockGasExceeded(gasLimit, left);
        fee = market.price(config.blockMessageGasTarget, config.minGasPrice) * gasLimit;
        self.marketBlock = market.blockNumber;
        self.marketUsed = market.used + gasLimit;
        self.marketExcess = market.excess;
        append(self, message, Facts.current());
    }

    /// @notice Appends a message without asking for anything.
    function append(State storage self, Message memory message, L1Facts memory facts) internal {
        uint64 index = self.count;
        message.index = index;
        message.facts = facts;
        bytes32 previous;
        uint128 gasBefore;
        if (index != 0) {
            Entry storage last = self.entries[index - 1];
            previous = last.accumulator;
            gasBefore = last.cumulativeGas;
        }
        bytes32 accumulator = Hashing.nextAccumulator(previous, Hashing.message(message));
        self.entries[index] = Entry({
            accumulator: accumulator,
            cumulativeGas: gasBefore + message.gasLimit,
            timestamp: facts.timestamp,
            kind: message.kind
        });
        self.count = index + 1;
        emit IInbox.MessageEnqueued(index, accumulator, message);
    }

    /// @notice The accumulator over the messages before `index`.
    function accumulatorAt(State storage self, uint64 index) internal view returns (bytes32) {
        if (index > self.count) revert IInbox.Inbox_UnknownMessage(index);
        return index == 0 ? bytes32(0) : self.entries[index - 1].accumulator;
    }

    /// @notice Gas limits of the messages before `index`, summed.
    function gasUpTo(State storage self, uint64 index) internal view returns (uint128) {
        return index == 0 ? 0 : self.entries[index - 1].cumulativeGas;
    }

    /// @notice The market in this L1 block.
    function currentMarket(State storage self, IInbox.Config memory config)
        internal
        view
        returns (GasMarket.State memory)
    {
        GasMarket.State memory market = GasMarket.State({
            blockNumber: self.marketBlock, used: self.marketUsed, excess: self.marketExcess
        });
        return market.rolledTo(uint64(block.number), config.blockMessageGasTarget);
    }

    /// @notice The least gas limit of a message with `length` bytes of data.
    function minGasLimit(MessageKind kind, uint256 length) internal pure returns (uint64) {
        if (kind == MessageKind.Marker) return 0;
        uint256 gas = MIN_GAS + GAS_PER_BYTE * length;
        if (kind == MessageKind.Create) {
            gas += CREATE_GAS + GAS_PER_INIT_CODE_WORD * ((length + 31) / 32);
        }
        return SafeCast.toUint64(gas);
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IInbox} from "../interfaces/IInbox.sol";
import {Batch, DataKind, DataVerdict, L1Facts} from "../types/Protocol.sol";
import {Timestamp} from "../types/Time.sol";
import {Hashing} from "./Hashing.sol";
import {MessageQueue} from "./MessageQueue.sol";

/// @title The rules of the chain of batches
///
/// - A batch names its parent, and the accumulator over the messages up to its end.
/// - It consumes the messages from its parent's end to its own: at most `batchMessages`, with gas
///   limits that sum to at most `batchMessageGas`.
/// - It leaves out no message older than `forceDelay`, unless that one would exceed a maximum. One
///   message alone never does, so every batch makes progress.
library BatchChain {
    using MessageQueue for MessageQueue.State;

    /// @notice What is kept of a batch: two slots.
    struct Record {
        bytes32 hash;
        uint64 inboxEnd;
        Timestamp timestamp;
        /// Gas limits of all messages before `inboxEnd`, summed.
        uint128 gasBeforeEnd;
    }

    /// @notice The chain.
    struct State {
        uint64 count;
        mapping(uint64 index => Record) records;
    }

    /// @notice Bytes of a batch, bound to L1.
    struct Data {
        DataKind kind;
        bytes32 hash;
    }

    /// @notice Accepts a batch.
    function accept(
        State storage self,
        MessageQueue.State storage messages,
        IInbox.Config memory config,
        IInbox.BatchInput calldata input,
        Data memory data,
        L1Facts memory facts
    ) internal {
        uint64 index = self.count;
        Record memory previous = last(self, config.genesisHash);
        // INVARIANT: a batch is built on the L1 that its author saw, or not accepted.
        if (input.parent != previous.hash) {
            revert IInbox.Inbox_WrongParent(input.parent, previous.hash);
        }
        if (facts.timestamp < input.notBefore) {
            revert IInbox.Inbox_TooEarly(input.notBefore, facts.timestamp);
        }
        (uint128 gasBeforeEnd, Timestamp oldest) =
            consume(messages, config, input, previous, facts.timestamp);
        Batch memory batch = Batch({
            parent: previous.hash,
            index: index,
            dataKind: data.kind,
            verdict: DataVerdict.Available,
            dataHash: data.hash,
            facts: facts,
            inboxStart: previous.inboxEnd,
            inboxEnd: input.inboxEnd,
            inboxAccumulator: input.inboxAccumulator,
            oldestUnconsumedTimestamp: oldest,
            poster: msg.sender
        });
        bytes32 hash = Hashing.batch(batch);
        self.records[index] = Record({
            hash: hash,
            inboxEnd: input.inboxEnd,
            timestamp: facts.timestamp,
            gasBeforeEnd: gasBeforeEnd
        });
        self.count = index + 1;
        emit IInbox.BatchAccepted(index, hash, batch);
    }

    /// @dev Checks what the batch consumes, in constant work.
    function consume(
        MessageQueue.State storage messages,
        IInbox.Config memory config,
        IInbox.BatchInput calldata input,
        Record memory previous,
        Timestamp time
    ) private view returns (uint128 gasBeforeEnd, Timestamp oldest) {
        (uint64 start, uint64 end) = (previous.inboxEnd, input.inboxEnd);
        uint64 messageCount = messages.count;
        // INVARIANT: messages are consumed in order, each once.
        if (end < start || end > messageCount) {
            revert IInbox.Inbox_EndOutOfRange(end, start, messageCount);
        }
        bytes32 accumulator = messages.accumulatorAt(end);
        if (input.inboxAccumulator != accumulator) {
            revert IInbox.Inbox_WrongAccumulator(input.inboxAccumulator, accumulator);
        }
        gasBeforeEnd = messages.gasUpTo(end);
        uint64 count = end - start;
        uint128 gas = gasBeforeEnd - previous.gasBeforeEnd;
        // INVARIANT: what a batch consumes fits into one default block.
        if (count > config.batchMessages) {
            revert IInbox.Inbox_TooManyMessages(count, config.batchMessages);
        }
        if (gas > config.batchMessageGas) {
            revert IInbox.Inbox_TooMuchMessageGas(gas, config.batchMessageGas);
        }
        if (end == messageCount) return (gasBeforeEnd, time);

        MessageQueue.Entry storage next = messages.entries[end];
        oldest = next.timestamp;
        bool isDue = oldest.plus(config.forceDelay) <= time;
        bool fits = count < config.batchMessages
            && next.cumulativeGas - previous.gasBeforeEnd <= config.batchMessageGas;
        // INVARIANT: nobody can keep a message out for longer than the force delay.
        if (isDue && fits) revert IInbox.Inbox_DueMessageSkipped(end);
    }

    /// @notice The last batch; before the first one, an end at message 0 under the genesis hash.
    function last(State storage self, bytes32 genesisHash) internal view returns (Record memory) {
        return endAt(self, genesisHash, self.count);
    }

    /// @notice The end of the batches before `index`.
    function endAt(State storage self, bytes32 genesisHash, uint64 index)
        internal
        view
        returns (Record memory record)
    {
        if (index > self.count) revert IInbox.Inbox_UnknownBatch(index);
        if (index == 0) record.hash = genesisHash;
        else record = self.records[index - 1];
    }
}

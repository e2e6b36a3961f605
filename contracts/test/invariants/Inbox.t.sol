// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IInbox} from "../../src/interfaces/IInbox.sol";
import {Hashing} from "../../src/libraries/Hashing.sol";
import {Batch, Message} from "../../src/types/Protocol.sol";
import {Timestamp} from "../../src/types/Time.sol";
import {InboxLogs} from "../support/InboxLogs.sol";
import {Test} from "../support/Test.sol";
import {Vm} from "../support/Vm.sol";

/// @title Senders and posters who do anything
/// @dev Keeps what a reader of the events knows, and nothing that the contract says otherwise.
contract InboxHandler is Test {
    IInbox public immutable inbox;
    address public immutable operator;

    uint64 public messageCount = 1;
    uint64 public consumed;
    uint64 public batchCount;
    bytes32 public accumulator;
    bytes32 public batchAccumulator;
    uint256 public refusedHonest;

    mapping(uint64 index => uint64) public gasOf;
    mapping(uint64 index => uint64) public timeOf;

    constructor(IInbox inbox_, address operator_) {
        inbox = inbox_;
        operator = operator_;
        accumulator = inbox_.accumulatorAt(1);
        batchAccumulator = inbox_.batchAccumulatorAt(0);
        timeOf[0] = uint64(block.timestamp);
    }

    function send(uint64 gas, uint256 kind) external {
        gas = uint64(bound(gas, 21_000, 42_000));
        if (gas > inbox.messageGasLeft()) return;
        uint256 fee = inbox.quote(gas);
        vm.deal(address(this), fee);
        vm.recordLogs();
        if (kind % 3 == 0) inbox.sendForced{value: fee}(gas, "");
        else inbox.sendMessage{value: fee}(address(uint160(kind)), gas, "");
        read(vm.getRecordedLogs());
    }

    /// @dev An operator that consumes some number of messages, allowed or not.
    function post(uint64 count) external {
        count = uint64(bound(count, 0, messageCount - consumed));
        postUpTo(consumed + count);
    }

    /// @dev An operator that consumes as many as it may: never refused.
    function postHonest() external {
        if (!postUpTo(most())) ++refusedHonest;
    }

    /// @dev A poster that expects another L1: never accepted.
    function postStale(uint64 end, bytes32 parent, bytes32 acc) external {
        IInbox.BatchInput memory input = IInbox.BatchInput(parent, end, acc, Timestamp.wrap(0));
        vm.prank(operator, operator);
        try inbox.postBatch(input, "") {
            ++batchCount;
        } catch {}
    }

    function pass(uint64 time) external {
        vm.warp(block.timestamp + bound(time, 1, 1 hours));
        vm.roll(block.number + 1);
    }

    /// @dev As many as a batch may consume, counted from the events.
    function most() public view returns (uint64 end) {
        IInbox.Config memory config = inbox.config();
        end = consumed;
        uint256 gas = 0;
        while (end < messageCount && end - consumed < config.batchMessages) {
            gas += gasOf[end];
            if (gas > config.batchMessageGas) break;
            ++end;
        }
    }

    function postUpTo(uint64 end) private returns (bool) {
        IInbox.BatchInput memory input = IInbox.BatchInput({
            parent: batchAccumulator,
            inboxEnd: end,
            inboxAccumulator: inbox.accumulatorAt(end),
            notBefore: Timestamp.wrap(0)
        });
        // What is due and fits must be in it: decided here from the events alone.
        bool skips = end < most() && timeOf[end] + 1 hours <= block.timestamp;
        vm.recordLogs();
        vm.prank(operator, operator);
        try inbox.postBatch(input, "") {
            vm.assertTrue(!skips, "a due message was skipped");
            vm.assertTrue(end <= most(), "more than a batch may consume");
            read(vm.getRecordedLogs());
            return true;
        } catch {
            vm.assertTrue(skips || end > most(), "a lawful batch was refused");
            return false;
        }
    }

    function read(Vm.Log[] memory logs) private {
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] == IInbox.MessageEnqueued.selector) {
                readMessage(logs[i].data);
            } else if (logs[i].topics[0] == IInbox.BatchAccepted.selector) {
                readBatch(logs[i].data);
            }
        }
    }

    function readMessage(bytes memory data) private {
        (bytes32 next, Message memory message) = abi.decode(data, (bytes32, Message));
        vm.assertEq(message.index, messageCount, "messages come one after the other");
        accumulator = Hashing.nextAccumulator(accumulator, Hashing.message(message));
        vm.assertEq(next, accumulator, "the event's accumulator");
        gasOf[messageCount] = message.gasLimit;
        timeOf[messageCount] = Timestamp.unwrap(message.facts.timestamp);
        ++messageCount;
    }

    function readBatch(bytes memory data) private {
        (bytes32 hash, Batch memory batch) = abi.decode(data, (bytes32, Batch));
        vm.assertEq(batch.parent, batchAccumulator, "batches come one after the other");
        vm.assertEq(batch.inboxStart, consumed, "no message is skipped or consumed twice");
        vm.assertEq(hash, Hashing.batch(batch), "the event's hash");
        consumed = batch.inboxEnd;
        batchAccumulator = hash;
        ++batchCount;
    }
}

contract InboxInvariantTest is InboxLogs {
    InboxHandler private handler;

    function inboxConfig() internal view override returns (IInbox.Config memory config) {
        config = super.inboxConfig();
        config.messageGas = 42_000;
        config.blockMessageGas = 63_000;
        config.blockMessageGasTarget = 31_500;
        config.batchMessageGas = 63_000;
        config.batchMessages = 4;
        config.minGasPrice = 1;
    }

    function setUp() public override {
        super.setUp();
        handler = new InboxHandler(inbox, OPERATOR);
        target(address(handler));
    }

    /// @dev What the contract holds is what the events told.
    function invariant_events_tellEverything() public view {
        uint64 count = inbox.messageCount();
        vm.assertEq(count, handler.messageCount(), "messages");
        vm.assertEq(inbox.accumulatorAt(count), handler.accumulator(), "accumulator");
        vm.assertEq(inbox.batchCount(), handler.batchCount(), "batches");
        vm.assertEq(
            inbox.batchAccumulatorAt(inbox.batchCount()), handler.batchAccumulator(), "hash"
        );
        vm.assertEq(inbox.nextInboxIndex(), handler.consumed(), "consumed");
    }

    /// @dev Nobody's messages keep the operator from posting.
    function invariant_honestBatch_isNeverRefused() public view {
        vm.assertEq(handler.refusedHonest(), 0, "refused");
    }

    /// @dev The fees taken are there until they are swept.
    function invariant_price_neverBelowTheLowest() public view {
        vm.assertGe(inbox.messageGasPrice(), 1, "price");
    }
}

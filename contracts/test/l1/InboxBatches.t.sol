// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IInbox} from "../../src/interfaces/IInbox.sol";
import {IOperators} from "../../src/interfaces/IOperators.sol";
import {Hashing} from "../../src/libraries/Hashing.sol";
import {Batch, DataKind, DataVerdict, Message, MessageKind} from "../../src/types/Protocol.sol";
import {Timestamp} from "../../src/types/Time.sol";
import {Sender} from "../mocks/Callers.sol";
import {InboxLogs} from "../support/InboxLogs.sol";

contract InboxBatchesTest is InboxLogs {
    uint64 private constant GAS = 100_000;

    function postAs(address poster, IInbox.BatchInput memory input, bytes memory data) private {
        vm.prank(poster, poster);
        inbox.postBatch(input, data);
    }

    function test_postBatch_good_isAcceptedAsItsEventSays() public {
        send(ALICE, GAS, "");
        pass(24);
        vm.recordLogs();
        bytes32 accumulator = inbox.accumulatorAt(2);
        postAs(OPERATOR, batchInput(2), "some bytes");
        (bytes32 hash, Batch memory batch) = lastBatch();
        vm.assertEq(hash, Hashing.batch(batch), "hash");
        vm.assertEq(inbox.batchAccumulatorAt(1), hash, "accumulator");
        vm.assertEq(batch.parent, inbox.config().genesisHash, "parent");
        vm.assertEq(batch.index, 0, "index");
        vm.assertTrue(batch.dataKind == DataKind.Calldata, "kind");
        vm.assertTrue(batch.verdict == DataVerdict.Available, "verdict");
        vm.assertEq(batch.dataHash, keccak256("some bytes"), "data hash");
        vm.assertEq(batch.facts.number, START_BLOCK + 2, "number");
        vm.assertEq(batch.inboxStart, 0, "start");
        vm.assertEq(batch.inboxEnd, 2, "end");
        vm.assertEq(batch.inboxAccumulator, accumulator, "inbox accumulator");
        uint64 oldest = Timestamp.unwrap(batch.oldestUnconsumedTimestamp);
        vm.assertEq(oldest, START_TIME + 24, "no message was left: the time of acceptance");
        vm.assertEq(batch.poster, OPERATOR, "poster");
    }

    function test_postBatch_good_appendsAMarkerNotConsumedYet() public {
        pass(12);
        vm.recordLogs();
        post();
        Message memory marker = lastMessage();
        vm.assertTrue(marker.kind == MessageKind.Marker, "kind");
        vm.assertEq(marker.index, 1, "index");
        vm.assertEq(marker.facts.number, START_BLOCK + 1, "number");
        vm.assertEq(marker.gasLimit, 0, "gas");
        vm.assertEq(inbox.messageCount(), 2, "count");
        vm.assertEq(inbox.nextInboxIndex(), 1, "next");
    }

    function test_postBatch_messagesLeft_nameTheOldest() public {
        send(ALICE, GAS, "");
        pass(24);
        send(ALICE, GAS, "");
        pass(24);
        vm.recordLogs();
        post(2);
        (, Batch memory batch) = lastBatch();
        uint64 oldest = Timestamp.unwrap(batch.oldestUnconsumedTimestamp);
        vm.assertEq(oldest, START_TIME + 24, "message 2");
    }

    function test_postBatch_next_namesTheOneBefore() public {
        post();
        bytes32 first = inbox.batchAccumulatorAt(1);
        vm.recordLogs();
        post();
        (bytes32 hash, Batch memory batch) = lastBatch();
        vm.assertEq(batch.parent, first, "parent");
        vm.assertEq(batch.index, 1, "index");
        vm.assertEq(batch.inboxStart, 1, "start");
        vm.assertEq(batch.inboxEnd, 2, "end");
        vm.assertEq(inbox.batchAccumulatorAt(2), hash, "accumulator");
        IInbox.BatchEnd memory end = inbox.batchEndAt(2);
        vm.assertEq(end.batchAccumulator, hash, "end hash");
        vm.assertEq(end.inboxEnd, 2, "end index");
        vm.assertEq(end.inboxAccumulator, inbox.accumulatorAt(2), "end accumulator");
    }

    // What L1 must be like.

    function test_postBatch_otherParent_reverts() public {
        IInbox.BatchInput memory input = batchInput(1);
        bytes32 genesis = input.parent;
        post();
        bytes32 parent = inbox.batchAccumulatorAt(1);
        vm.expectRevert(abi.encodeWithSelector(IInbox.Inbox_WrongParent.selector, genesis, parent));
        this.postAsOperator(input);
    }

    function test_postBatch_otherMessages_reverts() public {
        IInbox.BatchInput memory input = batchInput(1);
        input.inboxAccumulator = keccak256("another message");
        vm.expectRevert(
            abi.encodeWithSelector(
                IInbox.Inbox_WrongAccumulator.selector,
                input.inboxAccumulator,
                inbox.accumulatorAt(1)
            )
        );
        this.postAsOperator(input);
    }

    function test_postBatch_pastTheLastMessage_reverts() public {
        IInbox.BatchInput memory input = batchInput(1);
        input.inboxEnd = 2;
        vm.expectRevert(abi.encodeWithSelector(IInbox.Inbox_EndOutOfRange.selector, 2, 0, 1));
        this.postAsOperator(input);
    }

    function test_postBatch_beforeItsStart_reverts() public {
        post();
        IInbox.BatchInput memory input = batchInput(0);
        vm.expectRevert(abi.encodeWithSelector(IInbox.Inbox_EndOutOfRange.selector, 0, 1, 2));
        this.postAsOperator(input);
    }

    function test_postBatch_beforeItsBlocks_reverts() public {
        IInbox.BatchInput memory input = batchInput(1);
        input.notBefore = Timestamp.wrap(START_TIME + 1);
        vm.expectRevert(
            abi.encodeWithSelector(IInbox.Inbox_TooEarly.selector, START_TIME + 1, START_TIME)
        );
        this.postAsOperator(input);
        vm.warp(START_TIME + 1);
        this.postAsOperator(input);
    }

    function postAsOperator(IInbox.BatchInput calldata input) external {
        postAs(OPERATOR, input, "");
    }

    // Who posts, and how.

    function test_postBatch_notTheOperator_reverts() public {
        IInbox.BatchInput memory input = batchInput(1);
        vm.prank(LIAR, LIAR);
        vm.expectRevert(abi.encodeWithSelector(IOperators.Operators_NotAllowed.selector, LIAR));
        inbox.postBatch(input, "");
    }

    function test_postBatch_operatorSilent_anyonePosts() public {
        pass(LIVENESS_TIMEOUT);
        postAs(BOB, batchInput(1), "");
        vm.assertEq(inbox.batchCount(), 1, "count");
    }

    function test_postBatch_fromAContract_reverts() public {
        Sender sender = new Sender();
        IInbox.BatchInput memory input = batchInput(1);
        pass(LIVENESS_TIMEOUT);
        vm.expectRevert(abi.encodeWithSelector(IInbox.Inbox_NotDirect.selector, address(sender)));
        sender.post(inbox, input);
    }

    function test_postBatch_fromAnAccountWithCode_reverts() public {
        vm.etch(OPERATOR, bytes.concat(hex"ef0100", bytes20(address(0x1234))));
        IInbox.BatchInput memory input = batchInput(1);
        vm.expectRevert(abi.encodeWithSelector(IInbox.Inbox_NotDirect.selector, OPERATOR));
        this.postAsOperator(input);
    }

    function test_postBatchBlobs_fromAContract_reverts() public {
        IInbox.BatchInput memory input = batchInput(1);
        vm.prank(OPERATOR, BOB);
        vm.expectRevert(abi.encodeWithSelector(IInbox.Inbox_NotDirect.selector, OPERATOR));
        inbox.postBatchBlobs(input);
    }

    function test_postBatch_dataAtTheBound_isAccepted() public {
        postAs(OPERATOR, batchInput(1), new bytes(98_304));
        vm.assertEq(inbox.batchCount(), 1, "count");
    }

    function test_postBatch_dataPastTheBound_reverts() public {
        IInbox.BatchInput memory input = batchInput(1);
        bytes memory data = new bytes(98_305);
        vm.prank(OPERATOR, OPERATOR);
        vm.expectRevert(abi.encodeWithSelector(IInbox.Inbox_BatchTooLong.selector, 98_305, 98_304));
        inbox.postBatch(input, data);
    }

    /// @dev The same arguments with a word between offset and length: a decoder accepts them.
    function test_postBatch_dataElsewhere_reverts() public {
        bytes memory input = abi.encodePacked(
            IInbox.postBatch.selector,
            abi.encode(batchInput(1)),
            abi.encode(uint256(5 * 32 + 32), uint256(0), uint256(5)),
            bytes32("bytes")
        );
        vm.prank(OPERATOR, OPERATOR);
        (bool success, bytes memory returned) = address(inbox).call(input);
        vm.assertTrue(!success, "refused");
        bytes memory expected =
            abi.encodeWithSelector(IInbox.Inbox_NonCanonicalCalldata.selector, 228);
        vm.assertEq(returned, expected, "why");
    }

    function test_postBatchBlobs_noBlobs_reverts() public {
        IInbox.BatchInput memory input = batchInput(1);
        vm.prank(OPERATOR, OPERATOR);
        vm.expectRevert(IInbox.Inbox_NoBlobs.selector);
        inbox.postBatchBlobs(input);
    }

    function test_postBatchBlobs_someBlobs_bindsAllOfThem() public {
        bytes32[] memory hashes = new bytes32[](3);
        for (uint256 i = 0; i < 3; ++i) {
            hashes[i] = bytes32(uint256(0x01 << 248) | (i + 1));
        }
        IInbox.BatchInput memory input = batchInput(1);
        vm.recordLogs();
        vm.blobhashes(hashes);
        vm.prank(OPERATOR, OPERATOR);
        inbox.postBatchBlobs(input);
        (, Batch memory batch) = lastBatch();
        vm.assertTrue(batch.dataKind == DataKind.Blob, "kind");
        bytes32 expected = keccak256(abi.encode(hashes[0], hashes[1], hashes[2]));
        vm.assertEq(batch.dataHash, expected, "data hash");
    }

    // Forced inclusion.

    function test_postBatch_dueMessageSkipped_reverts() public {
        post();
        send(ALICE, GAS, "");
        pass(FORCE_DELAY);
        // Message 1 is the marker of batch 0, message 2 is Alice's.
        IInbox.BatchInput memory input = batchInput(2);
        vm.expectRevert(abi.encodeWithSelector(IInbox.Inbox_DueMessageSkipped.selector, 2));
        this.postAsOperator(input);
        input = batchInput(1);
        vm.expectRevert(abi.encodeWithSelector(IInbox.Inbox_DueMessageSkipped.selector, 1));
        this.postAsOperator(input);
        post(3);
    }

    function test_postBatch_messageNotDueYet_mayBeLeft() public {
        post();
        send(ALICE, GAS, "");
        pass(FORCE_DELAY - 1);
        post(2);
        vm.assertEq(inbox.nextInboxIndex(), 2, "left");
    }

    function test_postBatch_consumingNothing_isAcceptedWhileNothingIsDue() public {
        post(0);
        post(0);
        vm.assertEq(inbox.nextInboxIndex(), 0, "nothing consumed");
        vm.assertEq(inbox.messageCount(), 3, "markers");
    }

    function test_acceptance_fuzz_isBoundedWork() public {
        for (uint256 i = 0; i < 100; ++i) {
            send(ALICE, GAS, "");
        }
        IInbox.BatchInput memory input = batchInput(101);
        vm.prank(OPERATOR, OPERATOR);
        uint256 before = gasleft();
        inbox.postBatch(input, "");
        vm.assertLt(before - gasleft(), 250_000, "gas for a hundred messages");
    }
}

/// @dev Maxima so small that a test reaches them.
contract InboxMaximaTest is InboxLogs {
    function inboxConfig() internal view override returns (IInbox.Config memory config) {
        config = super.inboxConfig();
        config.messageGas = 42_000;
        config.blockMessageGas = 63_000;
        config.blockMessageGasTarget = 31_500;
        config.batchMessageGas = 63_000;
        config.batchMessages = 4;
    }

    function nextBlock() private {
        pass(12);
    }

    function postAsOperator(IInbox.BatchInput calldata input) external {
        vm.prank(OPERATOR, OPERATOR);
        inbox.postBatch(input, "");
    }

    function test_postBatch_moreMessagesThanAllowed_reverts() public {
        for (uint256 i = 0; i < 5; ++i) {
            post(0);
        }
        IInbox.BatchInput memory input = batchInput(5);
        vm.expectRevert(abi.encodeWithSelector(IInbox.Inbox_TooManyMessages.selector, 5, 4));
        this.postAsOperator(input);
        post(4);
    }

    function test_postBatch_moreMessageGasThanAllowed_reverts() public {
        send(ALICE, 42_000, "");
        nextBlock();
        send(ALICE, 21_001, "");
        IInbox.BatchInput memory input = batchInput(3);
        vm.expectRevert(
            abi.encodeWithSelector(IInbox.Inbox_TooMuchMessageGas.selector, 63_001, 63_000)
        );
        this.postAsOperator(input);
        post(2);
    }

    function test_postBatch_messageGasAtTheBound_isAccepted() public {
        send(ALICE, 42_000, "");
        send(ALICE, 21_000, "");
        post(3);
        vm.assertEq(inbox.nextInboxIndex(), 3, "consumed");
    }

    function test_postBatch_dueMessagesPastTheCount_mayWait() public {
        for (uint256 i = 0; i < 5; ++i) {
            post(0);
        }
        pass(FORCE_DELAY);
        IInbox.BatchInput memory input = batchInput(3);
        vm.expectRevert(abi.encodeWithSelector(IInbox.Inbox_DueMessageSkipped.selector, 3));
        this.postAsOperator(input);
        post(4);
        // The next batch takes what is left, and so on: a queue cannot brick a batch.
        post(6);
    }

    function test_postBatch_dueMessagePastTheGas_mayWaitForTheNextBatch() public {
        send(ALICE, 42_000, "");
        nextBlock();
        send(ALICE, 42_000, "");
        pass(FORCE_DELAY);
        IInbox.BatchInput memory input = batchInput(1);
        vm.expectRevert(abi.encodeWithSelector(IInbox.Inbox_DueMessageSkipped.selector, 1));
        this.postAsOperator(input);
        post(2);
        input = batchInput(2);
        vm.expectRevert(abi.encodeWithSelector(IInbox.Inbox_DueMessageSkipped.selector, 2));
        this.postAsOperator(input);
        post(3);
    }

    function test_postBatch_dueMessageThatFillsTheGasExactly_mustBeTaken() public {
        send(ALICE, 42_000, "");
        send(ALICE, 21_000, "");
        pass(FORCE_DELAY);
        IInbox.BatchInput memory input = batchInput(2);
        vm.expectRevert(abi.encodeWithSelector(IInbox.Inbox_DueMessageSkipped.selector, 2));
        this.postAsOperator(input);
        post(3);
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IInbox} from "../../src/interfaces/IInbox.sol";
import {Aliasing} from "../../src/libraries/Aliasing.sol";
import {Hashing} from "../../src/libraries/Hashing.sol";
import {Batch, Message, MessageKind} from "../../src/types/Protocol.sol";
import {Duration, Timestamp} from "../../src/types/Time.sol";
import {Refuser, Sender, SenderAtBirth} from "../mocks/Callers.sol";
import {InboxLogs} from "../support/InboxLogs.sol";
import {Vm} from "../support/Vm.sol";

contract InboxMessagesTest is InboxLogs {
    uint64 private constant GAS = 100_000;

    function fee() private view returns (uint256) {
        return inbox.quote(GAS);
    }

    function test_constructor_always_appendsAMarker() public {
        vm.assertEq(inbox.messageCount(), 1, "count");
        Message memory marker;
        marker.facts.number = START_BLOCK;
        marker.facts.timestamp = Timestamp.wrap(START_TIME);
        marker.facts.baseFee = 7 gwei;
        marker.facts.blobBaseFee = 1;
        bytes32 expected = Hashing.nextAccumulator(0, Hashing.message(marker));
        vm.recordLogs();
        // The cheat code takes the excess blob gas of EIP-4844.
        vm.blobBaseFee(10_000_000);
        post();
        (, Batch memory batch) = lastBatch();
        vm.assertEq(batch.facts.baseFee, 7 gwei, "base fee");
        vm.assertEq(batch.facts.blobBaseFee, block.blobbasefee, "blob base fee");
        vm.assertEq(block.blobbasefee, 7, "not the lowest");
        vm.assertEq(inbox.accumulatorAt(0), 0, "accumulator 0");
        vm.assertEq(inbox.accumulatorAt(1), expected, "accumulator 1");
        IInbox.MessageInfo memory info = inbox.messageInfo(0);
        vm.assertTrue(info.kind == MessageKind.Marker, "kind");
        vm.assertEq(Timestamp.unwrap(info.timestamp), START_TIME, "timestamp");
        vm.assertEq(info.cumulativeGas, 0, "gas");
    }

    function test_constructor_unsoundConfig_reverts() public {
        for (uint256 flaw = 0; flaw < 9; ++flaw) {
            IInbox.Config memory config = inboxConfig();
            if (flaw == 0) config.forceDelay = Duration.wrap(0);
            if (flaw == 1) config.minGasPrice = 0;
            if (flaw == 2) config.batchMessages = 1;
            if (flaw == 3) config.blockMessageGasTarget = 0;
            if (flaw == 4) config.blockMessageGasTarget = config.blockMessageGas + 1;
            if (flaw == 5) config.messageGas = 20_999;
            if (flaw == 6) config.messageGas = config.blockMessageGas + 1;
            if (flaw == 7) config.blockMessageGas = config.batchMessageGas + 1;
            if (flaw == 8) config.batchMessages = config.blockMessageGasTarget / 21_000;
            vm.expectRevert(IInbox.Inbox_BadConfig.selector);
            this.createInbox(config);
        }
        this.createInbox(inboxConfig());
    }

    function createInbox(IInbox.Config calldata config) external {
        create("Inbox", abi.encode(config));
    }

    function test_sendMessage_fromAKey_isEnqueuedUnderItsOwnAddress() public {
        pass(60);
        vm.recordLogs();
        uint64 index = send(ALICE, GAS, hex"c0ffee");
        Message memory message = lastMessage();
        vm.assertEq(index, 1, "index");
        vm.assertTrue(message.kind == MessageKind.Call, "kind");
        vm.assertEq(message.index, 1, "message index");
        vm.assertEq(message.facts.number, START_BLOCK + 5, "number");
        vm.assertEq(Timestamp.unwrap(message.facts.timestamp), START_TIME + 60, "timestamp");
        vm.assertEq(message.sender, ALICE, "sender");
        vm.assertEq(message.to, address(0x70), "to");
        vm.assertEq(message.refundTo, ALICE, "refundTo");
        vm.assertEq(message.value, 0, "value");
        vm.assertEq(message.gasLimit, GAS, "gas limit");
        vm.assertEq(message.data, hex"c0ffee", "data");
        bytes32 expected = Hashing.nextAccumulator(inbox.accumulatorAt(1), Hashing.message(message));
        vm.assertEq(inbox.accumulatorAt(2), expected, "accumulator");
        vm.assertEq(inbox.messageInfo(1).cumulativeGas, GAS, "gas sum");
    }

    function test_sendCreate_always_carriesInitCode() public {
        vm.recordLogs();
        uint256 price = fee();
        vm.prank(ALICE, ALICE);
        inbox.sendCreate{value: price}(GAS, hex"6001");
        Message memory message = lastMessage();
        vm.assertTrue(message.kind == MessageKind.Create, "kind");
        vm.assertEq(message.sender, ALICE, "sender");
        vm.assertEq(message.to, address(0), "to");
        vm.assertEq(message.data, hex"6001", "data");
    }

    function test_sendForced_always_namesNobody() public {
        vm.recordLogs();
        uint256 price = fee();
        vm.prank(ALICE, ALICE);
        inbox.sendForced{value: price}(GAS, hex"02f8");
        Message memory message = lastMessage();
        vm.assertTrue(message.kind == MessageKind.Forced, "kind");
        vm.assertEq(message.sender, address(0), "sender");
        vm.assertEq(message.refundTo, address(0), "refundTo");
        vm.assertEq(message.data, hex"02f8", "data");
    }

    // Aliasing.

    function test_sendMessage_fromAContract_isAliased() public {
        Sender sender = new Sender();
        vm.deal(address(sender), 1 ether);
        vm.recordLogs();
        sender.send(inbox, GAS, fee());
        Message memory message = lastMessage();
        vm.assertEq(message.sender, Aliasing.aliasOf(address(sender)), "sender");
        vm.assertEq(message.refundTo, Aliasing.aliasOf(address(sender)), "refundTo");
    }

    function test_sendMessage_fromAConstructor_isAliased() public {
        vm.recordLogs();
        SenderAtBirth sender = new SenderAtBirth{value: fee()}(inbox, GAS);
        vm.assertEq(lastMessage().sender, Aliasing.aliasOf(address(sender)), "sender");
    }

    function test_sendMessage_fromADelegatedAccount_isNotAliased() public {
        vm.etch(ALICE, bytes.concat(hex"ef0100", bytes20(address(0x1234))));
        vm.recordLogs();
        uint256 price = fee();
        // Somebody else's transaction: the account's own code is what calls.
        vm.prank(ALICE, BOB);
        inbox.sendMessage{value: price}(address(0x70), GAS, "");
        vm.assertEq(lastMessage().sender, ALICE, "sender");
    }

    function test_sendMessage_fromCodeThatOnlyLooksDelegated_isAliased() public {
        bytes[2] memory codes = [
            bytes.concat(hex"600100", bytes20(address(0x1234))),
            bytes.concat(hex"5f", hex"ef0100", bytes20(address(0x1234)))
        ];
        for (uint256 i = 0; i < codes.length; ++i) {
            address account = address(uint160(0x9000 + i));
            vm.etch(account, codes[i]);
            vm.deal(account, 1 ether);
            vm.recordLogs();
            uint256 price = fee();
            vm.prank(account, BOB);
            inbox.sendMessage{value: price}(address(0x70), GAS, "");
            vm.assertEq(lastMessage().sender, Aliasing.aliasOf(account), "sender");
        }
    }

    // Bounds.

    function test_sendMessage_dataAtTheBound_isEnqueued() public {
        send(ALICE, 2_000_000, new bytes(49_152));
        vm.assertEq(inbox.messageCount(), 2, "count");
    }

    function test_sendMessage_dataPastTheBound_reverts() public {
        uint256 price = inbox.quote(3_000_000);
        bytes memory data = new bytes(49_153);
        vm.prank(ALICE, ALICE);
        vm.expectRevert(abi.encodeWithSelector(IInbox.Inbox_DataTooLong.selector, 49_153, 49_152));
        inbox.sendMessage{value: price}(address(0x70), 3_000_000, data);
    }

    function test_sendMessage_gasBelowTheFloor_reverts() public {
        send(ALICE, 21_000 + 40 * 10, new bytes(10));
        vm.prank(ALICE, ALICE);
        vm.expectRevert(
            abi.encodeWithSelector(IInbox.Inbox_GasLimitTooLow.selector, 21_399, 21_400)
        );
        inbox.sendMessage{value: 1 ether}(address(0x70), 21_399, new bytes(10));
    }

    function test_minGasLimit_creation_addsCreationAndWords() public view {
        vm.assertEq(inbox.minGasLimit(MessageKind.Call, 33), 21_000 + 33 * 40, "call");
        vm.assertEq(inbox.minGasLimit(MessageKind.Forced, 33), 21_000 + 33 * 40, "forced");
        uint64 expected = 21_000 + 33 * 40 + 32_000 + 2 * 2;
        vm.assertEq(inbox.minGasLimit(MessageKind.Create, 33), expected, "create");
        vm.assertEq(inbox.minGasLimit(MessageKind.Marker, 0), 0, "marker");
    }

    function test_sendMessage_moreGasThanAnyMessageMayHave_reverts() public {
        vm.prank(ALICE, ALICE);
        vm.expectRevert(
            abi.encodeWithSelector(IInbox.Inbox_GasLimitTooHigh.selector, 10_000_001, 10_000_000)
        );
        inbox.sendMessage{value: 1 ether}(address(0x70), 10_000_001, "");
    }

    function test_sendMessage_blockCap_isExact() public {
        send(ALICE, 9_000_000, "");
        send(ALICE, 979_000, "");
        vm.assertEq(inbox.messageGasLeft(), 21_000, "left");
        uint256 price = inbox.quote(21_001);
        vm.prank(ALICE, ALICE);
        vm.expectRevert(
            abi.encodeWithSelector(IInbox.Inbox_BlockGasExceeded.selector, 21_001, 21_000)
        );
        inbox.sendMessage{value: price}(address(0x70), 21_001, "");
        send(ALICE, 21_000, "");
        vm.assertEq(inbox.messageGasLeft(), 0, "full");
        vm.roll(block.number + 1);
        vm.assertEq(inbox.messageGasLeft(), 10_000_000, "next block");
    }

    // Payment.

    function test_sendMessage_underpaid_reverts() public {
        uint256 price = fee();
        vm.prank(ALICE, ALICE);
        vm.expectRevert(abi.encodeWithSelector(IInbox.Inbox_FeeTooLow.selector, price - 1, price));
        inbox.sendMessage{value: price - 1}(address(0x70), GAS, "");
    }

    function test_sendMessage_overpaid_givesChangeBack() public {
        uint256 price = fee();
        uint256 before = ALICE.balance;
        vm.prank(ALICE, ALICE);
        inbox.sendMessage{value: price + 5 ether}(address(0x70), GAS, "");
        vm.assertEq(before - ALICE.balance, price, "paid");
        vm.assertEq(address(inbox).balance, price, "kept");
    }

    function test_sendMessage_changeRefused_reverts() public {
        Refuser refuser = new Refuser();
        uint256 price = fee();
        vm.expectRevert(
            abi.encodeWithSelector(IInbox.Inbox_RefundFailed.selector, address(refuser))
        );
        refuser.send{value: price + 1}(inbox, GAS);
        refuser.send{value: price}(inbox, GAS);
    }

    function test_enqueueFromVault_fromOthers_reverts() public {
        vm.prank(ALICE, ALICE);
        vm.expectRevert(abi.encodeWithSelector(IInbox.Inbox_NotVault.selector, ALICE));
        inbox.enqueueFromVault{value: 1 ether}(ALICE, ALICE, ALICE, 100 ether, GAS, "");
    }

    function test_enqueueFromVault_inexactFee_reverts() public {
        uint256 price = fee();
        vm.deal(address(vault), 1 ether);
        for (uint256 i = 0; i < 2; ++i) {
            uint256 paid = i == 0 ? price - 1 : price + 1;
            vm.prank(address(vault));
            vm.expectRevert(abi.encodeWithSelector(IInbox.Inbox_WrongFee.selector, paid, price));
            inbox.enqueueFromVault{value: paid}(ALICE, ALICE, ALICE, 1, GAS, "");
        }
    }

    function test_sweepFees_always_paysTheFeeRecipient() public {
        send(ALICE, GAS, "");
        uint256 taken = address(inbox).balance;
        vm.prank(LIAR, LIAR);
        inbox.sweepFees();
        vm.assertEq(FEES.balance, taken, "swept");
        vm.assertEq(address(inbox).balance, 0, "left");
    }

    function test_sweepFees_recipientRefuses_reverts() public {
        send(ALICE, GAS, "");
        vm.etch(FEES, hex"5f5ffd");
        vm.expectRevert(abi.encodeWithSelector(IInbox.Inbox_SweepFailed.selector, FEES));
        inbox.sweepFees();
    }

    // Price.

    function test_messageGasPrice_fullBlocks_growsByAnEighthOrSo() public {
        uint256 before = inbox.messageGasPrice();
        vm.assertEq(before, 1 gwei, "lowest");
        for (uint256 i = 0; i < 8; ++i) {
            send(ALICE, 10_000_000, "");
            vm.assertEq(inbox.messageGasPrice(), before, "same within a block");
            vm.roll(block.number + 1);
            uint256 next = inbox.messageGasPrice();
            vm.assertGe(next, before * 113 / 100, "grows");
            vm.assertLe(next, before * 114 / 100, "not faster");
            before = next;
        }
        vm.assertGe(before, 2.7 gwei, "e after eight full blocks");
    }

    function test_messageGasPrice_blocksAtTheTarget_stays() public {
        send(ALICE, 10_000_000, "");
        vm.roll(block.number + 1);
        uint256 before = inbox.messageGasPrice();
        send(ALICE, 5_000_000, "");
        vm.roll(block.number + 1);
        vm.assertEq(inbox.messageGasPrice(), before, "stays");
    }

    function test_messageGasPrice_emptyBlocks_fallsToTheLowest() public {
        send(ALICE, 10_000_000, "");
        vm.roll(block.number + 1);
        send(ALICE, 10_000_000, "");
        vm.roll(block.number + 1);
        uint256 high = inbox.messageGasPrice();
        vm.roll(block.number + 1);
        vm.assertLt(inbox.messageGasPrice(), high, "falls");
        vm.roll(block.number + 1000);
        vm.assertEq(inbox.messageGasPrice(), 1 gwei, "lowest");
    }

    function test_views_unknownIndex_revert() public {
        vm.expectRevert(abi.encodeWithSelector(IInbox.Inbox_UnknownMessage.selector, 2));
        inbox.accumulatorAt(2);
        vm.expectRevert(abi.encodeWithSelector(IInbox.Inbox_UnknownMessage.selector, 1));
        inbox.messageInfo(1);
        vm.expectRevert(abi.encodeWithSelector(IInbox.Inbox_UnknownBatch.selector, 1));
        inbox.batchAccumulatorAt(1);
        vm.expectRevert(abi.encodeWithSelector(IInbox.Inbox_UnknownBatch.selector, 1));
        inbox.batchEndAt(1);
    }

    /// @dev Whatever is sent, the accumulator is what a reader of the events computes.
    function testFuzz_sendMessage_anyMessages_eventsGiveTheAccumulator(
        bytes[] calldata datas,
        uint8[] calldata kinds
    ) public {
        vm.recordLogs();
        uint256 sent = 0;
        for (uint256 i = 0; i < datas.length && i < kinds.length && i < 16; ++i) {
            MessageKind kind = MessageKind(1 + kinds[i] % 3);
            if (datas[i].length > 1000) continue;
            uint64 gas = inbox.minGasLimit(kind, datas[i].length);
            uint256 price = inbox.quote(gas);
            vm.prank(ALICE, ALICE);
            if (kind == MessageKind.Call) {
                inbox.sendMessage{value: price}(address(uint160(i)), gas, datas[i]);
            } else if (kind == MessageKind.Create) {
                inbox.sendCreate{value: price}(gas, datas[i]);
            } else {
                inbox.sendForced{value: price}(gas, datas[i]);
            }
            ++sent;
            if (kinds[i] > 128) pass(12);
        }
        Message[] memory all = messages(vm.getRecordedLogs());
        vm.assertEq(all.length, sent, "one event each");
        bytes32 accumulator = inbox.accumulatorAt(1);
        for (uint256 i = 0; i < all.length; ++i) {
            vm.assertEq(all[i].index, i + 1, "index");
            accumulator = Hashing.nextAccumulator(accumulator, Hashing.message(all[i]));
        }
        vm.assertEq(inbox.accumulatorAt(inbox.messageCount()), accumulator, "accumulator");
    }
}

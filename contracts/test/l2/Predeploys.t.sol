// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IFeeVault} from "../../src/interfaces/IFeeVault.sol";
import {IOutbox} from "../../src/interfaces/IOutbox.sol";
import {L1Facts, Withdrawal, WithdrawalKind} from "../../src/types/Protocol.sol";
import {Timestamp} from "../../src/types/Time.sol";
import {L2World} from "../support/L2World.sol";

contract OutboxTest is L2World {
    function test_root_atGenesis_isTheEmptyRoot() public view {
        vm.assertEq(outbox.root(), EMPTY_ROOT, "root");
        vm.assertEq(outbox.count(), 0, "count");
    }

    function test_withdrawEther_always_isRecorded() public {
        vm.recordLogs();
        vm.prank(ALICE, ALICE);
        uint64 index = outbox.withdrawEther{value: 2 ether}(BOB);
        collect();
        Withdrawal memory withdrawal = recorded[0];
        vm.assertEq(index, 0, "index");
        vm.assertEq(withdrawal.index, 0, "event index");
        vm.assertTrue(withdrawal.kind == WithdrawalKind.Ether, "kind");
        vm.assertEq(withdrawal.sender, ALICE, "sender");
        vm.assertEq(withdrawal.target, BOB, "target");
        vm.assertEq(withdrawal.token, address(0), "token");
        vm.assertEq(withdrawal.amount, 2 ether, "amount");
        vm.assertEq(withdrawal.data, "", "data");
        vm.assertEq(outbox.root(), node(32, 0), "root");
        vm.assertEq(address(outbox).balance, 2 ether, "out of circulation");
    }

    function test_call_always_isRecordedWithItsData() public {
        vm.recordLogs();
        vm.prank(ALICE, ALICE);
        outbox.call{value: 1}(BOB, hex"0102");
        vm.prank(ALICE, ALICE);
        outbox.call(BOB, "");
        collect();
        vm.assertTrue(recorded[0].kind == WithdrawalKind.Call, "kind");
        vm.assertEq(recorded[0].amount, 1, "amount");
        vm.assertEq(recorded[0].data, hex"0102", "data");
        vm.assertEq(recorded[1].index, 1, "second");
        vm.assertEq(outbox.root(), node(32, 0), "root");
    }

    /// @dev Slots 0 and 1 are what the protocol reads; the edge follows.
    function test_storage_always_isWhereTheProtocolReadsIt() public {
        vm.recordLogs();
        for (uint256 i = 1; i <= 5; ++i) {
            vm.prank(ALICE, ALICE);
            outbox.withdrawEther{value: i}(BOB);
        }
        collect();
        vm.assertEq(vm.load(address(outbox), 0), node(32, 0), "root");
        vm.assertEq(uint256(vm.load(address(outbox), bytes32(uint256(1)))), 5, "count");
        vm.assertEq(vm.load(address(outbox), bytes32(uint256(2))), node(0, 4), "edge 0");
        vm.assertEq(vm.load(address(outbox), bytes32(uint256(4))), node(2, 0), "edge 2");
    }

    function test_withdrawEther_nothingSent_reverts() public {
        vm.expectRevert(IOutbox.Outbox_NothingSent.selector);
        outbox.withdrawEther(BOB);
    }

    function test_record_nobody_reverts() public {
        vm.expectRevert(IOutbox.Outbox_ZeroTarget.selector);
        outbox.withdrawEther{value: 1}(address(0));
        vm.expectRevert(IOutbox.Outbox_ZeroTarget.selector);
        outbox.call(address(0), "");
    }

    function test_call_tooMuchData_reverts() public {
        outbox.call(BOB, new bytes(49_152));
        vm.expectRevert(abi.encodeWithSelector(IOutbox.Outbox_DataTooLong.selector, 49_153, 49_152));
        outbox.call(BOB, new bytes(49_153));
    }

    function test_withdrawToken_notTheBridge_reverts() public {
        vm.prank(LIAR, LIAR);
        vm.expectRevert(abi.encodeWithSelector(IOutbox.Outbox_NotTokenBridge.selector, LIAR));
        outbox.withdrawToken(LIAR, LIAR, address(0x70), 1e18);
    }

    function test_record_fullTree_reverts() public {
        vm.store(address(outbox), bytes32(uint256(1)), bytes32(uint256((1 << 32) - 1)));
        outbox.withdrawEther{value: 1}(BOB);
        vm.expectRevert(IOutbox.Outbox_Full.selector);
        outbox.withdrawEther{value: 1}(BOB);
    }

    function test_receive_plainTransfer_reverts() public {
        (bool success,) = address(outbox).call{value: 1}("");
        vm.assertTrue(!success, "ether that nobody would get");
    }

    function testFuzz_record_anyWithdrawals_rootIsTheSlowOne(uint8 count) public {
        vm.recordLogs();
        for (uint256 i = 0; i < count % 24; ++i) {
            vm.prank(ALICE, ALICE);
            outbox.call{value: i}(BOB, abi.encode(i));
        }
        collect();
        vm.assertEq(outbox.root(), node(32, 0), "root");
        vm.assertEq(outbox.count(), count % 24, "count");
    }
}

contract InboxClockTest is L2World {
    function test_facts_slotsAsTheProtocolWritesThem_areRead() public {
        uint256[5] memory values = [uint256(101), 102, 103, 104, 105];
        for (uint256 slot = 0; slot < 5; ++slot) {
            vm.store(address(clock), bytes32(slot), bytes32(values[slot]));
        }
        vm.assertEq(clock.number(), 101, "number");
        vm.assertEq(Timestamp.unwrap(clock.timestamp()), 102, "timestamp");
        vm.assertEq(clock.baseFee(), 103, "base fee");
        vm.assertEq(clock.blobBaseFee(), 104, "blob base fee");
        vm.assertEq(clock.nextInboxIndex(), 105, "next");
        L1Facts memory facts = clock.facts();
        vm.assertEq(facts.number, 101, "facts");
        vm.assertEq(facts.blobBaseFee, 104, "facts");
    }
}

contract FeeVaultTest is L2World {
    function test_withdraw_always_sendsAllToTheFeeRecipient() public {
        vm.deal(address(feeVault), 3 ether);
        vm.recordLogs();
        vm.prank(LIAR, LIAR);
        uint64 index = feeVault.withdraw();
        collect();
        vm.assertEq(index, 0, "index");
        vm.assertEq(recorded[0].target, FEES, "target");
        vm.assertEq(recorded[0].amount, 3 ether, "amount");
        vm.assertEq(recorded[0].sender, address(feeVault), "sender");
        vm.assertEq(address(feeVault).balance, 0, "left");
    }

    function test_withdraw_empty_reverts() public {
        vm.expectRevert(IOutbox.Outbox_NothingSent.selector);
        feeVault.withdraw();
    }
}

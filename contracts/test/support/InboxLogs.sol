// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IInbox} from "../../src/interfaces/IInbox.sol";
import {Batch, Message} from "../../src/types/Protocol.sol";
import {World} from "./World.sol";
import {Vm} from "./Vm.sol";

/// @title Messages and batches as their events tell them
abstract contract InboxLogs is World {
    function lastMessage() internal returns (Message memory) {
        Message[] memory all = messages(vm.getRecordedLogs());
        return all[all.length - 1];
    }

    function messages(Vm.Log[] memory logs) internal view returns (Message[] memory found) {
        uint256 count = 0;
        for (uint256 i = 0; i < logs.length; ++i) {
            if (isFromInbox(logs[i], IInbox.MessageEnqueued.selector)) ++count;
        }
        found = new Message[](count);
        for (uint256 i = logs.length; i > 0; --i) {
            if (isFromInbox(logs[i - 1], IInbox.MessageEnqueued.selector)) {
                --count;
                (, found[count]) = abi.decode(logs[i - 1].data, (bytes32, Message));
            }
        }
    }

    function lastBatch() internal returns (bytes32 hash, Batch memory batch) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = logs.length; i > 0; --i) {
            if (isFromInbox(logs[i - 1], IInbox.BatchAccepted.selector)) {
                return abi.decode(logs[i - 1].data, (bytes32, Batch));
            }
        }
        revert("no batch was accepted");
    }

    function isFromInbox(Vm.Log memory log, bytes32 selector) private view returns (bool) {
        return log.emitter == address(inbox) && log.topics[0] == selector;
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IInbox} from "../../src/interfaces/IInbox.sol";

/// @title A contract that sends a message and takes its change
contract Sender {
    receive() external payable {}

    function send(IInbox inbox, uint64 gasLimit, uint256 value) external {
        inbox.sendMessage{value: value}(address(0x70), gasLimit, "");
    }

    function post(IInbox inbox, IInbox.BatchInput calldata input) external {
        inbox.postBatch(input, "");
    }
}

/// @title A contract that sends a message while it is created
contract SenderAtBirth {
    constructor(IInbox inbox, uint64 gasLimit) payable {
        inbox.sendMessage{value: msg.value}(address(0x70), gasLimit, "");
    }
}

/// @title A contract that takes no ether
contract Refuser {
    function send(IInbox inbox, uint64 gasLimit) external payable {
        inbox.sendMessage{value: msg.value}(address(0x70), gasLimit, "");
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IMessenger} from "../../src/interfaces/IMessenger.sol";

/// @title What a withdrawal may call
contract Target {
    error Target_Closed(uint256 reason);

    address public sender;
    uint256 public value;
    bytes public data;
    bool public closed;

    function set(bool closed_) external {
        closed = closed_;
    }

    receive() external payable {
        accept();
    }

    fallback() external payable {
        accept();
    }

    function accept() private {
        if (closed) revert Target_Closed(7);
        sender = IMessenger(msg.sender).sender();
        value = msg.value;
        data = msg.data;
    }
}

/// @title Calls whom it is told to, as soon as it gets ether
contract Reentrant {
    address public victim;
    bytes public attack;
    bool public succeeded;
    bytes public answer;

    function arm(address victim_, bytes calldata attack_) external {
        victim = victim_;
        attack = attack_;
    }

    receive() external payable {
        (succeeded, answer) = victim.call(attack);
    }
}

/// @title Fails without a word
contract Silent {
    receive() external payable {
        revert();
    }

    fallback() external payable {
        assembly ("memory-safe") {
            revert(0, 0)
        }
    }
}

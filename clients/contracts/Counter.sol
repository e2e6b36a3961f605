// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// What clients deploy, read, write and follow.
contract Counter {
    error TooMuch(uint256 asked, uint256 most);

    event Added(address indexed by, uint256 amount, uint256 total);

    uint256 public total;

    constructor(uint256 start) {
        total = start;
    }

    function add(uint256 amount) external returns (uint256) {
        require(amount != 0, "nothing to add");
        if (amount > 1000) revert TooMuch(amount, 1000);
        total += amount;
        emit Added(msg.sender, amount, total);
        return total;
    }
}

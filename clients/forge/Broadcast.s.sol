// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Counter} from "../contracts/Counter.sol";

/// The cheat codes of forge that a script needs.
interface Cheats {
    function startBroadcast() external;
    function stopBroadcast() external;
}

/// What forge runs: a chain of transactions, each of which needs the one before it.
contract Broadcast {
    // forge knows a script by it.
    bool public constant IS_SCRIPT = true;

    Cheats private constant cheats = Cheats(address(uint160(uint256(keccak256("hevm cheat code")))));

    /// Deploys twice (CREATE, and CREATE2 by the deterministic proxy), calls, and pays `payee`.
    function run(bytes32 salt, address payable payee) external returns (Counter plain, Counter salted) {
        cheats.startBroadcast();
        plain = new Counter(1);
        salted = new Counter{salt: salt}(10);
        for (uint256 step = 1; step <= 3; ++step) {
            plain.add(step);
        }
        salted.add(plain.total());
        payee.transfer(0.125 ether);
        cheats.stopBroadcast();
        require(salted.total() == 17, "unexpected total");
    }

    /// Reverts with a custom error of the contract that it calls.
    function fail() external {
        cheats.startBroadcast();
        new Counter(1).add(1001);
        cheats.stopBroadcast();
    }
}

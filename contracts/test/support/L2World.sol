// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IFeeVault} from "../../src/interfaces/IFeeVault.sol";
import {IInboxClock} from "../../src/interfaces/IInboxClock.sol";
import {IOutbox} from "../../src/interfaces/IOutbox.sol";
import {ITokenBridge} from "../../src/interfaces/ITokenBridge.sol";
import {Message} from "../../src/types/Protocol.sol";
import {Withdrawals} from "./Withdrawals.sol";
import {Vm} from "./Vm.sol";

/// @title The predeploys of L2, beside the contracts of L1, as block 0 holds them
/// @dev No constructor runs: code as deployed, and the slots of docs/formats.md, section 4.
abstract contract L2World is Withdrawals {
    IOutbox internal constant outbox = IOutbox(0x4d5a000000000000000000000000000000000001);
    IInboxClock internal constant clock = IInboxClock(0x4d5a000000000000000000000000000000000002);
    IFeeVault internal constant feeVault = IFeeVault(0x4D5a000000000000000000000000000000000003);
    ITokenBridge internal constant bridge =
        ITokenBridge(0x4D5A000000000000000000000000000000000004);

    bytes32 internal constant EMPTY_ROOT =
        0x27ae5ba08d7291c96c8cbddcc148bf48a6d68c7974b94356f53754ef6171d757;

    function setUp() public virtual override {
        super.setUp();
        vm.etch(address(outbox), vm.getDeployedCode(artifact("Outbox")));
        vm.etch(address(clock), vm.getDeployedCode(artifact("InboxClock")));
        vm.etch(address(feeVault), vm.getDeployedCode(artifact("FeeVault")));
        vm.etch(address(bridge), vm.getDeployedCode(artifact("TokenBridge")));
        vm.store(address(outbox), 0, EMPTY_ROOT);
        vm.store(address(feeVault), 0, bytes32(uint256(uint160(address(FEES)))));
        vm.store(address(bridge), 0, bytes32(uint256(uint160(address(vault)))));
    }

    /// @dev Runs a call from L1 on L2, with the gas that it paid for less what is due at once.
    function run(Message memory message) internal returns (bool success) {
        vm.deal(message.sender, message.sender.balance + message.value);
        uint256 gas = message.gasLimit - intrinsic(message.data);
        vm.prank(message.sender, message.sender);
        (success,) = message.to.call{value: message.value, gas: gas}(message.data);
    }

    /// @dev What a transaction with this data costs before it does anything, at most.
    function intrinsic(bytes memory data) internal pure returns (uint256) {
        return 21_000 + 16 * data.length;
    }

    /// @dev Takes the withdrawals of the events so far over to L1.
    function collect() internal {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            bool isWithdrawal = logs[i].emitter == address(outbox)
                && logs[i].topics[0] == IOutbox.WithdrawalRecorded.selector;
            if (isWithdrawal) recordFrom(logs[i].data);
        }
    }
}

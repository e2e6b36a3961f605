// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IInbox} from "../../src/interfaces/IInbox.sol";
import {ISettlement} from "../../src/interfaces/ISettlement.sol";
import {Verdict} from "../../src/interfaces/IVerifier.sol";
import {Hashing} from "../../src/libraries/Hashing.sol";
import {ClaimId, LineId} from "../../src/types/ClaimId.sol";
import {Message, WithdrawalKind} from "../../src/types/Protocol.sol";
import {Target} from "../mocks/Targets.sol";
import {PlainToken} from "../mocks/Tokens.sol";
import {L2World} from "../support/L2World.sol";

/// @title What every operation costs
/// @dev Each call is a transaction of its own, so that storage is cold, and its base cost and
/// calldata count. Numbers are committed in `snapshots/` and compared.
/// forge-config: default.isolate = true
contract GasTest is L2World {
    string private constant L1 = "l1";
    string private constant L2 = "l2";

    PlainToken private token;

    function setUp() public override {
        super.setUp();
        token = new PlainToken("Plain", "PLN", 18);
        token.give(ALICE, 1e24);
        vm.prank(ALICE, ALICE);
        token.approve(address(vault), type(uint256).max);
        // Nothing is measured on slots that no one has touched before.
        send(ALICE, 100_000, "");
        giveVaultEther(10 ether);
        pass(12);
        post();
        pass(12);
    }

    function measure(string memory group, string memory name) private {
        vm.snapshotGasLastCall(group, name);
    }

    function test_gas_messages() public {
        uint256 fee = inbox.quote(100_000);
        vm.prank(ALICE, ALICE);
        inbox.sendMessage{value: fee}(address(0x70), 100_000, "");
        measure(L1, "Inbox.sendMessage, no data");
        fee = inbox.quote(100_000);
        vm.prank(ALICE, ALICE);
        inbox.sendMessage{value: fee + 1}(address(0x70), 100_000, "");
        measure(L1, "Inbox.sendMessage, no data, with change");
        bytes memory transaction = new bytes(120);
        for (uint256 i = 0; i < 120; ++i) {
            transaction[i] = 0xaa;
        }
        fee = inbox.quote(100_000);
        vm.prank(ALICE, ALICE);
        inbox.sendForced{value: fee}(100_000, transaction);
        measure(L1, "Inbox.sendForced, 120 bytes");
    }

    function test_gas_deposits() public {
        uint256 fee = inbox.quote(100_000);
        vm.prank(ALICE, ALICE);
        vault.depositEther{value: 1 ether + fee}(BOB, 1 ether, 100_000, "");
        measure(L1, "Vault.depositEther");
        fee = inbox.quote(vault.tokenDepositGas(address(token)));
        vm.prank(ALICE, ALICE);
        vault.depositToken{value: fee}(address(token), BOB, 1e18);
        measure(L1, "Vault.depositToken, first of a token");
        fee = inbox.quote(vault.tokenDepositGas(address(token)));
        vm.prank(ALICE, ALICE);
        vault.depositToken{value: fee}(address(token), BOB, 1e18);
        measure(L1, "Vault.depositToken");
    }

    function test_gas_batches() public {
        IInbox.BatchInput memory input = batchInput(inbox.messageCount());
        vm.prank(OPERATOR, OPERATOR);
        inbox.postBatch(input, "");
        measure(L1, "Inbox.postBatch, no bytes");
        bytes memory data = new bytes(10_000);
        for (uint256 i = 0; i < data.length; ++i) {
            data[i] = 0xaa;
        }
        input = batchInput(inbox.messageCount());
        vm.prank(OPERATOR, OPERATOR);
        inbox.postBatch(input, data);
        measure(L1, "Inbox.postBatch, 10,000 bytes");
    }

    function test_gas_claims() public {
        post();
        post();
        ISettlement.ProposeInput memory input = proposal(root(), 1, keccak256("first"));
        vm.prank(OPERATOR, OPERATOR);
        ClaimId first = settlement.propose{value: BOND}(input);
        measure(L1, "Settlement.propose, new line");
        input = proposal(first, 2, keccak256("second"));
        vm.prank(OPERATOR, OPERATOR);
        settlement.propose(input);
        measure(L1, "Settlement.propose, same line");
        input = proposal(root(), 1, keccak256("true"));
        vm.prank(BOB, BOB);
        ClaimId truth = settlement.propose{value: BOND}(input);
        measure(L1, "Settlement.propose, contest");
        verifier.set(settlement.question(truth), settlement.claim(truth).post, Verdict.Valid);
        settlement.resolve(truth);
        measure(L1, "Settlement.resolve");
        pass(WINDOW);
        settlement.finalize(truth);
        measure(L1, "Settlement.finalize");
        ClaimId[] memory ids = new ClaimId[](1);
        ids[0] = first;
        settlement.prune(ids);
        measure(L1, "Settlement.prune, a loser");
        settlement.withdrawBond(LineId.wrap(2));
        measure(L1, "Settlement.withdrawBond");
        settlement.withdrawReward(BOB);
        measure(L1, "Settlement.withdrawReward");
    }

    function test_gas_withdrawals() public {
        Target callee = new Target();
        uint256 fee = inbox.quote(vault.tokenDepositGas(address(token)));
        vm.prank(ALICE, ALICE);
        vault.depositToken{value: fee}(address(token), BOB, 1e18);
        record(WithdrawalKind.Ether, LIAR, address(0), 1 ether);
        record(WithdrawalKind.Ether, BOB, address(0), 1 ether);
        record(WithdrawalKind.Token, BOB, address(token), 1e17);
        record(WithdrawalKind.Call, address(callee), address(0), 0, hex"c0ffee");
        settle();
        pay(recorded[0]);
        pay(recorded[1]);
        measure(L1, "Vault.withdraw, ether");
        pay(recorded[2]);
        measure(L1, "Vault.withdraw, token");
        pay(recorded[3]);
        measure(L1, "Vault.withdraw, call");
    }

    function test_gas_predeploys() public {
        vm.prank(ALICE, ALICE);
        outbox.withdrawEther{value: 1}(BOB);
        vm.prank(ALICE, ALICE);
        outbox.withdrawEther{value: 1}(BOB);
        measure(L2, "Outbox.withdrawEther");
        vm.prank(ALICE, ALICE);
        outbox.call{value: 1}(BOB, hex"c0ffee");
        measure(L2, "Outbox.call");
        mint();
        measure(L2, "TokenBridge.finalizeDeposit, first of a token");
        mint();
        measure(L2, "TokenBridge.finalizeDeposit");
        vm.prank(BOB, BOB);
        bridge.withdraw(address(token), BOB, 1);
        measure(L2, "TokenBridge.withdraw");
        vm.deal(address(feeVault), 1 ether);
        feeVault.withdraw();
        measure(L2, "FeeVault.withdraw");
    }

    function mint() private {
        uint256 fee = inbox.quote(vault.tokenDepositGas(address(token)));
        vm.recordLogs();
        vm.prank(ALICE, ALICE);
        vault.depositToken{value: fee}(address(token), BOB, 1e18);
        Message memory message = lastMessage();
        vm.deal(message.sender, 1 ether);
        vm.prank(message.sender, message.sender);
        (bool success,) = message.to.call(message.data);
        vm.assertTrue(success, "runs");
    }

    /// @dev Blobs are of the transaction that forge simulates, so this one is not isolated.
    /// forge-config: default.isolate = false
    function test_gas_blobBatch() public {
        bytes32[] memory hashes = new bytes32[](6);
        for (uint256 i = 0; i < 6; ++i) {
            hashes[i] = bytes32(uint256(0x01 << 248) | (i + 1));
        }
        IInbox.BatchInput memory input = batchInput(inbox.messageCount());
        vm.blobhashes(hashes);
        vm.prank(OPERATOR, OPERATOR);
        inbox.postBatchBlobs(input);
        measure(L1, "Inbox.postBatchBlobs, 6 blobs, warm, without base cost");
    }
}

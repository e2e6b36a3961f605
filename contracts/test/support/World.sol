// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IInbox} from "../../src/interfaces/IInbox.sol";
import {IMessenger} from "../../src/interfaces/IMessenger.sol";
import {IOperators} from "../../src/interfaces/IOperators.sol";
import {ISettlement} from "../../src/interfaces/ISettlement.sol";
import {IVault} from "../../src/interfaces/IVault.sol";
import {Hashing} from "../../src/libraries/Hashing.sol";
import {ClaimId} from "../../src/types/ClaimId.sol";
import {Commitment} from "../../src/types/Protocol.sol";
import {Duration, Timestamp} from "../../src/types/Time.sol";
import {MockVerifier} from "../mocks/MockVerifier.sol";
import {Test} from "./Test.sol";

/// @title All L1 contracts, deployed as `mezz deploy` does
/// @dev Addresses are computed before anything exists, so that the contracts name each other.
abstract contract World is Test {
    uint256 internal constant ETHER = 1e18;
    uint64 internal constant START_TIME = 1_800_000_000;
    uint64 internal constant START_BLOCK = 1000;
    uint64 internal constant FORCE_DELAY = 1 hours;
    uint64 internal constant LIVENESS_TIMEOUT = 1 days;
    uint64 internal constant WINDOW = 7 days;
    uint128 internal constant BOND = 1 ether;
    uint64 internal constant MAX_BATCHES = 8;

    address internal constant OPERATOR = address(0x09e2);
    address internal constant ALICE = address(0xa11ce);
    address internal constant BOB = address(0xb0b);
    address internal constant LIAR = address(0x11a4);
    address payable internal constant FEES = payable(address(0xfee5));

    bytes32 internal constant CONFIG_HASH = keccak256("a configuration");

    IOperators internal operators;
    IInbox internal inbox;
    ISettlement internal settlement;
    IVault internal vault;
    IMessenger internal messenger;
    MockVerifier internal verifier;

    function setUp() public virtual {
        vm.warp(START_TIME);
        vm.roll(START_BLOCK);
        vm.fee(7 gwei);
        verifier = new MockVerifier();
        deploy(address(verifier));
        address[4] memory people = [OPERATOR, ALICE, BOB, LIAR];
        for (uint256 i = 0; i < people.length; ++i) {
            vm.deal(people[i], 1000 ether);
        }
    }

    function inboxConfig() internal view virtual returns (IInbox.Config memory) {
        return IInbox.Config({
            genesisHash: Hashing.genesis(CONFIG_HASH, genesisCommitmentHash()),
            vault: address(vault),
            operators: address(operators),
            forceDelay: Duration.wrap(FORCE_DELAY),
            messageGas: 10_000_000,
            batchMessages: 1024,
            batchMessageGas: 30_000_000,
            blockMessageGasTarget: 5_000_000,
            blockMessageGas: 10_000_000,
            minGasPrice: 1 gwei
        });
    }

    function settlementConfig(address verifier_) internal view returns (ISettlement.Config memory) {
        return ISettlement.Config({
            configHash: CONFIG_HASH,
            genesisCommitmentHash: genesisCommitmentHash(),
            inbox: address(inbox),
            verifier: verifier_,
            window: Duration.wrap(WINDOW),
            bond: BOND,
            maxBatchesPerClaim: MAX_BATCHES
        });
    }

    function deploy(address verifier_) internal {
        uint64 nonce = vm.getNonce(address(this));
        operators = IOperators(vm.computeCreateAddress(address(this), nonce));
        inbox = IInbox(vm.computeCreateAddress(address(this), nonce + 1));
        settlement = ISettlement(vm.computeCreateAddress(address(this), nonce + 2));
        vault = IVault(vm.computeCreateAddress(address(this), nonce + 3));
        messenger = IMessenger(vm.computeCreateAddress(address(this), nonce + 4));
        create("Operators", abi.encode(address(inbox), OPERATOR, FEES, LIVENESS_TIMEOUT));
        create("Inbox", abi.encode(inboxConfig()));
        create("Settlement", abi.encode(settlementConfig(verifier_)));
        IVault.Config memory vaultConfig = IVault.Config({
            inbox: address(inbox),
            settlement: address(settlement),
            messenger: address(messenger),
            bridgedTokenInitCodeHash: keccak256(vm.getCode(artifact("BridgedToken")))
        });
        create("Vault", abi.encode(vaultConfig));
        create("Messenger", abi.encode(address(vault)));
    }

    function genesisCommitment() internal pure returns (Commitment memory) {
        return commitmentOf("genesis");
    }

    function genesisCommitmentHash() internal pure returns (bytes32) {
        return Hashing.commitment(genesisCommitment());
    }

    /// @dev Some commitment, another for every name.
    function commitmentOf(string memory name) internal pure returns (Commitment memory c) {
        c.blockHash = keccak256(bytes(name));
        c.stateRoot = keccak256(abi.encode(name));
    }

    function root() internal pure returns (ClaimId) {
        return ClaimId.wrap(Hashing.genesis(CONFIG_HASH, genesisCommitmentHash()));
    }

    function pass(uint64 time) internal {
        vm.warp(block.timestamp + time);
        vm.roll(block.number + (time + 11) / 12);
    }

    // Batches.

    /// @dev What an honest poster passes now, for a batch that ends at message `end`.
    function batchInput(uint64 end) internal view returns (IInbox.BatchInput memory) {
        return IInbox.BatchInput({
            parent: inbox.batchAccumulatorAt(inbox.batchCount()),
            inboxEnd: end,
            inboxAccumulator: inbox.accumulatorAt(end),
            notBefore: Timestamp.wrap(uint64(block.timestamp))
        });
    }

    /// @dev The operator posts a batch up to message `end`.
    function post(uint64 end) internal {
        IInbox.BatchInput memory input = batchInput(end);
        vm.prank(OPERATOR, OPERATOR);
        inbox.postBatch(input, "batch");
    }

    /// @dev The operator posts a batch of all messages.
    function post() internal {
        post(inbox.messageCount());
    }

    // Messages.

    function send(address from, uint64 gasLimit, bytes memory data) internal returns (uint64) {
        uint256 fee = inbox.quote(gasLimit);
        vm.prank(from, from);
        return inbox.sendMessage{value: fee}(address(0x70), gasLimit, data);
    }

    // Claims.

    /// @dev What an honest proposer passes now.
    function proposal(ClaimId parent, uint64 batchEnd, bytes32 post_)
        internal
        view
        returns (ISettlement.ProposeInput memory)
    {
        IInbox.BatchEnd memory end = inbox.batchEndAt(batchEnd);
        return ISettlement.ProposeInput({
            parent: parent,
            batchEnd: batchEnd,
            post: post_,
            batchAccumulator: end.batchAccumulator,
            inboxAccumulator: end.inboxAccumulator
        });
    }

    function propose(address from, ClaimId parent, uint64 batchEnd, bytes32 post_, uint256 bond)
        internal
        returns (ClaimId)
    {
        ISettlement.ProposeInput memory input = proposal(parent, batchEnd, post_);
        vm.prank(from, from);
        return settlement.propose{value: bond}(input);
    }

    /// @dev One batch and one claim that makes `commitment` final.
    function makeFinal(Commitment memory commitment) internal returns (ClaimId id) {
        post();
        (ClaimId tip,) = settlement.latestFinal();
        // The operator's line goes on from its first claim.
        uint256 bond = settlement.lineCount() == 0 ? BOND : 0;
        id = propose(OPERATOR, tip, inbox.batchCount(), Hashing.commitment(commitment), bond);
        pass(WINDOW);
        settlement.finalize(id);
    }
}

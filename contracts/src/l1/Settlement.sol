// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IInbox} from "../interfaces/IInbox.sol";
import {ISettlement} from "../interfaces/ISettlement.sol";
import {IVerifier} from "../interfaces/IVerifier.sol";
import {ClaimTree} from "../libraries/ClaimTree.sol";
import {Hashing} from "../libraries/Hashing.sol";
import {ClaimId, LineId} from "../types/ClaimId.sol";
import {Duration} from "../types/Time.sol";

/// @title The tree of claims, under the optimistic policy
/// @dev Rules: `ClaimTree`. Every digest is built from the inbox's storage. The inbox is created
/// first, so that the constructor sees whether both speak of one chain.
contract Settlement is ISettlement {
    using ClaimTree for ClaimTree.State;

    bytes32 private immutable CONFIG_HASH;
    bytes32 private immutable GENESIS_COMMITMENT_HASH;
    IInbox private immutable INBOX;
    IVerifier private immutable VERIFIER;
    Duration private immutable WINDOW;
    uint128 private immutable BOND;
    uint64 private immutable MAX_BATCHES_PER_CLAIM;

    ClaimTree.State private _tree;

    constructor(Config memory config_) {
        bool isSound = Duration.unwrap(config_.window) != 0 && config_.bond != 0
            && config_.maxBatchesPerClaim != 0;
        if (!isSound) revert Settlement_BadConfig();
        CONFIG_HASH = config_.configHash;
        GENESIS_COMMITMENT_HASH = config_.genesisCommitmentHash;
        INBOX = IInbox(config_.inbox);
        VERIFIER = IVerifier(config_.verifier);
        WINDOW = config_.window;
        BOND = config_.bond;
        MAX_BATCHES_PER_CLAIM = config_.maxBatchesPerClaim;
        bytes32 root = Hashing.genesis(config_.configHash, config_.genesisCommitmentHash);
        if (IInbox(config_.inbox).batchAccumulatorAt(0) != root) revert Settlement_BadConfig();
        _tree.plant(ClaimId.wrap(root), config_.genesisCommitmentHash);
    }

    /// @inheritdoc ISettlement
    function propose(ProposeInput calldata input) external payable returns (ClaimId id) {
        Claim storage parent = _tree.requireParent(input.parent);
        uint64 start = parent.batchEnd;
        if (input.batchEnd <= start || input.batchEnd - start > MAX_BATCHES_PER_CLAIM) {
            revert Settlement_BadRange(start, input.batchEnd, MAX_BATCHES_PER_CLAIM);
        }
        IInbox.BatchEnd memory end = INBOX.batchEndAt(input.batchEnd);
        // INVARIANT: a claim is about the L1 that its author saw, or not accepted.
        if (input.batchAccumulator != end.batchAccumulator) {
            revert Settlement_WrongBatchAccumulator(input.batchAccumulator, end.batchAccumulator);
        }
        if (input.inboxAccumulator != end.inboxAccumulator) {
            revert Settlement_WrongInboxAccumulator(input.inboxAccumulator, end.inboxAccumulator);
        }
        bytes32 digest = _digest(parent.post, INBOX.batchEndAt(start), end, input.post);
        id = Hashing.claimId(input.parent, digest);
        uint256 due = _tree.open(
            input, ClaimTree.Proposal({id: id, digest: digest, window: WINDOW, bond: BOND})
        );
        if (msg.value != due) revert Settlement_WrongBond(msg.value, due);
    }

    /// @inheritdoc ISettlement
    function resolve(ClaimId id) external {
        if (address(VERIFIER) == address(0)) revert Settlement_NoVerdict(id);
        _tree.judge(id, VERIFIER.verify(question(id), _tree.claims[id].post), BOND);
    }

    /// @inheritdoc ISettlement
    function finalize(ClaimId id) external {
        _tree.finalize(id);
    }

    /// @inheritdoc ISettlement
    function prune(ClaimId[] calldata ids) external {
        for (uint256 i = 0; i < ids.length; ++i) {
            _tree.prune(ids[i], BOND);
        }
    }

    /// @inheritdoc ISettlement
    function withdrawBond(LineId line_) external {
        _pay(_tree.release(line_, BOND), BOND);
    }

    /// @inheritdoc ISettlement
    function withdrawReward(address owner) external {
        _pay(owner, _tree.takeReward(owner));
    }

    /// @inheritdoc ISettlement
    function claim(ClaimId id) external view returns (Claim memory) {
        return _tree.claims[id];
    }

    /// @inheritdoc ISettlement
    function claimDigest(ClaimId id) external view returns (bytes32) {
        Claim storage self = _tree.requireKnown(id);
        return _digestOf(self, self.post);
    }

    /// @inheritdoc ISettlement
    function question(ClaimId id) public view returns (bytes32) {
        return _digestOf(_tree.requireKnown(id), 0);
    }

    /// @inheritdoc ISettlement
    function isContested(ClaimId id) external view returns (bool) {
        return _tree.isContested(id);
    }

    /// @inheritdoc ISettlement
    function range(ClaimId parent, uint64 batchEnd) external view returns (Range memory) {
        return _tree.ranges[ClaimTree.rangeKey(parent, batchEnd)];
    }

    /// @inheritdoc ISettlement
    function line(LineId id) external view returns (Line memory) {
        return _tree.lines[id];
    }

    /// @inheritdoc ISettlement
    function lineCount() external view returns (uint64) {
        return _tree.lineCount;
    }

    /// @inheritdoc ISettlement
    function isFinalCommitment(bytes32 commitmentHash) external view returns (bool) {
        return _tree.finalCommitments[commitmentHash];
    }

    /// @inheritdoc ISettlement
    function latestFinal() external view returns (ClaimId id, Claim memory) {
        id = _tree.finalTip;
        return (id, _tree.claims[id]);
    }

    /// @inheritdoc ISettlement
    function isFinalizable(ClaimId id) external view returns (bool) {
        return _tree.isFinalizable(id);
    }

    /// @inheritdoc ISettlement
    function rewardOf(address owner) external view returns (uint256) {
        return _tree.rewards[owner];
    }

    /// @inheritdoc ISettlement
    function config() external view returns (Config memory) {
        return Config({
            configHash: CONFIG_HASH,
            genesisCommitmentHash: GENESIS_COMMITMENT_HASH,
            inbox: address(INBOX),
            verifier: address(VERIFIER),
            window: WINDOW,
            bond: BOND,
            maxBatchesPerClaim: MAX_BATCHES_PER_CLAIM
        });
    }

    function _digestOf(Claim storage self, bytes32 post) private view returns (bytes32) {
        Claim storage parent = _tree.claims[self.parent];
        // The root claims nothing: its digest is the one of an empty range.
        return _digest(
            parent.post, INBOX.batchEndAt(parent.batchEnd), INBOX.batchEndAt(self.batchEnd), post
        );
    }

    function _digest(
        bytes32 pre,
        IInbox.BatchEnd memory start,
        IInbox.BatchEnd memory end,
        bytes32 post
    ) private view returns (bytes32) {
        return Hashing.claim(
            CONFIG_HASH,
            Hashing.ClaimTerms({
                pre: pre,
                batchStart: start.batchAccumulator,
                batchEnd: end.batchAccumulator,
                inboxStart: start.inboxAccumulator,
                inboxEnd: end.inboxAccumulator,
                post: post
            })
        );
    }

    /// @dev Comes last: the tree is in order whatever the receiver does.
    function _pay(address receiver, uint256 amount) private {
        (bool success,) = receiver.call{value: amount}("");
        if (!success) revert Settlement_PaymentFailed(receiver);
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ClaimId} from "../types/ClaimId.sol";
import {Batch, Commitment, Message, Withdrawal} from "../types/Protocol.sol";

/// @title The hashes of docs/formats.md, section 2
/// @dev Every preimage starts with a tag, so that no two kinds of object share one.
library Hashing {
    bytes32 internal constant MESSAGE_TAG = keccak256("mezzanine.message.v1");
    bytes32 internal constant BATCH_TAG = keccak256("mezzanine.batch.v1");
    bytes32 internal constant GENESIS_TAG = keccak256("mezzanine.genesis.v1");
    bytes32 internal constant COMMITMENT_TAG = keccak256("mezzanine.commitment.v1");
    bytes32 internal constant CLAIM_TAG = keccak256("mezzanine.claim.v1");
    bytes32 internal constant CLAIM_ID_TAG = keccak256("mezzanine.claim-id.v1");
    bytes32 internal constant WITHDRAWAL_TAG = keccak256("mezzanine.withdrawal.v1");

    /// @notice What a claim says, apart from the configuration.
    struct ClaimTerms {
        bytes32 pre;
        bytes32 batchStart;
        bytes32 batchEnd;
        bytes32 inboxStart;
        bytes32 inboxEnd;
        bytes32 post;
    }

    function message(Message memory self) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                MESSAGE_TAG,
                self.kind,
                self.index,
                self.facts,
                self.sender,
                self.to,
                self.refundTo,
                self.value,
                self.gasLimit,
                keccak256(self.data)
            )
        );
    }

    /// @notice The inbox accumulator after one more message.
    function nextAccumulator(bytes32 accumulator, bytes32 messageHash)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(accumulator, messageHash));
    }

    /// @dev The fields of `Batch` stand in the order of the format.
    function batch(Batch memory self) internal pure returns (bytes32) {
        return keccak256(abi.encode(BATCH_TAG, self));
    }

    /// @notice The batch accumulator at 0, and the id of the claim tree's root.
    function genesis(bytes32 configHash, bytes32 commitmentHash) internal pure returns (bytes32) {
        return keccak256(abi.encode(GENESIS_TAG, configHash, commitmentHash));
    }

    /// @dev The fields of `Commitment` stand in the order of the format.
    function commitment(Commitment memory self) internal pure returns (bytes32) {
        return keccak256(abi.encode(COMMITMENT_TAG, self));
    }

    /// @dev The fields of `ClaimTerms` stand in the order of the format.
    function claim(bytes32 configHash, ClaimTerms memory terms) internal pure returns (bytes32) {
        return keccak256(abi.encode(CLAIM_TAG, configHash, terms));
    }

    function claimId(ClaimId parent, bytes32 digest) internal pure returns (ClaimId) {
        return ClaimId.wrap(keccak256(abi.encode(CLAIM_ID_TAG, parent, digest)));
    }

    function withdrawal(Withdrawal memory self) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                WITHDRAWAL_TAG,
                self.index,
                self.kind,
                self.sender,
                self.target,
                self.token,
                self.amount,
                keccak256(self.data)
            )
        );
    }
}

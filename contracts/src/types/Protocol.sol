// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Timestamp} from "./Time.sol";

// The objects of docs/formats.md, section 2, field by field. Their hashes are in
// libraries/Hashing.sol.

/// @notice What L1 was like when it accepted a batch or a message.
struct L1Facts {
    /// L1 block number.
    uint64 number;
    /// L1 block timestamp.
    Timestamp timestamp;
    /// EIP-1559 base fee, wei per gas.
    uint128 baseFee;
    /// EIP-4844 blob base fee, wei per blob gas.
    uint128 blobBaseFee;
}

/// @notice What a message asks for.
enum MessageKind {
    /// Carries L1 facts only: message 0, and one after every accepted batch.
    Marker,
    /// A call from `sender` to `to`, with `value` newly credited.
    Call,
    /// A creation by `sender`; `data` is the init code.
    Create,
    /// `data` is one signed L2 transaction.
    Forced
}

/// @notice One entry of the inbox.
struct Message {
    MessageKind kind;
    /// Its position.
    uint64 index;
    /// L1 as it was when the message was accepted.
    L1Facts facts;
    /// Sender on L2, aliased already; zero for markers and forced transactions.
    address sender;
    /// Target of a call; zero otherwise.
    address to;
    /// Who is credited with `value` when the call or creation fails.
    address refundTo;
    /// Wei that the vault took in for this message.
    uint256 value;
    /// L2 gas that was paid for.
    uint64 gasLimit;
    bytes data;
}

/// @notice Where the bytes of a batch are.
enum DataKind {
    /// In the L1 transaction's input; the data hash is their Keccak-256.
    Calldata,
    /// In EIP-4844 blobs; the data hash is the Keccak-256 of the concatenated versioned hashes.
    Blob
}

/// @notice What L1 says of a batch's bytes.
enum DataVerdict {
    /// L1 itself carried them.
    Available,
    /// They count as empty.
    Empty
}

/// @notice The header of an accepted batch. The batch accumulator at k is the hash of batch k − 1.
struct Batch {
    /// Hash of the batch before, or the genesis hash.
    bytes32 parent;
    /// Its position.
    uint64 index;
    DataKind dataKind;
    DataVerdict verdict;
    bytes32 dataHash;
    /// L1 as it was when the batch was accepted.
    L1Facts facts;
    /// First message consumed.
    uint64 inboxStart;
    /// One past the last message consumed.
    uint64 inboxEnd;
    /// Inbox accumulator at `inboxEnd`.
    bytes32 inboxAccumulator;
    /// L1 timestamp of message `inboxEnd`; of this batch's own marker if no other was left.
    Timestamp oldestUnconsumedTimestamp;
    address poster;
}

/// @notice What the chain is after its last block.
struct Commitment {
    uint64 blockNumber;
    bytes32 blockHash;
    Timestamp timestamp;
    /// Root of the state; opaque here.
    bytes32 stateRoot;
    /// Root of the outbox tree.
    bytes32 outboxRoot;
    /// First inbox message not consumed yet.
    uint64 nextInboxIndex;
}

/// @notice What L1 does with a withdrawal.
enum WithdrawalKind {
    /// The vault pays `amount` wei to `target`.
    Ether,
    /// The vault pays `amount` of `token` to `target`.
    Token,
    /// The messenger calls `target` with `amount` wei and `data`.
    Call
}

/// @notice One entry of the outbox.
struct Withdrawal {
    /// Its position: paid once per position.
    uint64 index;
    WithdrawalKind kind;
    /// Who asked for it on L2.
    address sender;
    /// Who receives or is called on L1.
    address target;
    /// ERC-20 on L1; zero for ether.
    address token;
    /// Wei, or smallest units of the token.
    uint256 amount;
    /// Call data; empty unless `kind` is `Call`.
    bytes data;
}

// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Batch, Message, MessageKind} from "../types/Protocol.sol";
import {Duration, Timestamp} from "../types/Time.sol";

/// @title Messages and batches
/// @notice The queue of L1→L2 messages as a hash chain, and the chain of accepted batches.
interface IInbox {
    /// @notice What the inbox is created with.
    struct Config {
        /// Batch accumulator at 0.
        bytes32 genesisHash;
        /// The one caller of `enqueueFromVault`.
        address vault;
        /// The `IOperators` that is asked about every batch.
        address operators;
        /// Age at which a message must be consumed.
        Duration forceDelay;
        /// Largest gas limit of one message.
        uint64 messageGas;
        /// Most messages that one batch consumes.
        uint64 batchMessages;
        /// Most gas, summed over the limits of the messages that one batch consumes.
        uint64 batchMessageGas;
        /// Gas of messages per L1 block at which the price stays as it is.
        uint64 blockMessageGasTarget;
        /// Most gas of messages in one L1 block.
        uint64 blockMessageGas;
        /// Lowest price, wei per L2 gas.
        uint128 minGasPrice;
    }

    /// @notice What a poster expects L1 to be like. Anything else reverts, so that a reorganisation
    /// of L1 never turns an honest batch into another one.
    struct BatchInput {
        /// Hash of the last accepted batch, or the genesis hash.
        bytes32 parent;
        /// One past the last message to consume.
        uint64 inboxEnd;
        /// Accumulator at `inboxEnd`.
        bytes32 inboxAccumulator;
        /// Timestamp of the last block inside: acceptance before it would make the batch void.
        Timestamp notBefore;
    }

    /// @notice What is kept of a message.
    struct MessageInfo {
        MessageKind kind;
        Timestamp timestamp;
        /// Gas limits of all messages up to and including this one, summed.
        uint128 cumulativeGas;
        /// Accumulator after this message: the one at its index plus one.
        bytes32 accumulator;
    }

    /// @notice Where a batch ends, for claims.
    struct BatchEnd {
        /// Batch accumulator there.
        bytes32 batchAccumulator;
        /// One past the last message consumed so far.
        uint64 inboxEnd;
        /// Inbox accumulator there.
        bytes32 inboxAccumulator;
        /// When the batch was accepted; zero at batch 0.
        Timestamp timestamp;
    }

    /// @notice A message was appended; `accumulator` is the one at `index + 1`.
    event MessageEnqueued(uint64 indexed index, bytes32 accumulator, Message message);
    /// @notice A batch was accepted; `hash` is the batch accumulator at `index + 1`.
    event BatchAccepted(uint64 indexed index, bytes32 hash, Batch batch);
    /// @notice Fees of messages went to the fee recipient.
    event FeesSwept(address indexed recipient, uint256 amount);

    /// @notice A limit or a price is zero, or one limit exceeds the one that must hold it: target ≤
    /// block ≤ batch for gas, a message within a block, and as many of the smallest messages as the
    /// target has room for, with one marker, within a batch.
    error Inbox_BadConfig();
    /// @notice Only the vault enqueues messages with value.
    error Inbox_NotVault(address caller);
    /// @notice More data than a message may have.
    error Inbox_DataTooLong(uint256 length, uint256 max);
    /// @notice Less gas than the message costs before it does anything.
    error Inbox_GasLimitTooLow(uint64 gasLimit, uint64 min);
    /// @notice More gas than a message may have.
    error Inbox_GasLimitTooHigh(uint64 gasLimit, uint64 max);
    /// @notice The messages of this L1 block leave only `left` gas.
    error Inbox_BlockGasExceeded(uint64 gasLimit, uint64 left);
    /// @notice Less ether than the message's L2 gas costs.
    error Inbox_FeeTooLow(uint256 paid, uint256 fee);
    /// @notice The vault pays the exact fee.
    error Inbox_WrongFee(uint256 paid, uint256 fee);
    /// @notice The caller did not take its change back.
    error Inbox_RefundFailed(address caller);
    /// @notice The fee recipient did not take the fees.
    error Inbox_SweepFailed(address recipient);
    /// @notice A batch comes from a transaction's origin that has no code, in its outermost call.
    error Inbox_NotDirect(address caller);
    /// @notice Another batch is the last one.
    error Inbox_WrongParent(bytes32 expected, bytes32 actual);
    /// @notice Other messages were accepted.
    error Inbox_WrongAccumulator(bytes32 expected, bytes32 actual);
    /// @notice The batch ends before it starts, or past the last message.
    error Inbox_EndOutOfRange(uint64 inboxEnd, uint64 min, uint64 max);
    /// @notice The batch would be void: it holds blocks of a later time.
    error Inbox_TooEarly(Timestamp notBefore, Timestamp time);
    /// @notice More messages than a batch may consume.
    error Inbox_TooManyMessages(uint64 count, uint64 max);
    /// @notice The messages have more gas than a batch may consume.
    error Inbox_TooMuchMessageGas(uint256 gas, uint64 max);
    /// @notice Message `index` is older than the force delay, would fit, and was left out.
    error Inbox_DueMessageSkipped(uint64 index);
    /// @notice More data than a batch may have.
    error Inbox_BatchTooLong(uint256 length, uint256 max);
    /// @notice The argument `data` does not stand where its canonical encoding puts it.
    error Inbox_NonCanonicalCalldata(uint256 offset);
    /// @notice The transaction carries no blob.
    error Inbox_NoBlobs();
    /// @notice There is no such batch.
    error Inbox_UnknownBatch(uint64 index);
    /// @notice There is no such message.
    error Inbox_UnknownMessage(uint64 index);

    /// @notice Enqueues a call on L2 by the caller (aliased if it is a contract).
    /// @dev Costs `quote(gasLimit)`; what is paid above comes back.
    function sendMessage(address to, uint64 gasLimit, bytes calldata data)
        external
        payable
        returns (uint64 index);

    /// @notice Enqueues a contract creation on L2 by the caller (aliased if it is a contract).
    function sendCreate(uint64 gasLimit, bytes calldata initCode)
        external
        payable
        returns (uint64 index);

    /// @notice Enqueues a signed L2 transaction, whoever signed it.
    /// @dev It is skipped on L2 if its gas limit exceeds `gasLimit`, or if it is not valid there.
    function sendForced(uint64 gasLimit, bytes calldata signedTransaction)
        external
        payable
        returns (uint64 index);

    /// @notice Enqueues a call with value, already taken in by the vault. Pays the exact fee.
    /// @param sender Sender on L2, aliased already.
    function enqueueFromVault(
        address sender,
        address to,
        address refundTo,
        uint256 value,
        uint64 gasLimit,
        bytes calldata data
    ) external payable returns (uint64 index);

    /// @notice Posts a batch whose bytes are `data`.
    /// @dev The caller is the transaction's origin and has no code, so that this call is the
    /// transaction itself and anyone finds the bytes in its input: `data` starts at byte 196.
    function postBatch(BatchInput calldata input, bytes calldata data) external;

    /// @notice Posts a batch whose bytes are in all the blobs of this transaction.
    /// @dev The same rule on the caller: one batch per transaction, so that no blob counts twice.
    function postBatchBlobs(BatchInput calldata input) external;

    /// @notice Sends the fees taken so far to the fee recipient of the operators.
    function sweepFees() external;

    /// @notice The price now, wei per L2 gas.
    function messageGasPrice() external view returns (uint256);

    /// @notice What a message with this gas limit costs now, wei.
    function quote(uint64 gasLimit) external view returns (uint256);

    /// @notice The least gas limit of a message with `length` bytes of data.
    function minGasLimit(MessageKind kind, uint256 length) external pure returns (uint64);

    /// @notice Gas that messages may still take in this L1 block.
    function messageGasLeft() external view returns (uint64);

    /// @notice How many messages there are.
    function messageCount() external view returns (uint64);

    /// @notice The inbox accumulator at `index`, over the messages before it.
    function accumulatorAt(uint64 index) external view returns (bytes32);

    /// @notice What is kept of message `index`.
    function messageInfo(uint64 index) external view returns (MessageInfo memory);

    /// @notice How many batches there are.
    function batchCount() external view returns (uint64);

    /// @notice The batch accumulator at `index`: the hash of the batch before, or the genesis hash.
    function batchAccumulatorAt(uint64 index) external view returns (bytes32);

    /// @notice The first message that the next batch consumes.
    function nextInboxIndex() external view returns (uint64);

    /// @notice Everything that a claim up to batch `index` (not included) is bound to.
    function batchEndAt(uint64 index) external view returns (BatchEnd memory);

    /// @notice What the inbox was created with.
    function config() external view returns (Config memory);
}

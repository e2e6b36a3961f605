// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IInbox} from "../interfaces/IInbox.sol";
import {IOperators} from "../interfaces/IOperators.sol";
import {Aliasing} from "../libraries/Aliasing.sol";
import {BatchChain} from "../libraries/BatchChain.sol";
import {Blobs} from "../libraries/Blobs.sol";
import {CalldataPosition} from "../libraries/CalldataPosition.sol";
import {Facts} from "../libraries/Facts.sol";
import {GasMarket} from "../libraries/GasMarket.sol";
import {MessageQueue} from "../libraries/MessageQueue.sol";
import {DataKind, L1Facts, Message, MessageKind} from "../types/Protocol.sol";
import {Duration} from "../types/Time.sol";

/// @title Messages and batches
/// @dev Rules: `MessageQueue`, `BatchChain`, `GasMarket`.
contract Inbox is IInbox {
    using BatchChain for BatchChain.State;
    using GasMarket for GasMarket.State;
    using MessageQueue for MessageQueue.State;

    /// @dev 96 KiB: what a transaction's size leaves room for, and a guest may fetch by one hash.
    uint256 private constant MAX_BATCH_BYTES = 98_304;
    /// @dev Selector, four words of `BatchInput`, offset and length of `data`.
    uint256 private constant BATCH_DATA_POSITION = 4 + 4 * 32 + 2 * 32;

    bytes32 private immutable GENESIS_HASH;
    address private immutable VAULT;
    IOperators private immutable OPERATORS;
    Duration private immutable FORCE_DELAY;
    uint64 private immutable MESSAGE_GAS;
    uint64 private immutable BATCH_MESSAGES;
    uint64 private immutable BATCH_MESSAGE_GAS;
    uint64 private immutable BLOCK_MESSAGE_GAS_TARGET;
    uint64 private immutable BLOCK_MESSAGE_GAS;
    uint128 private immutable MIN_GAS_PRICE;

    MessageQueue.State private _messages;
    BatchChain.State private _batches;

    /// @dev A batch is the transaction itself, so that its bytes are in that transaction's input or
    /// blobs and nowhere else, and each blob counts once. The origin's code must be empty: as an
    /// EIP-7702 account it could call on from its own code.
    modifier onlyDirect() {
        if (msg.sender != tx.origin || msg.sender.code.length != 0) {
            revert Inbox_NotDirect(msg.sender);
        }
        _;
    }

    constructor(Config memory config_) {
        bool isSound = Duration.unwrap(config_.forceDelay) != 0 && config_.minGasPrice != 0
            // Each batch appends a marker: consuming one message a batch would never catch up.
            && config_.batchMessages >= 2 && config_.blockMessageGasTarget != 0
            && config_.blockMessageGasTarget <= config_.blockMessageGas
            // A message fits into a block of L1, and the gas of all messages of that into a batch.
            && config_.messageGas >= MessageQueue.MIN_GAS
            && config_.messageGas <= config_.blockMessageGas
            && config_.blockMessageGas <= config_.batchMessageGas
            // The price holds the average at the target; so many of the smallest messages, and a
            // marker, fit into one batch.
            && config_.blockMessageGasTarget / MessageQueue.MIN_GAS < config_.batchMessages;
        if (!isSound) revert Inbox_BadConfig();
        GENESIS_HASH = config_.genesisHash;
        VAULT = config_.vault;
        OPERATORS = IOperators(config_.operators);
        FORCE_DELAY = config_.forceDelay;
        MESSAGE_GAS = config_.messageGas;
        BATCH_MESSAGES = config_.batchMessages;
        BATCH_MESSAGE_GAS = config_.batchMessageGas;
        BLOCK_MESSAGE_GAS_TARGET = config_.blockMessageGasTarget;
        BLOCK_MESSAGE_GAS = config_.blockMessageGas;
        MIN_GAS_PRICE = config_.minGasPrice;
        _appendMarker(Facts.current());
    }

    /// @inheritdoc IInbox
    function sendMessage(address to, uint64 gasLimit, bytes calldata data)
        external
        payable
        returns (uint64)
    {
        address sender = Aliasing.l2Sender(msg.sender);
        return _send(_message(MessageKind.Call, sender, to, gasLimit, data));
    }

    /// @inheritdoc IInbox
    function sendCreate(uint64 gasLimit, bytes calldata initCode)
        external
        payable
        returns (uint64)
    {
        address sender = Aliasing.l2Sender(msg.sender);
        return _send(_message(MessageKind.Create, sender, address(0), gasLimit, initCode));
    }

    /// @inheritdoc IInbox
    function sendForced(uint64 gasLimit, bytes calldata signedTransaction)
        external
        payable
        returns (uint64)
    {
        return _send(
            _message(MessageKind.Forced, address(0), address(0), gasLimit, signedTransaction)
        );
    }

    /// @inheritdoc IInbox
    function enqueueFromVault(
        address sender,
        address to,
        address refundTo,
        uint256 value,
        uint64 gasLimit,
        bytes calldata data
    ) external payable returns (uint64 index) {
        // INVARIANT: value appears on L2 only for money that the vault took in.
        if (msg.sender != VAULT) revert Inbox_NotVault(msg.sender);
        Message memory message = _message(MessageKind.Call, sender, to, gasLimit, data);
        message.refundTo = refundTo;
        message.value = value;
        uint256 fee = _messages.enqueue(config(), message);
        if (msg.value != fee) revert Inbox_WrongFee(msg.value, fee);
        return message.index;
    }

    /// @inheritdoc IInbox
    function postBatch(BatchInput calldata input, bytes calldata data) external onlyDirect {
        // INVARIANT: whoever has the transaction finds the bytes without decoding.
        uint256 position = CalldataPosition.offsetOf(data);
        if (position != BATCH_DATA_POSITION) revert Inbox_NonCanonicalCalldata(position);
        if (data.length > MAX_BATCH_BYTES) revert Inbox_BatchTooLong(data.length, MAX_BATCH_BYTES);
        _accept(input, BatchChain.Data({kind: DataKind.Calldata, hash: keccak256(data)}));
    }

    /// @inheritdoc IInbox
    function postBatchBlobs(BatchInput calldata input) external onlyDirect {
        (uint256 count, bytes32 hash) = Blobs.current();
        if (count == 0) revert Inbox_NoBlobs();
        _accept(input, BatchChain.Data({kind: DataKind.Blob, hash: hash}));
    }

    /// @inheritdoc IInbox
    function sweepFees() external {
        address payable recipient = OPERATORS.feeRecipient();
        uint256 amount = address(this).balance;
        (bool success,) = recipient.call{value: amount}("");
        if (!success) revert Inbox_SweepFailed(recipient);
        emit FeesSwept(recipient, amount);
    }

    /// @inheritdoc IInbox
    function messageGasPrice() public view returns (uint256) {
        return _messages.currentMarket(config()).price(BLOCK_MESSAGE_GAS_TARGET, MIN_GAS_PRICE);
    }

    /// @inheritdoc IInbox
    function quote(uint64 gasLimit) external view returns (uint256) {
        return messageGasPrice() * gasLimit;
    }

    /// @inheritdoc IInbox
    function minGasLimit(MessageKind kind, uint256 length) external pure returns (uint64) {
        return MessageQueue.minGasLimit(kind, length);
    }

    /// @inheritdoc IInbox
    function messageGasLeft() external view returns (uint64) {
        return BLOCK_MESSAGE_GAS - _messages.currentMarket(config()).used;
    }

    /// @inheritdoc IInbox
    function messageCount() external view returns (uint64) {
        return _messages.count;
    }

    /// @inheritdoc IInbox
    function accumulatorAt(uint64 index) external view returns (bytes32) {
        return _messages.accumulatorAt(index);
    }

    /// @inheritdoc IInbox
    function messageInfo(uint64 index) external view returns (MessageInfo memory) {
        if (index >= _messages.count) revert Inbox_UnknownMessage(index);
        MessageQueue.Entry storage entry = _messages.entries[index];
        return MessageInfo({
            kind: entry.kind,
            timestamp: entry.timestamp,
            cumulativeGas: entry.cumulativeGas,
            accumulator: entry.accumulator
        });
    }

    /// @inheritdoc IInbox
    function batchCount() external view returns (uint64) {
        return _batches.count;
    }

    /// @inheritdoc IInbox
    function batchAccumulatorAt(uint64 index) external view returns (bytes32) {
        return _batches.endAt(GENESIS_HASH, index).hash;
    }

    /// @inheritdoc IInbox
    function nextInboxIndex() external view returns (uint64) {
        return _batches.last(GENESIS_HASH).inboxEnd;
    }

    /// @inheritdoc IInbox
    function batchEndAt(uint64 index) external view returns (BatchEnd memory) {
        BatchChain.Record memory record = _batches.endAt(GENESIS_HASH, index);
        return BatchEnd({
            batchAccumulator: record.hash,
            inboxEnd: record.inboxEnd,
            inboxAccumulator: _messages.accumulatorAt(record.inboxEnd),
            timestamp: record.timestamp
        });
    }

    /// @inheritdoc IInbox
    function config() public view returns (Config memory) {
        return Config({
            genesisHash: GENESIS_HASH,
            vault: VAULT,
            operators: address(OPERATORS),
            forceDelay: FORCE_DELAY,
            messageGas: MESSAGE_GAS,
            batchMessages: BATCH_MESSAGES,
            batchMessageGas: BATCH_MESSAGE_GAS,
            blockMessageGasTarget: BLOCK_MESSAGE_GAS_TARGET,
            blockMessageGas: BLOCK_MESSAGE_GAS,
            minGasPrice: MIN_GAS_PRICE
        });
    }

    /// @dev A message without value; its sender is also who would be refunded.
    function _message(
        MessageKind kind,
        address sender,
        address to,
        uint64 gasLimit,
        bytes calldata data
    ) private pure returns (Message memory message) {
        message.kind = kind;
        message.sender = sender;
        message.to = to;
        message.refundTo = sender;
        message.gasLimit = gasLimit;
        message.data = data;
    }

    /// @dev Enqueues a message that the caller pays for, and gives the change back at the end.
    function _send(Message memory message) private returns (uint64) {
        uint256 fee = _messages.enqueue(config(), message);
        if (msg.value < fee) revert Inbox_FeeTooLow(msg.value, fee);
        uint256 change = msg.value - fee;
        if (change != 0) {
            (bool success,) = msg.sender.call{value: change}("");
            if (!success) revert Inbox_RefundFailed(msg.sender);
        }
        return message.index;
    }

    function _accept(BatchInput calldata input, BatchChain.Data memory data) private {
        OPERATORS.onBatch(msg.sender);
        L1Facts memory facts = Facts.current();
        _batches.accept(_messages, config(), input, data, facts);
        _appendMarker(facts);
    }

    function _appendMarker(L1Facts memory facts) private {
        Message memory marker;
        _messages.append(marker, facts);
    }
}

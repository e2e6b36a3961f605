// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Create2} from "@openzeppelin/contracts/utils/Create2.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {BitMaps} from "@openzeppelin/contracts/utils/structs/BitMaps.sol";

import {IInbox} from "../interfaces/IInbox.sol";
import {IMessenger} from "../interfaces/IMessenger.sol";
import {ISettlement} from "../interfaces/ISettlement.sol";
import {ITokenBridge} from "../interfaces/ITokenBridge.sol";
import {IVault} from "../interfaces/IVault.sol";
import {Aliasing} from "../libraries/Aliasing.sol";
import {Hashing} from "../libraries/Hashing.sol";
import {OutboxTree} from "../libraries/OutboxTree.sol";
import {Predeploys} from "../libraries/Predeploys.sol";
import {TokenMetadata} from "../libraries/TokenMetadata.sol";
import {Commitment, Withdrawal, WithdrawalKind} from "../types/Protocol.sol";

/// @title Everything that the chain holds on L1
contract Vault is IVault, ReentrancyGuardTransient {
    using BitMaps for BitMaps.BitMap;
    using SafeERC20 for IERC20;

    /// @dev `deposited` speaks of ether under this address.
    address private constant ETHER = address(0);
    /// @dev Keeps the sum of all balances on L2 far from overflow.
    uint256 private constant MAX_TOKEN = type(uint128).max;
    /// @dev L2 gas of a deposit that creates the token; twice what the largest metadata take.
    uint64 private constant FIRST_DEPOSIT_GAS = 3_000_000;
    /// @dev L2 gas of a deposit of a token that is there; twice what it takes.
    uint64 private constant DEPOSIT_GAS = 200_000;

    IInbox private immutable INBOX;
    ISettlement private immutable SETTLEMENT;
    IMessenger private immutable MESSENGER;
    bytes32 private immutable BRIDGED_TOKEN_INIT_CODE_HASH;

    /// @dev What came in less what went out.
    mapping(address token => uint256) private _deposited;
    /// @dev Tokens whose metadata went to L2 with an earlier message.
    mapping(address token => bool) private _announced;
    BitMaps.BitMap private _paid;

    constructor(Config memory config_) {
        INBOX = IInbox(config_.inbox);
        SETTLEMENT = ISettlement(config_.settlement);
        MESSENGER = IMessenger(config_.messenger);
        BRIDGED_TOKEN_INIT_CODE_HASH = config_.bridgedTokenInitCodeHash;
    }

    /// @inheritdoc IVault
    function depositEther(address to, uint256 amount, uint64 gasLimit, bytes calldata data)
        external
        payable
        nonReentrant
        returns (uint64)
    {
        address refundTo = data.length == 0 ? to : Aliasing.l2Sender(msg.sender);
        return _depositEther(to, refundTo, amount, gasLimit, data);
    }

    /// @inheritdoc IVault
    function depositEtherWithRefund(
        address to,
        address refundTo,
        uint256 amount,
        uint64 gasLimit,
        bytes calldata data
    ) external payable nonReentrant returns (uint64) {
        if (refundTo == address(0)) revert Vault_ZeroRecipient();
        return _depositEther(to, refundTo, amount, gasLimit, data);
    }

    /// @inheritdoc IVault
    function depositToken(address token, address to, uint256 amount)
        external
        payable
        nonReentrant
        returns (uint64 inboxIndex, uint256 received)
    {
        if (to == address(0)) revert Vault_ZeroRecipient();
        if (token.code.length == 0) revert Vault_NotToken(token);
        received = _takeToken(IERC20(token), amount);
        inboxIndex = _announceToken(token, to, received);
        emit TokenDeposited(inboxIndex, token, msg.sender, to, received);
    }

    /// @inheritdoc IVault
    function withdraw(
        Commitment calldata commitment,
        Withdrawal calldata withdrawal,
        bytes32[32] calldata proof
    ) external nonReentrant {
        bytes32 commitmentHash = Hashing.commitment(commitment);
        // INVARIANT: money leaves for what a final commitment proves, and for nothing else.
        if (!SETTLEMENT.isFinalCommitment(commitmentHash)) revert Vault_NotFinal(commitmentHash);
        uint64 index = withdrawal.index;
        // A larger index would have the path of a smaller one.
        if (index >> OutboxTree.DEPTH != 0) revert Vault_BadIndex(index);
        bytes32 root = OutboxTree.rootFrom(Hashing.withdrawal(withdrawal), index, proof);
        if (root != commitment.outboxRoot) revert Vault_BadProof(commitment.outboxRoot, root);
        // INVARIANT: an index is paid once.
        if (_paid.get(index)) revert Vault_AlreadyPaid(index);
        _paid.set(index);
        _pay(withdrawal);
        emit WithdrawalPaid(index, withdrawal.target, withdrawal.token, withdrawal.amount);
    }

    /// @inheritdoc IVault
    function isPaid(uint64 index) external view returns (bool) {
        return _paid.get(index);
    }

    /// @inheritdoc IVault
    function deposited(address token) external view returns (uint256) {
        return _deposited[token];
    }

    /// @inheritdoc IVault
    function tokenDepositGas(address token) public view returns (uint64) {
        return _announced[token] ? DEPOSIT_GAS : FIRST_DEPOSIT_GAS;
    }

    /// @inheritdoc IVault
    function bridgedToken(address token) external view returns (address) {
        return Create2.computeAddress(
            bytes32(uint256(uint160(token))), BRIDGED_TOKEN_INIT_CODE_HASH, Predeploys.TOKEN_BRIDGE
        );
    }

    /// @inheritdoc IVault
    function config() external view returns (Config memory) {
        return Config({
            inbox: address(INBOX),
            settlement: address(SETTLEMENT),
            messenger: address(MESSENGER),
            bridgedTokenInitCodeHash: BRIDGED_TOKEN_INIT_CODE_HASH
        });
    }

    function _depositEther(
        address to,
        address refundTo,
        uint256 amount,
        uint64 gasLimit,
        bytes calldata data
    ) private returns (uint64 inboxIndex) {
        if (to == address(0)) revert Vault_ZeroRecipient();
        uint256 fee = INBOX.quote(gasLimit);
        // Unchecked sums could wrap around; these revert.
        uint256 change = _change(amount + fee);
        _deposited[ETHER] += amount;
        inboxIndex = INBOX.enqueueFromVault{value: fee}(
            Aliasing.l2Sender(msg.sender), to, refundTo, amount, gasLimit, data
        );
        emit EtherDeposited(inboxIndex, msg.sender, to, amount);
        _giveBack(change);
    }

    /// @dev What the balance grew by counts: a token may take a fee, or say yes and do nothing.
    function _takeToken(IERC20 token, uint256 amount) private returns (uint256 received) {
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        uint256 afterwards = token.balanceOf(address(this));
        if (afterwards <= before) revert Vault_NothingReceived(address(token));
        received = afterwards - before;
        uint256 total = _deposited[address(token)];
        // INVARIANT: minting on L2 never overflows.
        if (received > MAX_TOKEN - total) {
            revert Vault_TooMuchToken(address(token), total, MAX_TOKEN);
        }
        _deposited[address(token)] = total + received;
    }

    /// @dev Enqueues the message that mints on L2.
    function _announceToken(address token, address to, uint256 amount)
        private
        returns (uint64 inboxIndex)
    {
        uint64 gasLimit = tokenDepositGas(token);
        uint256 fee = INBOX.quote(gasLimit);
        uint256 change = _change(fee);
        inboxIndex = INBOX.enqueueFromVault{value: fee}(
            Aliasing.aliasOf(address(this)),
            Predeploys.TOKEN_BRIDGE,
            to,
            0,
            gasLimit,
            _mintCall(token, to, amount)
        );
        _giveBack(change);
    }

    /// @dev The first message of a token carries its metadata; messages run in order, so no later
    /// one needs them.
    function _mintCall(address token, address to, uint256 amount) private returns (bytes memory) {
        ITokenBridge.TokenParameters memory parameters;
        parameters.l1Token = token;
        if (!_announced[token]) {
            _announced[token] = true;
            (parameters.name, parameters.symbol, parameters.decimals) = TokenMetadata.read(token);
        }
        address from = Aliasing.l2Sender(msg.sender);
        return abi.encodeCall(ITokenBridge.finalizeDeposit, (parameters, from, to, amount));
    }

    function _change(uint256 needed) private view returns (uint256) {
        if (msg.value < needed) revert Vault_NotEnoughEther(msg.value, needed);
        return msg.value - needed;
    }

    function _giveBack(uint256 change) private {
        if (change == 0) return;
        (bool success,) = msg.sender.call{value: change}("");
        if (!success) revert Vault_RefundFailed(msg.sender);
    }

    /// @dev Whatever fails takes the payment back with it, so that it can be tried again.
    function _pay(Withdrawal calldata withdrawal) private {
        address token = withdrawal.kind == WithdrawalKind.Token ? withdrawal.token : ETHER;
        uint256 amount = withdrawal.amount;
        // INVARIANT: of no token more goes out than came in, and tokens never pay for ether.
        if (amount > _deposited[token]) {
            revert Vault_NotDeposited(token, amount, _deposited[token]);
        }
        _deposited[token] -= amount;
        if (withdrawal.kind == WithdrawalKind.Token) {
            IERC20(token).safeTransfer(withdrawal.target, amount);
        } else if (withdrawal.kind == WithdrawalKind.Ether) {
            (bool success,) = withdrawal.target.call{value: amount}("");
            if (!success) revert Vault_PaymentFailed(withdrawal.target);
        } else {
            MESSENGER.execute{value: amount}(withdrawal.sender, withdrawal.target, withdrawal.data);
        }
    }
}

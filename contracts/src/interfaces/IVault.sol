// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Commitment, Withdrawal} from "../types/Protocol.sol";

/// @title Everything that the chain holds on L1
/// @notice Takes in ether and ERC-20 tokens and pays them out for withdrawals that a final
/// commitment proves. Nothing else moves money.
interface IVault {
    /// @notice What the vault is created with.
    struct Config {
        /// The `IInbox` that deposits go through.
        address inbox;
        /// The `ISettlement` whose final commitments are believed.
        address settlement;
        /// The `IMessenger` that carries out calls.
        address messenger;
        /// Keccak-256 of the init code of bridged tokens on L2, for `bridgedToken`.
        bytes32 bridgedTokenInitCodeHash;
    }

    /// @notice Ether came in and was enqueued for L2.
    event EtherDeposited(
        uint64 indexed inboxIndex, address indexed sender, address indexed to, uint256 amount
    );
    /// @notice Tokens came in and were enqueued for L2; `amount` is what the balance grew by.
    event TokenDeposited(
        uint64 indexed inboxIndex,
        address indexed token,
        address indexed sender,
        address to,
        uint256 amount
    );
    /// @notice A withdrawal was paid, or its call made.
    event WithdrawalPaid(
        uint64 indexed index, address indexed target, address indexed token, uint256 amount
    );

    /// @notice Nobody would be credited.
    error Vault_ZeroRecipient();
    /// @notice There is no contract at the token's address.
    error Vault_NotToken(address token);
    /// @notice The vault's balance did not grow.
    error Vault_NothingReceived(address token);
    /// @notice More of one token than the chain counts.
    error Vault_TooMuchToken(address token, uint256 total, uint256 max);
    /// @notice Less ether than the deposit and its message cost.
    error Vault_NotEnoughEther(uint256 sent, uint256 needed);
    /// @notice The caller did not take its change back.
    error Vault_RefundFailed(address caller);
    /// @notice The commitment is not final.
    error Vault_NotFinal(bytes32 commitmentHash);
    /// @notice The proof does not lead to the commitment's outbox root.
    error Vault_BadProof(bytes32 expected, bytes32 actual);
    /// @notice The index is outside the outbox tree.
    error Vault_BadIndex(uint64 index);
    /// @notice The withdrawal was paid before.
    error Vault_AlreadyPaid(uint64 index);
    /// @notice More than was ever deposited.
    error Vault_NotDeposited(address token, uint256 amount, uint256 available);
    /// @notice The target did not take the ether.
    error Vault_PaymentFailed(address target);

    /// @notice Deposits `amount` wei for `to` and calls it with `data`.
    /// @dev Costs `amount` plus the message's fee; what is paid above comes back. If the call fails
    /// on L2, `to` is credited where there is no data, and the depositor's own L2 address where
    /// there is: a contract that was called with wrong data does not keep the money.
    function depositEther(address to, uint256 amount, uint64 gasLimit, bytes calldata data)
        external
        payable
        returns (uint64 inboxIndex);

    /// @notice The same, crediting `refundTo` if the call fails.
    function depositEtherWithRefund(
        address to,
        address refundTo,
        uint256 amount,
        uint64 gasLimit,
        bytes calldata data
    ) external payable returns (uint64 inboxIndex);

    /// @notice Deposits up to `amount` of `token` for `to`; what the vault's balance grows by counts.
    /// @dev Costs the fee of `tokenDepositGas(token)`; what is paid above comes back. Tokens whose
    /// balances shrink by themselves are not supported: their last holders may wait.
    function depositToken(address token, address to, uint256 amount)
        external
        payable
        returns (uint64 inboxIndex, uint256 received);

    /// @notice Pays a withdrawal. Anyone may call; a failed payment or call can be tried again.
    /// @dev A called target that catches failures of its own calls should demand the gas that they
    /// need: whoever calls this chooses how much there is.
    function withdraw(
        Commitment calldata commitment,
        Withdrawal calldata withdrawal,
        bytes32[32] calldata proof
    ) external;

    /// @notice Whether withdrawal `index` was paid.
    function isPaid(uint64 index) external view returns (bool);

    /// @notice What came in less what went out; `address(0)` stands for ether.
    function deposited(address token) external view returns (uint256);

    /// @notice L2 gas that the next deposit of `token` pays for.
    function tokenDepositGas(address token) external view returns (uint64);

    /// @notice The token's address on L2.
    function bridgedToken(address token) external view returns (address);

    /// @notice What the vault was created with.
    function config() external view returns (Config memory);
}

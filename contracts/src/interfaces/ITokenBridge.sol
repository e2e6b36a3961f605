// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Tokens from L1 (L2)
/// @notice Creates one `BridgedToken` per L1 token, mints what the vault took in, and burns what
/// goes back.
interface ITokenBridge {
    /// @notice What the constructor of a bridged token reads from its creator.
    struct TokenParameters {
        address l1Token;
        string name;
        string symbol;
        uint8 decimals;
    }

    /// @notice The token of `l1Token` was created.
    event TokenCreated(address indexed l1Token, address indexed token);
    /// @notice A deposit from L1 was credited.
    event DepositFinalized(
        address indexed l1Token, address indexed from, address indexed to, uint256 amount
    );
    /// @notice Tokens were burnt and recorded as withdrawal `outboxIndex`.
    event WithdrawalStarted(
        uint64 indexed outboxIndex,
        address indexed l1Token,
        address indexed from,
        address to,
        uint256 amount
    );

    /// @notice Only the vault's alias finalizes deposits.
    error TokenBridge_NotVault(address caller);
    /// @notice No deposit of this token has come.
    error TokenBridge_UnknownToken(address l1Token);
    /// @notice Nothing to withdraw.
    error TokenBridge_ZeroAmount();
    /// @notice Nobody to receive it.
    error TokenBridge_ZeroRecipient();

    /// @notice Credits `amount` to `to`; creates the token first if need be.
    /// @dev Called by the vault's alias alone, with gas that suffices; never fails then.
    function finalizeDeposit(
        TokenParameters calldata token,
        address from,
        address to,
        uint256 amount
    ) external;

    /// @notice Burns `amount` of the caller's tokens and withdraws them to `to` on L1.
    function withdraw(address l1Token, address to, uint256 amount)
        external
        returns (uint64 outboxIndex);

    /// @notice Read by the constructor of a bridged token, and empty at any other time.
    function parameters() external view returns (TokenParameters memory);

    /// @notice The address of the token of `l1Token`, created or not.
    function tokenOf(address l1Token) external view returns (address);

    /// @notice The vault on L1.
    function vault() external view returns (address);
}

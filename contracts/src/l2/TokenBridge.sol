// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Create2} from "@openzeppelin/contracts/utils/Create2.sol";

import {IBridgedToken} from "../interfaces/IBridgedToken.sol";
import {IOutbox} from "../interfaces/IOutbox.sol";
import {ITokenBridge} from "../interfaces/ITokenBridge.sol";
import {Aliasing} from "../libraries/Aliasing.sol";
import {Predeploys} from "../libraries/Predeploys.sol";
import {BridgedToken} from "./BridgedToken.sol";

/// @title Tokens from L1 (L2)
/// @dev A predeploy: no constructor runs; genesis sets slot 0.
contract TokenBridge is ITokenBridge {
    /// @inheritdoc ITokenBridge
    address public vault;
    /// @dev Set while a token is created.
    TokenParameters private _parameters;

    /// @inheritdoc ITokenBridge
    function finalizeDeposit(
        TokenParameters calldata token,
        address from,
        address to,
        uint256 amount
    ) external {
        // INVARIANT: tokens appear for what the vault took in.
        if (msg.sender != Aliasing.aliasOf(vault)) revert TokenBridge_NotVault(msg.sender);
        address bridged = tokenOf(token.l1Token);
        if (bridged.code.length == 0) _create(token);
        IBridgedToken(bridged).mint(to, amount);
        emit DepositFinalized(token.l1Token, from, to, amount);
    }

    /// @inheritdoc ITokenBridge
    function withdraw(address l1Token, address to, uint256 amount)
        external
        returns (uint64 outboxIndex)
    {
        if (to == address(0)) revert TokenBridge_ZeroRecipient();
        if (amount == 0) revert TokenBridge_ZeroAmount();
        address bridged = tokenOf(l1Token);
        if (bridged.code.length == 0) revert TokenBridge_UnknownToken(l1Token);
        IBridgedToken(bridged).burn(msg.sender, amount);
        outboxIndex = IOutbox(Predeploys.OUTBOX).withdrawToken(msg.sender, to, l1Token, amount);
        emit WithdrawalStarted(outboxIndex, l1Token, msg.sender, to, amount);
    }

    /// @inheritdoc ITokenBridge
    function parameters() external view returns (TokenParameters memory) {
        return _parameters;
    }

    /// @inheritdoc ITokenBridge
    function tokenOf(address l1Token) public view returns (address) {
        return Create2.computeAddress(_salt(l1Token), keccak256(type(BridgedToken).creationCode));
    }

    function _create(TokenParameters calldata token) private {
        _parameters = token;
        address created = address(new BridgedToken{salt: _salt(token.l1Token)}());
        delete _parameters;
        emit TokenCreated(token.l1Token, created);
    }

    function _salt(address l1Token) private pure returns (bytes32) {
        return bytes32(uint256(uint160(l1Token)));
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {Bytes} from "@openzeppelin/contracts/utils/Bytes.sol";

import {IBridgedToken} from "../interfaces/IBridgedToken.sol";
import {ITokenBridge} from "../interfaces/ITokenBridge.sol";

/// @title A token from L1 (L2)
/// @dev Its init code has no arguments, so that its address follows from the L1 token alone. `ERC20`
/// comes first in the inheritance: balances are at slot 0.
contract BridgedToken is ERC20, ERC20Permit, IBridgedToken {
    /// @inheritdoc IBridgedToken
    address public immutable bridge;
    /// @inheritdoc IBridgedToken
    address public immutable l1Token;
    uint8 private immutable DECIMALS;

    modifier onlyBridge() {
        // INVARIANT: supply on L2 follows what the vault holds on L1.
        if (msg.sender != bridge) revert BridgedToken_NotBridge(msg.sender);
        _;
    }

    constructor() ERC20(_name(), _symbol()) ERC20Permit(_domainName()) {
        ITokenBridge.TokenParameters memory parameters = ITokenBridge(msg.sender).parameters();
        bridge = msg.sender;
        l1Token = parameters.l1Token;
        DECIMALS = parameters.decimals;
    }

    /// @inheritdoc IBridgedToken
    function mint(address to, uint256 amount) external onlyBridge {
        _mint(to, amount);
    }

    /// @inheritdoc IBridgedToken
    function burn(address from, uint256 amount) external onlyBridge {
        _burn(from, amount);
    }

    /// @inheritdoc IERC20Metadata
    function decimals() public view override(ERC20, IERC20Metadata) returns (uint8) {
        return DECIMALS;
    }

    /// @inheritdoc IERC20Permit
    function nonces(address owner)
        public
        view
        override(ERC20Permit, IERC20Permit)
        returns (uint256)
    {
        return super.nonces(owner);
    }

    function _name() private view returns (string memory) {
        return ITokenBridge(msg.sender).parameters().name;
    }

    /// @dev `EIP712` refuses names of more than 31 bytes, and a deposit must never fail.
    function _domainName() private view returns (string memory name_) {
        name_ = _name();
        return bytes(name_).length <= 31 ? name_ : string(Bytes.slice(bytes(name_), 0, 31));
    }

    function _symbol() private view returns (string memory) {
        return ITokenBridge(msg.sender).parameters().symbol;
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";

/// @title A token from L1 (L2)
/// @notice ERC-20 with EIP-2612 permits. Balances are at storage slot 0 and the code never changes,
/// so that a balance can be proven from a state root alone. The name of the EIP-712 domain is the
/// token's, cut after 31 bytes; `eip712Domain` (ERC-5267) says it.
interface IBridgedToken is IERC20Metadata, IERC20Permit {
    /// @notice Only the bridge mints and burns.
    error BridgedToken_NotBridge(address caller);

    /// @notice Creates `amount` for `to`.
    function mint(address to, uint256 amount) external;

    /// @notice Destroys `amount` of `from`.
    function burn(address from, uint256 amount) external;

    /// @notice The bridge that created the token.
    function bridge() external view returns (address);

    /// @notice The token on L1.
    function l1Token() external view returns (address);
}

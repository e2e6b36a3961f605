// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title Token of a load (any chain)
/// @notice Worth nothing: whoever asks is given any amount. `mezz load` deploys it.
contract LoadToken is ERC20 {
    constructor() ERC20("Mezzanine load", "LOAD") {}

    /// @notice Gives each of the holders an amount.
    function mint(address[] calldata holders, uint256 each) external {
        for (uint256 index; index < holders.length; ++index) {
            _mint(holders[index], each);
        }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";

/// @title What a token calls itself
/// @notice Never reverts and takes bounded gas and memory, whatever the token does.
///
/// A caller cannot starve the reads to plant a false name: a call that gets less than its cap
/// leaves at most a 63rd of it, which does not suffice for the rest of a deposit.
library TokenMetadata {
    /// @dev Longest name or symbol, bytes; longer ones are cut.
    uint256 internal constant MAX_TEXT = 64;
    /// @dev Where a token does not say.
    uint8 internal constant DEFAULT_DECIMALS = 18;
    uint256 private constant GAS = 50_000;
    /// @dev Offset, length, contents.
    uint256 private constant MAX_RETURN = 64 + MAX_TEXT;

    /// @notice Name, symbol and decimals of `token`; empty, empty and 18 if it does not say.
    function read(address token)
        internal
        view
        returns (string memory name, string memory symbol, uint8 decimals)
    {
        name = text(boundedRead(token, IERC20Metadata.name.selector));
        symbol = text(boundedRead(token, IERC20Metadata.symbol.selector));
        bytes memory number = boundedRead(token, IERC20Metadata.decimals.selector);
        decimals = DEFAULT_DECIMALS;
        if (number.length >= 32) {
            uint256 value = word(number, 0);
            // Casting is safe: the value was compared.
            if (value <= type(uint8).max) decimals = uint8(value);
        }
    }

    /// @notice The text in what a token returned: a string, or the `bytes32` of early tokens.
    function text(bytes memory returned) internal pure returns (string memory) {
        bool isString = returned.length >= 64 && word(returned, 0) == 32;
        if (isString) {
            uint256 length = word(returned, 1);
            if (length > returned.length - 64) length = returned.length - 64;
            return string(slice(returned, 64, length));
        }
        if (returned.length != 32) return "";
        uint256 end = 0;
        while (end < 32 && returned[end] != 0) ++end;
        return string(slice(returned, 0, end));
    }

    function slice(bytes memory from, uint256 start, uint256 length)
        private
        pure
        returns (bytes memory part)
    {
        part = new bytes(length);
        for (uint256 i = 0; i < length; ++i) {
            part[i] = from[start + i];
        }
    }

    /// @dev Word `index` of `from`; the caller has checked that it is there.
    function word(bytes memory from, uint256 index) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(add(from, 32), shl(5, index)))
        }
    }

    /// @dev What a view without arguments returns, cut; empty if it fails.
    function boundedRead(address target, bytes4 selector)
        private
        view
        returns (bytes memory returned)
    {
        uint256 max = MAX_RETURN;
        uint256 gasCap = GAS;
        returned = new bytes(max);
        assembly ("memory-safe") {
            mstore(0, selector)
            let success := staticcall(gasCap, target, 0, 4, 0, 0)
            let size := mul(success, returndatasize())
            if gt(size, max) { size := max }
            returndatacopy(add(returned, 32), 0, size)
            mstore(returned, size)
        }
    }
}

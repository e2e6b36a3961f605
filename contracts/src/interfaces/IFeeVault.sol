// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Fees of the chain (L2)
/// @notice Beneficiary of every block: base fees, tips and data fees gather here.
interface IFeeVault {
    /// @notice Fees went to L1 as withdrawal `outboxIndex`.
    event FeesWithdrawn(uint64 indexed outboxIndex, address indexed recipient, uint256 amount);

    /// @notice Withdraws everything to the fee recipient on L1. Anyone may call.
    function withdraw() external returns (uint64 outboxIndex);

    /// @notice Who receives the fees on L1.
    function feeRecipient() external view returns (address);
}

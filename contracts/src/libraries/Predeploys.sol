// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Where the protocol's contracts are on L2
library Predeploys {
    address internal constant OUTBOX = 0x4d5a000000000000000000000000000000000001;
    address internal constant INBOX_CLOCK = 0x4d5a000000000000000000000000000000000002;
    address internal constant FEE_VAULT = 0x4D5a000000000000000000000000000000000003;
    address internal constant TOKEN_BRIDGE = 0x4D5A000000000000000000000000000000000004;
}

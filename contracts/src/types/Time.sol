// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @dev Seconds since the Unix epoch.
type Timestamp is uint64;

/// @dev Seconds.
type Duration is uint64;

using {isLess as <, isLessOrEqual as <=, plus} for Timestamp global;

/// @dev Reverts past year 5.8e11: both come from blocks and configuration.
function plus(Timestamp time, Duration duration) pure returns (Timestamp) {
    return Timestamp.wrap(Timestamp.unwrap(time) + Duration.unwrap(duration));
}

function isLess(Timestamp a, Timestamp b) pure returns (bool) {
    return Timestamp.unwrap(a) < Timestamp.unwrap(b);
}

function isLessOrEqual(Timestamp a, Timestamp b) pure returns (bool) {
    return Timestamp.unwrap(a) <= Timestamp.unwrap(b);
}

/// @dev The one place that reads the clock. 64 bits hold every block timestamp there will be.
function currentTime() view returns (Timestamp) {
    return Timestamp.wrap(uint64(block.timestamp));
}

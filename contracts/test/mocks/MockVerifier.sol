// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IVerifier, Verdict} from "../../src/interfaces/IVerifier.sol";

/// @title A proof system that says what a test tells it to
contract MockVerifier is IVerifier {
    mapping(bytes32 claimDigest => Verdict) private _verdicts;

    function set(bytes32 claimDigest, Verdict verdict) external {
        _verdicts[claimDigest] = verdict;
    }

    function verify(bytes32 claimDigest) external view returns (Verdict) {
        return _verdicts[claimDigest];
    }
}

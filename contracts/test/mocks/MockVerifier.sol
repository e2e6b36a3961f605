// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IVerifier, Verdict} from "../../src/interfaces/IVerifier.sol";

/// @title A proof system that says what a test tells it to
contract MockVerifier is IVerifier {
    mapping(bytes32 question => mapping(bytes32 post => Verdict)) private _verdicts;

    function set(bytes32 question, bytes32 post, Verdict verdict) external {
        _verdicts[question][post] = verdict;
    }

    function verify(bytes32 question, bytes32 post) external view returns (Verdict) {
        return _verdicts[question][post];
    }
}

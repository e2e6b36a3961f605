// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Hashing} from "../src/libraries/Hashing.sol";
import {OutboxTree} from "../src/libraries/OutboxTree.sol";
import {ClaimId} from "../src/types/ClaimId.sol";
import {
    Batch,
    Commitment,
    DataKind,
    DataVerdict,
    L1Facts,
    Message,
    MessageKind,
    Withdrawal,
    WithdrawalKind
} from "../src/types/Protocol.sol";
import {Timestamp} from "../src/types/Time.sol";
import {Test} from "./support/Test.sol";

/// @title The golden hashes of docs/formats.md
/// @dev The fixtures are those of crates/mezz-types/src/tests.rs.
contract FormatsTest is Test {
    using OutboxTree for OutboxTree.State;

    bytes32 private constant CONFIGURATION =
        0x6d166c776ab12260acff4d7e12a090da4bf190d4f2da5b6341af7201e58c277e;

    OutboxTree.State private _tree;

    function repeat(uint8 byte_) private pure returns (bytes32) {
        return bytes32(uint256(byte_) * (type(uint256).max / 0xff));
    }

    function account(uint8 byte_) private pure returns (address) {
        return address(uint160(uint256(repeat(byte_))));
    }

    function facts() private pure returns (L1Facts memory) {
        return
            L1Facts({
                number: 0x11, timestamp: Timestamp.wrap(0x22), baseFee: 0x33, blobBaseFee: 0x44
            });
    }

    function message() private pure returns (Message memory) {
        return Message({
            kind: MessageKind.Call,
            index: 7,
            facts: facts(),
            sender: account(0xa1),
            to: account(0xa2),
            refundTo: account(0xa3),
            value: 1e18,
            gasLimit: 100_000,
            data: hex"010203"
        });
    }

    function batch() private pure returns (Batch memory) {
        return Batch({
            parent: repeat(0xb1),
            index: 5,
            dataKind: DataKind.Blob,
            verdict: DataVerdict.Available,
            dataHash: repeat(0xb2),
            facts: facts(),
            inboxStart: 3,
            inboxEnd: 8,
            inboxAccumulator: repeat(0xb3),
            oldestUnconsumedTimestamp: Timestamp.wrap(0x55),
            poster: account(0xb4)
        });
    }

    function commitment() private pure returns (Commitment memory) {
        return Commitment({
            blockNumber: 9,
            blockHash: repeat(0xe1),
            timestamp: Timestamp.wrap(0x66),
            stateRoot: repeat(0xe2),
            outboxRoot: repeat(0xe3),
            nextInboxIndex: 8
        });
    }

    function withdrawal() private pure returns (Withdrawal memory) {
        return Withdrawal({
            index: 2,
            kind: WithdrawalKind.Call,
            sender: account(0xc1),
            target: account(0xc2),
            token: address(0),
            amount: 12_345,
            data: hex"090807"
        });
    }

    function claimDigest() private pure returns (bytes32) {
        return Hashing.claim(
            CONFIGURATION,
            Hashing.ClaimTerms({
                pre: repeat(0xf1),
                batchStart: repeat(0xf2),
                batchEnd: repeat(0xf3),
                inboxStart: repeat(0xf4),
                inboxEnd: repeat(0xf5),
                post: Hashing.commitment(commitment())
            })
        );
    }

    function test_hash_goldenFixtures_hold() public pure {
        bytes32 hash = Hashing.message(message());
        golden("message", hash, 0xb450ea782d8079423806be59b3e0239ecf6d3e3cc209f174130811cc11acca72);
        golden(
            "accumulator",
            Hashing.nextAccumulator(0, hash),
            0x2b0e97848d09b159a3669e91a501f8daeff6574671e308470a5ee16af5009a58
        );
        golden(
            "batch",
            Hashing.batch(batch()),
            0x91b57f2b27ac189d9dd0105306b492725b9e77453736dd9fd7bdc3d7772dc2ea
        );
        golden(
            "withdrawal",
            Hashing.withdrawal(withdrawal()),
            0xe6f99695197ee82ae9427e57d3e07286809ec1d5c76c10ce63236be2658017c0
        );
        golden(
            "commitment",
            Hashing.commitment(commitment()),
            0xe0f6b404df84501b08cb4c7f52504f63906feaacbc34b75ecc76528544631d81
        );
        golden(
            "claim",
            claimDigest(),
            0x51d15f336fdf7d85142fe42f2f8f97c9b742df2ac9df5d4ea02c66fe2c581e16
        );
        golden(
            "claim id",
            ClaimId.unwrap(Hashing.claimId(ClaimId.wrap(repeat(0xf6)), claimDigest())),
            0x7a6478736e1959a853a7cf80bc57b817c022bb9c7a75ecd72ddee21197e31c91
        );
        golden(
            "genesis",
            Hashing.genesis(CONFIGURATION, Hashing.commitment(commitment())),
            0x1a4bebda603ec035ad3d2d5e404ab11ca0e5ac0c52604468cc278b484c96ece3
        );
    }

    function test_hash_messageWithoutData_holds() public pure {
        Message memory marker = message();
        bytes32 before = Hashing.message(marker);
        marker.data = "";
        vm.assertNotEq(Hashing.message(marker), before, "data is part of the hash");
    }

    function test_push_anyLeaves_giveTheRootMadeTheSlowWay() public {
        for (uint256 count = 1; count <= 9; ++count) {
            _tree.push(keccak256(abi.encode(count)));
            vm.assertEq(_tree.count, count, "count");
            vm.assertEq(_tree.root, slowRoot(count), "root");
        }
    }

    function test_slowRoot_noLeaves_isTheEmptyRoot() public pure {
        golden(
            "empty outbox",
            slowRoot(0),
            0x27ae5ba08d7291c96c8cbddcc148bf48a6d68c7974b94356f53754ef6171d757
        );
    }

    /// @dev All nodes of each level, from leaves `keccak256(1)`, `keccak256(2)`, …
    function slowRoot(uint256 count) private pure returns (bytes32) {
        bytes32[] memory level = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            level[i] = keccak256(abi.encode(i + 1));
        }
        bytes32 empty;
        for (uint256 height = 0; height < 32; ++height) {
            bytes32[] memory next = new bytes32[]((level.length + 1) / 2);
            for (uint256 i = 0; i < next.length; ++i) {
                bytes32 right = 2 * i + 1 < level.length ? level[2 * i + 1] : empty;
                next[i] = keccak256(bytes.concat(level[2 * i], right));
            }
            level = next;
            empty = keccak256(bytes.concat(empty, empty));
        }
        return level.length == 0 ? empty : level[0];
    }

    function golden(string memory name, bytes32 got, bytes32 expected) private pure {
        vm.assertEq(got, expected, name);
    }
}

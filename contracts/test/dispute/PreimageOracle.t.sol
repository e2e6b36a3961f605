// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IPreimageOracle} from "../../src/interfaces/IPreimageOracle.sol";
import {Test} from "../support/Test.sol";

contract PreimageOracleTest is Test {
    uint256 private constant KECCAK256 = 1;
    uint256 private constant SHA256 = 2;
    uint256 private constant TRIE_NODE = 3;
    uint256 private constant BLOB = 5;

    // Element 1,234 of the blob whose element i is i² + 7, as crates/mezz-crypto proves it.
    bytes32 private constant HASH =
        0x012fbcce4b727c5aac28fa0f5223d397bc6050019d43728e2fbdb8c1c3df6598;
    uint256 private constant INDEX = 1234;
    bytes32 private constant ELEMENT = bytes32(INDEX * INDEX + 7);
    bytes private constant COMMITMENT =
        hex"9557ada58d1ea7f48806d66720bb05d148ce52dfab866d26b638e3c838db4d390a37ff3ea7fedf29e9c9181b3ea9e589";
    bytes private constant PROOF =
        hex"8a68176000b6b6e18a98ebc28e13f1e1575b0788d7d32da3a82673c38eed55e6b96769b9dd3ff52d1245040af5dee697";

    IPreimageOracle private oracle;

    function setUp() public {
        oracle = IPreimageOracle(create("PreimageOracle", ""));
    }

    function preimage(uint256 length) private pure returns (bytes memory made) {
        made = new bytes(length);
        for (uint256 i = 0; i < length; ++i) {
            made[i] = bytes1(uint8(i * 7 + 1));
        }
    }

    /// @dev Bytes `offset` to `offset + 31`, zeros past the end.
    function leafOf(bytes memory all, uint256 offset) private pure returns (bytes32 leaf) {
        for (uint256 i = 0; i < 32 && offset + i < all.length; ++i) {
            leaf |= bytes32(all[offset + i]) >> (8 * i);
        }
    }

    function expectUnknown(uint256 kind, bytes32 key, uint256 offset) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                IPreimageOracle.PreimageOracle_Unknown.selector, kind, key, offset
            )
        );
    }

    function test_put_fuzz_isReadAsItIs(uint256 length, uint256 offset, bool isSha) public {
        length = bound(length, 0, 500);
        offset = bound(offset, 0, 20) * 32;
        bytes memory all = preimage(length);
        uint256 kind = isSha ? SHA256 : KECCAK256;
        bytes32 key = isSha ? sha256(all) : keccak256(all);
        bytes32 made = isSha ? oracle.putSha256(all, offset) : oracle.putKeccak256(all, offset);
        vm.assertEq(made, key, "key");
        (uint256 known, bytes32 leaf) = oracle.part(kind, key, offset);
        vm.assertEq(known, length, "length");
        vm.assertEq(leaf, leafOf(all, offset), "leaf");
        // At the end nobody has to put anything.
        (known, leaf) = oracle.part(kind, key, (length + 31) / 32 * 32);
        vm.assertEq(known, length, "length at the end");
        vm.assertEq(leaf, bytes32(0), "nothing at the end");
    }

    function test_part_ofAnother_reverts() public {
        bytes memory all = preimage(100);
        bytes32 key = oracle.putKeccak256(all, 32);
        expectUnknown(KECCAK256, key, 0);
        oracle.part(KECCAK256, key, 0);
        expectUnknown(KECCAK256, key, 33);
        oracle.part(KECCAK256, key, 33);
        expectUnknown(SHA256, key, 0);
        oracle.part(SHA256, key, 32);
        expectUnknown(4, key, 0);
        oracle.part(4, key, 32);
        expectUnknown(TRIE_NODE, key, 32);
        oracle.part(TRIE_NODE, key, 32);
        expectUnknown(BLOB, key, 32);
        oracle.part(BLOB, key, 32);
    }

    function test_part_isZeroBytes_isKnown() public {
        bytes memory all = new bytes(64);
        bytes32 key = oracle.putKeccak256(all, 32);
        (uint256 length, bytes32 leaf) = oracle.part(KECCAK256, key, 32);
        vm.assertEq(length, 64, "length");
        vm.assertEq(leaf, bytes32(0), "leaf");
        expectUnknown(KECCAK256, key, 0);
        oracle.part(KECCAK256, key, 0);
    }

    function test_put_atItsBound_andBeyond() public {
        bytes memory largest = new bytes(98_304);
        (uint256 length,) = oracle.part(KECCAK256, oracle.putKeccak256(largest, 98_272), 98_272);
        vm.assertEq(length, 98_304, "length");
        bytes memory larger = new bytes(98_305);
        bytes memory refused =
            abi.encodeWithSelector(IPreimageOracle.PreimageOracle_Length.selector, 98_305);
        vm.expectRevert(refused);
        oracle.putKeccak256(larger, 0);
        vm.expectRevert(refused);
        oracle.putSha256(larger, 0);
    }

    function test_put_offsetBetweenParts_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(IPreimageOracle.PreimageOracle_Offset.selector, 31));
        oracle.putKeccak256(preimage(100), 31);
    }

    function test_putTrieNode_countsForBothTopBits() public {
        bytes memory node = preimage(64);
        bytes32 hash = sha256(node);
        bytes32 top = bytes32(uint256(1) << 255);
        oracle.putTrieNode(node, 32);
        for (uint256 i = 0; i < 2; ++i) {
            bytes32 key = i == 0 ? hash | top : hash & ~top;
            (uint256 length, bytes32 leaf) = oracle.part(TRIE_NODE, key, 32);
            vm.assertEq(length, 64, "length");
            vm.assertEq(leaf, leafOf(node, 32), "leaf");
        }
        bytes32 other = (hash & ~top) ^ bytes32(uint256(1));
        expectUnknown(TRIE_NODE, other, 32);
        oracle.part(TRIE_NODE, other, 32);
    }

    function test_putTrieNode_ofAnotherLength_reverts() public {
        for (uint256 length = 63; length < 66; length += 2) {
            vm.expectRevert(
                abi.encodeWithSelector(IPreimageOracle.PreimageOracle_Length.selector, length)
            );
            oracle.putTrieNode(preimage(length), 0);
        }
    }

    function test_putBlobElement_proven_isThere() public {
        oracle.putBlobElement(HASH, INDEX, ELEMENT, COMMITMENT, PROOF);
        (uint256 length, bytes32 leaf) = oracle.part(BLOB, HASH, INDEX * 32);
        vm.assertEq(length, 131_072, "length");
        vm.assertEq(leaf, ELEMENT, "element");
        (length, leaf) = oracle.part(BLOB, HASH, 131_072);
        vm.assertEq(length, 131_072, "length at the end");
        expectUnknown(BLOB, HASH, INDEX * 32 + 32);
        oracle.part(BLOB, HASH, INDEX * 32 + 32);
    }

    function test_putBlobElement_notProven_reverts() public {
        bytes memory refused =
            abi.encodeWithSelector(IPreimageOracle.PreimageOracle_BadProof.selector, HASH, INDEX);
        vm.expectRevert(refused);
        oracle.putBlobElement(HASH, INDEX, bytes32(uint256(ELEMENT) + 1), COMMITMENT, PROOF);
        vm.expectRevert(refused);
        oracle.putBlobElement(HASH, INDEX, ELEMENT, COMMITMENT, COMMITMENT);
        // The element itself, but at another place.
        vm.expectRevert(
            abi.encodeWithSelector(
                IPreimageOracle.PreimageOracle_BadProof.selector, HASH, INDEX + 1
            )
        );
        oracle.putBlobElement(HASH, INDEX + 1, ELEMENT, COMMITMENT, PROOF);
        bytes32 other = HASH ^ bytes32(uint256(1));
        vm.expectRevert(
            abi.encodeWithSelector(IPreimageOracle.PreimageOracle_BadProof.selector, other, INDEX)
        );
        oracle.putBlobElement(other, INDEX, ELEMENT, COMMITMENT, PROOF);
    }

    function test_putBlobElement_malformed_reverts() public {
        vm.expectRevert(
            abi.encodeWithSelector(IPreimageOracle.PreimageOracle_Offset.selector, 131_072)
        );
        oracle.putBlobElement(HASH, 4096, ELEMENT, COMMITMENT, PROOF);
        // Bytes moved from one field to the next are not the same input.
        bytes memory refused =
            abi.encodeWithSelector(IPreimageOracle.PreimageOracle_Length.selector, 49);
        vm.expectRevert(refused);
        oracle.putBlobElement(HASH, INDEX, ELEMENT, bytes.concat(COMMITMENT, PROOF[0]), PROOF);
        vm.expectRevert(refused);
        oracle.putBlobElement(HASH, INDEX, ELEMENT, COMMITMENT, bytes.concat(PROOF, PROOF[0]));
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IPreimageOracle} from "../interfaces/IPreimageOracle.sol";

/// @title Parts of preimages that were shown to L1
/// @notice Anybody puts a part there, and what is there was checked: it never changes, and is never
/// wrong. The kinds are those of docs/machine.md, section 3.
contract PreimageOracle is IPreimageOracle {
    uint256 private constant KECCAK256 = 1;
    uint256 private constant SHA256 = 2;
    uint256 private constant TRIE_NODE = 3;
    uint256 private constant BLOB = 5;

    uint256 private constant LEAF_BYTES = 32;
    uint256 private constant MAX_BYTES = 98_304;
    uint256 private constant TRIE_NODE_BYTES = 64;
    uint256 private constant BLOB_BYTES = 131_072;
    /// The top bit tells leaves from nodes in references to them, and is no part of the hash.
    bytes32 private constant TRIE_NODE_MASK = bytes32(type(uint256).max >> 1);

    // EIP-4844.
    address private constant POINT_EVALUATION = address(0x0a);
    uint256 private constant BLOB_ELEMENTS = 4096;
    uint256 private constant BLOB_ELEMENT_BITS = 12;
    uint256 private constant ORDER =
        0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001;
    /// 7^((ORDER − 1) / 4096) modulo ORDER.
    uint256 private constant ROOT =
        0x564c0a11a0f704f4fc3e8acfe0f8245f0ad1347b378fbf96e206da11a5d36306;

    /// The length of a preimage, and one more: 0 if it is not known.
    mapping(uint256 kind => mapping(bytes32 key => uint256)) private _lengths;
    mapping(uint256 kind => mapping(bytes32 key => mapping(uint256 offset => Part))) private _parts;

    struct Part {
        bool isKnown;
        bytes32 leaf;
    }

    /// @inheritdoc IPreimageOracle
    function part(uint256 kind, bytes32 key, uint256 offset)
        external
        view
        returns (uint256 length, bytes32 leaf)
    {
        if (kind == TRIE_NODE) key &= TRIE_NODE_MASK;
        length = lengthOf(kind, key);
        if (offset >= length) return (length, 0);
        Part storage known = _parts[kind][key][offset];
        if (!known.isKnown) revert PreimageOracle_Unknown(kind, key, offset);
        leaf = known.leaf;
    }

    /// @inheritdoc IPreimageOracle
    function putKeccak256(bytes calldata preimage, uint256 offset) external returns (bytes32 key) {
        key = keccak256(preimage);
        put(KECCAK256, key, preimage, offset);
    }

    /// @inheritdoc IPreimageOracle
    function putSha256(bytes calldata preimage, uint256 offset) external returns (bytes32 key) {
        key = sha256(preimage);
        put(SHA256, key, preimage, offset);
    }

    /// @inheritdoc IPreimageOracle
    function putTrieNode(bytes calldata preimage, uint256 offset) external returns (bytes32 key) {
        if (preimage.length != TRIE_NODE_BYTES) revert PreimageOracle_Length(preimage.length);
        key = sha256(preimage) & TRIE_NODE_MASK;
        put(TRIE_NODE, key, preimage, offset);
    }

    /// @inheritdoc IPreimageOracle
    function putBlobElement(
        bytes32 versionedHash,
        uint256 index,
        bytes32 element,
        bytes calldata commitment,
        bytes calldata proof
    ) external {
        if (index >= BLOB_ELEMENTS) {
            revert PreimageOracle_Offset(index * LEAF_BYTES);
        }
        if (commitment.length != 48) revert PreimageOracle_Length(commitment.length);
        if (proof.length != 48) revert PreimageOracle_Length(proof.length);
        bytes32 point = bytes32(pointOf(index));
        // The precompile fails unless the commitment has the versioned hash and the element is the
        // value at the point.
        (bool holds, bytes memory answer) = POINT_EVALUATION.staticcall(
            abi.encodePacked(versionedHash, point, element, commitment, proof)
        );
        // Where there is no precompile, a call succeeds and answers nothing.
        if (!holds || answer.length != 64) revert PreimageOracle_BadProof(versionedHash, index);
        _parts[BLOB][versionedHash][index * LEAF_BYTES] = Part(true, element);
        emit PartPut(BLOB, versionedHash, index * LEAF_BYTES);
    }

    function put(uint256 kind, bytes32 key, bytes calldata preimage, uint256 offset) private {
        if (preimage.length > MAX_BYTES) revert PreimageOracle_Length(preimage.length);
        if (offset % LEAF_BYTES != 0) revert PreimageOracle_Offset(offset);
        _lengths[kind][key] = preimage.length + 1;
        // At the end or past it there is only the length to know.
        if (offset < preimage.length) {
            bytes calldata rest = preimage[offset:];
            if (rest.length > LEAF_BYTES) rest = rest[:LEAF_BYTES];
            _parts[kind][key][offset] = Part(true, bytes32(rest));
        }
        emit PartPut(kind, key, offset);
    }

    function lengthOf(uint256 kind, bytes32 key) private view returns (uint256) {
        if (kind == TRIE_NODE) return TRIE_NODE_BYTES;
        if (kind == BLOB) return BLOB_BYTES;
        uint256 known = _lengths[kind][key];
        if (known == 0) revert PreimageOracle_Unknown(kind, key, 0);
        return known - 1;
    }

    /// The root of unity at which the blob's polynomial has element `index`: its exponent is the
    /// index with its 12 bits the other way round.
    function pointOf(uint256 index) private pure returns (uint256 point) {
        point = 1;
        // The highest bit of the exponent, the lowest of the index, comes first.
        for (uint256 bit = 0; bit < BLOB_ELEMENT_BITS; ++bit) {
            point = mulmod(point, point, ORDER);
            if ((index >> bit) & 1 == 1) point = mulmod(point, ROOT, ORDER);
        }
    }
}

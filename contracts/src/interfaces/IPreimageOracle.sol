// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Where steps read preimages
/// @notice Kinds and keys are those of docs/machine.md, section 3. An offset is a multiple of 32.
interface IPreimageOracle {
    /// @notice A part is there from now on.
    event PartPut(uint256 indexed kind, bytes32 indexed key, uint256 offset);

    /// @notice Nobody has put it there.
    error PreimageOracle_Unknown(uint256 kind, bytes32 key, uint256 offset);
    /// @notice Bytes of a length that they cannot have.
    error PreimageOracle_Length(uint256 length);
    /// @notice No part begins there.
    error PreimageOracle_Offset(uint256 offset);
    /// @notice The element is not shown to be the blob's.
    error PreimageOracle_BadProof(bytes32 versionedHash, uint256 index);

    /// @notice 32 bytes of a preimage from `offset` on, zeros past its end, and the length of the
    /// whole. Reverts if nobody has put them there.
    function part(uint256 kind, bytes32 key, uint256 offset)
        external
        view
        returns (uint256 length, bytes32 leaf);

    /// @notice Puts 32 bytes of a preimage of kind 1 there, at most 98,304 bytes long. At its end or
    /// past it, its length alone.
    function putKeccak256(bytes calldata preimage, uint256 offset) external returns (bytes32 key);

    /// @notice The same for kind 2.
    function putSha256(bytes calldata preimage, uint256 offset) external returns (bytes32 key);

    /// @notice The same for kind 3: 64 bytes, whose key counts with either top bit.
    function putTrieNode(bytes calldata preimage, uint256 offset) external returns (bytes32 key);

    /// @notice Puts element `index` of a blob there, which is its 32 bytes at `32 index`, with the
    /// opening of the blob's commitment that EIP-4844's precompile takes.
    function putBlobElement(
        bytes32 versionedHash,
        uint256 index,
        bytes32 element,
        bytes calldata commitment,
        bytes calldata proof
    ) external;
}

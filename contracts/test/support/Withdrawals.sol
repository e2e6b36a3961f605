// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Hashing} from "../../src/libraries/Hashing.sol";
import {Commitment, Withdrawal, WithdrawalKind} from "../../src/types/Protocol.sol";
import {InboxLogs} from "./InboxLogs.sol";

/// @title An outbox that a test fills and makes final
/// @dev The tree is kept whole, the slow way, unlike the product's.
abstract contract Withdrawals is InboxLogs {
    Withdrawal[] internal recorded;
    Commitment internal finalCommitment;

    function record(WithdrawalKind kind, address target, address token, uint256 amount)
        internal
        returns (Withdrawal memory)
    {
        return record(kind, target, token, amount, "");
    }

    function record(
        WithdrawalKind kind,
        address target,
        address token,
        uint256 amount,
        bytes memory data
    ) internal returns (Withdrawal memory) {
        recorded.push(
            Withdrawal({
                index: uint64(recorded.length),
                kind: kind,
                sender: address(0x5e4d),
                target: target,
                token: token,
                amount: amount,
                data: data
            })
        );
        return recorded[recorded.length - 1];
    }

    function recordFrom(bytes memory encoded) internal {
        recorded.push(abi.decode(encoded, (Withdrawal)));
    }

    /// @dev Makes a commitment to all that was recorded final.
    function settle() internal {
        finalCommitment = commitmentOf("settled");
        finalCommitment.outboxRoot = node(32, 0);
        makeFinal(finalCommitment);
    }

    function proofOf(uint256 index) internal view returns (bytes32[32] memory proof) {
        for (uint256 height = 0; height < 32; ++height) {
            proof[height] = node(height, (index >> height) ^ 1);
        }
    }

    function pay(Withdrawal memory withdrawal) internal {
        vault.withdraw(finalCommitment, withdrawal, proofOf(withdrawal.index));
    }

    /// @dev Node `position` at `height`, from the leaves up.
    function node(uint256 height, uint256 position) internal view returns (bytes32) {
        if (position << height >= recorded.length) return emptyNode(height);
        if (height == 0) return Hashing.withdrawal(recorded[position]);
        return
            keccak256(
                bytes.concat(node(height - 1, 2 * position), node(height - 1, 2 * position + 1))
            );
    }

    function emptyNode(uint256 height) private pure returns (bytes32 empty) {
        for (uint256 i = 0; i < height; ++i) {
            empty = keccak256(bytes.concat(empty, empty));
        }
    }

    function giveVaultEther(uint256 amount) internal {
        uint256 fee = inbox.quote(100_000);
        vm.prank(ALICE, ALICE);
        vault.depositEther{value: amount + fee}(ALICE, amount, 100_000, "");
    }
}

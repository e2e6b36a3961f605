// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ClaimId, LineId} from "../types/ClaimId.sol";
import {Duration, Timestamp} from "../types/Time.sol";
import {Verdict} from "./IVerifier.sol";

/// @title The tree of claims, under the optimistic policy
/// @notice A claim says that the batches from its parent's end to its own lead to `post`. It is
/// final when its parent is the last final claim, its window is over, and it stands alone in its
/// range (parent, batch end) or the proof system chose it. A range with two claims is frozen until
/// the proof system speaks; without one it stays frozen, which decides nothing.
///
/// Bonds. A proposer's line of claims, each the child of the one before, stands under one bond,
/// which moves along with its tip. A claim that the proof system rejects costs its line the bond:
/// half is burnt, so that nobody gains by contesting himself, and half waits for the proposer of
/// the claim that becomes final in that range. A line whose branch merely lost the race to another
/// final claim gets its bond back.
interface ISettlement {
    /// @notice What the settlement is created with.
    struct Config {
        /// Hash of the chain's configuration.
        bytes32 configHash;
        /// Hash of the commitment of block 0.
        bytes32 genesisCommitmentHash;
        /// The `IInbox` whose batches are claimed about.
        address inbox;
        /// The `IVerifier`; zero if there is no proof system yet.
        address verifier;
        /// Time in which a claim can be contested.
        Duration window;
        /// Wei that one line of claims puts up.
        uint128 bond;
        /// Most batches that one claim covers.
        uint64 maxBatchesPerClaim;
    }

    /// @notice What a proposer expects L1 to be like; anything else reverts.
    struct ProposeInput {
        /// The claim that this one follows.
        ClaimId parent;
        /// One past the last batch covered.
        uint64 batchEnd;
        /// Hash of the commitment after that batch.
        bytes32 post;
        /// Batch accumulator at `batchEnd`.
        bytes32 batchAccumulator;
        /// Inbox accumulator where that batch ends.
        bytes32 inboxAccumulator;
    }

    /// @notice What became of a claim.
    enum ClaimStatus {
        /// There is no such claim.
        None,
        /// Neither final nor dead.
        Open,
        /// Its `post` is final.
        Final,
        /// The proof system rejected it, or chose another in its range.
        Lost,
        /// Another branch is final, or its parent is dead.
        Superseded
    }

    /// @notice What is kept of a claim.
    struct Claim {
        ClaimId parent;
        bytes32 post;
        uint64 batchEnd;
        LineId line;
        Timestamp proposedAt;
        ClaimStatus status;
    }

    /// @notice The claims with one parent and one batch end.
    struct Range {
        /// No rival is accepted from here on.
        Timestamp windowEnd;
        /// Claims that no verdict rejected.
        uint64 alive;
        /// The claim that the proof system chose; zero if none.
        ClaimId winner;
        /// Wei from rejected lines, for the proposer of the claim that becomes final.
        uint256 pot;
    }

    /// @notice A proposer's claims, each the child of the one before.
    struct Line {
        address owner;
        /// Whether the bond is still here.
        bool bonded;
        /// Its last claim.
        ClaimId tip;
    }

    /// @notice A claim was proposed; rivals are accepted before `windowEnd`.
    event ClaimProposed(
        ClaimId indexed id,
        ClaimId indexed parent,
        address indexed proposer,
        uint64 batchEnd,
        bytes32 post,
        bytes32 digest,
        LineId line,
        Timestamp windowEnd
    );
    /// @notice `rival` joined a range that had a claim already; the range is frozen.
    event RangeContested(ClaimId indexed parent, uint64 indexed batchEnd, ClaimId rival);
    /// @notice The proof system spoke about a claim.
    event ClaimResolved(ClaimId indexed id, Verdict verdict);
    /// @notice A claim lost its range.
    event ClaimLost(ClaimId indexed id);
    /// @notice Another branch became final.
    event ClaimSuperseded(ClaimId indexed id);
    /// @notice `post` is final.
    event ClaimFinalized(ClaimId indexed id, uint64 indexed batchEnd, bytes32 post);
    /// @notice A new line put up a bond.
    event BondPosted(LineId indexed line, address indexed owner, uint256 amount);
    /// @notice The bond of a line stands behind its new tip as well.
    event BondMoved(LineId indexed line, ClaimId from, ClaimId to);
    /// @notice The bond of a line went back to its owner.
    event BondWithdrawn(LineId indexed line, address indexed owner, uint256 amount);
    /// @notice The bond of a line is gone: part of it is out of reach for ever.
    event BondForfeited(LineId indexed line, ClaimId claim, uint256 burnt, uint256 pot);
    /// @notice `owner` may withdraw `amount` more.
    event RewardCredited(address indexed owner, uint256 amount);
    /// @notice Rewards were paid.
    event RewardWithdrawn(address indexed owner, uint256 amount);

    /// @notice The window, the bond or the batch limit is zero, or the inbox has another genesis.
    error Settlement_BadConfig();
    /// @notice There is no such claim.
    error Settlement_UnknownClaim(ClaimId id);
    /// @notice The claim is final, lost or superseded already.
    error Settlement_NotOpen(ClaimId id);
    /// @notice The parent is dead, or final with a final child.
    error Settlement_DeadParent(ClaimId parent);
    /// @notice The claim is there already.
    error Settlement_DuplicateClaim(ClaimId id);
    /// @notice The claim covers no batch, too many, or one that does not exist.
    error Settlement_BadRange(uint64 batchStart, uint64 batchEnd, uint64 max);
    /// @notice L1 has other batches than the proposer expects.
    error Settlement_WrongBatchAccumulator(bytes32 expected, bytes32 actual);
    /// @notice L1 has other messages than the proposer expects.
    error Settlement_WrongInboxAccumulator(bytes32 expected, bytes32 actual);
    /// @notice The window of the range is over.
    error Settlement_WindowOver(Timestamp windowEnd);
    /// @notice The window of the range is not over.
    error Settlement_WindowOpen(Timestamp windowEnd);
    /// @notice The proof system chose a claim of this range.
    error Settlement_RangeDecided(ClaimId winner);
    /// @notice The range has several claims and the proof system chose none.
    error Settlement_RangeFrozen(ClaimId id);
    /// @notice The parent is not the last final claim.
    error Settlement_ParentNotFinal(ClaimId parent);
    /// @notice Another bond than the one that is due.
    error Settlement_WrongBond(uint256 sent, uint256 due);
    /// @notice The proof system has not spoken.
    error Settlement_NoVerdict(ClaimId id);
    /// @notice Nothing shows that the claim is dead.
    error Settlement_NotDead(ClaimId id);
    /// @notice There is no such line.
    error Settlement_UnknownLine(LineId line);
    /// @notice The bond of the line is not here any more.
    error Settlement_NoBond(LineId line);
    /// @notice The tip of the line is neither final nor superseded.
    error Settlement_TipPending(ClaimId tip);
    /// @notice There is nothing to withdraw.
    error Settlement_NoReward(address owner);
    /// @notice The receiver did not take the ether.
    error Settlement_PaymentFailed(address receiver);

    /// @notice Proposes a claim. Extends the caller's line for nothing if the parent is its tip;
    /// otherwise opens a line with a new bond.
    function propose(ProposeInput calldata input) external payable returns (ClaimId id);

    /// @notice Asks the proof system about an open claim and records what it says.
    function resolve(ClaimId id) external;

    /// @notice Makes a claim final.
    function finalize(ClaimId id) external;

    /// @notice Records that claims are dead, in the order given: parents before their children.
    function prune(ClaimId[] calldata ids) external;

    /// @notice Sends the bond of a line back to its owner.
    function withdrawBond(LineId line) external;

    /// @notice Sends `owner` its rewards.
    function withdrawReward(address owner) external;

    /// @notice What is kept of a claim; its status is `None` if there is no such claim.
    function claim(ClaimId id) external view returns (Claim memory);

    /// @notice Everything that the claim says, as one hash.
    function claimDigest(ClaimId id) external view returns (bytes32);

    /// @notice What the proof system is asked about: the claim's digest with `post` zero.
    function question(ClaimId id) external view returns (bytes32);

    /// @notice Whether the claim is open, has a living rival, and no verdict chose one of them.
    function isContested(ClaimId id) external view returns (bool);

    /// @notice The claims with this parent and batch end, as a whole.
    function range(ClaimId parent, uint64 batchEnd) external view returns (Range memory);

    /// @notice A line of claims.
    function line(LineId id) external view returns (Line memory);

    /// @notice How many lines there are; the last has this id.
    function lineCount() external view returns (uint64);

    /// @notice Whether the chain was finally in the state with this commitment hash.
    function isFinalCommitment(bytes32 commitmentHash) external view returns (bool);

    /// @notice The last final claim.
    function latestFinal() external view returns (ClaimId id, Claim memory);

    /// @notice Whether `finalize` would succeed now.
    function isFinalizable(ClaimId id) external view returns (bool);

    /// @notice Wei that `owner` may withdraw as reward.
    function rewardOf(address owner) external view returns (uint256);

    /// @notice What the settlement was created with.
    function config() external view returns (Config memory);
}

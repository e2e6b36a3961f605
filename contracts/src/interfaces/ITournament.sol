// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ClaimId} from "../types/ClaimId.sol";
import {BracketId, Children, MatchKey, Pair} from "../types/Dispute.sol";
import {Duration, Timestamp} from "../types/Time.sol";
import {IVerifier} from "./IVerifier.sol";

/// @title The fault proof: which of several answers to a question is true
/// @notice A **question** is a claim's digest without its `post`; the program run on it halts with
/// the true `post` as output. A **commitment** is the root of a tree whose leaf i is the machine's
/// state at the end of interval i. Commitments enter a **bracket** with a bond and are matched in
/// pairs; a match bisects to the first interval about which the two differ, an **inner bracket**
/// with shorter intervals decides it, and on the last level one step carried out by `IMachineStep`
/// does. All rules: docs/disputes.md.
///
/// Anybody may move for either side of a match, but only with nodes that hash to the committed
/// root. Whoever moved is repaid when that side wins the match, out of the loser's bond; what is
/// left of it waits until a claim with the winning answer is final.
interface ITournament is IVerifier {
    /// @notice What the tournament is created with.
    struct Config {
        /// The `ISettlement` whose questions are decided.
        address settlement;
        /// The `IMachineStep` of the program.
        address machineStep;
        /// The `IPreimageOracle` that it asks.
        address oracle;
        /// Root of the memory of a fresh machine.
        bytes32 memoryRoot;
        /// Its first `pc`.
        uint64 entry;
        /// What a commitment's clock holds when its bracket opens.
        Duration allowance;
        /// What every move may take before the clock runs.
        Duration grace;
        /// Wei per gas up to which gas is repaid.
        uint128 gasPrice;
    }

    /// @notice What the bracket of level 0 is entered with.
    struct Answer {
        /// An open claim about the question.
        ClaimId claim;
        /// Under the root.
        Children children;
        /// The machine's last state (docs/machine.md, section 6), 362 bytes.
        bytes finalState;
        /// Of the last leaf, from the lowest up.
        bytes32[] siblings;
    }

    /// @notice What an inner bracket is entered with.
    struct Refinement {
        BracketId bracket;
        Children children;
        /// The last leaf.
        bytes32 last;
        /// Of the last leaf, from the lowest up.
        bytes32[] siblings;
    }

    /// @notice What a leaf is sealed with.
    struct Seal {
        /// The leaves of the side that moves.
        Children leaves;
        /// The leaf before the first that differs; ignored if there is none, or it is in `leaves`.
        bytes32 before;
        /// Of `before`, in the tree of the side that moves, from the lowest up; empty if it is ignored.
        bytes32[] siblings;
    }

    /// @notice A bracket as it is kept.
    struct Bracket {
        bytes32 question;
        /// The state from which the machine runs.
        bytes32 initial;
        /// Inner brackets: the last states that the two sides of the match above claim.
        bytes32 lastOfOne;
        bytes32 lastOfTwo;
        /// The commitment without an opponent; zero if none.
        bytes32 waiting;
        /// Zero if there is no such bracket.
        Timestamp openedAt;
        uint32 matches;
        uint8 level;
    }

    /// @notice A commitment in a bracket as it is kept.
    struct Seat {
        address owner;
        /// What its clock holds.
        Duration remaining;
        /// Matches that it won.
        uint16 wins;
        /// Level 0: whether the program halted with an answer. Inner: whether its last leaf is that
        /// of side one above.
        bool flag;
        /// Whether the bond is still here.
        bool isBonded;
        /// Level 0: the answer.
        bytes32 post;
    }

    /// @notice How far a match is.
    enum Phase {
        /// There is no such match, or it is over.
        None,
        /// The sides move in turn.
        Bisecting,
        /// The first interval that differs is known.
        Sealed
    }

    /// @notice A match as it is kept.
    struct Match {
        /// Bisecting: the node of the side whose turn it is, about which the sides differ. Sealed:
        /// the state before the interval that differs.
        bytes32 node;
        /// Bisecting: the children of the other side's node. Sealed: the state after the interval,
        /// by `one` and by `two`.
        bytes32 left;
        bytes32 right;
        /// Since when the clock runs.
        Timestamp since;
        /// Of the node in its level; sealed: of the leaf.
        uint32 index;
        /// Of the node above the leaves.
        uint8 height;
        /// Whether it is the turn of `two`.
        bool isTurnOfTwo;
        Phase phase;
    }

    event BracketOpened(
        BracketId indexed id, bytes32 indexed question, uint8 level, uint32 round, bytes32 initial
    );
    /// @notice A commitment entered with the bond of its level.
    event Entered(
        BracketId indexed bracket,
        bytes32 indexed root,
        address indexed owner,
        Children children,
        bytes32 last,
        Duration remaining
    );
    /// @notice `one` moves first; `children` are those of `two`.
    event Matched(
        BracketId indexed bracket, bytes32 indexed one, bytes32 indexed two, Children children
    );
    /// @notice The side whose turn it was showed its children, and those of the one that differs.
    event Advanced(
        MatchKey indexed key, uint8 height, uint32 index, Children children, Children next
    );
    /// @notice The first interval that differs is `index`.
    event Sealed(
        MatchKey indexed key, uint32 index, bytes32 before, bytes32 lastOfOne, bytes32 lastOfTwo
    );
    /// @notice A match was won.
    event Won(
        BracketId indexed bracket, MatchKey indexed key, bytes32 indexed winner, bytes32 loser
    );
    /// @notice Both sides are out.
    event Voided(BracketId indexed bracket, MatchKey indexed key, bytes32 one, bytes32 two);
    /// @notice Wei that `withdraw` pays.
    event Credited(address indexed owner, uint256 amount);
    event Withdrawn(address indexed owner, uint256 amount);

    error Tournament_BadConfig();
    error Tournament_WrongBond(uint256 got, uint256 expected);
    /// @notice No two claims about the question stand against each other.
    error Tournament_NotContested(ClaimId claim);
    error Tournament_UnknownBracket(BracketId bracket);
    error Tournament_EntryOver(BracketId bracket);
    error Tournament_AlreadyEntered(BracketId bracket, bytes32 root);
    /// @notice The siblings do not lead from the last leaf to the root.
    error Tournament_WrongLeaf(bytes32 root);
    /// @notice The last leaf is that of neither side of the match above.
    error Tournament_ForeignLeaf(bytes32 last);
    /// @notice The state has not 362 bytes.
    error Tournament_WrongState(uint256 length);
    /// @notice The children are not under the node.
    error Tournament_WrongChildren(bytes32 node);
    error Tournament_WrongPhase(MatchKey key, Phase phase);
    /// @notice `advance` above the leaves, `seal` at them.
    error Tournament_WrongHeight(uint8 height);
    error Tournament_WrongLevel(uint8 level);
    /// @notice The side's time is over.
    error Tournament_TimeOver(MatchKey key);
    /// @notice The side still has time until then.
    error Tournament_TimeLeft(Timestamp until);
    /// @notice The step leads to neither state, and what is shown does not void the match yet.
    error Tournament_WrongStep(bytes32 from);
    error Tournament_NotOver(BracketId bracket);
    error Tournament_NotFinal(ClaimId claim);
    error Tournament_Nothing(address owner);
    error Tournament_PaymentFailed(address owner);
    error Tournament_OracleFailed();

    /// @notice Enters the bracket of level 0 of a contested question, with `bondOf(0)` wei. The
    /// first entry opens it, and another round of it after one that both sides of every match lost.
    function enter(Answer calldata answer) external payable returns (BracketId bracket);

    /// @notice Enters an inner bracket, with the bond of its level.
    function refine(Refinement calldata refinement) external payable;

    /// @notice Moves for the side whose turn it is: `children` are under its node, `next` under that
    /// one of them which differs from the other side's.
    function advance(Pair calldata pair, Children calldata children, Children calldata next)
        external;

    /// @notice Moves for the side whose turn it is at the leaves; opens the inner bracket, or leaves
    /// the last word to `prove`.
    function seal(Pair calldata pair, Seal calldata input) external;

    /// @notice Carries out the step about which the sides differ. `oracleCall`, unless empty, is
    /// sent to the oracle first. `winner` are the children of the root of the side that is right;
    /// if neither is, the match is void.
    function prove(
        Pair calldata pair,
        bytes calldata witness,
        bytes calldata oracleCall,
        Children calldata winner
    ) external;

    /// @notice Ends a match by its inner bracket, which is over.
    function conclude(Pair calldata pair, Children calldata winner) external;

    /// @notice Ends a match whose side with the turn let its time run out: the other side wins. A
    /// match that waits for a step which nobody proves in time is void.
    function expire(Pair calldata pair, Children calldata winner) external;

    /// @notice Credits `mover` with the gas of its moves for `root` up to its win number `win`,
    /// counted from 0.
    function collect(BracketId bracket, bytes32 root, uint16 win, address mover) external;

    /// @notice Credits the owner of the winner of level 0 with its bond.
    function release(BracketId bracket) external;

    /// @notice Credits the owner of the winner of level 0 with what is left of the losers' bonds,
    /// once `claim`, which has the winning answer, is final.
    function reward(BracketId bracket, ClaimId claim) external;

    /// @notice Pays what `owner` is credited with.
    function withdraw(address owner) external;

    function config() external view returns (Config memory);
    /// @notice Wei that one commitment of the level puts up.
    function bondOf(uint8 level) external view returns (uint256);
    /// @notice The latest bracket of level 0 about the question; zero if none.
    function bracketOf(bytes32 question) external view returns (BracketId);
    function bracket(BracketId id) external view returns (Bracket memory);
    function seat(BracketId id, bytes32 root) external view returns (Seat memory);
    function matchOf(Pair calldata pair) external view returns (Match memory);
    /// @notice Whether nobody can enter any more and no match is open.
    function isOver(BracketId id) external view returns (bool);
    /// @notice What `mover` gets if `root` wins its match number `win`, counted from 0.
    function spent(BracketId id, bytes32 root, uint16 win, address mover)
        external
        view
        returns (uint256);
    function potOf(bytes32 question) external view returns (uint256);
    function creditOf(address owner) external view returns (uint256);
}

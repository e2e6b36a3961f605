// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ITournament} from "../../src/interfaces/ITournament.sol";
import {Verdict} from "../../src/interfaces/IVerifier.sol";
import {Brackets} from "../../src/libraries/Brackets.sol";
import {Hashing} from "../../src/libraries/Hashing.sol";
import {MachineState} from "../../src/libraries/MachineState.sol";
import {StateTree} from "../../src/libraries/StateTree.sol";
import {ClaimId} from "../../src/types/ClaimId.sol";
import {BracketId, Children, MatchKey, Pair} from "../../src/types/Dispute.sol";
import {Commitment} from "../../src/types/Protocol.sol";
import {Duration, Timestamp} from "../../src/types/Time.sol";
import {CountingMachine} from "../mocks/CountingMachine.sol";
import {World} from "./World.sol";

/// @title A contested claim, and players of any opinion
/// @dev The machine counts to LENGTH. A run is what somebody says of it: true before step `from`,
/// and after it the same with another memory, and another answer.
abstract contract DisputeWorld is World {
    using MachineState for bytes;

    /// In the third interval of level 0, the tenth of level 1.
    uint64 internal constant LENGTH = 2 * 2 ** 24 + 9 * 2 ** 12 + 40;
    bytes32 internal constant MEMORY_ROOT = keccak256("the memory of a fresh machine");
    uint64 internal constant ENTRY = 0x10000;
    uint64 internal constant ALLOWANCE = 10 hours;
    uint64 internal constant GRACE = 5 minutes;
    uint128 internal constant GAS_PRICE = 10 gwei;
    uint256 internal constant NO_LIE = type(uint256).max;

    address internal constant HONEST = address(0x40e5);
    address internal constant MALLORY = address(0x3a11);
    address internal constant TRUDY = address(0x7d0d);
    address internal constant PASSER = address(0x9a55);

    ITournament internal tournament;
    CountingMachine internal machine;
    bytes32 internal question;
    ClaimId internal truthful;
    ClaimId internal lying;

    /// What somebody says of the run.
    struct Run {
        /// First step whose state is another.
        uint256 from;
        bytes32 memoryRoot;
        bytes32 post;
    }

    /// A tree of which the leaves from some point on are the same.
    struct Tree {
        uint8 height;
        /// The heap over the first 2^k leaves; node 1 is its root.
        bytes32[] nodes;
        uint8 k;
        /// Trees over equal leaves, by height.
        bytes32[] same;
    }

    function setUp() public virtual override {
        super.setUp();
        machine = new CountingMachine(LENGTH, truthPost());
        address oracle = create("PreimageOracle", "");
        uint64 nonce = vm.getNonce(address(this));
        address settlement_ = vm.computeCreateAddress(address(this), nonce + 3);
        tournament =
            ITournament(create("Tournament", abi.encode(tournamentConfig(settlement_, oracle))));
        deploy(address(tournament));
        vm.assertEq(address(settlement), settlement_, "the settlement is where it was said");
        address[4] memory people = [HONEST, MALLORY, TRUDY, PASSER];
        for (uint256 i = 0; i < people.length; ++i) {
            vm.deal(people[i], 1000 ether);
        }
        contest();
    }

    function tournamentConfig(address settlement_, address oracle)
        internal
        view
        returns (ITournament.Config memory)
    {
        return ITournament.Config({
            settlement: settlement_,
            machineStep: address(machine),
            oracle: oracle,
            memoryRoot: MEMORY_ROOT,
            entry: ENTRY,
            allowance: Duration.wrap(ALLOWANCE),
            grace: Duration.wrap(GRACE),
            gasPrice: GAS_PRICE
        });
    }

    /// @dev One batch, the true claim, and one that lies.
    function contest() private {
        post();
        truthful = propose(HONEST, root(), 1, truthPost(), BOND);
        lying = propose(MALLORY, root(), 1, lie(1, 0).post, BOND);
        question = settlement.question(truthful);
    }

    function truthPost() internal pure returns (bytes32) {
        return Hashing.commitment(commitmentOf("truth"));
    }

    // Runs.

    function truth() internal pure returns (Run memory) {
        return Run({from: NO_LIE, memoryRoot: MEMORY_ROOT, post: truthPost()});
    }

    /// @dev Another run for every number, wrong from step `from` on.
    function lie(uint256 number, uint256 from) internal pure returns (Run memory) {
        return Run({
            from: from,
            memoryRoot: keccak256(abi.encode("lie", number)),
            post: keccak256(abi.encode("another post", number))
        });
    }

    /// @dev The state after `steps` steps, as the run has it.
    function stateAt(Run memory run, uint256 steps) internal view returns (bytes memory state) {
        bool isEnd = steps >= LENGTH;
        if (isEnd) steps = LENGTH;
        bool isTrue = steps < run.from;
        state = MachineState.fresh(isTrue ? MEMORY_ROOT : run.memoryRoot, ENTRY, question);
        assembly ("memory-safe") {
            let at := add(state, 320)
            mstore(at, or(shl(192, steps), and(mload(at), sub(shl(192, 1), 1))))
        }
        if (isEnd) {
            state.setExit(0);
            state.setOutput(isTrue ? truthPost() : run.post);
        }
    }

    /// @dev Its hash; memory is free again afterwards.
    function leafAt(Run memory run, uint256 steps) internal view returns (bytes32 leaf) {
        uint256 free;
        assembly ("memory-safe") {
            free := mload(0x40)
        }
        leaf = stateAt(run, steps).hash();
        assembly ("memory-safe") {
            mstore(0x40, free)
        }
    }

    function stride(uint8 level) internal pure returns (uint256) {
        return level == 0 ? 2 ** 24 : level == 1 ? 2 ** 12 : 1;
    }

    /// @dev The tree of a level over the run from step `base` on.
    function treeOf(Run memory run, uint8 level, uint256 base)
        internal
        view
        returns (Tree memory tree)
    {
        tree.height = StateTree.heightOf(level);
        uint256 step = stride(level);
        // Past this leaf the machine stands.
        uint256 distinct = base >= LENGTH ? 1 : (LENGTH - base + step - 1) / step;
        while (2 ** tree.k < distinct && tree.k < tree.height) ++tree.k;
        uint256 count = 2 ** tree.k;
        tree.nodes = new bytes32[](2 * count);
        for (uint256 i = 0; i < count; ++i) {
            tree.nodes[count + i] = leafAt(run, base + (i + 1) * step);
        }
        for (uint256 i = count - 1; i > 0; --i) {
            tree.nodes[i] = join(tree.nodes[2 * i], tree.nodes[2 * i + 1]);
        }
        tree.same = new bytes32[](tree.height);
        tree.same[0] = tree.nodes[2 * count - 1];
        for (uint256 h = 1; h < tree.height; ++h) {
            tree.same[h] = StateTree.join(tree.same[h - 1], tree.same[h - 1]);
        }
    }

    /// @dev The node over the leaves from `index << height` on.
    function node(Tree memory tree, uint256 height, uint256 index) internal pure returns (bytes32) {
        if (height > tree.k) {
            if (index != 0) return tree.same[height];
            return StateTree.join(node(tree, height - 1, 0), node(tree, height - 1, 1));
        }
        if (index >> (tree.k - height) != 0) return tree.same[height];
        return tree.nodes[(2 ** (tree.k - height)) + index];
    }

    /// @dev In scratch space, as millions are made.
    function join(bytes32 left, bytes32 right) private pure returns (bytes32 value) {
        assembly ("memory-safe") {
            mstore(0, left)
            mstore(32, right)
            value := keccak256(0, 64)
        }
    }

    function rootOf(Tree memory tree) internal pure returns (bytes32) {
        return node(tree, tree.height, 0);
    }

    /// @dev Below the node of `height`.
    function childrenOf(Tree memory tree, uint256 height, uint256 index)
        internal
        pure
        returns (Children memory)
    {
        return Children({
            left: node(tree, height - 1, 2 * index), right: node(tree, height - 1, 2 * index + 1)
        });
    }

    function top(Tree memory tree) internal pure returns (Children memory) {
        return childrenOf(tree, tree.height, 0);
    }

    function siblingsOf(Tree memory tree, uint256 index)
        internal
        pure
        returns (bytes32[] memory siblings)
    {
        siblings = new bytes32[](tree.height);
        for (uint256 h = 0; h < tree.height; ++h) {
            siblings[h] = node(tree, h, (index >> h) ^ 1);
        }
    }

    function lastSiblings(Tree memory tree) internal pure returns (bytes32[] memory) {
        return siblingsOf(tree, 2 ** tree.height - 1);
    }

    function lastOf(Tree memory tree) internal pure returns (bytes32) {
        return node(tree, 0, 2 ** tree.height - 1);
    }

    // Moves.

    function answerOf(Run memory run) internal view returns (ITournament.Answer memory) {
        Tree memory tree = treeOf(run, 0, 0);
        return ITournament.Answer({
            claim: truthful,
            children: top(tree),
            finalState: stateAt(run, LENGTH),
            siblings: lastSiblings(tree)
        });
    }

    function enter(address who, Run memory run) internal returns (bytes32) {
        ITournament.Answer memory answer = answerOf(run);
        uint256 bond = tournament.bondOf(0);
        vm.prank(who, who);
        tournament.enter{value: bond}(answer);
        return rootOf(treeOf(run, 0, 0));
    }

    function refinementOf(BracketId id, Run memory run, uint8 level, uint256 base)
        internal
        view
        returns (ITournament.Refinement memory)
    {
        Tree memory tree = treeOf(run, level, base);
        return ITournament.Refinement({
            bracket: id, children: top(tree), last: lastOf(tree), siblings: lastSiblings(tree)
        });
    }

    function refine(address who, BracketId id, Run memory run, uint8 level, uint256 base)
        internal
        returns (bytes32)
    {
        ITournament.Refinement memory refinement = refinementOf(id, run, level, base);
        uint256 bond = tournament.bondOf(level);
        vm.prank(who, who);
        tournament.refine{value: bond}(refinement);
        return rootOf(treeOf(run, level, base));
    }

    function keyOf(Pair memory pair) internal pure returns (MatchKey) {
        return Brackets.keyOf(pair);
    }

    function innerOf(Pair memory pair) internal pure returns (BracketId) {
        return BracketId.wrap(MatchKey.unwrap(keyOf(pair)));
    }

    function top0() internal view returns (BracketId) {
        return tournament.bracketOf(question);
    }

    /// @dev What the side `tree` moves next in a match above the leaves; `mine` is its node.
    function advanceOf(Pair memory pair, Tree memory tree)
        internal
        view
        returns (Children memory children, Children memory next)
    {
        ITournament.Match memory m = tournament.matchOf(pair);
        children = childrenOf(tree, m.height, m.index);
        uint256 index = 2 * m.index + (children.left == m.left ? 1 : 0);
        next = childrenOf(tree, m.height - 1, index);
    }

    function sealOf(Pair memory pair, Tree memory tree)
        internal
        view
        returns (ITournament.Seal memory input)
    {
        ITournament.Match memory m = tournament.matchOf(pair);
        input.leaves = childrenOf(tree, 1, m.index);
        uint256 index = 2 * m.index;
        if (input.leaves.left != m.left && index != 0) {
            input.before = node(tree, 0, index - 1);
            input.siblings = siblingsOf(tree, index - 1);
        }
    }

    /// @dev `who` moves for the side whose turn it is, which has `tree`.
    function move(address who, Pair memory pair, Tree memory tree) internal {
        ITournament.Match memory m = tournament.matchOf(pair);
        if (m.height > 1) {
            (Children memory children, Children memory next) = advanceOf(pair, tree);
            vm.prank(who, who);
            tournament.advance(pair, children, next);
        } else {
            ITournament.Seal memory input = sealOf(pair, tree);
            vm.prank(who, who);
            tournament.seal(pair, input);
        }
    }

    /// @dev Both sides move in turn until the match is sealed; the step at which its interval begins.
    function bisect(Pair memory pair, Tree memory one, Tree memory two, uint256 base)
        internal
        returns (uint256)
    {
        ITournament.Match memory m = tournament.matchOf(pair);
        while (m.phase == ITournament.Phase.Bisecting) {
            if (m.isTurnOfTwo) move(MALLORY, pair, two);
            else move(HONEST, pair, one);
            m = tournament.matchOf(pair);
        }
        uint8 level = tournament.bracket(pair.bracket).level;
        return base + m.index * stride(level);
    }

    function prove(address who, Pair memory pair, Run memory run, uint256 steps, Tree memory winner)
        internal
    {
        bytes memory witness = stateAt(run, steps);
        Children memory children = top(winner);
        vm.prank(who, who);
        tournament.prove(pair, witness, "", children);
    }

    /// @dev Everything that brings HONEST's run, which waited, to victory over MALLORY's.
    function defeat(Pair memory pair, Run memory mine, Run memory theirs, uint8 level, uint256 base)
        internal
    {
        Tree memory one = treeOf(mine, level, base);
        Tree memory two = treeOf(theirs, level, base);
        uint256 at = bisect(pair, one, two, base);
        if (level == 2) {
            prove(HONEST, pair, mine, at, one);
            return;
        }
        BracketId inner = innerOf(pair);
        bytes32 mineInner = refine(HONEST, inner, mine, level + 1, at);
        bytes32 theirsInner = refine(MALLORY, inner, theirs, level + 1, at);
        defeat(Pair(inner, mineInner, theirsInner), mine, theirs, level + 1, at);
        pass(ALLOWANCE);
        Children memory children = top(one);
        vm.prank(HONEST, HONEST);
        tournament.conclude(pair, children);
    }

    function verdicts() internal view returns (Verdict ofTruth, Verdict ofLie) {
        ofTruth = tournament.verify(question, truthPost());
        ofLie = tournament.verify(question, lie(1, 0).post);
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IMachineStep} from "../interfaces/IMachineStep.sol";
import {ISettlement} from "../interfaces/ISettlement.sol";
import {ITournament} from "../interfaces/ITournament.sol";
import {IVerifier, Verdict} from "../interfaces/IVerifier.sol";
import {Brackets} from "../libraries/Brackets.sol";
import {DisputeGas} from "../libraries/DisputeGas.sol";
import {MachineState} from "../libraries/MachineState.sol";
import {StateTree} from "../libraries/StateTree.sol";
import {ClaimId} from "../types/ClaimId.sol";
import {BracketId, Children, MatchKey, Pair} from "../types/Dispute.sol";
import {Duration, Timestamp} from "../types/Time.sol";

/// @title The fault proof of one chain
/// @dev Who stays in is decided by `Brackets`; here are the money and the way in and out.
contract Tournament is ITournament {
    using Brackets for Brackets.State;
    using Brackets for Bracket;
    using MachineState for bytes;
    using StateTree for Children;

    /// What the moves for one commitment may still cost its next loser.
    struct Ledger {
        uint256 total;
        mapping(uint16 win => mapping(address mover => uint256)) spent;
    }

    uint8 private constant LAST_LEVEL = StateTree.LEVELS - 1;

    ISettlement private immutable SETTLEMENT;
    IMachineStep private immutable MACHINE_STEP;
    address private immutable ORACLE;
    bytes32 private immutable MEMORY_ROOT;
    uint64 private immutable ENTRY;
    Duration private immutable ALLOWANCE;
    Duration private immutable GRACE;
    uint128 private immutable GAS_PRICE;

    Brackets.State private _state;
    mapping(bytes32 question => uint32) private _rounds;
    mapping(bytes32 question => uint256) private _pots;
    mapping(BracketId bracket => mapping(bytes32 root => Ledger)) private _ledgers;
    mapping(address owner => uint256) private _credits;

    constructor(Config memory config_) {
        bool isSound = config_.settlement != address(0) && config_.machineStep != address(0)
            && config_.oracle != address(0) && Duration.unwrap(config_.allowance) != 0
            && config_.gasPrice != 0;
        if (!isSound) revert Tournament_BadConfig();
        SETTLEMENT = ISettlement(config_.settlement);
        MACHINE_STEP = IMachineStep(config_.machineStep);
        ORACLE = config_.oracle;
        MEMORY_ROOT = config_.memoryRoot;
        ENTRY = config_.entry;
        ALLOWANCE = config_.allowance;
        GRACE = config_.grace;
        GAS_PRICE = config_.gasPrice;
    }

    /// @inheritdoc ITournament
    function enter(Answer calldata answer) external payable returns (BracketId id) {
        uint256 gasBefore = gasleft();
        bytes32 question = SETTLEMENT.question(answer.claim);
        id = bracketOf(question);
        bool isAnother =
            BracketId.unwrap(id) == 0 || (isOver(id) && _state.brackets[id].waiting == 0);
        if (isAnother) id = open(question, answer.claim);
        _state.requireEntry(id, clock());
        if (answer.finalState.length != MachineState.BYTES) {
            revert Tournament_WrongState(answer.finalState.length);
        }
        bytes32 last = keccak256(answer.finalState);
        Seat storage seat_ = sit(id, 0, answer.children, last, answer.siblings);
        bytes memory state = answer.finalState;
        // INVARIANT: only a program that ran to its end has an answer.
        if (state.exit() == 0) {
            seat_.flag = true;
            seat_.post = state.output();
        }
        record(id, answer.children.parent(), DisputeGas.ENTER, gasBefore);
    }

    /// @dev INVARIANT: a tournament begins only when two claims stand against each other, so that
    /// nobody can have one end before an honest player looks.
    function open(bytes32 question, ClaimId claim) private returns (BracketId id) {
        if (!SETTLEMENT.isContested(claim)) revert Tournament_NotContested(claim);
        uint32 round = _rounds[question];
        _rounds[question] = round + 1;
        id = idOf(question, round);
        Bracket storage opened = _state.brackets[id];
        opened.question = question;
        opened.initial = MachineState.fresh(MEMORY_ROOT, ENTRY, question).hash();
        opened.openedAt = Timestamp.wrap(uint64(block.timestamp));
        emit BracketOpened(id, question, 0, round, opened.initial);
    }

    /// @inheritdoc ITournament
    function refine(Refinement calldata input) external payable {
        uint256 gasBefore = gasleft();
        Bracket storage inner = _state.requireEntry(input.bracket, clock());
        uint8 level = inner.level;
        if (level == 0) revert Tournament_WrongLevel(level);
        bool isOne = input.last == inner.lastOfOne;
        // INVARIANT: whoever wins here decides for one of the sides above.
        if (!isOne && input.last != inner.lastOfTwo) revert Tournament_ForeignLeaf(input.last);
        sit(input.bracket, level, input.children, input.last, input.siblings).flag = isOne;
        record(input.bracket, input.children.parent(), DisputeGas.ENTER, gasBefore);
    }

    /// @dev Takes the bond, checks the last leaf, finds a seat and an opponent.
    function sit(
        BracketId id,
        uint8 level,
        Children calldata children,
        bytes32 last,
        bytes32[] calldata siblings
    ) private returns (Seat storage seat_) {
        uint256 bond = DisputeGas.bondOf(level, GAS_PRICE);
        if (msg.value != bond) revert Tournament_WrongBond(msg.value, bond);
        bytes32 root = children.parent();
        Brackets.requireLeaf(root, last, 2 ** StateTree.heightOf(level) - 1, siblings, level);
        Brackets.Clock memory clock_ = clock();
        seat_ = _state.seat(id, root, clock_);
        emit Entered(id, root, msg.sender, children, last, seat_.remaining);
        _state.pairUp(id, root, children);
    }

    /// @inheritdoc ITournament
    function advance(Pair calldata pair, Children calldata children, Children calldata next)
        external
    {
        uint256 gasBefore = gasleft();
        bytes32 root = _state.advance(pair, children, next, clock());
        record(pair.bracket, root, DisputeGas.ADVANCE, gasBefore);
    }

    /// @inheritdoc ITournament
    function seal(Pair calldata pair, Seal calldata input) external {
        uint256 gasBefore = gasleft();
        bytes32 root = _state.seal(pair, input, clock());
        if (_state.brackets[pair.bracket].level != LAST_LEVEL) _state.openInner(pair);
        record(pair.bracket, root, DisputeGas.SEAL, gasBefore);
    }

    /// @inheritdoc ITournament
    function prove(
        Pair calldata pair,
        bytes calldata witness,
        bytes calldata oracleCall,
        Children calldata winner
    ) external {
        uint256 gasBefore = gasleft();
        Match storage m = _state.requirePhase(pair, Phase.Sealed);
        requireLevel(pair.bracket, true);
        if (oracleCall.length != 0) {
            (bool success,) = ORACLE.call(oracleCall);
            if (!success) revert Tournament_OracleFailed();
        }
        (bytes32 from, bytes32 to) = MACHINE_STEP.step(witness);
        // INVARIANT: the step is the one about which the sides differ.
        if (from != m.node) revert Tournament_WrongStep(from);
        if (to == m.left) {
            end(pair, false, winner, DisputeGas.PROVE, gasBefore);
        } else if (to == m.right) {
            end(pair, true, winner, DisputeGas.PROVE, gasBefore);
        } else {
            annul(pair, DisputeGas.PROVE, gasBefore);
        }
    }

    /// @inheritdoc ITournament
    function conclude(Pair calldata pair, Children calldata winner) external {
        uint256 gasBefore = gasleft();
        _state.requirePhase(pair, Phase.Sealed);
        requireLevel(pair.bracket, false);
        BracketId id = BracketId.wrap(MatchKey.unwrap(Brackets.keyOf(pair)));
        if (!isOver(id)) revert Tournament_NotOver(id);
        bytes32 root = _state.brackets[id].waiting;
        if (root == 0) {
            annul(pair, DisputeGas.END, gasBefore);
            return;
        }
        release(id, root);
        end(pair, !_state.seats[id][root].flag, winner, DisputeGas.END, gasBefore);
    }

    /// @inheritdoc ITournament
    function expire(Pair calldata pair, Children calldata winner) external {
        uint256 gasBefore = gasleft();
        Match storage m = _state.matches[Brackets.keyOf(pair)];
        Brackets.Clock memory clock_ = clock();
        uint64 one = Duration.unwrap(_state.seats[pair.bracket][pair.one].remaining);
        uint64 two = Duration.unwrap(_state.seats[pair.bracket][pair.two].remaining);
        if (m.phase == Phase.Bisecting) {
            bool isTwoLate = m.isTurnOfTwo;
            Brackets.requireExpired(m.since, isTwoLate ? two : one, clock_);
            end(pair, !isTwoLate, winner, DisputeGas.END, gasBefore);
            return;
        }
        _state.requirePhase(pair, Phase.Sealed);
        requireLevel(pair.bracket, true);
        Brackets.requireExpired(m.since, one > two ? one : two, clock_);
        annul(pair, DisputeGas.END, gasBefore);
    }

    /// @inheritdoc ITournament
    function collect(BracketId id, bytes32 root, uint16 win, address mover) external {
        mapping(address => uint256) storage spent_ = _ledgers[id][root].spent[win];
        uint256 amount = spent_[mover];
        // INVARIANT: the gas of a side's moves is repaid only out of the bond that it won.
        if (win >= _state.seats[id][root].wins || amount == 0) revert Tournament_Nothing(mover);
        spent_[mover] = 0;
        credit(mover, amount);
    }

    /// @inheritdoc ITournament
    function release(BracketId id) external {
        Bracket storage bracket_ = _state.requireKnown(id);
        if (bracket_.level != 0) revert Tournament_WrongLevel(bracket_.level);
        bytes32 root = bracket_.waiting;
        if (root == 0 || !isOver(id)) revert Tournament_NotOver(id);
        if (!_state.seats[id][root].isBonded) {
            revert Tournament_Nothing(_state.seats[id][root].owner);
        }
        release(id, root);
    }

    /// @inheritdoc ITournament
    function reward(BracketId id, ClaimId claim) external {
        Bracket storage bracket_ = _state.requireKnown(id);
        if (bracket_.level != 0) revert Tournament_WrongLevel(bracket_.level);
        Seat storage winner = _state.seats[id][bracket_.waiting];
        if (!isOver(id) || !winner.flag) revert Tournament_NotOver(id);
        ISettlement.Claim memory decided = SETTLEMENT.claim(claim);
        // INVARIANT: what liars lost to each other on a branch that dies is lost to them all.
        bool isFinal = decided.status == ISettlement.ClaimStatus.Final
            && decided.post == winner.post && SETTLEMENT.question(claim) == bracket_.question;
        if (!isFinal) revert Tournament_NotFinal(claim);
        uint256 pot = _pots[bracket_.question];
        if (pot == 0) revert Tournament_Nothing(winner.owner);
        _pots[bracket_.question] = 0;
        credit(winner.owner, pot);
    }

    /// @inheritdoc ITournament
    function withdraw(address owner) external {
        uint256 amount = _credits[owner];
        if (amount == 0) revert Tournament_Nothing(owner);
        _credits[owner] = 0;
        emit Withdrawn(owner, amount);
        (bool success,) = owner.call{value: amount}("");
        if (!success) revert Tournament_PaymentFailed(owner);
    }

    /// @inheritdoc IVerifier
    function verify(bytes32 question, bytes32 post) external view returns (Verdict) {
        BracketId id = bracketOf(question);
        bytes32 root = _state.brackets[id].waiting;
        if (root == 0 || !isOver(id)) return Verdict.Unknown;
        Seat storage winner = _state.seats[id][root];
        return winner.flag && winner.post == post ? Verdict.Valid : Verdict.Invalid;
    }

    /// @inheritdoc ITournament
    function config() external view returns (Config memory) {
        return Config({
            settlement: address(SETTLEMENT),
            machineStep: address(MACHINE_STEP),
            oracle: ORACLE,
            memoryRoot: MEMORY_ROOT,
            entry: ENTRY,
            allowance: ALLOWANCE,
            grace: GRACE,
            gasPrice: GAS_PRICE
        });
    }

    /// @inheritdoc ITournament
    function bondOf(uint8 level) external view returns (uint256) {
        if (level > LAST_LEVEL) revert Tournament_WrongLevel(level);
        return DisputeGas.bondOf(level, GAS_PRICE);
    }

    /// @inheritdoc ITournament
    function bracketOf(bytes32 question) public view returns (BracketId) {
        uint32 rounds = _rounds[question];
        return rounds == 0 ? BracketId.wrap(0) : idOf(question, rounds - 1);
    }

    /// @inheritdoc ITournament
    function bracket(BracketId id) external view returns (Bracket memory) {
        return _state.brackets[id];
    }

    /// @inheritdoc ITournament
    function seat(BracketId id, bytes32 root) external view returns (Seat memory) {
        return _state.seats[id][root];
    }

    /// @inheritdoc ITournament
    function matchOf(Pair calldata pair) external view returns (Match memory) {
        return _state.matches[Brackets.keyOf(pair)];
    }

    /// @inheritdoc ITournament
    function isOver(BracketId id) public view returns (bool) {
        return _state.brackets[id].isOver(clock());
    }

    /// @inheritdoc ITournament
    function spent(BracketId id, bytes32 root, uint16 win, address mover)
        external
        view
        returns (uint256)
    {
        return _ledgers[id][root].spent[win][mover];
    }

    /// @inheritdoc ITournament
    function potOf(bytes32 question) external view returns (uint256) {
        return _pots[question];
    }

    /// @inheritdoc ITournament
    function creditOf(address owner) external view returns (uint256) {
        return _credits[owner];
    }

    /// @dev Ends a match; the loser's bond repays the winner's moves, this one among them.
    function end(
        Pair calldata pair,
        bool isTwo,
        Children calldata winner,
        uint256 cap,
        uint256 gasBefore
    ) private {
        bytes32 root = isTwo ? pair.two : pair.one;
        uint16 win = _state.win(pair, isTwo, winner);
        Ledger storage ledger = _ledgers[pair.bracket][root];
        uint256 total = ledger.total;
        ledger.total = 0;
        uint8 level = _state.brackets[pair.bracket].level;
        uint256 cost = DisputeGas.cost(cap, gasBefore, GAS_PRICE);
        ledger.spent[win][msg.sender] += cost;
        // A side makes no more moves in a match than its bond is for.
        _pots[_state.brackets[pair.bracket].question] += DisputeGas.bondOf(level, GAS_PRICE) - total
        - cost;
    }

    /// @dev Ends a match that both sides lost; the caller is repaid at once.
    function annul(Pair calldata pair, uint256 cap, uint256 gasBefore) private {
        _state.annul(pair);
        Bracket storage bracket_ = _state.brackets[pair.bracket];
        uint256 cost = DisputeGas.cost(cap, gasBefore, GAS_PRICE);
        _pots[bracket_.question] += 2 * DisputeGas.bondOf(bracket_.level, GAS_PRICE) - cost;
        credit(msg.sender, cost);
    }

    /// @dev Records what a move for `root` cost.
    function record(BracketId id, bytes32 root, uint256 cap, uint256 gasBefore) private {
        Ledger storage ledger = _ledgers[id][root];
        uint256 cost = DisputeGas.cost(cap, gasBefore, GAS_PRICE);
        ledger.total += cost;
        ledger.spent[_state.seats[id][root].wins][msg.sender] += cost;
    }

    /// @dev Credits the owner of the winner of a bracket with its bond.
    function release(BracketId id, bytes32 root) private {
        Seat storage winner = _state.seats[id][root];
        winner.isBonded = false;
        credit(winner.owner, DisputeGas.bondOf(_state.brackets[id].level, GAS_PRICE));
    }

    function credit(address owner, uint256 amount) private {
        _credits[owner] += amount;
        emit Credited(owner, amount);
    }

    function requireLevel(BracketId id, bool isLast) private view {
        uint8 level = _state.brackets[id].level;
        if ((level == LAST_LEVEL) != isLast) revert Tournament_WrongLevel(level);
    }

    function clock() private view returns (Brackets.Clock memory) {
        return
            Brackets.Clock({allowance: Duration.unwrap(ALLOWANCE), grace: Duration.unwrap(GRACE)});
    }

    function idOf(bytes32 question, uint32 round) private pure returns (BracketId) {
        return BracketId.wrap(keccak256(abi.encode(question, round)));
    }
}

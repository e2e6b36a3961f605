// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IMachineStep} from "../interfaces/IMachineStep.sol";
import {IPreimageOracle} from "../interfaces/IPreimageOracle.sol";
import {MachineState} from "../libraries/MachineState.sol";
import {Rv64} from "../libraries/Rv64.sol";

/// @title One step of the machine that runs the state transition
/// @notice What every instruction and every corner does is the table in the head of
/// crates/mezz-machine/src/lib.rs.
contract MachineStep is IMachineStep {
    using MachineState for bytes;

    uint256 private constant MEMORY_BYTES = 1 << 32;
    uint256 private constant MEMORY_HEIGHT = 27;
    uint256 private constant PAGE_BYTES = 4096;
    uint256 private constant LEAF_BYTES = 32;

    // Causes of traps; the exit code is 256 more (docs/machine.md, section 4).
    uint256 private constant FETCH_MISALIGNED = 256;
    uint256 private constant FETCH_FAULT = 257;
    uint256 private constant ILLEGAL_INSTRUCTION = 258;
    uint256 private constant BREAKPOINT = 259;
    uint256 private constant LOAD_MISALIGNED = 260;
    uint256 private constant LOAD_FAULT = 261;
    uint256 private constant STORE_MISALIGNED = 262;
    uint256 private constant STORE_FAULT = 263;
    uint256 private constant BAD_ECALL = 264;

    uint256 private constant A0 = 10;
    uint256 private constant A1 = 11;
    uint256 private constant A2 = 12;
    uint256 private constant A3 = 13;
    uint256 private constant A7 = 17;

    /// The program's text: address, length in bytes, and the tree of its leaves.
    uint256 public immutable TEXT_START;
    uint256 public immutable TEXT_BYTES;
    bytes32 public immutable TEXT_ROOT;
    uint256 public immutable TEXT_HEIGHT;
    IPreimageOracle public immutable ORACLE;

    /// A witness as it is read: the state, and where the next part begins.
    struct Step {
        bytes state;
        uint256 next;
    }

    constructor(
        uint64 textStart,
        uint64 textBytes,
        bytes32 textRoot,
        uint8 textHeight,
        IPreimageOracle oracle
    ) {
        TEXT_START = textStart;
        TEXT_BYTES = textBytes;
        TEXT_ROOT = textRoot;
        TEXT_HEIGHT = textHeight;
        ORACLE = oracle;
    }

    /// @inheritdoc IMachineStep
    function step(bytes calldata witness) external view returns (bytes32 from, bytes32 to) {
        if (witness.length < MachineState.BYTES) revert MachineStep_WitnessTooShort();
        Step memory self = Step(witness[:MachineState.BYTES], MachineState.BYTES);
        from = self.state.hash();
        if (self.state.exit() == MachineState.RUNNING) {
            uint256 exit = execute(self, witness);
            if (exit != MachineState.RUNNING) self.state.setExit(exit);
            self.state.countStep();
        }
        if (self.next != witness.length) revert MachineStep_WitnessTooLong();
        to = self.state.hash();
    }

    /// Carries out the next instruction. The exit that it leads to; `RUNNING` for none.
    function execute(Step memory self, bytes calldata witness) private view returns (uint256) {
        uint256 pc = self.state.pc();
        unchecked {
            // Below the text it wraps to far above it.
            if (uint256(uint64(pc - TEXT_START)) >= TEXT_BYTES) return FETCH_FAULT;
        }
        uint256 word = fetch(self, witness, pc);
        uint256 opcode = word & 0x7f;
        uint256 a = self.state.register((word >> 15) & 31);
        if (opcode == 0x03) return load(self, witness, word, a);
        if (opcode == 0x23) return store(self, witness, word, a);
        if (opcode == 0x63) return branch(self.state, word, a);
        if (opcode == 0x6f) {
            return link(self.state, word, (pc + Rv64.immediateJ(word)) & Rv64.MASK);
        }
        if (opcode == 0x67 && (word >> 12) & 7 == 0) {
            return link(self.state, word, (a + Rv64.immediateI(word)) & (Rv64.MASK - 1));
        }
        if (opcode == 0x73) {
            if (word == 0x00000073) return call(self, witness);
            return word == 0x00100073 ? BREAKPOINT : ILLEGAL_INSTRUCTION;
        }
        // FENCE: one hart has nothing to order.
        if (opcode == 0x0f && (word >> 12) & 7 == 0) return finish(self.state, 0, 0);
        uint256 value = compute(self.state, opcode, word, a);
        if (value == Rv64.ILLEGAL) return ILLEGAL_INSTRUCTION;
        return finish(self.state, (word >> 7) & 31, value);
    }

    /// What a computing instruction gives, or `ILLEGAL`.
    function compute(bytes memory state, uint256 opcode, uint256 word, uint256 a)
        private
        pure
        returns (uint256)
    {
        if (opcode == 0x13) return Rv64.immediate(word, a);
        if (opcode == 0x1b) return Rv64.immediateWord(word, a);
        if (opcode == 0x37) return Rv64.immediateU(word);
        if (opcode == 0x17) return (state.pc() + Rv64.immediateU(word)) & Rv64.MASK;
        uint256 b = state.register((word >> 20) & 31);
        if (opcode == 0x33) return Rv64.register(word, a, b);
        if (opcode == 0x3b) return Rv64.registerWord(word, a, b);
        return Rv64.ILLEGAL;
    }

    function load(Step memory self, bytes calldata witness, uint256 word, uint256 a)
        private
        pure
        returns (uint256)
    {
        uint256 funct3 = (word >> 12) & 7;
        if (funct3 == 7) return ILLEGAL_INSTRUCTION;
        uint256 bytesLoaded = 2 ** (funct3 & 3);
        uint256 location = (a + Rv64.immediateI(word)) & Rv64.MASK;
        if (location & (bytesLoaded - 1) != 0) return LOAD_MISALIGNED;
        if (location >= MEMORY_BYTES) return LOAD_FAULT;
        (bytes32 leaf,) = leafAt(self, witness, location);
        uint256 value = littleEndian(leaf, location % LEAF_BYTES, bytesLoaded);
        if (funct3 == 0) value = Rv64.unsigned(int8(uint8(value)));
        if (funct3 == 1) value = Rv64.unsigned(int16(uint16(value)));
        if (funct3 == 2) value = Rv64.signExtend32(value);
        return finish(self.state, (word >> 7) & 31, value);
    }

    function store(Step memory self, bytes calldata witness, uint256 word, uint256 a)
        private
        view
        returns (uint256)
    {
        uint256 funct3 = (word >> 12) & 7;
        if (funct3 > 3) return ILLEGAL_INSTRUCTION;
        uint256 bytesStored = 2 ** funct3;
        uint256 location = (a + Rv64.immediateS(word)) & Rv64.MASK;
        if (location & (bytesStored - 1) != 0) return STORE_MISALIGNED;
        if (!isWritable(location)) return STORE_FAULT;
        (bytes32 leaf, uint256 proof) = leafAt(self, witness, location);
        uint256 value = swapped(self.state.register((word >> 20) & 31)) >> (64 - 8 * bytesStored);
        uint256 shift = 8 * (LEAF_BYTES - location % LEAF_BYTES - bytesStored);
        uint256 mask = (2 ** (8 * bytesStored) - 1) << shift;
        // A narrow store takes the first bytes of the swapped register.
        leaf = bytes32((uint256(leaf) & ~mask) | ((value << shift) & mask));
        setLeaf(self.state, witness, proof, location, leaf);
        return finish(self.state, 0, 0);
    }

    function branch(bytes memory state, uint256 word, uint256 a) private pure returns (uint256) {
        uint256 taken = Rv64.branches((word >> 12) & 7, a, state.register((word >> 20) & 31));
        if (taken == Rv64.ILLEGAL) return ILLEGAL_INSTRUCTION;
        if (taken == 0) return finish(state, 0, 0);
        return jump(state, (state.pc() + Rv64.immediateB(word)) & Rv64.MASK);
    }

    function link(bytes memory state, uint256 word, uint256 target) private pure returns (uint256) {
        uint256 back = (state.pc() + 4) & Rv64.MASK;
        uint256 exit = jump(state, target);
        if (exit == MachineState.RUNNING) state.setRegister((word >> 7) & 31, back);
        return exit;
    }

    function jump(bytes memory state, uint256 target) private pure returns (uint256) {
        if (target & 3 != 0) return FETCH_MISALIGNED;
        state.setPc(target);
        return MachineState.RUNNING;
    }

    /// Writes a register and goes on to the next instruction.
    function finish(bytes memory state, uint256 rd, uint256 value) private pure returns (uint256) {
        state.setRegister(rd, value);
        state.setPc((state.pc() + 4) & Rv64.MASK);
        return MachineState.RUNNING;
    }

    /// `ECALL` (docs/machine.md, section 2).
    function call(Step memory self, bytes calldata witness) private view returns (uint256) {
        bytes memory state = self.state;
        uint256 number = state.register(A7);
        uint256 a0 = state.register(A0);
        if (number == 0) return a0 < 255 ? a0 : 255;
        if (number == 1) {
            if (a0 % LEAF_BYTES != 0) return STORE_MISALIGNED;
            if (!isWritable(a0)) return STORE_FAULT;
            putLeaf(self, witness, a0, state.input());
        } else if (number == 2) {
            if (a0 % LEAF_BYTES != 0) return LOAD_MISALIGNED;
            if (a0 >= MEMORY_BYTES) return LOAD_FAULT;
            (bytes32 leaf,) = leafAt(self, witness, a0);
            state.setOutput(leaf);
        } else if (number == 3) {
            return preimage(self, witness, a0);
        } else if (number != 4) {
            return BAD_ECALL;
        }
        return finish(state, 0, 0);
    }

    function preimage(Step memory self, bytes calldata witness, uint256 a0)
        private
        view
        returns (uint256)
    {
        uint256 kind = self.state.register(A1);
        uint256 offset = self.state.register(A2);
        uint256 target = self.state.register(A3);
        if (kind == 0 || kind > 5 || offset % LEAF_BYTES != 0) return BAD_ECALL;
        if (a0 % LEAF_BYTES != 0) return LOAD_MISALIGNED;
        if (a0 >= MEMORY_BYTES) return LOAD_FAULT;
        // The leaf is touched, so that it is in the witness, even if the target is none.
        (bytes32 key,) = leafAt(self, witness, a0);
        if (target % LEAF_BYTES != 0) return STORE_MISALIGNED;
        if (!isWritable(target)) return STORE_FAULT;
        (uint256 length, bytes32 leaf) = ORACLE.part(kind, key, offset);
        if (offset < length) putLeaf(self, witness, target, leaf);
        return finish(self.state, A0, length);
    }

    /// The instruction at `pc`, which is in the text.
    function fetch(Step memory self, bytes calldata witness, uint256 pc)
        private
        view
        returns (uint256)
    {
        uint256 index = (pc - TEXT_START) / LEAF_BYTES;
        uint256 proof = take(self, witness, TEXT_HEIGHT);
        bytes32 leaf = bytes32(witness[proof:proof + LEAF_BYTES]);
        if (rootOf(witness, proof, TEXT_HEIGHT, index, leaf) != TEXT_ROOT) {
            revert MachineStep_WrongLeaf(index);
        }
        return littleEndian(leaf, pc % LEAF_BYTES, 4);
    }

    /// The leaf of memory that holds `location`, and where its proof begins in the witness.
    function leafAt(Step memory self, bytes calldata witness, uint256 location)
        private
        pure
        returns (bytes32 leaf, uint256 proof)
    {
        uint256 index = location / LEAF_BYTES;
        proof = take(self, witness, MEMORY_HEIGHT);
        leaf = bytes32(witness[proof:proof + LEAF_BYTES]);
        bytes32 root = rootOf(witness, proof, MEMORY_HEIGHT, index, leaf);
        if (root != self.state.memoryRoot()) revert MachineStep_WrongLeaf(index);
    }

    /// Changes the leaf that holds `location` and was proven last.
    function setLeaf(
        bytes memory state,
        bytes calldata witness,
        uint256 proof,
        uint256 location,
        bytes32 leaf
    ) private pure {
        state.setMemoryRoot(rootOf(witness, proof, MEMORY_HEIGHT, location / LEAF_BYTES, leaf));
    }

    function putLeaf(Step memory self, bytes calldata witness, uint256 location, bytes32 leaf)
        private
        pure
    {
        (, uint256 proof) = leafAt(self, witness, location);
        setLeaf(self.state, witness, proof, location, leaf);
    }

    /// Where the next proof begins, which is read then: a leaf and its siblings.
    function take(Step memory self, bytes calldata witness, uint256 height)
        private
        pure
        returns (uint256 proof)
    {
        proof = self.next;
        self.next = proof + LEAF_BYTES + 32 * height;
        if (self.next > witness.length) revert MachineStep_WitnessTooShort();
    }

    /// The root of the tree that has `leaf` at `index`, with the siblings of the proof.
    function rootOf(
        bytes calldata witness,
        uint256 proof,
        uint256 height,
        uint256 index,
        bytes32 leaf
    ) private pure returns (bytes32 node) {
        node = leaf;
        assembly ("memory-safe") {
            let sibling := add(witness.offset, add(proof, 32))
            for { let end := add(sibling, mul(height, 32)) } lt(sibling, end) {
                sibling := add(sibling, 32)
            } {
                // The node goes to the left if its bit of the index is zero.
                let right := shl(5, and(index, 1))
                mstore(right, node)
                mstore(xor(right, 32), calldataload(sibling))
                node := keccak256(0, 64)
                index := shr(1, index)
            }
        }
    }

    /// Whether a program may write there: in memory, and in no page of the text.
    function isWritable(uint256 location) private view returns (bool) {
        uint256 textPages = (TEXT_BYTES + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
        return
            location < MEMORY_BYTES && (location < TEXT_START || location >= TEXT_START + textPages);
    }

    /// `count` bytes of a leaf, 1, 2, 4 or 8, the first one the lowest.
    function littleEndian(bytes32 leaf, uint256 offset, uint256 count)
        private
        pure
        returns (uint256)
    {
        return swapped(uint256(leaf << (8 * offset)) >> 192) & (2 ** (8 * count) - 1);
    }

    /// Eight bytes the other way round.
    function swapped(uint256 value) private pure returns (uint256) {
        value = ((value & 0x00ff00ff00ff00ff) << 8) | ((value >> 8) & 0x00ff00ff00ff00ff);
        value = ((value & 0x0000ffff0000ffff) << 16) | ((value >> 16) & 0x0000ffff0000ffff);
        return ((value & 0xffffffff) << 32) | (value >> 32);
    }
}

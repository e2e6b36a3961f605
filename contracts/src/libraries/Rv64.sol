// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title RV64IM arithmetic
/// @notice *The RISC-V Instruction Set Manual, Volume I*, chapters RV32I, RV64I and M. Registers are
/// 64 bits in a `uint256` whose higher bits are zero; immediates are sign-extended to 64 bits.
library Rv64 {
    uint256 internal constant MASK = type(uint64).max;
    /// What no computing instruction gives: the instruction is none.
    uint256 internal constant ILLEGAL = type(uint256).max;

    function signed(uint256 value) internal pure returns (int256) {
        return int64(uint64(value));
    }

    /// @notice The low 64 bits of a signed value.
    function unsigned(int256 value) internal pure returns (uint256) {
        return uint64(uint256(value));
    }

    /// @notice A word of 32 bits as a register holds it.
    function signExtend32(uint256 value) internal pure returns (uint256) {
        return unsigned(int32(uint32(value)));
    }

    function immediateI(uint256 word) internal pure returns (uint256) {
        return unsigned(int32(uint32(word)) >> 20);
    }

    function immediateS(uint256 word) internal pure returns (uint256) {
        return unsigned(((int32(uint32(word)) >> 25) << 5) | int32(uint32((word >> 7) & 0x1f)));
    }

    function immediateB(uint256 word) internal pure returns (uint256) {
        uint256 low =
            ((word >> 7) & 1) << 11 | ((word >> 25) & 0x3f) << 5 | ((word >> 8) & 0xf) << 1;
        return unsigned(((int32(uint32(word)) >> 31) << 12) | int32(uint32(low)));
    }

    function immediateU(uint256 word) internal pure returns (uint256) {
        return signExtend32(word & 0xfffff000);
    }

    function immediateJ(uint256 word) internal pure returns (uint256) {
        uint256 low =
            ((word >> 12) & 0xff) << 12 | ((word >> 20) & 1) << 11 | ((word >> 21) & 0x3ff) << 1;
        return unsigned(((int32(uint32(word)) >> 31) << 20) | int32(uint32(low)));
    }

    /// @notice Opcode 0x33: two registers.
    function register(uint256 word, uint256 a, uint256 b) internal pure returns (uint256) {
        uint256 funct7 = word >> 25;
        uint256 funct3 = (word >> 12) & 7;
        if (funct7 == 1) return multiplied(funct3, a, b);
        if (funct7 == 0) return computed(funct3, a, b);
        if (funct7 != 0x20) return ILLEGAL;
        unchecked {
            if (funct3 == 0) return (a - b) & MASK;
            if (funct3 == 5) return unsigned(signed(a) >> (b & 63));
        }
        return ILLEGAL;
    }

    /// @notice Opcode 0x13: a register and an immediate.
    function immediate(uint256 word, uint256 a) internal pure returns (uint256) {
        uint256 funct3 = (word >> 12) & 7;
        uint256 b = immediateI(word);
        if (funct3 != 1 && funct3 != 5) return computed(funct3, a, b);
        uint256 funct6 = word >> 26;
        uint256 amount = (word >> 20) & 63;
        if (funct6 == 0) return computed(funct3, a, amount);
        if (funct6 == 0x10 && funct3 == 5) return unsigned(signed(a) >> amount);
        return ILLEGAL;
    }

    /// @notice Opcode 0x3b: two registers, their low 32 bits.
    function registerWord(uint256 word, uint256 a, uint256 b) internal pure returns (uint256) {
        uint256 funct7 = word >> 25;
        uint256 funct3 = (word >> 12) & 7;
        if (funct7 == 1) return multipliedWord(funct3, a, b);
        if (funct7 == 0x20 && funct3 == 0) {
            unchecked {
                return signExtend32(a - b);
            }
        }
        if (funct7 == 0 && funct3 == 0) return signExtend32(a + b);
        return shiftedWord(funct7, funct3, a, b & 31);
    }

    /// @notice Opcode 0x1b: the low 32 bits of a register and an immediate.
    function immediateWord(uint256 word, uint256 a) internal pure returns (uint256) {
        uint256 funct3 = (word >> 12) & 7;
        if (funct3 == 0) return signExtend32(a + immediateI(word));
        return shiftedWord(word >> 25, funct3, a, (word >> 20) & 31);
    }

    /// @notice Whether a branch is taken, or `ILLEGAL`.
    function branches(uint256 funct3, uint256 a, uint256 b) internal pure returns (uint256) {
        bool taken;
        if (funct3 < 2) taken = a == b;
        else if (funct3 < 4) return ILLEGAL;
        else if (funct3 < 6) taken = signed(a) < signed(b);
        else taken = a < b;
        // The odd ones are the opposites.
        return (taken ? 1 : 0) ^ (funct3 & 1);
    }

    function computed(uint256 funct3, uint256 a, uint256 b) private pure returns (uint256) {
        if (funct3 == 0) return (a + b) & MASK;
        if (funct3 == 1) return (a << (b & 63)) & MASK;
        if (funct3 == 2) return signed(a) < signed(b) ? 1 : 0;
        if (funct3 == 3) return a < b ? 1 : 0;
        if (funct3 == 4) return a ^ b;
        if (funct3 == 5) return a >> (b & 63);
        if (funct3 == 6) return a | b;
        return a & b;
    }

    function multiplied(uint256 funct3, uint256 a, uint256 b) private pure returns (uint256) {
        if (funct3 == 0) return (a * b) & MASK;
        if (funct3 == 1) return unsigned((signed(a) * signed(b)) >> 64);
        if (funct3 == 2) return unsigned((signed(a) * int256(b)) >> 64);
        if (funct3 == 3) return (a * b) >> 64;
        if (funct3 == 4) return b == 0 ? MASK : unsigned(signed(a) / signed(b));
        if (funct3 == 5) return b == 0 ? MASK : a / b;
        if (funct3 == 6) return b == 0 ? a : unsigned(signed(a) % signed(b));
        return b == 0 ? a : a % b;
    }

    function multipliedWord(uint256 funct3, uint256 a, uint256 b) private pure returns (uint256) {
        uint256 low = uint32(a);
        uint256 by = uint32(b);
        if (funct3 == 0) return signExtend32(low * by);
        if (funct3 == 4) return by == 0 ? MASK : signExtend32(uint256(signed32(a) / signed32(b)));
        if (funct3 == 5) return by == 0 ? MASK : signExtend32(low / by);
        if (funct3 == 6) {
            return signExtend32(by == 0 ? low : uint256(signed32(a) % signed32(b)));
        }
        if (funct3 == 7) return signExtend32(by == 0 ? low : low % by);
        return ILLEGAL;
    }

    function shiftedWord(uint256 funct7, uint256 funct3, uint256 a, uint256 amount)
        private
        pure
        returns (uint256)
    {
        if (funct7 == 0 && funct3 == 1) return signExtend32(a << amount);
        if (funct7 == 0 && funct3 == 5) return signExtend32(uint256(uint32(a)) >> amount);
        if (funct7 == 0x20 && funct3 == 5) return unsigned(signed32(a) >> amount);
        return ILLEGAL;
    }

    function signed32(uint256 value) private pure returns (int256) {
        return int32(uint32(value));
    }
}

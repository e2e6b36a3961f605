//! The system calls.

use alloc::vec::Vec;
use core::arch::asm;

use alloy_primitives::keccak256;
use mezz_machine::{Ecall, PreimageKind};

/// A leaf of memory, where calls read and write.
#[repr(C, align(32))]
struct Leaf([u8; 32]);

/// Makes a system call.
///
/// # Safety
/// The arguments fit the call: addresses are of leaves that live, and those written to are borrowed mutably
/// (`docs/machine.md`).
unsafe fn call(call: Ecall, arguments: [u64; 4]) -> u64 {
    let [mut first, second, third, fourth] = arguments;
    // SAFETY: `ecall` changes `a0` and, as the caller guarantees, memory that it may change.
    unsafe {
        asm!(
            "ecall",
            inlateout("a0") first,
            in("a1") second,
            in("a2") third,
            in("a3") fourth,
            in("a7") call.number(),
            options(nostack),
        );
    }
    first
}

fn address<T>(of: *const T) -> u64 {
    of as u64
}

/// Ends the program; 0 says that the output is its result.
pub fn halt(code: u8) -> ! {
    // SAFETY: the call takes no addresses.
    unsafe { call(Ecall::Halt, [code.into(), 0, 0, 0]) };
    // The call does not return; the loop only tells the compiler so.
    loop {}
}

/// The program's input.
pub fn input() -> [u8; 32] {
    let mut leaf = Leaf([0; 32]);
    // SAFETY: the call writes the leaf alone.
    unsafe { call(Ecall::Input, [address(&raw mut leaf), 0, 0, 0]) };
    leaf.0
}

/// Sets the program's output.
pub fn set_output(output: [u8; 32]) {
    let leaf = Leaf(output);
    // SAFETY: the call reads the leaf alone.
    unsafe { call(Ecall::Output, [address(&raw const leaf), 0, 0, 0]) };
}

/// The bytes behind a hash. The machine's rules guarantee that they are: no program needs to hash them again.
pub fn preimage(kind: PreimageKind, hash: &[u8; 32]) -> Vec<u8> {
    let hash = Leaf(*hash);
    let mut bytes = Vec::new();
    let mut offset = 0;
    loop {
        let mut leaf = Leaf([0; 32]);
        let arguments =
            [address(&raw const hash), kind.number(), offset as u64, address(&raw mut leaf)];
        // SAFETY: the call reads the leaf of the hash and writes the other one.
        let length = unsafe { call(Ecall::Preimage, arguments) } as usize;
        if offset == 0 {
            bytes.reserve_exact(length);
        }
        let there = length.saturating_sub(offset).min(leaf.0.len());
        bytes.extend_from_slice(&leaf.0[..there]);
        offset += leaf.0.len();
        if offset >= length {
            return bytes;
        }
    }
}

/// What the precompile at `address` on L1 returns for `input`; `None` if the call fails.
pub fn precompile(address: &[u8; 20], input: &[u8]) -> Option<Vec<u8>> {
    let request = [&address[..], input].concat();
    // SAFETY: the call reads nothing that is written meanwhile, and changes no memory.
    unsafe { call(Ecall::Hint, [self::address(request.as_ptr()), request.len() as u64, 0, 0]) };
    let mut answer = preimage(PreimageKind::Precompile, &keccak256(&request).0);
    (answer.first() == Some(&1)).then(|| answer.split_off(1))
}

//! From the machine's first instruction to the program's `main`, and from a panic to an exit.

use core::panic::PanicInfo;

use crate::{PANICKED, halt};

// The machine starts with zeros in every register. The stack begins below the last page of memory and is
// aligned to 16 bytes, as the calling convention wants.
core::arch::global_asm!(
    ".section .text.start, \"ax\"",
    ".globl _start",
    "_start:",
    "    li sp, 0xfffff000",
    "    call main",
    "    li a7, 0",
    "    li a0, 0",
    "    ecall",
);

/// Names the program's function without arguments that `_start` calls; when it returns, the machine halts
/// with code 0.
#[macro_export]
macro_rules! entry {
    ($function:path) => {
        // SAFETY: `_start` alone refers to the symbol, and calls it by the C convention.
        #[unsafe(no_mangle)]
        extern "C" fn main() {
            $function()
        }
    };
}

#[panic_handler]
fn on_panic(_info: &PanicInfo<'_>) -> ! {
    halt(PANICKED)
}

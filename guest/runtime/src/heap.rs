//! The heap: blocks of a power of two, a list of free ones for each size.
//!
//! Every operation takes a constant number of steps, and what is freed is used again, so that a program's
//! memory is bounded by what it holds at once: at most four times that, since a block is less than twice
//! its content and lists of other sizes may be full. Nothing is ever returned from a list to another.

use core::{
    alloc::{GlobalAlloc, Layout},
    cell::UnsafeCell,
    ptr::null_mut,
};

use crate::{HEAP_FULL, halt};

/// The heap ends here, whatever the program's length.
const HEAP_END: usize = 0x8000_0000;
/// Blocks are at least this large, so that a free one holds the address of the next.
const MIN_BLOCK_BITS: u32 = 4;

unsafe extern "C" {
    /// Set by the linker to the end of the program.
    static __heap_start: u8;
}

#[global_allocator]
static HEAP: Heap = Heap(UnsafeCell::new(State { next: 0, free: [null_mut(); 32] }));

struct Heap(UnsafeCell<State>);

struct State {
    /// Address of the first byte that was never part of a block; 0 before the first allocation.
    next: usize,
    /// By the logarithm of the size: a free block, whose first word is the address of the next free one.
    free: [*mut u8; 32],
}

// SAFETY: the machine has one hart and no interrupts, so that no two calls are ever under way.
unsafe impl Sync for Heap {}

/// Logarithm of the size of a block for `layout`. A block is aligned to its size.
fn block_bits(layout: Layout) -> u32 {
    let bytes = layout.size().max(layout.align()).max(1 << MIN_BLOCK_BITS);
    usize::BITS - (bytes - 1).leading_zeros()
}

// SAFETY: `alloc` gives blocks that no other living allocation overlaps: either fresh memory beyond all
// former ones and below `HEAP_END`, where nothing else lies, or a block that was freed and taken off its
// list. A block of 2^n bytes starts at a multiple of 2^n and is at least as large as the layout asks.
// `dealloc` finds the list of a block by the layout that it was made for.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let bits = block_bits(layout);
        // SAFETY: one hart, and nothing here allocates.
        let state = unsafe { &mut *self.0.get() };
        let Some(list) = state.free.get_mut(bits as usize) else { halt(HEAP_FULL) };
        if !list.is_null() {
            let block = *list;
            // SAFETY: a block on a list is free, aligned for a pointer, and `dealloc` wrote one to it.
            *list = unsafe { block.cast::<*mut u8>().read() };
            return block;
        }
        if state.next == 0 {
            state.next = &raw const __heap_start as usize;
        }
        let size = 1 << bits;
        let start = state.next.next_multiple_of(size);
        if start + size > HEAP_END {
            halt(HEAP_FULL)
        }
        state.next = start + size;
        start as *mut u8
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: one hart, and nothing here allocates.
        let state = unsafe { &mut *self.0.get() };
        if let Some(list) = state.free.get_mut(block_bits(layout) as usize) {
            // SAFETY: the block is the caller's to give up, large enough and aligned for a pointer.
            unsafe { block.cast::<*mut u8>().write(*list) };
            *list = block;
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller guarantees that the new size and the alignment make a layout.
        let wanted = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        if block_bits(wanted) == block_bits(layout) {
            return block;
        }
        // SAFETY: `wanted` has a size that is not zero, as the caller guarantees.
        let new = unsafe { self.alloc(wanted) };
        // SAFETY: two living blocks do not overlap, and each holds the smaller of the sizes.
        unsafe { new.copy_from_nonoverlapping(block, layout.size().min(new_size)) };
        // SAFETY: the block was made for `layout` and is given up by the caller.
        unsafe { self.dealloc(block, layout) };
        new
    }
}

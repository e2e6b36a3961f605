//! 2^32 bytes, most of them zero.

use alloc::{vec, vec::Vec};
use core::fmt;

use crate::{Trap, alu::low32};

/// Addresses are below this.
pub const ADDRESS_SPACE_BYTES: u64 = 1 << 32;
/// Bytes of a page: what is allocated, and protected, at once.
pub const PAGE_BYTES: u64 = 1 << PAGE_BITS;
/// Bytes of a leaf: what a system call reads or writes at once. Leaves are aligned.
pub const LEAF_BYTES: u64 = 32;

const PAGE_BITS: u32 = 12;
const PAGE_WORDS: usize = 512;
pub(crate) const PAGES: usize = 1 << 20;

/// The bytes of a leaf.
pub type Leaf = [u8; 32];

/// A word is eight bytes, the lowest address in its lowest bits.
type Page = [u64; PAGE_WORDS];

/// Sparse memory: pages that were never written share one that is zero.
#[derive(Clone)]
pub struct Memory {
    /// Position in `pages` of every page of memory.
    table: Vec<u32>,
    /// The zero page, then those that were written.
    pages: Vec<Page>,
    /// Which page of memory each of them is, and whether it was written since somebody asked.
    owners: Vec<Owner>,
    text_start: u64,
    text_bytes: u64,
}

#[derive(Clone, Copy)]
struct Owner {
    page: usize,
    changed: bool,
}

/// A page and a word in it.
#[inline(always)]
fn place(address: u64) -> (usize, usize) {
    let page = usize::try_from(address >> PAGE_BITS).unwrap_or(usize::MAX);
    let word = usize::try_from(address >> 3).unwrap_or(usize::MAX) & 511;
    (page, word)
}

#[inline(always)]
fn position(at: u32) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}

#[inline(always)]
fn shift(address: u64) -> u32 {
    (low32(address) & 7) << 3
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            table: vec![0; PAGES],
            pages: vec![[0; PAGE_WORDS]],
            owners: vec![Owner { page: PAGES, changed: false }],
            text_start: 0,
            text_bytes: 0,
        }
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("pages", &self.pages.len()).finish_non_exhaustive()
    }
}

impl Memory {
    /// Zero everywhere; stores into the pages from `text_start` on, `text_bytes` long and more to the end of a
    /// page, trap. `text_start` is a multiple of [`PAGE_BYTES`].
    pub(crate) fn new(text_start: u64, text_bytes: u64) -> Self {
        let text_bytes = text_bytes.checked_next_multiple_of(PAGE_BYTES).unwrap_or(u64::MAX);
        Self { text_start, text_bytes, ..Self::default() }
    }

    /// The aligned word that holds `address`; `None` outside of memory.
    #[inline(always)]
    fn word(&self, address: u64) -> Option<u64> {
        let (page, word) = place(address);
        let position = position(*self.table.get(page)?);
        self.pages.get(position)?.get(word).copied()
    }

    #[inline(always)]
    fn word_mut(&mut self, address: u64) -> Option<&mut u64> {
        let (page, word) = place(address);
        let mut at = *self.table.get(page)?;
        if at == 0 {
            at = self.add_page(page)?;
        }
        self.owners.get_mut(position(at))?.changed = true;
        self.pages.get_mut(position(at))?.get_mut(word)
    }

    #[cold]
    fn add_page(&mut self, page: usize) -> Option<u32> {
        let at = u32::try_from(self.pages.len()).ok()?;
        self.pages.push([0; PAGE_WORDS]);
        self.owners.push(Owner { page, changed: false });
        *self.table.get_mut(page)? = at;
        Some(at)
    }

    /// Loads `1 << LOG_WIDTH` bytes, zero-extended.
    #[inline(always)]
    pub(crate) fn load<const LOG_WIDTH: u32>(&self, address: u64) -> Result<u64, Trap> {
        if address & misalignment::<LOG_WIDTH>() != 0 {
            return Err(Trap::LoadMisaligned);
        }
        let word = self.word(address).ok_or(Trap::LoadFault)?;
        Ok(word.wrapping_shr(shift(address)) & mask::<LOG_WIDTH>())
    }

    /// Stores the low `1 << LOG_WIDTH` bytes of `value`.
    #[inline(always)]
    pub(crate) fn store<const LOG_WIDTH: u32>(
        &mut self,
        address: u64,
        value: u64,
    ) -> Result<(), Trap> {
        if address & misalignment::<LOG_WIDTH>() != 0 {
            return Err(Trap::StoreMisaligned);
        }
        if self.is_text(address) {
            return Err(Trap::StoreFault);
        }
        let mask = mask::<LOG_WIDTH>().wrapping_shl(shift(address));
        let word = self.word_mut(address).ok_or(Trap::StoreFault)?;
        *word = (*word & !mask) | (value.wrapping_shl(shift(address)) & mask);
        Ok(())
    }

    /// Whether stores to `address` trap for the sake of the program.
    #[inline(always)]
    fn is_text(&self, address: u64) -> bool {
        address.wrapping_sub(self.text_start) < self.text_bytes
    }

    /// The leaf at `address`, for a system call.
    ///
    /// # Errors
    /// [`Trap::LoadMisaligned`], then [`Trap::LoadFault`].
    pub fn load_leaf(&self, address: u64) -> Result<Leaf, Trap> {
        if address & LEAF_BYTES.wrapping_sub(1) != 0 {
            return Err(Trap::LoadMisaligned);
        }
        let mut leaf = Leaf::default();
        for (chunk, offset) in leaf.as_chunks_mut::<8>().0.iter_mut().zip([0, 8, 16, 24]) {
            let word = self.word(address | offset).ok_or(Trap::LoadFault)?;
            *chunk = word.to_le_bytes();
        }
        Ok(leaf)
    }

    /// Checks that a system call may write the leaf at `address`.
    ///
    /// # Errors
    /// [`Trap::StoreMisaligned`], then [`Trap::StoreFault`].
    pub(crate) fn check_leaf(&self, address: u64) -> Result<(), Trap> {
        if address & LEAF_BYTES.wrapping_sub(1) != 0 {
            return Err(Trap::StoreMisaligned);
        }
        if address >= ADDRESS_SPACE_BYTES || self.is_text(address) {
            return Err(Trap::StoreFault);
        }
        Ok(())
    }

    /// Writes a leaf for a system call.
    ///
    /// # Errors
    /// As [`Memory::check_leaf`].
    pub(crate) fn store_leaf(&mut self, address: u64, leaf: &Leaf) -> Result<(), Trap> {
        self.check_leaf(address)?;
        for (chunk, offset) in leaf.as_chunks::<8>().0.iter().zip([0, 8, 16, 24]) {
            *self.word_mut(address | offset).ok_or(Trap::StoreFault)? = u64::from_le_bytes(*chunk);
        }
        Ok(())
    }

    /// The `length` bytes from `address` on; `None` unless all are in memory and at most `limit`.
    pub(crate) fn bytes(&self, address: u64, length: u64, limit: u64) -> Option<Vec<u8>> {
        let end = address.checked_add(length)?;
        if length > limit || end > ADDRESS_SPACE_BYTES {
            return None;
        }
        (address..end).map(|at| self.load::<0>(at).ok().map(low8)).collect()
    }

    /// The leaves of a page of memory.
    pub(crate) fn page_leaves(&self, page: usize) -> impl Iterator<Item = Leaf> {
        let at = self.table.get(page).copied().map_or(0, position);
        let words = self.pages.get(at).into_iter().flat_map(|page| page.as_chunks::<4>().0);
        words.map(|words| {
            let mut leaf = Leaf::default();
            for (to, word) in leaf.as_chunks_mut::<8>().0.iter_mut().zip(words) {
                *to = word.to_le_bytes();
            }
            leaf
        })
    }

    /// The pages that were written since the last time; most once.
    pub(crate) fn take_changed(&mut self) -> Vec<usize> {
        let changed = self.owners.iter_mut().filter(|owner| owner.changed);
        let pages = changed.map(|owner| {
            owner.changed = false;
            owner.page
        });
        pages.collect()
    }

    /// Makes every page that is not zero count as written.
    pub(crate) fn mark_all_changed(&mut self) {
        for owner in self.owners.iter_mut().skip(1) {
            owner.changed = true;
        }
    }

    /// Puts a segment of a program in place, text or not. What lies outside of memory is dropped; the loader
    /// lets nothing through that does.
    pub(crate) fn place_segment(&mut self, address: u64, bytes: &[u8]) {
        for (at, byte) in (address..).zip(bytes) {
            if let Some(word) = self.word_mut(at) {
                let mask = 0xffu64.wrapping_shl(shift(at));
                *word = (*word & !mask) | u64::from(*byte).wrapping_shl(shift(at));
            }
        }
    }
}

fn low8(value: u64) -> u8 {
    let [byte, ..] = value.to_le_bytes();
    byte
}

#[inline(always)]
const fn misalignment<const LOG_WIDTH: u32>() -> u64 {
    1u64.wrapping_shl(LOG_WIDTH).wrapping_sub(1)
}

#[inline(always)]
const fn mask<const LOG_WIDTH: u32>() -> u64 {
    u64::MAX.wrapping_shr(64u32.wrapping_sub(8u32.wrapping_shl(LOG_WIDTH)))
}

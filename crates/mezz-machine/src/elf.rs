//! Programs from ELF files (*System V ABI*, chapter 4, 64-bit). Total on any bytes, and bounded: a program holds
//! at most as many bytes as its file.
//!
//! Loaded is what a static, little-endian RV64 executable without compressed instructions and without
//! floating-point ABI declares in its `PT_LOAD` headers; sections are not looked at. Rules:
//!
//! - exactly one segment is executable; it is not writable, starts a page, is whole in the file, and is a
//!   whole number of instructions;
//! - segments lie below 2^32 and share no byte; no data lies in a page of text;
//! - the entry is an instruction of the text.

use alloc::vec::Vec;

use crate::{ADDRESS_SPACE_BYTES, ElfError, PAGE_BYTES};

/// Largest file, bytes.
pub const MAX_ELF_BYTES: usize = 64 << 20;
/// Most program headers.
pub const MAX_PROGRAM_HEADERS: u16 = 16;

const FILE_HEADER_BYTES: u64 = 64;
const PROGRAM_HEADER_BYTES: u64 = 56;

const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;
const PT_TLS: u32 = 7;

const PF_X: u32 = 1;
const PF_W: u32 = 2;

/// A program that a machine can run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    entry: u64,
    text: Segment,
    data: Vec<Segment>,
}

/// A part of memory and what it starts with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Address of its first byte.
    pub address: u64,
    /// Its first bytes; the rest are zero.
    pub bytes: Vec<u8>,
    /// Its length, bytes.
    pub memory_bytes: u64,
}

impl Segment {
    fn end(&self) -> u64 {
        self.address.saturating_add(self.memory_bytes)
    }
}

impl Program {
    /// Reads an ELF file.
    ///
    /// # Errors
    /// The first [`ElfError`] found.
    pub fn parse(elf: &[u8]) -> Result<Self, ElfError> {
        if elf.len() > MAX_ELF_BYTES {
            return Err(ElfError::TooLarge { got: elf.len(), limit: MAX_ELF_BYTES });
        }
        let file = File { bytes: elf };
        let header = file.header()?;
        let (mut text, mut data) = (Vec::new(), Vec::new());
        let mut left = u64::try_from(elf.len()).unwrap_or(u64::MAX);
        for number in 0..u64::from(header.program_headers) {
            let at = number.saturating_mul(PROGRAM_HEADER_BYTES);
            let at = header.program_headers_at.saturating_add(at);
            let loaded = file.program_header(at, &mut left)?;
            match loaded {
                Some((flags, segment)) if flags & PF_X != 0 => text.push((flags, segment)),
                Some((_, segment)) => data.push(segment),
                None => {}
            }
        }
        let got = text.len();
        let Ok([(flags, text)]) = <[_; 1]>::try_from(text) else {
            return Err(ElfError::TextSegments { got });
        };
        check_text(flags, &text)?;
        check_apart(&text, &data)?;
        let entry = header.entry;
        let starts = (text.address..text.end()).contains(&entry) && entry & 3 == 0;
        if !starts {
            return Err(ElfError::Entry { entry });
        }
        Ok(Self { entry, text, data })
    }

    /// Address of the first instruction.
    pub const fn entry(&self) -> u64 {
        self.entry
    }

    /// The executable segment.
    pub const fn text(&self) -> &Segment {
        &self.text
    }

    /// All segments.
    pub fn segments(&self) -> impl Iterator<Item = &Segment> {
        core::iter::once(&self.text).chain(&self.data)
    }
}

fn check_text(flags: u32, text: &Segment) -> Result<(), ElfError> {
    let file_bytes = u64::try_from(text.bytes.len()).unwrap_or(u64::MAX);
    let whole = file_bytes == text.memory_bytes && file_bytes & 3 == 0 && file_bytes != 0;
    let starts_page = text.address & PAGE_BYTES.wrapping_sub(1) == 0;
    if flags & PF_W != 0 || !whole || !starts_page {
        return Err(ElfError::Text { address: text.address, file_bytes, flags });
    }
    Ok(())
}

/// Ranges of segments, that of the text widened to whole pages, must be apart.
fn check_apart(text: &Segment, data: &[Segment]) -> Result<(), ElfError> {
    let text_end = text.end().checked_next_multiple_of(PAGE_BYTES).unwrap_or(u64::MAX);
    let ranges = data.iter().map(|segment| (segment.address, segment.end()));
    let mut ranges: Vec<(u64, u64)> =
        ranges.chain([(text.address, text_end)]).filter(|(start, end)| start != end).collect();
    ranges.sort_unstable();
    for pair in ranges.windows(2) {
        if let [(first, end), (second, _)] = pair
            && end > second
        {
            return Err(ElfError::Overlap { first: *first, second: *second });
        }
    }
    Ok(())
}

struct Header {
    entry: u64,
    program_headers_at: u64,
    program_headers: u16,
}

struct File<'a> {
    bytes: &'a [u8],
}

impl<'a> File<'a> {
    fn slice(&self, at: u64, length: u64) -> Result<&'a [u8], ElfError> {
        let end = at.saturating_add(length);
        let truncated = ElfError::Truncated { end, got: self.bytes.len() };
        let (Ok(from), Ok(to)) = (usize::try_from(at), usize::try_from(end)) else {
            return Err(truncated);
        };
        self.bytes.get(from..to).ok_or(truncated)
    }

    /// An integer of `length` bytes, at most 8.
    fn integer(&self, at: u64, length: u64) -> Result<u64, ElfError> {
        let mut bytes = [0; 8];
        for (to, from) in bytes.iter_mut().zip(self.slice(at, length)?) {
            *to = *from;
        }
        Ok(u64::from_le_bytes(bytes))
    }

    fn half(&self, at: u64) -> Result<u16, ElfError> {
        self.integer(at, 2).map(|value| u16::try_from(value).unwrap_or(u16::MAX))
    }

    fn word(&self, at: u64) -> Result<u32, ElfError> {
        self.integer(at, 4).map(|value| u32::try_from(value).unwrap_or(u32::MAX))
    }

    fn header(&self) -> Result<Header, ElfError> {
        self.slice(0, FILE_HEADER_BYTES)?;
        for (field, at, length, expected) in [
            ("EI_MAG", 0, 4, 0x464c_457f),
            ("EI_CLASS", 4, 1, 2),
            ("EI_DATA", 5, 1, 1),
            ("EI_VERSION", 6, 1, 1),
            ("e_type", 16, 2, 2),
            ("e_machine", 18, 2, 243),
            ("e_version", 20, 4, 1),
            ("e_flags", 48, 4, 0),
            ("e_phentsize", 54, 2, PROGRAM_HEADER_BYTES),
        ] {
            let got = self.integer(at, length)?;
            if got != expected {
                return Err(ElfError::Header { field, got, expected });
            }
        }
        let program_headers = self.half(56)?;
        if program_headers > MAX_PROGRAM_HEADERS {
            let limit = MAX_PROGRAM_HEADERS;
            return Err(ElfError::TooManyHeaders { got: program_headers, limit });
        }
        Ok(Header {
            entry: self.integer(24, 8)?,
            program_headers_at: self.integer(32, 8)?,
            program_headers,
        })
    }

    /// The flags and the segment of a program header; `None` for one that loads nothing. What it takes from the
    /// file comes off `left`.
    fn program_header(&self, at: u64, left: &mut u64) -> Result<Option<(u32, Segment)>, ElfError> {
        self.slice(at, PROGRAM_HEADER_BYTES)?;
        let field = |offset: u64, length: u64| self.integer(at.saturating_add(offset), length);
        let kind = self.word(at)?;
        match kind {
            PT_LOAD => {}
            PT_DYNAMIC | PT_INTERP | PT_TLS => return Err(ElfError::NotStatic { kind }),
            _ => return Ok(None),
        }
        let flags = self.word(at.saturating_add(4))?;
        let (offset, address) = (field(8, 8)?, field(16, 8)?);
        let (file_bytes, memory_bytes) = (field(32, 8)?, field(40, 8)?);
        let end = address.checked_add(memory_bytes);
        if file_bytes > memory_bytes || end.is_none_or(|end| end > ADDRESS_SPACE_BYTES) {
            return Err(ElfError::SegmentRange { address, file_bytes, memory_bytes });
        }
        let bytes = self.slice(offset, file_bytes)?;
        *left = left.checked_sub(file_bytes).ok_or(ElfError::SharedBytes { address })?;
        let bytes = bytes.to_vec();
        Ok(Some((flags, Segment { address, bytes, memory_bytes })))
    }
}

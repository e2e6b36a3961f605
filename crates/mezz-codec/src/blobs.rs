//! Batch bytes in blobs (`docs/formats.md`, section 7).

use alloc::{boxed::Box, vec, vec::Vec};

/// Bytes of a blob (EIP-4844).
pub const BLOB_BYTES: usize = 131_072;
/// Bytes of a batch that a blob carries, the length field included.
pub const BLOB_CAPACITY: usize = 126_976;
/// No L1 block admits more blobs in one transaction (EIP-7594).
pub const MAX_BATCH_BLOBS: usize = 6;

const ELEMENT_BYTES: usize = 32;
const DATA_BYTES: usize = 31;
const LENGTH_BYTES: usize = 4;

/// One blob.
pub type Blob = Box<[u8; BLOB_BYTES]>;

/// Blobs carry no batch, or a batch fits no blobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlobError {
    /// There is not one blob.
    #[error("no blob")]
    Empty,
    /// A field element whose first byte is set.
    #[error("field element {element} starts with {got:#04x}")]
    Element {
        /// Position over all blobs.
        element: usize,
        /// Its first byte.
        got: u8,
    },
    /// The length exceeds what the blobs carry, or what a transaction admits.
    #[error("{got} bytes, the blobs carry {capacity}")]
    Length {
        /// Bytes announced or given.
        got: usize,
        /// Bytes that fit.
        capacity: usize,
    },
    /// A byte after the batch is set.
    #[error("byte {position} of the padding is {got:#04x}")]
    Padding {
        /// Position after the batch.
        position: usize,
        /// The byte.
        got: u8,
    },
}

/// How many blobs a batch of `length` bytes takes.
pub const fn blobs_needed(length: usize) -> usize {
    length.saturating_add(LENGTH_BYTES).div_ceil(BLOB_CAPACITY)
}

/// Spreads batch bytes over as few blobs as hold them.
///
/// # Errors
/// [`BlobError::Length`] if [`MAX_BATCH_BLOBS`] are too few.
pub fn pack_blobs(bytes: &[u8]) -> Result<Vec<Blob>, BlobError> {
    let capacity = MAX_BATCH_BLOBS.saturating_mul(BLOB_CAPACITY).saturating_sub(LENGTH_BYTES);
    let too_long = BlobError::Length { got: bytes.len(), capacity };
    let length = u32::try_from(bytes.len()).map_err(|_| too_long)?.to_be_bytes();
    if bytes.len() > capacity {
        return Err(too_long);
    }
    let mut source = length.iter().chain(bytes);
    let mut blobs = Vec::with_capacity(blobs_needed(bytes.len()));
    for _ in 0..blobs_needed(bytes.len()) {
        let mut blob = empty_blob().ok_or(too_long)?;
        for element in blob.as_chunks_mut::<ELEMENT_BYTES>().0 {
            let [_, data @ ..] = element;
            for (target, byte) in data.iter_mut().zip(&mut source) {
                *target = *byte;
            }
        }
        blobs.push(blob);
    }
    Ok(blobs)
}

/// A blob of zeros, made on the heap: guests have small stacks.
fn empty_blob() -> Option<Blob> {
    vec![0u8; BLOB_BYTES].into_boxed_slice().try_into().ok()
}

/// The batch bytes that blobs carry.
///
/// # Errors
/// [`BlobError`] if the blobs were not packed by the rules; the batch's bytes are then empty.
pub fn unpack_blobs<B: AsRef<[u8; BLOB_BYTES]>>(blobs: &[B]) -> Result<Vec<u8>, BlobError> {
    if blobs.is_empty() {
        return Err(BlobError::Empty);
    }
    let capacity = blobs.len().saturating_mul(BLOB_CAPACITY);
    let mut data = Vec::with_capacity(capacity);
    let elements = blobs.iter().flat_map(|blob| blob.as_ref().as_chunks::<ELEMENT_BYTES>().0);
    for (element, [first, rest @ ..]) in elements.enumerate() {
        if *first != 0 {
            return Err(BlobError::Element { element, got: *first });
        }
        data.extend_from_slice(rest);
    }
    let room = capacity.saturating_sub(LENGTH_BYTES);
    let too_long = |got| BlobError::Length { got, capacity: room };
    let (length, rest) = data.split_first_chunk::<LENGTH_BYTES>().ok_or(too_long(0))?;
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    let (bytes, padding) = rest.split_at_checked(length).ok_or(too_long(length))?;
    if let Some((position, got)) = padding.iter().enumerate().find(|(_, byte)| **byte != 0) {
        return Err(BlobError::Padding { position, got: *got });
    }
    Ok(bytes.to_vec())
}

const _: () = assert!(BLOB_CAPACITY == BLOB_BYTES / ELEMENT_BYTES * DATA_BYTES);

//! The envelope of a batch: version, compression, length.

use alloc::{boxed::Box, vec, vec::Vec};
use alloy_consensus::TxEnvelope;
use mezz_types::Limits;
use miniz_oxide::{
    deflate::compress_to_vec,
    inflate::{
        TINFLStatus,
        core::{DecompressorOxide, decompress, inflate_flags},
    },
};

use crate::{CodecError, Item, columns::Reader, read::read_payload, write::write_payload};

/// The version written and read.
pub const VERSION: u8 = 1;
/// Bytes before the payload.
pub const HEADER_BYTES: usize = 6;

const COMPRESSION_NONE: u8 = 0;
const COMPRESSION_DEFLATE: u8 = 1;
/// Higher levels gain nothing on columns of signatures.
const DEFLATE_LEVEL: u8 = 8;

/// One block of a batch, before anything is known of what its transactions do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchBlock {
    /// Seconds since the Unix epoch.
    pub timestamp: u64,
    /// Inbox messages that the block consumes.
    pub message_count: u64,
    /// Its transactions, in order.
    pub transactions: Vec<TxEnvelope>,
}

/// The bytes of a batch, compressed if that makes them shorter.
///
/// # Errors
/// [`CodecError::Kind`] for a blob transaction, [`CodecError::TooMany`] past 2^32 − 1 bytes.
pub fn encode(blocks: &[BatchBlock]) -> Result<Vec<u8>, CodecError> {
    let payload = write_payload(blocks)?;
    let length = u32::try_from(payload.len()).map_err(|_| CodecError::TooMany {
        item: Item::PayloadBytes,
        got: u64::try_from(payload.len()).unwrap_or(u64::MAX),
        limit: u32::MAX.into(),
    })?;
    let deflated = compress_to_vec(&payload, DEFLATE_LEVEL);
    let (compression, body) = if deflated.len() < payload.len() {
        (COMPRESSION_DEFLATE, deflated)
    } else {
        (COMPRESSION_NONE, payload)
    };
    let mut bytes = vec![VERSION, compression];
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(&body);
    Ok(bytes)
}

/// The blocks that `bytes` give.
///
/// # Errors
/// The first [`CodecError`] found. Memory is bounded by a small multiple of `limits.batch_bytes`.
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Vec<BatchBlock>, CodecError> {
    let mut reader = Reader::new(bytes);
    let version = reader.byte()?;
    if version != VERSION {
        return Err(CodecError::Version { got: version, expected: VERSION });
    }
    let compression = reader.byte()?;
    let length = reader.be_u32()?;
    if u64::from(length) > limits.batch_bytes {
        return Err(CodecError::TooMany {
            item: Item::PayloadBytes,
            got: length.into(),
            limit: limits.batch_bytes,
        });
    }
    let body = reader.rest();
    match compression {
        COMPRESSION_NONE => {
            let got = u64::try_from(body.len()).unwrap_or(u64::MAX);
            if got != u64::from(length) {
                return Err(CodecError::Deflate { got, expected: length.into() });
            }
            read_payload(body, limits)
        }
        COMPRESSION_DEFLATE => read_payload(&inflate(body, length)?, limits),
        got => Err(CodecError::Compression { got }),
    }
}

/// Decompresses into exactly `length` bytes; never writes more.
fn inflate(body: &[u8], length: u32) -> Result<Vec<u8>, CodecError> {
    let size = usize::try_from(length).unwrap_or(usize::MAX);
    let mut payload = vec![0; size];
    let mut state = Box::<DecompressorOxide>::default();
    let flags = inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    let (status, read, written) = decompress(&mut state, body, &mut payload, 0, flags);
    if status != TINFLStatus::Done || written != size {
        let got = u64::try_from(written).unwrap_or(u64::MAX);
        return Err(CodecError::Deflate { got, expected: length.into() });
    }
    match u64::try_from(body.len().saturating_sub(read)).unwrap_or(u64::MAX) {
        0 => Ok(payload),
        left => Err(CodecError::Trailing { left }),
    }
}

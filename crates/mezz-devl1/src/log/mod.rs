//! The chain on disk: one file, to which is only ever added.
//!
//! The file is a row of frames, `length (4, BE) ‖ first 8 bytes of keccak256(record) ‖ record`. A frame that the end
//! of the file cuts off, the last one when its checksum is wrong, and zeros at the end were being written when the
//! process or the computer died; they are cut away, since nothing is published before it is on disk. Anything else
//! that is wrong is an error.

mod record;

#[cfg(test)]
mod tests;

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use alloy_primitives::keccak256;

pub(crate) use record::{GenesisRecord, Record};

/// Bytes before a record.
const FRAME: usize = 12;

/// Longer than any record: a block of 8 MiB, its receipts, its changes and 21 blobs.
const MAX_RECORD: usize = 1 << 28;

/// The chain cannot be kept, or what was kept cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process has it open.
    #[error("{path} is in use by another process")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// A record is damaged, and not by being cut off.
    #[error("{path} is damaged at byte {at}: {reason}; move it away to start a new chain")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where.
        at: u64,
        /// What is wrong.
        reason: String,
    },
    /// It is the log of a chain with another genesis, or of another version.
    #[error(
        "{path} holds another chain: {what} is {found}, this configuration has {expected}; \
         use another directory, or the configuration it was made with"
    )]
    AnotherChain {
        /// The file.
        path: PathBuf,
        /// What differs.
        what: &'static str,
        /// In the file.
        found: String,
        /// In the configuration.
        expected: String,
    },
}

/// An open log.
#[derive(Debug)]
pub(crate) struct BlockLog {
    path: PathBuf,
    file: File,
}

impl BlockLog {
    /// Opens the log in `directory`, or starts an empty one, and reads all that it holds.
    pub(crate) fn open(directory: &Path) -> Result<(Self, Vec<Record>), LogError> {
        let path = directory.join("l1-blocks.log");
        let io_error = |source| LogError::Io { path: path.clone(), source };
        std::fs::create_dir_all(directory).map_err(io_error)?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(io_error)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LogError::InUse { path }),
            Err(TryLockError::Error(source)) => return Err(LogError::Io { path, source }),
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(io_error)?;
        let (records, whole) = read(&bytes).map_err(|(at, reason)| LogError::Damaged {
            path: path.clone(),
            at: u64::try_from(at).unwrap_or(u64::MAX),
            reason,
        })?;
        let whole = u64::try_from(whole).expect("a length of a file in memory fits");
        file.set_len(whole).map_err(io_error)?;
        file.seek(SeekFrom::Start(whole)).map_err(io_error)?;
        // The directory's entry is to survive a crash as well as the file.
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(io_error)?;
        Ok((Self { path, file }, records))
    }

    /// Writes `records` down; when it returns they are on disk.
    ///
    /// # Errors
    /// [`LogError::Io`]; the log is then not to be used again.
    pub(crate) fn append(&mut self, records: &[Record]) -> Result<(), LogError> {
        let mut frames = Vec::new();
        for record in records {
            let record = record.encode();
            let length = u32::try_from(record.len()).expect("blocks are bounded far below 4 GiB");
            frames.extend(length.to_be_bytes());
            frames.extend(&keccak256(&record)[..8]);
            frames.extend(record);
        }
        self.file
            .write_all(&frames)
            .and_then(|()| self.file.sync_data())
            .map_err(|source| LogError::Io { path: self.path.clone(), source })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// The records in `bytes`, and the length of the part that is whole; or where it is damaged.
fn read(bytes: &[u8]) -> Result<(Vec<Record>, usize), (usize, String)> {
    let mut records = Vec::new();
    let mut at = 0;
    while let Some((head, rest)) =
        bytes.get(at..).and_then(|rest| rest.split_first_chunk::<FRAME>())
    {
        let (length, checksum) = head.split_at(4);
        let length = length.iter().fold(0usize, |length, byte| length << 8 | usize::from(*byte));
        if length > MAX_RECORD {
            return Err((at, format!("a record of {length} bytes")));
        }
        let Some(record) = rest.get(..length) else { break };
        if keccak256(record)[..8] != *checksum {
            if rest.len() == length || bytes.iter().skip(at).all(|byte| *byte == 0) {
                break;
            }
            return Err((at, "the checksum does not match".to_owned()));
        }
        records.push(Record::decode(record).map_err(|error| (at, error.to_string()))?);
        at += FRAME + length;
    }
    Ok((records, at))
}

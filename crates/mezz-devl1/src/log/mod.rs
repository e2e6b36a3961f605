//! The chain on disk: one file, to which is only ever added.
//!
//! The file is a row of frames, `length (4, BE) ‖ first 8 bytes of keccak256(record) ‖ record`. A frame that the end
//! of the file cuts off, the last one when its checksum is wrong, and zeros at the end were being written when the
//! process or the computer died; they are cut away, since nothing is published before it is on disk. Anything else
//! that is wrong is an error.
//!
//! The blocks of the file are not all held in memory: who wants one that is not reads it at its [`Place`].

mod record;

#[cfg(test)]
mod tests;

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use alloy_primitives::{B256, keccak256};
use mezz_evm::EthereumChanges;

use crate::chain::Block;

pub(crate) use record::{GenesisRecord, Record};

/// Bytes before a record.
const FRAME: usize = 12;

/// Longer than any record: a block of 8 MiB, its receipts, its changes and 21 blobs.
const MAX_RECORD: u32 = 1 << 28;

/// Bytes of the file that are read at once.
const BUFFER: usize = 1 << 18;

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

/// Where a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// First byte of its frame.
    at: u64,
    /// Bytes of the record without its frame.
    length: u32,
}

/// What a log holds, with the blocks by their place alone.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    Genesis(GenesisRecord),
    Block { number: u64, hash: B256, parent: B256, place: Place },
    Edits(Arc<EthereumChanges>),
    Rewind { to: u64 },
}

/// An open log.
#[derive(Debug)]
pub(crate) struct BlockLog {
    path: PathBuf,
    file: File,
    /// Its length, bytes.
    end: u64,
    reader: LogReader,
}

impl BlockLog {
    /// Opens the log in `directory`, or starts an empty one, and reads what it holds.
    pub(crate) fn open(directory: &Path) -> Result<(Self, Vec<Entry>), LogError> {
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
        let (entries, end) = scan(&path, &file)?;
        file.set_len(end).map_err(io_error)?;
        file.seek(SeekFrom::Start(end)).map_err(io_error)?;
        // The directory's entry is to survive a crash as well as the file.
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(io_error)?;
        // A file of its own: readers that outlive the log do not keep it locked.
        let read_only = File::open(&path).map_err(io_error)?;
        let reader = LogReader { path: Arc::from(path.as_path()), file: Arc::new(read_only) };
        Ok((Self { path, file, end, reader }, entries))
    }

    /// Writes `records` down, and returns where each is; when it returns they are on disk.
    ///
    /// # Errors
    /// [`LogError::Io`]; the log is then not to be used again.
    pub(crate) fn append(&mut self, records: &[Record]) -> Result<Vec<Place>, LogError> {
        let (mut frames, mut places) = (Vec::new(), Vec::with_capacity(records.len()));
        let mut at = self.end;
        for record in records {
            let record = record.encode();
            let length = u32::try_from(record.len()).expect("blocks are bounded far below 4 GiB");
            frames.extend(length.to_be_bytes());
            frames.extend(&keccak256(&record)[..8]);
            frames.extend(record);
            places.push(Place { at, length });
            at += FRAME as u64 + u64::from(length);
        }
        self.file
            .write_all(&frames)
            .and_then(|()| self.file.sync_data())
            .map_err(|source| LogError::Io { path: self.path.clone(), source })?;
        self.end = at;
        Ok(places)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) const fn reader(&self) -> &LogReader {
        &self.reader
    }
}

/// Reads blocks that were written. A clone is cheap.
#[derive(Clone, Debug)]
pub(crate) struct LogReader {
    path: Arc<Path>,
    file: Arc<File>,
}

impl LogReader {
    /// The block at `place`.
    ///
    /// # Errors
    /// [`LogError`] if the file cannot be read, or is damaged there.
    pub(crate) fn block(&self, place: Place) -> Result<Block, LogError> {
        let damaged = |reason: &str| LogError::Damaged {
            path: self.path.to_path_buf(),
            at: place.at,
            reason: reason.to_owned(),
        };
        let mut bytes = vec![0; FRAME + place.length as usize];
        self.file
            .read_exact_at(&mut bytes, place.at)
            .map_err(|source| LogError::Io { path: self.path.to_path_buf(), source })?;
        let (frame, record) = bytes.split_at(FRAME);
        if !holds(frame, record) {
            return Err(damaged("the checksum does not match"));
        }
        match Record::decode(record) {
            Ok(Record::Block(block)) => Ok(Arc::unwrap_or_clone(block)),
            Ok(_) => Err(damaged("not a block")),
            Err(error) => Err(damaged(&error.to_string())),
        }
    }
}

/// Whether a frame is that of the record.
fn holds(frame: &[u8], record: &[u8]) -> bool {
    frame.ends_with(&keccak256(record)[..8])
}

/// What the file holds, and the length of the part that is whole.
fn scan(path: &Path, file: &File) -> Result<(Vec<Entry>, u64), LogError> {
    let io_error = |source| LogError::Io { path: path.to_owned(), source };
    let damaged = |at, reason: String| LogError::Damaged { path: path.to_owned(), at, reason };
    let end = file.metadata().map_err(io_error)?.len();
    let mut input = BufReader::with_capacity(BUFFER, file);
    let (mut entries, mut at) = (Vec::new(), 0);
    while let Some(left) = (end - at).checked_sub(FRAME as u64) {
        let mut frame = [0; FRAME];
        input.read_exact(&mut frame).map_err(io_error)?;
        let [a, b, c, d, ..] = frame;
        let length = u32::from_be_bytes([a, b, c, d]);
        if length > MAX_RECORD {
            return Err(damaged(at, format!("a record of {length} bytes")));
        }
        if u64::from(length) > left {
            break;
        }
        let mut record = vec![0; length as usize];
        input.read_exact(&mut record).map_err(io_error)?;
        if !holds(&frame, &record) {
            let zeros = frame.iter().chain(&record).all(|byte| *byte == 0);
            if u64::from(length) == left || (zeros && only_zeros(&mut input).map_err(io_error)?) {
                break;
            }
            return Err(damaged(at, "the checksum does not match".to_owned()));
        }
        let record = Record::decode(&record).map_err(|error| damaged(at, error.to_string()))?;
        entries.push(entry(record, Place { at, length }));
        at += FRAME as u64 + u64::from(length);
    }
    Ok((entries, at))
}

fn entry(record: Record, place: Place) -> Entry {
    match record {
        Record::Genesis(genesis) => Entry::Genesis(genesis),
        Record::Block(block) => Entry::Block {
            number: block.number(),
            hash: block.hash(),
            parent: block.header.parent_hash,
            place,
        },
        Record::Edits(changes) => Entry::Edits(changes),
        Record::Rewind { to } => Entry::Rewind { to },
    }
}

/// Whether nothing but zeros is left.
fn only_zeros(input: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let bytes = input.fill_buf()?;
        let length = bytes.len();
        if length == 0 {
            return Ok(true);
        }
        if bytes.iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        input.consume(length);
    }
}

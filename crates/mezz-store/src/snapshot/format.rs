//! The file: a head, records, and a checksum at the end. Written and read from start to end, one record in
//! memory at a time.

use std::io::{ErrorKind, Read, Write};

use alloy_primitives::{B256, Keccak256};

use crate::StoreError;

/// First bytes of the file.
const MAGIC: &[u8; 8] = b"mezzsnap";
/// Version of the file.
pub(super) const VERSION: u32 = 2;
/// Bytes of a record at most: above what a code, a message, a withdrawal or a block can have.
const MAX_RECORD: u32 = 16 << 20;
/// Kind of the record that ends the file.
const END: u8 = 0xff;

/// What a record holds. Records come in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Kind {
    Origin = 1,
    Header = 2,
    Code = 3,
    Withdrawal = 4,
    Batch = 5,
    Accumulator = 6,
    Message = 7,
    Leaf = 8,
    Body = 9,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Self> {
        [
            Self::Origin,
            Self::Header,
            Self::Code,
            Self::Withdrawal,
            Self::Batch,
            Self::Accumulator,
            Self::Message,
            Self::Leaf,
            Self::Body,
        ]
        .into_iter()
        .find(|kind| *kind as u8 == byte)
    }
}

/// One record.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) kind: Kind,
    pub(super) payload: Vec<u8>,
}

/// Writes a file.
pub(super) struct Writer<W> {
    out: W,
    hash: Keccak256,
    records: u64,
}

impl<W: Write> Writer<W> {
    pub(super) fn new(out: W, identity: B256) -> std::io::Result<Self> {
        let mut writer = Self { out, hash: Keccak256::new(), records: 0 };
        writer.put(MAGIC)?;
        writer.put(&VERSION.to_be_bytes())?;
        writer.put(identity.as_slice())?;
        Ok(writer)
    }

    fn put(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.hash.update(bytes);
        self.out.write_all(bytes)
    }

    pub(super) fn record(&mut self, kind: Kind, parts: &[&[u8]]) -> std::io::Result<()> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let fits = u32::try_from(length).ok().filter(|length| *length <= MAX_RECORD);
        let length = fits.ok_or_else(|| std::io::Error::other("a record is too large"))?;
        self.put(&[kind as u8])?;
        self.put(&length.to_be_bytes())?;
        for part in parts {
            self.put(part)?;
        }
        self.records += 1;
        Ok(())
    }

    /// Ends the file; its checksum.
    pub(super) fn finish(mut self) -> std::io::Result<(W, B256)> {
        let records = self.records;
        self.put(&[END])?;
        self.put(&records.to_be_bytes())?;
        let checksum = self.hash.finalize();
        self.out.write_all(checksum.as_slice())?;
        Ok((self.out, checksum))
    }
}

/// Reads a file.
pub(super) struct Reader<R> {
    input: R,
    hash: Keccak256,
    records: u64,
    last: Option<Kind>,
    identity: B256,
}

fn cut(error: &std::io::Error) -> StoreError {
    let what = match error.kind() {
        ErrorKind::UnexpectedEof => "it is cut short",
        _ => "it cannot be read to its end",
    };
    StoreError::SnapshotDamaged { what }
}

impl<R: Read> Reader<R> {
    /// Reads the head.
    pub(super) fn new(input: R) -> Result<Self, StoreError> {
        let identity = B256::ZERO;
        let mut reader = Self { input, hash: Keccak256::new(), records: 0, last: None, identity };
        let magic: [u8; 8] = reader.take()?;
        if magic != *MAGIC {
            return Err(StoreError::SnapshotDamaged { what: "it is no snapshot" });
        }
        let got = u32::from_be_bytes(reader.take()?);
        if got != VERSION {
            return Err(StoreError::SnapshotVersion { expected: VERSION, got });
        }
        reader.identity = B256::from(reader.take::<32>()?);
        Ok(reader)
    }

    /// The chain that it says that it is of.
    pub(super) const fn identity(&self) -> B256 {
        self.identity
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], StoreError> {
        let mut bytes = [0; N];
        self.input.read_exact(&mut bytes).map_err(|error| cut(&error))?;
        self.hash.update(bytes);
        Ok(bytes)
    }

    /// The next record; at the end its checksum, which is right.
    pub(super) fn next(&mut self) -> Result<Result<Record, B256>, StoreError> {
        let damaged = |what| StoreError::SnapshotDamaged { what };
        let [byte] = self.take()?;
        if byte == END {
            return self.end().map(Err);
        }
        let kind = Kind::from_byte(byte).ok_or(damaged("a record is of no kind that there is"))?;
        if self.last.is_some_and(|last| last > kind) {
            return Err(damaged("records are out of order"));
        }
        self.last = Some(kind);
        let length = u32::from_be_bytes(self.take()?);
        if length > MAX_RECORD {
            return Err(damaged("a record is too large"));
        }
        // What the file does not have is not made room for.
        let mut payload = Vec::new();
        let read = self.input.by_ref().take(length.into()).read_to_end(&mut payload);
        read.map_err(|error| cut(&error))?;
        if payload.len() != length as usize {
            return Err(damaged("it is cut short"));
        }
        self.hash.update(&payload);
        self.records += 1;
        Ok(Ok(Record { kind, payload }))
    }

    fn end(&mut self) -> Result<B256, StoreError> {
        let damaged = |what| StoreError::SnapshotDamaged { what };
        let records = u64::from_be_bytes(self.take()?);
        let expected = self.hash.clone().finalize();
        let mut got = [0; 32];
        self.input.read_exact(&mut got).map_err(|error| cut(&error))?;
        if expected != got || records != self.records {
            return Err(damaged("its checksum is wrong"));
        }
        let mut beyond = [0];
        match self.input.read(&mut beyond) {
            Ok(0) => Ok(expected),
            _ => Err(damaged("there are bytes after its end")),
        }
    }
}

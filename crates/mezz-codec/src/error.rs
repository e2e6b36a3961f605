//! Why bytes are no batch.

/// What is counted or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// Blocks of the batch.
    Blocks,
    /// Transactions of the batch.
    Transactions,
    /// Bytes of the payload.
    PayloadBytes,
    /// Bytes of call data.
    DataBytes,
    /// Entries of access lists.
    AccessListEntries,
    /// Storage keys of access lists.
    StorageKeys,
    /// Entries of authorization lists.
    Authorizations,
    /// Addresses.
    Addresses,
}

/// Bytes are no batch, or blocks have no bytes (`docs/formats.md`, section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// An unknown version.
    #[error("batch version {got}, expected {expected}")]
    Version {
        /// Version found.
        got: u8,
        /// Version known.
        expected: u8,
    },
    /// An unknown compression.
    #[error("compression {got} is unknown")]
    Compression {
        /// Compression found.
        got: u8,
    },
    /// More of something than the limits allow.
    #[error("{got} {item:?}, at most {limit}")]
    TooMany {
        /// Of what.
        item: Item,
        /// How many.
        got: u64,
        /// How many are allowed.
        limit: u64,
    },
    /// The bytes end too soon.
    #[error("{needed} bytes needed, {left} left")]
    Truncated {
        /// Bytes needed at least.
        needed: u64,
        /// Bytes left.
        left: u64,
    },
    /// The compressed stream is damaged, or does not give as many bytes as the header says.
    #[error("the stream gave {got} bytes, the header says {expected}")]
    Deflate {
        /// Bytes that came out.
        got: u64,
        /// Bytes announced.
        expected: u64,
    },
    /// A variable-length integer above 64 bits, or with a needless last byte.
    #[error("a variable-length integer is malformed")]
    Varint,
    /// An amount above the range of its field, or written with needless bytes.
    #[error("an amount of {length} bytes at exponent {exponent} is malformed")]
    Amount {
        /// Bytes of the mantissa.
        length: u8,
        /// Decimal exponent.
        exponent: u8,
    },
    /// A transaction kind without a meaning.
    #[error("transaction kind {got} is unknown")]
    Kind {
        /// The byte found, or the type of a transaction that cannot be encoded.
        got: u8,
    },
    /// A reference to an address that the batch has not named yet, or to none where one is needed.
    #[error("address reference {got}, with {known} addresses known")]
    AddressReference {
        /// The reference.
        got: u64,
        /// Addresses named so far.
        known: u64,
    },
    /// A bit of padding is set.
    #[error("padding is {got:#04x}")]
    Padding {
        /// The last byte of the parities.
        got: u8,
    },
    /// Bytes follow the last field.
    #[error("{left} bytes after the end")]
    Trailing {
        /// How many.
        left: u64,
    },
}

//! Reads the words that `words.rs` wrote: how a proof opens a hash that it was given.

use alloc::vec::Vec;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};

use crate::{
    Batch, BatchIndex, BlockNumber, ChainConfig, Claim, Commitment, DataKind, DataVerdict, Fees,
    Fork, InboxIndex, L1BlockNumber, L1Facts, LedgerKind, Limits, Message, MessageKind, Rules,
};

/// Bytes are not the words of an object (`docs/formats.md`, sections 1 and 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WordsDecodeError {
    /// The first word names another kind of object.
    #[error("tag {got}, expected {expected}")]
    Tag {
        /// Tag of the object asked for.
        expected: B256,
        /// First word found.
        got: B256,
    },
    /// Too few or too many bytes.
    #[error("{bytes} bytes are no list of fields")]
    Length {
        /// How many there are.
        bytes: usize,
    },
    /// A word is out of the range of its field.
    #[error("word {word} is out of range")]
    Range {
        /// The word.
        word: U256,
    },
    /// The data of a message is not what its hash names.
    #[error("data hash {got}, expected {expected}")]
    Data {
        /// Hash in the message.
        expected: B256,
        /// Hash of the data.
        got: B256,
    },
}

struct WordsReader<'a> {
    words: core::slice::Iter<'a, [u8; 32]>,
    bytes: usize,
}

impl<'a> WordsReader<'a> {
    fn new(bytes: &'a [u8], name: &str) -> Result<Self, WordsDecodeError> {
        let length = WordsDecodeError::Length { bytes: bytes.len() };
        let (words, []) = bytes.as_chunks::<32>() else { return Err(length) };
        let mut reader = Self { words: words.iter(), bytes: bytes.len() };
        let (expected, got) = (keccak256(name.as_bytes()), reader.hash()?);
        if got == expected { Ok(reader) } else { Err(WordsDecodeError::Tag { expected, got }) }
    }

    fn hash(&mut self) -> Result<B256, WordsDecodeError> {
        let length = WordsDecodeError::Length { bytes: self.bytes };
        self.words.next().map(B256::from).ok_or(length)
    }

    fn uint<T: TryFrom<U256>>(&mut self) -> Result<T, WordsDecodeError> {
        let word = U256::from_be_bytes(self.hash()?.0);
        T::try_from(word).map_err(|_| WordsDecodeError::Range { word })
    }

    fn address(&mut self) -> Result<Address, WordsDecodeError> {
        let word = self.hash()?;
        let address = Address::from_word(word);
        let range = WordsDecodeError::Range { word: word.into() };
        if address.into_word() == word { Ok(address) } else { Err(range) }
    }

    fn one_of<T>(&mut self, meaning: impl Fn(u8) -> Option<T>) -> Result<T, WordsDecodeError> {
        let byte: u8 = self.uint()?;
        meaning(byte).ok_or(WordsDecodeError::Range { word: U256::from(byte) })
    }

    fn facts(&mut self) -> Result<L1Facts, WordsDecodeError> {
        Ok(L1Facts {
            number: L1BlockNumber::new(self.uint()?),
            timestamp: self.uint()?,
            base_fee: self.uint()?,
            blob_base_fee: self.uint()?,
        })
    }

    fn end(mut self) -> Result<(), WordsDecodeError> {
        let length = WordsDecodeError::Length { bytes: self.bytes };
        if self.words.next().is_none() { Ok(()) } else { Err(length) }
    }
}

impl Commitment {
    /// Reads [`Commitment::words`].
    ///
    /// # Errors
    /// [`WordsDecodeError`].
    pub fn from_words(bytes: &[u8]) -> Result<Self, WordsDecodeError> {
        let mut words = WordsReader::new(bytes, "mezzanine.commitment.v1")?;
        let commitment = Self {
            block_number: BlockNumber::new(words.uint()?),
            block_hash: words.hash()?,
            timestamp: words.uint()?,
            state_root: words.hash()?,
            outbox_root: words.hash()?,
            next_inbox_index: InboxIndex::new(words.uint()?),
        };
        words.end().map(|()| commitment)
    }
}

impl Claim {
    /// Reads [`Claim::words`].
    ///
    /// # Errors
    /// [`WordsDecodeError`].
    pub fn from_words(bytes: &[u8]) -> Result<Self, WordsDecodeError> {
        let mut words = WordsReader::new(bytes, "mezzanine.claim.v1")?;
        let claim = Self {
            config_hash: words.hash()?,
            pre: words.hash()?,
            batch_start: words.hash()?,
            batch_end: words.hash()?,
            inbox_start: words.hash()?,
            inbox_end: words.hash()?,
            post: words.hash()?,
        };
        words.end().map(|()| claim)
    }
}

impl Batch {
    /// Reads [`Batch::words`].
    ///
    /// # Errors
    /// [`WordsDecodeError`].
    pub fn from_words(bytes: &[u8]) -> Result<Self, WordsDecodeError> {
        let mut words = WordsReader::new(bytes, "mezzanine.batch.v1")?;
        let batch = Self {
            parent: words.hash()?,
            index: BatchIndex::new(words.uint()?),
            data_kind: words.one_of(DataKind::from_byte)?,
            verdict: words.one_of(DataVerdict::from_byte)?,
            data_hash: words.hash()?,
            facts: words.facts()?,
            inbox_start: InboxIndex::new(words.uint()?),
            inbox_end: InboxIndex::new(words.uint()?),
            inbox_accumulator: words.hash()?,
            oldest_unconsumed_timestamp: words.uint()?,
            poster: words.address()?,
        };
        words.end().map(|()| batch)
    }
}

/// A message whose data is known by its hash alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageHead {
    message: Message,
    data_hash: B256,
}

impl MessageHead {
    /// Reads [`Message::words`].
    ///
    /// # Errors
    /// [`WordsDecodeError`].
    pub fn from_words(bytes: &[u8]) -> Result<Self, WordsDecodeError> {
        let mut words = WordsReader::new(bytes, "mezzanine.message.v1")?;
        let message = Message {
            kind: words.one_of(MessageKind::from_byte)?,
            index: InboxIndex::new(words.uint()?),
            facts: words.facts()?,
            sender: words.address()?,
            to: words.address()?,
            refund_to: words.address()?,
            value: words.uint()?,
            gas_limit: words.uint()?,
            data: Bytes::new(),
        };
        let data_hash = words.hash()?;
        words.end().map(|()| Self { message, data_hash })
    }

    /// Keccak-256 of the data.
    pub const fn data_hash(&self) -> B256 {
        self.data_hash
    }

    /// The whole message.
    ///
    /// # Errors
    /// [`WordsDecodeError::Data`] if `data` is not its data.
    pub fn with_data(self, data: Bytes) -> Result<Message, WordsDecodeError> {
        let (expected, got) = (self.data_hash, keccak256(&data));
        if got != expected {
            return Err(WordsDecodeError::Data { expected, got });
        }
        Ok(Message { data, ..self.message })
    }
}

impl ChainConfig {
    /// Reads [`ChainConfig::words`].
    ///
    /// # Errors
    /// [`WordsDecodeError`].
    pub fn from_words(bytes: &[u8]) -> Result<Self, WordsDecodeError> {
        let mut words = WordsReader::new(bytes, "mezzanine.config.v1")?;
        let mut config = Self {
            l1_chain_id: words.uint()?,
            l2_chain_id: words.uint()?,
            ledger: words.one_of(|byte| (byte == 0).then_some(LedgerKind::Evm))?,
            genesis_timestamp: words.uint()?,
            vault: words.address()?,
            fee_recipient: words.address()?,
            force_delay: words.uint()?,
            limits: Limits {
                block_gas: words.uint()?,
                batch_gas: words.uint()?,
                message_gas: words.uint()?,
                batch_message_gas: words.uint()?,
                batch_messages: words.uint()?,
                batch_bytes: words.uint()?,
                batch_blocks: words.uint()?,
                batch_transactions: words.uint()?,
            },
            fees: Fees {
                initial_base_fee: words.uint()?,
                min_base_fee: words.uint()?,
                elasticity: words.uint()?,
                change_denominator: words.uint()?,
                l1_gas_per_byte_milli: words.uint()?,
                blob_gas_per_byte_milli: words.uint()?,
            },
            forks: Vec::new(),
        };
        while words.words.len() > 0 {
            config.forks.push(Fork {
                from_batch: BatchIndex::new(words.uint()?),
                rules: words.one_of(|byte| (byte == 1).then_some(Rules::Osaka))?,
            });
        }
        Ok(config)
    }
}

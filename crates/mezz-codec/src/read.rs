//! Columns to blocks: the reverse of `write.rs`, over bytes that nobody vouches for.

use alloc::vec::{IntoIter, Vec};
use alloy_consensus::{Signed, TxEip1559, TxEip2930, TxEip7702, TxEnvelope, TxLegacy};
use alloy_eips::{
    eip2930::{AccessList, AccessListItem},
    eip7702::{Authorization, SignedAuthorization},
};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use mezz_types::Limits;

use crate::{
    BatchBlock, CodecError, Item,
    columns::{AddressReader, KIND_UNPROTECTED, Reader},
};

/// Bytes of the payload that every transaction takes at least: its kind and its signature.
const MIN_TRANSACTION_BYTES: u64 = 65;
/// The same of an entry of an access list: reference and number of keys.
const MIN_ENTRY_BYTES: u64 = 2;
/// The same of an authorization: signature, reference, two bytes of chain id, nonce, parity.
const MIN_AUTHORIZATION_BYTES: u64 = 69;

pub(crate) fn read_payload(payload: &[u8], limits: &Limits) -> Result<Vec<BatchBlock>, CodecError> {
    let mut reader = Reader::new(payload);
    let heads = BlockHeads::read(&mut reader, limits)?;
    let columns = Columns::read(&mut reader, heads.transactions)?;
    if reader.left() != 0 {
        return Err(CodecError::Trailing { left: reader.left() });
    }
    heads.fill(columns)
}

struct BlockHeads {
    timestamps: Vec<u64>,
    message_counts: Vec<u64>,
    transaction_counts: Vec<u64>,
    transactions: u64,
}

impl BlockHeads {
    fn read(reader: &mut Reader<'_>, limits: &Limits) -> Result<Self, CodecError> {
        let blocks = reader.varint()?;
        if blocks > limits.batch_blocks {
            let limit = limits.batch_blocks;
            return Err(CodecError::TooMany { item: Item::Blocks, got: blocks, limit });
        }
        let mut timestamps = reader.varints(blocks)?;
        let mut previous = 0u64;
        for timestamp in &mut timestamps {
            *timestamp = timestamp.wrapping_add(previous);
            previous = *timestamp;
        }
        let message_counts = reader.varints(blocks)?;
        let transaction_counts = reader.varints(blocks)?;
        let item = Item::Transactions;
        let transactions = reader.total(&transaction_counts, item, MIN_TRANSACTION_BYTES)?;
        if transactions > limits.batch_transactions {
            let limit = limits.batch_transactions;
            return Err(CodecError::TooMany { item, got: transactions, limit });
        }
        Ok(Self { timestamps, message_counts, transaction_counts, transactions })
    }

    fn fill(self, mut columns: Columns<'_>) -> Result<Vec<BatchBlock>, CodecError> {
        let heads = self.timestamps.into_iter().zip(self.message_counts);
        let mut blocks = Vec::with_capacity(self.transaction_counts.len());
        for ((timestamp, message_count), count) in heads.zip(self.transaction_counts) {
            let transactions =
                (0..count).map(|_| columns.transaction()).collect::<Result<Vec<_>, _>>()?;
            blocks.push(BatchBlock { timestamp, message_count, transactions });
        }
        Ok(blocks)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Unprotected,
    Legacy,
    Eip2930,
    Eip1559,
    Eip7702,
}

impl Kind {
    const fn from_byte(byte: u8) -> Result<Self, CodecError> {
        match byte {
            KIND_UNPROTECTED => Ok(Self::Unprotected),
            0 => Ok(Self::Legacy),
            1 => Ok(Self::Eip2930),
            2 => Ok(Self::Eip1559),
            4 => Ok(Self::Eip7702),
            got => Err(CodecError::Kind { got }),
        }
    }

    const fn has_chain_id(self) -> bool {
        !matches!(self, Self::Unprotected)
    }

    const fn has_tip(self) -> bool {
        matches!(self, Self::Eip1559 | Self::Eip7702)
    }

    const fn has_access_list(self) -> bool {
        matches!(self, Self::Eip2930 | Self::Eip1559 | Self::Eip7702)
    }

    const fn has_authorizations(self) -> bool {
        matches!(self, Self::Eip7702)
    }
}

/// A column, read from its front.
struct Column<T>(IntoIter<T>);

impl<T> Column<T> {
    fn new(entries: Vec<T>) -> Self {
        Self(entries.into_iter())
    }

    fn next(&mut self) -> Result<T, CodecError> {
        self.0.next().ok_or(CodecError::Truncated { needed: 1, left: 0 })
    }
}

/// An authorization whose address and signature stand elsewhere.
struct OpenAuthorization {
    chain_id: U256,
    position: u64,
    nonce: u64,
    y_parity: u8,
}

/// The transactions of a batch by columns.
struct Columns<'a> {
    scalars: Scalars,
    lists: Lists,
    tails: Tails<'a>,
}

struct Scalars {
    kinds: Column<Kind>,
    chain_ids: Column<u64>,
    nonces: Column<u64>,
    gas_limits: Column<u64>,
    max_fees: Column<u128>,
    tips: Column<u128>,
    /// Positions of addresses; `None` for a creation.
    targets: Column<Option<u64>>,
    values: Column<U256>,
    data_lengths: Column<u64>,
    data_bytes: u64,
}

struct Lists {
    access_lengths: Column<u64>,
    authorization_lengths: Column<u64>,
    /// Position of the address, and number of keys.
    entries: Column<(u64, u64)>,
    authorizations: Column<OpenAuthorization>,
    authorization_count: u64,
    storage_keys: u64,
}

struct Tails<'a> {
    parities: Column<bool>,
    storage_keys: Reader<'a>,
    data: Reader<'a>,
    addresses: &'a [[u8; 20]],
    authorization_signatures: Reader<'a>,
    signatures: Reader<'a>,
}

fn count(kinds: &[Kind], has: impl Fn(Kind) -> bool) -> u64 {
    u64::try_from(kinds.iter().filter(|kind| has(**kind)).count()).unwrap_or(u64::MAX)
}

fn fees(amounts: Vec<U256>) -> Result<Column<u128>, CodecError> {
    let narrow = |amount: U256| {
        let malformed = CodecError::Amount { length: 32, exponent: 0 };
        u128::try_from(amount).map_err(|_| malformed)
    };
    amounts.into_iter().map(narrow).collect::<Result<_, _>>().map(Column::new)
}

impl<'a> Columns<'a> {
    fn read(reader: &mut Reader<'a>, transactions: u64) -> Result<Self, CodecError> {
        let size = reader.demand(transactions, MIN_TRANSACTION_BYTES)?;
        let kinds = reader.take(size)?.iter().map(|byte| Kind::from_byte(*byte));
        let kinds: Vec<Kind> = kinds.collect::<Result<_, _>>()?;
        let mut addresses = AddressReader::default();
        let mut scalars = Scalars::read(reader, &kinds, transactions, &mut addresses)?;
        let lists = Lists::read(reader, &kinds, &mut addresses)?;
        let tails = Tails::read(reader, transactions, &scalars, &lists, addresses.known)?;
        scalars.kinds = Column::new(kinds);
        Ok(Self { scalars, lists, tails })
    }

    fn address(&self, position: u64) -> Result<Address, CodecError> {
        let known = u64::try_from(self.tails.addresses.len()).unwrap_or(u64::MAX);
        let missing = CodecError::AddressReference { got: position, known };
        let position = usize::try_from(position).map_err(|_| missing)?;
        self.tails.addresses.get(position).copied().map(Address::new).ok_or(missing)
    }

    fn target(&mut self) -> Result<TxKind, CodecError> {
        match self.scalars.targets.next()? {
            None => Ok(TxKind::Create),
            Some(position) => self.address(position).map(TxKind::Call),
        }
    }

    fn data(&mut self) -> Result<Bytes, CodecError> {
        let length = self.scalars.data_lengths.next()?;
        let length = self.tails.data.demand(length, 1)?;
        self.tails.data.take(length).map(Bytes::copy_from_slice)
    }

    fn access_list(&mut self) -> Result<AccessList, CodecError> {
        let mut list = Vec::new();
        for _ in 0..self.lists.access_lengths.next()? {
            let (position, keys) = self.lists.entries.next()?;
            let mut storage_keys = Vec::with_capacity(self.tails.storage_keys.demand(keys, 32)?);
            for _ in 0..keys {
                storage_keys.push(B256::new(*self.tails.storage_keys.array()?));
            }
            list.push(AccessListItem { address: self.address(position)?, storage_keys });
        }
        Ok(AccessList(list))
    }

    fn authorization_list(&mut self) -> Result<Vec<SignedAuthorization>, CodecError> {
        let mut list = Vec::new();
        for _ in 0..self.lists.authorization_lengths.next()? {
            let OpenAuthorization { chain_id, position, nonce, y_parity } =
                self.lists.authorizations.next()?;
            let authorization = Authorization { chain_id, address: self.address(position)?, nonce };
            let signature = &mut self.tails.authorization_signatures;
            let (r, s) = (signature.word()?, signature.word()?);
            list.push(SignedAuthorization::new_unchecked(authorization, y_parity, r, s));
        }
        Ok(list)
    }

    fn signature(&mut self) -> Result<Signature, CodecError> {
        let (r, s) = (self.tails.signatures.word()?, self.tails.signatures.word()?);
        Ok(Signature::new(r, s, self.tails.parities.next()?))
    }

    fn transaction(&mut self) -> Result<TxEnvelope, CodecError> {
        let kind = self.scalars.kinds.next()?;
        let chain_id =
            if kind.has_chain_id() { Some(self.scalars.chain_ids.next()?) } else { None };
        let nonce = self.scalars.nonces.next()?;
        let gas_limit = self.scalars.gas_limits.next()?;
        let max_fee = self.scalars.max_fees.next()?;
        let to = self.target()?;
        let value = self.scalars.values.next()?;
        let input = self.data()?;
        let signature = self.signature()?;
        let legacy = || TxLegacy {
            chain_id,
            nonce,
            gas_price: max_fee,
            gas_limit,
            to,
            value,
            input: input.clone(),
        };
        Ok(match (kind, chain_id) {
            (Kind::Unprotected | Kind::Legacy, _) | (_, None) => {
                TxEnvelope::Legacy(Signed::new_unhashed(legacy(), signature))
            }
            (Kind::Eip2930, Some(chain_id)) => {
                let (access_list, gas_price) = (self.access_list()?, max_fee);
                let tx = TxEip2930 {
                    chain_id,
                    nonce,
                    gas_price,
                    gas_limit,
                    to,
                    value,
                    access_list,
                    input,
                };
                TxEnvelope::Eip2930(Signed::new_unhashed(tx, signature))
            }
            (Kind::Eip1559, Some(chain_id)) => {
                let tx = TxEip1559 {
                    chain_id,
                    nonce,
                    gas_limit,
                    max_fee_per_gas: max_fee,
                    max_priority_fee_per_gas: self.scalars.tips.next()?,
                    to,
                    value,
                    access_list: self.access_list()?,
                    input,
                };
                TxEnvelope::Eip1559(Signed::new_unhashed(tx, signature))
            }
            (Kind::Eip7702, Some(chain_id)) => {
                let to = called(to)?;
                let tx = TxEip7702 {
                    chain_id,
                    nonce,
                    gas_limit,
                    max_fee_per_gas: max_fee,
                    max_priority_fee_per_gas: self.scalars.tips.next()?,
                    to,
                    value,
                    access_list: self.access_list()?,
                    authorization_list: self.authorization_list()?,
                    input,
                };
                TxEnvelope::Eip7702(Signed::new_unhashed(tx, signature))
            }
        })
    }
}

/// The address that a transaction calls; one that may not create names none otherwise.
const fn called(to: TxKind) -> Result<Address, CodecError> {
    match to {
        TxKind::Call(to) => Ok(to),
        TxKind::Create => Err(CodecError::AddressReference { got: 0, known: 0 }),
    }
}

impl Scalars {
    fn read(
        reader: &mut Reader<'_>,
        kinds: &[Kind],
        transactions: u64,
        addresses: &mut AddressReader,
    ) -> Result<Self, CodecError> {
        let mut chain_ids = reader.varints(count(kinds, Kind::has_chain_id))?;
        let mut previous = 0u64;
        for chain_id in &mut chain_ids {
            *chain_id = chain_id.wrapping_add(previous);
            previous = *chain_id;
        }
        let nonces = reader.varints(transactions)?;
        let gas_limits = reader.varints(transactions)?;
        let max_fees = reader.amounts(transactions)?;
        let tips = reader.amounts(count(kinds, Kind::has_tip))?;
        let references = reader.varints(transactions)?;
        let targets = references.into_iter().map(|reference| addresses.position(reference));
        let targets = targets.collect::<Result<_, _>>()?;
        let values = reader.amounts(transactions)?;
        let data_lengths = reader.varints(transactions)?;
        let data_bytes = reader.total(&data_lengths, Item::DataBytes, 1)?;
        Ok(Self {
            kinds: Column::new(Vec::new()),
            chain_ids: Column::new(chain_ids),
            nonces: Column::new(nonces),
            gas_limits: Column::new(gas_limits),
            max_fees: fees(max_fees)?,
            tips: fees(tips)?,
            targets: Column::new(targets),
            values: Column::new(values),
            data_lengths: Column::new(data_lengths),
            data_bytes,
        })
    }
}

impl Lists {
    fn read(
        reader: &mut Reader<'_>,
        kinds: &[Kind],
        addresses: &mut AddressReader,
    ) -> Result<Self, CodecError> {
        let access_lengths = reader.varints(count(kinds, Kind::has_access_list))?;
        let authorization_lengths = reader.varints(count(kinds, Kind::has_authorizations))?;
        let entries = reader.total(&access_lengths, Item::AccessListEntries, MIN_ENTRY_BYTES)?;
        let authorization_count =
            reader.total(&authorization_lengths, Item::Authorizations, MIN_AUTHORIZATION_BYTES)?;
        let positions = reader.varints(entries)?.into_iter().map(|entry| addresses.needed(entry));
        let positions: Vec<u64> = positions.collect::<Result<_, _>>()?;
        let key_counts = reader.varints(entries)?;
        let storage_keys = reader.total(&key_counts, Item::StorageKeys, 32)?;
        let authorized = reader.varints(authorization_count)?;
        let authorized = authorized.into_iter().map(|entry| addresses.needed(entry));
        let authorized: Vec<u64> = authorized.collect::<Result<_, _>>()?;
        let chain_ids = reader.amounts(authorization_count)?;
        let nonces = reader.varints(authorization_count)?;
        let parities = reader.take(reader.demand(authorization_count, 1)?)?;
        let authorizations = authorized.into_iter().zip(chain_ids).zip(nonces).zip(parities).map(
            |(((position, chain_id), nonce), &y_parity)| OpenAuthorization {
                chain_id,
                position,
                nonce,
                y_parity,
            },
        );
        Ok(Self {
            access_lengths: Column::new(access_lengths),
            authorization_lengths: Column::new(authorization_lengths),
            entries: Column::new(positions.into_iter().zip(key_counts).collect()),
            authorizations: Column::new(authorizations.collect()),
            authorization_count,
            storage_keys,
        })
    }
}

impl<'a> Tails<'a> {
    fn read(
        reader: &mut Reader<'a>,
        transactions: u64,
        scalars: &Scalars,
        lists: &Lists,
        addresses: u64,
    ) -> Result<Self, CodecError> {
        let parities = parities(reader, transactions)?;
        let mut column = |count: u64, each: usize| {
            let bytes = count.saturating_mul(u64::try_from(each).unwrap_or(u64::MAX));
            let length = reader.demand(bytes, 1)?;
            reader.take(length)
        };
        Ok(Self {
            parities,
            storage_keys: Reader::new(column(lists.storage_keys, 32)?),
            data: Reader::new(column(scalars.data_bytes, 1)?),
            addresses: column(addresses, 20)?.as_chunks::<20>().0,
            authorization_signatures: Reader::new(column(lists.authorization_count, 64)?),
            signatures: Reader::new(column(transactions, 64)?),
        })
    }
}

fn parities(reader: &mut Reader<'_>, transactions: u64) -> Result<Column<bool>, CodecError> {
    let bytes = reader.take(reader.demand(transactions.div_ceil(8), 1)?)?;
    let mut column: Vec<bool> = bytes
        .iter()
        .flat_map(|byte| (0..8u32).map(move |bit| byte.wrapping_shr(bit) & 1 == 1))
        .collect();
    let padding =
        column.split_off(usize::try_from(transactions).unwrap_or(usize::MAX).min(column.len()));
    if padding.contains(&true) {
        return Err(CodecError::Padding { got: bytes.last().copied().unwrap_or(0) });
    }
    Ok(Column::new(column))
}

//! `chain.redb`, `logs.redb` and `pool.redb`: opening them, and reading and writing typed tables.

use std::{borrow::Borrow, path::Path};

use alloy_primitives::B256;
use mezz_types::BlockNumber;
use redb::{
    Key, OwnedAccessGuard, ReadTransaction, ReadableDatabase, ReadableTable as _, Table,
    TableDefinition, TableError, Value, WriteTransaction,
};

use crate::{
    StoreError,
    tables::{self, META, meta},
};

/// File of everything but the state and what waits.
pub(crate) const CHAIN_FILE: &str = "chain.redb";
/// File of the index of logs.
pub(crate) const LOGS_FILE: &str = "logs.redb";
/// File of the transactions that wait for a block.
pub(crate) const POOL_FILE: &str = "pool.redb";

/// One of the databases beside the state.
pub(crate) struct Database(redb::Database);

impl Database {
    /// Opens or creates the database `file` in `dir`, which must belong to the chain `identity`.
    pub(crate) fn open(
        dir: &Path,
        file: &str,
        identity: B256,
        cache_mib: usize,
    ) -> Result<Self, StoreError> {
        let path = dir.join(file);
        let inner = redb::Database::builder()
            .set_cache_size(cache_mib << 20)
            .create(path)
            .map_err(|error| match error {
                redb::DatabaseError::DatabaseAlreadyOpen => {
                    StoreError::Locked { dir: dir.to_owned() }
                }
                other => StoreError::database("opening it")(other),
            })?;
        let database = Self(inner);
        database.check_identity(dir, identity)?;
        Ok(database)
    }

    /// A database on a disk that a test makes.
    #[cfg(test)]
    pub(crate) fn on(
        disk: impl redb::StorageBackend,
        dir: &Path,
        identity: B256,
    ) -> Result<Self, StoreError> {
        let inner = redb::Database::builder()
            .create_with_backend(disk)
            .map_err(StoreError::database("opening it"))?;
        let database = Self(inner);
        database.check_identity(dir, identity)?;
        Ok(database)
    }

    /// The same of a database that can be made anew from another: what cannot be opened is removed.
    pub(crate) fn open_derived(
        dir: &Path,
        file: &str,
        identity: B256,
        cache_mib: usize,
    ) -> Result<Self, StoreError> {
        match Self::open(dir, file, identity, cache_mib) {
            Err(error) if !matches!(error, StoreError::Locked { .. }) => {
                tracing::warn!(%error, file, "made anew, since it cannot be used");
                let path = dir.join(file);
                std::fs::remove_file(&path).map_err(|source| StoreError::File { path, source })?;
                Self::open(dir, file, identity, cache_mib)
            }
            opened => opened,
        }
    }

    fn check_identity(&self, dir: &Path, identity: B256) -> Result<(), StoreError> {
        let read = self.read()?;
        let Some(format) = read.meta::<4>(meta::FORMAT)? else {
            let write = self.write()?;
            write.set_meta(meta::FORMAT, &tables::FORMAT.to_be_bytes())?;
            write.set_meta(meta::IDENTITY, identity.as_slice())?;
            return write.commit();
        };
        let got = u32::from_be_bytes(format);
        if got != tables::FORMAT {
            let (dir, expected) = (dir.to_owned(), tables::FORMAT);
            return Err(StoreError::WrongFormat { dir, expected, got });
        }
        let got = read.meta::<32>(meta::IDENTITY)?.map(B256::from).unwrap_or_default();
        if got != identity {
            return Err(StoreError::WrongChain { dir: dir.to_owned(), expected: identity, got });
        }
        Ok(())
    }

    /// A snapshot.
    pub(crate) fn read(&self) -> Result<Read, StoreError> {
        self.0.begin_read().map(Read).map_err(StoreError::database("beginning to read"))
    }

    /// The one writer; waits for another one to end.
    pub(crate) fn write(&self) -> Result<Write, StoreError> {
        self.0.begin_write().map(Write).map_err(StoreError::database("beginning to write"))
    }
}

/// A snapshot of the database.
pub(crate) struct Read(ReadTransaction);

impl Read {
    /// A snapshot of a database that was opened elsewhere.
    pub(crate) const fn new(inner: ReadTransaction) -> Self {
        Self(inner)
    }

    /// A table; `None` if nothing was ever written to it.
    pub(crate) fn table<K: Key + 'static, V: Value + 'static>(
        &self,
        definition: TableDefinition<'static, K, V>,
    ) -> Result<Option<redb::ReadOnlyTable<K, V>>, StoreError> {
        match self.0.open_table(definition) {
            Ok(table) => Ok(Some(table)),
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(other) => Err(StoreError::database("opening a table")(other)),
        }
    }

    /// One entry.
    pub(crate) fn get<'k, K: Key + 'static, V: Value + 'static>(
        &self,
        definition: TableDefinition<'static, K, V>,
        key: impl Borrow<K::SelfType<'k>>,
    ) -> Result<Option<OwnedAccessGuard<V>>, StoreError> {
        let Some(table) = self.table(definition)? else { return Ok(None) };
        table.get_owned(key).map_err(StoreError::database("reading an entry"))
    }

    /// A fact of exactly `N` bytes.
    pub(crate) fn meta<const N: usize>(
        &self,
        name: &'static str,
    ) -> Result<Option<[u8; N]>, StoreError> {
        let Some(value) = self.get(META, name)? else { return Ok(None) };
        let wrong = |_| StoreError::Corrupt { table: "meta", reason: "a fact has another length" };
        value.value().try_into().map(Some).map_err(wrong)
    }

    /// A fact that is a block number.
    pub(crate) fn meta_block(&self, name: &'static str) -> Result<Option<BlockNumber>, StoreError> {
        Ok(self.meta::<8>(name)?.map(|bytes| BlockNumber::new(u64::from_be_bytes(bytes))))
    }
}

/// A write transaction: all or nothing, on disk when [`Write::commit`] returns.
pub(crate) struct Write(WriteTransaction);

impl Write {
    /// A table to write to.
    pub(crate) fn table<K: Key + 'static, V: Value + 'static>(
        &self,
        definition: TableDefinition<'static, K, V>,
    ) -> Result<Table<'_, K, V>, StoreError> {
        self.0.open_table(definition).map_err(StoreError::database("opening a table"))
    }

    /// Writes one entry.
    pub(crate) fn put<'k, 'v, K: Key + 'static, V: Value + 'static>(
        &self,
        definition: TableDefinition<'static, K, V>,
        key: impl Borrow<K::SelfType<'k>>,
        value: impl Borrow<V::SelfType<'v>>,
    ) -> Result<(), StoreError> {
        let mut table = self.table(definition)?;
        table.insert(key, value).map_err(StoreError::database("writing an entry"))?;
        Ok(())
    }

    /// Removes one entry, if it is there.
    pub(crate) fn remove<'k, K: Key + 'static, V: Value + 'static>(
        &self,
        definition: TableDefinition<'static, K, V>,
        key: impl Borrow<K::SelfType<'k>>,
    ) -> Result<(), StoreError> {
        let mut table = self.table(definition)?;
        table.remove(key).map_err(StoreError::database("removing an entry"))?;
        Ok(())
    }

    /// Writes a fact.
    pub(crate) fn set_meta(&self, name: &'static str, value: &[u8]) -> Result<(), StoreError> {
        self.put(META, name, value)
    }

    /// A fact that is a block number, as this transaction sees it.
    pub(crate) fn meta_block(&self, name: &'static str) -> Result<Option<BlockNumber>, StoreError> {
        let table = self.table(META)?;
        let value = table.get(name).map_err(StoreError::database("reading an entry"))?;
        let Some(value) = value else { return Ok(None) };
        let wrong = |_| StoreError::Corrupt { table: "meta", reason: "a fact has another length" };
        let bytes = value.value().try_into().map_err(wrong)?;
        Ok(Some(BlockNumber::new(u64::from_be_bytes(bytes))))
    }

    /// Removes a fact.
    pub(crate) fn remove_meta(&self, name: &'static str) -> Result<(), StoreError> {
        self.remove(META, name)
    }

    /// Writes a fact that is a block number.
    pub(crate) fn set_meta_block(
        &self,
        name: &'static str,
        block: BlockNumber,
    ) -> Result<(), StoreError> {
        self.set_meta(name, &block.get().to_be_bytes())
    }

    /// Makes it all durable.
    pub(crate) fn commit(self) -> Result<(), StoreError> {
        self.0.commit().map_err(StoreError::database("committing"))
    }
}

//! A look at a directory that changes nothing in it.

use std::path::Path;

use alloy_primitives::B256;
use redb::{DatabaseError, ReadOnlyDatabase, ReadableDatabase as _, TableError};

use crate::{
    StoreError,
    database::CHAIN_FILE,
    tables::{META, meta},
};

/// What a directory holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holding {
    /// No store.
    Nothing,
    /// A store that nobody uses, of the chain with this identity.
    Chain {
        /// The chain.
        identity: B256,
    },
    /// A store that a process uses.
    InUse,
    /// A store whose process was killed: it is put in order when it is opened.
    Unclean,
}

/// Says what `dir` holds.
///
/// # Errors
/// [`StoreError::Corrupt`] if it is no store of this program's, or a failure of the disk.
pub fn inspect(dir: &Path) -> Result<Holding, StoreError> {
    let path = dir.join(CHAIN_FILE);
    if !path.exists() {
        return Ok(Holding::Nothing);
    }
    let database = match ReadOnlyDatabase::open(&path) {
        Ok(database) => database,
        Err(DatabaseError::DatabaseAlreadyOpen) => return Ok(Holding::InUse),
        Err(DatabaseError::RepairAborted) => return Ok(Holding::Unclean),
        Err(error) => return Err(StoreError::database("looking into it")(error)),
    };
    let read = database.begin_read().map_err(StoreError::database("beginning to read"))?;
    let table = match read.open_table(META) {
        Ok(table) => table,
        Err(TableError::TableDoesNotExist(_)) => return Ok(Holding::Nothing),
        Err(error) => return Err(StoreError::database("opening a table")(error)),
    };
    let value = table.get(meta::IDENTITY).map_err(StoreError::database("reading an entry"))?;
    let Some(value) = value else { return Ok(Holding::Nothing) };
    let identity = B256::try_from(value.value())
        .map_err(|_| StoreError::Corrupt { table: "meta", reason: "a fact has another length" })?;
    Ok(Holding::Chain { identity })
}

//! Transactions that wait for a block, on disk, so that a crash loses none that a user was told of.
//!
//! They have a database of their own: a block being written does not make them wait, and they do
//! not make it wait.

use std::sync::Arc;

use alloy_primitives::B256;

use crate::{
    StoreError,
    database::{Database, POOL_FILE},
    shared::Shared,
    tables::{RETURNED, WAITING},
};

/// Memory for pages of the database, MiB.
const CACHE_MIB: usize = 16;

/// The transactions that wait, by order of arrival.
pub struct PoolJournal {
    shared: Arc<Shared>,
    database: Database,
}

/// What one write to the journal changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PoolUpdate {
    /// Arrivals with their EIP-2718 bytes.
    pub arrived: Vec<(u64, Vec<u8>)>,
    /// Arrivals that wait no longer; one that `arrived` names too is gone in the end.
    pub departed: Vec<u64>,
    /// Transactions of blocks taken back that wait again by this write, or never will.
    pub settled: Vec<B256>,
}

impl PoolJournal {
    pub(crate) fn open(shared: Arc<Shared>, identity: B256) -> Result<Self, StoreError> {
        let database = Database::open(&shared.dir, POOL_FILE, identity, CACHE_MIB)?;
        Ok(Self { shared, database })
    }

    /// A journal in a database that a test makes.
    #[cfg(test)]
    pub(crate) fn on(store: &crate::Store, database: Database) -> Self {
        Self { shared: Arc::clone(&store.shared), database }
    }

    /// Writes a change, as large as the caller can make it: each call waits for the disk once. It is
    /// durable when this returns.
    ///
    /// # Errors
    /// A failure of the disk, which stops the store.
    pub fn write(&self, update: &PoolUpdate) -> Result<(), StoreError> {
        self.shared.check_alive()?;
        self.shared.durable(self.change(update))
    }

    fn change(&self, update: &PoolUpdate) -> Result<(), StoreError> {
        let write = self.database.write()?;
        {
            let mut table = write.table(WAITING)?;
            for (arrival, bytes) in &update.arrived {
                table
                    .insert(arrival, bytes.as_slice())
                    .map_err(StoreError::database("writing a waiting transaction"))?;
            }
            for arrival in &update.departed {
                table
                    .remove(arrival)
                    .map_err(StoreError::database("removing a waiting transaction"))?;
            }
        }
        if !update.settled.is_empty() {
            let mut table = write.table(RETURNED)?;
            for hash in &update.settled {
                table
                    .remove(&hash.0)
                    .map_err(StoreError::database("removing a returned transaction"))?;
            }
        }
        write.commit()
    }

    /// Keeps transactions of blocks that are about to be taken back, with their hashes, until an
    /// update settles them. They are durable when this returns.
    ///
    /// # Errors
    /// A failure of the disk, which stops the store.
    pub fn keep_returned(&self, returned: &[(B256, Vec<u8>)]) -> Result<(), StoreError> {
        self.shared.check_alive()?;
        let kept = self.database.write().and_then(|write| {
            {
                let mut table = write.table(RETURNED)?;
                for (hash, bytes) in returned {
                    table
                        .insert(&hash.0, bytes.as_slice())
                        .map_err(StoreError::database("writing a returned transaction"))?;
                }
            }
            write.commit()
        });
        self.shared.durable(kept)
    }

    /// Transactions of blocks taken back, or that were about to be, which no update settled.
    ///
    /// # Errors
    /// A failure of the disk.
    pub fn returned(&self) -> Result<Vec<(B256, Vec<u8>)>, StoreError> {
        self.shared.check_alive()?;
        let read = self.database.read()?;
        let Some(table) = read.table(RETURNED)? else { return Ok(Vec::new()) };
        let failed = "reading returned transactions";
        let range = table.range::<&[u8; 32]>(..).map_err(StoreError::database(failed))?;
        range
            .map(|entry| {
                let (hash, bytes) = entry.map_err(StoreError::database(failed))?;
                Ok((B256::from(*hash.value()), bytes.value().to_vec()))
            })
            .collect()
    }

    /// Whether new transactions may be taken: what is written for those that wait needs room, too.
    ///
    /// # Errors
    /// [`StoreError::Reserve`].
    pub fn check_room(&self) -> Result<(), StoreError> {
        self.shared.check_room()
    }

    /// All transactions, the oldest first.
    ///
    /// # Errors
    /// A failure of the disk.
    pub fn entries(&self) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        self.shared.check_alive()?;
        let read = self.database.read()?;
        let Some(table) = read.table(WAITING)? else { return Ok(Vec::new()) };
        let failed = "reading waiting transactions";
        let range = table.range::<u64>(..).map_err(StoreError::database(failed))?;
        let mut entries = Vec::new();
        for entry in range {
            let (arrival, bytes) = entry.map_err(StoreError::database(failed))?;
            entries.push((arrival.value(), bytes.value().to_vec()));
        }
        Ok(entries)
    }
}

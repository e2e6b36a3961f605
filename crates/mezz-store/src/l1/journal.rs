//! Transactions to L1, written down before they are sent.

use std::sync::Arc;

use alloy_primitives::Address;

use crate::{StoreError, shared::Shared, tables::JOURNAL};

/// The transactions of one sender that are not known to be mined for good, by nonce.
#[derive(Clone)]
pub struct TransactionJournal {
    shared: Arc<Shared>,
    sender: Address,
}

impl TransactionJournal {
    pub(crate) const fn new(shared: Arc<Shared>, sender: Address) -> Self {
        Self { shared, sender }
    }

    /// Whose transactions these are.
    pub const fn sender(&self) -> Address {
        self.sender
    }

    /// Writes an entry over what is there. It is durable when this returns.
    ///
    /// # Errors
    /// A failure of the disk, which stops the store.
    pub fn put(&self, nonce: u64, entry: &[u8]) -> Result<(), StoreError> {
        self.shared.check_alive()?;
        let result = self.shared.database.write().and_then(|write| {
            write.put(JOURNAL, &self.key(nonce), entry)?;
            write.commit()
        });
        self.shared.durable(result)
    }

    /// Removes an entry.
    ///
    /// # Errors
    /// A failure of the disk, which stops the store.
    pub fn remove(&self, nonce: u64) -> Result<(), StoreError> {
        self.shared.check_alive()?;
        let result = self.shared.database.write().and_then(|write| {
            write.remove(JOURNAL, &self.key(nonce))?;
            write.commit()
        });
        self.shared.durable(result)
    }

    /// All entries, lowest nonce first.
    ///
    /// # Errors
    /// A failure of the disk.
    pub fn entries(&self) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        self.shared.check_alive()?;
        let read = self.shared.database.read()?;
        let Some(table) = read.table(JOURNAL)? else { return Ok(Vec::new()) };
        let (first, last) = (self.key(0), self.key(u64::MAX));
        let range = table
            .range::<&[u8; 28]>(&first..=&last)
            .map_err(StoreError::database("reading the journal"))?;
        let mut entries = Vec::new();
        for entry in range {
            let (key, value) = entry.map_err(StoreError::database("reading the journal"))?;
            let [.., a, b, c, d, e, f, g, h] = *key.value();
            let nonce = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
            entries.push((nonce, value.value().to_vec()));
        }
        Ok(entries)
    }

    fn key(&self, nonce: u64) -> [u8; 28] {
        let mut key = [0; 28];
        let (sender, number) = key.split_at_mut(20);
        sender.copy_from_slice(self.sender.as_slice());
        number.copy_from_slice(&nonce.to_be_bytes());
        key
    }
}

//! Blobs on this machine's disk: L1 forgets them after about eighteen days (EIP-4844), a chain that is
//! disputed or derived afresh may need them for longer.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use alloy_primitives::{B256, FixedBytes, hex};
use mezz_types::BatchIndex;

use crate::Blob;

const BLOB_BYTES: u64 = 131_072;
/// Digits of a batch's index in a file's name: all that 64 bits need, so that names sort.
const DIGITS: usize = 20;

/// Blobs in a folder, each in a file `<batch>-<versioned hash>`. What a file holds is nobody's word: readers
/// hash it.
#[derive(Clone, Debug)]
pub struct BlobArchive {
    dir: Arc<Path>,
    /// The last batch that a blob was kept for, by versioned hash.
    kept: Arc<Mutex<HashMap<B256, BatchIndex>>>,
}

impl BlobArchive {
    /// Opens the folder, which is made if it is not there; what a crash left half-written is removed.
    ///
    /// # Errors
    /// Of the disk.
    pub fn open(dir: &Path) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let mut kept = HashMap::new();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let Some((batch, hash)) = entry.file_name().to_str().and_then(parse_name) else {
                continue;
            };
            if entry.metadata()?.len() == BLOB_BYTES {
                note(&mut kept, hash, batch);
            } else {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(Self { dir: dir.into(), kept: Arc::new(Mutex::new(kept)) })
    }

    /// Keeps a blob of a batch. On disk for good when this returns.
    ///
    /// # Errors
    /// Of the disk; nothing is kept then.
    pub fn put(&self, batch: BatchIndex, hash: B256, blob: &Blob) -> io::Result<()> {
        if self.batch_of(hash).is_some_and(|known| known >= batch) {
            return Ok(());
        }
        let path = self.path(batch, hash);
        let written =
            write_through(&path, blob.as_slice()).and_then(|()| File::open(&self.dir)?.sync_all());
        if let Err(error) = written {
            // A file that is too short would be removed at the next start; on a full disk it is in the way now.
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        note(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner), hash, batch);
        Ok(())
    }

    /// What is kept under a versioned hash, unchecked.
    ///
    /// # Errors
    /// Of the disk.
    pub fn get(&self, hash: B256) -> io::Result<Option<Blob>> {
        let Some(batch) = self.batch_of(hash) else { return Ok(None) };
        let bytes = match fs::read(self.path(batch, hash)) {
            Ok(bytes) => bytes,
            // Forgotten meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let bytes: Option<Box<[u8; BLOB_BYTES as usize]>> =
            bytes.into_boxed_slice().try_into().ok();
        Ok(bytes.map(|bytes| Box::new(FixedBytes(*bytes))))
    }

    /// Forgets the blobs of batches before `end`.
    ///
    /// # Errors
    /// Of the disk; what is left is forgotten at another call.
    pub fn forget_before(&self, end: BatchIndex) -> io::Result<()> {
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            let Some((batch, hash)) = entry.file_name().to_str().and_then(parse_name) else {
                continue;
            };
            if batch >= end {
                continue;
            }
            fs::remove_file(entry.path())?;
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.get(&hash) == Some(&batch) {
                kept.remove(&hash);
            }
        }
        Ok(())
    }

    fn batch_of(&self, hash: B256) -> Option<BatchIndex> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(&hash).copied()
    }

    fn path(&self, batch: BatchIndex, hash: B256) -> PathBuf {
        self.dir.join(format!("{:0DIGITS$}-{}", batch.get(), hex::encode(hash)))
    }
}

fn note(kept: &mut HashMap<B256, BatchIndex>, hash: B256, batch: BatchIndex) {
    let known = kept.entry(hash).or_insert(batch);
    *known = batch.max(*known);
}

fn write_through(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn parse_name(name: &str) -> Option<(BatchIndex, B256)> {
    let (batch, hash) = name.split_once('-')?;
    if batch.len() != DIGITS || !batch.bytes().all(|it| it.is_ascii_digit()) || hash.len() != 64 {
        return None;
    }
    Some((BatchIndex::new(batch.parse().ok()?), hash.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(byte: u8) -> Blob {
        Box::new(FixedBytes::repeat_byte(byte))
    }

    fn archive() -> (tempfile::TempDir, BlobArchive) {
        let dir = tempfile::tempdir().unwrap();
        let archive = BlobArchive::open(dir.path()).unwrap();
        (dir, archive)
    }

    const fn batch(index: u64) -> BatchIndex {
        BatchIndex::new(index)
    }

    #[test]
    fn what_is_kept_is_there_after_a_start_until_it_is_forgotten() {
        let (dir, archive) = archive();
        let hashes = [1, 2, 3].map(B256::repeat_byte);
        for (index, hash) in hashes.iter().enumerate() {
            archive.put(batch(index as u64), *hash, &blob(hash[0])).unwrap();
        }
        // The second one comes again in a later batch.
        archive.put(batch(7), hashes[1], &blob(2)).unwrap();
        drop(archive);
        let archive = BlobArchive::open(dir.path()).unwrap();
        for hash in hashes {
            assert_eq!(archive.get(hash).unwrap(), Some(blob(hash[0])));
        }
        archive.forget_before(batch(2)).unwrap();
        let left = hashes.map(|hash| archive.get(hash).unwrap().is_some());
        assert_eq!(left, [false, true, true]);
        archive.forget_before(batch(8)).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        assert_eq!(archive.get(hashes[2]).unwrap(), None);
    }

    #[test]
    fn what_a_crash_left_half_written_is_not_there_and_other_files_stay() {
        let (dir, archive) = archive();
        let hash = B256::repeat_byte(1);
        archive.put(batch(1), hash, &blob(1)).unwrap();
        let path = archive.path(batch(1), hash);
        File::options().write(true).open(&path).unwrap().set_len(100).unwrap();
        fs::write(dir.path().join("README"), "not a blob").unwrap();
        // Cut short under a running node.
        assert_eq!(archive.get(hash).unwrap(), None);
        let archive = BlobArchive::open(dir.path()).unwrap();
        assert_eq!(archive.get(hash).unwrap(), None);
        assert!(!path.exists());
        assert!(dir.path().join("README").exists());
        archive.put(batch(1), hash, &blob(1)).unwrap();
        assert_eq!(archive.get(hash).unwrap(), Some(blob(1)));
    }
}

//! The power fails: of what was written to the database and not synced, nothing or an arbitrary part is
//! there afterwards. The state has what it had: so a state that runs ahead of a database that was not
//! synced shows as a root that no block has.

use std::{
    fs, io,
    path::Path,
    sync::{Arc, Mutex},
};

use mezz_types::BlockNumber;

use crate::{
    Store,
    database::{CHAIN_FILE, Database},
    recovery,
    tests::support::{Chain, Dice, IDENTITY, options},
    trie::Writes,
};

/// A disk that forgets what was not synced.
#[derive(Debug, Default)]
struct Contents {
    now: Vec<u8>,
    synced: Vec<u8>,
    /// Since the last sync; `None` for the bytes is a change of the length.
    pending: Vec<(u64, Option<Vec<u8>>)>,
}

#[derive(Clone, Debug, Default)]
struct Disk(Arc<Mutex<Contents>>);

fn place(bytes: &mut Vec<u8>, offset: u64, data: Option<&[u8]>) {
    let start = offset as usize;
    match data {
        None => bytes.resize(start, 0),
        Some(data) => {
            bytes.resize(bytes.len().max(start + data.len()), 0);
            bytes[start..start + data.len()].copy_from_slice(data);
        }
    }
}

impl Disk {
    /// What the power failure leaves: with dice, an arbitrary part of the writes that were not synced.
    fn after_power_failure(&self, dice: Option<&mut Dice>) -> Vec<u8> {
        let contents = self.0.lock().unwrap();
        let mut left = contents.synced.clone();
        if let Some(dice) = dice {
            for (offset, data) in &contents.pending {
                if dice.below(2) == 0 {
                    place(&mut left, *offset, data.as_deref());
                }
            }
        }
        left
    }
}

impl redb::StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().now.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let start = offset as usize;
        out.copy_from_slice(&self.0.lock().unwrap().now[start..start + out.len()]);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut contents = self.0.lock().unwrap();
        place(&mut contents.now, len, None);
        contents.pending.push((len, None));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut contents = self.0.lock().unwrap();
        contents.synced = contents.now.clone();
        contents.pending.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut contents = self.0.lock().unwrap();
        place(&mut contents.now, offset, Some(data));
        contents.pending.push((offset, Some(data.to_vec())));
        Ok(())
    }
}

/// A chain whose database is on such a disk.
struct Machine {
    dir: tempfile::TempDir,
    disk: Disk,
    chain: Chain,
    dice: Dice,
}

impl Machine {
    fn new(seed: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let disk = Disk::default();
        let database = Database::on(disk.clone(), dir.path(), IDENTITY).unwrap();
        let store = Store::open_with(database, dir.path(), options()).unwrap();
        let mut chain = Chain::with(store, seed);
        chain.grow(6);
        Self { dir, disk, chain, dice: Dice::new(seed) }
    }

    /// The power fails now: another machine, with this disk and this state, has the chain as far as
    /// `head`, and goes on from there.
    fn check_after_power_failure(&mut self, head: usize) {
        for torn in [false, true] {
            let copy = tempfile::tempdir().unwrap();
            let left = self.disk.after_power_failure(torn.then_some(&mut self.dice));
            fs::write(copy.path().join(CHAIN_FILE), left).unwrap();
            for instance in ["head", "final"] {
                copy_folder(&self.dir.path().join(instance), &copy.path().join(instance));
            }
            let mut chain = self.chain.copy(copy.path());
            chain.forget_after(head as u64);
            chain.check();
            chain.grow(2);
            chain.check();
        }
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn a_block_outlives_the_power_at_each_step() {
    let mut machine = Machine::new(61);
    for round in 6..10 {
        machine.check_after_power_failure(round - 1);
        let chain = &mut machine.chain;
        let changes = chain.changes();
        let (state, block) = chain.block(&changes);
        let prepared = chain.store.prepare(changes, None).unwrap();
        let block_ref = chain.store.write_block(&prepared, &block).unwrap();
        chain.states.push(state);
        chain.blocks.push((block_ref, block));
        // From here on the block is durable: its state follows from it.
        machine.check_after_power_failure(round);
        machine.chain.store.apply_block(prepared, block_ref).unwrap();
        machine.check_after_power_failure(round);
    }
}

#[test]
fn a_rollback_outlives_the_power_at_each_step() {
    let mut machine = Machine::new(62);
    let target = BlockNumber::new(3);
    recovery::begin_rollback(&machine.chain.store.shared, target).unwrap();
    machine.check_after_power_failure(3);
    recovery::rollback_state(&machine.chain.store.shared, target).unwrap();
    machine.check_after_power_failure(3);
    recovery::finish_rollback(&machine.chain.store.shared, target).unwrap();
    machine.check_after_power_failure(3);
}

#[test]
fn finality_outlives_the_power_at_each_step() {
    let mut machine = Machine::new(63);
    let target = BlockNumber::new(4);
    recovery::begin_finality(&machine.chain.store.shared, target).unwrap();
    machine.check_after_power_failure(5);
    let mut writes = Writes::new();
    for number in 1..=4 {
        let changes = machine.chain.reader().changes(BlockNumber::new(number)).unwrap().unwrap();
        writes.extend(changes.leaves);
    }
    machine.chain.store.shared.finalized.apply(&writes).unwrap();
    machine.check_after_power_failure(5);
    recovery::finish_finality(&machine.chain.store.shared, target).unwrap();
    machine.check_after_power_failure(5);
}

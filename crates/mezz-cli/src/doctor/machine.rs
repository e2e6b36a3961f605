//! The kernel, the disk, the limits, and what the data directory holds.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use mezz_deploy::ChainFile;
use mezz_store::{Holding, check_io_uring, inspect};
use rustix::process::{Resource, getrlimit};

use super::Finding;

/// Free bytes below which a node is in danger, and below which it does not start well.
const SCARCE: u64 = 20_000_000_000;
const TOO_LITTLE: u64 = 2_000_000_000;
/// Writes whose durability is timed, and what one may take before senders notice.
const SYNCS: usize = 8;
const SLOW_SYNC: Duration = Duration::from_millis(30);
/// Open files: connections, and files of the store.
const FILES: u64 = 4_096;
const TOO_FEW_FILES: u64 = 1_024;
/// File system in memory, as `statfs` names it.
const TMPFS: i64 = 0x0102_1994;

/// Checks the machine for a node whose data goes to `data`.
pub(super) fn check(data: &Path) -> Vec<Finding> {
    let place = existing(data);
    vec![io_uring(), space(&place), sync(&place), files(), user()]
}

/// The directory, or the nearest one above it that exists.
fn existing(data: &Path) -> PathBuf {
    let absolute = std::path::absolute(data).unwrap_or_else(|_| data.to_owned());
    let found = absolute.ancestors().find(|it| it.is_dir());
    found.unwrap_or(Path::new("/")).to_owned()
}

fn io_uring() -> Finding {
    match check_io_uring() {
        Ok(()) => Finding::ok("io_uring", "the kernel allows it"),
        Err(error) => Finding::fail(
            "io_uring",
            error.to_string(),
            "the state is read and written through it; the node does not start without",
        ),
    }
}

fn space(place: &Path) -> Finding {
    let free = match rustix::fs::statvfs(place) {
        Ok(stat) => stat.f_bavail.saturating_mul(stat.f_frsize),
        Err(error) => {
            return Finding::fail(
                "disk",
                format!("{}: {error}", place.display()),
                "name a directory that can be read with --data",
            );
        }
    };
    let text = format!("{} GB free at {}", free / 1_000_000_000, place.display());
    let remedy = "a full disk stops the node; give it room or name another place with --data";
    match free {
        0..TOO_LITTLE => Finding::fail("disk", text, remedy),
        TOO_LITTLE..SCARCE => Finding::warn("disk", text, remedy),
        _ => Finding::ok("disk", text),
    }
}

/// Writes to a file and waits for the disk, as every accepted transaction does.
fn sync(place: &Path) -> Finding {
    let in_memory = rustix::fs::statfs(place).is_ok_and(|it| it.f_type == TMPFS);
    if in_memory {
        return Finding::warn(
            "fsync",
            format!("{} is in memory: nothing there survives a restart", place.display()),
            "name a directory on a disk with --data",
        );
    }
    match slowest_sync(place) {
        Ok(slowest) if slowest > SLOW_SYNC => Finding::warn(
            "fsync",
            format!("the slowest of {SYNCS} durable writes took {} ms", slowest.as_millis()),
            "senders wait for these: use a local SSD, not a network disk",
        ),
        Ok(slowest) => Finding::ok(
            "fsync",
            format!("the slowest of {SYNCS} durable writes took {} ms", slowest.as_millis()),
        ),
        Err(error) => Finding::fail(
            "fsync",
            format!("writing durably to {}: {error}", place.display()),
            "make the directory writable for this user, or name another with --data",
        ),
    }
}

fn slowest_sync(place: &Path) -> std::io::Result<Duration> {
    let path = place.join(format!(".mezz-doctor-{}", std::process::id()));
    let mut file = fs::OpenOptions::new().write(true).create_new(true).open(&path)?;
    let mut slowest = Duration::ZERO;
    let mut write = || -> std::io::Result<()> {
        for _ in 0..SYNCS {
            let started = Instant::now();
            file.write_all(&[0x5a; 4_096])?;
            file.sync_data()?;
            slowest = slowest.max(started.elapsed());
        }
        Ok(())
    };
    let written = write();
    let removed = fs::remove_file(&path);
    written.and(removed)?;
    Ok(slowest)
}

fn files() -> Finding {
    // No limit is no trouble.
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let text = format!("{limit} files may be open at once");
    let remedy = "raise it: `ulimit -n 65536`, or LimitNOFILE= in the service";
    match limit {
        0..TOO_FEW_FILES => Finding::fail("files", text, remedy),
        TOO_FEW_FILES..FILES => Finding::warn("files", text, remedy),
        _ => Finding::ok("files", text),
    }
}

fn user() -> Finding {
    if rustix::process::geteuid().is_root() {
        return Finding::warn(
            "user",
            "this is root",
            "a node needs no rights: run it as a user of its own (ops/mezz.service does)",
        );
    }
    Finding::ok("user", "this is not root")
}

/// Whether the data directory is free, and belongs to the chain.
pub(super) fn check_store(data: &Path, chain: Option<&ChainFile>) -> Finding {
    let dir = data.join("chain");
    let name = dir.display();
    match inspect(&dir) {
        Ok(Holding::Nothing) => Finding::ok("data", format!("{name} is new: L1 gives the chain")),
        Ok(Holding::InUse) => Finding::warn(
            "data",
            format!("{name} is in use by a running node"),
            "stop that node first, or name another directory with --data",
        ),
        Ok(Holding::Unclean) => {
            Finding::ok("data", format!("{name} was not closed; starting puts it in order"))
        }
        Ok(Holding::Chain { identity }) => match chain {
            Some(chain) if chain.genesis_hash != identity => Finding::fail(
                "data",
                format!("{name} holds the chain {identity}, not {}", chain.genesis_hash),
                "name this chain's directory with --data, or that chain's file with --chain",
            ),
            Some(_) => Finding::ok("data", format!("{name} holds this chain")),
            None => Finding::ok("data", format!("{name} holds the chain {identity}")),
        },
        Err(error) => Finding::fail(
            "data",
            format!("{name}: {error}"),
            "move the directory away; the node rebuilds the chain from L1",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Level, *};

    #[test]
    fn a_disk_is_written_to_and_left_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        assert!(slowest_sync(dir.path()).unwrap() > Duration::ZERO);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        assert_eq!(existing(&dir.path().join("not/there")), dir.path());
        assert_eq!(sync(Path::new("/proc")).level, Level::Fail);
    }

    #[test]
    fn a_directory_of_something_else_fails() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(check_store(dir.path(), None).level, Level::Ok);
        fs::create_dir(dir.path().join("chain")).unwrap();
        fs::write(dir.path().join("chain/chain.redb"), "no database").unwrap();
        let finding = check_store(dir.path(), None);
        assert_eq!(finding.level, Level::Fail);
        assert!(finding.remedy.is_some());
    }
}

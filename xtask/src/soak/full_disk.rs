//! `cargo xtask full-disk`: a disk that fills up under load, with the data of every role on it, loses nothing.
//!
//! The nodes are those of the soak; their data is on a tmpfs of its own, which a file fills at instants and to a byte
//! that a seed draws. What finds no room must end and say why, or refuse and say why; with room again, the
//! same command line goes on. In the end all that the soak compares is compared.

use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use eyre::{bail, ensure, eyre};
use serde_json::json;

use super::{Draw, LOOK, Nodes, PATIENCE, Role, Starting, in_scratch, load::Load, start};

/// Size of the disk.
const DISK_MIB: u64 = 1_024;
/// What the nodes are told to keep free, as an argument of theirs.
const RESERVE: &str = " --disk-reserve 8";
/// Bytes that are left at most when nobody is to have room.
const NOTHING: u64 = 64 << 10;
/// Bytes that are left at least, and so much more at most, when the reserve alone is to be used up.
const SOME: u64 = 4 << 20;
/// How a node says that there was no room.
const FULL: &str = "disk is full";
/// For what fails late.
const LATE: Duration = Duration::from_secs(2);

/// Arguments of `cargo xtask full-disk`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How often the disk is filled.
    #[arg(long, default_value_t = 12)]
    rounds: u32,
    /// Names when, and how much is left.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> eyre::Result<()> {
    let again = format!("cargo xtask full-disk --rounds {} --seed {}", args.rounds, args.seed);
    in_scratch("full-disk", &again, |dir| full_disk(args, dir))
}

fn full_disk(args: &Args, dir: &Path) -> eyre::Result<()> {
    let started = Instant::now();
    let mut draw = Draw(args.seed);
    // It goes after the nodes do.
    let disk = Disk::mount(dir.join("disk"))?;
    let how = Starting { data_kind: "calldata", data: &disk.path, further: RESERVE };
    let mut nodes = start(dir, how)?;
    let load = nodes.load()?;
    println!("full-disk: {} times by seed {}, load runs", args.rounds, args.seed);
    let mut ended = 0;
    for round in 1..=args.rounds {
        for role in Role::ALL {
            nodes.wait_and_look(role, &load)?;
        }
        std::thread::sleep(Duration::from_millis(draw.below(1_500)));
        let left = if draw.below(3) > 0 { draw.below(NOTHING) } else { SOME + draw.below(SOME) };
        disk.fill(left)?;
        std::thread::sleep(Duration::from_millis(1_000 + draw.below(3_000)));
        disk.empty()?;
        ended += recover(&mut nodes)?;
        load.check()?;
        let secs = started.elapsed().as_secs();
        println!(
            "full-disk: {round} times in {secs} s, {left} bytes left, {}, {ended} ends, {} refused",
            nodes.world.progress(&load),
            load.answered().disk_low
        );
    }
    ensure!(ended > 0, "no node ever found the disk full: nothing was tried");
    ensure!(load.answered().disk_low > 0, "no transaction was ever refused for want of room");
    settle(&mut nodes, load, dir)?;
    println!("full-disk: nothing was lost, {} s", started.elapsed().as_secs());
    Ok(())
}

fn settle(nodes: &mut Nodes, load: Load, dir: &Path) -> eyre::Result<()> {
    nodes.settle(load, dir)?;
    for process in nodes.processes.iter().filter(|it| it.crashes > 0) {
        println!("full-disk: {} ended {} times", process.name, process.crashes);
    }
    Ok(())
}

/// Starts what has ended for want of room, until all serve; how many had.
fn recover(nodes: &mut Nodes) -> eyre::Result<u32> {
    std::thread::sleep(LATE);
    let mut ended = 0;
    for process in &mut nodes.processes {
        let started = Instant::now();
        loop {
            ended += u32::from(process.start_again_after(FULL)?);
            if process.rpc.ask("eth_chainId", json!([])).is_ok() {
                break;
            }
            if started.elapsed() > PATIENCE {
                bail!("{} serves nothing though the disk has room again", process.name);
            }
            std::thread::sleep(LOOK);
        }
    }
    Ok(ended)
}

/// A small file system, until it is dropped.
struct Disk {
    path: PathBuf,
}

impl Disk {
    fn mount(path: PathBuf) -> eyre::Result<Self> {
        fs::create_dir_all(&path)?;
        let size = format!("size={DISK_MIB}m");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(&path)
            .output()?;
        if !mounted.status.success() {
            let why = String::from_utf8_lossy(&mounted.stderr);
            let why = why.trim();
            return Err(eyre!(
                "a disk to fill cannot be mounted ({why}): run it as root, or with `unshare --map-root-user --mount`"
            ));
        }
        Ok(Self { path })
    }

    fn ballast(&self) -> PathBuf {
        self.path.join("ballast")
    }

    /// Leaves so many bytes.
    fn fill(&self, left: u64) -> eyre::Result<()> {
        let mut file = OpenOptions::new().create(true).append(true).open(self.ballast())?;
        for piece in [1 << 20, 1 << 12] {
            fill_by(&mut file, &vec![0; piece])?;
        }
        let all = file.metadata()?.len();
        file.set_len(all.saturating_sub(left))?;
        Ok(())
    }

    fn empty(&self) -> eyre::Result<()> {
        Ok(fs::remove_file(self.ballast())?)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // What still runs on it keeps it until it ends.
        let _ = Command::new("umount").arg("--lazy").arg(&self.path).status();
    }
}

/// Writes pieces until there is no room for one.
fn fill_by(file: &mut File, piece: &[u8]) -> eyre::Result<()> {
    loop {
        match file.write_all(piece) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::StorageFull => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

//! `cargo xtask guest`: guest programs for RV64IM and their hashes.
//!
//! The programs are built by Debian's compiler, which comes with the sources of its `core`; the same
//! versions of it give the same bytes on every machine, wherever the repository lies. What was
//! built is then read with the decoder of the machine: a word of the text that is no RV64IM instruction is
//! an error here, not a trap later.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use eyre::{WrapErr as _, bail, ensure, eyre};
use mezz_machine::{Op, Program, decode};
use sha2::{Digest, Sha256};

/// The binaries of the package in `guest/`; their artifacts have the same names.
const PROGRAMS: [&str; 2] = ["mezz-guest", "fingerprint"];
/// Where artifacts are committed.
const ARTIFACTS: &str = "guest/artifacts";
/// Versions of the tools that made them.
const TOOLS: &str = "tools.txt";

const TARGET: &str = "riscv64imac-unknown-none-elf";
const RUSTC: &str = "/usr/bin/rustc";
const CARGO: &str = "/usr/bin/cargo";
const LINKER: &str = "/usr/bin/ld.lld-22";
const CORE_SOURCES: &str = "/usr/lib/rustlib/src/rust/library/Cargo.lock";
const INSTALL: &str = "apt-get install rustc-web cargo-web rust-web-src lld-22";

/// Compressed and atomic instructions go, with the parts that imply them; atomics become plain accesses,
/// since the machine has one hart. A panic ends the program.
const FLAGS: [&str; 4] = [
    "-Clinker-flavor=ld.lld",
    "-Cpasses=lower-atomic",
    "-Ctarget-feature=-c,-zca,-a,-zaamo,-zalrsc",
    "-Cpanic=abort",
];

/// Variables of the cargo that runs this program, and settings of the user, that would change the build.
const FOREIGN: [&str; 8] = [
    "RUST",
    "CARGO_PKG_",
    "CARGO_PROFILE_",
    "CARGO_BUILD_",
    "CARGO_ENCODED_",
    "CARGO_TARGET_",
    "LD_",
    "CARGO_INCREMENTAL",
];

/// Arguments of `cargo xtask guest`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Change nothing; fail when a committed file differs from what the sources give.
    #[arg(long)]
    check: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> eyre::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or_else(|| eyre!("no parent"))?;
    let artifacts = root.join(ARTIFACTS);
    let tools = tools()?;
    if args.check {
        check_tools(&artifacts, &tools)?;
    }
    build(root)?;
    let mut files = vec![(artifacts.join(TOOLS), tools.into_bytes())];
    for name in PROGRAMS {
        let built = root.join("guest/target").join(TARGET).join("release").join(name);
        let elf = fs::read(&built).wrap_err_with(|| format!("read {}", built.display()))?;
        check_instructions(&elf).wrap_err_with(|| format!("look at the text of {name}"))?;
        let hash = hex::encode(Sha256::digest(&elf));
        println!("guest: {hash} {name}.elf, {} bytes", elf.len());
        files.push((
            artifacts.join(format!("{name}.sha256")),
            format!("{hash}  {name}.elf\n").into(),
        ));
        files.push((artifacts.join(format!("{name}.elf")), elf));
    }
    if args.check { compare(&files) } else { write(&artifacts, &files) }
}

fn write(artifacts: &Path, files: &[(PathBuf, Vec<u8>)]) -> eyre::Result<()> {
    fs::create_dir_all(artifacts).wrap_err("make the folder of the artifacts")?;
    for (path, bytes) in files {
        fs::write(path, bytes).wrap_err_with(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

fn compare(files: &[(PathBuf, Vec<u8>)]) -> eyre::Result<()> {
    let equals = |path: &Path, bytes: &[u8]| fs::read(path).is_ok_and(|file| file == bytes);
    let stale: Vec<String> = files
        .iter()
        .filter(|(path, bytes)| !equals(path, bytes))
        .map(|(path, _)| path.display().to_string())
        .collect();
    ensure!(
        stale.is_empty(),
        "not what the sources give; run `cargo xtask guest` and commit: {}",
        stale.join(", ")
    );
    println!("guest: the committed programs are what the sources give");
    Ok(())
}

/// One line a tool. The error says how to get what is missing.
fn tools() -> eyre::Result<String> {
    for path in [RUSTC, CARGO, LINKER, CORE_SOURCES] {
        ensure!(
            Path::new(path).exists(),
            "{path} is missing: the guest is built with Debian's packages (12, security updates \
             included); install them with `{INSTALL}`"
        );
    }
    let rustc = said(RUSTC, &["--verbose", "--version"])?;
    let llvm = rustc.lines().find(|line| line.starts_with("LLVM")).unwrap_or_default();
    let lines = [
        rustc.lines().next().unwrap_or_default(),
        llvm,
        &said(CARGO, &["--version"])?,
        &said(LINKER, &["--version"])?,
    ];
    Ok(lines.map(|line| format!("{}\n", line.trim())).concat())
}

fn said(program: &str, arguments: &[&str]) -> eyre::Result<String> {
    let mut command = plain(program);
    let output = command.args(arguments).output().wrap_err_with(|| format!("start {program}"))?;
    ensure!(output.status.success(), "{program} {arguments:?}: {}", output.status);
    String::from_utf8(output.stdout).wrap_err_with(|| format!("read what {program} says"))
}

/// Other versions give other bytes, and that is no fault of the sources.
fn check_tools(artifacts: &Path, here: &str) -> eyre::Result<()> {
    let path = artifacts.join(TOOLS);
    let committed =
        fs::read_to_string(&path).wrap_err_with(|| format!("read {}", path.display()))?;
    ensure!(
        committed == here,
        "the committed programs were made with other tools; install those, or build anew with \
         `cargo xtask guest`\nmade with:\n{committed}here:\n{here}"
    );
    Ok(())
}

/// A command without the settings of another toolchain.
fn plain(program: &str) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let foreign = text == "CARGO" || FOREIGN.iter().any(|prefix| text.starts_with(prefix));
        if foreign {
            command.env_remove(&name);
        }
    }
    command.env("CARGO_TERM_COLOR", "never");
    command
}

fn build(root: &Path) -> eyre::Result<()> {
    let guest = root.join("guest");
    let fetched = plain(CARGO)
        .args(["fetch", "--locked", "--target", TARGET])
        .current_dir(&guest)
        .status()
        .wrap_err("start cargo")?;
    ensure!(fetched.success(), "fetching what the guest depends on failed: {fetched}");
    let mut flags: Vec<String> = FLAGS.map(str::to_owned).into();
    flags.push(format!("--remap-path-prefix={}=/mezzanine", root.display()));
    for registry in registries()? {
        flags.push(format!("--remap-path-prefix={}=/registry", registry.display()));
    }
    let built = plain(CARGO)
        .args(["build", "--locked", "--release", "--target", TARGET, "-Zbuild-std=core,alloc"])
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTC", guest.join("rustc.sh"))
        .env("MEZZ_ROOT", root)
        .env("CARGO_TARGET_RISCV64IMAC_UNKNOWN_NONE_ELF_LINKER", LINKER)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
        .current_dir(&guest)
        .status()
        .wrap_err("start cargo")?;
    ensure!(built.success(), "building the guest failed: {built}");
    Ok(())
}

/// Where cargo unpacked crates: paths that a panic's message would show.
fn registries() -> eyre::Result<Vec<PathBuf>> {
    let home = match (std::env::var_os("CARGO_HOME"), std::env::home_dir()) {
        (Some(home), _) => PathBuf::from(home),
        (None, Some(home)) => home.join(".cargo"),
        (None, None) => bail!("neither CARGO_HOME nor a home folder is known"),
    };
    let sources = home.join("registry/src");
    let entries = fs::read_dir(&sources).wrap_err_with(|| sources.display().to_string())?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<eyre::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// Reads every word of the text with the machine's decoder.
fn check_instructions(elf: &[u8]) -> eyre::Result<()> {
    let program = Program::parse(elf)?;
    let text = program.text();
    let words = text.bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word));
    for (address, word) in (text.address..).step_by(4).zip(words) {
        // `unimp`, which the compiler leaves where no path leads: it traps, as any illegal word.
        let unreachable = word == 0xc000_1073;
        ensure!(
            unreachable || decode(word).op != Op::Illegal,
            "{word:#010x} at {address:#x} is no instruction of RV64IM"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An ELF file of one executable segment.
    fn elf(words: &[u32]) -> Vec<u8> {
        let length = 4 * words.len() as u64;
        let mut file = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        for (value, bytes) in [
            (2, 2),
            (243, 2),
            (1, 4),
            (0x1000, 8),
            (64, 8),
            (0, 8),
            (0, 4),
            (64, 2),
            (56, 2),
            (1, 2),
            (64, 2),
            (0, 2),
            (0, 2),
            (1, 4),
            (5, 4),
            (120, 8),
            (0x1000, 8),
            (0x1000, 8),
            (length, 8),
            (length, 8),
            (4096, 8),
        ] {
            file.extend(&u64::to_le_bytes(value)[..bytes]);
        }
        file.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        file
    }

    #[test]
    fn text_of_plain_rv64im_passes() {
        check_instructions(&elf(&[0x0000_0013, 0x02a5_8533, 0x0000_0073, 0xc000_1073]))
            .expect("plain");
    }

    #[test]
    fn any_other_word_is_named_with_its_address() {
        // c.nop twice, amoadd.w, fadd.s, csrrs.
        for word in [0x0001_0001, 0x00b5_202f, 0x00b5_7553, 0xc000_2573] {
            let error =
                check_instructions(&elf(&[0x13, word])).expect_err("not RV64IM").to_string();
            assert!(error.contains("0x1004"), "{error}");
            assert!(error.contains(&format!("{word:#010x}")), "{error}");
        }
        assert!(check_instructions(b"no ELF file").is_err());
    }

    #[test]
    fn files_that_differ_or_lack_are_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let (same, other, missing) = (
            folder.path().join("same"),
            folder.path().join("other"),
            folder.path().join("missing"),
        );
        write(folder.path(), &[(same.clone(), b"1".into()), (other.clone(), b"2".into())])
            .expect("written");
        compare(&[(same.clone(), b"1".into())]).expect("equal");
        let files = [(same, b"1".into()), (other, b"3".into()), (missing, b"4".into())];
        let error = compare(&files).expect_err("two are stale").to_string();
        assert!(
            error.contains("other") && error.contains("missing") && !error.contains("same"),
            "{error}"
        );
    }

    #[test]
    fn other_tools_are_told_apart_from_other_sources() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join(TOOLS), "rustc 1\n").expect("written");
        check_tools(folder.path(), "rustc 1\n").expect("the same tools");
        let error = check_tools(folder.path(), "rustc 2\n").expect_err("others").to_string();
        assert!(error.contains("rustc 1") && error.contains("rustc 2"), "{error}");
    }
}

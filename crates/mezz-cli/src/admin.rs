//! A socket in the data directory through which the operator of a running node asks it for what only it can do.
//!
//! It is no part of RPC. Who may use it is decided by the file system and the kernel: its mode is 0600, and a
//! peer of another user than the node's is refused. A request is one line of JSON, and so is the answer.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use eyre::{WrapErr as _, bail, eyre};
use mezz_store::{StoreError, StoreReader};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream},
    task::JoinSet,
};

use crate::{commands::snapshot::SnapshotText, doctor::FootprintText};

/// The socket's name in the store's directory.
const SOCKET: &str = "admin.sock";
/// Bytes of a request at most, and of an answer.
const MAX_LINE: u64 = 64 << 10;
/// Longest that a client may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum Request {
    /// Write a snapshot to this file.
    Snapshot(PathBuf),
    /// Say how large the store is.
    Footprint,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Answer {
    Done(Box<SnapshotText>),
    Footprint(Box<FootprintText>),
    Failed(String),
}

/// Answers until it is dropped.
pub(crate) struct Admin {
    path: PathBuf,
    _tasks: JoinSet<()>,
}

impl Drop for Admin {
    fn drop(&mut self) {
        // What is left of it is replaced by the next start.
        let _ = fs::remove_file(&self.path);
    }
}

/// Serves the socket of the node whose store is in `dir`. A node goes on without it.
pub(crate) fn serve(dir: &Path, reader: StoreReader) -> Option<Admin> {
    match listen(dir) {
        Ok((path, listener)) => {
            let mut tasks = JoinSet::new();
            tasks.spawn(accept(listener, reader));
            Some(Admin { path, _tasks: tasks })
        }
        Err(error) => {
            tracing::warn!(%error, dir = %dir.display(), "the admin socket is not served");
            None
        }
    }
}

/// It gets its name when its mode is right.
fn listen(dir: &Path) -> std::io::Result<(PathBuf, UnixListener)> {
    let (path, new) = (dir.join(SOCKET), dir.join("admin.sock.new"));
    match fs::remove_file(&new) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&new)?;
    fs::set_permissions(&new, fs::Permissions::from_mode(0o600))?;
    fs::rename(&new, &path)?;
    Ok((path, listener))
}

async fn accept(listener: UnixListener, reader: StoreReader) {
    // One after the other: a snapshot keeps the disk busy enough.
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                if let Err(error) = answer(stream, &reader).await {
                    tracing::warn!(%error, "an admin request failed");
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the admin socket");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn answer(mut stream: UnixStream, reader: &StoreReader) -> eyre::Result<()> {
    let peer = stream.peer_cred()?.uid();
    if peer != rustix::process::geteuid().as_raw() && peer != 0 {
        bail!("user {peer} is not the node's");
    }
    let (read, mut write) = stream.split();
    let mut line = String::new();
    let mut limited = BufReader::new(read.take(MAX_LINE));
    tokio::time::timeout(PATIENCE, limited.read_line(&mut line)).await??;
    let request: Request = serde_json::from_str(&line)?;
    let reader = reader.clone();
    let answered = tokio::task::spawn_blocking(move || carry_out(&request, &reader)).await?;
    let answer = answered.unwrap_or_else(|error| Answer::Failed(error.to_string()));
    let line = format!("{}\n", serde_json::to_string(&answer)?);
    tokio::time::timeout(PATIENCE, write.write_all(line.as_bytes())).await??;
    Ok(())
}

fn carry_out(request: &Request, reader: &StoreReader) -> Result<Answer, StoreError> {
    match request {
        Request::Snapshot(out) => {
            tracing::info!(out = %out.display(), "writing a snapshot");
            Ok(Answer::Done(Box::new(SnapshotText::from(&reader.write_snapshot(out)?))))
        }
        Request::Footprint => {
            let usage = reader.usage()?;
            let text = FootprintText::new(&reader.footprint()?, Some(usage));
            Ok(Answer::Footprint(Box::new(text)))
        }
    }
}

/// Asks the node that uses the store in `dir` for a snapshot.
pub(crate) async fn ask_for_snapshot(dir: &Path, out: &Path) -> eyre::Result<SnapshotText> {
    match ask(dir, &Request::Snapshot(out.to_owned())).await? {
        Answer::Done(summary) => Ok(*summary),
        Answer::Failed(reason) => Err(eyre!(reason)),
        Answer::Footprint(_) => bail!("the node is of another version"),
    }
}

/// Asks the node that uses the store in `dir` how large it is.
pub(crate) async fn ask_for_footprint(dir: &Path) -> eyre::Result<FootprintText> {
    match ask(dir, &Request::Footprint).await? {
        Answer::Footprint(footprint) => Ok(*footprint),
        Answer::Failed(reason) => Err(eyre!(reason)),
        Answer::Done(_) => bail!("the node is of another version"),
    }
}

async fn ask(dir: &Path, request: &Request) -> eyre::Result<Answer> {
    let path = dir.join(SOCKET);
    let mut stream = UnixStream::connect(&path).await.wrap_err_with(|| {
        format!(
            "{} is in use by a process that does not answer at {}: run this as the node's user, or stop the node",
            dir.display(),
            path.display()
        )
    })?;
    let line = format!("{}\n", serde_json::to_string(request)?);
    let (read, mut write) = stream.split();
    write.write_all(line.as_bytes()).await?;
    let mut line = String::new();
    BufReader::new(read.take(MAX_LINE)).read_line(&mut line).await?;
    if line.is_empty() {
        bail!("the node refused: run this as the node's user, or look into its log");
    }
    Ok(serde_json::from_str(&line)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn the_socket_is_the_owners_alone_and_says_why_there_is_no_snapshot() {
        let dir = tempfile::tempdir().unwrap();
        let store = mezz_store::Store::open(
            dir.path(),
            alloy_primitives::B256::ZERO,
            mezz_store::StoreOptions::default(),
        )
        .unwrap();
        let admin = serve(dir.path(), store.reader()).unwrap();
        let mode = fs::metadata(dir.path().join(SOCKET)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let out = dir.path().join("out");
        for _ in 0..2 {
            let error = ask_for_snapshot(dir.path(), &out).await.unwrap_err();
            assert!(error.to_string().contains("nothing of this chain is final"), "{error}");
        }
        // What is no request is not answered, and the next one is.
        let mut stream = UnixStream::connect(dir.path().join(SOCKET)).await.unwrap();
        stream.write_all(b"{\"stop\":1}\n").await.unwrap();
        let mut answered = Vec::new();
        stream.read_to_end(&mut answered).await.unwrap();
        assert_eq!(answered, b"");
        assert!(ask_for_snapshot(dir.path(), &out).await.is_err());
        let footprint = ask_for_footprint(dir.path()).await.unwrap();
        assert!(footprint.buckets.is_some());
        drop(admin);
        let error = ask_for_snapshot(dir.path(), &out).await.unwrap_err();
        assert!(error.to_string().contains("stop the node"), "{error}");
    }
}

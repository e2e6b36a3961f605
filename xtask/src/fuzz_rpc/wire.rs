//! Bytes to the node and back, over HTTP and WebSocket, right and wrong: no library would send these.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use eyre::{WrapErr as _, bail, eyre};

/// Bytes of an answer that are read at most.
const ANSWER_BYTES: usize = 80 << 20;
/// How long a connection without a question is listened to.
const GLANCE: Duration = Duration::from_millis(50);

/// A node's address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub(crate) addr: SocketAddr,
    /// Longest wait for an answer.
    pub(crate) bound: Duration,
}

/// What came back over HTTP.
#[derive(Debug)]
pub(crate) enum Answer {
    /// Status and body.
    Http(u16, Vec<u8>),
    /// The connection was closed before there was a whole answer.
    Closed,
}

impl Target {
    fn connect(&self) -> eyre::Result<TcpStream> {
        let stream = TcpStream::connect_timeout(&self.addr, self.bound)
            .wrap_err("the node takes no connection")?;
        stream.set_read_timeout(Some(self.bound))?;
        stream.set_write_timeout(Some(self.bound))?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// A whole request with this body. A node may refuse a body while it is sent.
    pub(crate) fn post(&self, body: &[u8]) -> eyre::Result<Answer> {
        let head = format!(
            "POST / HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n",
            self.addr,
            body.len()
        );
        let mut stream = self.connect()?;
        let sent = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        if let Err(error) = sent
            && matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
        {
            bail!("the node does not read");
        }
        let bytes = self.read_all(&mut stream)?;
        Ok(split(&bytes).unwrap_or(Answer::Closed))
    }

    fn read_all(&self, stream: &mut TcpStream) -> eyre::Result<Vec<u8>> {
        let started = Instant::now();
        let (mut bytes, mut chunk) = (Vec::new(), vec![0; 64 << 10]);
        loop {
            match stream.read(&mut chunk) {
                Ok(0) => return Ok(bytes),
                Ok(count) => bytes.extend(chunk.iter().take(count)),
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    bail!("no answer within {} s", self.bound.as_secs())
                }
                Err(_) => return Ok(bytes),
            }
            if started.elapsed() > self.bound {
                bail!("no whole answer within {} s", self.bound.as_secs());
            }
            if bytes.len() > ANSWER_BYTES {
                bail!("an answer of more than {ANSWER_BYTES} bytes");
            }
        }
    }

    /// Bytes that are no whole request; the connection stays open.
    pub(crate) fn half(&self, bytes: &[u8]) -> eyre::Result<TcpStream> {
        let mut stream = self.connect()?;
        // It may have been closed for what was sent.
        let _ = stream.write_all(bytes);
        glance(&mut stream)?;
        Ok(stream)
    }

    /// The same, and no more will come.
    pub(crate) fn cut(&self, bytes: &[u8]) -> eyre::Result<()> {
        let mut stream = self.half(bytes)?;
        // It may be closed already.
        let _ = stream.shutdown(Shutdown::Write);
        glance(&mut stream)
    }

    /// A WebSocket connection.
    pub(crate) fn web_socket(&self) -> eyre::Result<Socket> {
        let mut stream = self.connect()?;
        let head = format!(
            "GET / HTTP/1.1\r\nhost: {}\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
             sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n",
            self.addr
        );
        stream.write_all(head.as_bytes())?;
        let (mut answer, mut byte) = (Vec::new(), [0]);
        while !answer.ends_with(b"\r\n\r\n") {
            let count = stream.read(&mut byte).wrap_err("no answer to a WebSocket's opening")?;
            answer.extend(byte.iter().take(count));
            if count == 0 || answer.len() > 8_192 {
                bail!("the WebSocket was not opened: {}", String::from_utf8_lossy(&answer));
            }
        }
        if !answer.starts_with(b"HTTP/1.1 101") {
            bail!("the WebSocket was not opened: {}", String::from_utf8_lossy(&answer));
        }
        Ok(Socket { stream, bound: self.bound })
    }
}

/// Reads what is there, so that what is not read does not reset the connection.
fn glance(stream: &mut TcpStream) -> eyre::Result<()> {
    stream.set_read_timeout(Some(GLANCE))?;
    // Nothing, something or an end: all of it is right.
    let _ = stream.read(&mut [0; 4_096]);
    Ok(())
}

/// Status and body of an HTTP answer; `None` if it is not whole.
fn split(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(bytes.get(..end)?).ok()?.to_ascii_lowercase();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let body = bytes.get(end.saturating_add(4)..)?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    match length.and_then(|length| length.trim().parse::<usize>().ok()) {
        Some(length) if length != body.len() => None,
        Some(_) => Some(Answer::Http(status, body.to_vec())),
        None if head.contains("transfer-encoding: chunked") => {
            Some(Answer::Http(status, unchunk(body)?))
        }
        None => Some(Answer::Http(status, body.to_vec())),
    }
}

fn unchunk(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let end = body.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(body.get(..end)?).ok()?;
        let size = usize::from_str_radix(size, 16).ok()?;
        let from = end.checked_add(2)?;
        let to = from.checked_add(size)?;
        if size == 0 {
            return Some(whole);
        }
        whole.extend_from_slice(body.get(from..to)?);
        body = body.get(to.checked_add(2)?..)?;
    }
}

/// An open WebSocket.
pub(crate) struct Socket {
    stream: TcpStream,
    bound: Duration,
}

impl Socket {
    /// Sends bytes as they are; whether somebody takes them is not asked.
    pub(crate) fn send_raw(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Looks at what came, briefly.
    pub(crate) fn glance(&mut self) -> eyre::Result<()> {
        glance(&mut self.stream)
    }

    /// The next text; `None` when the other side closes. Pings are passed over.
    pub(crate) fn text(&mut self) -> eyre::Result<Option<Vec<u8>>> {
        let started = Instant::now();
        let mut text = Vec::new();
        loop {
            if started.elapsed() > self.bound {
                bail!("no answer over WebSocket within {} s", self.bound.as_secs());
            }
            let Some([first, second]) = self.read::<2>()? else { return Ok(None) };
            let length = match second & 0x7f {
                126 => self.read::<2>()?.map(|bytes| u64::from(u16::from_be_bytes(bytes))),
                127 => self.read::<8>()?.map(u64::from_be_bytes),
                length => Some(length.into()),
            };
            let Some(length) = length else { return Ok(None) };
            let length = usize::try_from(length)?;
            if length.saturating_add(text.len()) > ANSWER_BYTES {
                bail!("an answer of more than {ANSWER_BYTES} bytes");
            }
            let mut payload = vec![0; length];
            if !self.fill(&mut payload)? {
                return Ok(None);
            }
            match first & 0x0f {
                0 | 1 => text.extend(payload),
                8 => return Ok(None),
                9 | 10 => continue,
                opcode => return Err(eyre!("the node sent a frame of kind {opcode}")),
            }
            if first & 0x80 != 0 {
                return Ok(Some(text));
            }
        }
    }

    fn read<const N: usize>(&mut self) -> eyre::Result<Option<[u8; N]>> {
        let mut bytes = [0; N];
        Ok(self.fill(&mut bytes)?.then_some(bytes))
    }

    /// Whether there was so much.
    fn fill(&mut self, bytes: &mut [u8]) -> eyre::Result<bool> {
        match self.stream.read_exact(bytes) {
            Ok(()) => Ok(true),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                bail!("no answer over WebSocket within {} s", self.bound.as_secs())
            }
            Err(_) => Ok(false),
        }
    }
}

/// A frame as a client sends it: `first` has the final bit and the kind, the mask is zero.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match (u16::try_from(payload.len()), payload.len()) {
        (_, length @ 0..126) => bytes.push(0x80 | u8::try_from(length).unwrap_or(0)),
        (Ok(length), _) => {
            bytes.push(0x80 | 126);
            bytes.extend(length.to_be_bytes());
        }
        (Err(_), length) => {
            bytes.push(0x80 | 127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes.extend_from_slice(payload);
    bytes
}

/// The first byte of a whole text.
pub(crate) const TEXT: u8 = 0x81;

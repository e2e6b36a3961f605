//! A server in front of an L1 node or its beacon API that is busy, dead, or changes what it passes on.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use url::Url;

/// Hexadecimal digits of a blob that are left as they are before one is changed.
const INTO_A_BLOB: usize = 1_001;

/// How it behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Passes everything on.
    Honest,
    /// Refuses with status 429 and asks for a second's rest.
    Busy,
    /// Closes every connection.
    Dead,
    /// Changes a digit in each long hexadecimal value.
    WrongBytes,
}

/// Listens on a port of its own.
#[derive(Clone, Debug)]
pub struct Front {
    /// Where it listens.
    pub url: Url,
    manner: Arc<Mutex<Manner>>,
    asked: Arc<AtomicUsize>,
}

impl Front {
    /// In front of this server.
    pub async fn start(upstream: &Url, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let url = Url::parse(&format!("http://{address}")).expect("an address makes a URL");
        let front = Self { url, manner: Arc::new(Mutex::new(manner)), asked: Arc::default() };
        let serving = front.clone();
        let host = upstream.host_str().expect("the URL has a host");
        let port = upstream.port_or_known_default().expect("the URL has a port");
        let upstream = format!("{host}:{port}");
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (serving, upstream) = (serving.clone(), upstream.clone());
                // A client that goes away is served no more.
                tokio::spawn(async move { serving.serve(client, &upstream).await.ok() });
            }
        });
        front
    }

    /// Behaves like this from now on.
    pub fn behave(&self, manner: Manner) {
        *self.manner.lock().expect("no holder of the lock panics") = manner;
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// One request, one connection.
    async fn serve(&self, mut client: TcpStream, upstream: &str) -> std::io::Result<()> {
        let request = read_request(&mut client).await?;
        self.asked.fetch_add(1, Ordering::SeqCst);
        let manner = *self.manner.lock().expect("no holder of the lock panics");
        let answer = match manner {
            Manner::Dead => return Ok(()),
            Manner::Busy => b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\n\
                content-length: 4\r\nconnection: close\r\n\r\nbusy"
                .to_vec(),
            Manner::Honest | Manner::WrongBytes => pass_on(&request, upstream).await?,
        };
        let answer = if manner == Manner::WrongBytes { changed(answer) } else { answer };
        client.write_all(&answer).await?;
        client.shutdown().await
    }
}

async fn read_request(client: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut request = Vec::new();
    loop {
        if client.read_buf(&mut request).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let text = String::from_utf8_lossy(&request).to_ascii_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let announced = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length = announced.and_then(|length| length.trim().parse().ok()).unwrap_or(0);
        if body.len() >= length {
            return Ok(request);
        }
    }
}

/// The whole answer, after which the connection ends.
async fn pass_on(request: &[u8], upstream: &str) -> std::io::Result<Vec<u8>> {
    let mut server = TcpStream::connect(upstream).await?;
    let first = request.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let (line, rest) = request.split_at(first);
    server.write_all(line).await?;
    server.write_all(b"connection: close\r\n").await?;
    server.write_all(rest).await?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).await?;
    Ok(answer)
}

fn changed(mut answer: Vec<u8>) -> Vec<u8> {
    let mut run = 0;
    for byte in &mut answer {
        run = if byte.is_ascii_hexdigit() { run + 1 } else { 0 };
        if run == INTO_A_BLOB {
            *byte = if *byte == b'0' { b'1' } else { b'0' };
        }
    }
    answer
}

//! A server that misbehaves to the byte.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use x402_tests::Stop;

/// A server on some port of this machine that does what it is told with each request.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    log: Arc<Log>,
    _stop: Stop,
}

#[derive(Debug, Default)]
struct Log {
    requests: Mutex<Vec<Seen>>,
    connections: Mutex<usize>,
    left: Mutex<usize>,
    changed: Notify,
}

/// A request that was read whole.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Method, path and version.
    pub(crate) line: String,
    /// Names in small letters.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(own, _)| own == name);
        let value = values.next().map(|(_, value)| &**value);
        assert!(values.next().is_none(), "`{name}` is there more than once");
        value
    }

    pub(crate) fn path(&self) -> &str {
        self.line.split(' ').nth(1).unwrap()
    }
}

/// What is done with a request.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// It is answered, and the connection stays open.
    Answer(Vec<u8>),
    /// So much is said, and the connection is closed.
    Close(Vec<u8>),
    /// The connection is reset.
    Reset,
    /// This is said again and again, for as long as anybody listens.
    Repeat(Vec<u8>),
    /// Nothing is said, and the connection stays open.
    Silence,
}

/// A whole answer.
pub(crate) fn answer(status: &str, content_type: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// A whole answer in JSON.
pub(crate) fn json(status: &str, body: &str) -> Act {
    Act::Answer(answer(status, "application/json", body))
}

impl Server {
    /// A server that does this with each request, given how many there were before.
    pub(crate) async fn start(act: impl Fn(usize, &Seen) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let log = Arc::new(Log::default());
        let (shared, act) = (Arc::clone(&log), Arc::new(act));
        let accepting = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                *shared.connections.lock().unwrap() += 1;
                let (log, act) = (Arc::clone(&shared), Arc::clone(&act));
                tokio::spawn(async move {
                    serve(stream, &log, &*act).await;
                    *log.left.lock().unwrap() += 1;
                    log.changed.notify_waiters();
                });
            }
        });
        Self {
            address,
            log,
            _stop: Stop::new(move || accepting.abort()),
        }
    }

    /// A server that does the same with every request.
    pub(crate) async fn always(act: Act) -> Self {
        Self::start(move |_, _| act.clone()).await
    }

    /// The address of a facilitator that is at its root.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> Vec<Seen> {
        self.log.requests.lock().unwrap().clone()
    }

    /// How many connections were made so far.
    pub(crate) fn connections(&self) -> usize {
        *self.log.connections.lock().unwrap()
    }

    /// Waits until so many requests were read.
    pub(crate) async fn asked(&self, times: usize) {
        self.wait(|log| log.requests.lock().unwrap().len() >= times)
            .await;
    }

    /// Waits until so many connections are over.
    pub(crate) async fn left(&self, times: usize) {
        self.wait(|log| *log.left.lock().unwrap() >= times).await;
    }

    async fn wait(&self, until: impl Fn(&Log) -> bool) {
        loop {
            let changed = self.log.changed.notified();
            if until(&self.log) {
                return;
            }
            changed.await;
        }
    }
}

async fn serve(
    mut stream: TcpStream,
    log: &Log,
    act: &(dyn Fn(usize, &Seen) -> Act + Send + Sync),
) {
    while let Some(seen) = read(&mut stream).await {
        let before = {
            let mut requests = log.requests.lock().unwrap();
            requests.push(seen.clone());
            requests.len() - 1
        };
        let act = act(before, &seen);
        log.changed.notify_waiters();
        match act {
            Act::Answer(bytes) => stream.write_all(&bytes).await.unwrap(),
            Act::Close(bytes) => {
                stream.write_all(&bytes).await.unwrap();
                return;
            }
            Act::Reset => {
                stream.set_zero_linger().unwrap();
                return;
            }
            Act::Repeat(bytes) => {
                while stream.write_all(&bytes).await.is_ok() {}
                return;
            }
            Act::Silence => {
                // Until the client leaves.
                let _ = stream.read(&mut [0]).await;
                return;
            }
        }
    }
}

/// Reads a request; nothing if the connection ends.
async fn read(stream: &mut TcpStream) -> Option<Seen> {
    let mut read = Vec::new();
    let head = loop {
        let end = read.windows(4).position(|bytes| bytes == b"\r\n\r\n");
        if let Some(end) = end {
            break end;
        }
        if stream.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8(read[..head].to_vec()).unwrap();
    let mut lines = text.lines().map(str::to_owned);
    let line = lines.next().unwrap();
    let headers: Vec<_> = lines
        .map(|line| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_ascii_lowercase(), value.trim().to_owned())
        })
        .collect();
    let length = headers
        .iter()
        .find(|(name, _)| name == "content-length")
        .map_or(0, |(_, value)| value.parse().unwrap());
    while read.len() < head + 4 + length {
        if stream.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    }
    let body = String::from_utf8(read[head + 4..].to_vec()).unwrap();
    Some(Seen {
        line,
        headers,
        body,
    })
}

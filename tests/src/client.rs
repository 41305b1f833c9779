use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// An answer that has arrived whole.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// The text of a header that is there once.
    #[track_caller]
    pub fn header(&self, name: impl Into<HeaderName>) -> Option<&str> {
        let name = name.into();
        assert!(
            self.headers.get_all(&name).iter().count() <= 1,
            "`{name}` is there more than once"
        );
        self.headers.get(&name).map(|value| value.to_str().unwrap())
    }

    /// The body as text.
    #[track_caller]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// Asserts that the price could not be said, and that no more is told, and not for long.
    #[track_caller]
    pub fn assert_misconfigured(&self) {
        assert_eq!(self.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(self.json()["type"], "about:blank");
        assert_eq!(self.header(header::CACHE_CONTROL), Some("no-store"));
        assert!(self.header(header::ACCESS_CONTROL_EXPOSE_HEADERS).is_some());
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Sends a request on a connection of its own.
pub async fn send(address: SocketAddr, request: Request<Bytes>) -> Answer {
    try_send(address, request).await.unwrap()
}

/// Sends a request on a connection of its own, which may break.
pub async fn try_send(
    address: SocketAddr,
    request: Request<Bytes>,
) -> Result<Answer, hyper::Error> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let mut request = request.map(Full::new);
    let host = address.to_string().parse().unwrap();
    request
        .headers_mut()
        .entry(http::header::HOST)
        .or_insert(host);
    let response = sender.send_request(request).await?;
    let (parts, body) = response.into_parts();
    let body = body.collect().await?.to_bytes();
    drop(sender);
    connection.abort();
    Ok(Answer {
        status: parts.status,
        headers: parts.headers,
        body,
    })
}

/// Sends a request by HTTP/2 on a connection of its own, to a server of this name.
pub async fn send_http2(address: SocketAddr, name: &str, request: Request<Bytes>) -> Answer {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    let connection = tokio::spawn(connection);
    let mut request = request.map(Full::new);
    let url = format!("http://{name}{}", request.uri());
    *request.uri_mut() = url.parse().unwrap();
    let response = sender.send_request(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    drop(sender);
    connection.abort();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body,
    }
}

/// Sends what is no proper request, perhaps, and gets all that comes back until the server hangs up.
pub async fn send_raw(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    // A server that hangs up on what it has not read resets the connection.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// A connection by hand, for leaving in the middle of things.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Connection {
    /// Connects and sends a request.
    pub async fn open(address: SocketAddr, request: &Request<Bytes>) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut text = format!(
            "{} {} HTTP/1.1\r\nhost: {address}\r\n",
            request.method(),
            request.uri()
        )
        .into_bytes();
        for (name, value) in request.headers() {
            text.extend_from_slice(name.as_str().as_bytes());
            text.extend_from_slice(b": ");
            text.extend_from_slice(value.as_bytes());
            text.extend_from_slice(b"\r\n");
        }
        if !request.body().is_empty() {
            text.extend_from_slice(
                format!("content-length: {}\r\n", request.body().len()).as_bytes(),
            );
        }
        text.extend_from_slice(b"\r\n");
        text.extend_from_slice(request.body());
        stream.write_all(&text).await.unwrap();
        Self {
            stream,
            read: Vec::new(),
        }
    }

    /// Reads until so many bytes of the answer have come, head included; fewer if it ends before.
    pub async fn read(&mut self, at_least: usize) -> &[u8] {
        let mut chunk = vec![0; 64 * 1024];
        while self.read.len() < at_least {
            match self.stream.read(&mut chunk).await {
                Ok(0) | Err(_) => break,
                Ok(n) => self.read.extend_from_slice(&chunk[..n]),
            }
        }
        &self.read
    }

    /// Reads the head of the answer, and as much of the body as comes with it.
    pub async fn read_head(&mut self) -> String {
        self.read_until("\r\n\r\n").await
    }

    /// Reads until this has come.
    pub async fn read_until(&mut self, end: &str) -> String {
        loop {
            let text = String::from_utf8_lossy(&self.read).into_owned();
            if text.contains(end) {
                return text;
            }
            let before = self.read.len();
            self.read(before + 1).await;
            assert!(self.read.len() > before, "the connection ended: {text:?}");
        }
    }

    /// Sends more.
    pub async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Hangs up at once.
    pub fn hang_up(self) {
        // With a reset, as when a process dies.
        let _ = self.stream.set_zero_linger();
    }
}

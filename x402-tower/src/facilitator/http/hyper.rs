use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use ::http::{Request, Response, Uri};
use bytes::{Buf as _, Bytes};
use http_body::Body;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::{Connection as _, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::runtime::Handle;
use tokio::time::timeout;
use tower_service::Service as _;

use super::pool::{Broken, Connection, Pool};
use super::tls;
use super::transport::{CONNECT, PING, Transport, TransportError, too_large};
use super::whole::Whole;
use crate::facilitator::FacilitatorError;
use crate::home;
use crate::pieces::Pieces;

/// The lean transport: `hyper`, with rustls and the certificate authorities of Mozilla.
#[derive(Clone, Debug)]
pub struct HyperTransport {
    connector: HttpsConnector<HttpConnector>,
    pool: Arc<Pool>,
}

impl HyperTransport {
    /// A client with a pool of its own.
    ///
    /// # Errors
    ///
    /// If the client cannot be set up on this machine.
    pub fn new() -> Result<Self, TransportError> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        // It is divided among the addresses, so that one after another gets some of it.
        tcp.set_connect_timeout(Some(CONNECT));
        Ok(Self {
            connector: HttpsConnector::from((tcp, tls::config()?)),
            pool: Arc::default(),
        })
    }

    async fn connect(&self, uri: &Uri) -> Result<Connection, FacilitatorError> {
        // What it takes to make a connection is large, and every call would have room for it.
        timeout(CONNECT, Box::pin(self.connect_in_time(uri)))
            .await
            .unwrap_or_else(|elapsed| Err(FacilitatorError::not_sent(elapsed)))
    }

    async fn connect_in_time(&self, uri: &Uri) -> Result<Connection, FacilitatorError> {
        let mut connector = self.connector.clone();
        poll_fn(|cx| connector.poll_ready(cx))
            .await
            .map_err(FacilitatorError::not_sent)?;
        let stream = connector
            .call(uri.clone())
            .await
            .map_err(FacilitatorError::not_sent)?;
        if stream.connected().is_negotiated_h2() {
            let (sender, connection) = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .keep_alive_interval(PING)
                .keep_alive_timeout(PING)
                .handshake(stream)
                .await
                .map_err(FacilitatorError::not_sent)?;
            keep_up(connection);
            self.pool.put(uri, Connection::Http2(sender.clone()));
            return Ok(Connection::Http2(sender));
        }
        let (sender, connection) = http1::handshake(stream)
            .await
            .map_err(FacilitatorError::not_sent)?;
        keep_up(connection);
        Ok(Connection::Http1(sender))
    }

    /// What a connection has answered. It is kept if it can be asked more.
    async fn read(
        &self,
        uri: &Uri,
        connection: Connection,
        response: Response<Incoming>,
        most: usize,
    ) -> Result<Response<Bytes>, FacilitatorError> {
        let (parts, mut body) = response.into_parts();
        let mut read = Pieces::default();
        while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            let Ok(mut data) = frame.map_err(FacilitatorError::lost)?.into_data() else {
                continue;
            };
            if read.len() + data.remaining() > most {
                return Err(too_large(most));
            }
            read.push(data.copy_to_bytes(data.remaining()));
        }
        if let Connection::Http1(_) = connection {
            self.pool.put(uri, connection);
        }
        Ok(Response::from_parts(parts, read.join()))
    }
}

impl Transport for HyperTransport {
    async fn send(
        &self,
        request: Request<Bytes>,
        most: usize,
    ) -> Result<Response<Bytes>, FacilitatorError> {
        let uri = request.uri().clone();
        let mut request = request.map(Whole::new);
        if let Some(mut kept) = self.pool.take(&uri) {
            match kept.send(&uri, request).await {
                Ok(response) => return self.read(&uri, kept, response, most).await,
                // It was closed while nobody needed it.
                Err(Broken::Before(unsent, _)) => request = *unsent,
                Err(Broken::Meanwhile(error)) => return Err(FacilitatorError::lost(error)),
            }
        }
        let mut fresh = self.connect(&uri).await?;
        match fresh.send(&uri, request).await {
            Ok(response) => self.read(&uri, fresh, response, most).await,
            Err(Broken::Before(_, error)) => Err(FacilitatorError::not_sent(error)),
            Err(Broken::Meanwhile(error)) => Err(FacilitatorError::lost(error)),
        }
    }
}

/// Works on a connection as long as it is open.
fn keep_up(connection: impl Future<Output = hyper::Result<()>> + Send + 'static) {
    let task = Box::pin(async move { drop(connection.await) });
    home::spawn(&Handle::current(), task);
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use hyper_util::rt::TokioIo;
    use tokio::net::TcpStream;

    use super::super::refusal::{Refusal, refusing};
    use super::*;

    /// A proxy may say of what it has passed on that it was not begun.
    #[tokio::test]
    async fn what_is_said_not_to_have_begun_is_not_sent_again() {
        for refusal in [Refusal::Reset, Refusal::GoAway, Refusal::HangUp] {
            let (address, asked) = refusing(refusal);
            let uri: Uri = format!("http://{address}/settle").parse().unwrap();
            let transport = HyperTransport::new().unwrap();
            let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
            let (sender, connection) = http2::Builder::new(TokioExecutor::new())
                .handshake(stream)
                .await
                .unwrap();
            keep_up(connection);
            transport.pool.put(&uri, Connection::Http2(sender));
            let request = Request::post(uri).body(Bytes::from_static(b"{}")).unwrap();
            let sent = transport.send(request, 100).await;
            assert!(!sent.unwrap_err().is_not_sent(), "{refusal:?}");
            assert_eq!(asked.load(Ordering::SeqCst), 1, "{refusal:?}");
        }
    }
}

use std::pin::Pin;
use std::time::Duration;

use ::http::{Request, Response};
use bytes::{Buf as _, Bytes};
use http_body::Body;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::transport::{Transport, TransportError, too_large};
use crate::facilitator::FacilitatorError;
use crate::pieces::Pieces;

/// The lean transport: `hyper-util`, with rustls and the certificate authorities of Mozilla.
#[derive(Clone, Debug)]
pub struct HyperTransport {
    client: Client<HttpsConnector<HttpConnector>, Whole>,
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
        tcp.set_connect_timeout(Some(Duration::from_secs(5)));
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
            .map_err(TransportError::new)?
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(90))
            .build(connector);
        Ok(Self { client })
    }
}

impl Transport for HyperTransport {
    async fn send(
        &self,
        request: Request<Bytes>,
        most: usize,
    ) -> Result<Response<Bytes>, FacilitatorError> {
        let request = request.map(|body| Whole(Some(body)));
        let (parts, mut body) = self
            .client
            .request(request)
            .await
            .map_err(kind_of)?
            .into_parts();
        let mut read = Pieces::default();
        while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await
        {
            let Ok(mut data) = frame.map_err(FacilitatorError::lost)?.into_data() else {
                continue;
            };
            if read.len() + data.remaining() > most {
                return Err(too_large(most));
            }
            read.push(data.copy_to_bytes(data.remaining()));
        }
        Ok(Response::from_parts(parts, read.join()))
    }
}

fn kind_of(error: Error) -> FacilitatorError {
    if error.is_connect() {
        FacilitatorError::not_sent(error)
    } else {
        FacilitatorError::lost(error)
    }
}

/// A body that is all there.
#[derive(Debug)]
struct Whole(Option<Bytes>);

impl Body for Whole {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        let data = self.0.take().filter(|data| !data.is_empty());
        std::task::Poll::Ready(data.map(|data| Ok(http_body::Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(Bytes::is_empty)
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(self.0.as_ref().map_or(0, |data| data.len() as u64))
    }
}

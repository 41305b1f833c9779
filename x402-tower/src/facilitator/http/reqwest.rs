use std::sync::{Arc, Mutex};

use ::http::{Request, Response, Uri};
use ::reqwest::{Body, Client, ClientBuilder, Url, redirect, retry};
use bytes::Bytes;

use super::tls;
use super::transport::{CONNECT, PING, Transport, TransportError, too_large};
use super::whole::Whole;
use crate::facilitator::FacilitatorError;
use crate::lock::lock;
use crate::pieces::Pieces;

/// The usual transport: `reqwest`, with rustls and the certificate authorities of Mozilla.
#[derive(Clone, Debug)]
pub struct ReqwestTransport {
    client: Client,
    /// The same few addresses are asked again and again, and reading one costs more than the rest of a request.
    urls: Arc<Mutex<Vec<(Uri, Url)>>>,
}

/// As many addresses as are remembered: those of a few facilitators.
const MOST_URLS: usize = 12;

impl ReqwestTransport {
    /// A client with a pool of its own. It asks the facilitator and no proxy, whatever the environment names: payments
    /// that go to this machine go unencrypted, and a proxy is elsewhere.
    ///
    /// # Errors
    ///
    /// If the client cannot be set up on this machine.
    pub fn new() -> Result<Self, TransportError> {
        let client = Self::builder()?.build().map_err(TransportError::new)?;
        Ok(Self::with_client(client))
    }

    fn builder() -> Result<ClientBuilder, TransportError> {
        Ok(Client::builder()
            .tls_backend_preconfigured(tls::config()?)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy()
            .connect_timeout(CONNECT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(PING)
            .http2_keep_alive_timeout(PING)
            .user_agent(concat!("x402-tower/", env!("CARGO_PKG_VERSION"))))
    }

    /// A client that is set up already, for proxies and authorities of one's own. It must not follow redirects.
    pub fn with_client(client: Client) -> Self {
        Self {
            client,
            urls: Arc::default(),
        }
    }

    /// A URI as `reqwest` wants it.
    fn url(&self, uri: Uri) -> Result<Url, FacilitatorError> {
        let mut urls = lock(&self.urls);
        if let Some((_, url)) = urls.iter().find(|(known, _)| *known == uri) {
            return Ok(url.clone());
        }
        let url = Url::parse(&uri.to_string()).map_err(FacilitatorError::not_sent)?;
        urls.truncate(MOST_URLS - 1);
        urls.insert(0, (uri, url.clone()));
        Ok(url)
    }
}

impl Transport for ReqwestTransport {
    async fn send(
        &self,
        request: Request<Bytes>,
        most: usize,
    ) -> Result<Response<Bytes>, FacilitatorError> {
        let (parts, body) = request.into_parts();
        let mut request = ::reqwest::Request::new(parts.method, self.url(parts.uri)?);
        *request.headers_mut() = parts.headers;
        // A body of its own it could send again, as it does by HTTP/2 with what is said not to have begun. Proxies say so when
        // the connection behind them broke, and whoever settles has to know of each time it was asked.
        *request.body_mut() = Some(Body::wrap(Whole::new(body)));
        let mut response = self.client.execute(request).await.map_err(kind_of)?;
        if response
            .content_length()
            .is_some_and(|length| length > most as u64)
        {
            return Err(too_large(most));
        }
        let mut body = Pieces::default();
        while let Some(chunk) = response.chunk().await.map_err(FacilitatorError::lost)? {
            if body.len() + chunk.len() > most {
                return Err(too_large(most));
            }
            body.push(chunk);
        }
        let mut answer = Response::new(body.join());
        *answer.status_mut() = response.status();
        *answer.headers_mut() = std::mem::take(response.headers_mut());
        Ok(answer)
    }
}

fn kind_of(error: ::reqwest::Error) -> FacilitatorError {
    if error.is_connect() || error.is_builder() {
        FacilitatorError::not_sent(error)
    } else {
        FacilitatorError::lost(error)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::super::refusal::{Refusal, refusing};
    use super::*;

    /// A proxy may say so of what it has passed on. That holds for clients that others have set up as well.
    #[tokio::test]
    async fn what_is_said_not_to_have_begun_is_not_sent_again() {
        let builder = || ReqwestTransport::builder().unwrap();
        for (refusal, client) in [
            (Refusal::Reset, builder()),
            (Refusal::GoAway, builder()),
            (
                Refusal::Reset,
                builder().retry(retry::for_host("127.0.0.1").classify_fn(|it| it.retryable())),
            ),
            (
                Refusal::GoAway,
                Client::builder().tls_backend_preconfigured(tls::config().unwrap()),
            ),
            (Refusal::HangUp, builder()),
        ] {
            let (address, asked) = refusing(refusal);
            let uri = format!("http://{address}/settle");
            let client = client.http2_prior_knowledge().build().unwrap();
            let transport = ReqwestTransport::with_client(client);
            let request = Request::post(uri).body(Bytes::from_static(b"{}")).unwrap();
            let sent = transport.send(request, 100).await;
            assert!(!sent.unwrap_err().is_not_sent());
            assert_eq!(asked.load(Ordering::SeqCst), 1, "{refusal:?}");
        }
    }

    #[test]
    fn an_address_is_the_same_when_it_is_remembered() {
        let transport = ReqwestTransport::new().unwrap();
        for _ in 0..2 {
            for n in 0..2 * MOST_URLS {
                let text = format!("https://f.example/{n}/verify");
                let url = transport.url(text.parse().unwrap()).unwrap();
                assert_eq!(url.as_str(), text);
            }
        }
        assert_eq!(transport.urls.lock().unwrap().len(), MOST_URLS);
    }
}

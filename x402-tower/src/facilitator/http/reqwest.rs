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
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// The beginnings of frames of HTTP/2: those without content are whole.
    const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    const ACKNOWLEDGED: [u8; 9] = [0, 0, 0, 4, 1, 0, 0, 0, 0];
    const RESET: [u8; 5] = [0, 0, 4, 3, 0];
    const REFUSED_STREAM: [u8; 4] = [0, 0, 0, 7];
    /// Nothing was begun, and nothing is wrong.
    const GO_AWAY: [u8; 17] = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

    /// Counts the requests of a connection, each of which was not begun, as it says.
    fn refuse(mut stream: TcpStream, goes_away: bool, asked: &AtomicUsize) -> std::io::Result<()> {
        stream.read_exact(&mut [0; 24])?;
        stream.write_all(&SETTINGS)?;
        loop {
            let mut head = [0; 9];
            stream.read_exact(&mut head)?;
            let [a, b, c, kind, flags, id @ ..] = head;
            let mut content = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
            stream.read_exact(&mut content)?;
            if kind == 1 {
                asked.fetch_add(1, Ordering::SeqCst);
            }
            match (kind, flags & 1) {
                (4, 0) => stream.write_all(&ACKNOWLEDGED)?,
                // The request is whole.
                (0 | 1, 1) if goes_away => stream.write_all(&GO_AWAY)?,
                (0 | 1, 1) => {
                    stream.write_all(&[&RESET[..], &id, &REFUSED_STREAM].concat())?;
                }
                _ => {}
            }
        }
    }

    /// A proxy may say so of what it has passed on. That holds for clients that others have set up as well.
    #[tokio::test]
    async fn what_is_said_not_to_have_begun_is_not_sent_again() {
        let builder = || ReqwestTransport::builder().unwrap();
        for (goes_away, client) in [
            (false, builder()),
            (true, builder()),
            (
                false,
                builder().retry(retry::for_host("127.0.0.1").classify_fn(|it| it.retryable())),
            ),
            (
                true,
                Client::builder().tls_backend_preconfigured(tls::config().unwrap()),
            ),
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let uri = format!("http://{}/settle", listener.local_addr().unwrap());
            let asked = Arc::new(AtomicUsize::new(0));
            let counted = Arc::clone(&asked);
            std::thread::spawn(move || {
                for stream in listener.incoming() {
                    let asked = Arc::clone(&counted);
                    std::thread::spawn(move || refuse(stream.unwrap(), goes_away, &asked));
                }
            });
            let client = client.http2_prior_knowledge().build().unwrap();
            let transport = ReqwestTransport::with_client(client);
            let request = Request::post(uri).body(Bytes::from_static(b"{}")).unwrap();
            let sent = transport.send(request, 100).await;
            assert!(!sent.unwrap_err().is_not_sent());
            assert_eq!(asked.load(Ordering::SeqCst), 1, "{goes_away}");
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

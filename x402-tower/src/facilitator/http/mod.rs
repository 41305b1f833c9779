mod authorize;
mod base;
#[cfg(feature = "hyper")]
mod hyper;
#[cfg(feature = "hyper")]
mod pool;
#[cfg(any(feature = "reqwest", feature = "hyper"))]
#[cfg(test)]
mod refusal;
#[cfg(feature = "reqwest")]
mod reqwest;
#[cfg(any(feature = "reqwest", feature = "hyper"))]
mod tls;
mod transport;
#[cfg(any(feature = "reqwest", feature = "hyper"))]
mod whole;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::http::{HeaderValue, Method, Request, Response, header};
use bytes::Bytes;
use serde::de::DeserializeOwned;

use self::authorize::SharedAuthorize;
use self::base::{Base, Wire};
use super::{Facilitator, FacilitatorError, PaymentCall};
use crate::clock::{Clock, Elapsed, SystemClock, timeout};
use crate::proto::{SettleResponse, SupportedResponse, VerifyResponse};
use crate::redacted::excerpt;

pub use self::authorize::Authorize;
pub use self::base::UrlError;
#[cfg(feature = "hyper")]
pub use self::hyper::HyperTransport;
#[cfg(feature = "reqwest")]
pub use self::reqwest::ReqwestTransport;
pub use self::transport::{Transport, TransportError};

/// A facilitator behind HTTP.
///
/// It follows no redirects, reads no more of an answer than it should, and reads it whatever its status: some facilitators
/// say `400` when they mean that a payment is no good.
///
/// ```
/// use x402_tower::facilitator::HttpFacilitator;
///
/// # #[cfg(feature = "reqwest")] {
/// let facilitator = HttpFacilitator::new("https://facilitator.example/v2/")?;
/// assert!(HttpFacilitator::new("http://facilitator.example").is_err(), "not encrypted");
/// # }
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct HttpFacilitator<T> {
    base: Base,
    transport: Arc<T>,
    authorize: Option<SharedAuthorize>,
    clock: Arc<dyn Clock>,
    verify: Duration,
    settle: Duration,
    most_bytes: usize,
}

/// What a facilitator can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// `POST /verify`
    Verify,
    /// `POST /settle`
    Settle,
    /// `GET /supported`
    Supported,
}

impl Endpoint {
    /// The method of its requests.
    pub const fn method(self) -> Method {
        match self {
            Self::Verify | Self::Settle => Method::POST,
            Self::Supported => Method::GET,
        }
    }

    /// Where it is, below the facilitator's address.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Verify => "/verify",
            Self::Settle => "/settle",
            Self::Supported => "/supported",
        }
    }
}

#[cfg(feature = "reqwest")]
impl HttpFacilitator<ReqwestTransport> {
    /// The facilitator at this address, over `reqwest` with rustls.
    ///
    /// # Errors
    ///
    /// If the address is not one of `https`, or of `http` on this machine.
    pub fn new(url: impl AsRef<str>) -> Result<Self, HttpFacilitatorError> {
        let transport = ReqwestTransport::new()?;
        Ok(Self::with_transport(url, transport)?)
    }

    /// The facilitator at this address in a network of one's own, which may be one of `http`.
    ///
    /// Whoever can listen there can take a payment for another one, and whoever can answer there can say that one is good
    /// that is not: say this for a container next door, and not for what is beyond.
    ///
    /// ```
    /// use x402_tower::facilitator::HttpFacilitator;
    ///
    /// let facilitator = HttpFacilitator::unencrypted("http://facilitator:8080")?;
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the address is not one of `https` or `http`.
    pub fn unencrypted(url: impl AsRef<str>) -> Result<Self, HttpFacilitatorError> {
        let transport = ReqwestTransport::new()?;
        Ok(Self::unencrypted_with_transport(url, transport)?)
    }
}

impl<T: Transport> HttpFacilitator<T> {
    /// The facilitator at this address, over a transport of one's own.
    ///
    /// # Errors
    ///
    /// If the address is not one of `https`, or of `http` on this machine.
    pub fn with_transport(url: impl AsRef<str>, transport: T) -> Result<Self, UrlError> {
        Self::over(Wire::Open, url.as_ref(), transport)
    }

    /// The facilitator at this address in a network of one's own, as with `HttpFacilitator::unencrypted`, over a transport of
    /// one's own.
    ///
    /// ```
    /// # #[cfg(feature = "hyper")] {
    /// use x402_tower::facilitator::{HttpFacilitator, HyperTransport};
    ///
    /// let transport = HyperTransport::new()?;
    /// let facilitator =
    ///     HttpFacilitator::unencrypted_with_transport("http://facilitator:8080", transport)?;
    /// # }
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the address is not one of `https` or `http`.
    pub fn unencrypted_with_transport(
        url: impl AsRef<str>,
        transport: T,
    ) -> Result<Self, UrlError> {
        Self::over(Wire::Trusted, url.as_ref(), transport)
    }

    fn over(wire: Wire, url: &str, transport: T) -> Result<Self, UrlError> {
        Ok(Self {
            base: Base::parse(url, wire)?,
            transport: Arc::new(transport),
            authorize: None,
            clock: Arc::new(SystemClock),
            verify: Duration::from_secs(10),
            settle: Duration::from_secs(30),
            most_bytes: 256 * 1024,
        })
    }

    /// Adds these credentials to every request. A map of headers is one that is always the same.
    #[must_use]
    pub fn authorize(mut self, authorize: impl Authorize) -> Self {
        self.authorize = Some(SharedAuthorize::new(authorize));
        self
    }

    /// How long `/verify` and `/supported`, and how long `/settle` may take: 10 and 30 seconds unless said otherwise. A seller
    /// waits no longer than [`facilitator_timeouts`](crate::Builder::facilitator_timeouts) in any case.
    #[must_use]
    pub const fn timeouts(mut self, verify: Duration, settle: Duration) -> Self {
        self.verify = verify;
        self.settle = settle;
        self
    }

    /// How many bytes of an answer are read: 256 KiB unless said otherwise.
    #[must_use]
    pub const fn most_answer_bytes(mut self, most: usize) -> Self {
        self.most_bytes = most;
        self
    }

    /// The clock that timeouts are measured by.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    async fn ask<A: DeserializeOwned>(
        &self,
        endpoint: Endpoint,
        body: Bytes,
    ) -> Result<A, FacilitatorError> {
        let within = if endpoint == Endpoint::Settle {
            self.settle
        } else {
            self.verify
        };
        let request = timeout(&*self.clock, within, self.request(endpoint, body))
            .await
            .unwrap_or_else(|Elapsed| {
                Err(FacilitatorError::not_sent(
                    "the credentials did not come in time",
                ))
            })?;
        let response = timeout(
            &*self.clock,
            within,
            self.transport.send(request, self.most_bytes),
        )
        .await
        .unwrap_or_else(|Elapsed| Err(FacilitatorError::timed_out()))?;
        read(&response)
    }

    async fn request(
        &self,
        endpoint: Endpoint,
        body: Bytes,
    ) -> Result<Request<Bytes>, FacilitatorError> {
        let uri = self.base.uri(endpoint);
        let mut request = Request::new(body);
        if let Some(authorize) = &self.authorize {
            let credentials = authorize
                .headers(endpoint, uri)
                .await
                .map_err(FacilitatorError::not_sent)?;
            *request.headers_mut() = credentials;
            request
                .headers_mut()
                .values_mut()
                .for_each(|value| value.set_sensitive(true));
        }
        *request.method_mut() = endpoint.method();
        *request.uri_mut() = uri.clone();
        let headers = request.headers_mut();
        headers.insert(header::ACCEPT, JSON);
        if endpoint != Endpoint::Supported {
            headers.insert(header::CONTENT_TYPE, JSON);
        }
        Ok(request)
    }
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The answer in a response, whatever its status.
fn read<A: DeserializeOwned>(response: &Response<Bytes>) -> Result<A, FacilitatorError> {
    serde_json::from_slice(response.body()).map_err(|error| {
        let status = response.status();
        if status.is_redirection() {
            return FacilitatorError::unreadable(format!(
                "it answered {status}; redirects are not followed, so say the address that it redirects to"
            ));
        }
        let beginning = excerpt(&String::from_utf8_lossy(response.body()));
        FacilitatorError::unreadable(format!("it answered {status} and {error}: {beginning:?}"))
    })
}

impl<T: Transport> Facilitator for HttpFacilitator<T> {
    async fn verify(&self, payment: &PaymentCall) -> Result<VerifyResponse, FacilitatorError> {
        self.ask(Endpoint::Verify, payment.body()).await
    }

    async fn settle(&self, payment: &PaymentCall) -> Result<SettleResponse, FacilitatorError> {
        self.ask(Endpoint::Settle, payment.body()).await
    }

    async fn supported(&self) -> Result<SupportedResponse, FacilitatorError> {
        self.ask(Endpoint::Supported, Bytes::new()).await
    }
}

impl<T> fmt::Debug for HttpFacilitator<T> {
    /// Shows no credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpFacilitator")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

/// An [`HttpFacilitator`] cannot be made.
#[derive(Debug)]
pub struct HttpFacilitatorError(HttpFacilitatorErrorKind);

#[derive(Debug)]
enum HttpFacilitatorErrorKind {
    Url(UrlError),
    Transport(TransportError),
}

impl From<UrlError> for HttpFacilitatorError {
    fn from(error: UrlError) -> Self {
        Self(HttpFacilitatorErrorKind::Url(error))
    }
}

impl From<TransportError> for HttpFacilitatorError {
    fn from(error: TransportError) -> Self {
        Self(HttpFacilitatorErrorKind::Transport(error))
    }
}

impl fmt::Display for HttpFacilitatorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            HttpFacilitatorErrorKind::Url(error) => error.fmt(f),
            HttpFacilitatorErrorKind::Transport(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for HttpFacilitatorError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0 {
            HttpFacilitatorErrorKind::Url(error) => error.source(),
            HttpFacilitatorErrorKind::Transport(error) => error.source(),
        }
    }
}

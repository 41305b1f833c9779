use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
#[cfg(any(feature = "reqwest", feature = "hyper"))]
use std::time::Duration;

use ::http::{Request, Response};
use bytes::Bytes;

use crate::facilitator::FacilitatorError;

/// What carries the requests of an [`HttpFacilitator`](super::HttpFacilitator): an HTTP client, as plain as can be.
pub trait Transport: Send + Sync + 'static {
    /// Sends a request and reads the answer, of at most so many bytes, whatever its status. Redirects are not followed, and
    /// nothing that may have arrived is sent again: whoever settles has to know of each time it was asked.
    ///
    /// # Errors
    ///
    /// [`FacilitatorError::not_sent`] if it is certain that nothing was sent, [`FacilitatorError::lost`] if not, and
    /// [`FacilitatorError::unreadable`] if the answer is too large.
    fn send(
        &self,
        request: Request<Bytes>,
        most: usize,
    ) -> impl Future<Output = Result<Response<Bytes>, FacilitatorError>> + Send;
}

/// A transport cannot be set up.
#[derive(Debug)]
pub struct TransportError(Box<dyn StdError + Send + Sync>);

impl TransportError {
    #[cfg(any(feature = "reqwest", feature = "hyper"))]
    pub(super) fn new(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the HTTP client cannot be set up")
    }
}

impl StdError for TransportError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.0)
    }
}

#[cfg(any(feature = "reqwest", feature = "hyper"))]
pub(super) fn too_large(most: usize) -> FacilitatorError {
    FacilitatorError::unreadable(format!("the answer is larger than {most} bytes"))
}

/// How long a connection that many calls share may be silent while it is waited for. Without that a network that swallows
/// everything takes all calls with it, one after the other.
#[cfg(any(feature = "reqwest", feature = "hyper"))]
pub(super) const PING: Duration = Duration::from_secs(5);

/// How long a connection may take to be made, with everything that belongs to it: names, TCP, TLS. Nothing of a request is sent
/// in that time, which is to be known of those that wait for it.
#[cfg(any(feature = "reqwest", feature = "hyper"))]
pub(super) const CONNECT: Duration = Duration::from_secs(5);

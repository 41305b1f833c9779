use std::error::Error as StdError;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use ::http::{HeaderMap, Uri};

use super::Endpoint;

type BoxError = Box<dyn StdError + Send + Sync>;

/// Credentials for a facilitator, made for each request.
///
/// A [`HeaderMap`] is one that is always the same. Some facilitators want a token for each path:
///
/// ```
/// use http::{HeaderMap, HeaderValue, Uri, header::AUTHORIZATION};
/// use x402_tower::facilitator::{Authorize, Endpoint};
///
/// struct Signed;
///
/// impl Authorize for Signed {
///     async fn headers(
///         &self,
///         endpoint: Endpoint,
///         uri: &Uri,
///     ) -> Result<HeaderMap, Box<dyn std::error::Error + Send + Sync>> {
///         let token = format!("Bearer made-for-{}-{}", endpoint.method(), uri.path());
///         Ok(HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(&token)?)]))
///     }
/// }
/// ```
pub trait Authorize: Send + Sync + 'static {
    /// The headers to add to a request of this kind to this URI.
    fn headers(
        &self,
        endpoint: Endpoint,
        uri: &Uri,
    ) -> impl Future<Output = Result<HeaderMap, BoxError>> + Send;
}

impl Authorize for HeaderMap {
    async fn headers(&self, _: Endpoint, _: &Uri) -> Result<Self, BoxError> {
        Ok(self.clone())
    }
}

/// Any credentials behind one type.
#[derive(Clone)]
pub(super) struct SharedAuthorize(Arc<dyn Erased>);

type Making<'a> = Pin<Box<dyn Future<Output = Result<HeaderMap, BoxError>> + Send + 'a>>;

trait Erased: Send + Sync {
    fn headers_boxed<'a>(&'a self, endpoint: Endpoint, uri: &'a Uri) -> Making<'a>;
}

impl<A: Authorize> Erased for A {
    fn headers_boxed<'a>(&'a self, endpoint: Endpoint, uri: &'a Uri) -> Making<'a> {
        Box::pin(self.headers(endpoint, uri))
    }
}

impl SharedAuthorize {
    pub(super) fn new(authorize: impl Authorize) -> Self {
        Self(Arc::new(authorize))
    }

    pub(super) async fn headers(
        &self,
        endpoint: Endpoint,
        uri: &Uri,
    ) -> Result<HeaderMap, BoxError> {
        self.0.headers_boxed(endpoint, uri).await
    }
}

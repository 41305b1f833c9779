use std::sync::Arc;

use http::{Extensions, Uri};
use tower_layer::Layer;

use super::Gate;
use crate::checkout::{Policy, Pricing};
use crate::scheme::Offer;

/// Puts a price on a service. Made by [`X402::price`](crate::X402::price) and [`X402::route`](crate::X402::route).
#[derive(Clone, Debug)]
pub struct GateLayer {
    policy: Arc<Policy>,
    original_uri: OriginalUri,
}

/// Finds the URI that the client asked for among the extensions of a request.
pub(super) type OriginalUri = for<'a> fn(&'a Extensions) -> Option<&'a Uri>;

impl GateLayer {
    pub(crate) fn new(policy: Arc<Policy>) -> Self {
        Self {
            policy,
            original_uri: |_| None,
        }
    }

    pub(super) const fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// Says where to find the URI that the client asked for, under routers that take off a prefix before they hand a
    /// request on. Without it, or where it finds nothing, the URI of the request is taken.
    ///
    /// ```
    /// use std::convert::Infallible;
    ///
    /// use http::{Request, Response, Uri};
    /// use tower::{ServiceBuilder, ServiceExt as _};
    /// use x402_tower::X402;
    /// use x402_tower::gate::RequestBody;
    /// use x402_tower::proto::{header, v2};
    ///
    /// /// What a router leaves with a request that it takes something off.
    /// #[derive(Clone)]
    /// struct Whole(Uri);
    ///
    /// async fn weather(_: Request<RequestBody<String>>) -> Result<Response<String>, Infallible> {
    ///     Ok(Response::new("sunny".to_owned()))
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let x402 = X402::local().public_url("https://example.com").build()?;
    /// let price = x402.price("$0.01")?.original_uri(|all| all.get().map(|Whole(uri)| uri));
    /// let service = ServiceBuilder::new().layer(price).service_fn(weather);
    ///
    /// let mut request = Request::get("/weather").body(String::new())?;
    /// request.extensions_mut().insert(Whole(Uri::from_static("/api/weather")));
    /// let response = service.oneshot(request).await?;
    /// let challenge = response.headers()[header::PAYMENT_REQUIRED].as_bytes();
    /// let challenge: v2::PaymentRequired = header::decode(challenge, header::DEFAULT_LIMIT)?;
    /// assert_eq!(challenge.resource.url, "https://example.com/api/weather");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn original_uri(mut self, find: for<'a> fn(&'a Extensions) -> Option<&'a Uri>) -> Self {
        self.original_uri = find;
        self
    }

    /// All the ways to pay that it asks for, those that wait for the facilitator among them, and those that version 1
    /// cannot say. None if the price depends on the request.
    ///
    /// ```
    /// use x402_tower::X402;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), x402_tower::ConfigError> {
    /// let x402 = X402::local().build()?;
    /// let layer = x402.price("$0.01")?;
    /// let [offer] = layer.offers() else { panic!("one network, one token") };
    /// assert_eq!(offer.to_string(), "0.01 USDC on eip155:84532");
    /// # Ok(())
    /// # }
    /// ```
    pub fn offers(&self) -> &[Arc<Offer>] {
        match &self.policy.pricing {
            Pricing::Fixed(terms) => terms.offers(),
            Pricing::Dynamic(_) => &[],
        }
    }

    /// Whether challenges have a body that clients of version 1 can read.
    #[cfg(feature = "utoipa")]
    pub(crate) fn is_sayable_in_v1(&self) -> bool {
        match &self.policy.pricing {
            Pricing::Fixed(terms) => terms.now().offers.iter().any(|offer| offer.v1.is_some()),
            Pricing::Dynamic(_) => self.policy.listing.v1,
        }
    }
}

impl<S> Layer<S> for GateLayer {
    type Service = Gate<S>;

    fn layer(&self, inner: S) -> Gate<S> {
        Gate::new(inner, Arc::clone(&self.policy), self.original_uri)
    }
}

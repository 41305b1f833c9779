use std::future::Future;
use std::ops::Deref;

use x402_tower::price::{Accept, IntoQuote, RequestHead};

use crate::{ConfigError, Paid};

/// Sets up a seller.
pub type Builder = x402_tower::Builder<X402>;

/// Everything that can be said about a route.
pub type RouteBuilder = x402_tower::RouteBuilder<Paid>;

/// A seller: everything that their routes share. Cheap to clone.
///
/// Build it once, before the `HttpServer`, and clone it into the workers: settlements belong to the runtime in which it was
/// built, and survive the workers.
#[derive(Clone, Debug)]
pub struct X402(x402_tower::X402);

impl X402 {
    /// Sets up a seller.
    pub fn builder() -> Builder {
        x402_tower::X402::builder().face()
    }

    /// Sets up a seller who is paid in play money by a [facilitator in the process](crate::local::LocalFacilitator), on
    /// Base Sepolia, into nobody's account. Anything can be said otherwise before it is built.
    #[cfg(feature = "local")]
    pub fn local() -> Builder {
        x402_tower::X402::local().face()
    }

    /// A middleware that asks this price: dollars (`"$0.01"`) or a token (`"0.5 USDT"`), on every network that the
    /// seller is paid on.
    ///
    /// # Errors
    ///
    /// If the price is none, is free, or cannot be said or paid on one of the networks.
    pub fn price(&self, price: impl Into<Accept>) -> Result<Paid, ConfigError> {
        self.0.price(price).map(Paid::from)
    }

    /// A middleware that asks what a function says, which gets the head of the request, owned.
    ///
    /// # Errors
    ///
    /// If the seller is not paid anywhere.
    pub fn price_with<F, Fut>(&self, price: F) -> Result<Paid, ConfigError>
    where
        F: Fn(RequestHead) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoQuote> + Send + 'static,
    {
        self.0.price_with(price).map(Paid::from)
    }

    /// A route with this price, and everything else that can be said about one.
    pub fn route(&self, price: impl Into<Accept>) -> RouteBuilder {
        self.0.route(price).face()
    }

    /// A route that asks what a function says, and everything else that can be said about one.
    pub fn route_with<F, Fut>(&self, price: F) -> RouteBuilder
    where
        F: Fn(RequestHead) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoQuote> + Send + 'static,
    {
        self.0.route_with(price).face()
    }
}

impl From<x402_tower::X402> for X402 {
    fn from(x402: x402_tower::X402) -> Self {
        Self(x402)
    }
}

impl Deref for X402 {
    type Target = x402_tower::X402;

    fn deref(&self) -> &x402_tower::X402 {
        &self.0
    }
}

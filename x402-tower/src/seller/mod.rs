//! What a seller writes: who is paid, by whose word, and what things cost.

mod builder;
mod declared;
mod environment;
mod error;
mod origin;
mod route;

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::timeout;
use crate::gate::GateLayer;
use crate::price::{Accept, IntoQuote, RequestHead};
use crate::scheme::UPTO;
use crate::settlement::{self, Drained};
use crate::till::Till;

use self::declared::Declared;

pub use self::builder::Builder;
pub use self::declared::{Declaration, Priced};
pub use self::error::ConfigError;
pub use self::route::RouteBuilder;

/// A seller whose prices are layers for any tower stack.
pub type X402 = Seller<GateLayer>;

/// A seller: everything that their routes share. Cheap to clone.
///
/// `L` is what a price is in the framework at hand; each has a name for its own, such as [`X402`].
pub struct Seller<L> {
    till: Arc<Till>,
    declared: Arc<Declared>,
    layer: PhantomData<fn() -> L>,
}

impl<L: From<GateLayer>> Seller<L> {
    /// Sets up a seller.
    pub fn builder() -> Builder<L> {
        Builder::new()
    }

    /// Sets up a seller who is paid in play money by a [facilitator in the process](crate::local::LocalFacilitator), on
    /// Base Sepolia, into nobody's account. Anything can be said otherwise before it is built: with a
    /// [`Builder::pay_to`] of one's own, one is paid there and nowhere else. Play money buys nothing on networks where
    /// money is real: who is paid there has to say a [`Builder::facilitator`], too.
    ///
    /// ```
    /// use x402_tower::X402;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), x402_tower::ConfigError> {
    /// let x402 = X402::local().build()?;
    /// let layer = x402.price("$0.01")?;
    /// # drop(layer);
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "local")]
    pub fn local() -> Builder<L> {
        let nobody = "0x000000000000000000000000000000000000dEaD";
        Builder::new()
            .stand_in(
                crate::local::LocalFacilitator::new(),
                "base-sepolia",
                nobody,
            )
            .trust_host(false)
    }

    /// A layer that asks this price: dollars (`"$0.01"`) or a token (`"0.5 USDT"`), on every network that the seller is
    /// paid on.
    ///
    /// # Errors
    ///
    /// If the price is none, is free, or cannot be said or paid on one of the networks.
    pub fn price(&self, price: impl Into<Accept>) -> Result<L, ConfigError> {
        self.route(price).build()
    }

    /// A layer that asks up to this price. How much of it is charged is said while the request is served, by the
    /// [`Meter`](crate::Meter) in its extensions; who says nothing is paid all of it.
    ///
    /// A buyer signs for one account of the facilitator. Until the facilitator was heard there is none to name, and a route
    /// that accepts nothing else answers 503. See [`wait_for_facilitator`](Self::wait_for_facilitator).
    ///
    /// ```
    /// use std::convert::Infallible;
    ///
    /// use http::{Request, Response, StatusCode};
    /// use tower::{ServiceBuilder, ServiceExt as _};
    /// use x402_tower::gate::RequestBody;
    /// use x402_tower::{Meter, X402};
    ///
    /// async fn count(request: Request<RequestBody<String>>) -> Result<Response<String>, Infallible> {
    ///     let meter = request.extensions().get::<Meter>().cloned();
    ///     let words = request.uri().query().unwrap_or_default().split('+').count();
    ///     let counted = meter.map(|meter| meter.add_times(words as u64, "$0.0005"));
    ///     // Too many words are refused, and an answer that is an error costs nothing.
    ///     let mut response = Response::new(format!("{words} words"));
    ///     if let Some(Err(_)) = counted {
    ///         *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
    ///     }
    ///     Ok(response)
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let x402 = X402::local().build()?;
    /// let service = ServiceBuilder::new().layer(x402.upto("$0.05")?).service_fn(count);
    /// # let response = service.oneshot(Request::new(String::new())).await?;
    /// # assert!(response.status().is_client_error() || response.status().is_server_error());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Like [`X402::price`], and if it cannot be paid by the scheme `upto` on one of the networks.
    pub fn upto(&self, price: impl Into<Accept>) -> Result<L, ConfigError> {
        self.route(price.into().scheme(UPTO)).build()
    }

    /// A layer that asks what a function says.
    ///
    /// The function gets the head of the request, owned, and says a price in any form, several of them, or that this
    /// request is free. If it fails, the request is answered 500 and not served. It may take as long as the facilitator may
    /// take to verify (see [`Builder::facilitator_timeouts`]), and is given up then: the request is answered 503.
    ///
    /// ```
    /// use x402_tower::X402;
    /// use x402_tower::price::{Accept, Quote, RequestHead};
    ///
    /// async fn price(head: RequestHead) -> Quote {
    ///     match head.query_parameter("size").as_deref() {
    ///         None => Quote::free(),
    ///         Some("large") => Quote::any(["$0.10"]),
    ///         Some(_) => {
    ///             Quote::any([Accept::new("$0.01"), Accept::new("0.01 USDT").network("celo")])
    ///         }
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), x402_tower::ConfigError> {
    /// let x402 = X402::local().build()?;
    /// let layer = x402.price_with(price)?;
    /// // Where there is but one price, it is enough by itself.
    /// let other = x402.price_with(async |_: RequestHead| "$0.01")?;
    /// # drop((layer, other));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// None as things are: what the function says is looked at when it says it. A price that cannot be paid is answered 500
    /// then, with a line in the log.
    pub fn price_with<F, Fut>(&self, price: F) -> Result<L, ConfigError>
    where
        F: Fn(RequestHead) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoQuote> + Send + 'static,
    {
        self.route_with(price).build()
    }

    /// A route with this price, and everything else that can be said about one.
    pub fn route(&self, price: impl Into<Accept>) -> RouteBuilder<L> {
        RouteBuilder::fixed(Arc::clone(&self.till), price.into())
    }

    /// A route that asks what a function says, and everything else that can be said about one.
    pub fn route_with<F, Fut>(&self, price: F) -> RouteBuilder<L>
    where
        F: Fn(RequestHead) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoQuote> + Send + 'static,
    {
        RouteBuilder::dynamic(Arc::clone(&self.till), price)
    }

    /// Waits until the facilitator has said what it supports, for this long at the most. Says whether it has.
    ///
    /// A server need not wait, and does not by itself: it starts while its facilitator is down, and asks for what it can
    /// ask for. This is for those who would rather notice, and for tests of prices that need to hear something first.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use http::{Request, StatusCode};
    /// use tower::{ServiceBuilder, ServiceExt as _};
    /// use x402_tower::X402;
    /// # async fn translate(_: Request<x402_tower::gate::RequestBody<String>>)
    /// # -> Result<http::Response<String>, std::convert::Infallible> {
    /// #     Ok(http::Response::new(String::new()))
    /// # }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let x402 = X402::local().build()?;
    /// assert!(x402.wait_for_facilitator(Duration::from_secs(5)).await);
    /// let service = ServiceBuilder::new().layer(x402.upto("$0.05")?).service_fn(translate);
    /// let response = service.oneshot(Request::new(String::new())).await?;
    /// assert_eq!(response.status(), StatusCode::PAYMENT_REQUIRED);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn wait_for_facilitator(&self, within: Duration) -> bool {
        let till = &self.till;
        timeout(&*till.clock, within, till.supported.wait())
            .await
            .is_ok()
    }

    /// Takes no more payments, and waits for those that are on their way. Call it when the server has stopped.
    pub async fn drain(&self, within: Duration) -> Drained {
        settlement::drain(&self.till, within).await
    }
}

impl<L> Seller<L> {
    /// The same seller, for another framework.
    pub fn with_layer<M>(&self) -> Seller<M> {
        Seller {
            till: Arc::clone(&self.till),
            declared: Arc::clone(&self.declared),
            layer: PhantomData,
        }
    }
}

impl<L> Clone for Seller<L> {
    fn clone(&self) -> Self {
        self.with_layer()
    }
}

impl<L> fmt::Debug for Seller<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seller").field("till", &self.till).finish()
    }
}

//! Paid routes for [axum], with x402.
//!
//! ```
//! use axum::Router;
//! use axum::body::Body;
//! use axum::http::{Request, StatusCode};
//! use axum::routing::get;
//! use tower::ServiceExt as _;
//! use x402_axum::{Payment, RouterExt as _, X402};
//!
//! /// Runs for requests whose payment is good, and for no others.
//! async fn weather(payment: Payment) -> String {
//!     format!("Sunny, 24 °C. Thank you, {}!", payment.payer())
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Play money, moved by a facilitator in the process. For real money, see `X402::builder`.
//! let x402 = X402::local().build()?;
//! let app: Router = Router::new()
//!     .route("/weather", get(weather))
//!     .paid(x402.price("$0.01")?)
//!     .route("/free", get(async || "tea"));
//!
//! let request = Request::builder().uri("/weather").body(Body::empty())?;
//! let response = app.oneshot(request).await?;
//! assert_eq!(response.status(), StatusCode::PAYMENT_REQUIRED);
//! # Ok(())
//! # }
//! ```
//!
//! # Handlers
//!
//! `#[paid("$0.01")]` puts a price on a handler, and whatever can be known to be wrong with it is an error when compiling.
//! See [`paid`]. It is the cheapest way to sell something, and reads nothing of a request that is not paid for.
//!
//! # Layers
//!
//! [`X402::price`] and [`X402::route`] make a [`Paid`]: a layer for a handler, a [`MethodRouter`](axum::routing::MethodRouter)
//! or a [`Router`](axum::Router). Prefer `route_layer` to `layer` on routers, or [`RouterExt::paid`], which is the same:
//! what is not found, or not allowed, then stays free. The layer may be anywhere below `nest`: what is sold is named
//! by the URL that the client asked for.
//!
//! # Extractors
//!
//! [`Payment`] is who paid, and how much. `Option<Payment>` is for routes that are free at times. [`Receipt`] is there if
//! the money has moved before the handler runs, and [`Meter`] if the price is only a limit.
//!
//! # More
//!
//! Everything else is in the engine, which this crate shows again: [`x402_tower`].

#![cfg_attr(docsrs, feature(doc_cfg))]

mod body;
mod extract;
mod layer;
mod log;
mod paid;
mod service;
mod state;

#[cfg(any(feature = "reqwest", feature = "hyper"))]
pub use x402_tower::facilitator::HttpFacilitator;
#[cfg(feature = "local")]
pub use x402_tower::local;
#[cfg(feature = "utoipa")]
pub use x402_tower::openapi;
#[cfg(feature = "testing")]
pub use x402_tower::testing;
pub use x402_tower::{
    AnswerHead, ConfigError, Declaration, MeterError, Priced, Settle, Usage, clock, cors,
    facilitator, ledger, money, price, proto, scheme, settlement, telemetry,
};

/// Puts a price on a handler.
///
/// ```
/// use axum::body::Body;
/// use axum::extract::Path;
/// use axum::http::{Request, StatusCode};
/// use axum::routing::get;
/// use axum::Router;
/// use tower::ServiceExt as _;
/// use x402_axum::testing::TestPayment;
/// use x402_axum::{Payment, X402, paid};
///
/// #[paid("$0.01", description = "Today's weather")]
/// async fn weather(payment: Payment, Path(place): Path<String>) -> String {
///     format!("It is sunny in {place}, {}.", payment.payer())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let x402 = X402::local().priced([&weather]).build()?;
/// let app = Router::new().route("/weather/{place}", get(weather)).with_state(x402);
///
/// let request = Request::builder().uri("/weather/Lisbon").body(Body::empty())?;
/// let response = app.oneshot(request).await?;
/// assert_eq!(response.status(), StatusCode::PAYMENT_REQUIRED);
///
/// // In tests it is still a function: that is in the feature `testing`.
/// let payment = Payment::from(TestPayment::new().build());
/// let text = weather(payment, Path("Lisbon".to_owned())).await;
/// assert!(text.starts_with("It is sunny in Lisbon"));
/// # Ok(())
/// # }
/// ```
///
/// The router has to have a state that gives an [`X402`]; see [`HasX402`]. Nothing of a request is read before it is
/// paid for: extractors run when it is.
///
#[cfg(feature = "macros")]
pub use x402_macros::paid_axum as paid;
/// The text of a price, looked at when compiling, for places that are not attributes.
///
/// ```
/// use x402_axum::{X402, price};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), x402_axum::ConfigError> {
/// let x402 = X402::local().build()?;
/// let paid = x402.price(price!("$0.01"))?;
/// # drop(paid);
/// # Ok(())
/// # }
/// ```
#[cfg(feature = "macros")]
pub use x402_macros::price;

pub use self::extract::{Meter, NotMetered, NotPaid, NotSettled, Payment, Receipt};
pub use self::layer::{Paid, RouterExt};
pub use self::service::{PaidService, ResponseFuture};
pub use self::state::HasX402;

/// A seller: everything that their routes share. Cheap to clone, and made to be the state of a router.
pub type X402 = x402_tower::Seller<Paid>;

/// Sets up a seller.
pub type Builder = x402_tower::Builder<Paid>;

/// Everything that can be said about a route.
pub type RouteBuilder = x402_tower::RouteBuilder<Paid>;

/// What makes handlers callable like functions. Only tests have that: whatever else calls one gives away what it sells.
#[cfg(feature = "testing")]
#[doc(hidden)]
#[macro_export]
macro_rules! __callable {
    ($($items:tt)*) => { $($items)* };
}

/// Nothing: a handler is called through its price.
#[cfg(not(feature = "testing"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __callable {
    ($($items:tt)*) => {};
}

/// What attributes expand to. Not for anybody else.
#[doc(hidden)]
pub mod __private {
    pub use axum;

    pub use crate::__callable as callable;
    pub use crate::paid::{Function, PaidFuture, call};
    pub use crate::state::Shared;
}

#[cfg(all(
    doctest,
    feature = "macros",
    any(feature = "reqwest", feature = "hyper")
))]
mod documents {
    #[doc = include_str!("../../README.md")]
    struct Readme;

    #[doc = include_str!("../README.md")]
    struct Guide;

    #[doc = include_str!("../../MIGRATING.md")]
    struct Migrating;
}

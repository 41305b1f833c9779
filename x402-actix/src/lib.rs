//! Paid routes for [actix-web](actix_web), with x402.
//!
//! ```
//! use actix_web::http::StatusCode;
//! use actix_web::test::{TestRequest, call_service, init_service};
//! use actix_web::{App, web};
//! use x402_actix::{Payment, X402};
//!
//! /// Runs for requests whose payment is good, and for no others.
//! async fn weather(payment: Payment) -> String {
//!     format!("Sunny, 24 °C. Thank you, {}!", payment.payer())
//! }
//!
//! # #[actix_web::main]
//! # async fn main() -> Result<(), x402_actix::ConfigError> {
//! // Play money, moved by a facilitator in the process. For real money, see `X402::builder`.
//! let x402 = X402::local().build()?;
//! let price = x402.price("$0.01")?;
//! let app = App::new()
//!     .service(web::resource("/weather").wrap(price).get(weather))
//!     .route("/free", web::get().to(async || "tea"));
//!
//! let app = init_service(app).await;
//! let response = call_service(&app, TestRequest::get().uri("/weather").to_request()).await;
//! assert_eq!(response.status(), StatusCode::PAYMENT_REQUIRED);
//! # Ok(())
//! # }
//! ```
//!
//! # Handlers
//!
//! `#[paid("$0.01")]` puts a price on a handler, and whatever can be known to be wrong with it is an error when compiling.
//! See [`paid`].
//!
//! # Prices
//!
//! [`X402::price`] and [`X402::route`] make a [`Paid`]: a middleware for a route, a resource, a scope or an app, and for the
//! `wrap` of a route attribute. What it is wrapped around is sold as a whole, what is not found there included: that costs
//! nothing, but payment is asked for first. So wrap routes and resources rather than scopes. On a route the price comes last,
//! `web::get().to(handler).wrap(price)`: actix panics otherwise, since the handler would take its place.
//!
//! What is sold is named by the URL that the client asked for, in whatever scope; under
//! [`NormalizePath`](actix_web::middleware::NormalizePath) by the tidy one. Wrap `Cors` around prices, with the
//! [headers](cors) that paying pages use.
//!
//! # Servers
//!
//! Build the seller once, before the server, and clone it into the workers. They share one ledger and one facilitator, and
//! what has to outlive them runs where the seller was built. When the server has stopped, wait for it:
//!
//! ```
//! use std::time::Duration;
//!
//! use actix_web::{App, HttpServer, web};
//! use x402_actix::X402;
//!
//! #[actix_web::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let x402 = X402::local().build()?;
//!     let price = x402.price("$0.01")?;
//!     let app = move || {
//!         let weather = web::resource("/weather").wrap(price.clone());
//!         App::new().service(weather.get(async || "Sunny, 24 °C."))
//!     };
//!     let server = HttpServer::new(app).bind("127.0.0.1:0")?.run();
//!     # actix_web::rt::spawn(server.handle().stop(true)); // as a signal would
//!     server.await?;
//!     let drained = x402.drain(Duration::from_secs(30)).await;
//!     assert!(drained.is_clean());
//!     Ok(())
//! }
//! ```
//!
//! # Extractors
//!
//! [`Payment`] is who paid, and how much. `Option<Payment>` is for routes that are free at times. [`Receipt`] is there if
//! the money has moved before the handler runs. [`Meter`] says how much of a limit ([`X402::upto`]) is charged.
//!
//! # What is different in actix
//!
//! * An error that an inner middleware returns goes through to the outer ones as it is, and gives the payment back. If it is
//!   an error in name only, with the `status_code` of a redirect or a success, it is sold like any other answer.
//! * A middleware around a price must not keep a clone of the `HttpRequest` while it calls on: actix panics then, as it
//!   does in scopes. The connection ends, and the payment is given back.
//! * A client that closes its side of an HTTP/1 connection is not gone for actix, unless
//!   [`HttpServer::h1_allow_half_closed`](actix_web::HttpServer::h1_allow_half_closed) says so. Until then its handler
//!   works on, and is paid. One that leaves over HTTP/2 is not looked out for at all. Who has paid and left can have the
//!   answer later, by asking again.
//! * There are no upgrades over HTTP/2. A handler that answers with one all the same is not paid.
//! * A handler that has a price of its own, by an attribute, shares its request with actix, whose headers cannot be changed
//!   any more. It finds its own payment there if it is routed by hand, with `web::get().to(…)`. It should not pass that on.
//!   Where the attribute stands above a route attribute, the payment has been taken out.
//! * There are no trailers.
//! * `Expect: 100-continue` is answered by actix, before any price is asked. A body that nobody pays for is sent then, for
//!   nothing.
//! * [`RequestHead::extensions`](price::RequestHead::extensions) is empty: those of actix belong to one worker.
//!
//! # More
//!
//! Everything else is in the engine, which this crate shows again: [`x402_tower`].

#![cfg_attr(docsrs, feature(doc_cfg))]

mod brought;
mod extract;
pub mod gate;
mod handler;
mod log;
mod paid;
mod strip;

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
/// use actix_web::http::StatusCode;
/// use actix_web::test::{TestRequest, call_service, init_service};
/// use actix_web::{App, get, web};
/// use x402_actix::{X402, paid};
///
/// #[paid("$0.01", description = "Today's weather")]
/// #[get("/weather/{place}")]
/// async fn weather(place: web::Path<String>) -> String {
///     format!("It is sunny in {place}.")
/// }
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), x402_actix::ConfigError> {
/// let x402 = X402::local().priced([&weather]).build()?;
/// let app = App::new().app_data(web::Data::new(x402)).service(weather);
///
/// let app = init_service(app).await;
/// let response = call_service(&app, TestRequest::get().uri("/weather/Lisbon").to_request()).await;
/// assert_eq!(response.status(), StatusCode::PAYMENT_REQUIRED);
/// # Ok(())
/// # }
/// ```
///
/// The app has to have an [`X402`] in its data, as itself or as `web::Data`; that of a scope goes before that of its app if
/// both are in the same form. Without one, or with one in each form, every request is answered 500.
/// Nothing of a request is read before it is paid for: extractors run when it is.
///
/// It works above and below route attributes, and without any, by `web::get().to(weather)`. **Above** them is better, by
/// their own names: only there the payment is taken out of the headers before the handler sees them. [`Builder::priced`]
/// and OpenAPI documents see the price wherever it stands. Behind a route attribute a handler cannot be called like a
/// function in tests, with a price or without.
///
#[cfg(feature = "macros")]
pub use x402_macros::paid_actix as paid;
/// The text of a price, looked at when compiling, for places that are not attributes.
///
/// ```
/// use x402_actix::{X402, price};
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), x402_actix::ConfigError> {
/// let x402 = X402::local().build()?;
/// let paid = x402.price(price!("$0.01"))?;
/// # drop(paid);
/// # Ok(())
/// # }
/// ```
#[cfg(feature = "macros")]
pub use x402_macros::price;

pub use self::extract::{Meter, NotMetered, NotPaid, NotSettled, Payment, Receipt};
pub use self::paid::Paid;

/// A seller: everything that their routes share. Cheap to clone.
///
/// Build it once, before the `HttpServer`, and clone it into the workers: settlements belong to the runtime in which it was
/// built, and survive the workers.
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
    pub use actix_web;

    pub use crate::__callable as callable;
    pub use crate::handler::{Answer, Called, Function, Gated, PaidFuture, call};
    pub use crate::strip::strip;
}

#[cfg(all(doctest, feature = "macros"))]
#[doc = include_str!("../README.md")]
struct Guide;

//! Payments for HTTP services with x402: the engine, and a [layer](gate) for any tower stack.
//!
//! A seller sets up an [`X402`] once, and puts a price in front of a service. An unpaid request is answered
//! `402 Payment Required` with what it costs. A request with a signed payment is checked through a
//! [facilitator], reaches the service, is settled, and is answered with a receipt.
//!
//! ```
//! use std::convert::Infallible;
//!
//! use http::{Request, Response, StatusCode};
//! use tower::{Service as _, ServiceBuilder, ServiceExt as _};
//! use x402_tower::gate::RequestBody;
//! use x402_tower::local::{LocalFacilitator, Wallet};
//! use x402_tower::proto::{header, v2};
//! use x402_tower::{Payment, X402};
//!
//! async fn weather(request: Request<RequestBody<String>>) -> Result<Response<String>, Infallible> {
//!     let payment = request.extensions().get::<Payment>();
//!     assert!(payment.is_some(), "nobody gets here without one");
//!     Ok(Response::new("sunny".to_owned()))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Play money, moved by a facilitator in the process. For real money, see `X402::builder`.
//! let facilitator = LocalFacilitator::new();
//! let x402 = X402::local()
//!     .facilitator(facilitator.clone())
//!     .public_url("https://api.example.com")
//!     .build()?;
//! let mut service = ServiceBuilder::new()
//!     .layer(x402.price("$0.01")?)
//!     .service_fn(weather);
//!
//! // Without a payment there is a challenge.
//! let response = service.ready().await?.call(Request::new(String::new())).await?;
//! assert_eq!(response.status(), StatusCode::PAYMENT_REQUIRED);
//! let challenge = response.headers()[header::PAYMENT_REQUIRED].as_bytes();
//! let challenge: v2::PaymentRequired = header::decode(challenge, header::DEFAULT_LIMIT)?;
//! let offer = challenge.accepts[0].clone();
//! assert_eq!(offer.amount.to_string(), "10000");
//!
//! // A buyer signs what is offered, and asks again.
//! # use x402_tower::clock::{Clock as _, SystemClock};
//! let payload = Wallet::random()?.sign(&offer, SystemClock.now())?;
//! let payment = header::encode(&v2::PaymentPayload::new(offer, payload))?;
//! let request = Request::builder()
//!     .header(header::PAYMENT_SIGNATURE, payment)
//!     .body(String::new())?;
//! let response = service.ready().await?.call(request).await?;
//! assert_eq!(response.status(), StatusCode::OK);
//! assert!(response.headers().contains_key(header::PAYMENT_RESPONSE));
//! assert_eq!(facilitator.transfers().len(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! # Where to go from here
//!
//! * [`X402`] is the seller: [`X402::builder`] says who is paid, where, and through whom.
//! * [`X402::price`] and [`X402::price_with`] are layers with a fixed price and with one that depends on the request;
//!   [`X402::route`] says everything else about a route: several options, when to settle, what is free.
//! * [`X402::upto`] is a layer with a limit: the service says with a [`Meter`] how much of it is charged.
//! * [`Payment`] is what the service finds in the extensions of a request.
//! * [`facilitator`] is about who is asked; [`ledger`] about where payments are written down; [`local`] about developing
//!   without a network; [`cors`] about pages in browsers; [`telemetry`] about being told.
//!
//! # Features
//!
//! `reqwest` and `tracing` are on by default: facilitators over HTTP, and logs. `hyper` has a leaner HTTP client, `local`
//! a facilitator in the process, `testing` what tests need, `utoipa` prices in OpenAPI documents. Features add, and never alter.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod checkout;
pub mod clock;
pub mod cors;
mod digest;
pub mod facilitator;
pub mod gate;
mod hex;
mod home;
pub mod ledger;
#[cfg(feature = "local")]
pub mod local;
mod lock;
mod log;
#[cfg(feature = "utoipa")]
pub mod openapi;
mod panics;
mod pieces;
pub mod price;
pub mod proto;
mod redacted;
pub mod scheme;
mod seller;
pub mod settlement;
mod spread;
mod tasks;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
mod till;

pub use x402_money as money;

pub use self::checkout::{AnswerHead, Meter, MeterError, Payment, Settle, Usage};
pub use self::digest::Digest;
pub use self::seller::{Builder, ConfigError, Declaration, Priced, RouteBuilder, Seller, X402};

#[cfg(all(doctest, any(feature = "reqwest", feature = "hyper")))]
#[doc = include_str!("../README.md")]
struct Guide;

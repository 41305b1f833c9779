//! One behaviour suite for every framework.
//!
//! A behaviour is an async function over an [`App`], the thin thing that says how a framework serves routes. The list of
//! all behaviours is [`behaviours!`]; each framework's test file has one line.
//!
//! Everything is real but time: HTTP over sockets, signatures, the ledger. Time stands still until a test moves it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "these are tests"
)]

mod app;
/// Wallets, challenges and requests.
pub mod buyer;
mod client;
mod kitchen;
/// Sellers.
pub mod shop;
mod spy;
pub mod suite;

pub use self::app::{
    App, BoxError, Handler, Route, Running, Stop, TestBody, body, handler, pieces,
};
pub use self::buyer::{Buyer, Challenge};
pub use self::client::{Answer, Connection, send, send_http2, send_raw, try_send};
pub use self::kitchen::Kitchen;
pub use self::shop::{Shop, ShopBuilder, Wire};
pub use self::spy::{Spy, Verb};

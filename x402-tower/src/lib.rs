//! x402

mod checkout;
pub mod clock;
pub mod cors;
mod digest;
pub mod facilitator;
pub mod gate;
mod home;
pub mod ledger;
#[cfg(feature = "local")]
pub mod local;
mod log;
pub mod price;
pub mod proto;
mod redacted;
pub mod scheme;
mod seller;
pub mod settlement;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
mod till;

pub use x402_money as money;

pub use self::checkout::{AnswerHead, Payment, Reply, Settle};
pub use self::digest::Digest;
pub use self::seller::{Builder, ConfigError, RouteBuilder, X402};

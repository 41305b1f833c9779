//! x402

pub mod clock;
mod digest;
pub mod facilitator;
pub mod ledger;
mod log;
pub mod price;
pub mod proto;
pub mod scheme;
pub use self::digest::Digest;
pub use x402_money as money;

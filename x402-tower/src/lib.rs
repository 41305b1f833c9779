//! x402

mod digest;
pub mod facilitator;
pub mod proto;
pub mod scheme;
pub use self::digest::Digest;
pub use x402_money as money;

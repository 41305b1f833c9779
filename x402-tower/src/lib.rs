//! x402

mod digest;
pub mod proto;
pub mod scheme;
pub use self::digest::Digest;
pub use x402_money as money;

//! x402

pub mod proto;
pub use x402_money as money;

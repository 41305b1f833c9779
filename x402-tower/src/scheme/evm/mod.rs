//! The schemes of EVM chains. They differ in what is charged, and share how it is signed.

mod eip3009;
mod exact;
mod payload;
mod permit2;
mod reasons;
mod text;
mod upto;

pub use self::exact::ExactEvm;
pub use self::permit2::{PERMIT2, PERMIT2_EXACT_PROXY, PERMIT2_UPTO_PROXY};
pub(crate) use self::upto::UPTO;
pub use self::upto::UptoEvm;

//! A facilitator in the process, for development and for tests: real signatures, play money, no network.

mod chain;
mod eip712;
mod facilitator;
mod fault;
mod http;
mod payment;
mod signature;
mod wallet;

pub use self::chain::LocalTransfer;
pub use self::facilitator::{Calls, LocalFacilitator};
pub use self::fault::Fault;
pub use self::wallet::{Wallet, WalletError};

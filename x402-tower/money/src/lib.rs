//! Exact prices, amounts, networks, tokens and addresses for x402 payments.
//!
//! This is the leaf that everything about money stands on. It has no dependencies (`serde` is optional), does no input or
//! output, and knows no floating-point number.
//!
//! ```
//! use x402_money::{Network, Price, Registry};
//!
//! let registry = Registry::new();
//! let network = registry.network("base-sepolia")?;
//! let price: Price = "$0.01".parse()?;
//! let asset = registry.dollar(&network).ok_or("no dollar there")?;
//!
//! assert_eq!(asset.symbol, "USDC");
//! assert_eq!(price.amount(&asset)?.to_string(), "10000");
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

mod address;
mod amount;
mod asset;
mod base58;
pub mod hash;
mod money;
mod network;
mod price;
#[cfg(feature = "serde")]
mod serde;

pub use self::address::{Address, AddressError};
pub use self::amount::{Amount, AmountError};
pub use self::asset::{Asset, Eip712, Registry, RegistryError, Transfer};
pub use self::money::{Money, MoneyError};
pub use self::network::{Network, NetworkError};
pub use self::price::{Price, PriceError, Unit};

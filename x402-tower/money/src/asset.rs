mod known;
mod registry;

use std::borrow::Cow;

pub use self::registry::{Registry, RegistryError};
use crate::{Address, Network};

/// A token on a network: what it is called, where it lives, how finely it divides, and how it is moved.
///
/// The tokens that x402 clients know are in every [`Registry`]. Any other is described once and registered:
///
/// ```
/// use x402_money::{Address, Asset, Network, Registry, Transfer};
///
/// let network = Network::evm(31_337);
/// let address = Address::parse(&network, "0x036CbD53842c5426634e7929541eC2318f3dCF7e")?;
/// let token = Asset::new(network.clone(), "TEST", address, 6, Transfer::Eip3009)
///     .with_eip712("Test Dollar", "1");
///
/// let mut registry = Registry::new();
/// registry.register(token)?;
/// assert_eq!(registry.find(&network, "test").unwrap().decimals, 6);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Asset {
    /// Where the token lives.
    pub network: Network,
    /// The ticker, such as `USDC`.
    pub symbol: Cow<'static, str>,
    /// The contract or mint.
    pub address: Address,
    /// How many decimal digits one token divides into.
    pub decimals: u8,
    /// How the token is moved.
    pub transfer: Transfer,
    /// What the token calls itself in signed typed data, where it has a domain of its own.
    pub eip712: Option<Eip712>,
}

impl Asset {
    /// A token. Say its EIP-712 domain as well ([`Asset::with_eip712`]) where transfers are signed for the token itself.
    pub fn new(
        network: Network,
        symbol: impl Into<Cow<'static, str>>,
        address: Address,
        decimals: u8,
        transfer: Transfer,
    ) -> Self {
        Self {
            network,
            symbol: symbol.into(),
            address,
            decimals,
            transfer,
            eip712: None,
        }
    }

    /// The name and version of the token's EIP-712 domain, exactly as its contract has them.
    #[must_use]
    pub fn with_eip712(
        mut self,
        name: impl Into<Cow<'static, str>>,
        version: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.eip712 = Some(Eip712 {
            name: name.into(),
            version: version.into(),
        });
        self
    }
}

/// The two parts of a token's EIP-712 domain that are not its address and network.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Eip712 {
    /// `name` of the domain.
    pub name: Cow<'static, str>,
    /// `version` of the domain.
    pub version: Cow<'static, str>,
}

/// How a token is moved on behalf of its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Transfer {
    /// `transferWithAuthorization` of the token itself (EIP-3009).
    Eip3009,
    /// The Permit2 contract, which the owner has to allow once.
    Permit2 {
        /// Whether the owner can allow it by a signature (EIP-2612), without paying for a transaction.
        eip2612: bool,
    },
    /// The token program of Solana.
    Spl,
    /// The newer token program of Solana, Token-2022.
    Token2022,
    /// An Algorand standard asset.
    Asa,
    /// A Stellar token contract (SEP-41).
    Sep41,
    /// An Aptos fungible asset.
    FungibleAsset,
}

use std::fmt;
use std::sync::Arc;

use super::{Asset, known};
use crate::{Address, Network};

/// The tokens and networks that a price can be said in: all well-known ones, and those that a seller adds.
///
/// What is added goes before what is built in, so a seller can also correct a row of the table.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    assets: Vec<Arc<Asset>>,
    names: Vec<(String, Network)>,
}

impl Registry {
    /// The well-known tokens and networks.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a token; the latest addition to a network becomes what a price in dollars means there.
    pub fn register(&mut self, asset: Asset) -> Result<(), RegistryError> {
        let error = |problem| {
            Err(RegistryError {
                subject: asset.symbol.clone().into_owned(),
                problem,
            })
        };
        // An own spelling of the address is read back: it must be one of the token's network.
        if Address::parse(&asset.network, &asset.address.to_string()).as_ref() != Ok(&asset.address)
        {
            return error(Problem::ForeignAddress);
        }
        if asset.symbol.is_empty() || asset.symbol.contains(char::is_whitespace) {
            return error(Problem::Symbol);
        }
        if asset.decimals > MOST_DECIMALS {
            return error(Problem::Decimals);
        }
        self.assets
            .retain(|old| (&old.network, &old.address) != (&asset.network, &asset.address));
        self.assets.insert(0, Arc::new(asset));
        Ok(())
    }

    /// Gives a network a name of its own.
    pub fn name_network(
        &mut self,
        name: impl Into<String>,
        network: Network,
    ) -> Result<(), RegistryError> {
        let name = name.into();
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(RegistryError {
                subject: name,
                problem: Problem::NetworkName,
            });
        }
        match name.parse::<Network>() {
            Ok(known) if known != network => Err(RegistryError {
                subject: name,
                problem: Problem::NameTaken(known),
            }),
            _ => {
                self.names.retain(|(old, _)| *old != name);
                self.names.push((name, network));
                Ok(())
            }
        }
    }

    /// The network that a text names.
    pub fn network(&self, text: &str) -> Result<Network, crate::NetworkError> {
        let own = self.names.iter().find(|(name, _)| name == text);
        own.map_or_else(|| text.parse(), |(_, network)| Ok(network.clone()))
    }

    /// All tokens of a network, the one that a price in dollars means first.
    pub fn assets<'a>(&'a self, network: &Network) -> impl Iterator<Item = &'a Arc<Asset>> {
        let of_network = move |asset: &&Arc<Asset>| asset.network == *network;
        let added = self.assets.iter().filter(of_network);
        let built_in = known::ASSETS
            .iter()
            .filter(of_network)
            .filter(move |asset| {
                let mut added = self.assets.iter().filter(of_network);
                added.all(|own| own.address != asset.address)
            });
        added.chain(built_in)
    }

    /// The token that a price in dollars means on this network.
    pub fn dollar(&self, network: &Network) -> Option<&Arc<Asset>> {
        self.assets(network).next()
    }

    /// Whether this token is what a price in dollars means on its network.
    pub fn is_dollar(&self, asset: &Asset) -> bool {
        let dollar = self.dollar(&asset.network);
        dollar.is_some_and(|dollar| dollar.address == asset.address)
    }

    /// The token with this ticker, in upper or lower case.
    pub fn find(&self, network: &Network, symbol: &str) -> Option<&Arc<Asset>> {
        self.assets(network)
            .find(|asset| asset.symbol.eq_ignore_ascii_case(symbol))
    }

    /// The token with this address.
    pub fn at(&self, network: &Network, address: &Address) -> Option<&Arc<Asset>> {
        self.assets(network).find(|asset| asset.address == *address)
    }
}

/// More decimals than any token has; a limit that keeps one token's unit within 128 bits.
const MOST_DECIMALS: u8 = 38;

/// Why a token or a name could not be registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryError {
    subject: String,
    problem: Problem,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Problem {
    ForeignAddress,
    Symbol,
    NetworkName,
    Decimals,
    NameTaken(Network),
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = &self.subject;
        match &self.problem {
            Problem::ForeignAddress => {
                write!(f, "the address of `{subject}` is not one of its network")
            }
            Problem::NetworkName => write!(f, "`{subject}`: a network's name is one word"),
            Problem::Symbol => write!(
                f,
                "`{subject}` is not a ticker: it is empty or holds spaces"
            ),
            Problem::Decimals => {
                write!(f, "`{subject}` has more than {MOST_DECIMALS} decimals")
            }
            Problem::NameTaken(network) => {
                write!(f, "`{subject}` already names the network {network}")
            }
        }
    }
}

impl std::error::Error for RegistryError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Transfer;

    fn token(network: Network, symbol: &'static str, decimals: u8) -> Asset {
        let address = Address::evm([7; 20]);
        Asset::new(network, symbol, address, decimals, Transfer::Eip3009)
    }

    #[test]
    fn a_dollar_is_the_first_token_of_the_table_until_one_is_added() {
        let mut registry = Registry::new();
        assert_eq!(registry.dollar(&Network::CELO).unwrap().symbol, "USDC");
        assert_eq!(registry.dollar(&Network::evm(31_337)), None);
        registry.register(token(Network::CELO, "cUSD", 18)).unwrap();
        assert_eq!(registry.dollar(&Network::CELO).unwrap().symbol, "cUSD");
        assert_eq!(
            registry.find(&Network::CELO, "usat").unwrap().symbol,
            "USAT"
        );
    }

    #[test]
    fn a_row_of_the_table_can_be_corrected() {
        let mut registry = Registry::new();
        let usdc = Asset::clone(registry.dollar(&Network::BASE).unwrap());
        let address = usdc.address.clone();
        registry
            .register(usdc.with_eip712("Corrected", "3"))
            .unwrap();
        let found: Vec<_> = registry.assets(&Network::BASE).collect();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].eip712.as_ref().unwrap().name, "Corrected");
        assert_eq!(registry.at(&Network::BASE, &address), Some(found[0]));
    }

    #[test]
    fn networks_have_names_of_the_sellers_own() {
        let mut registry = Registry::new();
        registry
            .name_network("mychain", Network::evm(31_337))
            .unwrap();
        assert_eq!(registry.network("mychain"), Ok(Network::evm(31_337)));
        assert_eq!(registry.network("base"), Ok(Network::BASE));
        let error = registry
            .name_network("base", Network::evm(31_337))
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "`base` already names the network eip155:8453"
        );
        for name in ["", " ", "my chain"] {
            let error = registry.name_network(name, Network::BASE).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("`{name}`: a network's name is one word")
            );
        }
    }

    #[test]
    fn a_token_that_cannot_be_is_refused() {
        let mut registry = Registry::new();
        for asset in [
            token(Network::TRON, "X", 6),
            token(Network::BASE, "", 6),
            token(Network::BASE, "A B", 6),
            token(Network::BASE, "X", 39),
        ] {
            assert!(registry.register(asset).is_err());
        }
        assert_eq!(registry.find(&Network::BASE, "X"), None);
    }
}

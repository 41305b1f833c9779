mod known;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

pub(crate) use self::known::Known;

/// A blockchain network, known by its [CAIP-2] identifier.
///
/// The same network has several spellings in the x402 world. All of them are read, and compare equal:
///
/// ```
/// use x402_money::Network;
///
/// for spelling in ["eip155:8453", "base", "eip155:0x2105"] {
///     assert_eq!(spelling.parse::<Network>()?, Network::BASE);
/// }
/// for spelling in ["tron:nile", "tron:0xcd8690dc", "tron:3448148188"] {
///     assert_eq!(spelling.parse::<Network>()?, Network::TRON_NILE);
/// }
/// assert_eq!(Network::BASE.to_string(), "eip155:8453");
/// assert_eq!(Network::BASE.v1_name(), Some("base"));
/// assert_eq!(Network::TRON_NILE.tron_name(), Some("nile"));
/// # Ok::<_, x402_money::NetworkError>(())
/// ```
///
/// [CAIP-2]: https://chainagnostic.org/CAIPs/caip-2
#[derive(Clone)]
pub struct Network(Repr);

#[derive(Clone)]
enum Repr {
    Evm(u64),
    Tron(u32),
    Static(&'static str),
    Shared(Arc<str>),
}

impl Network {
    /// The EVM chain with this id.
    pub const fn evm(chain_id: u64) -> Self {
        Self(Repr::Evm(chain_id))
    }

    /// The TRON network with this id (the one that typed data is signed for).
    pub const fn tron(chain_id: u32) -> Self {
        Self(Repr::Tron(chain_id))
    }

    /// What stands before the colon: `eip155`, `solana`, `tron` …
    pub fn namespace(&self) -> &str {
        match &self.0 {
            Repr::Evm(_) => "eip155",
            Repr::Tron(_) => "tron",
            Repr::Static(text) => split(text).0,
            Repr::Shared(text) => split(text).0,
        }
    }

    /// The chain id of an EVM chain.
    pub fn evm_chain_id(&self) -> Option<u64> {
        match self.0 {
            Repr::Evm(id) => Some(id),
            Repr::Tron(_) | Repr::Static(_) | Repr::Shared(_) => None,
        }
    }

    /// The chain id that goes into signed typed data, which EVM chains and TRON have.
    pub fn typed_data_chain_id(&self) -> Option<u64> {
        match self.0 {
            Repr::Evm(id) => Some(id),
            Repr::Tron(id) => Some(id.into()),
            Repr::Static(_) | Repr::Shared(_) => None,
        }
    }

    /// The name that version 1 of x402 has for this network.
    pub fn v1_name(&self) -> Option<&'static str> {
        self.known().and_then(|known| known.v1)
    }

    /// `mainnet`, `nile` or `shasta`: the names of older TRON clients.
    pub fn tron_name(&self) -> Option<&'static str> {
        self.known().and_then(|known| known.tron)
    }

    /// A short name for people, such as `base-sepolia`.
    pub fn name(&self) -> Option<&'static str> {
        self.known().map(|known| known.name)
    }

    /// Whether the money of this network is known to be play money.
    pub fn is_testnet(&self) -> bool {
        self.known().is_some_and(|known| known.testnet)
    }

    /// Every network that has a name here.
    pub fn well_known() -> impl Iterator<Item = Self> {
        known::KNOWN.iter().map(|known| known.network.clone())
    }

    fn known(&self) -> Option<&'static Known> {
        known::KNOWN.iter().find(|known| known.network == *self)
    }

    fn parts(&self) -> Parts<'_> {
        match &self.0 {
            Repr::Evm(id) => Parts::Evm(*id),
            Repr::Tron(id) => Parts::Tron(*id),
            Repr::Static(text) => Parts::Other(text),
            Repr::Shared(text) => Parts::Other(text),
        }
    }
}

/// What a network is compared by, whichever way it is kept.
#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Parts<'a> {
    Evm(u64),
    Tron(u32),
    Other(&'a str),
}

impl PartialEq for Network {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for Network {}

impl PartialOrd for Network {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Network {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.parts().cmp(&other.parts())
    }
}

impl Hash for Network {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

impl Network {
    /// Whether `text` is the CAIP-2 identifier of this network, as it is displayed.
    pub fn is_spelled(&self, text: &str) -> bool {
        /// What is still to be compared.
        struct Left<'a>(&'a str);

        impl fmt::Write for Left<'_> {
            fn write_str(&mut self, written: &str) -> fmt::Result {
                self.0 = self.0.strip_prefix(written).ok_or(fmt::Error)?;
                Ok(())
            }
        }

        let mut left = Left(text);
        fmt::write(&mut left, format_args!("{self}")).is_ok() && left.0.is_empty()
    }
}

impl fmt::Display for Network {
    /// Writes the CAIP-2 identifier; TRON networks by the decimal chain id.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parts() {
            Parts::Evm(id) => write!(f, "eip155:{id}"),
            Parts::Tron(id) => write!(f, "tron:{id}"),
            Parts::Other(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Network({self})")
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    /// Reads a CAIP-2 identifier, a name of version 1 (`base-sepolia`), a TRON name (`tron:nile`), or a chain id in
    /// hexadecimal (`tron:0x2b6653dc`).
    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let error = |kind| NetworkError {
            text: text.to_owned(),
            kind,
        };
        let Some((namespace, reference)) = text.split_once(':') else {
            let known = known::KNOWN.iter().find(|known| known.answers_to(text));
            return match known {
                Some(known) => Ok(known.network.clone()),
                None => Err(error(NetworkErrorKind::Unknown)),
            };
        };
        match namespace {
            "eip155" => chain_id(reference)
                .map(Self::evm)
                .ok_or_else(|| error(NetworkErrorKind::ChainId)),
            "tron" => {
                let named = known::KNOWN
                    .iter()
                    .find(|known| known.tron == Some(reference));
                let id = || chain_id(reference).and_then(|id| u32::try_from(id).ok());
                named
                    .map(|known| known.network.clone())
                    .or_else(|| id().map(Self::tron))
                    .ok_or_else(|| error(NetworkErrorKind::ChainId))
            }
            _ if !is_namespace(namespace) || !is_reference(reference) => {
                Err(error(NetworkErrorKind::Malformed))
            }
            _ => Ok(Self(Repr::Shared(text.into()))),
        }
    }
}

fn split(caip2: &str) -> (&str, &str) {
    caip2.split_once(':').unwrap_or((caip2, ""))
}

/// A chain id that is not zero, decimal or after `0x` hexadecimal, spelled without signs or leading zeros.
fn chain_id(text: &str) -> Option<u64> {
    let (digits, radix) = match text.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None => (text, 10),
    };
    if digits.starts_with(['0', '+']) {
        return None;
    }
    u64::from_str_radix(digits, radix).ok()
}

fn is_namespace(text: &str) -> bool {
    (3..=8).contains(&text.len())
        && text
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

/// CAIP-2 allows 32 letters, digits, `-` and `_`; x402 on Algorand uses the base64 of a genesis hash.
fn is_reference(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'+' | b'/' | b'=')
        })
}

/// Why a text does not name a [`Network`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkError {
    text: String,
    kind: NetworkErrorKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NetworkErrorKind {
    Unknown,
    ChainId,
    Malformed,
}

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &self.text;
        match self.kind {
            NetworkErrorKind::Unknown => {
                write!(
                    f,
                    "no network is called `{text}`; a CAIP-2 identifier such as `eip155:8453` always works"
                )
            }
            NetworkErrorKind::ChainId => {
                write!(f, "`{text}` has no valid chain id behind the colon")
            }
            NetworkErrorKind::Malformed => write!(f, "`{text}` is not a CAIP-2 identifier"),
        }
    }
}

impl std::error::Error for NetworkError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_network_is_found_by_every_spelling() {
        for known in known::KNOWN {
            let network = &known.network;
            assert_eq!(network.to_string().parse().as_ref(), Ok(network));
            assert_eq!(known.name.parse().as_ref(), Ok(network), "{}", known.name);
            if let Some(v1) = known.v1 {
                assert_eq!(v1.parse().as_ref(), Ok(network), "{v1}");
                assert_eq!(network.v1_name(), Some(v1));
            }
            if let Some(tron) = known.tron {
                assert_eq!(format!("tron:{tron}").parse().as_ref(), Ok(network));
            }
            if let Some(id) = network.typed_data_chain_id() {
                let hex = format!("{}:{id:#x}", network.namespace());
                assert_eq!(hex.parse().as_ref(), Ok(network));
            }
        }
    }

    #[test]
    fn no_two_known_networks_share_a_spelling() {
        for (i, a) in known::KNOWN.iter().enumerate() {
            for b in &known::KNOWN[i + 1..] {
                assert_ne!(a.network, b.network);
                assert!(
                    !b.answers_to(a.name) && !a.v1.is_some_and(|name| b.answers_to(name)),
                    "{}",
                    a.name
                );
            }
        }
    }

    #[test]
    fn static_and_owned_spellings_are_one_network() {
        let owned: Network = "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp".parse().unwrap();
        assert!(matches!(owned.0, Repr::Shared(_)) && matches!(Network::SOLANA.0, Repr::Static(_)));
        assert_eq!(owned, Network::SOLANA);
        assert_eq!(
            std::collections::HashSet::from([owned, Network::SOLANA]).len(),
            1
        );
    }

    #[test]
    fn what_is_not_a_network_is_refused() {
        for text in [
            "",
            ":",
            "eip155:",
            "eip155:0",
            "eip155:01",
            "eip155:+1",
            "eip155:-1",
            "eip155:x",
            "eip155:0x",
            "eip155:18446744073709551616",
            "tron:",
            "tron:nowhere",
            "tron:4294967296",
            "EIP155:1",
            "ab:c",
            "near:",
            "near:\"",
            "near:a b",
            "bitcoin",
        ] {
            assert!(text.parse::<Network>().is_err(), "{text:?}");
        }
    }
}

use super::{Network, Repr};

/// A network that has a name.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) network: Network,
    pub(crate) name: &'static str,
    pub(crate) v1: Option<&'static str>,
    pub(crate) tron: Option<&'static str>,
    pub(crate) testnet: bool,
}

impl Known {
    pub(super) fn answers_to(&self, name: &str) -> bool {
        self.name == name || self.v1 == Some(name)
    }
}

/// One row a network: constant, identifier, name, then what it has of `v1 "name"`, `tron "name"` and `testnet true`.
macro_rules! networks {
    ($($constant:ident = $repr:expr, $name:literal $(, v1 $v1:literal)? $(, tron $tron:literal)? $(, testnet $testnet:literal)?;)*) => {
        impl Network {
            $(
                #[doc = concat!("`", $name, "`")]
                pub const $constant: Self = Self($repr);
            )*
        }

        pub(super) static KNOWN: &[Known] = &[$(
            Known {
                network: Network::$constant,
                name: $name,
                v1: name!($($v1)?),
                tron: name!($($tron)?),
                testnet: flag!($($testnet)?),
            },
        )*];
    };
}

macro_rules! name {
    () => {
        None
    };
    ($name:literal) => {
        Some($name)
    };
}

macro_rules! flag {
    () => {
        false
    };
    ($flag:literal) => {
        $flag
    };
}

use Repr::{Evm, Static, Tron};

networks! {
    ETHEREUM = Evm(1), "ethereum", v1 "ethereum";
    SEPOLIA = Evm(11_155_111), "sepolia", v1 "sepolia", testnet true;
    BASE = Evm(8_453), "base", v1 "base";
    BASE_SEPOLIA = Evm(84_532), "base-sepolia", v1 "base-sepolia", testnet true;
    ABSTRACT = Evm(2_741), "abstract", v1 "abstract";
    ABSTRACT_TESTNET = Evm(11_124), "abstract-testnet", v1 "abstract-testnet", testnet true;
    ADI = Evm(36_900), "adi";
    ARBITRUM = Evm(42_161), "arbitrum";
    ARBITRUM_SEPOLIA = Evm(421_614), "arbitrum-sepolia", testnet true;
    ARC = Evm(5_042), "arc";
    ARC_TESTNET = Evm(5_042_002), "arc-testnet", testnet true;
    AVALANCHE = Evm(43_114), "avalanche", v1 "avalanche";
    AVALANCHE_FUJI = Evm(43_113), "avalanche-fuji", v1 "avalanche-fuji", testnet true;
    BSC = Evm(56), "bsc";
    BSC_TESTNET = Evm(97), "bsc-testnet", testnet true;
    CELO = Evm(42_220), "celo", v1 "celo";
    CELO_SEPOLIA = Evm(11_142_220), "celo-sepolia", testnet true;
    EDUCHAIN = Evm(41_923), "educhain", v1 "educhain";
    FLARE = Evm(14), "flare", v1 "flare";
    HPP = Evm(190_415), "hpp";
    HPP_SEPOLIA = Evm(181_228), "hpp-sepolia", testnet true;
    IGRA = Evm(38_833), "igra";
    IOTEX = Evm(4_689), "iotex", v1 "iotex";
    MEGAETH = Evm(4_326), "megaeth", v1 "megaeth";
    MEZO = Evm(31_612), "mezo";
    MEZO_TESTNET = Evm(31_611), "mezo-testnet", testnet true;
    MONAD = Evm(143), "monad", v1 "monad";
    MONAD_TESTNET = Evm(10_143), "monad-testnet", v1 "monad-testnet", testnet true;
    PEAQ = Evm(3_338), "peaq", v1 "peaq";
    POLYGON = Evm(137), "polygon", v1 "polygon";
    POLYGON_AMOY = Evm(80_002), "polygon-amoy", v1 "polygon-amoy", testnet true;
    RADIUS = Evm(723_487), "radius";
    RADIUS_TESTNET = Evm(72_344), "radius-testnet", testnet true;
    SEI = Evm(1_329), "sei", v1 "sei";
    SEI_TESTNET = Evm(1_328), "sei-testnet", v1 "sei-testnet", testnet true;
    SKALE_BASE_SEPOLIA = Evm(324_705_682), "skale-base-sepolia", v1 "skale-base-sepolia", testnet true;
    STABLE = Evm(988), "stable", v1 "stable";
    STABLE_TESTNET = Evm(2_201), "stable-testnet", v1 "stable-testnet", testnet true;
    STORY = Evm(1_514), "story", v1 "story";
    XDC = Evm(50), "xdc";
    XDC_APOTHEM = Evm(51), "xdc-apothem", testnet true;

    TRON = Tron(728_126_428), "tron", tron "mainnet";
    TRON_NILE = Tron(3_448_148_188), "tron-nile", tron "nile", testnet true;
    TRON_SHASTA = Tron(2_494_104_990), "tron-shasta", tron "shasta", testnet true;

    SOLANA = Static("solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"), "solana", v1 "solana";
    SOLANA_DEVNET = Static("solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1"), "solana-devnet", v1 "solana-devnet", testnet true;
    SOLANA_TESTNET = Static("solana:4uhcVJyU9pJkvQyS88uRDiswHXSCkY3z"), "solana-testnet", v1 "solana-testnet", testnet true;

    ALGORAND = Static("algorand:wGHE2Pwdvd7S12BL5FaOP20EGYesN73ktiC1qzkkit8="), "algorand";
    ALGORAND_TESTNET = Static("algorand:SGO1GKSzyE7IEPItTxCByw9x8FmnrCDexi9/cOUJOiI="), "algorand-testnet", testnet true;
    APTOS = Static("aptos:1"), "aptos";
    APTOS_TESTNET = Static("aptos:2"), "aptos-testnet", testnet true;
    STELLAR = Static("stellar:pubnet"), "stellar";
    STELLAR_TESTNET = Static("stellar:testnet"), "stellar-testnet", testnet true;
}

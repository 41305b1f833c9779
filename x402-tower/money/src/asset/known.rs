use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use super::{Asset, Eip712, Transfer};
use crate::{Address, Network};

/// All well-known tokens; the first of a network is the one that a price in dollars means.
pub(super) static ASSETS: LazyLock<Vec<Arc<Asset>>> = LazyLock::new(|| {
    let assets = KNOWN.iter().filter_map(Known::asset);
    assets.map(Arc::new).collect()
});

/// A row of the table: an [`Asset`] before its address is read.
struct Known {
    network: Network,
    symbol: &'static str,
    address: &'static str,
    decimals: u8,
    transfer: Transfer,
    eip712: Option<(&'static str, &'static str)>,
}

impl Known {
    /// The asset of this row; every row has a valid address, which a test proves.
    fn asset(&self) -> Option<Asset> {
        Some(Asset {
            network: self.network.clone(),
            symbol: Cow::Borrowed(self.symbol),
            address: Address::parse(&self.network, self.address).ok()?,
            decimals: self.decimals,
            transfer: self.transfer,
            eip712: self.eip712.map(|(name, version)| Eip712 {
                name: Cow::Borrowed(name),
                version: Cow::Borrowed(version),
            }),
        })
    }
}

/// One row a token: network, ticker, decimals, address, transfer, and the name and version of its EIP-712 domain.
macro_rules! assets {
    ($($network:ident $symbol:literal $decimals:literal $address:literal $transfer:ident $(($name:literal, $version:literal))?;)*) => {
        static KNOWN: &[Known] = &[$(
            Known {
                network: Network::$network,
                symbol: $symbol,
                address: $address,
                decimals: $decimals,
                transfer: $transfer,
                eip712: domain!($($name, $version)?),
            },
        )*];
    };
}

macro_rules! domain {
    () => {
        None
    };
    ($name:literal, $version:literal) => {
        Some(($name, $version))
    };
}

use Transfer::{Asa, Eip3009, FungibleAsset, Sep41, Spl, Token2022};

#[allow(non_upper_case_globals)]
const Permit2: Transfer = Transfer::Permit2 { eip2612: false };
#[allow(non_upper_case_globals)]
const Permit2With2612: Transfer = Transfer::Permit2 { eip2612: true };

assets! {
    BASE "USDC" 6 "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913" Eip3009 ("USD Coin", "2");
    BASE_SEPOLIA "USDC" 6 "0x036CbD53842c5426634e7929541eC2318f3dCF7e" Eip3009 ("USDC", "2");
    ETHEREUM "USDC" 6 "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48" Eip3009 ("USD Coin", "2");
    ADI "USDC.e" 6 "0x9cb8142aEBBcdc60AF7c97Af897A67A8f3CA71C2" Eip3009 ("USDC.e", "2");
    ARBITRUM "USDC" 6 "0xaf88d065e77c8cC2239327C5EDb3A432268e5831" Eip3009 ("USD Coin", "2");
    ARBITRUM_SEPOLIA "USDC" 6 "0x75faf114eafb1BDbe2F0316DF893fd58CE46AA4d" Eip3009 ("USD Coin", "2");
    ARC "USDC" 6 "0x3600000000000000000000000000000000000000" Eip3009 ("USDC", "2");
    ARC_TESTNET "USDC" 6 "0x3600000000000000000000000000000000000000" Eip3009 ("USDC", "2");
    AVALANCHE "USDC" 6 "0xB97EF9Ef8734C71904D8002F8b6Bc66Dd9c48a6E" Eip3009 ("USD Coin", "2");
    BSC "USDC" 18 "0x8AC76a51cc950d9822D68b83fE1Ad97B32Cd580d" Permit2 ("USD Coin", "1");
    BSC "USDT" 18 "0x55d398326f99059fF775485246999027B3197955" Permit2 ("Tether USD", "1");
    BSC "EPS" 18 "0xA7f552078dcC247C2684336020c03648500C6d9F" Permit2 ("Ellipsis", "1");
    BSC_TESTNET "USDT" 18 "0x337610d27c682E347C9cD60BD4b3b107C9d34dDd" Permit2 ("Tether USD", "1");
    BSC_TESTNET "USDC" 18 "0x64544969ed7EBf5f083679233325356EbE738930" Permit2 ("USD Coin", "1");
    BSC_TESTNET "DHLU" 6 "0x375cADdd2cB68cE82e3D9B075D551067a7b4B816" Eip3009 ("DA HULU", "1");
    CELO "USDC" 6 "0xcebA9300f2b948710d2653dD7B07f33A8B32118C" Eip3009 ("USDC", "2");
    CELO "USDT" 6 "0x48065fbBE25f71C9282ddf5e1cD6D6A887483D5e" Eip3009 ("Tether USD", "1");
    CELO "USAT" 6 "0xD2ab3C9A02DBBAB236BfEC45D1d755DF4267F771" Eip3009 ("Tether America USD", "1");
    CELO_SEPOLIA "USDC" 6 "0x01C5C0122039549AD1493B8220cABEdD739BC44E" Eip3009 ("USDC", "2");
    FLARE "USDT0" 6 "0xe7cd86e13AC4309349F30B3435a9d337750fC82D" Eip3009 ("USD₮0", "1");
    HPP "USDC.e" 6 "0x401eCb1D350407f13ba348573E5630B83638E30D" Eip3009 ("Bridged USDC", "2");
    HPP_SEPOLIA "USDC.e" 6 "0x401eCb1D350407f13ba348573E5630B83638E30D" Eip3009 ("Bridged USDC", "2");
    IGRA "USDC" 6 "0xA5b8BF902b2844dA17d4506cc827F7F1681735E7" Permit2 ("USDC", "1");
    MEGAETH "MegaUSD" 18 "0xFAfDdbb3FC7688494971a79cc65DCa3EF82079E7" Permit2With2612 ("MegaUSD", "1");
    MEZO "mUSD" 18 "0xdD468A1DDc392dcdbEf6db6e34E89AA338F9F186" Permit2With2612 ("Mezo USD", "1");
    MEZO_TESTNET "mUSD" 18 "0x118917a40FAF1CD7a13dB0Ef56C86De7973Ac503" Permit2With2612 ("Mezo USD", "1");
    MONAD "USDC" 6 "0x754704Bc059F8C67012fEd69BC8A327a5aafb603" Eip3009 ("USDC", "2");
    MONAD_TESTNET "USDC" 6 "0x534b2f3A21130d7a60830c2Df862319e593943A3" Eip3009 ("USDC", "2");
    POLYGON "USDC" 6 "0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359" Eip3009 ("USD Coin", "2");
    RADIUS "SBC" 6 "0x33ad9e4BD16B69B5BFdED37D8B5D9fF9aba014Fb" Permit2With2612 ("Stable Coin", "1");
    RADIUS_TESTNET "SBC" 6 "0x33ad9e4BD16B69B5BFdED37D8B5D9fF9aba014Fb" Permit2With2612 ("Stable Coin", "1");
    SEI "USDC" 6 "0xe15fC38F6D8c56aF07bbCBe3BAf5708A2Bf42392" Eip3009 ("USDC", "2");
    SEI_TESTNET "USDC" 6 "0x4fCF1784B31630811181f670Aea7A7bEF803eaED" Eip3009 ("USDC", "2");
    STABLE "USDT0" 6 "0x779Ded0c9e1022225f8E0630b35a9b54bE713736" Eip3009 ("USDT0", "1");
    STABLE_TESTNET "USDT0" 6 "0x78Cf24370174180738C5B8E352B6D14c83a6c9A9" Eip3009 ("USDT0", "1");
    XDC "USDC" 6 "0xfA2958CB79b0491CC627c1557F441eF849Ca8eb1" Eip3009 ("USDC", "2");
    XDC_APOTHEM "USDC" 6 "0xb5AB69F7bBada22B28e79C8FFAECe55eF1c771D4" Eip3009 ("USDC", "2");

    TRON "USDT" 6 "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t" Permit2 ("Tether USD", "1");
    TRON "USDD" 18 "TXDk8mbtRbXeYuMNS83CfKPaYYT8XWv9Hz" Permit2 ("Decentralized USD", "1");
    TRON_NILE "USDT" 6 "TXYZopYRdj2D9XRtbG411XZZ3kM5VkAeBf" Permit2 ("Tether USD", "1");
    TRON_NILE "USDD" 18 "TGjgvdTWWrybVLaVeFqSyVqJQWjxqRYbaK" Permit2 ("Decentralized USD", "1");
    TRON_SHASTA "USDT" 6 "TG3XXyExBkPp9nzdajDZsozEu4BkaSJozs" Permit2 ("Tether USD", "1");

    SOLANA "USDC" 6 "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v" Spl;
    SOLANA "USDT" 6 "Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB" Spl;
    SOLANA "USDG" 6 "2u1tszSeqZ3qBWF3uNGPFc8TzMk2tdiwknnRMWGWjGWH" Token2022;
    SOLANA "PYUSD" 6 "2b1kV6DkPAnxd5ixfnxCpjxmKwqjjaYmCZfHsFu24GXo" Token2022;
    SOLANA "CASH" 6 "CASHx9KJUStyftLFWGvEVf59SGeG9sh5FfcnZMVPCASH" Token2022;
    SOLANA_DEVNET "USDC" 6 "4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU" Spl;
    SOLANA_DEVNET "USDG" 6 "4F6PM96JJxngmHnZLBh9n58RH4aTVNWvDs2nuwrT5BP7" Token2022;
    SOLANA_DEVNET "PYUSD" 6 "CXk2AMBfi3TwaEL2468s6zP8xq9NxTXjp9gjMgzeUynM" Token2022;
    SOLANA_TESTNET "USDC" 6 "4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU" Spl;
    SOLANA_TESTNET "USDG" 6 "4F6PM96JJxngmHnZLBh9n58RH4aTVNWvDs2nuwrT5BP7" Token2022;
    SOLANA_TESTNET "PYUSD" 6 "CXk2AMBfi3TwaEL2468s6zP8xq9NxTXjp9gjMgzeUynM" Token2022;

    ALGORAND "USDC" 6 "31566704" Asa;
    ALGORAND_TESTNET "USDC" 6 "10458941" Asa;
    APTOS "USDC" 6 "0xbae207659db88bea0cbead6da0ed00aac12edcdda169e591cd41c94180b46f3b" FungibleAsset;
    APTOS_TESTNET "USDC" 6 "0x69091fbab5f7d635ee7ac5098cf0c1efbe31d68fec0f2cd565e8d168daf52832" FungibleAsset;
    STELLAR "USDC" 7 "CCW67TSZV3SSS2HXMBQ5JFGCKJNXKZM7UQUWUZPUTHXSTZLEO7SJMI75" Sep41;
    STELLAR_TESTNET "USDC" 7 "CBIELTK6YBZJU5UP2WWQEUCYKLPU6AUNZ2BQ4WWFEIE3USCIHMXQDAMA" Sep41;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_an_asset_in_canonical_spelling() {
        for known in KNOWN {
            let asset = known
                .asset()
                .unwrap_or_else(|| panic!("{} {}", known.network, known.symbol));
            assert_eq!(asset.address.to_string(), known.address);
            let signed_for_itself = asset.transfer == Eip3009 || asset.transfer == Permit2With2612;
            assert!(
                asset.eip712.is_some() || !signed_for_itself,
                "{} {}",
                known.network,
                known.symbol
            );
        }
    }

    #[test]
    fn the_sign_in_usdt0_is_the_tugrik_sign() {
        let flare = KNOWN
            .iter()
            .find(|known| known.network == Network::FLARE)
            .unwrap();
        assert_eq!(flare.eip712.unwrap().0, "USD\u{20ae}0");
    }
}

use super::payload::Payload;
use super::permit2::PERMIT2_EXACT_PROXY;
use super::reasons;
use crate::money::{Address, Asset, Network, Transfer};
use crate::proto::{Object, Presented, SupportedKind, v1};
use crate::scheme::{Authorization, Extra, Flaw, Malformed, Meaning, Offer, Scheme};

/// `exact` on EVM chains: a fixed amount, moved by the token itself (EIP-3009) or by Permit2.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExactEvm;

impl Scheme for ExactEvm {
    fn name(&self) -> &str {
        "exact"
    }

    fn serves(&self, asset: &Asset) -> bool {
        let moved = matches!(asset.transfer, Transfer::Eip3009 | Transfer::Permit2 { .. });
        moved && asset.network.evm_chain_id().is_some()
    }

    fn extra(&self, offer: &Offer, _: Option<&SupportedKind>) -> Result<Extra, String> {
        let Asset {
            symbol,
            network,
            transfer,
            eip712,
            ..
        } = &*offer.asset;
        let extra = Object::new();
        let domain = |extra: Object| match eip712 {
            Some(domain) => Ok(Extra::Ready(
                extra
                    .with_text("name", &domain.name)
                    .with_text("version", &domain.version),
            )),
            None => Err(format!(
                "{symbol} on {network} has no EIP-712 name and version to sign for"
            )),
        };
        match transfer {
            Transfer::Eip3009 => domain(extra),
            // Name and version tell a client that it may sign an EIP-2612 permit for Permit2.
            Transfer::Permit2 { eip2612: true } => {
                domain(extra.with_text("assetTransferMethod", "permit2"))
            }
            _ => Ok(Extra::Ready(
                extra.with_text("assetTransferMethod", "permit2"),
            )),
        }
    }

    fn is_sayable_in_v1(&self, offer: &Offer) -> bool {
        let network = offer.asset.network.v1_name();
        let known = network.is_some_and(|name| v1::CLIENT_NETWORKS.contains(&name));
        known && offer.asset.transfer == Transfer::Eip3009
    }

    fn read(
        &self,
        presented: &Presented<'_>,
        network: &Network,
        asset: &Address,
    ) -> Result<Authorization, Malformed> {
        Payload::of(presented)?.read(network, asset, &PERMIT2_EXACT_PROXY)
    }

    fn misfit(&self, authorization: &Authorization, offer: &Offer) -> Option<Flaw> {
        // Only Permit2 signs for the token by name.
        let over_permit2 = authorization.asset.is_some();
        let wanted = matches!(offer.asset.transfer, Transfer::Permit2 { .. });
        (over_permit2 != wanted).then_some(Flaw::Transfer)
    }

    fn name_flaw(&self, flaw: Flaw) -> &'static str {
        reasons::name(flaw)
    }

    fn meaning(&self, reason: &str) -> Meaning {
        reasons::meaning(reason)
    }

    fn proves_payer(&self, reason: &str) -> bool {
        reasons::proves_payer(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Registry;
    use crate::proto::Version;

    const TOKEN: &str = "0x036CbD53842c5426634e7929541eC2318f3dCF7e";

    fn payload(from: &str, nonce: &str, signature: &str) -> String {
        format!(
            r#"{{"signature":"{signature}","authorization":{{"from":"{from}",
            "to":"0x1111111111111111111111111111111111111111","value":"2500","validAfter":"0",
            "validBefore":"1790000300","nonce":"{nonce}"}}}}"#
        )
    }

    fn read(payload: &str) -> Result<Authorization, Malformed> {
        let network = Network::BASE_SEPOLIA;
        let json = format!(
            r#"{{"x402Version":1,"scheme":"exact","network":"base-sepolia","payload":{payload}}}"#
        );
        let presented = Presented::read(Version::V1, json.as_bytes()).unwrap();
        ExactEvm.read(
            &presented,
            &network,
            &Address::parse(&network, TOKEN).unwrap(),
        )
    }

    fn hex(digit: &str, bytes: usize) -> String {
        format!("0x{}", digit.repeat(2 * bytes))
    }

    #[test]
    fn spelling_makes_no_second_payment() {
        let usual = read(&payload(&hex("a", 20), &hex("b", 32), &hex("c", 65))).unwrap();
        let shouted = read(&payload(&hex("A", 20), &hex("B", 32), &hex("C", 65))).unwrap();
        assert_eq!((usual.key, usual.proof), (shouted.key, shouted.proof));
        let padded = payload(&hex("a", 20), &hex("b", 32), &hex("c", 65))
            .replace(r#""2500""#, r#""002500""#);
        assert_eq!(read(&padded).unwrap().proof, usual.proof);
    }

    #[test]
    fn everything_signed_is_in_the_key_or_the_proof() {
        let base = payload(&hex("a", 20), &hex("b", 32), &hex("c", 65));
        let usual = read(&base).unwrap();
        for (from, to) in [
            ("2500", "2501"),
            ("\"0\"", "\"1\""),
            ("1790000300", "1790000301"),
            ("0x11", "0x12"),
        ] {
            let other = read(&base.replacen(from, to, 1)).unwrap();
            assert_eq!(other.key, usual.key, "{from}");
            assert_ne!(other.proof, usual.proof, "{from}");
        }
        assert_ne!(
            read(&payload(&hex("d", 20), &hex("b", 32), &hex("c", 65)))
                .unwrap()
                .key,
            usual.key
        );
        assert_ne!(
            read(&payload(&hex("a", 20), &hex("d", 32), &hex("c", 65)))
                .unwrap()
                .key,
            usual.key
        );
        assert_ne!(
            read(&payload(&hex("a", 20), &hex("b", 32), &hex("d", 65)))
                .unwrap()
                .proof,
            usual.proof
        );
    }

    #[test]
    fn a_payload_of_another_shape_is_malformed() {
        let (from, nonce, signature) = (hex("a", 20), hex("b", 32), hex("c", 65));
        for payload in [
            "{}".to_owned(),
            "null".to_owned(),
            payload(&hex("a", 19), &nonce, &signature),
            payload(&from, &hex("b", 31), &signature),
            payload(&from, &nonce[2..], &signature),
            payload(&from, &nonce.replace('x', "X"), &signature),
            payload(&from, &nonce, &signature).replace("2500", "-1"),
            payload(&from, &nonce, &signature).replace("2500", "0x9c4"),
            payload(&from, &nonce, &signature).replace("\"2500\"", "2500"),
        ] {
            assert!(read(&payload).is_err(), "{payload}");
        }
    }

    #[test]
    fn a_signature_that_is_none_is_a_flaw() {
        for signature in ["", "0x", "c", "0xc", "0xzz"] {
            let read = read(&payload(&hex("a", 20), &hex("b", 32), signature)).unwrap();
            assert_eq!(read.flaw, Some(Flaw::Signature), "{signature}");
        }
        // That of a contract wallet is as long as the wallet likes.
        assert_eq!(
            read(&payload(&hex("a", 20), &hex("b", 32), &hex("c", 300)))
                .unwrap()
                .flaw,
            None
        );
    }

    #[test]
    fn offers_say_how_the_token_is_moved() {
        let registry = Registry::new();
        let extra = |network: Network, symbol: &str| {
            let offer = Offer {
                scheme: std::sync::Arc::new(ExactEvm),
                asset: std::sync::Arc::clone(registry.find(&network, symbol).unwrap()),
                amount: 1u64.into(),
                pay_to: Address::evm([1; 20]),
                max_timeout_seconds: 300,
                extra: Object::new(),
            };
            match ExactEvm.extra(&offer, None).unwrap() {
                Extra::Ready(extra) => (
                    serde_json::to_string(&extra).unwrap(),
                    ExactEvm.is_sayable_in_v1(&offer),
                ),
                Extra::NotYet => unreachable!(),
            }
        };
        assert_eq!(
            extra(Network::BASE, "USDC"),
            (r#"{"name":"USD Coin","version":"2"}"#.to_owned(), true)
        );
        assert_eq!(
            extra(Network::CELO, "USDC"),
            (r#"{"name":"USDC","version":"2"}"#.to_owned(), false)
        );
        assert_eq!(
            extra(Network::BSC, "USDT"),
            (r#"{"assetTransferMethod":"permit2"}"#.to_owned(), false)
        );
        assert_eq!(
            extra(Network::MEZO, "mUSD"),
            (
                r#"{"assetTransferMethod":"permit2","name":"Mezo USD","version":"1"}"#.to_owned(),
                false
            )
        );
    }
}

use super::ExactEvm;
use super::payload::Payload;
use super::permit2::PERMIT2_UPTO_PROXY;
use super::reasons;
use crate::money::{Address, Asset, Network, Transfer};
use crate::proto::{Object, Presented, Reader, SupportedKind, SupportedResponse};
use crate::scheme::{Authorization, Extra, Flaw, Malformed, Meaning, Offer, Scheme};

/// `upto` on EVM chains: as much as was used, and no more than the buyer signed, moved by Permit2.
///
/// A payment is bound to the facilitator that may settle it, so an offer names one ([`Scheme::volatile`]).
#[derive(Clone, Copy, Debug, Default)]
pub struct UptoEvm;

/// The name of the scheme on the wire.
pub(crate) const UPTO: &str = "upto";

/// The key in `extra` under which an offer names the facilitator.
const FACILITATOR: &str = "facilitatorAddress";

impl Scheme for UptoEvm {
    fn name(&self) -> &str {
        UPTO
    }

    /// Permit2 moves any token, those with a way of their own too.
    fn serves(&self, asset: &Asset) -> bool {
        ExactEvm.serves(asset)
    }

    fn extra(&self, offer: &Offer, kind: Option<&SupportedKind>) -> Result<Extra, String> {
        let Asset {
            network,
            transfer,
            eip712,
            ..
        } = &*offer.asset;
        let named = kind.and_then(|kind| kind.extra.as_ref()?.read::<String>(FACILITATOR).ok()?);
        let Some(facilitator) = named.and_then(|named| Address::read(network, &named)) else {
            return Ok(Extra::NotYet);
        };
        let mut extra = Object::new().with_text("assetTransferMethod", "permit2");
        // They tell a client that it may sign an EIP-2612 permit for Permit2.
        if let (Some(domain), Transfer::Eip3009 | Transfer::Permit2 { eip2612: true }) =
            (eip712, transfer)
        {
            extra = extra
                .with_text("name", &domain.name)
                .with_text("version", &domain.version);
        }
        Ok(Extra::Ready(
            extra.with_text(FACILITATOR, &facilitator.to_string()),
        ))
    }

    fn volatile(&self) -> &[&str] {
        &[FACILITATOR]
    }

    /// Facilitators send from several accounts, and name any of them each time they are asked. All of them are listed.
    fn vouches_for(&self, key: &str, value: &str, supported: Option<&SupportedResponse>) -> bool {
        let signers = supported.and_then(|supported| supported.signers.as_ref());
        let (Some(signers), Ok(value)) = (signers, serde_json::from_str::<String>(value)) else {
            return false;
        };
        let is_ours = |listed: &str| {
            serde_json::from_str::<Vec<String>>(listed)
                .is_ok_and(|listed| listed.iter().any(|one| one.eq_ignore_ascii_case(&value)))
        };
        key == FACILITATOR
            && signers
                .iter()
                .any(|(networks, listed)| networks.starts_with("eip155:") && is_ours(listed.get()))
    }

    fn is_metered(&self) -> bool {
        true
    }

    fn read(
        &self,
        presented: &Presented<'_>,
        network: &Network,
        asset: &Address,
    ) -> Result<Authorization, Malformed> {
        let payload = Payload::of(presented)?;
        let mut authorization = payload.read(network, asset, &PERMIT2_UPTO_PROXY)?;
        // Over anything but Permit2 there is no facilitator to sign for; that is a misfit.
        if authorization.flaw.is_none() && authorization.asset.is_some() {
            let signed = payload
                .facilitator()
                .and_then(|signed| Address::read(network, signed));
            let accepted = accepted_facilitator(presented, network);
            let good = signed.is_some() && signed == accepted;
            authorization.flaw = (!good).then_some(Flaw::Facilitator);
        }
        Ok(authorization)
    }

    fn misfit(&self, authorization: &Authorization, _: &Offer) -> Option<Flaw> {
        // Only Permit2 signs for the token by name.
        let over_permit2 = authorization.asset.is_some();
        (!over_permit2).then_some(Flaw::Transfer)
    }

    fn name_flaw(&self, flaw: Flaw) -> &'static str {
        reasons::name_over_permit2(flaw)
    }

    fn meaning(&self, reason: &str) -> Meaning {
        reasons::meaning(reason)
    }

    fn proves_payer(&self, reason: &str) -> bool {
        reasons::proves_payer(reason)
    }
}

/// The facilitator that the buyer says to have been offered. Whether it was is found out when the offers are compared.
fn accepted_facilitator(presented: &Presented<'_>, network: &Network) -> Option<Address> {
    let extra = presented.accepted.terms.as_ref()?.extra?;
    let mut address = None;
    let read = Reader::all(extra.get(), |reader| {
        reader.object(|reader, name| match name {
            FACILITATOR => reader.once(&mut address, |reader| reader.optional(Reader::text)),
            _ => reader.skip(),
        })
    });
    Address::read(network, &read.ok().and(address.flatten())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Registry;
    use crate::proto::{SupportedKind, Version};

    const TOKEN: &str = "0x036CbD53842c5426634e7929541eC2318f3dCF7e";
    const FACILITATOR: &str = "0xFafafAfafAFaFAFaFafafafAfaFaFAfAfAfAFaFA";

    fn read(facilitator: &str, spender: &str, accepted: &str) -> Result<Authorization, Malformed> {
        let network = Network::BASE_SEPOLIA;
        let json = serde_json::json!({
            "x402Version": 2,
            "accepted": {
                "scheme": "upto", "network": "eip155:84532", "amount": "50000", "asset": TOKEN, "payTo": TOKEN,
                "extra": { "facilitatorAddress": accepted },
            },
            "payload": {
                "signature": format!("0x{}", "c".repeat(130)),
                "permit2Authorization": {
                    "from": TOKEN,
                    "permitted": { "token": TOKEN, "amount": "50000" },
                    "spender": spender,
                    "nonce": "42",
                    "deadline": "1790000300",
                    "witness": { "to": TOKEN, "facilitator": facilitator, "validAfter": "0" },
                },
            },
        });
        let json = json.to_string().replace(r#""facilitator":"none","#, "");
        let presented = Presented::read(Version::V2, json.as_bytes()).unwrap();
        let token = Address::parse(&network, TOKEN).unwrap();
        UptoEvm.read(&presented, &network, &token)
    }

    #[test]
    fn a_payment_is_for_the_facilitator_that_was_offered() {
        let spender = PERMIT2_UPTO_PROXY.to_string();
        let good = read(FACILITATOR, &spender, FACILITATOR).unwrap();
        assert_eq!(good.flaw, None);
        let shouted = read(
            &FACILITATOR.to_uppercase().replace('X', "x"),
            &spender,
            FACILITATOR,
        );
        let shouted = shouted.unwrap();
        assert_eq!((shouted.flaw, shouted.proof), (None, good.proof));
        for (signed, accepted) in [(TOKEN, FACILITATOR), (FACILITATOR, TOKEN), ("none", "")] {
            let bad = read(signed, &spender, accepted).unwrap();
            assert_eq!(bad.flaw, Some(Flaw::Facilitator), "{signed}");
            assert_eq!(bad.key, good.key);
        }
        let other = read(TOKEN, &spender, TOKEN).unwrap();
        assert_ne!(other.proof, good.proof, "another facilitator is signed for");
        let exact = super::super::PERMIT2_EXACT_PROXY.to_string();
        let exact = read(FACILITATOR, &exact, FACILITATOR).unwrap();
        assert_eq!(exact.flaw, Some(Flaw::Spender));
        assert!(read("0x12", &spender, FACILITATOR).is_err());
    }

    #[test]
    fn offers_name_a_facilitator_as_soon_as_it_is_known() {
        let registry = Registry::new();
        let extra = |network: Network, symbol: &str, named: Option<&str>| {
            let offer = Offer {
                scheme: std::sync::Arc::new(UptoEvm),
                asset: std::sync::Arc::clone(registry.find(&network, symbol).unwrap()),
                amount: 1u64.into(),
                pay_to: Address::evm([1; 20]),
                max_timeout_seconds: 300,
                extra: Object::new(),
            };
            assert!(UptoEvm.serves(&offer.asset) && !UptoEvm.is_sayable_in_v1(&offer));
            let kind = named.map(|named| {
                let mut kind = SupportedKind::new(Version::V2, "upto", network.to_string());
                kind.extra = Some(Object::new().with_text(super::FACILITATOR, named));
                kind
            });
            match UptoEvm.extra(&offer, kind.as_ref()).unwrap() {
                Extra::Ready(extra) => serde_json::to_string(&extra).unwrap(),
                Extra::NotYet => "not yet".to_owned(),
            }
        };
        let small = FACILITATOR.to_lowercase();
        for (network, symbol, said) in [
            (
                Network::BASE,
                "USDC",
                r#""assetTransferMethod":"permit2","name":"USD Coin","version":"2""#,
            ),
            (Network::BSC, "USDT", r#""assetTransferMethod":"permit2""#),
            (
                Network::MEZO,
                "mUSD",
                r#""assetTransferMethod":"permit2","name":"Mezo USD","version":"1""#,
            ),
        ] {
            let said = format!(r#"{{{said},"facilitatorAddress":"{FACILITATOR}"}}"#);
            assert_eq!(extra(network.clone(), symbol, Some(&small)), said);
            for unknown in [None, Some("0x12")] {
                assert_eq!(extra(network.clone(), symbol, unknown), "not yet");
            }
        }
    }

    #[test]
    fn every_account_of_the_facilitator_is_good() {
        let supported = |signers: &str| -> SupportedResponse {
            serde_json::from_str(&format!(r#"{{"kinds":[],"signers":{signers}}}"#)).unwrap()
        };
        let vouches = |key: &str, signers: &str| {
            let value = format!("{FACILITATOR:?}");
            UptoEvm.vouches_for(key, &value, Some(&supported(signers)))
        };
        let small = FACILITATOR.to_lowercase();
        for networks in ["eip155:*", "eip155:84532"] {
            let signers = format!(r#"{{"{networks}":["{TOKEN}","{small}"]}}"#);
            assert!(vouches("facilitatorAddress", &signers));
            assert!(!vouches("name", &signers));
        }
        for signers in [
            "{}".to_owned(),
            format!(r#"{{"eip155:*":["{TOKEN}"]}}"#),
            format!(r#"{{"solana:*":["{small}"]}}"#),
            format!(r#"{{"eip155:*":"{small}"}}"#),
        ] {
            assert!(!vouches("facilitatorAddress", &signers), "{signers}");
        }
        let value = format!("{FACILITATOR:?}");
        assert!(!UptoEvm.vouches_for("facilitatorAddress", &value, None));
    }
}

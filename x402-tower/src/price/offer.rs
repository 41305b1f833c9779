//! One offer of a challenge, and how it is spelled: once, when it is prepared.

use std::sync::Arc;

use super::Listing;
use super::seal::REFERENCE_LENGTH;
use super::template::{Holed, MARK};
use crate::facilitator::PaymentCall;
use crate::money::Network;
use crate::proto::v1;
use crate::proto::v2::PaymentRequirements;
use crate::proto::{
    Accepted, AcceptedTerms, Object, RawJson, SupportedKind, SupportedResponse, Version, header,
};
use crate::scheme::{Extra, Offer};

/// An offer, and how it is spelled.
#[derive(Debug)]
pub(crate) struct PreparedOffer {
    pub(crate) offer: Arc<Offer>,
    /// The name of the scheme.
    pub(crate) scheme: Arc<str>,
    /// The requirements without a reference.
    pub(crate) requirements: PaymentRequirements,
    /// `scheme`, `network`, `amount`, `asset`, `payTo`, `maxTimeoutSeconds`: what a quote is sealed over.
    pub(crate) terms: [String; 6],
    pub(super) requirements_json: Holed,
    extra_json: Holed,
    pub(crate) v1: Option<OfferV1>,
    /// The version that the facilitator wants payments of each version in.
    pub(crate) spoken: Spoken,
}

/// An offer as version 1 says it.
#[derive(Debug)]
pub(crate) struct OfferV1 {
    pub(crate) network: &'static str,
    /// Cut at the URL.
    pub(super) json: (String, String),
}

/// Which versions a facilitator takes a kind of payment in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spoken {
    /// Both, or it has not said.
    Any,
    V1,
    V2,
}

/// The key in `extra` under which a challenge has its reference.
pub(crate) const REFERENCE: &str = "ref";
const FLOW: &str = "paymentFlow";

/// Requirements with a hole for their reference.
pub(super) fn marked(requirements: &PaymentRequirements) -> PaymentRequirements {
    let mut marked = requirements.clone();
    marked.extra = marked.extra.with_text(REFERENCE, MARK);
    marked
}

impl PreparedOffer {
    pub(super) fn new(
        offer: &Arc<Offer>,
        listing: &Listing,
        supported: Option<&SupportedResponse>,
        v1: bool,
    ) -> Result<Option<Self>, String> {
        let (kind, spoken) = supported.map_or((None, Spoken::Any), |all| kind_of(offer, all));
        let not_theirs = |name| Err(format!("`{name}` in extra is not the seller's to say"));
        if let Some(name) = [REFERENCE, FLOW]
            .into_iter()
            .find(|name| offer.extra.get(name).is_some())
        {
            return not_theirs(name);
        }
        let mut extra = match offer.scheme.extra(offer, kind)? {
            Extra::Ready(extra) => extra,
            Extra::NotYet => return Ok(None),
        };
        for (name, value) in offer.extra.iter() {
            // Buyers sign what the scheme says there, and come back with what is said here.
            if extra.get(name).is_some() {
                return not_theirs(name);
            }
            extra.set(name, &value).map_err(|error| error.to_string())?;
        }
        if let Some(flow) = listing.flow {
            extra = extra.with_text(FLOW, flow);
        }
        let mut requirements = PaymentRequirements::new(
            offer.scheme.name(),
            offer.asset.network.to_string(),
            offer.amount,
            offer.asset.address.to_string(),
            offer.pay_to.to_string(),
        );
        requirements.max_timeout_seconds = offer.max_timeout_seconds;
        requirements.extra = extra;
        let marked = marked(&requirements);
        let holed =
            |json: Result<Holed, serde_json::Error>| json.map_err(|error| error.to_string());
        Ok(Some(Self {
            terms: [
                requirements.scheme.clone(),
                requirements.network.clone(),
                requirements.amount.to_string(),
                requirements.asset.clone(),
                requirements.pay_to.clone(),
                requirements.max_timeout_seconds.to_string(),
            ],
            requirements_json: holed(Holed::of(&marked))?,
            extra_json: holed(Holed::of(&marked.extra))?,
            v1: if v1 {
                OfferV1::new(&requirements, offer, listing)?
            } else {
                None
            },
            requirements,
            scheme: offer.scheme.name().into(),
            offer: Arc::clone(offer),
            spoken,
        }))
    }

    /// What a buyer accepts whose text begins with this offer as it was spelled for them, and how long that is.
    pub(crate) fn known_in<'a>(&'a self, text: &'a str) -> Option<(Accepted<'a>, usize)> {
        let (before, behind) = (
            self.requirements_json.first(),
            self.requirements_json.last(),
        );
        let reference = text.strip_prefix(before)?.get(..REFERENCE_LENGTH)?;
        let length = before.len() + REFERENCE_LENGTH + behind.len();
        if !is_reference(reference) || text.get(..length)?.strip_suffix(behind).is_none() {
            return None;
        }
        // It is the one member with a reference, so it begins and ends where it does by itself.
        let extra = before.len() - self.extra_json.first().len()
            ..before.len() + REFERENCE_LENGTH + self.extra_json.last().len();
        let [scheme, network, amount, asset, pay_to, _] = self.terms.each_ref();
        let terms = AcceptedTerms {
            amount: amount.into(),
            asset: asset.into(),
            pay_to: pay_to.into(),
            max_timeout_seconds: Some(self.requirements.max_timeout_seconds),
            extra: text.get(extra).map(RawJson::known),
        };
        let accepted = Accepted {
            scheme: scheme.into(),
            network: network.into(),
            terms: Some(terms),
        };
        Some((accepted, length))
    }

    /// Whether a buyer accepts this offer letter by letter.
    pub(crate) fn is_repeated(&self, accepted: &Accepted<'_>) -> bool {
        let [scheme, network, amount, asset, pay_to, _] = &self.terms;
        accepted.scheme == *scheme
            && accepted.network == *network
            && accepted.terms.as_ref().is_some_and(|terms| {
                terms.amount == *amount
                    && terms.asset == *asset
                    && terms.pay_to == *pay_to
                    && terms.max_timeout_seconds == Some(self.requirements.max_timeout_seconds)
                    && terms
                        .extra
                        .is_some_and(|extra| self.reference_in(extra.get()).is_some())
            })
    }

    /// The reference in an `extra` that is spelled as we spell it.
    pub(crate) fn reference_in<'a>(&self, extra: &'a str) -> Option<&'a str> {
        extra
            .strip_prefix(self.extra_json.first())
            .and_then(|extra| extra.strip_suffix(self.extra_json.last()))
            .filter(|reference| is_reference(reference))
    }

    /// The question about a payment for a facilitator, if the requirements are what this offer was spelled as once and for
    /// all, but for this reference.
    pub(crate) fn call(&self, payload: &str, reference: &str) -> PaymentCall {
        PaymentCall::of_pieces(Version::V2, payload, self.requirements_json.fill(reference))
    }

    /// The requirements for a facilitator, with the reference and the volatile values that the buyer accepted.
    pub(crate) fn requirements_for(
        &self,
        accepted: Option<RawJson<'_>>,
    ) -> Result<String, serde_json::Error> {
        let mut requirements = self.requirements.clone();
        if let Some(accepted) = accepted {
            let accepted: Object = serde_json::from_str(accepted.get())?;
            let volatile = self.offer.scheme.volatile().iter().copied();
            for name in volatile.chain([REFERENCE]) {
                if let Some(value) = accepted.get(name) {
                    requirements.extra.set(name, &value)?;
                }
            }
        }
        serde_json::to_string(&requirements)
    }
}

/// Whether this could be one of our references; nothing that could is special in JSON.
fn is_reference(text: &str) -> bool {
    let may_be = |byte: u8| IN_REFERENCES[usize::from(byte)];
    text.len() == REFERENCE_LENGTH && text.bytes().all(may_be)
}

/// The characters of our references.
static IN_REFERENCES: [bool; 256] = {
    let mut known = [false; 256];
    let mut byte = 0u8;
    while byte < 128 {
        known[byte as usize] = byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        byte += 1;
    }
    known
};

impl OfferV1 {
    fn new(
        requirements: &PaymentRequirements,
        offer: &Offer,
        listing: &Listing,
    ) -> Result<Option<Self>, String> {
        let Some(network) = offer.asset.network.v1_name() else {
            return Ok(None);
        };
        let message = v1::PaymentRequirements::new(
            requirements,
            network,
            MARK,
            listing.resource.description.as_deref().unwrap_or_default(),
            listing.resource.mime_type.as_deref().unwrap_or_default(),
        );
        let json = Holed::of(&message).map_err(|error| error.to_string())?;
        Ok(Some(Self {
            network,
            json: (json.first().to_owned(), json.last().to_owned()),
        }))
    }

    /// The requirements for a facilitator.
    pub(crate) fn requirements_json(&self, origin: &str, target: &str) -> String {
        let (before, after) = &self.json;
        [
            before,
            &*header::escaped(origin),
            &header::escaped(target),
            after,
        ]
        .concat()
    }
}

/// What a facilitator says about an offer, and in which versions it takes it.
fn kind_of<'a>(
    offer: &Offer,
    supported: &'a SupportedResponse,
) -> (Option<&'a SupportedKind>, Spoken) {
    let fits = |kind: &&SupportedKind, version: Version| {
        kind.x402_version == version.number()
            && kind.scheme == offer.scheme.name()
            && kind
                .network
                .parse::<Network>()
                .is_ok_and(|network| network == offer.asset.network)
    };
    let v1 = supported.kinds.iter().find(|kind| fits(kind, Version::V1));
    let v2 = supported.kinds.iter().find(|kind| fits(kind, Version::V2));
    let spoken = match (v1, v2) {
        (Some(_), None) => Spoken::V1,
        (None, Some(_)) => Spoken::V2,
        (Some(_), Some(_)) | (None, None) => Spoken::Any,
    };
    (v2.or(v1), spoken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::{Address, Registry};
    use crate::price::Terms;
    use crate::proto::Presented;
    use crate::scheme::ExactEvm;

    fn offer(amount: u64) -> Offer {
        let registry = Registry::new();
        Offer {
            scheme: Arc::new(ExactEvm),
            asset: Arc::clone(registry.find(&Network::BASE, "USDC").unwrap()),
            amount: amount.into(),
            pay_to: Address::evm([1; 20]),
            max_timeout_seconds: 300,
            extra: Object::new().with_text("note", "\"{}é"),
        }
    }

    fn said(accepted: &Accepted<'_>) -> String {
        let terms = accepted.terms.as_ref().unwrap();
        format!(
            "{accepted:?} {:?}",
            reference_of(terms.extra.unwrap().get())
        )
    }

    fn reference_of(extra: &str) -> Option<String> {
        let extra: Object = serde_json::from_str(extra).unwrap();
        extra.read(REFERENCE).unwrap()
    }

    #[test]
    fn an_offer_that_is_known_says_what_it_says_when_it_is_read() {
        let terms = Terms::new(vec![offer(5), offer(7)], Arc::default(), None).unwrap();
        let prepared = terms.now();
        let reference = "abcdefghijklmnopqrstuv-_";
        for offer in &prepared.offers {
            let mut accepted = offer.requirements.clone();
            accepted.extra = accepted.extra.with_text(REFERENCE, reference);
            let accepted = serde_json::to_string(&accepted).unwrap();
            let json = format!(r#"{{"x402Version":2,"accepted":{accepted},"payload":{{}}}}"#);
            let read = Presented::read(Version::V2, json.as_bytes()).unwrap();
            let (known, length) = offer.known_in(&accepted).unwrap();
            assert_eq!(length, accepted.len());
            assert_eq!(said(&known), said(&read.accepted));
            let others = prepared
                .offers
                .iter()
                .filter(|other| other.terms != offer.terms);
            assert!(
                others
                    .map(|other| other.known_in(&accepted))
                    .all(|known| known.is_none())
            );
            for at in 0..accepted.len() {
                assert!(
                    offer
                        .known_in(accepted.get(..at).unwrap_or_default())
                        .is_none()
                );
                let mut other = accepted.clone().into_bytes();
                other[at] = b'"';
                let is_same = other == accepted.as_bytes();
                let other = String::from_utf8_lossy(&other);
                assert_eq!(offer.known_in(&other).is_some(), is_same, "{other}");
            }
        }
    }
}

use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::{Arc, PoisonError, RwLock};

use super::frame::{Challenge, Frame, Why};
use super::seal::REFERENCE_LENGTH;
use super::template::{Holed, MARK, Tail};
use crate::facilitator::PaymentCall;
use crate::money::Network;
use crate::proto::v1;
use crate::proto::v2::{PaymentRequired, PaymentRequirements, ResourceInfo};
use crate::proto::{
    Accepted, AcceptedTerms, Object, RawJson, SupportedKind, SupportedResponse, Version, header,
};
use crate::scheme::{Extra, Offer};

/// What one thing costs: at least one offer, and everything that is said about it, encoded once.
///
/// An offer that needs something only the facilitator knows is left out until that is known; see [`Terms::prepare`].
#[derive(Debug)]
pub(crate) struct Terms {
    offers: Vec<Arc<Offer>>,
    listing: Arc<Listing>,
    /// The latest first. Buyers may still hold what earlier ones offered.
    prepared: RwLock<VecDeque<Arc<Prepared>>>,
}

/// How many earlier ones are remembered: a facilitator says something else every ten minutes at the most.
const MOST_PREPARED: usize = 3;

/// What a challenge says about the thing for sale beside its price.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listing {
    /// What every URL of the server begins with, where that is known beforehand.
    pub(crate) origin: Option<Arc<str>>,
    /// All but the URL.
    pub(crate) resource: ResourceInfo,
    pub(crate) extensions: Option<Object>,
    /// The value of `paymentFlow` in `extra`, if it has to be said.
    pub(crate) flow: Option<&'static str>,
    /// Whether clients of version 1 may pay.
    pub(crate) v1: bool,
}

/// The offers that can be made now, as bytes.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) offers: Vec<PreparedOffer>,
    tail: Tail,
    /// What nearly all challenges begin with, where the server is always the same.
    usual: Option<(Arc<str>, Frame)>,
}

/// One of the offers that are made.
#[derive(Clone, Debug)]
pub(crate) struct Pick {
    prepared: Arc<Prepared>,
    at: usize,
}

impl Deref for Pick {
    type Target = PreparedOffer;

    fn deref(&self) -> &PreparedOffer {
        &self.prepared.offers[self.at]
    }
}

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
    requirements_json: Holed,
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
    json: (String, String),
}

/// Which versions a facilitator takes a kind of payment in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spoken {
    /// Both, or it has not said.
    Any,
    V1,
    V2,
}

impl Terms {
    /// Terms with these offers, of which there is at least one.
    pub(crate) fn new(
        offers: Vec<Offer>,
        listing: Arc<Listing>,
        supported: Option<&SupportedResponse>,
    ) -> Result<Self, Vec<String>> {
        if offers.is_empty() {
            return Err(vec!["there is no offer".to_owned()]);
        }
        if listing.flow.is_some()
            && let Some(metered) = offers.iter().find(|offer| offer.scheme.is_metered())
        {
            return Err(vec![format!(
                "`{}` cannot be settled before the handler runs: nobody knows then how much is used",
                metered.scheme.name()
            )]);
        }
        let offers: Vec<_> = offers.into_iter().map(Arc::new).collect();
        let prepared = Prepared::new(&offers, &listing, supported)?;
        let prepared = RwLock::new(VecDeque::from([Arc::new(prepared)]));
        Ok(Self {
            offers,
            listing,
            prepared,
        })
    }

    /// Encodes everything anew with what the facilitator says now.
    pub(crate) fn prepare(&self, supported: &SupportedResponse) -> Result<(), Vec<String>> {
        let prepared = Prepared::new(&self.offers, &self.listing, Some(supported))?;
        let mut all = self
            .prepared
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        all.push_front(Arc::new(prepared));
        all.truncate(MOST_PREPARED);
        Ok(())
    }

    /// What is offered now.
    pub(crate) fn now(&self) -> Arc<Prepared> {
        let all = self.prepared.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&all[0])
    }

    /// What is offered now, and what was not long ago; the latest first.
    pub(crate) fn lately(&self) -> Vec<Arc<Prepared>> {
        let all = self.prepared.read().unwrap_or_else(PoisonError::into_inner);
        all.iter().cloned().collect()
    }

    /// All offers, those that cannot be made yet among them.
    pub(crate) fn offers(&self) -> &[Arc<Offer>] {
        &self.offers
    }
}

impl Prepared {
    fn new(
        offers: &[Arc<Offer>],
        listing: &Listing,
        supported: Option<&SupportedResponse>,
    ) -> Result<Self, Vec<String>> {
        let mut prepared = Vec::with_capacity(offers.len());
        let mut problems = Vec::new();
        let mut v1_networks: Vec<&Network> = Vec::new();
        for offer in offers {
            let network = &offer.asset.network;
            // A payment of version 1 names no token, so there can be only one on each network.
            let v1 = listing.v1
                && !v1_networks.contains(&network)
                && offer.scheme.is_sayable_in_v1(offer);
            match PreparedOffer::new(offer, listing, supported, v1) {
                Ok(Some(offer)) => {
                    if offer.v1.is_some() {
                        v1_networks.push(network);
                    }
                    prepared.push(offer);
                }
                Ok(None) => {
                    crate::log::warning!(
                        "an option is left out of challenges: the facilitator has not said what it needs";
                        scheme = offer.scheme.name(), network = network,
                    );
                }
                Err(problem) => problems.push(problem),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut all = Self {
            tail: tail(&prepared, listing).map_err(|error| vec![error.to_string()])?,
            offers: prepared,
            usual: None,
        };
        if let Some(origin) = &listing.origin {
            let frame = Frame::new(&Why::UNPAID, origin, all.entries());
            all.usual = Some((origin.clone(), frame));
        }
        Ok(all)
    }

    /// One of the offers.
    pub(crate) const fn nth(self: Arc<Self>, at: usize) -> Pick {
        Pick { prepared: self, at }
    }

    /// The first offer that fits.
    pub(crate) fn pick(self: Arc<Self>, fits: impl FnMut(&PreparedOffer) -> bool) -> Option<Pick> {
        let at = self.offers.iter().position(fits)?;
        Some(Pick { prepared: self, at })
    }

    /// Whether there is anything to ask for.
    pub(crate) fn is_empty(&self) -> bool {
        self.offers.is_empty()
    }

    /// The challenge of a request to this target of a server.
    pub(crate) fn challenge(
        &self,
        why: &Why<'_>,
        origin: &str,
        target: &str,
        reference: impl FnMut(usize) -> [u8; REFERENCE_LENGTH],
    ) -> Challenge {
        match &self.usual {
            Some((usual, frame)) if *why == Why::UNPAID && **usual == *origin => {
                frame.challenge(target, &self.tail, reference)
            }
            _ => {
                let frame = Frame::new(why, origin, self.entries());
                frame.challenge(target, &self.tail, reference)
            }
        }
    }

    /// The entries of a demand of version 1, each cut at the URL.
    fn entries(&self) -> impl Iterator<Item = &(String, String)> {
        let sayable = self.offers.iter().filter_map(|offer| offer.v1.as_ref());
        sayable.map(|v1| &v1.json)
    }

    /// About how long the value of `PAYMENT-REQUIRED` is, and that of the `PAYMENT-SIGNATURE` that answers it.
    pub(crate) fn sizes(&self, listing: &Listing, origin: &str) -> (usize, usize) {
        const TARGET: usize = 100;
        let url = origin.len() + TARGET;
        let frame = Frame::new(&Why::UNPAID, origin, self.entries());
        let challenge = frame.length(TARGET, &self.tail);
        // Clients send back the resource, the extensions and the offer that they take.
        let json = |value: Result<String, serde_json::Error>| value.map_or(0, |json| json.len());
        let echoed = json(serde_json::to_string(&listing.resource))
            + json(serde_json::to_string(&listing.extensions))
            + self
                .offers
                .iter()
                .map(|offer| offer.requirements_json.fill("").map(str::len).sum())
                .max()
                .unwrap_or(0);
        const SIGNED: usize = 600;
        (challenge, (echoed + url + SIGNED) * 4 / 3)
    }
}

impl PreparedOffer {
    fn new(
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

/// The key in `extra` under which a challenge has its reference.
pub(crate) const REFERENCE: &str = "ref";
const FLOW: &str = "paymentFlow";

/// Requirements with a hole for their reference.
fn marked(requirements: &PaymentRequirements) -> PaymentRequirements {
    let mut marked = requirements.clone();
    marked.extra = marked.extra.with_text(REFERENCE, MARK);
    marked
}

/// Everything of a challenge behind the URL of its resource.
fn tail(offers: &[PreparedOffer], listing: &Listing) -> Result<Tail, serde_json::Error> {
    let accepts = offers.iter().map(|offer| marked(&offer.requirements));
    let resource = ResourceInfo {
        url: String::new(),
        ..listing.resource.clone()
    };
    let mut message = PaymentRequired::new(resource, accepts.collect());
    message.extensions = listing.extensions.clone();
    let json = serde_json::to_string(&message)?;
    // The URL is the first member of the resource, which is the first that is written.
    const HEAD: &str = r#"{"x402Version":2,"resource":{"url":"""#;
    let behind = json.strip_prefix(HEAD).unwrap_or_default();
    Ok(Tail::new(&Holed::cut(behind)))
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

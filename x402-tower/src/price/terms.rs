use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::{Arc, PoisonError, RwLock};

use super::frame::{Challenge, Frame, Usual, Why};
use super::offer::{PreparedOffer, marked};
use super::seal::REFERENCE_LENGTH;
use super::template::{Holed, Tail};
use crate::money::Network;
use crate::proto::v2::{PaymentRequired, ResourceInfo};
use crate::proto::{Object, SupportedResponse};
use crate::scheme::Offer;

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
    usual: Option<Usual>,
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
            all.usual = Some(Usual::new(origin.clone(), frame));
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
            Some(usual) if *why == Why::UNPAID && usual.origin() == origin => {
                usual.challenge(target, &self.tail, reference)
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

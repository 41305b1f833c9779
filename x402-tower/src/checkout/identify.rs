//! Which payment it is that a buyer brings, whatever it is worth.

use std::sync::Arc;

use super::asked::Asked;
use super::policy::Pricing;
use super::refusal::Refusal;
use super::tender::Tender;
use crate::digest::Hasher;
use crate::facilitator::Reason;
use crate::ledger::Identity;
use crate::log::{self, Chain};
use crate::money::{Address, Asset};
use crate::scheme::{Authorization, Scheme};

/// A payment that could be one of ours: who signed what, with which token.
#[derive(Debug)]
pub(crate) struct Identified {
    pub(crate) scheme: Arc<dyn Scheme>,
    pub(crate) asset: Arc<Asset>,
    pub(crate) authorization: Authorization,
    pub(crate) identity: Identity,
}

/// What a payment may be: nearly always one thing, in which case no list is made.
#[derive(Debug)]
pub(super) struct Candidates {
    first: Identified,
    others: Vec<Identified>,
}

impl Candidates {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Identified> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// The one that there is, if it is the only one.
    pub(super) fn only(&self) -> Option<&Identified> {
        self.others.is_empty().then_some(&self.first)
    }

    pub(super) fn nth(&self, at: usize) -> &Identified {
        match at.checked_sub(1) {
            Some(at) => &self.others[at],
            None => &self.first,
        }
    }

    pub(super) fn into_nth(mut self, at: usize) -> Identified {
        match at.checked_sub(1) {
            Some(at) => self.others.swap_remove(at),
            None => self.first,
        }
    }
}

/// The reason for a payment that is for something else than what is asked for.
pub(super) const MISMATCH: Reason = Reason::new("no_matching_payment_requirements");

/// What a payment may be. Version 2 names its token; in version 1 it is one of those that the route could mean.
pub(super) fn identify(
    asked: &Asked,
    tender: &Tender<'_>,
    request: &Hasher,
) -> Result<Candidates, Refusal> {
    let reference = tender.own_reference(asked);
    let read = |(scheme, asset): (Arc<dyn Scheme>, Arc<Asset>)| {
        let authorization = scheme
            .read(&tender.presented, &asset.network, &asset.address)
            .map_err(|error| {
                log::info!("a payment cannot be read"; error = Chain(&error));
                Refusal::Unreadable("the payload is not one of its scheme")
            })?;
        let mut request = request.clone();
        request.part(authorization.payer.as_bytes());
        let Authorization { key, proof, .. } = authorization;
        Ok(Identified {
            identity: Identity::new(key, proof, request.finish(), reference),
            scheme,
            asset,
            authorization,
        })
    };
    if let Some(offer) = &tender.repeated {
        let offer = &offer.offer;
        let way = (Arc::clone(&offer.scheme), Arc::clone(&offer.asset));
        return Ok(Candidates {
            first: read(way)?,
            others: Vec::new(),
        });
    }
    let scheme = &tender.presented.accepted.scheme;
    let list = &asked.policy.till.list;
    let served = |asset: Arc<Asset>| Some((list.scheme(Some(scheme), &asset)?, asset));
    let mut ways = assets(asked, tender)
        .into_iter()
        .filter_map(served)
        .map(read);
    let first = ways.next().ok_or(Refusal::NotAccepted(MISMATCH))??;
    let others = ways.collect::<Result<_, _>>()?;
    Ok(Candidates { first, others })
}

/// The tokens that a payment may be made with.
fn assets(asked: &Asked, tender: &Tender<'_>) -> Vec<Arc<Asset>> {
    let accepted = &tender.presented.accepted;
    let registry = &asked.policy.till.list.registry;
    let Ok(network) = registry.network(&accepted.network) else {
        return Vec::new();
    };
    match (&accepted.terms, &asked.policy.pricing) {
        (Some(terms), _) => Address::read(&network, &terms.asset)
            .and_then(|address| registry.at(&network, &address))
            .into_iter()
            .cloned()
            .collect(),
        (None, Pricing::Fixed(terms)) => terms
            .offers()
            .iter()
            .map(|offer| &offer.asset)
            .filter(|asset| asset.network == network)
            .cloned()
            .collect(),
        (None, Pricing::Dynamic(_)) => registry.assets(&network).cloned().collect(),
    }
}

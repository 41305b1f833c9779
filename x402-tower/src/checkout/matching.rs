//! What the buyer accepted, against what the server asks for this request.

use std::sync::Arc;

use serde_json::Value;

use super::identify::Identified;
use crate::money::{Amount, Network};
use crate::price::{Pick, Prepared, PreparedOffer};
use crate::proto::{AcceptedTerms, Object, Presented, SupportedResponse};
use crate::scheme::{Flaw, Offer};

/// The offer that a payment is for.
pub(super) fn find(
    prepared: Arc<Prepared>,
    presented: &Presented<'_>,
    identified: &Identified,
    supported: Option<&SupportedResponse>,
) -> Option<Pick> {
    prepared.pick(|offer| match &presented.accepted.terms {
        Some(terms) => {
            is_accepted(offer, presented, terms) && has_our_extra(offer, terms, supported)
        }
        None => is_accepted_in_v1(offer, presented, identified),
    })
}

fn is_accepted_in_v1(
    offer: &PreparedOffer,
    presented: &Presented<'_>,
    identified: &Identified,
) -> bool {
    let (asset, paid) = (&offer.offer.asset, &identified.asset);
    offer.v1.is_some()
        && presented.accepted.scheme == *offer.scheme
        && asset.network == paid.network
        && asset.address == paid.address
}

/// Bytes first: most members come back as they were sent.
fn is_accepted(
    offer: &PreparedOffer,
    presented: &Presented<'_>,
    terms: &AcceptedTerms<'_>,
) -> bool {
    let [scheme, network, amount, asset, pay_to, _] = &offer.terms;
    let own = &*offer.offer;
    let accepted = &presented.accepted;
    accepted.scheme == *scheme
        && (accepted.network == *network
            || accepted
                .network
                .parse::<Network>()
                .is_ok_and(|network| network == own.asset.network))
        && (terms.amount == *amount
            || terms
                .amount
                .parse::<Amount>()
                .is_ok_and(|amount| amount == own.amount))
        && (terms.asset == *asset || own.asset.address.is_spelled(&terms.asset))
        && (terms.pay_to == *pay_to || own.pay_to.is_spelled(&terms.pay_to))
        && terms
            .max_timeout_seconds
            .is_none_or(|seconds| seconds == own.max_timeout_seconds)
}

/// Whether everything in our `extra` came back. A client may add to it.
fn has_our_extra(
    offer: &PreparedOffer,
    terms: &AcceptedTerms<'_>,
    supported: Option<&SupportedResponse>,
) -> bool {
    let theirs = terms.extra.map_or("{}", |extra| extra.get());
    if offer.reference_in(theirs).is_some() {
        return true;
    }
    let Ok(theirs) = serde_json::from_str::<Object>(theirs) else {
        return false;
    };
    let scheme = &offer.offer.scheme;
    offer.requirements.extra.iter().all(|(name, ours)| {
        theirs.get(name).is_some_and(|theirs| {
            is_same_json(ours.get(), theirs.get())
                || scheme.volatile().contains(&name)
                    && scheme.vouches_for(name, theirs.get(), supported)
        })
    })
}

fn is_same_json(a: &str, b: &str) -> bool {
    a == b
        || serde_json::from_str::<Value>(a)
            .ok()
            .zip(serde_json::from_str::<Value>(b).ok())
            .is_some_and(|(a, b)| a == b)
}

/// What is wrong with a payment for this offer, as far as can be told without asking anybody.
pub(super) fn flaw(identified: &Identified, offer: &Offer) -> Option<Flaw> {
    let authorization = &identified.authorization;
    if let Some(flaw) = authorization.flaw {
        return Some(flaw);
    }
    if let Some(flaw) = offer.scheme.misfit(authorization, offer) {
        return Some(flaw);
    }
    if authorization.amount != offer.amount {
        return Some(Flaw::Amount);
    }
    if authorization.pay_to != offer.pay_to {
        return Some(Flaw::Recipient);
    }
    match &authorization.asset {
        Some(asset) if *asset != offer.asset.address => Some(Flaw::Asset),
        Some(_) | None => None,
    }
}

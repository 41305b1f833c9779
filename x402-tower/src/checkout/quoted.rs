//! A price that moved between the challenge and its payment.

use std::sync::Arc;

use super::asked::Asked;
use super::identify::Candidates;
use super::matching;
use super::policy::Pricing;
use super::tender::Tender;
use crate::money::{Address, Amount};
use crate::price::{Pick, Prepared, Terms};
use crate::proto::{Object, SupportedResponse};
use crate::scheme::Offer;

/// The offer that a payment is for, and the place of the candidate that it is then. It is an offer that is made now, or was not
/// long ago; failing that, the one that was made for the same request.
pub(super) fn find(
    asked: &Asked,
    tender: &Tender<'_>,
    terms: &Terms,
    candidates: &Candidates,
    supported: Option<&SupportedResponse>,
) -> Option<(usize, Pick)> {
    if let Some(offer) = &tender.repeated {
        return Some((0, offer.clone()));
    }
    let find_in = |prepared: Arc<Prepared>| {
        candidates.iter().enumerate().find_map(|(at, candidate)| {
            let prepared = Arc::clone(&prepared);
            let offer = matching::find(prepared, &tender.presented, candidate, supported)?;
            Some((at, offer))
        })
    };
    let lately = terms.lately().into_iter().find_map(find_in);
    lately.or_else(|| find_in(earlier(asked, tender, candidates, supported)?))
}

/// The offer that the payment's reference was made for. Nothing of it is remembered: the reference vouches for what the
/// buyer says it was.
fn earlier(
    asked: &Asked,
    tender: &Tender<'_>,
    candidates: &Candidates,
    supported: Option<&SupportedResponse>,
) -> Option<Arc<Prepared>> {
    let Pricing::Dynamic(dynamic) = &asked.policy.pricing else {
        return None;
    };
    let candidate = candidates.only()?;
    let terms = tender.presented.accepted.terms.as_ref()?;
    let opened = tender.open(asked, terms)?;
    if asked.policy.till.now() > opened.issued + dynamic.window {
        return None;
    }
    let offer = Offer {
        scheme: Arc::clone(&candidate.scheme),
        asset: Arc::clone(&candidate.asset),
        amount: terms.amount.parse::<Amount>().ok()?,
        pay_to: Address::read(&candidate.asset.network, &terms.pay_to)?,
        max_timeout_seconds: terms.max_timeout_seconds?,
        extra: Object::new(),
    };
    let listing = Arc::clone(&asked.policy.listing);
    Terms::new(vec![offer], listing, supported)
        .ok()
        .map(|terms| terms.now())
}

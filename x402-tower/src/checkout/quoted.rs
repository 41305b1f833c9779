//! A price that moved between the challenge and its payment.

use std::sync::Arc;

use super::asked::Asked;
use super::identify::{Identified, reference_text};
use super::matching;
use super::policy::Pricing;
use crate::money::{Address, Amount};
use crate::price::{Prepared, Terms};
use crate::proto::{Object, Presented, SupportedResponse};
use crate::scheme::Offer;

/// The offers to look for a payment in: those that are made now or were not long ago or, if it fits none of them, the one
/// that was made for the same request.
pub(super) fn offers(
    asked: &Asked,
    presented: &Presented<'_>,
    terms: &Terms,
    candidates: &[Identified],
    supported: Option<&SupportedResponse>,
) -> Option<Arc<Prepared>> {
    let fits = |prepared: &Prepared| {
        candidates
            .iter()
            .any(|candidate| matching::find(prepared, presented, candidate, supported).is_some())
    };
    let now = terms.now();
    if fits(&now) {
        return Some(now);
    }
    let mut others = terms.lately();
    others.extend(earlier(asked, presented, candidates, supported));
    others.into_iter().find(|prepared| fits(prepared))
}

/// The offer that the payment's reference was made for. Nothing of it is remembered: the reference vouches for what the
/// buyer says it was.
fn earlier(
    asked: &Asked,
    presented: &Presented<'_>,
    candidates: &[Identified],
    supported: Option<&SupportedResponse>,
) -> Option<Arc<Prepared>> {
    let Pricing::Dynamic(dynamic) = &asked.policy.pricing else {
        return None;
    };
    let [candidate] = candidates else { return None };
    let accepted = &presented.accepted;
    let terms = accepted.terms.as_ref()?;
    let seconds = terms.max_timeout_seconds?;
    let purpose_of = [
        &*accepted.scheme,
        &*accepted.network,
        &*terms.amount,
        &*terms.asset,
        &*terms.pay_to,
        &*seconds.to_string(),
    ];
    let till = &asked.policy.till;
    let opened = till.seal.open(
        &reference_text(presented)?,
        &asked.place().purpose(&purpose_of),
    )?;
    if till.now() > opened.issued + dynamic.window {
        return None;
    }
    let offer = Offer {
        scheme: Arc::clone(&candidate.scheme),
        asset: candidate.asset.clone(),
        amount: terms.amount.parse::<Amount>().ok()?,
        pay_to: Address::read(&candidate.network, &terms.pay_to)?,
        max_timeout_seconds: seconds,
        extra: Object::new(),
    };
    let listing = Arc::clone(&asked.policy.listing);
    Terms::new(vec![offer], listing, supported)
        .ok()
        .map(|terms| terms.now())
}

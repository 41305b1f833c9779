//! What the facilitator is asked about a payment.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::asked::Asked;
use super::tender::Tender;
use crate::facilitator::PaymentCall;
use crate::price::{PreparedOffer, Spoken};
use crate::proto::{Presented, Version, v1, v2};

/// The question about this payment for this offer, in a version that the facilitator speaks. One signature is good in
/// both versions; only what is around it differs.
pub(super) fn call(
    asked: &Asked,
    tender: &Tender<'_>,
    offer: &PreparedOffer,
) -> Result<PaymentCall, serde_json::Error> {
    let presented = &tender.presented;
    let version = match (offer.spoken, presented.version) {
        (Spoken::V1, Version::V2) if offer.v1.is_some() => Version::V1,
        (Spoken::V2, Version::V1) => Version::V2,
        (_, version) => version,
    };
    let payload = payload(presented, offer, version)?;
    match (version, &offer.v1, &tender.reference) {
        (Version::V1, Some(v1), _) => {
            let requirements = v1.requirements_json(&asked.place().origin(), &asked.target);
            Ok(PaymentCall::new(version, &payload, &requirements))
        }
        // Letter by letter what was prepared.
        (_, _, Some(reference)) if tender.repeated.is_some() => Ok(offer.call(&payload, reference)),
        _ => {
            let terms = presented.accepted.terms.as_ref();
            let requirements = offer.requirements_for(terms.and_then(|terms| terms.extra))?;
            Ok(PaymentCall::new(version, &payload, &requirements))
        }
    }
}

/// The payment as it came, or the same signature as another version writes it.
fn payload<'a>(
    presented: &Presented<'a>,
    offer: &PreparedOffer,
    version: Version,
) -> Result<Cow<'a, str>, serde_json::Error> {
    let inner = || RawValue::from_string(presented.payload.get().to_owned());
    match (presented.version, version, &offer.v1) {
        (Version::V1, Version::V2, _) => {
            let payment = v2::PaymentPayload::new(offer.requirements.clone(), inner()?);
            serde_json::to_string(&payment).map(Cow::Owned)
        }
        (Version::V2, Version::V1, Some(v1)) => {
            let scheme = offer.offer.scheme.name();
            let payment = v1::PaymentPayload::new(scheme, v1.network, inner()?);
            serde_json::to_string(&payment).map(Cow::Owned)
        }
        _ => Ok(Cow::Borrowed(presented.json)),
    }
}

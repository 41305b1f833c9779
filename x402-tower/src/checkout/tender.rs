//! A payment header, decoded and read in place.

use std::borrow::Cow;
use std::sync::Arc;

use super::asked::Asked;
use super::policy::Pricing;
use super::refusal::Refusal;
use crate::ledger::Reference;
use crate::log::{self, Chain};
use crate::price::{Opened, Pick, Prepared, PreparedOffer, Purpose, REFERENCE};
use crate::proto::header::HeaderError;
use crate::proto::{AcceptedTerms, Presented, Reader, Version, header};

/// What a buyer brings to pay with, before it is judged.
#[derive(Debug)]
pub(super) struct Tender<'a> {
    pub(super) presented: Presented<'a>,
    /// What stands where our challenges have their reference.
    pub(super) reference: Option<Cow<'a, str>>,
    /// The route's own offer, if that is what the buyer repeats letter by letter. Nearly all do.
    pub(super) repeated: Option<Pick>,
}

/// What is in a payment header, which should be JSON.
pub(super) fn decode(value: &[u8], limit: usize) -> Result<Vec<u8>, Refusal> {
    header::decode_bytes(value, limit).map_err(|error| unreadable(&error))
}

fn unreadable(error: &HeaderError) -> Refusal {
    log::info!("a payment header cannot be read"; error = Chain(error));
    if error.is_too_large() {
        Refusal::HeaderTooLarge
    } else {
        Refusal::Unreadable(error.summary())
    }
}

impl<'a> Tender<'a> {
    /// Reads the JSON of a payment header, on a route with these offers if it has some that are always the same.
    pub(super) fn read(
        version: Version,
        json: &'a [u8],
        offers: Option<&'a Arc<Prepared>>,
    ) -> Result<Self, Refusal> {
        let mut repeated = None;
        let know = |text| {
            let known = |(at, offer): (usize, &'a PreparedOffer)| Some((at, offer.known_in(text)?));
            let (at, known) = offers?.offers.iter().enumerate().find_map(known)?;
            repeated = Some(Arc::clone(offers?).nth(at));
            Some(known)
        };
        let presented =
            Presented::read_knowing(version, json, know).map_err(|error| unreadable(&error))?;
        // The same words can stand in another order.
        let repeated = repeated.or_else(|| {
            let offers = Arc::clone(offers?);
            offers.pick(|offer| offer.is_repeated(&presented.accepted))
        });
        let extra = presented
            .accepted
            .terms
            .as_ref()
            .and_then(|terms| terms.extra);
        let reference = extra.and_then(|extra| match &repeated {
            Some(offer) => offer.reference_in(extra.get()).map(Cow::Borrowed),
            None => reference(extra.get()),
        });
        Ok(Self {
            presented,
            reference,
            repeated,
        })
    }

    /// The reference of our own challenge, if it is one.
    pub(super) fn own_reference(&self, asked: &Asked) -> Option<Reference> {
        let opened = self.open(asked, self.presented.accepted.terms.as_ref()?)?;
        Some(opened.reference)
    }

    /// Opens the reference as one that was made for these terms.
    pub(super) fn open(&self, asked: &Asked, terms: &AcceptedTerms<'_>) -> Option<Opened> {
        let text = self.reference.as_deref()?;
        let seal = &asked.policy.till.seal;
        if let Pricing::Fixed(_) = asked.policy.pricing {
            return seal.open(text, &Purpose::Challenge);
        }
        let seconds = terms
            .max_timeout_seconds
            .map(|seconds| seconds.to_string())
            .unwrap_or_default();
        let place = asked.place();
        let purpose = place.quote([
            &self.presented.accepted.scheme,
            &self.presented.accepted.network,
            &terms.amount,
            &terms.asset,
            &terms.pay_to,
            &seconds,
        ]);
        seal.open(text, &purpose)
    }
}

fn reference(extra: &str) -> Option<Cow<'_, str>> {
    let mut reference = None;
    let read = Reader::all(extra, |reader| {
        reader.object(|reader, name| match name {
            REFERENCE => reader.once(&mut reference, |reader| reader.optional(Reader::text)),
            _ => reader.skip(),
        })
    });
    read.ok().and(reference.flatten())
}

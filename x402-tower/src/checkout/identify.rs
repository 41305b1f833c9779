//! From a payment header to who signed what: before terms, prices or times are looked at.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;

use super::asked::Asked;
use super::policy::Pricing;
use super::refusal::Refusal;
use crate::digest::Hasher;
use crate::facilitator::Reason;
use crate::ledger::{Identity, Reference};
use crate::log::{self, Chain};
use crate::money::{Address, Asset, Network};
use crate::price::Terms;
use crate::proto::header::HeaderError;
use crate::proto::{Presented, Version, header};
use crate::scheme::{Authorization, Scheme};

/// The JSON of a payment header.
pub(super) fn decode(value: &[u8], limit: usize) -> Result<Vec<u8>, Refusal> {
    header::decode_json(value, limit).map_err(|error| unreadable(&error))
}

/// The payment in that JSON.
pub(super) fn present(version: Version, json: &[u8]) -> Result<Presented<'_>, Refusal> {
    Presented::read(version, json).map_err(|error| unreadable(&error))
}

fn unreadable(error: &HeaderError) -> Refusal {
    log::info!("a payment header cannot be read"; error = Chain(error));
    if error.is_too_large() {
        Refusal::HeaderTooLarge
    } else {
        Refusal::Unreadable(error.summary())
    }
}

/// A payment that could be one of ours: who signed what, with which token.
#[derive(Debug)]
pub(super) struct Identified {
    pub(super) scheme: Arc<dyn Scheme>,
    pub(super) network: Network,
    pub(super) asset: Asset,
    pub(super) authorization: Authorization,
    pub(super) identity: Identity,
}

/// The reason for a payment that is for something else than what is asked for.
pub(super) const MISMATCH: Reason = Reason::new("no_matching_payment_requirements");

/// What a payment may be. Version 2 names its token; in version 1 it is one of those that the route could mean.
pub(super) fn identify(
    asked: &Asked,
    presented: &Presented<'_>,
    request: &Hasher,
) -> Result<Vec<Identified>, Refusal> {
    let list = &asked.policy.till.list;
    let not_ours = || Refusal::NotAccepted(MISMATCH);
    let network = list
        .registry
        .network(&presented.accepted.network)
        .map_err(|_| not_ours())?;
    let assets: Vec<Asset> = match &presented.accepted.terms {
        Some(terms) => {
            let address = Address::read(&network, &terms.asset).ok_or_else(not_ours)?;
            list.registry.at(&network, &address).into_iter().collect()
        }
        None => match &asked.policy.pricing {
            Pricing::Fixed(terms) => assets_in_v1(terms, &network),
            Pricing::Dynamic(_) => list.registry.assets(&network).collect(),
        },
    };
    let reference = reference(asked, presented);
    let mut identified = Vec::with_capacity(assets.len());
    for asset in assets {
        let Some(scheme) = list.scheme(Some(&presented.accepted.scheme), &asset) else {
            continue;
        };
        let authorization = scheme
            .read(presented, &network, &asset.address)
            .map_err(|error| {
                log::info!("a payment cannot be read"; error = Chain(&error));
                Refusal::Unreadable("the payload is not one of its scheme")
            })?;
        let mut request = request.clone();
        request.part(authorization.payer.to_string().as_bytes());
        let identity = Identity::new(
            authorization.key,
            authorization.proof,
            request.finish(),
            reference,
        );
        identified.push(Identified {
            scheme,
            network: network.clone(),
            asset,
            authorization,
            identity,
        });
    }
    if identified.is_empty() {
        Err(not_ours())
    } else {
        Ok(identified)
    }
}

fn assets_in_v1(terms: &Terms, network: &Network) -> Vec<Asset> {
    let assets = terms.offers().iter().map(|offer| &offer.asset);
    assets
        .filter(|asset| asset.network == *network)
        .cloned()
        .collect()
}

/// The reference of our own challenge, if the payment brings one back.
fn reference(asked: &Asked, presented: &Presented<'_>) -> Option<Reference> {
    let text = reference_text(presented)?;
    let terms = presented.accepted.terms.as_ref()?;
    let seconds = terms
        .max_timeout_seconds
        .map(|seconds| seconds.to_string())
        .unwrap_or_default();
    let place = asked.place();
    let purpose = place.purpose(&[
        &presented.accepted.scheme,
        &presented.accepted.network,
        &terms.amount,
        &terms.asset,
        &terms.pay_to,
        &seconds,
    ]);
    asked
        .policy
        .till
        .seal
        .open(&text, &purpose)
        .map(|opened| opened.reference)
}

/// What stands where our challenge has its reference.
pub(super) fn reference_text<'a>(presented: &Presented<'a>) -> Option<Cow<'a, str>> {
    #[derive(Deserialize)]
    struct Extra<'a> {
        #[serde(borrow, default, rename = "ref")]
        reference: Option<Cow<'a, str>>,
    }

    let extra = presented.accepted.terms.as_ref()?.extra?;
    serde_json::from_str::<Extra<'a>>(extra.get())
        .ok()?
        .reference
}

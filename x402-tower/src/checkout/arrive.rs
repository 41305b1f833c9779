//! The first look at a request: nothing is asked of anybody, and nothing waits.

use std::sync::Arc;

use http::{HeaderName, HeaderValue, Method, header};

use super::admit::{Admission, Paying};
use super::asked::{Asked, Place, is_preflight};
use super::known::Body;
use super::policy::{Policy, Pricing};
use super::refusal::Refusal;
use super::reply::{self, Reply};
use crate::Digest;
use crate::digest::Hasher;
use crate::log;
use crate::price::{Head, RequestHead};
use crate::proto::Version;
use crate::till::Origin;

/// What becomes of a request at first sight.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "it is taken apart where it is made; a box would cost more"
)]
pub(crate) enum Arrival {
    /// Let it through.
    Free,
    /// Let it through, but not what is for sale back: a browser asks whether it may ask.
    Preflight,
    /// Answer it.
    Reply(Reply),
    /// Find out what it costs: [`ask`].
    Price(Asked),
    /// It brings a payment: [`admit`](super::admit).
    Pay(Box<Paying>),
}

/// The payment headers of a request, taken out of it: until it is settled a payment can be spent by whoever reads it, and
/// after that it is none of a handler's business.
#[derive(Debug, Default)]
pub(crate) struct Brought {
    /// `PAYMENT-SIGNATURE`.
    pub(crate) v2: Option<HeaderValue>,
    /// `X-PAYMENT`.
    pub(crate) v1: Option<HeaderValue>,
    /// Whether one of them was there more than once.
    pub(crate) twice: bool,
}

impl Brought {
    /// The one payment of a request.
    fn payment(self) -> Result<Option<(Version, HeaderValue)>, Refusal> {
        match (self.v2, self.v1, self.twice) {
            (_, _, true) => Err(Refusal::Unreadable("there is more than one payment header")),
            (Some(_), Some(_), false) => Err(Refusal::Unreadable(
                "there are payments of both versions of the protocol",
            )),
            (Some(value), None, false) => Ok(Some((Version::V2, value))),
            (None, Some(value), false) => Ok(Some((Version::V1, value))),
            (None, None, false) => Ok(None),
        }
    }
}

/// Looks at a request without its payment headers. `own` is asked for the whole head if a price function needs it:
/// without one, such a price is not known.
pub(crate) fn arrive(
    policy: &Arc<Policy>,
    head: &Head<'_>,
    brought: Brought,
    body_is_empty: bool,
    own: impl FnOnce() -> Option<RequestHead>,
) -> Arrival {
    if policy.free_when.as_ref().is_some_and(|free| free(head)) {
        return Arrival::Free;
    }
    if is_preflight(head) {
        return if policy.alone {
            Arrival::Reply(Reply::nothing())
        } else {
            Arrival::Preflight
        };
    }
    if head.is_sold() {
        log::error!("a price inside of another one: a request is paid for once"; path = head.path());
        return Arrival::Reply(Reply::failed());
    }
    let payment = match brought.payment() {
        Ok(payment) => payment,
        Err(refusal) => return Arrival::Reply(reply::reply(&refusal, None)),
    };
    let host = match policy.till.origin {
        Origin::Fixed(_) => None,
        Origin::Host(_) => head.host(),
    };
    match (payment, &policy.pricing) {
        (None, Pricing::Fixed(terms)) => {
            let place = Place {
                policy,
                method: head.method(),
                target: head.target(),
                host,
                named: None,
                version: None,
            };
            Arrival::Reply(place.challenge(&Refusal::PaymentRequired, &terms.now()))
        }
        (None, Pricing::Dynamic(_)) => Arrival::Price(asked(policy, head, host, None, own)),
        (Some((version, value)), _) => {
            if value.len() > policy.till.limits.header {
                return Arrival::Reply(reply::reply(&Refusal::HeaderTooLarge, Some(version)));
            }
            let permit = match policy.till.flights.take_off() {
                Ok(permit) => permit,
                Err(refusal) => return Arrival::Reply(reply::reply(&refusal, Some(version))),
            };
            Arrival::Pay(Box::new(Paying {
                header: value,
                request: request(policy, head, host),
                asked: asked(policy, head, host, Some(version), own),
                version,
                body: if body_is_empty {
                    Body::Empty
                } else {
                    Body::There(Vec::new())
                },
                room: permit.into(),
            }))
        }
    }
}

/// Answers a request without a payment on a route whose price depends on the request.
pub(crate) async fn ask(asked: Asked) -> Admission {
    match asked.policy.terms(asked.head.as_ref()).await {
        Ok(Some(terms)) => {
            let reply = asked
                .place()
                .challenge(&Refusal::PaymentRequired, &terms.now());
            Admission::Reply(Box::new(reply))
        }
        Ok(None) => Admission::Free,
        Err(refusal) => Admission::Reply(Box::new(reply::reply(&refusal, None))),
    }
}

/// Headers that always tell one request from another with the same URL: credentials, and how much of it is wanted.
pub(crate) const TELLING: [HeaderName; 3] = [header::AUTHORIZATION, header::RANGE, header::COOKIE];

/// Who asks for what, but for the payer: two requests are one if this is the same.
fn request(policy: &Policy, head: &Head<'_>, host: Option<&str>) -> Hasher {
    let mut request = Hasher::new();
    // The same is asked for by HEAD as by GET.
    let method = if head.method() == "HEAD" {
        "GET"
    } else {
        head.method()
    };
    request.part(method.as_bytes());
    request.part(server(policy, host).as_bytes());
    request.part(head.target().as_bytes());
    distinctions(&mut request, policy, head, &TELLING);
    request
}

/// What a price that was told holds for, but for method and target. Cookies can come with the challenge itself, so they
/// are left to sellers who know that their prices depend on them.
fn named(policy: &Policy, head: &Head<'_>, host: Option<&str>) -> Digest {
    let mut named = Hasher::new();
    named.part(server(policy, host).as_bytes());
    let [authorization_and_range @ .., _cookie] = &TELLING;
    distinctions(&mut named, policy, head, authorization_and_range);
    named.finish()
}

/// The server that is asked. Several can share a ledger and a secret.
fn server<'a>(policy: &'a Policy, host: Option<&'a str>) -> &'a str {
    match &policy.till.origin {
        Origin::Fixed(origin) => origin,
        Origin::Host(_) => host.unwrap_or_default(),
    }
}

/// What makes another request of one with the same method and target.
fn distinctions(digest: &mut Hasher, policy: &Policy, head: &Head<'_>, always: &[HeaderName]) {
    let always = if head.has_telling() { always } else { &[] };
    for name in always.iter().chain(&policy.distinguishing) {
        header_part(digest, head, name);
    }
    // Where there are several, somebody inside may look at another than the first.
    if matches!(policy.till.origin, Origin::Host(_))
        && head.header_values(&header::HOST).nth(1).is_some()
    {
        header_part(digest, head, &header::HOST);
    }
    if let Some(authority) = head.authority()
        && names_another(policy, head, authority)
    {
        // No header is called so.
        digest.part(b":authority");
        digest.part(authority.as_bytes());
    }
}

/// Whether an authority tells of another server than what is told of it anyway. Where `Host` counts, so does what may be
/// in its place; where it does not, only what is asked of a proxy is meant as it is said.
fn names_another(policy: &Policy, head: &Head<'_>, authority: &str) -> bool {
    let counts_host = match policy.till.origin {
        Origin::Fixed(_) => policy.distinguishing.contains(&header::HOST),
        Origin::Host(_) => true,
    };
    if counts_host {
        head.host() != Some(authority)
    } else {
        head.is_for_proxies()
    }
}

fn header_part(digest: &mut Hasher, head: &Head<'_>, name: &HeaderName) {
    if head.header(name).is_none() {
        return;
    }
    digest.part(name.as_str().as_bytes());
    let values = head.header_values(name);
    if *name == header::COOKIE {
        // HTTP/2 may send each cookie by itself.
        let cookies: Vec<&[u8]> = values.collect();
        digest.part(&cookies.join(&b"; "[..]));
    } else {
        // Or the last of them could be taken for the name of the next header, and its value.
        digest.part(&head.header_values(name).count().to_be_bytes());
        values.for_each(|value| digest.part(value));
    }
}

fn asked(
    policy: &Arc<Policy>,
    head: &Head<'_>,
    host: Option<&str>,
    version: Option<Version>,
    own: impl FnOnce() -> Option<RequestHead>,
) -> Asked {
    let is_dynamic = matches!(policy.pricing, Pricing::Dynamic(_));
    Asked {
        policy: Arc::clone(policy),
        // What a server has let through is a method.
        method: Method::from_bytes(head.method().as_bytes()).unwrap_or_default(),
        target: head.own_target(),
        host: host.map(Into::into),
        head: is_dynamic.then(own).flatten(),
        named: is_dynamic.then(|| named(policy, head, host)),
        version,
    }
}

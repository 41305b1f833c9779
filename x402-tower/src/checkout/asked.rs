use std::borrow::Cow;
use std::sync::Arc;

use http::{Method, header};
use serde::Deserialize;

use super::policy::{Policy, Pricing};
use super::refusal::Refusal;
use super::reply::{self, Reply};
use crate::Digest;
use crate::price::{Head, Prepared, Purpose, RequestHead, Target, Terms};
use crate::proto::{Presented, Version};
use crate::till::Origin;

/// What was asked for: as much of a request as it takes to answer it without a handler.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) policy: Arc<Policy>,
    pub(crate) method: Method,
    /// Path and query, as the client asked for them.
    pub(crate) target: Target,
    /// What the client says in `Host`, where that is trusted.
    pub(crate) host: Option<Box<str>>,
    /// For price functions.
    pub(crate) head: Option<RequestHead>,
    /// What a price function's price holds for, beside method and target.
    pub(crate) named: Option<Digest>,
    /// The version of the payment that came with it.
    pub(crate) version: Option<Version>,
}

/// The same, borrowed.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) policy: &'a Policy,
    pub(super) method: &'a str,
    pub(super) target: &'a str,
    pub(super) host: Option<&'a str>,
    pub(super) named: Option<&'a Digest>,
    pub(super) version: Option<Version>,
}

impl Asked {
    pub(super) fn place(&self) -> Place<'_> {
        Place {
            policy: &self.policy,
            method: self.method.as_str(),
            target: &self.target,
            host: self.host.as_deref(),
            named: self.named.as_ref(),
            version: self.version,
        }
    }

    /// The target without its query, which may hold secrets.
    pub(super) fn path(&self) -> &str {
        let path = self.target.split('?').next();
        path.unwrap_or_default()
    }

    /// Whether the method promises to change nothing.
    pub(crate) fn is_safe(&self) -> bool {
        self.method.is_safe()
    }

    /// The answer to a request that is refused. `terms` are what it costs, if that is known by now.
    pub(crate) async fn refuse(&self, refusal: Refusal, terms: Option<&Arc<Terms>>) -> Reply {
        if !reply::wants_challenge(&refusal) {
            return reply::reply(&refusal, self.version);
        }
        let terms = match terms {
            Some(terms) => Ok(Some(Arc::clone(terms))),
            None => self.policy.terms(self.head.as_ref()).await,
        };
        match terms {
            Ok(Some(terms)) => self.place().challenge(&refusal, &terms.now()),
            // It was refused for money and has become free: nothing can be asked for.
            Ok(None) => reply::reply(&refusal, self.version),
            Err(other) => reply::reply(&other, self.version),
        }
    }
}

impl<'a> Place<'a> {
    /// What stands before the target in a URL of this server.
    pub(super) fn origin(&self) -> Cow<'a, str> {
        match (&self.policy.till.origin, self.host) {
            (Origin::Fixed(origin), _) => Cow::Borrowed(origin),
            (Origin::Host(scheme), Some(host)) => Cow::Owned(format!("{scheme}://{host}")),
            (Origin::Host(scheme), None) => Cow::Owned(format!("{scheme}://localhost")),
        }
    }

    /// The answer that asks for money.
    pub(super) fn challenge(&self, refusal: &Refusal, prepared: &Prepared) -> Reply {
        let till = &self.policy.till;
        let now = till.now();
        till.supported.refresh(now);
        if prepared.is_empty() {
            crate::log::warning!(
                "nothing can be asked for: the facilitator has not said what the options need"
            );
            return reply::reply(&Refusal::Unavailable, self.version);
        }
        let issue = till.seal.issue(now);
        let why = reply::why(refusal);
        let challenge = prepared.challenge(&why, &self.origin(), self.target, |offer| {
            let purpose = match self.policy.pricing {
                Pricing::Fixed(_) => Purpose::Challenge,
                Pricing::Dynamic(_) => {
                    let terms = prepared.offers[offer].terms.each_ref();
                    self.quote(terms.map(String::as_str))
                }
            };
            issue.reference(&purpose)
        });
        reply::challenge(refusal, self.version, challenge)
    }

    /// What the references of challenges are good for where prices move: these terms, and this request.
    pub(super) fn quote<'b>(&'b self, terms: [&'b str; 6]) -> Purpose<'b> {
        Purpose::Quote {
            request: [
                self.method.as_bytes(),
                self.target.as_bytes(),
                self.named.map_or(&[][..], |named| named.as_bytes()),
            ],
            terms: terms.map(str::as_bytes),
        }
    }

    /// Whether the client means this resource by what it says.
    pub(super) fn is_named_by(&self, presented: &Presented<'_>) -> bool {
        #[derive(Deserialize)]
        struct Resource<'a> {
            #[serde(borrow)]
            url: Cow<'a, str>,
        }

        let named = presented
            .resource
            .map(|named| serde_json::from_str::<Resource<'_>>(named.get()));
        match named {
            Some(Ok(named)) => named
                .url
                .strip_prefix(&*self.origin())
                .is_some_and(|target| target == self.target),
            Some(Err(_)) | None => false,
        }
    }
}

/// Whether this is a browser's question whether it may ask: that is free, and never carries a payment.
pub(super) fn is_preflight(head: &Head<'_>) -> bool {
    head.method() == "OPTIONS"
        && head.header(&header::ORIGIN).is_some()
        && head
            .header(&header::ACCESS_CONTROL_REQUEST_METHOD)
            .is_some()
}

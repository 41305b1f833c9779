//! From a payment to the right to be served. Read it from top to bottom: this is the order in which things are looked at.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method};
use tokio::sync::OwnedSemaphorePermit;

use super::asked::Asked;
use super::first::{self, First};
use super::flights::{Flights, Room, Seat};
use super::guard::{Claim, Handover};
use super::identify::{self, Candidates, Identified};
use super::known::{Body, Claimant, Compared};
use super::meter::Meter;
use super::payer::Payer;
use super::payment::{Facts, Payment};
use super::policy::{Policy, Pricing};
use super::refusal::Refusal;
use super::reply::{Reply, reply, wants_challenge};
use super::tender::{self, Tender};
use super::verify::{Verified, verify};
use super::{call, matching, quoted, window};
use crate::Digest;
use crate::digest::Hasher;
use crate::facilitator::{Expected, PaymentCall, Reason};
use crate::ledger::{BodyDigest, Ledger as _, LedgerError, Receipt};
use crate::log::{self, Chain};
use crate::money::Amount;
use crate::price::{Pick, Terms};
use crate::proto::Version;
use crate::scheme::{Authorization, Flaw};
use crate::tasks::Task;

/// A request that brings a payment.
#[derive(Debug)]
pub(crate) struct Paying {
    pub(crate) asked: Asked,
    pub(crate) version: Version,
    pub(crate) header: HeaderValue,
    /// Who asks for what, but for the payer.
    pub(crate) request: Hasher,
    pub(crate) body: Body,
    pub(crate) room: Room,
}

impl Paying {
    /// How much body has to be read before this can be decided, if any.
    pub(crate) fn binds_body(&self) -> Option<u64> {
        self.asked
            .policy
            .bind_body
            .filter(|_| self.body != Body::Empty)
    }

    /// The longest body that is compared with an earlier one.
    pub(crate) fn longest_body(&self) -> u64 {
        self.asked.policy.till.limits.body
    }

    /// Whether this is a payment at all, as far as can be told at a glance.
    pub(crate) fn is_readable(&self) -> Result<(), Box<Reply>> {
        let most = self.asked.policy.till.limits.header;
        let read = tender::decode(self.header.as_bytes(), most)
            .and_then(|json| Tender::read(self.version, &json, None).map(drop));
        read.map_err(|refusal| Box::new(reply(&refusal, Some(self.version))))
    }

    /// Before its body is read: until that is over, the request is not on its way.
    pub(crate) fn load(&mut self) -> Result<(), Box<Reply>> {
        self.exchange(Flights::load)
    }

    /// When its body has been read.
    pub(crate) fn take_off(&mut self) -> Result<(), Box<Reply>> {
        self.exchange(Flights::take_off)
    }

    fn exchange(
        &mut self,
        room: impl FnOnce(&Flights) -> Result<OwnedSemaphorePermit, Refusal>,
    ) -> Result<(), Box<Reply>> {
        let permit = room(&self.asked.policy.till.flights);
        self.room.permit =
            permit.map_err(|refusal| Box::new(reply(&refusal, Some(self.version))))?;
        Ok(())
    }

    /// Makes the body part of what is asked for.
    pub(crate) fn bind_body(&mut self, digest: Digest) {
        // Some frameworks cannot tell an empty one from none before it is read.
        if digest != Hasher::new().finish() {
            self.request.part(digest.as_bytes());
        }
        self.body = Body::Bound;
    }

    /// The body has been compared with an earlier one.
    pub(crate) fn compared(&mut self, compared: Compared) {
        if let Body::There(all) = &mut self.body {
            all.push(compared);
        }
    }

    /// The answer if the body ends before its time.
    pub(crate) fn body_broke(&self) -> Reply {
        let refusal = Refusal::Unreadable("the body of the request broke off");
        reply(&refusal, Some(self.version))
    }

    /// The answer if more of the body would have to be read than is.
    pub(crate) fn body_too_long(&self) -> Reply {
        reply(&Refusal::BodyTooLarge, Some(self.version))
    }
}

/// What becomes of a request that brings a payment.
#[derive(Debug)]
pub(crate) enum Admission {
    /// It has become free.
    Free,
    /// Let the handler run, and settle if its answer is worth it.
    Serve(Sale),
    /// Let the handler run: the money has moved.
    Deliver(Box<Paid>),
    /// The request does not reach the handler.
    Reply(Box<Reply>),
    /// Compare the body of the request with this, and ask again.
    CompareBody(BodyDigest, Box<Paying>),
}

/// A payment that is claimed and found good: the right to be served.
#[derive(Debug)]
pub(crate) struct Sale {
    pub(crate) paying: Box<Paying>,
    pub(crate) good: Box<Good>,
    pub(crate) verified: Verified,
    pub(crate) claim: Claim,
    pub(crate) meter: Option<Meter>,
}

impl Sale {
    /// What the handler is to know.
    pub(crate) fn payment(&self) -> Payment {
        let Good {
            identified, amount, ..
        } = &*self.good;
        payment(&self.paying, identified, *amount, None, self.meter.clone())
    }

    /// Waits until the payment cannot be settled any more.
    pub(crate) fn lapse(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let policy = &self.paying.asked.policy;
        let till = &policy.till;
        let good = &self.good;
        let too_late = settle_before(policy, &good.identified.authorization);
        // Where the payment does not say how long it is good for, its claim ends all the same.
        let to_settle = Duration::from_secs(policy.budgets.to_settle());
        let too_late = too_late.min(good.usable_until.saturating_sub(to_settle));
        let left = too_late.saturating_sub(till.now());
        // A clock may end its pauses a little early.
        let a_bit = Duration::from_secs(1);
        till.pass(left.saturating_add(a_bit))
    }

    /// The answer if the handler has not got so far by then. Nothing is charged.
    pub(crate) fn lapsed(self) -> Reply {
        log::warning!("a handler takes so long that its answer cannot be paid for any more; it is stopped"; path = self.paying.asked.path());
        self.end_meter();
        let flaw = self.good.identified.scheme.name_flaw(Flaw::Expired);
        let refusal = Refusal::NotAccepted(Reason::new(flaw));
        let terms = self.good.terms.now();
        self.paying.asked.place().challenge(&refusal, &terms)
    }
}

/// A payment that fits what is asked for, as far as can be told without asking anybody.
#[derive(Debug)]
pub(crate) struct Good {
    pub(crate) identified: Identified,
    pub(crate) offer: Pick,
    pub(crate) terms: Arc<Terms>,
    pub(crate) call: PaymentCall,
    /// How much the call is about: all that was agreed to, until something else is metered.
    pub(crate) amount: Amount,
    pub(crate) usable_until: Duration,
}

/// A payment that has moved money, and an answer that is still to be given for it.
#[derive(Debug)]
pub(crate) struct Paid {
    pub(crate) policy: Arc<Policy>,
    pub(crate) method: Method,
    pub(crate) payment: Payment,
    pub(crate) receipt: Receipt,
    pub(crate) handover: Handover,
    /// Until the handler has answered, or for as long as it may take.
    pub(crate) room: Option<Room>,
    /// Until the handler has answered.
    pub(crate) task: Task,
}

impl Paid {
    /// Waits until the handler has taken as long as it may.
    pub(crate) fn lapse(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let Policy { till, budgets, .. } = &*self.policy;
        till.pass(Duration::from_secs(budgets.handler))
    }
}

/// Decides about a request that brings a payment.
pub(crate) async fn admit(paying: Box<Paying>) -> Admission {
    let mut terms = None;
    let refusal = match decide(&paying, &mut terms).await {
        Ok(Step::Free) => return Admission::Free,
        Ok(Step::Serve(served)) => return Admission::Serve(served.sale(paying)),
        Ok(Step::Deliver(delivered)) => {
            return Admission::Deliver(Box::new(delivered.paid(*paying)));
        }
        Ok(Step::Reply(reply)) => return Admission::Reply(reply),
        Ok(Step::CompareBody(first)) => return Admission::CompareBody(first, paying),
        Err(refusal) => refusal,
    };
    if !wants_challenge(&refusal) {
        return Admission::Reply(Box::new(reply(&refusal, Some(paying.version))));
    }
    // What happens rarely is boxed, so that it takes no room in what happens always.
    let reply = Box::pin(paying.asked.refuse(refusal, terms.as_ref())).await;
    Admission::Reply(Box::new(reply))
}

/// An [`Admission`] without the request that it is for.
#[allow(
    clippy::large_enum_variant,
    reason = "it is taken apart where it is made; a box would cost more"
)]
pub(super) enum Step {
    Free,
    Serve(Served),
    Deliver(Box<Delivered>),
    Reply(Box<Reply>),
    CompareBody(BodyDigest),
}

/// What has come of the free checks.
enum Looked {
    /// It is known already what to do.
    Decided(Step),
    Good(Box<Good>),
}

async fn decide(paying: &Paying, seen: &mut Option<Arc<Terms>>) -> Result<Step, Refusal> {
    let good = match look(paying, seen).await? {
        Looked::Decided(step) => return Ok(step),
        Looked::Good(good) => good,
    };
    claim(paying, good).await
}

/// Everything that costs nothing and moves nothing.
async fn look(paying: &Paying, seen: &mut Option<Arc<Terms>>) -> Result<Looked, Refusal> {
    // Few things are held while the ledger is asked: what is, takes room in every request.
    let asked = &paying.asked;
    let most = asked.policy.till.limits.header;
    let json = tender::decode(paying.header.as_bytes(), most)?;
    let offers = match &asked.policy.pricing {
        Pricing::Fixed(terms) => Some(terms.now()),
        Pricing::Dynamic(_) => None,
    };
    let tender = Tender::read(paying.version, &json, offers.as_ref())?;
    let candidates = identify::identify(asked, &tender, &paying.request)?;

    // A payment that is known is answered by what is known of it, before terms, price or time are looked at.
    for candidate in candidates.iter() {
        let ledger = &asked.policy.till.ledger;
        let found = ledger.find(&candidate.identity).await;
        if let Some(found) = found.map_err(|error| unavailable(&error))? {
            let known = Payer {
                paying,
                identified: candidate,
                claimant: Claimant::SamePayment,
            };
            if let Some(step) = Box::pin(known.answer(&candidate.identity, found)).await? {
                return Ok(Looked::Decided(step));
            }
        }
    }

    let Some(terms) = asked.policy.terms(asked.head.as_ref()).await? else {
        return Ok(Looked::Decided(Step::Free));
    };
    *seen = Some(Arc::clone(&terms));
    judge(paying, &tender, candidates, terms).map(Looked::Good)
}

/// Whether a payment that nobody knows yet is one that is asked for, and could be settled in time.
fn judge(
    paying: &Paying,
    tender: &Tender<'_>,
    candidates: Candidates,
    terms: Arc<Terms>,
) -> Result<Box<Good>, Refusal> {
    let asked = &paying.asked;
    let policy = &asked.policy;
    let till = &policy.till;
    let supported = till.supported.heard();
    let (at, offer) = quoted::find(asked, tender, &terms, &candidates, supported.as_deref())
        .ok_or(Refusal::NotAccepted(identify::MISMATCH))?;
    let identified = candidates.nth(at);
    let authorization = &identified.authorization;

    let now = till.now();
    let flaw = matching::flaw(identified, &offer.offer).or_else(|| {
        window::flaw(
            authorization,
            now,
            policy.budgets,
            policy.max_timeout_seconds,
        )
    });
    if let Some(flaw) = flaw {
        return Err(Refusal::NotAccepted(Reason::new(
            identified.scheme.name_flaw(flaw),
        )));
    }
    if policy.strict_resource && !asked.place().is_named_by(&tender.presented) {
        return Err(Refusal::NotAccepted(Reason::new("resource_mismatch")));
    }
    let call = call::call(asked, tender, &offer).map_err(|error| {
        log::info!("a payment cannot be passed on"; error = Chain(&error));
        Refusal::Unreadable("the payment header does not hold the JSON of a payment")
    })?;
    Ok(Box::new(Good {
        amount: authorization.amount,
        usable_until: window::usable_until(authorization, now, policy.max_timeout_seconds),
        identified: candidates.into_nth(at),
        offer,
        terms,
        call,
    }))
}

/// Claims a payment for this request, and has it verified.
async fn claim(paying: &Paying, good: Box<Good>) -> Result<Step, Refusal> {
    let policy = &paying.asked.policy;
    let till = &policy.till;
    let Good {
        identified, call, ..
    } = &*good;
    let authorization = &identified.authorization;
    let expected = Expected::new(
        &*identified.scheme,
        &identified.asset.network,
        &authorization.payer,
        authorization.amount,
    );

    let claim = match first::claim(paying, &good, &expected).await? {
        First::Claim(claim) => claim,
        First::Step(step) => return Ok(step),
    };
    let verified = match verify(till, call, &expected).await {
        Ok(verified) => verified,
        Err(rejected) => {
            Box::pin(claim.release()).await;
            return Err(rejected.refusal);
        }
    };
    // Not before it is known whose payment it is: anybody can name a payer.
    let Some(seat) = till.flights.board(&authorization.payer) else {
        Box::pin(claim.release()).await;
        return Err(Refusal::TooManyOfPayer);
    };
    Ok(Step::Serve(Served {
        meter: meter(paying, identified),
        verified,
        claim,
        good,
        seat,
    }))
}

/// A [`Sale`] without the request that it is for.
pub(super) struct Served {
    good: Box<Good>,
    verified: Verified,
    claim: Claim,
    meter: Option<Meter>,
    seat: Seat,
}

impl Served {
    fn sale(self, mut paying: Box<Paying>) -> Sale {
        paying.room.seat = Some(self.seat);
        Sale {
            paying,
            good: self.good,
            verified: self.verified,
            claim: self.claim,
            meter: self.meter,
        }
    }
}

/// What a [`Paid`] is made of.
pub(super) struct Delivered {
    pub(super) receipt: Receipt,
    pub(super) handover: Handover,
    pub(super) payment: Payment,
    pub(super) seat: Seat,
}

impl Delivered {
    fn paid(self, mut paying: Paying) -> Paid {
        paying.room.seat = Some(self.seat);
        Paid {
            task: paying.asked.policy.till.tasks.begin(),
            policy: paying.asked.policy,
            method: paying.asked.method,
            payment: self.payment,
            receipt: self.receipt,
            handover: self.handover,
            room: Some(paying.room),
        }
    }
}

/// What a handler is to know of a payment.
pub(super) fn payment(
    paying: &Paying,
    identified: &Identified,
    amount: Amount,
    receipt: Option<Receipt>,
    meter: Option<Meter>,
) -> Payment {
    let authorization = &identified.authorization;
    Payment::new(Facts {
        payer: authorization.payer.clone(),
        asset: Arc::clone(&identified.asset),
        amount,
        pay_to: authorization.pay_to.clone(),
        scheme: Arc::clone(&identified.scheme),
        version: paying.version,
        settle_before: settle_before(&paying.asked.policy, authorization),
        receipt,
        meter,
    })
}

/// What a handler says with how much it is, where the price is only a limit.
pub(super) fn meter(paying: &Paying, identified: &Identified) -> Option<Meter> {
    identified.scheme.is_metered().then(|| {
        let most = identified.authorization.amount;
        let registry = &paying.asked.policy.till.list.registry;
        Meter::new(Arc::clone(&identified.asset), most, registry)
    })
}

fn settle_before(policy: &Policy, authorization: &Authorization) -> Duration {
    let to_settle = policy.budgets.to_settle();
    Duration::from_secs(authorization.valid_before.saturating_sub(to_settle))
}

pub(super) fn unavailable(error: &LedgerError) -> Refusal {
    if error.is_full() {
        log::error!(
            "the ledger is full: nothing is sold until it has forgotten payments, or has more room"
        );
        Refusal::Busy
    } else {
        log::warning!("the ledger does not answer"; error = Chain(error));
        Refusal::Unavailable
    }
}

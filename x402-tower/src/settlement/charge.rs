use std::sync::Arc;
use std::time::Duration;

use crate::checkout::{Budgets, Claim, Policy, Verified};
use crate::ledger::{BodyDigest, Intent, KeptAnswer, Token};
use crate::money::Money;
use crate::scheme::{Offer, Scheme};

/// Money that is to move: a claim that has been verified, and what is to be remembered with it.
#[derive(Debug)]
pub(crate) struct Charge {
    pub(super) token: Token,
    pub(super) job: Job,
    pub(super) budgets: Budgets,
}

/// What it takes to find out about a settlement, at once or later.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) scheme: Arc<dyn Scheme>,
    pub(super) intent: Intent,
    /// Whether so much may be served on the mere belief that the money has moved.
    pub(super) may_be_unconfirmed: bool,
    pub(super) usable_until: Duration,
    pub(super) answer: Option<KeptAnswer>,
    pub(super) answered: bool,
    pub(super) body: BodyDigest,
}

impl Charge {
    /// To be made once this claim has been verified.
    pub(crate) fn new(
        policy: &Policy,
        _: Verified,
        claim: Claim,
        intent: Intent,
        offer: &Offer,
        usable_until: Duration,
    ) -> Self {
        let job = Job {
            scheme: Arc::clone(&offer.scheme),
            may_be_unconfirmed: is_at_most(&intent, offer.asset.decimals, policy.unconfirmed),
            intent,
            usable_until,
            answer: None,
            answered: false,
            body: BodyDigest::UNREAD,
        };
        Self {
            token: claim.into_token(),
            job,
            budgets: policy.budgets,
        }
    }

    /// The handler has given an answer, having read this much of the request; here it is, if it is kept already.
    pub(crate) fn answered(&mut self, body: BodyDigest, answer: Option<KeptAnswer>) {
        self.job.answered = true;
        self.job.body = body;
        self.job.answer = answer;
    }
}

fn is_at_most(intent: &Intent, decimals: u8, ceiling: Money) -> bool {
    intent
        .amount
        .to_money(decimals)
        .is_some_and(|amount| amount <= ceiling)
}

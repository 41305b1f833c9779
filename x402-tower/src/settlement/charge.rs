use std::sync::Arc;
use std::time::Duration;

use crate::checkout::{Budgets, Claim, Good, Policy, Verified};
use crate::ledger::{BodyDigest, Intent, KeptAnswer, Parked, Token};
use crate::money::{Amount, Asset};
use crate::scheme::{Authorization, Scheme};

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
    pub(super) usable_until: Duration,
    /// What the ledger remembers if nobody comes back to say how it ended.
    pub(super) parked: Arc<Parked>,
}

/// What the handler has done, for a settlement that comes after it.
#[derive(Debug)]
pub(crate) struct Answered {
    /// As much of the request's body as it has read.
    pub(crate) body: BodyDigest,
    /// Its answer, if it is kept already.
    pub(crate) answer: Option<KeptAnswer>,
}

impl Charge {
    /// To be made once this claim has been verified.
    pub(crate) fn new(
        policy: &Policy,
        _: Verified,
        claim: Claim,
        good: Box<Good>,
        answered: Option<Answered>,
    ) -> Self {
        let Good {
            identified,
            offer,
            call,
            amount,
            usable_until,
            ..
        } = *good;
        let Authorization {
            payer,
            amount: most,
            valid_before,
            ..
        } = identified.authorization;
        // What does not say how long it is good for is looked after as long as it is remembered.
        let valid_before = valid_before.min(usable_until.as_secs());
        let mut intent = Intent::new(
            call,
            Arc::clone(&offer.scheme),
            identified.asset.network.clone(),
            payer,
            amount,
            valid_before,
        );
        intent.most = most;
        intent.seller = policy.till.origin.name().cloned();
        let may_be_unconfirmed = may_be_believed(policy, &identified.asset, amount);
        let mut parked = Parked::new(intent, Duration::ZERO);
        parked.may_be_unconfirmed = may_be_unconfirmed;
        if let Some(Answered { body, answer }) = answered {
            parked.answered = true;
            parked.body = body;
            parked.answer = answer;
        }
        Self {
            token: claim.into_token(),
            job: Job {
                scheme: identified.scheme,
                usable_until,
                parked: Arc::new(parked),
            },
            budgets: policy.budgets,
        }
    }
}

/// Whether so much may be taken for paid on mere belief. What it is worth is known of dollars only.
fn may_be_believed(policy: &Policy, asset: &Asset, amount: Amount) -> bool {
    let money = amount.to_money(asset.decimals);
    policy.till.list.registry.is_dollar(asset)
        && money.is_some_and(|money| money <= policy.unconfirmed)
}

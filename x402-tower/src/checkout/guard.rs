use std::sync::Arc;

use crate::ledger::{BodyDigest, Delivery, Handed, KeptAnswer, Ledger as _, Release, Token};
use crate::log::{self, Chain};
use crate::till::Till;

/// A payment that is claimed for this request. Dropping it gives the payment back.
///
/// A drop cannot wait, so it does its best; the lease of the claim is what guarantees it.
#[derive(Debug)]
pub(crate) struct Claim {
    till: Arc<Till>,
    token: Token,
    then: Release,
    /// Whether the payment has gone on to settlement, where dropping means something else.
    settling: bool,
}

impl Claim {
    pub(crate) const fn new(till: Arc<Till>, token: Token) -> Self {
        Self {
            till,
            token,
            then: Release::Answered,
            settling: false,
        }
    }

    /// The handler is at work from now on: if this is dropped, its work was for nothing.
    pub(crate) const fn run(&mut self) {
        self.then = Release::Aborted;
    }

    /// The handler has given an answer that is not charged for.
    pub(crate) fn let_go(mut self) {
        self.then = Release::Answered;
    }

    /// Gives the payment back, and waits until it is.
    pub(crate) async fn release(mut self) {
        self.settling = true;
        release(&self.till, self.token, Release::Answered).await;
    }

    /// Goes on to settlement.
    pub(crate) fn into_token(mut self) -> Token {
        self.settling = true;
        self.token
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.settling {
            let (till, token, then) = (Arc::clone(&self.till), self.token, self.then);
            self.till
                .home
                .finish(async move { release(&till, token, then).await });
        }
    }
}

pub(crate) async fn release(till: &Till, token: Token, how: Release) {
    if let Err(error) = till.ledger.release(&token, how).await {
        log::warning!("a payment could not be released; its lease will"; error = Chain(&error), key = token.key());
    }
    till.flights.wake(token.key());
}

/// An answer to a settled payment, on its way. Dropping it says that it did not arrive.
#[derive(Debug)]
pub(crate) struct Handover {
    till: Arc<Till>,
    token: Option<Token>,
    handed: Handed,
}

impl Handover {
    pub(crate) const fn new(till: Arc<Till>, token: Token) -> Self {
        Self {
            till,
            token: Some(token),
            handed: Handed::new(Delivery::Undelivered, false, BodyDigest::UNREAD),
        }
    }

    /// The handler has given an answer that is charged for, having read this much of the request.
    pub(crate) const fn answered(&mut self, body: BodyDigest) {
        self.handed.answered = true;
        self.handed.body = body;
    }

    /// All of it was handed over to the connection; here it is, if it is to be kept.
    pub(crate) fn delivered(mut self, answer: Option<KeptAnswer>) {
        self.handed.delivery = Delivery::Delivered;
        if answer.is_some() {
            self.handed.answer = answer;
        }
    }

    /// Keeps an answer before it is known whether it arrives.
    pub(crate) fn keep(&mut self, answer: KeptAnswer) {
        self.handed.answer = Some(answer);
    }
}

impl Drop for Handover {
    fn drop(&mut self) {
        let Some(token) = self.token.take() else {
            return;
        };
        let till = Arc::clone(&self.till);
        let handed = self.handed.clone();
        self.till.home.finish(async move {
            if let Err(error) = till.ledger.deliver(&token, &handed).await {
                log::warning!("a delivery could not be noted"; error = Chain(&error), key = token.key());
            }
            till.flights.wake(token.key());
        });
    }
}

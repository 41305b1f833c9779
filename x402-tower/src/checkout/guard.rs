use std::sync::Arc;

use super::seen::Seen;
use crate::ledger::{Delivery, Handed, KeptAnswer, Ledger as _, Release, Token};
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
    token: Token,
    handed: Handed,
    seen: Option<Seen>,
}

impl Handover {
    pub(crate) const fn new(till: Arc<Till>, token: Token) -> Self {
        Self {
            till,
            token,
            handed: Handed::new(Delivery::Undelivered),
            seen: None,
        }
    }

    /// The handler has given an answer that is charged for. It may still be reading the request.
    pub(crate) fn answered(&mut self, seen: Seen) {
        self.handed.answered = true;
        self.seen = Some(seen);
    }

    /// Keeps an answer, whether it arrives or not.
    pub(crate) fn keep(&mut self, answer: KeptAnswer) {
        self.handed.answer = Some(answer);
    }

    /// All of it was handed over to the connection.
    pub(crate) fn delivered(mut self) {
        self.handed.delivery = Delivery::Delivered;
    }
}

impl Drop for Handover {
    fn drop(&mut self) {
        let (till, token, mut handed) = (Arc::clone(&self.till), self.token, self.handed.clone());
        handed.body = self.seen.as_ref().map(Seen::digest);
        self.till.home.finish(async move {
            if let Err(error) = till.ledger.deliver(&token, &handed).await {
                log::warning!("a delivery could not be noted"; error = Chain(&error), key = token.key());
            }
            till.flights.wake(token.key());
        });
    }
}

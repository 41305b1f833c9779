use std::sync::Arc;

use tokio::sync::oneshot;

use super::seen::Seen;
use crate::clock::Pauses;
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

    pub(crate) const fn token(&self) -> Token {
        self.token
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
                .finish(async move { release(&till, token, then).await });
        }
    }
}

pub(crate) async fn release(till: &Till, token: Token, how: Release) {
    till.attendance.end(&token);
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
    /// Who is told instead of the ledger, while that does not know of the settlement itself.
    first_to: Option<oneshot::Sender<Handed>>,
}

impl Handover {
    pub(crate) fn new(till: Arc<Till>, token: Token) -> Self {
        Self {
            till,
            token,
            handed: Handed::new(Delivery::Undelivered),
            seen: None,
            first_to: None,
        }
    }

    /// Tells this one first, and leaves it to them to tell the ledger.
    pub(crate) fn telling(mut self, first: oneshot::Sender<Handed>) -> Self {
        self.first_to = Some(first);
        self
    }

    /// The handler reads the request, and may go on doing so when it has answered.
    pub(crate) fn watch(&mut self, seen: Seen) {
        self.seen = Some(seen);
    }

    /// The handler has given an answer that is charged for.
    pub(crate) const fn answered(&mut self) {
        self.handed.answered = true;
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
        let nothing = Handed::new(self.handed.delivery);
        let mut handed = std::mem::replace(&mut self.handed, nothing);
        // A handler that has read nothing and given no answer has not said that it does not care.
        let body = self.seen.as_ref().map(Seen::digest);
        handed.body = body.filter(|body| handed.answered || body.length > 0);
        if let Some(first) = self.first_to.take() {
            // If nobody listens, the settlement was never written down, and neither can this be.
            let _ = first.send(handed);
            return;
        }
        let token = self.token;
        if self.till.ledger.answers_at_once() {
            let till = &self.till;
            till.home.finish_at_once(deliver(till, token, handed));
        } else {
            let till = Arc::clone(&self.till);
            self.till
                .finish(async move { deliver(&till, token, handed).await });
        }
    }
}

/// Writes down how an answer ended. What has arrived is attended to until the ledger knows: before that it would seem owed.
pub(crate) async fn deliver(till: &Arc<Till>, token: Token, handed: Handed) {
    if handed.delivery != Delivery::Delivered {
        till.attendance.end(&token);
    }
    match till.ledger.deliver(&token, &handed).await {
        Ok(_) => till.attendance.end(&token),
        Err(error) => {
            log::warning!("a delivery could not be noted; trying again"; error = Chain(&error), key = token.key());
            deliver_later(till, token, handed);
        }
    }
    till.flights.wake(token.key());
}

/// Writes down how an answer ended as soon as the ledger can.
fn deliver_later(till: &Arc<Till>, token: Token, handed: Handed) {
    let (till, task) = (Arc::clone(till), till.tasks.begin());
    let home = till.home.clone();
    drop(home.spawn(async move {
        let _task = task;
        let mut pauses = Pauses::default();
        while pauses.pass(&*till.clock).await {
            if till.ledger.deliver(&token, &handed).await.is_ok() {
                break;
            }
        }
        till.attendance.end(&token);
        till.flights.wake(token.key());
    }));
}

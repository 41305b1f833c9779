use std::sync::Arc;

use tokio::sync::oneshot;

use super::last_word::LastWord;
use super::seen::Seen;
use crate::ledger::{Delivery, Handed, KeptAnswer, Release, Token};
use crate::till::Till;

/// A payment that is claimed for this request. Dropping it gives the payment back.
///
/// A drop cannot wait, so it does its best; the lease of the claim is what guarantees it.
#[derive(Debug)]
pub(crate) struct Claim {
    till: Arc<Till>,
    token: Token,
    then: Release,
    /// Whether what becomes of the payment is said elsewhere: it has gone on to settlement, or been given back.
    is_over: bool,
}

impl Claim {
    pub(crate) const fn new(till: Arc<Till>, token: Token) -> Self {
        Self {
            till,
            token,
            then: Release::Answered,
            is_over: false,
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
        self.is_over = true;
        LastWord::Release(Release::Answered)
            .say(&self.till, self.token)
            .await;
    }

    pub(crate) const fn token(&self) -> Token {
        self.token
    }

    /// Goes on to settlement.
    pub(crate) fn into_token(mut self) -> Token {
        self.is_over = true;
        self.token
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.is_over {
            let (till, token) = (Arc::clone(&self.till), self.token);
            let released = LastWord::Release(self.then);
            self.till.finish(async move {
                released.say(&till, token).await;
            });
        }
    }
}

/// An answer to a settled payment, on its way. Dropping it says that it did not arrive.
#[derive(Debug)]
pub(crate) struct Handover {
    till: Arc<Till>,
    token: Token,
    handed: Handed,
    seen: Option<Seen>,
    turn: Turn,
}

/// Which of the answers to a payment this is.
#[derive(Debug)]
enum Turn {
    First,
    /// The first, and this one is told instead of the ledger, while that does not know of the settlement itself.
    Unwritten(oneshot::Sender<Handed>),
    /// Another one, perhaps to another order.
    Again,
}

impl Handover {
    pub(crate) fn new(till: Arc<Till>, token: Token) -> Self {
        Self {
            till,
            token,
            handed: Handed::new(Delivery::Undelivered),
            seen: None,
            turn: Turn::First,
        }
    }

    /// It is not the first answer.
    pub(crate) fn again(mut self) -> Self {
        self.turn = Turn::Again;
        self
    }

    /// Tells this one first, and leaves it to them to tell the ledger.
    pub(crate) fn telling(mut self, first: oneshot::Sender<Handed>) -> Self {
        self.turn = Turn::Unwritten(first);
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
        // A handler that has read nothing and given no answer has not said that it does not care. Where nothing is known of an
        // order, others are served for it, and one that comes to nothing does not take its place.
        let is_first = !matches!(self.turn, Turn::Again);
        let body = self.seen.as_ref().map(Seen::digest);
        handed.body = body.filter(|body| handed.answered || is_first && body.length > 0);
        if let Turn::Unwritten(first) = std::mem::replace(&mut self.turn, Turn::First) {
            // If nobody listens, the settlement was never written down, and neither can this be.
            let _ = first.send(handed);
            return;
        }
        let (till, token) = (&self.till, self.token);
        let ended = LastWord::Deliver(handed);
        if till.ledger.answers_at_once() {
            till.home.finish_at_once(ended.say(till, token));
        } else {
            let at = Arc::clone(till);
            till.finish(async move {
                ended.say(&at, token).await;
            });
        }
    }
}

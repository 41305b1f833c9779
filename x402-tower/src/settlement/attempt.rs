use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::charge::Job;
use crate::checkout::{Handover, LastWord};
use crate::clock::Pauses;
use crate::facilitator::Open;
use crate::ledger::{
    Delivery, Fenced, Handed, Intent, Ledger as _, Parked, Receipt, Release, Rerun, Settled, Token,
    Unresolved,
};
use crate::log::{self, Chain};
use crate::panics;
use crate::telemetry::Event;
use crate::till::Till;

/// A settlement that has begun. From here on the money may have moved, so dropping this parks the payment.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) till: Arc<Till>,
    token: Option<Token>,
    /// When somebody else may have taken the payment over.
    until: Duration,
    pub(super) job: Job,
    /// What earlier tries have left open.
    pub(super) open: Open,
    /// How often somebody has looked after it since it was parked, this time included.
    tries: u32,
}

impl Attempt {
    pub(super) const fn new(till: Arc<Till>, token: Token, until: Duration, job: Job) -> Self {
        Self::resume(till, token, until, job, Open::Nothing, 0)
    }

    /// Goes on with something that was parked.
    pub(super) const fn resume(
        till: Arc<Till>,
        token: Token,
        until: Duration,
        job: Job,
        open: Open,
        tries: u32,
    ) -> Self {
        Self {
            till,
            token: Some(token),
            until,
            job,
            open,
            tries,
        }
    }

    pub(super) fn intent(&self) -> &Intent {
        &self.job.parked.intent
    }

    /// Whether nobody else can have taken it over yet. Whoever has lost it asks no more.
    pub(super) fn is_ours(&self) -> bool {
        self.till.now() < self.until
    }

    pub(super) fn transaction(&self) -> Option<&str> {
        match &self.open {
            Open::Pending(transaction) => Some(transaction),
            Open::Nothing | Open::Unknown => None,
        }
    }

    /// The money has moved. Nothing comes back if somebody else has taken the payment over, and answers for it now.
    pub(super) async fn commit(
        &mut self,
        receipt: &Receipt,
        delivery: Delivery,
    ) -> Option<Handover> {
        let token = self.token.take()?;
        let till = &self.till;
        let settled = self.settled(receipt, delivery);
        till.attendance.goes_on_to_answer(&token);
        let handover = Handover::new(Arc::clone(till), token);
        let committed = panics::heard(till.ledger.commit(&token, &settled));
        let handover = match committed.await {
            Ok(Fenced::Done) => {
                tell_settled(till, self.intent(), receipt);
                handover
            }
            // The handover ends here, and with it what this process attends to. Whoever has the payment may never find out
            // what is known here.
            Ok(Fenced::Lost) => {
                log::error!("a payment was settled when somebody else had taken it over"; transaction = receipt.transaction(), key = token.key());
                return None;
            }
            Err(error) => {
                log::error!("a settled payment could not be written down; trying again"; error = Chain(&error), key = token.key());
                let parked = Arc::clone(&self.job.parked);
                handover.telling(commit_later(till, token, parked, settled))
            }
        };
        till.flights.wake(token.key());
        Some(handover)
    }

    fn settled(&self, receipt: &Receipt, delivery: Delivery) -> Settled {
        let now = self.till.now();
        let keep_until = self.job.usable_until.max(now + self.till.limits.remember);
        let parked = &self.job.parked;
        let amount = receipt.message().amount.unwrap_or(parked.intent.amount);
        let mut settled = Settled::new(receipt.clone(), amount, keep_until);
        settled.owed_until = now + self.till.limits.owed;
        settled.answer = parked.answer.clone();
        settled.answered = parked.answered;
        settled.body = parked.body;
        settled.delivery = delivery;
        settled
    }

    /// It is certain that no money has moved. Says whether that counts, if the ledger has heard it.
    pub(super) async fn release(mut self) -> Option<Fenced> {
        let token = self.token.take()?;
        LastWord::Release(Release::Answered)
            .say(&self.till, token)
            .await
    }

    /// It is not known whether the money has moved: somebody has to find out later.
    pub(super) async fn park(mut self) {
        let Some(token) = self.token.take() else {
            return;
        };
        let parked = self.parked();
        park(&self.till, token, parked).await;
    }

    /// It will not be known whether the money has moved.
    pub(super) async fn give_up(mut self) {
        let Some(token) = self.token.take() else {
            return;
        };
        give_up(&self.till, token, &self.parked()).await;
    }

    fn parked(&self) -> Arc<Parked> {
        let mut parked = put_off(&self.till, &self.job.parked, self.tries);
        parked.transaction = self.transaction().map(str::to_owned);
        Arc::new(parked)
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let Some(token) = self.token.take() else {
            return;
        };
        let (till, parked) = (Arc::clone(&self.till), self.parked());
        self.till
            .finish(async move { park(&till, token, parked).await });
    }
}

/// The same payment after so many tries, to be looked after once more: less and less often.
pub(super) fn put_off(till: &Till, parked: &Parked, tries: u32) -> Parked {
    let pause = FIRST_PAUSE.saturating_mul(1 << tries.min(8));
    let mut parked = parked.clone();
    parked.next_attempt = till.now() + pause.min(LAST_PAUSE);
    parked.attempts = tries;
    parked
}

pub(super) async fn park(till: &Arc<Till>, token: Token, parked: Arc<Parked>) {
    LastWord::Park(parked).say(till, token).await;
}

pub(super) async fn give_up(till: &Arc<Till>, token: Token, parked: &Parked) {
    let keep_until = till.now() + REMEMBER_UNRESOLVED;
    let (intent, transaction) = (parked.intent.clone(), parked.transaction.clone());
    let unresolved = Unresolved::new(intent, transaction, keep_until);
    LastWord::GiveUp(Box::new(unresolved))
        .say(till, token)
        .await;
}

/// Writes down a settled payment as soon as the ledger can, and then how its answer ended. The answer is out by then.
fn commit_later(
    till: &Arc<Till>,
    token: Token,
    parked: Arc<Parked>,
    settled: Settled,
) -> oneshot::Sender<Handed> {
    let (ended, how) = oneshot::channel();
    // Begun here: whoever drains would overlook a task that is still to come.
    let (till, task) = (Arc::clone(till), till.tasks.begin());
    let home = till.home.clone();
    home.spawn(async move {
        if let Some(token) = written(&till, token, &parked.intent, &settled).await {
            till.attendance.begin_to_answer(token);
            till.flights.wake(token.key());
            if let Ok(handed) = how.await {
                LastWord::Deliver(handed).say(&till, token).await;
            }
        } else {
            log::error!("a settled payment was never written down"; key = token.key());
            till.attendance.end(&token);
            tell_settled(&till, &parked.intent, &settled.receipt);
        }
        drop(task);
    });
    ended
}

/// Tries until the ledger knows that a payment is settled. If somebody else has found that out in the meantime they think
/// that it was not delivered, so it is taken back from them: with the token that is to be used from then on.
async fn written(till: &Till, token: Token, intent: &Intent, settled: &Settled) -> Option<Token> {
    let mut pauses = Pauses::default();
    while pauses.pass(&*till.clock).await {
        let committed = till.ledger.commit(&token, settled);
        match panics::heard(committed).await {
            Ok(Fenced::Done) => {
                tell_settled(till, intent, &settled.receipt);
                return Some(token);
            }
            Ok(Fenced::Lost) => {
                let rerun = till.ledger.rerun(token.key(), u8::MAX, false);
                // Whoever has found it out has told of it.
                if let Ok(Rerun::Granted(token)) = panics::heard(rerun).await {
                    return Some(token);
                }
            }
            Err(_) => {}
        }
    }
    None
}

/// The ledger is told first: what it gave to somebody else is theirs to tell of.
fn tell_settled(till: &Till, intent: &Intent, receipt: &Receipt) {
    till.tell(&Event::Settled { intent, receipt });
}

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(60);
const REMEMBER_UNRESOLVED: Duration = Duration::from_secs(24 * 3600);
